"""Callbacks: when they are called, early stopping, what goes wrong in them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from training_cases import assert_same_state, blobs, make_net, make_trainer, state

import cnn_core as cnn
from cnn_core.errors import OptionError


class Record(cnn.Callback):
    def __init__(self) -> None:
        self.calls: list = []

    def on_train_begin(self, trainer):
        self.calls.append("begin")

    def on_epoch_end(self, trainer, epoch, values):
        self.calls.append((epoch, sorted(values), trainer.epochs_done))

    def on_train_end(self, trainer):
        self.calls.append("end")


class Script(cnn.Callback):
    """Reports a given value for each epoch, in place of the measured one."""

    def __init__(self, key: str, values: list[float]) -> None:
        self.key, self.values = key, values
        self.params: list[np.ndarray] = []

    def on_epoch_end(self, trainer, epoch, values):
        values[self.key] = self.values[trainer.history.epochs - 1]
        self.params.append(trainer.net.store.value.copy())


def fit(trainer, *callbacks, epochs=3, **options):
    x, y = blobs(40)
    return trainer.fit(x, y, epochs=epochs, progress=False, callbacks=callbacks, **options)


def test_each_method_is_called_in_its_turn():
    record = Record()
    trainer = make_trainer(metrics=["accuracy"])
    fit(trainer, record, epochs=2)
    fit(trainer, record, epochs=1, validation_data=blobs(9))
    keys = ["accuracy", "loss"]
    both = [*keys, "val_accuracy", "val_loss"]
    assert record.calls == ["begin", (1, keys, 1), (2, keys, 2), "end",
                            "begin", (3, both, 3), "end"]  # fmt: skip


def test_function_gets_epoch_and_values():
    seen = []
    history = fit(make_trainer(), lambda epoch, values: seen.append((epoch, values["loss"])))
    assert seen == list(enumerate(history["loss"], 1))


def test_callback_does_not_change_training():
    a, b = make_trainer(), make_trainer()
    fit(a)
    fit(b, Record(), lambda e, v: None, cnn.EarlyStopping("loss", patience=50))
    assert_same_state(state(b), state(a))


def test_stop_ends_after_the_epoch_and_the_next_fit_starts_anew():
    class Stop(cnn.Callback):
        def on_epoch_end(self, trainer, epoch, values):
            trainer.stop = epoch == 2

    trainer = make_trainer()
    assert fit(trainer, Stop(), epochs=9).epochs == 2
    assert fit(trainer, epochs=3).epochs == 3
    assert trainer.epochs_done == 5


def test_callback_sees_the_steps_made():
    counts = []

    class Count(cnn.Callback):
        def on_epoch_end(self, trainer, epoch, values):
            counts.append(trainer.optimizer.step_count)
            counts.append(trainer.optimizer.state_dict()["step_count"])

    fit(make_trainer(), Count(), batch_size=8)
    assert counts == [5, 5, 10, 10, 15, 15]


def test_callback_may_step_evaluate_and_change_the_rate():
    x, y = blobs(40)

    class Busy(cnn.Callback):
        def on_epoch_end(self, trainer, epoch, values):
            trainer.evaluate(x, y)
            trainer.step(x, y)
            trainer.optimizer.lr = 0.005

    found, expected = make_trainer(), make_trainer()
    fit(found, Busy(), epochs=2, batch_size=8)
    for _ in range(2):
        fit(expected, epochs=1, batch_size=8)
        expected.step(x, y)
        expected.optimizer.lr = 0.005
    assert_same_state(state(found), state(expected))
    assert found.optimizer.step_count == 12


def test_callback_may_load_an_earlier_state():
    class Back(cnn.Callback):
        def on_epoch_end(self, trainer, epoch, values):
            if epoch == 1:
                self.state = trainer.optimizer.state_dict()
                self.params = trainer.net.store.value.copy()
            if epoch == 3:
                trainer.optimizer.load_state_dict(self.state)
                trainer.net.store.value[:] = self.params

    found, expected = make_trainer(), make_trainer()
    fit(found, Back(), epochs=4, batch_size=8)
    fit(expected, epochs=1, batch_size=8)
    expected.epochs_done = 3
    fit(expected, epochs=1, batch_size=8)
    assert_same_state(state(found), state(expected))


def test_error_in_a_callback_leaves_whole_steps_and_a_usable_trainer():
    record = Record()

    def fail(epoch, values):
        if epoch == 2:
            raise RuntimeError("from the user")

    trainer, expected = make_trainer(), make_trainer()
    with pytest.raises(RuntimeError, match="from the user"):
        fit(trainer, record, fail, epochs=5)
    assert record.calls[-1] == "end"
    fit(expected, epochs=2)
    assert_same_state(state(trainer), state(expected))
    fit(trainer, epochs=1)
    fit(expected, epochs=1)
    assert_same_state(state(trainer), state(expected))


class Raising(cnn.Callback):
    """Raises in one of its methods."""

    def __init__(self, at: str) -> None:
        self.at = at

    def _called(self, name):
        if name == self.at:
            raise RuntimeError(f"from {name}")

    def on_train_begin(self, trainer):
        self._called("on_train_begin")

    def on_epoch_end(self, trainer, epoch, values):
        if epoch == 3:
            self._called("on_epoch_end")

    def on_train_end(self, trainer):
        self._called("on_train_end")


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("at", ["on_epoch_end", "on_train_end"])
def test_error_in_a_callback_lets_all_others_end_and_keeps_the_history(at, place):
    record, script = Record(), Script("loss", [1, 2, 3, 4])
    others = [script, record, cnn.EarlyStopping("loss", 9)]
    hooks = [*others[:place], Raising(at), *others[place:]]
    trainer = make_trainer()
    with pytest.raises(RuntimeError, match=f"from {at}"):
        fit(trainer, *hooks, epochs=4)
    assert record.calls[-1] == "end"
    assert np.array_equal(trainer.net.store.value, script.params[0])  # the best of the script
    assert trainer.history.epochs == (3 if at == "on_epoch_end" else 4)
    assert not trainer.history.interrupted


def test_errors_of_several_ends_are_chained_and_all_end():
    record = Record()
    with pytest.raises(RuntimeError, match="from on_train_end") as caught:
        fit(make_trainer(), Raising("on_train_end"), Raising("on_epoch_end"), record)
    assert str(caught.value.__context__) == "from on_epoch_end"
    assert record.calls[-1] == "end"


@pytest.mark.parametrize("trained", [False, True])
def test_fit_that_a_callback_refuses_has_changed_nothing(trained):
    """Not the optimizer's binding, the history or the parameters; who has begun ends."""
    before, after = Record(), Record()
    trainer, other = make_trainer(metrics=["accuracy"]), make_trainer(make_net(hidden=(5,)))
    if trained:
        fit(trainer, epochs=2, validation_data=blobs(9))
    kept, history = state(trainer), trainer.history.to_dict()
    reports, stop = list(trainer.reports), trainer.stop
    with pytest.raises(RuntimeError, match="from on_train_begin"):
        fit(trainer, before, Raising("on_train_begin"), after)
    assert (before.calls, after.calls) == (["begin", "end"], [])
    assert_same_state(state(trainer), kept)
    assert trainer.history.to_dict() == history
    assert (trainer.reports, trainer.stop) == (reports, stop)
    if not trained:
        other.optimizer = trainer.optimizer
        fit(other)  # it belongs to nobody yet
    else:
        fit(trainer)


