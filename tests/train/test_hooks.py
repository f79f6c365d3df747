"""Callbacks that time, record, call and show, and what all of them promise."""

from __future__ import annotations

import copy
import io
import pickle
import time

import numpy as np
import pytest
from hook_cases import Stop, fit, lines
from training_cases import assert_same_state, blobs, make_net, make_trainer, state

import cnn_core as cnn
from cnn_core.errors import OptionError, StateError

# -- Timer --------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


class Wait(cnn.Callback):
    """Lets ten seconds pass in each epoch."""

    def __init__(self, now):
        self.now = now

    def on_epoch_end(self, trainer, epoch, values):
        self.now[0] += 10


def test_timer_ends_the_training_with_the_epoch_in_which_its_seconds_pass(clock):
    timer = cnn.Timer(25)
    assert fit(make_trainer(), Wait(clock), timer, epochs=9).epochs == 3
    clock[0] += 50
    assert (timer.elapsed, timer.epochs, timer.per_epoch) == (30.0, [10.0] * 3, 10.0)
    assert fit(make_trainer(), Wait(clock), timer, epochs=2).epochs == 2  # anew
    assert timer.elapsed == 20.0


@pytest.mark.parametrize("every", [None, 7])
@pytest.mark.parametrize("total", [False, True])
def test_timer_of_a_resumed_training(total, every, clock, tmp_path):
    def run(seconds):
        hooks = [cnn.Checkpoint(tmp_path / "run", every=every), Wait(clock),
                 cnn.Timer(seconds, total=total)]  # fmt: skip
        clock[0] += 1000
        return fit(make_trainer(), *hooks, epochs=9, resume=tmp_path / "run").epochs, hooks[2]

    assert run(25)[0] == 3
    epochs, timer = run(45)
    assert epochs == (5 if total else 8)
    assert timer.epochs == [10.0] * epochs
    assert timer.elapsed == (50.0 if total else 50.0 - 0)
    assert run(45)[0] == (5 if total else 9)


# -- Record -------------------------------------------------------------------------------


