"""Ctrl-C: training ends cleanly, after a whole number of steps, and can go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
from training_cases import HERE, assert_same_state, blobs, make_net, make_trainer, state

import cnn_core as cnn
from cnn_core._ext.gather import shuffled

BATCH = 16


def trainer_for_reference(**options) -> cnn.Trainer:
    optimizer = cnn.SGD(lr=cnn.optim.CosineDecay(0.05, 200), momentum=0.9, clip_norm=1.0)
    return make_trainer(make_net(dropout=0.2), optimizer=optimizer, seed=7, **options)


def states_by_step(n_epochs: int, x, y) -> list[dict]:
    """Return the state after 0, 1, 2 ... steps of a training without interruption."""
    trainer = trainer_for_reference()
    trainer.optimizer.bind(trainer.net.store)
    found = [state(trainer)]
    for _ in range(n_epochs):
        order = trainer._row_order(len(x))
        for at in range(0, len(x), BATCH):
            part = order[at : at + BATCH]
            trainer.step(x[part], y[part])
            found.append(state(trainer))
        trainer.epochs_done += 1
    return found


def assert_whole_steps(trainer: cnn.Trainer, reference: list[dict]) -> int:
    """Assert that the trainer is where the reference was after as many steps."""
    found = state(trainer)
    expected = reference[found["step_count"]]
    assert np.array_equal(found["params"], expected["params"])
    assert np.isfinite(found["params"]).all()
    for a, b in zip(found["slots"], expected["slots"], strict=True):
        assert np.array_equal(a, b)
    return found["step_count"]


@pytest.mark.parametrize("at", [0, 1, 6, 7, 8, 20])
def test_interrupt_ends_with_a_warning_after_whole_steps(at):
    """The signal comes while the rate of one step is looked up."""
    x, y = blobs(100)  # 7 steps an epoch
    reference = states_by_step(4, x, y)
    trainer = trainer_for_reference()
    schedule = trainer.optimizer.lr
    raised = []

    def rate(step: int) -> float:
        if step == at and not raised:
            raised.append(step)
            signal.raise_signal(signal.SIGINT)
        return schedule(step)

    trainer.optimizer.lr = rate
    with pytest.warns(UserWarning, match="training interrupted in epoch") as caught:
        history = trainer.fit(x, y, batch_size=BATCH, epochs=4, progress=False)
    made = assert_whole_steps(trainer, reference)
    assert made <= at
    assert history.interrupted
    assert history.epochs == trainer.epochs_done == made // 7
    assert len(history["loss"] if made >= 7 else []) == made // 7
    assert f"in epoch {made // 7 + 1}, after {made} steps" in str(caught[0].message)
    assert caught[0].filename == __file__
    again = trainer.fit(x, y, batch_size=BATCH, epochs=1, progress=False)
    assert again.epochs == 1
    assert not again.interrupted
    assert trainer.optimizer.step_count == made + 7


def test_interrupt_between_epochs_continues_to_the_same_bits():
    x, y = blobs(100)
    expected, trainer = trainer_for_reference(), trainer_for_reference()
    expected.fit(x, y, batch_size=BATCH, epochs=4, progress=False)

    def stop(epoch, values):
        if epoch == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.warns(UserWarning, match="interrupted in epoch 3, after 14 steps"):
        first = trainer.fit(x, y, batch_size=BATCH, epochs=4, progress=False, callbacks=[stop])
    assert first.epochs == 2
    trainer.fit(x, y, batch_size=BATCH, epochs=2, progress=False)
    assert_same_state(state(trainer), state(expected))


def test_interrupt_calls_the_end_of_callbacks_and_restores_the_best():
    calls = []

    class Record(cnn.Callback):
        def on_train_end(self, trainer):
            calls.append("end")

        def on_epoch_end(self, trainer, epoch, values):
            self.first = trainer.net.store.value.copy() if epoch == 1 else self.first
            values["loss"] = float(epoch)
            if epoch == 3:
                signal.raise_signal(signal.SIGINT)

    x, y = blobs(100)
    trainer, record = trainer_for_reference(), Record()
    with pytest.warns(UserWarning, match="interrupted"):
        trainer.fit(x, y, epochs=5, progress=False, callbacks=[record, cnn.EarlyStopping("loss")])
    assert calls == ["end"]
    # The third epoch was not handed to the second callback; the first was the best.
    assert np.array_equal(trainer.net.store.value, record.first)


class Interrupter:
    """A trace function that raises KeyboardInterrupt at the n-th line of the package's Python."""

    def __init__(self, n: int) -> None:
        self.left = n
        self.where = ""

    def __call__(self, frame, event, arg):
        name = frame.f_code.co_filename.replace("\\", "/")
        if "/cnn_core/train/" not in name and "/cnn_core/optim/" not in name:
            return None
        if event == "line":
            self.left -= 1
            if self.left == 0:
                self.where = f"{name.rsplit('/', 1)[-1]}:{frame.f_lineno}"
                raise KeyboardInterrupt
        return self


