"""A training that a callback stops within an epoch: broken off after a whole step, and taken up."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from hook_cases import X, Y, fit
from training_cases import assert_same_state, hard_trainer, state

import cnn_core as cnn
from cnn_core.data import Batches
from cnn_core.errors import StateError


class StopAt(cnn.Callback):
    """Stops at a step, as when a queue says that time is over."""

    every_steps = 1

    def __init__(self, at: int) -> None:
        self.at, self.calls = at, []

    def on_chunk_end(self, trainer, chunk):
        self.calls.append(chunk.step)
        if chunk.step == self.at:
            self.state = trainer.state_dict()
            trainer.stop = True

    def on_epoch_end(self, trainer, epoch, values):
        self.calls.append(f"epoch {epoch}")

    def on_train_end(self, trainer):
        self.calls.append("end")


def averaging_trainer() -> cnn.Trainer:
    trainer = hard_trainer()
    return cnn.Trainer(trainer.net, loss=trainer.loss, optimizer=trainer.optimizer, seed=0,
                       weight_average="ema")  # fmt: skip


@pytest.mark.parametrize("at", [1, 9, 13, 20, 40])
@pytest.mark.parametrize("way", ["fit", "resume", "Trainer.resume", "load_state_dict"])
def test_a_training_that_was_stopped_goes_on_to_the_same_bits(at, way, tmp_path) -> None:
    path, whole, broken, stop = tmp_path / "run", hard_trainer(), hard_trainer(), StopAt(at)
    expected = fit(whole)
    history = fit(broken, stop, *[cnn.Checkpoint(path)] * (way in ("resume", "Trainer.resume")))
    assert not broken.state_dict()["stop"]
    assert broken.optimizer.step_count == at
    assert history.epochs == at // 10 == broken.epochs_done
    assert stop.calls[-1] == "end"
    assert [c for c in stop.calls if type(c) is int] == list(range(1, at + 1))
    assert sum(type(c) is str for c in stop.calls) == at // 10 + 1
    assert history.to_dict().get("loss", []) == expected["loss"][: at // 10]
    assert broken.stop
    left = 4 - history.epochs
    again = hard_trainer()
    if way == "resume":
        fit(again, StopAt(-1), cnn.Checkpoint(path), resume=path)
    else:
        if way == "fit":
            again = broken
        elif way == "load_state_dict":
            again.load_state_dict(broken.state_dict())
        else:
            again = cnn.Trainer.resume(path)
        fit(again, epochs=left)
    assert_same_state(state(again), state(whole))
    if left and way == "fit":
        assert again.history["loss"] == expected["loss"][-left:]


@pytest.mark.parametrize("at", [13, 20])
def test_a_signal_handler_can_stop_it(at, tmp_path) -> None:
    class Signal(cnn.Callback):
        every_steps = 1

        def on_chunk_end(self, trainer, chunk):
            if chunk.step == at:
                signal.raise_signal(signal.SIGTERM)

    whole, broken, again, path = *[hard_trainer() for _ in range(3)], tmp_path / "run"
    fit(whole)
    former = signal.signal(signal.SIGTERM, lambda *_: setattr(broken, "stop", True))
    try:
        fit(broken, Signal(), cnn.Checkpoint(path, every=1))
    finally:
        signal.signal(signal.SIGTERM, former)
    assert broken.optimizer.step_count == at
    at = -1
    fit(again, Signal(), cnn.Checkpoint(path, every=1), resume=path)
    assert_same_state(state(again), state(whole))


class StopFirst(cnn.Callback):
    """Stops at the beginning of an epoch."""

    def __init__(self, epoch: int | None = None) -> None:
        self.epoch = epoch

    def on_epoch_begin(self, trainer, epoch):
        trainer.stop = self.epoch in (None, epoch)


def test_stop_from_the_beginning_of_an_epoch_makes_no_step_of_it() -> None:
    trainer = hard_trainer()
    assert fit(trainer, StopFirst(3)).epochs == 2
    assert trainer.optimizer.step_count == 20
    fit(trainer, epochs=2)
    whole = hard_trainer()
    fit(whole)
    assert_same_state(state(trainer), state(whole))


def test_a_stop_after_an_epoch_is_an_end_and_one_within_is_not(tmp_path) -> None:
    class Early(cnn.Callback):
        def on_epoch_end(self, trainer, epoch, values):
            trainer.stop = trainer.stop or epoch == 2

    for at in (-1, 20):  # also where both come together
        ended, path = hard_trainer(), tmp_path / f"run{at}"
        fit(ended, StopAt(at), Early(), cnn.Checkpoint(path))
        again = hard_trainer()
        found = fit(again, StopAt(at), Early(), cnn.Checkpoint(path), resume=path)
        assert found.epochs == 2
        assert_same_state(state(again), state(ended))


def test_a_stream_is_stopped_too() -> None:
    x, y = np.random.default_rng(0).standard_normal((80, 7), np.float32), np.arange(80) % 3
    batches = [(x[i : i + 8], y[i : i + 8]) for i in range(0, 80, 8)]
    whole = hard_trainer()
    whole.fit(lambda: iter(batches), epochs=3, progress=False)
    for at in (3, 10, 17):
        trainer = hard_trainer()
        history = trainer.fit(lambda: iter(batches), epochs=3, callbacks=[StopAt(at)],
                              progress=False)  # fmt: skip
        assert trainer.optimizer.step_count == at
        trainer.fit(lambda: iter(batches), callbacks=[StopFirst()], progress=False)
        assert trainer.optimizer.step_count == at
        trainer.fit(lambda: iter(batches), epochs=3 - history.epochs, progress=False)
        assert_same_state(state(trainer), state(whole))


def test_a_stop_at_the_last_batch_of_a_stream_leaves_the_epoch_whole() -> None:
    trainer = hard_trainer()
    trainer.fit(Batches(X, Y, batch_size=8), epochs=3, callbacks=[StopAt(10)], progress=False)
    assert trainer.epochs_done == len(trainer.history["loss"]) == 1


@pytest.mark.parametrize("way", ["fit", "load_state_dict", "within", "save"])
def test_an_epoch_that_was_broken_off_goes_on_with_its_own_rows_only(way, tmp_path) -> None:
    broken, path = hard_trainer(), tmp_path / "run"
    stop = StopAt(13)
    fit(broken, stop)
    again, others = hard_trainer(), np.zeros((80, 7), np.float32)
    options = {"batch_size": 8, "progress": False}
    if way == "save":
        broken.save(path)
        with pytest.raises(StateError, match="need the data that the training began with"):
            again.fit(others, Y, epochs=2, resume=path, **options)
        assert again.optimizer.step_count == 0
        again.fit(others, Y, epochs=2, resume=path, same_data=False, **options)
        assert again.optimizer.step_count == 20
        return
    if way == "fit":
        again = broken
    else:
        again.load_state_dict(broken.state_dict() if way == "load_state_dict" else stop.state)
    again.fit(others, Y, **options)
    assert again.optimizer.step_count == 13 + 10  # anew


@pytest.mark.parametrize("way", ["fit", "load_state_dict"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_state_that_is_refused_leaves_what_was_broken_off_as_it_is(stream, way, tmp_path) -> None:
    """What a file says before its last part, the optimizer's, is found to be another's."""
    path, data = tmp_path / "run", (X, Y)

    def fit_at(trainer, at, **options):
        given = [Batches(*data, batch_size=8)] if stream else [*data]
        options |= {} if stream else {"batch_size": 8}
        trainer.fit(*given, epochs=3, callbacks=[StopAt(at), cnn.Checkpoint(path)],
                    progress=False, **options)  # fmt: skip

    trainer, other = (averaging_trainer() for _ in range(2))
    fit_at(trainer, 13)
    kept = trainer.state_dict()
    other.optimizer = "adam"
    data = X[::-1], Y[::-1]
    fit_at(other, 24)
    refused = {"fit": lambda: fit_at(trainer, -1, resume=path),
               "load_state_dict": lambda: trainer.load_state_dict(other.state_dict())}
    with pytest.raises(StateError, match="need the state of 'sgd'"):
        refused[way]()
    np.testing.assert_equal(trainer.state_dict(), kept)