def test_record_adds_rate_and_norm_of_the_last_step():
    rates, norms = [], []

    class Look(cnn.Callback):
        every_steps = 1

        def on_chunk_end(self, trainer, chunk):
            rates.append(trainer.optimizer.lr_at(chunk.step - 1))
            norms.append(chunk.grad_norm)

    schedule = cnn.optim.ExponentialDecay(0.01, 1, 0.9)
    trainer = make_trainer(optimizer=cnn.Adam(schedule, clip_norm=1e-3))
    history = fit(trainer, Look(), cnn.Record(every=3))
    assert history["lr"] == rates[9::10]
    for i, (mean, most) in enumerate(zip(history["grad_norm"], history["grad_norm_max"],
                                         strict=True)):  # fmt: skip
        own = [n for s, n in enumerate(norms, 1)
               if (s - 1) // 10 == i and (s % 3 == 0 or s % 10 == 0)]  # fmt: skip
        assert mean == pytest.approx(np.mean(own), rel=1e-12)
        assert most == max(own)
    plain = make_trainer(optimizer=cnn.Adam(schedule, clip_norm=1e-3))
    assert fit(plain, cnn.Record())["grad_norm"] == norms[9::10]
    assert_same_state(state(trainer), state(plain))
    assert list(fit(make_trainer(), cnn.Record(grad_norm=False))) == ["loss", "lr"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_norm_of_gradients_is_summed_in_double(dtype):
    class Look(cnn.Callback):
        def on_chunk_end(self, trainer, chunk):
            grads = [np.ravel(g) for g in trainer.net.store.grads.values()]
            expected = np.linalg.norm(np.concatenate(grads).astype(np.float64))
            assert chunk.grad_norm == pytest.approx(expected, rel=1e-14)

    fit(make_trainer(make_net(dtype=dtype)), Look())


@pytest.mark.parametrize(("optimizer", "known"), [(cnn.SGD(0.1), False), (cnn.Adam(), True)])
def test_norm_of_what_comes_of_sparse_rows_is_the_dense_one_or_none(optimizer, known):
    sparse = pytest.importorskip("scipy.sparse")
    x, y = blobs(40)
    rows = sparse.csr_array(x * (np.abs(x) > 1))
    found = []
    for features in (rows, rows.toarray()):
        optimizer.reset()
        history = make_trainer(optimizer=optimizer).fit(features, y, progress=False,
                                                        callbacks=[cnn.Record()])  # fmt: skip
        found.append(history["grad_norm"][0])
    assert np.isnan(found[0]) != known
    assert not known or found[0] == pytest.approx(found[1], rel=1e-5)


@pytest.mark.parametrize("at", [4, 9, 10, 11, 17])
def test_record_and_timer_leave_a_resumed_training_exact(at, tmp_path):
    """The checkpoint is written after the others, wherever it stands in their list."""
    path = tmp_path / "run"

    def run(stop, **options):
        trainer = make_trainer(optimizer=cnn.Adam(cnn.optim.CosineDecay(0.02, 50)))
        hooks = [cnn.Checkpoint(path, every=1), cnn.Record(every=3), cnn.Timer(), Stop(stop)]
        return fit(trainer, *hooks, **options).to_dict(), state(trainer)

    expected, after = run(-1)
    path.unlink()
    with pytest.raises(KeyboardInterrupt):
        run(at)
    found, reached = run(-1, resume=path)
    assert {**found, "seconds": 0} == {**expected, "seconds": 0}
    assert_same_state(reached, after)


# -- LambdaCallback -----------------------------------------------------------------------


def test_functions_are_called_at_the_places_of_their_names():
    calls = []
    hook = cnn.LambdaCallback(
        on_train_begin=lambda trainer: calls.append("begin"),
        on_epoch_begin=lambda trainer, epoch: calls.append(epoch),
        on_chunk_end=lambda trainer, chunk: chunk.step % 5 or calls.append(("step", chunk.step)),
        on_epoch_end=lambda trainer, epoch, values: values.update(own=epoch),
        on_epoch_kept=lambda trainer, epoch: calls.append(list(trainer.history["own"])),
        on_train_end=lambda trainer: calls.append("end"), every_steps=5,
    )  # fmt: skip
    fit(make_trainer(), hook, epochs=2)
    assert calls == ["begin", 1, ("step", 5), ("step", 10), [1.0], 2, ("step", 15), ("step", 20),
                     [1.0, 2.0], "end"]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "words"),
    [({"on_epoch_end": lambda epoch, values: None},
      r"need on_epoch_end, a function f\(trainer, epoch, values\); got .*takes \(epoch, values\)"),
     ({"on_epoch_begin": 3}, r"need on_epoch_begin, a function f\(trainer, epoch\); got 3"),
     ({"on_batch_end": print}, "need options among on_train_begin, .*; got 'on_batch_end'")],
)  # fmt: skip
def test_functions_that_take_something_else_are_refused(given, words):
    with pytest.raises(OptionError, match=words):
        cnn.LambdaCallback(**given)


# -- ProgressBar --------------------------------------------------------------------------


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("every_epoch", [False, True])
@pytest.mark.parametrize("leave", [False, True])
def test_bar_in_place_of_that_of_fit(every_epoch, leave, capsys):
    screen = Screen()
    bar = cnn.ProgressBar(every_epoch=every_epoch, leave=leave, file=screen)
    fit(make_trainer(), bar, epochs=3, progress="always")
    left = [line.split("\r")[-1].split()[:2] for line in screen.getvalue().split("\n")][:-1]
    expected = [["epoch", f"{i}/3"] for i in (1, 2, 3)] if every_epoch else [["epoch", "3/3"]]
    assert left == (expected if leave else expected[:-1])
    assert capsys.readouterr().err == ""  # one bar


def test_bar_of_an_epoch_that_is_broken_off_and_of_a_fit_that_goes_on():
    screen, trainer = Screen(), make_trainer()
    bar = cnn.ProgressBar(every_epoch=True, file=screen)
    with pytest.raises(KeyboardInterrupt):
        fit(trainer, bar, Stop(15))
    fit(trainer, bar, epochs=1)
    left = [line.split("\r")[-1].split()[:3] for line in screen.getvalue().split("\n")][:-1]
    assert left == [["epoch", "1/4", "00:00,"], ["epoch", "2/4", "50%"], ["epoch", "2/2", "00:00,"]]