def interrupted_at(n: int, x, y) -> tuple[cnn.Trainer, str]:
    trainer, tracer = trainer_for_reference(), Interrupter(n)
    before = sys.gettrace()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sys.settrace(tracer)
        try:
            trainer.fit(x, y, batch_size=BATCH, epochs=3, progress=False)
        except KeyboardInterrupt:
            pass  # before the first step, or while the last one ends: nobody catches it
        finally:
            sys.settrace(before)
    return trainer, tracer.where


@pytest.mark.parametrize("part", range(4))
def test_interrupt_at_any_line_leaves_whole_steps_and_goes_on(part):
    x, y = blobs(100)
    reference = states_by_step(3, x, y)
    counts = set()
    for n in range(1 + part, 1400, 23):
        trainer, where = interrupted_at(n, x, y)
        if not where:
            break
        if trainer.optimizer._learner is not None:
            trainer.optimizer.count_steps()  # what the next use of the trainer does first
            counts.add(assert_whole_steps(trainer, reference))
        made = trainer.optimizer.step_count
        if made < 21:
            epoch, at = divmod(made, 7)
            order = shuffled(100, 7, epoch)
            rows = order[at * BATCH : (at + 1) * BATCH]
            trainer.step(x[rows], y[rows])
            assert assert_whole_steps(trainer, reference) == made + 1, where
    assert len(counts) > 3


SCRIPT = """
import hashlib, json, sys, warnings
import numpy as np
import cnn_core as cnn
from cnn_core._ext.gather import shuffled
cnn.set_num_threads(int(sys.argv[1]))
rng = np.random.default_rng(0)
x, y = rng.standard_normal((4000, 300)).astype("f"), rng.integers(0, 10, 4000)

def make():
    layers = [cnn.Dense(200, "relu"), cnn.Dropout(0.3), cnn.Dense(10)]
    return cnn.Trainer(cnn.Sequential(layers, 300), loss=cnn.SoftmaxCrossEntropy(), seed=1)

def digest(trainer):
    o = trainer.optimizer
    whole = trainer.net.store.value.tobytes() + b"".join(s.tobytes() for s in o.slots)
    return hashlib.sha256(whole).hexdigest()

class Ready(cnn.Callback):
    def on_epoch_end(self, trainer, epoch, values):
        if epoch == 1:
            print("ready", flush=True)

trainer = make()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    history = trainer.fit(x, y, batch_size=100, epochs=100000, callbacks=[Ready()])
result = {"warnings": [str(w.message) for w in caught if w.category is UserWarning],
          "interrupted": history.interrupted, "steps": trainer.optimizer.step_count,
          "finite": bool(np.isfinite(trainer.net.store.value).all()), "digest": digest(trainer),
          "epochs": history.epochs, "epochs_done": trainer.epochs_done}
again = make()
steps = 0
while steps < result["steps"]:
    order = shuffled(4000, 1, steps // 40)
    rows = order[steps % 40 * 100 : (steps % 40 + 1) * 100]
    again.step(x[rows], y[rows])
    steps += 1
result["expected"] = digest(again)
more = trainer.fit(x, y, batch_size=100, epochs=1, progress=False)
result["more"] = [more.epochs, trainer.optimizer.step_count]
print(json.dumps(result))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT to another process")
@pytest.mark.parametrize("n_threads", [1, 2])
def test_signal_to_a_training_process(n_threads):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in [str(HERE), *sys.path] if p)}
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(n_threads)], env=env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGINT)
        out, errors = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 0, errors
    result = json.loads(out)
    steps = result["steps"]
    assert result["interrupted"]
    assert result["finite"]
    assert result["warnings"] == [
        f"training interrupted in epoch {result['epochs'] + 1}, after {steps} steps"
    ]
    # The signal is most often seen when a call returns that has made an epoch's last step.
    assert result["epochs"] in (steps // 40, steps // 40 - 1)
    assert result["epochs_done"] == steps // 40
    assert result["digest"] == result["expected"]
    assert result["more"] == [1, steps + 40]
    assert errors == ""
