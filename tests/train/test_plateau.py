"""ReduceLROnPlateau: when the rate falls, against PyTorch's, resumed, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from test_callbacks import Script
from training_cases import blobs, make_trainer

import cnn_core as cnn
from cnn_core.errors import OptionError
from cnn_core.optim import SGD, CosineDecay

X, Y = blobs(40)


class Rates(cnn.Callback):
    def __init__(self) -> None:
        self.lr: list[float] = []

    def on_epoch_end(self, trainer, epoch, values):
        self.lr.append(trainer.optimizer.lr)


def rates(values, lr=0.1, monitor="figure", mode="min", **options) -> list[float]:
    """Return the rate after each epoch whose figure is the next of ``values``."""
    record, trainer = Rates(), make_trainer(optimizer=SGD(lr=lr))
    reduce = cnn.ReduceLROnPlateau(monitor, mode=mode, **options)
    trainer.fit(X, Y, epochs=len(values), callbacks=[Script(monitor, values), reduce, record],
                progress=False)  # fmt: skip
    return record.lr


def test_the_rate_falls_after_more_epochs_without_improvement_than_patience():
    values = [3, 2, 2, 2, 2, 1, 1, 1, 1]
    assert rates(values, factor=0.5, patience=1) == [0.1] * 3 + [0.05] * 4 + [0.025] * 2
    assert rates([-v for v in values], mode="max", factor=0.5, patience=1) == rates(
        values, factor=0.5, patience=1
    )
    assert rates([1] * 5, factor=0.1, patience=0, min_lr=0.002) == pytest.approx(
        [0.1, 0.01, 0.002, 0.002, 0.002]
    )
    assert rates([1] * 7, factor=0.5, patience=0, cooldown=2) == pytest.approx(
        [0.1, 0.05, 0.05, 0.05, 0.025, 0.025, 0.025]
    )
    assert rates([1] * 4, factor=0.5, patience=0, eps=0.03) == [0.1, 0.05, 0.05, 0.05]
    assert rates([1, np.nan, np.nan], factor=0.5, patience=1) == [0.1, 0.1, 0.05]
    assert rates([-1, -0.99999, -1.00001, -1.0002], factor=0.5, patience=0) == pytest.approx(
        [0.1, 0.05, 0.025, 0.025]
    )


@pytest.mark.parametrize("options", [
    {}, {"patience": 0}, {"patience": 2, "cooldown": 3}, {"threshold": 0.2},
    {"threshold": 0.3, "threshold_mode": "abs"}, {"mode": "max"}, {"min_lr": 0.004},
    {"mode": "max", "threshold": 0.3, "threshold_mode": "abs", "eps": 0.02},
], ids=str)  # fmt: skip
def test_it_is_that_of_torch(options):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    values = np.random.default_rng(1).exponential(1, 60) + 0.5
    options = {"patience": 1, "factor": 0.4, "mode": "min", **options}
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    expected = []
    for value in values:
        schedule.step(value)
        expected.append(optimizer.param_groups[0]["lr"])
    assert rates(values.tolist(), **options) == pytest.approx(expected, rel=1e-12)


def test_it_goes_by_a_metric_and_its_direction_and_groups_follow():
    optimizer = SGD(lr=0.1, groups={"*.b": {"lr_factor": 0.5}, "dense_0.w": {"lr": 0.3}})
    trainer = make_trainer(optimizer=optimizer, metrics=["accuracy"])
    reduce = cnn.ReduceLROnPlateau("accuracy", 0.5, 0, threshold=1.0)  # never better again
    trainer.fit(X, Y, epochs=2, callbacks=[reduce], progress=False)
    assert optimizer.rates_at(optimizer.step_count) == (0.05, 0.025, 0.3)
    assert repr(reduce) == "ReduceLROnPlateau('accuracy', factor=0.5, patience=0, threshold=1.0)"


@pytest.mark.parametrize("cut", [1, 2, 5])
def test_a_training_that_is_resumed_goes_on_with_its_counts(tmp_path, cut):
    values = [3, 2, 2, 2, 2, 2, 2]

    def callbacks():
        return [Script("figure", values), cnn.ReduceLROnPlateau("figure", 0.5, 2, mode="min")]

    whole, first, second = (make_trainer(optimizer=SGD(lr=0.1)) for _ in "abc")
    whole.fit(X, Y, epochs=7, callbacks=callbacks(), progress=False)
    file = tmp_path / "run.safetensors"
    first.fit(X, Y, epochs=cut, callbacks=[*callbacks(), cnn.Checkpoint(file)], progress=False)
    second.fit(X, Y, epochs=7, callbacks=[*callbacks(), cnn.Checkpoint(file)], resume=file,
               progress=False)  # fmt: skip
    assert whole.optimizer.lr == second.optimizer.lr < 0.1
    assert whole.net.store.value.tobytes() == second.net.store.value.tobytes()


@pytest.mark.parametrize(("make", "words"), [
    (lambda: cnn.ReduceLROnPlateau(factor=1), r"need factor, a number in \(0, 1\); got 1"),
    (lambda: cnn.ReduceLROnPlateau(patience=-1), "need patience, a whole number of at least 0"),
    (lambda: cnn.ReduceLROnPlateau(threshold_mode="x"), "need threshold_mode 'rel' or 'abs'"),
    (lambda: rates([1], lr=CosineDecay(0.1, 5)), "need an optimizer whose lr is a number, not a"),
    (lambda: rates([1], monitor="lss", mode=None), "need monitor among loss.*; got 'lss'"),
])  # fmt: skip
def test_bad_options_are_refused(make, words):
    with pytest.raises(OptionError, match=f"ReduceLROnPlateau: {words}"):
        make()
