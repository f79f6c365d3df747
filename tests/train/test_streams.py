"""Streams: batches that somebody yields train as arrays do, and go on where they were."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.data import Batches
from cnn_core.errors import CnnCoreError, DataError, OptionError, StateError
from cnn_core.train import train_state

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


class Shuffles:
    """An order of its own in each pass, as a loader without a seed."""

    def __init__(self) -> None:
        self.passes = 0

    def __iter__(self):
        self.passes += 1
        order = np.random.default_rng([self.passes, id(self)]).permutation(101)
        for at in range(0, 101, 16):
            rows = order[at : at + 16]
            yield X[rows], Y[rows], W[rows]


def endless():
    while True:
        yield from parts()


SOURCES = {"list": lambda: Listed(), "function": lambda: lambda: iter(parts()),
           "endless": endless}  # fmt: skip


class Listed:
    def __iter__(self):
        return iter(parts())


@pytest.mark.parametrize("prefetch", [0, 3])
@pytest.mark.parametrize(("kind", "steps"), [("list", None), ("function", None), ("list", 5),
                                             ("endless", 5)])  # fmt: skip
@pytest.mark.parametrize("at", [2, 5, 7, 12])
def test_a_stream_without_a_state_is_wound_forward(kind, steps, at, prefetch, tmp_path) -> None:
    def fit(t, stop_at=None, **options):
        class Stop(cnn.Callback):
            def on_chunk_end(self, trainer, chunk) -> None:
                if chunk.step == stop_at:
                    raise KeyboardInterrupt

        hooks = [cnn.Checkpoint(tmp_path / "run", every=100), Stop()]
        t.fit(SOURCES[kind](), epochs=3, steps_per_epoch=steps, callbacks=hooks,
              prefetch=prefetch, progress=False, **options)  # fmt: skip
        return t

    whole, broken = fit(trainer()), trainer()
    with pytest.raises(KeyboardInterrupt):
        fit(broken, at)
    assert_same(whole, fit(trainer(), resume=tmp_path / "run"))
    if kind != "endless":
        left = 3 - broken.history.epochs
        broken.fit(SOURCES[kind](), epochs=left, steps_per_epoch=steps, progress=False)
        if steps is None:
            for name, value in whole.net.store.items():
                assert np.array_equal(value, broken.net.store[name])


def test_an_iterator_goes_on_where_it_stands() -> None:
    class Stop(cnn.Callback):
        def on_chunk_end(self, trainer, chunk) -> None:
            if chunk.step == 8:
                raise KeyboardInterrupt

    whole, broken, source = trainer(), trainer(), endless()
    whole.fit(endless(), steps_per_epoch=5, epochs=3, progress=False)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(source, steps_per_epoch=5, epochs=3, callbacks=[Stop()], progress=False)
    broken.fit(source, steps_per_epoch=5, epochs=2, progress=False)
    assert broken.optimizer.step_count == 15
    for name, value in whole.net.store.items():
        assert np.array_equal(value, broken.net.store[name])


@pytest.mark.parametrize("steps", [None, 6])
@pytest.mark.parametrize("way", ["resume", "fit", "save", "Trainer.resume"])
def test_other_batches_than_before_let_the_epoch_start_over_with_a_warning(
    way, steps, tmp_path
) -> None:
    class Stop(cnn.Callback):
        def __init__(self, at: int) -> None:
            self.at = at

        def on_chunk_end(self, trainer, chunk) -> None:
            if chunk.step == self.at:
                raise KeyboardInterrupt

    path, t = tmp_path / "run", trainer()
    with pytest.raises(KeyboardInterrupt):
        t.fit(Shuffles(), epochs=3, callbacks=[cnn.Checkpoint(path, every=2), Stop(10)],
              steps_per_epoch=steps, progress=False)  # fmt: skip
    options, hooks = {"epochs": 2, "steps_per_epoch": steps}, []
    if way == "resume":
        options |= {"epochs": 3, "resume": path}
        hooks = [cnn.Checkpoint(path), Stop(-1)]
        t = trainer()
        with pytest.raises(StateError, match="need the data that the training began with"):
            t.fit(Shuffles(), callbacks=hooks, progress=False, **options)
        options["same_data"] = False
    elif way == "save":
        t.save(path)
        t = trainer()
        options |= {"epochs": 3, "resume": path}
    elif way == "Trainer.resume":
        t = cnn.Trainer.resume(path)
    with pytest.warns(UserWarning, match="the stream yields other batches than before"):
        t.fit(Shuffles(), callbacks=hooks, progress=False, **options)
    assert t.optimizer.step_count == 10 + 2 * (steps or 7)


@pytest.mark.parametrize("way", ["save", "Trainer.resume", "same"])
def test_a_stream_with_a_state_has_its_place_in_every_file(way: str, tmp_path) -> None:
    class Stop(cnn.Callback):
        def on_chunk_end(self, trainer, chunk) -> None:
            if chunk.step == 9:
                raise KeyboardInterrupt

    whole, t, path = trainer(), trainer(), tmp_path / "run"
    whole.fit(Batches(X, Y, batch_size=16), steps_per_epoch=5, epochs=3, progress=False)
    batches = Batches(X, Y, batch_size=16)
    with pytest.raises(KeyboardInterrupt):
        t.fit(batches, steps_per_epoch=5, epochs=3, callbacks=[cnn.Checkpoint(path), Stop()],
              progress=False)  # fmt: skip
    options = {"epochs": 2, "steps_per_epoch": 5, "progress": False}
    if way == "save":
        t.save(path)
        t = trainer()
        t.fit(Batches(X, Y, batch_size=16), **{**options, "epochs": 3}, resume=path)
    else:
        t = cnn.Trainer.resume(path) if way == "Trainer.resume" else t
        t.fit(batches if way == "same" else Batches(X, Y, batch_size=16), **options)
    for name, value in whole.net.store.items():
        assert np.array_equal(value, t.net.store[name])


@pytest.mark.parametrize("key", ["done", "taken"])
def test_a_file_whose_place_is_damaged_changes_nothing(key: str, tmp_path, monkeypatch) -> None:
    t, path = trainer(), tmp_path / "run"
    t.fit(parts, epochs=1, callbacks=[cnn.Checkpoint(path)], progress=False)
    state, saved = train_state.read(path, "resume")
    state["callbacks"][-1]["state"][key] = None
    monkeypatch.setattr(train_state, "read", lambda *_: (state, saved))
    t = trainer()
    before = t.net.store.value.tobytes()
    with pytest.raises(StateError, match=r"resume: .*run: need the state of a training"):
        t.fit(parts, epochs=2, callbacks=[cnn.Checkpoint(path)], resume=path, progress=False)
    assert t.net.store.value.tobytes() == before
    assert (t.epochs_done, t.optimizer.step_count) == (0, 0)


def test_a_batch_whose_step_failed_comes_again() -> None:
    class Fails:
        """Its fourth batch is one that Ctrl-C comes in, once."""

        def __init__(self) -> None:
            self.armed = True

        def __array__(self, *args, **kwargs):
            if self.armed:
                self.armed = False
                raise KeyboardInterrupt
            return parts()[3][0]

    poisoned = parts()
    poisoned[3] = (Fails(), *poisoned[3][1:])
    whole, t = trainer(), trainer()
    whole.fit(lambda: iter(parts()), epochs=2, progress=False)
    source = lambda: iter(poisoned)  # noqa: E731
    with pytest.raises(KeyboardInterrupt):
        t.fit(source, epochs=2, progress=False)
    assert t.optimizer.step_count == 3
    t.fit(source, epochs=2, progress=False)
    assert_same(whole, t)


def test_validation_that_fails_leaves_an_epoch_that_has_all_its_batches() -> None:
    armed = [True]

    def metric(y, outputs):
        if armed:
            armed.clear()
            raise KeyboardInterrupt
        return 0.0

    t = trainer(metrics=[metric])
    options = {"validation_data": (X, Y), "progress": False}
    with pytest.raises(KeyboardInterrupt):
        t.fit(lambda: iter(parts()), epochs=2, **options)
    assert t.optimizer.step_count == 7
    t.fit(lambda: iter(parts()), epochs=2, **options)
    assert t.optimizer.step_count == 14


def test_ctrl_c_while_a_stream_is_wound_forward_loses_nothing(tmp_path) -> None:
    armed: list[int] = []

    def source():
        for i, batch in enumerate(parts()):
            if i == 3 and armed:
                armed.clear()
                raise KeyboardInterrupt
            yield batch

    class Stop(cnn.Callback):
        def on_chunk_end(self, trainer, chunk) -> None:
            if chunk.step == 5:
                trainer.save(path)
                trainer.stop = True

    path, whole, t = tmp_path / "run", trainer(), trainer()
    whole.fit(source, epochs=2, progress=False)
    t.fit(source, epochs=2, callbacks=[Stop()], progress=False)
    for way in ("fit", "resume"):
        options = {"epochs": 2, "progress": False}
        if way == "resume":
            t = trainer()
            options |= {"callbacks": [Stop()], "resume": path}
        armed.append(1)
        with pytest.raises(KeyboardInterrupt):
            t.fit(source, **options)
        assert t.optimizer.step_count == 5
        t.fit(source, epochs=2, progress=False)
        assert_same(whole, t)


def test_batches_of_other_lengths_count_by_their_rows() -> None:
    sizes = [(0, 3), (3, 40), (40, 50), (50, 101)]
    t = cnn.Trainer(cnn.Sequential([cnn.Dense(3)], 7, seed=1), loss="softmax_cross_entropy",
                    optimizer=cnn.SGD(1e-30))  # fmt: skip
    t.fit(lambda: ((X[a:b], Y[a:b]) for a, b in sizes), progress=False)
    assert t.history["loss"][0] == pytest.approx(t.evaluate(X, Y)["loss"], rel=1e-5)


def test_a_source_stands_behind_what_was_trained_with_whatever_was_made_ahead() -> None:
    batches = Batches(X, Y, batch_size=16)
    trainer().fit(batches, steps_per_epoch=2, prefetch=4, progress=False)
    assert batches.state_dict()["row"] == 32
