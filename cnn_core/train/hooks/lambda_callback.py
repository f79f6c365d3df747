"""LambdaCallback: functions as a callback."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cnn_core import options
from cnn_core.errors import OptionError
from cnn_core.naming import Described
from cnn_core.train.callbacks import ARGUMENTS, Callback, Chunk

if TYPE_CHECKING:
    from cnn_core.train.trainer import Trainer

Function = Callable[..., Any] | None


class LambdaCallback(Described, Callback):
    """Call functions at the places that have their names; see `Callback` for what they take.

    ``every_steps`` ends chunks, as there.  Raises `OptionError` for a function that takes others.

    >>> net = cnn.Sequential([cnn.Dense(1)], inputs=2, seed=0)
    >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.Adam(lr=0.05))
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> y = x.sum(axis=1, keepdims=True)
    >>> rates = []
    >>> halve = cnn.LambdaCallback(
    ...     on_epoch_begin=lambda trainer, epoch: rates.append(trainer.optimizer.lr),
    ...     on_epoch_kept=lambda trainer, epoch: setattr(trainer.optimizer, "lr", rates[-1] / 2))
    >>> history = trainer.fit(x, y, epochs=3, callbacks=[halve], progress=False)
    >>> rates
    [0.05, 0.025, 0.0125]
    """

    def __init__(
        self, *, on_train_begin: Function = None, on_epoch_begin: Function = None,
        on_chunk_end: Function = None, on_epoch_end: Function = None,
        on_epoch_kept: Function = None, on_train_end: Function = None,
        every_steps: int | None = None,
    ) -> None:  # fmt: skip
        given = {
            "on_train_begin": on_train_begin, "on_epoch_begin": on_epoch_begin,
            "on_chunk_end": on_chunk_end, "on_epoch_end": on_epoch_end,
            "on_epoch_kept": on_epoch_kept, "on_train_end": on_train_end,
        }  # fmt: skip
        for name, function in given.items():
            if function is not None:
                _check(name, function)
        self._functions = {name: f for name, f in given.items() if f is not None}
        if every_steps is not None:
            every_steps = options.whole("LambdaCallback", every_steps, option="every_steps")
        self.every_steps = every_steps

    def _call(self, name: str, *arguments: Any) -> None:
        function = self._functions.get(name)
        if function is not None:
            function(*arguments)

    def on_train_begin(self, trainer: Trainer) -> None:
        self._call("on_train_begin", trainer)

    def on_epoch_begin(self, trainer: Trainer, epoch: int) -> None:
        self._call("on_epoch_begin", trainer, epoch)

    def on_chunk_end(self, trainer: Trainer, chunk: Chunk) -> None:
        self._call("on_chunk_end", trainer, chunk)

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: dict[str, float]) -> None:
        self._call("on_epoch_end", trainer, epoch, values)

    def on_epoch_kept(self, trainer: Trainer, epoch: int) -> None:
        self._call("on_epoch_kept", trainer, epoch)

    def on_train_end(self, trainer: Trainer) -> None:
        self._call("on_train_end", trainer)

    def __repr__(self) -> str:
        return f"LambdaCallback({', '.join(f'{name}=...' for name in self._functions)})"


def _check(name: str, function: Any) -> None:
    arguments = ", ".join(ARGUMENTS[name])
    need = f"a function f({arguments})"
    if not callable(function):
        raise options.refuse("LambdaCallback", need, function, option=name)
    takes = options.other_arguments(function, ARGUMENTS[name])
    if takes is not None:
        got = f"{options.shown(function)}, which takes ({takes})"
        raise OptionError(f"LambdaCallback: need {name}, {need}; got {got}")
