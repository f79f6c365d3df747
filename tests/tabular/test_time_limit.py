"""A fit keeps to its time: on a clock that each step moves on, and on that of the machine."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from tiny_recipe import Tiny

import cnn_core as cnn
from cnn_core.tabular import TabularClassifier, TabularRegressor, budget, fitting, parts
from cnn_core.tabular.budget import Budget, Hastened
from cnn_core.train.callbacks import Callback

RNG = np.random.default_rng(1)
X = RNG.normal(size=(640, 3))
Y = X[:, 0] - X[:, 1] ** 2
EPOCHS, STEPS = 40, 64  # of 10 rows


class Clock(Callback):
    """Moved on by ``seconds(step)`` for each step and by ``judged`` for each epoch, before others
    look at it."""

    every_steps = 4

    def __init__(self, seconds, judged):
        self.now, self.seconds, self.step, self.rates = 0.0, seconds, 0, []
        self.judged = judged

    def on_epoch_end(self, trainer, epoch, values):
        self.now += self.judged

    def perf_counter(self):
        return self.now

    def on_chunk_end(self, trainer, chunk):
        self.now += sum(self.seconds(step) for step in range(self.step, chunk.step))
        self.step = chunk.step
        self.rates.append(chunk.lr)


def trained(monkeypatch, seconds, end, judged=0.0):
    """Train as far as the time goes; return the clock, the budget and the trainer."""
    clock = Clock(seconds, judged)
    monkeypatch.setattr(budget, "time", clock)
    epochs = EPOCHS
    while epochs is not None:
        clock.step, clock.rates = 0, []
        net = cnn.Sequential([cnn.Dense(4, "tanh"), cnn.Dense(1)], inputs=3, seed=0)
        schedule = cnn.optim.CosineDecay(0.01, epochs * STEPS)
        trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.Adam(lr=schedule))
        made = Budget(end, epochs * STEPS, STEPS, EPOCHS * STEPS, lambda: judged)
        trainer.fit(X, Y[:, None], batch_size=10, epochs=EPOCHS, callbacks=[clock, made],
                    progress=False)  # fmt: skip
        epochs = made.epochs
    return clock, made, trainer


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_rates_end_when_the_time_does(monkeypatch, share):
    end = share * EPOCHS * STEPS
    clock, made, trainer = trained(monkeypatch, lambda step: 1.0, end)
    assert 0.85 * end < clock.now <= end
    assert made.done == made.planned == trainer.optimizer.step_count
    whole = trainer.history.epochs * STEPS == made.done
    assert whole or made.done < budget.WHOLE * STEPS
    assert not made.cut
    assert clock.rates == sorted(clock.rates, reverse=True)
    assert clock.rates[-1] < 1e-2 * clock.rates[0]


def test_where_the_time_is_enough_nothing_changes(monkeypatch):
    _, made, trainer = trained(monkeypatch, lambda step: 1.0, 1.2 * EPOCHS * STEPS)
    plain = trained(monkeypatch, lambda step: 0.0, 1.0)[2]
    assert made.done == EPOCHS * STEPS
    assert trainer.net.store.value.tobytes() == plain.net.store.value.tobytes()
    assert isinstance(trainer.optimizer.lr, cnn.optim.CosineDecay)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_a_short_training_is_not_begun_anew_where_there_is_time_for_all_of_it(monkeypatch, share):
    """Of which that share is done when the pace is known."""
    each = budget.MEASURED[1] / (share * EPOCHS * STEPS)
    clock, made, trainer = trained(monkeypatch, lambda step: each, 60.0)
    assert (made.epochs, made.done, trainer.history.epochs) == (None, EPOCHS * STEPS, EPOCHS)
    assert clock.now == pytest.approx(EPOCHS * STEPS * each)
    assert isinstance(trainer.optimizer.lr, cnn.optim.CosineDecay)


@pytest.mark.parametrize("first", [20, 24, 200, 2550])
def test_a_call_that_was_held_up_changes_nothing(monkeypatch, first):
    end = 4.0 * EPOCHS * STEPS
    slow = range(first, first + 4)
    _, made, trainer = trained(monkeypatch, lambda step: end / 400 if step in slow else 1.0, end)
    assert (made.done, trainer.history.epochs) == (EPOCHS * STEPS, EPOCHS)
    assert isinstance(trainer.optimizer.lr, cnn.optim.CosineDecay)


@pytest.mark.parametrize("slower", [2.0, 5.0])
def test_a_machine_that_slows_down_ends_the_schedule_earlier(monkeypatch, slower):
    end = 0.6 * EPOCHS * STEPS
    clock, made, _ = trained(monkeypatch, lambda step: slower if step > 0.2 * end else 1.0, end)
    assert clock.now <= end
    assert made.done < 0.65 * end
    assert clock.rates[-1] < 0.05 * clock.rates[0]


def test_a_machine_that_becomes_free_makes_more_steps(monkeypatch):
    end = 0.6 * EPOCHS * STEPS
    clock, made, _ = trained(monkeypatch, lambda step: 3.0 if step < 0.05 * end else 1.0, end)
    assert made.done > 0.6 * end
    assert clock.now <= end
    assert clock.rates[-1] < 1e-2 * max(clock.rates)


@pytest.mark.parametrize("epochs", [0.05, 0.6, 2.5])
def test_of_few_epochs_the_last_may_be_a_part(monkeypatch, epochs):
    end = epochs * STEPS + 2 * 3
    clock, made, trainer = trained(monkeypatch, lambda step: 1.0, end, judged=3.0)
    assert made.part is not None
    assert end - 8 < clock.now + 3.0 <= end + 4  # calls of four steps are not broken off
    assert trainer.history.epochs == int(epochs)


def test_the_time_of_validation_counts(monkeypatch):
    end = 0.5 * EPOCHS * STEPS
    _, without, _ = trained(monkeypatch, lambda step: 1.0, end)
    clock, made, _ = trained(monkeypatch, lambda step: 1.0, end, judged=STEPS)
    assert clock.now <= end
    assert clock.rates[-1] < 0.05 * clock.rates[0]
    assert made.n_steps < 0.6 * without.n_steps  # which were planned, before any validation
    assert 0.4 * without.done < made.done < 0.6 * without.done


@pytest.mark.parametrize("pace", [0.5, 1.0, 3.7, 100.0])
def test_hastened_rates_of_many_steps_are_those_of_each(pace):
    slow = cnn.optim.CosLog4(0.04, 5000)
    made = Hastened(slow, 5000, step=120, place=80.5, pace=pace)
    rates = made.of_steps(120, 300)
    assert rates.tolist() == [made(step) for step in range(120, 420)]
    assert rates[0] == slow(80)
    assert rates[299] == slow(min(int(80.5 + 299 * pace), 5000))


# -- of a learner -----------------------------------------------------------------------------


def test_a_limit_that_is_enough_gives_the_bits_of_none():
    first, second = (TabularClassifier(Tiny()).fit(X, Y > 0, time_limit=limit)
                     for limit in (None, 1e5))  # fmt: skip
    assert first.predict_proba(X).tobytes() == second.predict_proba(X).tobytes()
    assert second.notes_ == []


def test_a_look_at_the_validation_part_that_was_held_up_does_not_count(monkeypatch):
    clock, takes, seen = SimpleNamespace(now=0.0), iter([2.0, 3.0, 90.0, 2.5, 2.5]), []
    clock.perf_counter = lambda: clock.now
    made, after = fitting.figures, fitting.Keeper.on_epoch_end

    def figures(*given):
        clock.now += next(takes)
        return made(*given)

    def on_epoch_end(self, *given):
        after(self, *given)
        seen.append(self.seconds)

    monkeypatch.setattr(fitting, "time", clock)
    monkeypatch.setattr(fitting, "figures", figures)
    monkeypatch.setattr(fitting.Keeper, "on_epoch_end", on_epoch_end)
    TabularRegressor(Tiny(epochs=5)).fit(X, Y)
    assert seen == [2.0, 2.0, 3.0, 2.5, 2.5]


def test_nothing_is_planned_where_a_call_has_made_all_steps_that_there_can_be():
    made = Budget(100.0, 10, 5, 10, lambda: 0.0)
    made.planned, made.done, made.seconds = 9, 10, 1.0
    made._plan(SimpleNamespace(), 0.0)  # whose rates are not looked at
    assert made.planned == 9


def test_what_would_be_enough_counts_what_networks_take_beside_their_steps(monkeypatch):
    clock = SimpleNamespace(perf_counter=lambda: 20.0)  # of which the steps have taken 1
    monkeypatch.setattr(fitting, "time", clock)
    o = SimpleNamespace(time_limit=10.0, begin=0.0, n_models=10)
    made = Budget(10.0, 20, 10, 20, lambda: 0.0)
    made.planned, made.done, made.seconds = 10, 10, 0.1
    (note,) = fitting._of_time([made], o, 1.0, 1.0)
    assert note == "1 of 2 epochs fitted into 10 s: with time_limit=240 all would"


@pytest.mark.parametrize("n_models", [1, 3])
def test_a_fit_keeps_to_its_limit_and_says_what_more_would_do(n_models):
    rows = RNG.normal(size=(20_000, 4))
    planned = []

    class Told(Tiny):
        def network(self, rows, task, seed):
            planned.append(self.epochs)
            return super().network(rows, task, seed)

    made = TabularRegressor(Told(epochs=100_000), n_models=n_models)
    made.fit(rows, rows[:, 0] * rows[:, 1], time_limit=1.0)
    assert made.fit_seconds_ < 30  # of hundreds; how exactly, other work on the machine decides
    (note,) = made.notes_[-1:]
    assert "of 100000 epochs fitted into 1 s" in note
    assert float(note.split("time_limit=")[1].split(" ")[0]) > 100
    assert planned.count(100_000) == n_models  # each begins so, and anew where there is time left
    assert len(planned) <= 2 * n_models
    assert all(epochs < 10_000 for epochs in planned if epochs != 100_000)
    assert made.recipe_.epochs == 100_000
    fitted = made.fitted_[0]
    series = made.history_["val_rmse"]
    assert series[fitted.best_epoch - 1] == min(series)
    assert made.score(rows, rows[:, 0] * rows[:, 1]) > 0.1


def test_rows_are_drawn_where_all_would_take_too_long_to_encode(monkeypatch):
    ticks = iter(range(1000))
    monkeypatch.setattr(parts, "time", SimpleNamespace(perf_counter=lambda: float(next(ticks))))
    monkeypatch.setattr(parts, "QUICK", 100)
    o = SimpleNamespace(time_limit=12.0, begin=0.0, seed=0)
    table = parts.as_table(X)
    used = parts.few_enough(table, None, o)  # a tenth took a second
    assert len(used.rows) == 64 * 2.75
    assert used.times == 640 / 176
    assert (np.diff(used.rows) > 0).all()
    o.time_limit = 1000.0
    assert parts.few_enough(table, None, o) == (None, 1.0)
    weight = np.arange(640) % 2 * 1.0
    o.time_limit = 12.0 + next(ticks)
    assert {*(parts.few_enough(table, weight, o).rows % 2)} == {1}


def test_a_table_of_which_rows_are_drawn_is_learned(monkeypatch):
    monkeypatch.setattr(parts, "QUICK", 100)
    monkeypatch.setattr(parts, "SHARE", 1e-9)
    made = TabularRegressor(Tiny(epochs=2)).fit(X, Y, time_limit=30.0)
    assert made.n_rows_ == 64
    assert made.notes_[0].startswith("64 of 640 rows were used")
    assert "time_limit=" in made.notes_[1]
    rows = made.fitted_[0].validation_rows
    held = made.encoder_.transform(X[rows])
    assert np.array_equal(made._raw(held)[0], made.fitted_[0].outputs)
    made.fit(X, Y, X_val=X, y_val=Y, time_limit=30.0)
    assert len(made.fitted_[0].target) == 64


def test_a_large_validation_part_is_looked_at_in_part(monkeypatch):
    monkeypatch.setattr(fitting, "JUDGED", 20)
    slow = fitting.Keeper.estimate

    def estimate(self):
        slow(self)
        self.seconds = 500.0

    monkeypatch.setattr(fitting.Keeper, "estimate", estimate)
    made = TabularRegressor(Tiny(epochs=2)).fit(X, Y, time_limit=1000.0)
    fitted = made.fitted_[0]
    assert 20 <= len(fitted.validation_rows) == len(fitted.outputs) < 40
    held = made.encoder_.transform(X[fitted.validation_rows])
    assert np.array_equal(made._raw(held)[0], fitted.outputs)
