"""What may be a callback is checked before the first step."""

from __future__ import annotations

import pytest
from training_cases import blobs, make_trainer

import cnn_core as cnn
from cnn_core.errors import OptionError


def fit(trainer, *callbacks, **options):
    x, y = blobs(40)
    return trainer.fit(x, y, progress=False, callbacks=callbacks, **options)


@pytest.mark.parametrize("callbacks", [3, [3], ["loss"], [None], None])
def test_what_is_no_callback_is_refused(callbacks):
    x, y = blobs(10)
    trainer = make_trainer()
    with pytest.raises(OptionError, match=r"callbacks: need .*; got"):
        trainer.fit(x, y, callbacks=callbacks)
    assert trainer.optimizer.step_count == 0


class Keras(cnn.Callback):
    def on_epoch_end(self, epoch, logs=None):
        pass


class Bare(cnn.Callback):
    def on_train_begin(self):
        pass


@pytest.mark.parametrize(("callback", "text"), [
    (lambda e: None, r"callbacks: need callbacks or functions f\(epoch, values\); got <function "
                     r".*>, which takes \(e\)"),
    (lambda: None, r"callbacks: need .*, which takes \(\)"),
    (lambda a, b, c: None, r"callbacks: need .*, which takes \(a, b, c\)"),
    (Keras(), r"Keras.on_epoch_end: need a method that takes \(trainer, epoch, values\); got one "
              r"that takes \(epoch, logs=None\)"),
    (Bare(), r"Bare.on_train_begin: need a method that takes \(trainer\); got one .* \(\)"),
    (cnn.EarlyStopping, r"got the class EarlyStopping: write EarlyStopping\(\)"),
])  # fmt: skip
def test_callbacks_that_take_something_else_are_refused_before_the_first_step(callback, text):
    trainer = make_trainer()
    with pytest.raises(OptionError, match=text):
        fit(trainer, callback)
    assert trainer.optimizer.step_count == 0
    assert trainer.optimizer._store is None


@pytest.mark.parametrize("callback", [
    lambda *a: None, lambda epoch, values, more=1: None, {}.setdefault, print,
])  # fmt: skip
def test_whatever_takes_two_arguments_is_a_callback(callback):
    assert fit(make_trainer(), callback, epochs=2).epochs == 2


@pytest.mark.parametrize(("name", "meant"), [
    ("on_epoch_ends", "on_epoch_end"), ("on_train_batch_end", "on_chunk_end"),
    ("on_batch_end", "on_chunk_end"), ("on_trainbegin", "on_train_begin"),
])  # fmt: skip
def test_a_method_that_nobody_would_call_is_refused_with_what_was_meant(name, meant) -> None:
    hook = type("Hook", (cnn.Callback,), {name: lambda self, trainer: None})()
    with pytest.raises(OptionError, match=f"got Hook.{name}: did you mean '{meant}'"):
        fit(make_trainer(), hook)


def test_a_method_of_the_users_own_is_let_alone() -> None:
    hook = type("Hook", (cnn.Callback,), {"on_quota": lambda self: None})()
    assert fit(make_trainer(), hook, epochs=1).epochs == 1


def test_a_chunk_is_for_reading() -> None:
    seen = []

    class Write(cnn.Callback):
        def on_chunk_end(self, trainer, chunk):
            for name in ("epoch", "step", "rows", "n_rows", "lr", "values", "grad_norm", "other"):
                with pytest.raises(AttributeError):
                    setattr(chunk, name, 3)
            seen.append((chunk.epoch, chunk.step, chunk.rows, chunk.n_rows, chunk.lr))

    fit(make_trainer(), Write(), epochs=1)
    assert seen[-1][:4] == (1, 2, 40, 40)
    assert seen[-1][4] == 0.01