def test_stop_before_the_first_epoch_trains_none():
    class Stop(cnn.Callback):
        def on_train_begin(self, trainer):
            trainer.stop = True

    trainer = make_trainer()
    trainer.optimizer.bind(trainer.net.store)
    before = state(trainer)
    record = Record()
    assert fit(trainer, record, Stop(), epochs=3).epochs == 0
    assert record.calls == ["begin", "end"]
    assert_same_state(state(trainer), before)


def test_callback_sees_the_history_of_the_present_fit():
    seen = []

    class Look(cnn.Callback):
        def on_epoch_end(self, trainer, epoch, values):
            seen.append((trainer.history.epochs, trainer.history["loss"][-1] == values["loss"]))

    trainer = make_trainer()
    assert trainer.history.epochs == 0
    history = fit(trainer, Look(), epochs=2)
    assert seen == [(1, True), (2, True)]
    assert trainer.history is history


# -- early stopping -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("losses", "patience", "epochs", "best"),
    [
        ([5, 4, 3, 2, 1], 2, 5, 5),
        ([5, 4, 4, 4, 4], 2, 4, 2),
        ([5, 6, 6, 6, 6], 0, 2, 1),
        ([5, 6, 6, 6, 6], 1, 2, 1),
        ([5, 6, 6, 6, 6], 3, 4, 1),
        ([5, 6, 4, 6, 6], 2, 5, 3),
        ([np.nan] * 5, 2, 2, 0),
        ([5, np.nan, np.nan, 1, 1], 3, 5, 4),
    ],
)
def test_early_stopping_waits_for_patience_epochs(losses, patience, epochs, best):
    script, stopping = Script("loss", losses), cnn.EarlyStopping("loss", patience)
    trainer = make_trainer()
    assert fit(trainer, script, stopping, epochs=5).epochs == epochs
    assert stopping.best_epoch == best
    expected = script.params[(best or epochs) - 1]
    assert np.array_equal(trainer.net.store.value, expected)


