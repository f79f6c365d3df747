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
from cnn_core.errors import OptionError

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


def interrupting(rate, at: int):
    """Return a schedule during which Ctrl-C comes, when the rate of step ``at`` is looked up."""
    raised = []

    def schedule(step: int) -> float:
        if step == at and not raised:
            raised.append(step)
            signal.raise_signal(signal.SIGINT)
        return rate(step)

    return schedule


@pytest.mark.parametrize("at", [0, 1, 6, 7, 8, 20])
def test_interrupt_raises_after_whole_steps_and_the_history_is_kept(at):
    x, y = blobs(100)  # 7 steps an epoch
    reference = states_by_step(4, x, y)
    trainer = trainer_for_reference()
    trainer.optimizer.lr = interrupting(trainer.optimizer.lr, at)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(x, y, batch_size=BATCH, epochs=4, progress=False)
    made = assert_whole_steps(trainer, reference)
    assert made <= at
    assert trainer.history.interrupted
    assert trainer.history.epochs == trainer.epochs_done == made // 7
    assert len(trainer.history["loss"] if made >= 7 else []) == made // 7


def test_on_interrupt_return_gives_the_history_and_a_warning():
    x, y = blobs(100)
    trainer = trainer_for_reference()
    trainer.optimizer.lr = interrupting(trainer.optimizer.lr, 8)
    with pytest.warns(UserWarning, match="interrupted in epoch 2, after [78] steps") as caught:
        history = trainer.fit(x, y, batch_size=BATCH, epochs=4, progress=False,
                              on_interrupt="return")  # fmt: skip
    assert caught[0].filename == __file__
    assert history is trainer.history
    assert (history.epochs, history.interrupted) == (1, True)
    with pytest.raises(OptionError, match="fit: need on_interrupt 'raise' or 'return'; got 'no'"):
        trainer.fit(x, y, on_interrupt="no")


def test_one_interrupt_ends_a_loop_of_fits():
    x, y = blobs(100)
    begun = []

    def sweep():
        for i in range(3):
            begun.append(i)
            trainer = trainer_for_reference()
            trainer.optimizer.lr = interrupting(trainer.optimizer.lr, 3)
            trainer.fit(x, y, batch_size=BATCH, epochs=2, progress=False)

    with pytest.raises(KeyboardInterrupt):
        sweep()
    assert begun == [0]


class Spy(cnn.Callback):
    def __init__(self):
        self.epochs = []

    def on_epoch_end(self, trainer, epoch, values):
        self.epochs.append((trainer.epochs_done, trainer.optimizer.step_count, dict(values)))


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("at", [3, 9, 13, 20])
def test_continued_fit_takes_up_where_it_stopped(at, shuffle):
    """As many steps in all, the same bits, and the same history as without the interruption."""
    x, y = blobs(100)
    options = {"batch_size": BATCH, "shuffle": shuffle, "progress": False,
               "validation_data": (x[:20], y[:20])}  # fmt: skip
    expected, trainer = (trainer_for_reference(metrics=["accuracy"]) for _ in range(2))
    whole, spy = expected.fit(x, y, epochs=4, **options), Spy()
    trainer.optimizer.lr = interrupting(trainer.optimizer.lr, at)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, y, epochs=4, callbacks=[spy], **options)
    first = trainer.history
    second = trainer.fit(x, y, epochs=4 - first.epochs, callbacks=[spy], **options)
    assert not second.interrupted
    assert_same_state(state(trainer), state(expected))
    assert {k: first.to_dict().get(k, []) + v for k, v in second.items()} == dict(whole)
    assert [(e, s) for e, s, _ in spy.epochs] == [(e, 7 * e) for e in range(1, 5)]


def test_interrupted_validation_is_made_up_for_without_another_epoch():
    x, y = blobs(100)
    trainer, expected = trainer_for_reference(), trainer_for_reference()
    evaluate, calls = trainer._evaluate, []

    def stop_once(data):
        calls.append(1)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        return evaluate(data)

    trainer._evaluate = stop_once
    options = {"batch_size": BATCH, "progress": False, "validation_data": (x[:20], y[:20])}
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, y, epochs=3, **options)
    assert (trainer.optimizer.step_count, trainer.epochs_done, trainer.history.epochs) == (14, 1, 1)
    first = trainer.history.to_dict()
    second = trainer.fit(x, y, epochs=2, **options)
    whole = expected.fit(x, y, epochs=3, **options)
    assert_same_state(state(trainer), state(expected))
    assert {k: first[k] + v for k, v in second.items()} == dict(whole)


