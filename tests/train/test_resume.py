"""Checkpoints: a training that is resumed ends with the bits of one that was never interrupted."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from hook_cases import Stop
from resume_cases import BATCH, EPOCHS, STEPS, VALIDATION, X, Y, bits, figures, fit, make
from training_cases import set_threads

import cnn_core as cnn
from cnn_core.errors import DataError, OptionError, StateError
from cnn_core.io import files


@pytest.fixture(scope="module")
def whole():
    trainer = make()
    history = fit(trainer)
    return bits(trainer), figures(history)


@pytest.mark.parametrize("at", [1, 3, STEPS - 1, STEPS, STEPS + 1, 2 * STEPS, 3 * STEPS + 5])
def test_a_training_goes_on_from_any_step_with_the_same_bits(at, whole, tmp_path):
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        fit(make(), cnn.Checkpoint(path), Stop(at))
    set_threads(3)
    again = make()
    history = fit(again, cnn.Checkpoint(path), Stop(-1), resume=path)
    set_threads(1)
    assert (bits(again), figures(history)) == whole
    assert again.optimizer.step_count == whole_steps(history)


def whole_steps(history: cnn.History) -> int:
    return history.epochs * STEPS


def test_the_same_script_begins_goes_on_and_is_done(whole, tmp_path):
    path = tmp_path / "run"
    for at in (7, 20, -1, -1):
        trainer = make()
        try:
            history = fit(trainer, cnn.Checkpoint(path, every=5), Stop(at), resume=path)
        except KeyboardInterrupt:
            continue
        assert (bits(trainer), figures(history)) == whole


def test_a_file_alone_makes_the_trainer_again(whole, tmp_path):
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        fit(make(), cnn.Checkpoint(path), Stop(STEPS + 4))
    trainer = cnn.Trainer.resume(path)
    assert trainer.optimizer.step_count == STEPS + 4
    trainer.fit(X, Y, batch_size=BATCH, epochs=EPOCHS - 1, progress=False)
    straight = make()
    straight.fit(X, Y, batch_size=BATCH, epochs=EPOCHS, progress=False)
    assert bits(trainer) == bits(straight)
    assert [repr(trainer.optimizer), trainer.metrics[0].name, trainer.seed] == [
        repr(straight.optimizer), "accuracy", 0]  # fmt: skip
    assert np.array_equal(cnn.load(path).predict(X), cnn.Trainer.resume(path).net.predict(X))


def test_state_dicts_go_from_trainer_to_trainer():
    first, second = make(), make()
    with pytest.raises(KeyboardInterrupt):
        fit(first, Stop(STEPS + 3))
    second.load_state_dict(first.state_dict())
    for trainer in (first, second):
        trainer.fit(X, Y, batch_size=BATCH, epochs=2, progress=False)
    assert bits(first) == bits(second)


def test_two_outputs_an_objective_and_a_function_as_rate(tmp_path):
    def objective(outputs, targets):
        return cnn.ops.mean(cnn.ops.square(outputs - targets))

    path, runs = tmp_path / "run", []
    for at in (None, 9, -1):
        net = cnn.Sequential([cnn.Dense(5, "tanh"), cnn.Dense(6)], 6, seed=0, dtype="float64")
        trainer = cnn.Trainer(net, loss=objective, optimizer=cnn.SGD(lambda step: 0.1 / (1 + step)))
        hooks = [] if at is None else [cnn.Checkpoint(path, every=3), Stop(at)]
        try:
            trainer.fit(X, X, batch_size=20, epochs=2, callbacks=hooks, progress=False,
                        resume=None if at is None else path)  # fmt: skip
        except KeyboardInterrupt:
            continue
        runs.append(bits(trainer))
    assert runs[0] == runs[1]
    with pytest.raises(StateError, match=f"resume: {path}: need a trainer that a file can hold"):
        cnn.Trainer.resume(path)


# -- where writing fails ------------------------------------------------------------------


@pytest.mark.parametrize("call", ["open", "fdopen", "fsync", "replace"])
def test_training_goes_on_whichever_call_of_a_checkpoint_fails(call, whole, tmp_path, monkeypatch):
    path = tmp_path / "run"
    checkpoint = cnn.Checkpoint(path)
    before: list[bytes] = []

    def fail(*args, **kwargs):
        raise OSError(5, os.strerror(5))

    class Break(cnn.Callback):
        def on_epoch_begin(self, trainer, epoch):
            if epoch == 2:
                before.append(path.read_bytes())
                monkeypatch.setattr(os, call, fail)

    trainer = make()
    with pytest.warns(UserWarning, match="could not be written .*; the training goes on") as seen:
        history = fit(trainer, checkpoint, Break())
    monkeypatch.undo()
    assert (bits(trainer), figures(history)) == whole
    assert len(checkpoint.errors) == len(seen) == history.epochs
    assert path.read_bytes() == before[0]
    assert list(tmp_path.iterdir()) == [path]


# -- which are written --------------------------------------------------------------------


def test_former_files_are_kept_and_the_rest_goes(tmp_path):
    trainer = make()
    trainer.fit(X, Y, batch_size=BATCH, epochs=3, progress=False,
                callbacks=[cnn.Checkpoint(tmp_path / "run.st", every=4, keep=3)])  # fmt: skip
    steps = 3 * STEPS
    assert sorted(f.name for f in tmp_path.iterdir()) == [
        "run-00000032.st", "run-00000036.st", "run.st"]  # fmt: skip
    assert cnn.Trainer.resume(tmp_path / "run.st").optimizer.step_count == steps
    assert cnn.Trainer.resume(tmp_path / "run-00000036.st").optimizer.step_count == 36


def test_the_best_epoch_is_written_and_no_other(tmp_path):
    class Script(cnn.Callback):
        def on_epoch_end(self, trainer, epoch, values):
            values["score"] = [1, 3, 2, 4, 0][epoch - 1]

    path, seen = tmp_path / "best", []

    class Look(cnn.Callback):
        def on_epoch_begin(self, trainer, epoch):
            seen.append(path.exists() and cnn.Trainer.resume(path).epochs_done)

    trainer = make()
    trainer.fit(X, Y, epochs=5, progress=False, callbacks=[
        Script(), cnn.Checkpoint(path, best="score", mode="max"), Look()])  # fmt: skip
    assert seen == [False, 1, 2, 2, 4]
    assert cnn.Trainer.resume(path).epochs_done == 4


def test_every_so_many_seconds(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    steps: list[int] = []

    class Clock(cnn.Callback):
        every_steps = 1

        def on_chunk_end(self, trainer, chunk):
            now[0] += 1

    class Spy(cnn.Checkpoint):
        def _write(self, trainer):
            super()._write(trainer)
            steps.append(trainer.optimizer.step_count)

    trainer = make()
    trainer.fit(X, Y, batch_size=BATCH, epochs=2, progress=False,
                callbacks=[Clock(), Spy(tmp_path / "run", every_seconds=10)])  # fmt: skip
    assert steps == [10, 20, 2 * STEPS]


# -- what does not fit --------------------------------------------------------------------


@pytest.fixture
def stopped(tmp_path):
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        fit(make(), cnn.Checkpoint(path), Stop(STEPS + 3))
    return path


def test_another_training_is_refused_and_nothing_changes(stopped):
    hooks = cnn.Checkpoint(stopped), Stop(-1)
    kept = stopped.read_bytes()
    for trainer, words in [
        (make(width=25), r"float32 \(6, 24\), not float32 \(6, 25\)"),
        (make(seed=1), "need the seed of the training, 0; got 1"),
    ]:
        before = trainer.net.store.value.copy()
        with pytest.raises(StateError, match=words):
            fit(trainer, *hooks, resume=stopped)
        assert np.array_equal(trainer.net.store.value, before)
        assert (trainer.optimizer.step_count, trainer.epochs_done) == (0, 0)
    deeper = cnn.Sequential([cnn.Dense(24, "relu"), cnn.Dense(3), cnn.Dense(2)], 6, seed=0)
    with pytest.raises(StateError, match=r"no dense_2.w \(3, 2\).*an unknown 'batchnorm_0.s'"):
        fit(cnn.Trainer(deeper, loss="softmax_cross_entropy", metrics=["auc"]), *hooks,
            resume=stopped)  # fmt: skip
    with pytest.raises(StateError, match="need the callbacks EarlyStopping, Checkpoint, Stop, in "
                                         "this order; got EarlyStopping"):  # fmt: skip
        fit(make(), resume=stopped)
    with pytest.raises(StateError, match="need the rows, batch_size, shuffle"):
        fit(make(), *hooks, resume=stopped, batch_size=8)
    sgd = make()
    sgd.optimizer = "sgd"
    with pytest.raises(StateError, match="load_state_dict"):
        fit(sgd, *hooks, resume=stopped)
    assert stopped.read_bytes() == kept


DAMAGED = {
    "slots": "optimizer", "step_count": "optimizer", "best": "callbacks", "waited": "callbacks",
    "sums": "part", "rows": "part", "loss": "history", "dtype": "data",
}  # fmt: skip


@pytest.mark.parametrize("key", DAMAGED)
def test_a_state_with_a_damaged_part_is_refused_and_nothing_changes(key, stopped):
    """Nor by early stopping, which puts back what it remembers when it ends."""
    def damage(value):
        for inner in value.get("map", ()) if isinstance(value, dict) else value:
            if isinstance(inner, list) and inner[:1] == [key]:
                inner[1] = {"map": []}
            elif isinstance(inner, (list, dict)):
                damage(inner)

    saved = files.read(stopped, "test")
    damage(saved.content["state"][DAMAGED[key]])
    files.write(stopped, saved.arrays, saved.content)
    trainer, kept = make(), stopped.read_bytes()
    before = trainer.net.store.value.copy()
    with pytest.raises(StateError, match=f"^resume: {stopped}: ") as told:
        fit(trainer, cnn.Checkpoint(stopped), Stop(-1), resume=stopped)
    assert "\n" not in str(told.value)
    assert np.array_equal(trainer.net.store.value, before)
    assert trainer.optimizer.step_count == trainer.epochs_done == 0
    assert stopped.read_bytes() == kept


def test_other_data_are_refused_unless_told_otherwise(stopped):
    hooks = [cnn.EarlyStopping("val_auc", patience=2), cnn.Checkpoint(stopped), Stop(-1)]
    other = X.copy()
    other[3, 2] += 1
    given = {"batch_size": BATCH, "epochs": EPOCHS, "validation_data": VALIDATION,
             "progress": False, "callbacks": hooks, "resume": stopped}  # fmt: skip
    with pytest.raises(StateError, match=r"x: float32 \(203, 6\), first rows .* there, float32"):
        make().fit(other, Y, **given)
    with pytest.raises(StateError, match=r"x: float32 \(203, 6\).* there, float64 \(203, 6\)"):
        make().fit(X.astype(np.float64), Y, **given)
    with pytest.raises(StateError, match=r"x: .*\(203, 6\).* there, .*\(202, 6\).*; y: "):
        make().fit(X[1:], Y[1:], **given)
    assert make().fit(other, Y, same_data=False, **given).epochs >= 2


def test_files_of_another_kind_are_refused(stopped, tmp_path):
    make().net.save(tmp_path / "net")
    for call in (lambda: fit(make(), resume=tmp_path / "net"),
                 lambda: cnn.Trainer.resume(tmp_path / "net")):  # fmt: skip
        with pytest.raises(DataError, match="need the state of a training; got a 'network'"):
            call()
    data = stopped.read_bytes()
    (tmp_path / "torn").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="need a whole file"):
        fit(make(), resume=tmp_path / "torn")
    with pytest.raises(OptionError, match="need best alone"):
        cnn.Checkpoint(stopped, 3, best="loss")