@pytest.mark.parametrize("key", ["accuracy", "r2", "top_2"])
def test_some_metrics_get_better_by_rising(key):
    metrics = [] if key == "r2" else [key]
    script = Script(key, [0.1, 0.5, 0.4, 0.3, 0.2])
    stopping = cnn.EarlyStopping(key, 2)
    trainer = make_trainer(metrics=metrics)
    if key == "r2":
        trainer = cnn.Trainer(trainer.net, loss=cnn.MSE(), metrics=["r2"])
        x = blobs(40)[0]
        history = trainer.fit(x, x[:, :3], epochs=5, progress=False, callbacks=[script, stopping])
    else:
        history = fit(trainer, script, stopping, epochs=5)
    assert (history.epochs, stopping.best_epoch) == (4, 2)


def test_min_delta_is_the_least_that_counts():
    for delta, epochs in [(0.0, 4), (0.6, 2), (0.4, 4)]:
        script = Script("loss", [5, 4.5, 4.0, 3.5])
        stopping = cnn.EarlyStopping("loss", 1, min_delta=delta)
        assert fit(make_trainer(), script, stopping, epochs=4).epochs == epochs


def test_without_restore_best_the_last_parameters_stay():
    script = Script("loss", [1, 2, 3])
    trainer = make_trainer()
    fit(trainer, script, cnn.EarlyStopping("loss", 2, restore_best=False))
    assert np.array_equal(trainer.net.store.value, script.params[-1])


def test_early_stopping_starts_afresh_in_each_fit():
    stopping = cnn.EarlyStopping("loss", 2)
    trainer = make_trainer()
    assert fit(trainer, Script("loss", [1, 2, 3, 4]), stopping, epochs=4).epochs == 3
    assert fit(trainer, Script("loss", [9, 8, 7, 6]), stopping, epochs=4).epochs == 4


@pytest.mark.parametrize(("monitor", "remedy"), [
    ("val_loss", ": give fit validation_data to have it"), ("accuracy", ""),
    ("los", ": did you mean 'loss'?"),
])  # fmt: skip
def test_unknown_monitor_is_refused_before_the_first_step(monitor, remedy):
    trainer = make_trainer(metrics=["top_2"])
    text = f"need monitor among loss, top_2; got '{monitor}'{remedy}; pass mode='min' or 'max'"
    with pytest.raises(OptionError, match=re.escape(text)):
        fit(trainer, cnn.EarlyStopping(monitor))
    assert trainer.optimizer.step_count == 0


class Rising(cnn.Metric):
    """A metric that says nothing about its direction, or what it is told to."""

    name = "rising"

    def __init__(self, better=None):
        self.higher_is_better = better

    def build(self, output, target, weight, ignore):
        return cnn.ops.metric_accuracy(output, target, weight=weight, ignore_index=ignore)