@pytest.mark.parametrize("change", ["rows", "batch", "shuffle", "seed", "epochs", "step", "state"])
def test_broken_epoch_starts_over_where_something_else_is_trained(change):
    x, y = blobs(100)
    trainer = trainer_for_reference()
    trainer.optimizer.bind(trainer.net.store)
    start = trainer.optimizer.state_dict()
    trainer.optimizer.lr = interrupting(trainer.optimizer.lr, 4)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, y, batch_size=BATCH, progress=False)
    options = {"batch_size": BATCH, "progress": False}
    assert 0 < trainer.optimizer.step_count < 7
    if change == "rows":
        x, y = x[:99], y[:99]
    elif change == "batch":
        options["batch_size"] = 15
    elif change == "shuffle":
        options["shuffle"] = False
    elif change == "seed":
        trainer.seed += 1
    elif change == "epochs":
        trainer.epochs_done = 5
    elif change == "step":
        trainer.step(x, y)
    else:
        trainer.optimizer.load_state_dict(start)
    before = trainer.optimizer.step_count
    trainer.fit(x, y, **options)
    assert trainer.optimizer.step_count - before == 7


def test_epoch_that_an_error_breaks_off_is_finished_too():
    x, y = blobs(100)
    trainer, expected = trainer_for_reference(), trainer_for_reference()
    rate = trainer.optimizer.lr
    trainer.optimizer.lr = lambda step: rate(step) if step < 9 else np.nan
    with pytest.raises(OptionError, match="at step 9"):
        trainer.fit(x, y, batch_size=BATCH, epochs=3, progress=False)
    assert trainer.history.epochs == 1
    trainer.optimizer.lr = rate
    trainer.fit(x, y, batch_size=BATCH, epochs=2, progress=False)
    expected.fit(x, y, batch_size=BATCH, epochs=3, progress=False)
    assert_same_state(state(trainer), state(expected))


def test_interrupt_between_epochs_continues_to_the_same_bits():
    x, y = blobs(100)
    expected, trainer = trainer_for_reference(), trainer_for_reference()
    expected.fit(x, y, batch_size=BATCH, epochs=4, progress=False)

    def stop(epoch, values):
        if epoch == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, y, batch_size=BATCH, epochs=4, progress=False, callbacks=[stop])
    assert trainer.history.epochs == 2
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
    with pytest.raises(KeyboardInterrupt):
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
    sys.settrace(tracer)
    try:
        trainer.fit(x, y, batch_size=BATCH, epochs=3, progress=False, validation_data=(x, y))
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return trainer, tracer.where


@pytest.mark.parametrize("part", range(4))
def test_interrupt_at_any_line_leaves_whole_steps_and_goes_on(part):
    x, y = blobs(100)
    reference = states_by_step(3, x, y)
    counts = set()
    for n in range(1 + part, 1800, 23):
        trainer, where = interrupted_at(n, x, y)
        if not where:
            break
        if trainer.optimizer._learner is not None:
            trainer.optimizer.count_steps()  # what the next use of the trainer does first
            counts.add(assert_whole_steps(trainer, reference))
        history = trainer.history
        assert {len(series) for series in history.values()} <= {history.epochs}, where
        trainer.fit(x, y, batch_size=BATCH, epochs=3 - history.epochs, progress=False)
        assert trainer.optimizer.step_count == 21, where
        assert assert_whole_steps(trainer, reference) == 21, where
        assert trainer.epochs_done == 3, where
    assert len(counts) > 3


SCRIPT = """
import hashlib, json, sys, warnings
import numpy as np
import cnn_core as cnn
from cnn_core._ext.core import shuffled
cnn.set_num_threads(int(sys.argv[1]))
rng = np.random.default_rng(0)
x, y = rng.standard_normal((4000, 300)).astype("f"), rng.integers(0, 10, 4000)

def make():
    layers = [cnn.Dense(200, "relu"), cnn.Dropout(0.3), cnn.Dense(10)]
    return cnn.Trainer(cnn.Sequential(layers, 300, seed=0), loss=cnn.SoftmaxCrossEntropy(), seed=1)

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
    history = trainer.fit(x, y, batch_size=100, epochs=100000, callbacks=[Ready()],
                          on_interrupt="return")
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
    assert result["epochs"] == result["epochs_done"]
    # The signal is most often seen when a call returns that has made an epoch's last step.
    assert result["epochs"] in (steps // 40, steps // 40 - 1)
    assert result["digest"] == result["expected"]
    assert result["more"] == [1, 40 * (result["epochs"] + 1)]  # what was left of the epoch
    assert errors == ""
