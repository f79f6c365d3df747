"""Averages of weights: after each step by the formula, after epochs, resumed, evaluated, saved."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hook_cases import Stop
from training_cases import blobs, set_threads

import cnn_core as cnn
from cnn_core.errors import OptionError, StateError

X, Y = blobs(90)


def make(average, dtype="float64") -> cnn.Trainer:
    layers = [cnn.Dense(9, "relu"), cnn.BatchNorm(), cnn.Dropout(0.1), cnn.Dense(3)]
    net = cnn.Sequential(layers, 7, dtype=dtype, seed=0)
    return cnn.Trainer(net, loss="softmax_cross_entropy", optimizer=cnn.Adam(1e-2),
                       metrics=["accuracy"], seed=2, weight_average=average)  # fmt: skip


class Steps(cnn.Callback):
    """Keeps the parameters after each step."""

    every_steps = 1

    def __init__(self) -> None:
        self.found: list[dict[str, np.ndarray]] = []

    def on_chunk_end(self, trainer, chunk):
        self.found.append({k: v.copy() for k, v in trainer.net.params.items()})


@pytest.mark.parametrize("decay", [0.0, 0.6, 0.999])
def test_moving_averages_follow_their_formula(decay):
    steps, trainer = Steps(), make(cnn.EMA(decay))
    mean = {k: v.copy() for k, v in trainer.net.params.items()}
    trainer.fit(X, Y, batch_size=15, epochs=3, progress=False, callbacks=[steps])
    for t, params in enumerate(steps.found, 1):
        weight = max(1 - decay, 9 / (10 + t))
        mean = {k: m + weight * (params[k] - m) for k, m in mean.items()}
    for name, value in trainer.averaged.params.items():
        np.testing.assert_allclose(value, mean[name], rtol=1e-12, err_msg=name)


def test_the_mean_of_epochs():
    trainer, ends = make(cnn.SWA(start=2)), []
    for _ in range(4):
        trainer.fit(X, Y, batch_size=15, progress=False)
        ends.append({k: v.copy() for k, v in trainer.net.params.items()})
    for name, value in trainer.averaged.params.items():
        mean = np.mean([end[name] for end in ends[1:]], axis=0)
        np.testing.assert_allclose(value, mean, rtol=1e-12)


def test_training_is_the_same_with_and_without_on_any_number_of_threads(monkeypatch):
    monkeypatch.setattr("cnn_core.compile.schedule.MIN_FLOP", 1.0)
    found = []
    for average, threads in [(None, 1), ("ema", 1), ("ema", 3)]:
        set_threads(threads)
        trainer = make(average, "float32")
        trainer.fit(X, Y, batch_size=15, epochs=3, progress=False)
        found.append(trainer)
    set_threads(1)
    plain, one, three = found
    assert plain.net.store.value.tobytes() == one.net.store.value.tobytes()
    assert one.averaged.store.value.tobytes() == three.averaged.store.value.tobytes()
    one.step(X, Y), plain.step(X, Y)
    assert plain.net.store.value.tobytes() == one.net.store.value.tobytes()
    assert one.averaged.store.value.tobytes() != three.averaged.store.value.tobytes()


@pytest.mark.parametrize("average", ["ema", "swa"])
def test_averages_are_resumed_to_the_bit_evaluated_and_saved(average, tmp_path):
    path, whole = tmp_path / "run", make(average)
    whole.fit(X, Y, batch_size=15, epochs=3, progress=False)
    first, again = make(average), make(average)

    with pytest.raises(KeyboardInterrupt):
        first.fit(X, Y, batch_size=15, epochs=3, progress=False,
                  callbacks=[cnn.Checkpoint(path, every=4), Stop(8)])  # fmt: skip
    again = cnn.Trainer.resume(path)
    again.fit(X, Y, batch_size=15, epochs=3 - again.epochs_done, progress=False)
    expected = whole.averaged.store.value.tobytes()
    assert again.averaged.store.value.tobytes() == expected
    assert copy.deepcopy(whole).averaged.store.value.tobytes() == expected
    net = whole.averaged
    own = cnn.Trainer(net, loss="softmax_cross_entropy", metrics=["accuracy"]).evaluate(X, Y)
    assert whole.evaluate(X, Y, averaged=True) == own != whole.evaluate(X, Y)
    net.save(tmp_path / "net")
    assert cnn.load(tmp_path / "net").store.value.tobytes() == expected


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(OptionError, match="averaged: need a Trainer with weight_average"):
        _ = make(None).averaged
    with pytest.raises(StateError, match="averaged: need a step first"):
        _ = make("ema").averaged
    with pytest.raises(OptionError, match=r"need weight_average 'ema', 'swa'.*; got 'emma'"):
        make("emma")
    trainer = make("ema")
    trainer.step(X, Y)
    for other in ("swa", None):
        with pytest.raises(StateError, match=r"weight_average"):
            make(other).load_state_dict(trainer.state_dict())
