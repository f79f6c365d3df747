"""Streams: batches that somebody yields train as arrays do, and go on where they were."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.data import Batches
from cnn_core.errors import CnnCoreError, DataError, OptionError

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((101, 7), dtype=np.float32), RNG.integers(0, 3, 101)
W = RNG.random(101)


def trainer(**options) -> cnn.Trainer:
    net = cnn.Sequential([cnn.Dense(9, activation="relu"), cnn.Dropout(0.2), cnn.Dense(3)], 7,
                         seed=0)  # fmt: skip
    options = {"optimizer": cnn.Adam(lr=0.01), "metrics": ["accuracy"], **options}
    return cnn.Trainer(net, loss="softmax_cross_entropy", **options)


def parts(batch: int = 16) -> list[tuple]:
    return [(X[i : i + batch], Y[i : i + batch], W[i : i + batch]) for i in range(0, 101, batch)]


def assert_same(a: cnn.Trainer, b: cnn.Trainer) -> None:
    assert a.optimizer.step_count == b.optimizer.step_count
    assert a.history["loss"] == b.history["loss"]
    assert a.history["accuracy"] == b.history["accuracy"]
    for name, value in a.net.store.items():
        assert np.array_equal(value, b.net.store[name]), name


@pytest.mark.parametrize("prefetch", [0, 1, 5])
@pytest.mark.parametrize("kind", ["list", "function", "iterator", "Batches"])
def test_a_stream_trains_as_its_arrays_do(kind: str, prefetch: int) -> None:
    class Loader:  # as that of PyTorch
        def __iter__(self):
            return iter(parts())

        def __len__(self) -> int:
            return len(parts())

    def endless():
        while True:
            yield from parts()

    expected, made = trainer(), trainer()
    expected.fit(X, Y, sample_weight=W, batch_size=16, epochs=3, shuffle=False, progress=False)
    source = {"list": Loader(), "function": lambda: iter(parts()), "iterator": endless(),
              "Batches": Batches(X, Y, W, batch_size=16, shuffle=False)}[kind]  # fmt: skip
    steps = 7 if kind == "iterator" else None
    made.fit(source, steps_per_epoch=steps, epochs=3, prefetch=prefetch, progress=False)
    assert_same(expected, made)


def test_shuffled_batches_have_the_order_of_a_fit() -> None:
    expected, made = trainer(), trainer()
    expected.fit(X, Y, batch_size=16, epochs=3, progress=False)
    made.fit(Batches(X, Y, batch_size=16), epochs=3, progress=False)
    assert_same(expected, made)


def test_batches_of_all_sizes_and_epochs_across_passes() -> None:
    sizes = [3, 40, 8, 30, 20]
    ends = np.cumsum(sizes)
    uneven = [(X[e - n : e], Y[e - n : e]) for n, e in zip(sizes, ends, strict=True)]
    expected, made = trainer(metrics=()), trainer(metrics=())
    for batch in 2 * uneven:
        expected.step(*batch)
    made.fit(lambda: iter(uneven), steps_per_epoch=5, epochs=2, progress=False)
    for name, value in expected.net.store.items():
        assert np.array_equal(value, made.net.store[name])
    again = trainer()
    again.fit(Batches(X, Y, batch_size=10), steps_per_epoch=4, epochs=5, progress=False)
    assert again.optimizer.step_count == 20


@pytest.mark.parametrize("prefetch", [0, 3])
def test_a_training_that_was_broken_off_goes_on_to_the_same_bits(prefetch: int, tmp_path) -> None:
    path = tmp_path / "run.safetensors"

    def fit(stop_at: int | None, **options) -> cnn.Trainer:
        class Stop(cnn.Callback):
            def on_chunk_end(self, trainer, chunk) -> None:
                if chunk.step == stop_at:
                    raise KeyboardInterrupt

        t = trainer()
        batches = Batches(X, Y, batch_size=16, sampling="balanced")
        hooks = [cnn.Checkpoint(path, every=2), Stop()]
        t.fit(batches, epochs=4, callbacks=hooks, prefetch=prefetch, progress=False,
              on_interrupt="return", **options)  # fmt: skip
        return t

    whole = fit(None)
    path.unlink()
    with pytest.warns(UserWarning, match="interrupted in epoch 2"):
        fit(11)
    resumed = fit(None, resume=path)
    assert_same(whole, resumed)


def test_a_second_fit_takes_up_the_epoch_and_the_place() -> None:
    class Stop(cnn.Callback):
        def on_chunk_end(self, trainer, chunk) -> None:
            if chunk.step == 5:
                raise KeyboardInterrupt

    expected, made = trainer(), trainer()
    expected.fit(Batches(X, Y, batch_size=16), epochs=2, progress=False)
    batches = Batches(X, Y, batch_size=16)
    with pytest.raises(KeyboardInterrupt):
        made.fit(batches, prefetch=2, callbacks=[Stop()], progress=False)
    made.fit(batches, epochs=2, progress=False)
    assert_same(expected, made)


def broken():
    yield parts()[0]
    raise RuntimeError("the disk is gone")


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize(("source", "steps", "error", "match"), [
    (iter(parts()), 9, DataError, r"need 9 batches an epoch; got 7, and no more"),
    (lambda: iter([]), None, DataError, "need at least one batch; got none"),
    (lambda: iter([*parts()[:2], (X[:4, :5], Y[:4], W[:4])]), None, CnnCoreError,
     r"epoch 1, batch 3: fit: need x of shape \(N, 7\); got \(4, 5\)"),
    (lambda: iter([*parts()[:2], (X[:4], Y[:4])]), None, DataError,
     "epoch 1, batch 3: fit: need batches of one kind"),
    (lambda: iter([*parts()[:1], (X[:4], Y[:4] + 7, W[:4])]), None, CnnCoreError,
     "epoch 1, batch 2: .*labels 0 .. 2"),
    (lambda: iter([X]), None, OptionError, r"need batches \(x, y\) or \(x, y, weights\); got nd"),
    (lambda: 3, None, OptionError, "need batches, an iterable; got 3"),
    (broken, None, RuntimeError, "the disk is gone"),
])  # fmt: skip
def test_a_stream_that_fails_says_where(source, steps, error, match: str, prefetch: int) -> None:
    if hasattr(source, "__next__"):
        source = iter(parts())
    t = trainer()
    with pytest.raises(error, match=match):
        t.fit(source, steps_per_epoch=steps, prefetch=prefetch, progress=False)
    assert all(np.isfinite(value).all() for value in t.net.store.values())
    assert not any("_work" in thread.name for thread in threading.enumerate())  # all have ended


def test_options_that_do_not_fit_are_refused() -> None:
    t, batches = trainer(), Batches(X, Y)
    with pytest.raises(OptionError, match="need weights within the batches"):
        t.fit(batches, class_weight="balanced", progress=False)
    with pytest.raises(OptionError, match="validation_split beside a stream"):
        t.fit(batches, validation_split=0.2, progress=False)
    with pytest.raises(OptionError, match="need batches as x, and no y"):
        t.fit(X, Y, steps_per_epoch=3, progress=False)
    with pytest.raises(OptionError, match="prefetch"):
        t.fit(batches, prefetch=-1, progress=False)
    assert batches.state_dict()["row"] == 0