@pytest.mark.parametrize(("better", "mode"), [(True, None), (None, "max"), (False, "max")])
def test_a_metric_says_which_way_is_better_and_mode_overrides(better, mode):
    script = Script("rising", [0.1, 0.2, 0.3, 0.2, 0.1])
    stopping = cnn.EarlyStopping("rising", 2, mode=mode)
    trainer = make_trainer(metrics=[Rising(better)])
    assert fit(trainer, script, stopping, epochs=9).epochs == 5
    assert (stopping.best, stopping.best_epoch) == (0.3, 3)
    assert np.array_equal(trainer.net.store.value, script.params[2])
    down = cnn.EarlyStopping("rising", 2, mode="min")
    assert fit(trainer, Script("rising", [3, 1, 2, 3]), down, epochs=4).epochs == 4
    assert (down.best, down.best_epoch) == (1, 7)


def test_a_metric_of_unknown_direction_is_asked_for_its_mode_before_the_first_step():
    trainer = make_trainer(metrics=[Rising()])
    text = "need mode='min' or mode='max' for 'rising', a metric that sets no higher_is_better"
    with pytest.raises(OptionError, match=text):
        fit(trainer, cnn.EarlyStopping("rising"))
    assert trainer.optimizer.step_count == 0


def test_best_is_in_the_metric_s_own_sign():
    stopping = cnn.EarlyStopping("accuracy")
    history = fit(make_trainer(metrics=["accuracy"]), stopping)
    assert stopping.best == max(history["accuracy"]) > 0


@pytest.mark.parametrize("options", [
    {"patience": -1}, {"patience": 1.5}, {"patience": True}, {"min_delta": -1.0},
    {"min_delta": np.nan}, {"min_delta": np.inf}, {"min_delta": "1"}, {"monitor": None},
    {"mode": "up"}, {"mode": 1},
])  # fmt: skip
def test_bad_options_of_early_stopping_are_refused(options):
    (name,) = options
    with pytest.raises(OptionError, match=f"EarlyStopping: need .*{name}.*; got"):
        cnn.EarlyStopping(**options)


def test_values_that_a_callback_adds_reach_history_and_later_callbacks():
    made = [0.1, 0.3, 0.2, 0.1, 0.1, 0.1]
    stopping = cnn.EarlyStopping("found", 2, mode="max")
    trainer = make_trainer()
    history = fit(trainer, Script("found", made), stopping, epochs=6)
    assert history["found"] == made[:4]
    assert (stopping.best, stopping.best_epoch) == (0.3, 2)
    adds = [Script("loss", [9, 8]), lambda epoch, values: values.update(second=epoch)]
    history = fit(trainer, *adds, epochs=2)
    assert history.to_dict() | {"seconds": 0} == {"loss": [9, 8], "second": [5, 6], "seconds": 0}


def test_a_value_that_comes_too_late_or_never_is_missed_by_name():
    trainer = make_trainer()
    stopping = cnn.EarlyStopping("found", mode="max")
    late = "need monitor among loss; got 'found': a callback that adds it must come before"
    with pytest.raises(OptionError, match=late):
        fit(trainer, stopping, Script("found", [1, 2, 3]))
    with pytest.raises(OptionError, match="got 'val_loss': give fit validation_data to have it"):
        fit(trainer, cnn.EarlyStopping("val_loss", mode="min"))
    with pytest.raises(OptionError, match="got 'fund': did you mean 'found'"):
        fit(trainer, Script("found", [1, 2, 3]), cnn.EarlyStopping("fund", mode="max"))
    assert trainer.history["found"] == [1]


def test_a_value_that_is_no_number_is_refused_by_name():
    trainer = make_trainer()
    text = r"callbacks: need a number as values\['odd'\]; got 'high'"
    with pytest.raises(OptionError, match=text):
        fit(trainer, lambda epoch, values: values.update(odd="high"))
    with pytest.raises(OptionError, match=r"EarlyStopping: need a number as values\['odd'\]"):
        fit(trainer, lambda epoch, values: values.update(odd="high"),
            cnn.EarlyStopping("odd", mode="max"))  # fmt: skip
    assert np.isnan(trainer.history["odd"]).all()
    assert trainer.history.epochs == 1
