"""fit(shuffle=f): the order of rows of each epoch, as a function gives it."""

from __future__ import annotations

import numpy as np
import pytest
from hook_cases import Stop
from training_cases import blobs, make_net

import cnn_core as cnn
from cnn_core.errors import OptionError, StateError

N = 37
X, Y = blobs(N)


def make(**options) -> cnn.Trainer:
    net = make_net(dtype="float64")
    return cnn.Trainer(net, loss="softmax_cross_entropy", optimizer=cnn.Adam(0.01), **options)


def order(epoch: int, n: int) -> np.ndarray:
    return np.random.default_rng(epoch).permutation(n)


def test_rows_come_in_the_order_of_each_epoch():
    asked, trainer, other = [], make(), make()

    def given(epoch, n):
        asked.append((epoch, n))
        return order(epoch, n).astype("uint16") if epoch == 2 else order(epoch, n).tolist()

    for _ in range(2):
        trainer.fit(X, Y, batch_size=8, epochs=2, shuffle=given, progress=False)
    for epoch in range(1, 5):
        rows = order(epoch, N)
        other.fit(X[rows], Y[rows], batch_size=8, shuffle=False, progress=False)
    assert asked == [(1, N), (2, N), (3, N), (4, N)]
    assert trainer.net.store.value.tobytes() == other.net.store.value.tobytes()


def test_rows_may_come_again_and_those_held_back_do_not():
    trainer, other = make(), make()
    drawn = lambda _, n: np.random.default_rng(n).integers(0, n, n)  # noqa: E731
    trainer.fit(X, Y, batch_size=8, shuffle=drawn, validation_split=0.25, progress=False)
    data = trainer._understood(trainer._data(X, Y, None, "fit"), anew=True)
    kept = trainer._split(data, 0.25, None)[0].rows
    rows = kept[drawn(1, len(kept))]
    other.fit(X[rows], Y[rows], batch_size=8, shuffle=False, progress=False)
    assert trainer.net.store.value.tobytes() == other.net.store.value.tobytes()


@pytest.mark.parametrize(("bad", "words"), [
    (lambda e, n: np.arange(n - 1), r"got int64 of shape \(36,\)"),
    (lambda e, n: np.arange(n)[:, None], r"got int64 of shape \(37, 1\)"),
    (lambda e, n: np.arange(n) + 0.0, r"got float64 of shape \(37,\)"),
    (lambda e, n: np.arange(n) - 1, "got -1 at place 0"),
    (lambda e, n: np.arange(n) + 1, "got 37 at place 36"),
    (lambda e, n: np.full(n, 2**63, "uint64"), "got 9223372036854775808 at place 0"),
    (lambda e, n: np.ones(n, bool), r"got bool of shape \(37,\)"),
    (lambda e, n: None, "the order of rows"),
    (lambda e, n: ["a"] * n, "the order of rows"),
])  # fmt: skip
def test_what_is_no_order_is_refused(bad, words):
    trainer = make()
    before = trainer.net.store.value.copy()
    with pytest.raises((OptionError, cnn.errors.DtypeError), match=words) as caught:
        trainer.fit(X, Y, shuffle=bad, progress=False)
    assert str(caught.value).startswith("fit: shuffle(1, 37): need")
    np.testing.assert_array_equal(trainer.net.store.value, before)
    assert trainer.epochs_done == trainer.optimizer.step_count == 0
    trainer.fit(X, Y, progress=False)  # it can go on


@pytest.mark.parametrize("bad", ["yes", 1, None, lambda n: range(n), int])
def test_what_is_no_function_is_refused(bad):
    with pytest.raises(OptionError, match="fit: shuffle"):
        make().fit(X, Y, shuffle=bad, progress=False)


def test_streams_have_an_order_of_their_own():
    with pytest.raises(OptionError, match="fit: shuffle: need True or False beside a stream"):
        make().fit(iter([(X, Y)]), shuffle=order, progress=False)


def broken_off(path) -> cnn.Trainer:
    trainer = make()
    hooks = [cnn.Checkpoint(path, every=1), Stop(8)]
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, Y, batch_size=8, epochs=3, shuffle=order, callbacks=hooks, progress=False)
    return trainer


@pytest.mark.parametrize("way", ["fit", "resume"])
def test_an_epoch_goes_on_in_the_order_that_it_was_begun_in(way, tmp_path):
    whole, trainer = make(), broken_off(tmp_path / "run")
    whole.fit(X, Y, batch_size=8, epochs=3, shuffle=order, progress=False)
    if way == "fit":
        trainer.fit(X, Y, batch_size=8, epochs=2, shuffle=order, progress=False)
    else:
        trainer = make()
        hooks = [cnn.Checkpoint(tmp_path / "run", every=1), Stop(-1)]
        trainer.fit(X, Y, batch_size=8, epochs=3, shuffle=order, callbacks=hooks,
                    resume=tmp_path / "run", progress=False)  # fmt: skip
    assert trainer.net.store.value.tobytes() == whole.net.store.value.tobytes()
    assert trainer.batch_sums == whole.batch_sums


def test_with_another_order_an_epoch_starts_over_and_a_file_is_refused(tmp_path):
    other = lambda epoch, n: order(epoch + 100, n)  # noqa: E731
    trainer = broken_off(tmp_path / "run")
    steps = trainer.optimizer.step_count
    trainer.fit(X, Y, batch_size=8, shuffle=other, progress=False)
    assert trainer.optimizer.step_count == steps + 5
    for given, words in [(other, "need shuffle to give the rows of epoch 2 in the order"),
                         (True, "need the rows, batch_size, shuffle and targets")]:  # fmt: skip
        trainer = make()
        hooks = [cnn.Checkpoint(tmp_path / "copy", every=1), Stop(-1)]
        before = trainer.net.store.value.tobytes()
        with pytest.raises(StateError, match=f"resume: .*run: {words}"):
            trainer.fit(X, Y, batch_size=8, epochs=3, shuffle=given, callbacks=hooks,
                        resume=tmp_path / "run", progress=False)  # fmt: skip
        assert trainer.net.store.value.tobytes() == before
        assert (trainer.epochs_done, trainer.optimizer.step_count) == (0, 0)