def test_bar_shows_nothing_but_on_terminals_unless_always():
    for always in (False, True):
        file = io.StringIO()
        fit(make_trainer(), cnn.ProgressBar(always=always, file=file))
        assert file.getvalue().startswith("epoch 4/4") == always


# -- all of them --------------------------------------------------------------------------


def hooks_of(folder) -> list[cnn.Callback]:
    return [cnn.CSVLogger(folder / "log.csv"), cnn.Timer(99), cnn.Record(every=2),
            cnn.ProgressBar(), cnn.LambdaCallback(on_train_end=print)]  # fmt: skip


def test_hooks_can_be_copied_and_pickled_also_while_they_work(tmp_path):
    hooks, copies = hooks_of(tmp_path), []

    class Copy(cnn.Callback):
        def on_epoch_begin(self, trainer, epoch):
            if epoch == 2:
                copies.append(pickle.loads(pickle.dumps(hooks)))
                copies.append(copy.deepcopy(hooks))

    fit(make_trainer(), *hooks, Copy())
    for made in copies:
        assert fit(make_trainer(), *made).epochs == 4
        assert [repr(hook) for hook in made] == [repr(hook) for hook in hooks]


def test_hooks_change_no_bit_of_a_training(tmp_path):
    plain, watched = make_trainer(), make_trainer()
    fit(plain)
    fit(watched, *hooks_of(tmp_path))
    assert_same_state(state(watched), state(plain))


@pytest.mark.parametrize("at", ["on_epoch_begin", "on_chunk_end", "on_epoch_kept"])
@pytest.mark.parametrize("place", [0, 5])
def test_error_in_a_hook_leaves_all_whole_and_lets_the_others_end(at, place, tmp_path):
    ends = []

    class End(cnn.Callback):
        def on_train_end(self, trainer):
            ends.append(trainer.history.epochs)

    class Bad(cnn.Callback):
        every_steps = 1

    def fail(self, trainer, *rest):
        if trainer.optimizer.step_count >= 25:
            raise RuntimeError("from the hook")

    setattr(Bad, at, fail)
    hooks = [*hooks_of(tmp_path)[:4], End(), cnn.Checkpoint(tmp_path / "run")]
    hooks.insert(place, Bad())
    trainer, straight = make_trainer(), make_trainer()
    with pytest.raises(RuntimeError, match="from the hook"):
        fit(trainer, *hooks)
    epochs = 2 if at == "on_chunk_end" else 3
    assert ends == [epochs] == [trainer.history.epochs]
    assert trainer.epochs_done == epochs
    kept = 2 if at == "on_epoch_kept" and place == 0 else epochs
    assert len(lines(tmp_path / "log.csv")) == kept
    step = cnn.Trainer.resume(tmp_path / "run").optimizer.step_count
    assert step == trainer.optimizer.step_count == (25 if at == "on_chunk_end" else 30)
    fit(straight)
    fit(trainer, epochs=4 - epochs)
    assert_same_state(state(trainer), state(straight))


def test_state_of_other_hooks_is_refused(tmp_path):
    fit(make_trainer(), cnn.Record(), cnn.Checkpoint(tmp_path / "run"))
    with pytest.raises(StateError, match="need the callbacks Record, Checkpoint, in this order"):
        fit(make_trainer(), cnn.Timer(), cnn.Checkpoint(tmp_path / "run"), resume=tmp_path / "run")


@pytest.mark.parametrize(
    "call",
    [lambda: cnn.Timer(0), lambda: cnn.Timer("1"), lambda: cnn.Record(every=0),
     lambda: cnn.Record(grad_norm=False, every=3), lambda: cnn.Record(lr=1),
     lambda: cnn.CSVLogger(3), lambda: cnn.ProgressBar(leave="yes"),
     lambda: cnn.ProgressBar(file="log"), lambda: cnn.LambdaCallback(every_steps=0)],
)  # fmt: skip
def test_options_of_the_wrong_kind(call):
    with pytest.raises(OptionError, match=r"need .*; got "):
        call()
