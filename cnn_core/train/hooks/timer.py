"""Timer: how long a training and its epochs take, and an end to it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cnn_core import options
from cnn_core.naming import Described
from cnn_core.train.callbacks import Callback

if TYPE_CHECKING:
    from cnn_core.train.trainer import Trainer


class Timer(Described, Callback):
    """Measure the training, and end it with the epoch in which ``seconds`` have passed.

    None: it has no end.  ``elapsed`` are the seconds of the fit so far, `epochs` those of each
    of its epochs, with validation and callbacks, and ``per_epoch`` their mean.  A fit that is
    resumed has its ``seconds`` anew, as in the next job of a queue; with ``total`` it goes on
    from those that it had taken when its checkpoint was written.

    Raises `OptionError` unless ``seconds`` is above 0.

    >>> net = cnn.Sequential([cnn.Dense(1)], inputs=2, seed=0)
    >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.Adam(lr=0.05))
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> y = x.sum(axis=1, keepdims=True)
    >>> timer = cnn.Timer(seconds=0.05)
    >>> history = trainer.fit(x, y, epochs=10**6, callbacks=[timer], progress=False)
    >>> timer.elapsed > 0.05, len(timer.epochs) == history.epochs < 10**6
    (True, True)
    """

    def __init__(self, seconds: float | None = None, *, total: bool = False) -> None:
        if seconds is not None:
            seconds = options.number("Timer", seconds, 0, open_at="low", option="seconds")
        self.seconds, self.total = seconds, options.flag("Timer", total, option="total")
        self.epochs: list[float] = []
        """The seconds of each epoch."""
        self._before = self._mark = 0.0
        self._begin: float | None = None  # None: it stands still
        self._ended = False  # the training, by this one
        self._trainer: Trainer | None = None

    @property
    def elapsed(self) -> float:
        """The seconds of the fit so far."""
        return self._before + (0.0 if self._begin is None else time.monotonic() - self._begin)

    @property
    def per_epoch(self) -> float:
        """The mean of the epochs' seconds; NaN before the first has ended."""
        return sum(self.epochs) / len(self.epochs) if self.epochs else float("nan")

    @property
    def _is_over(self) -> bool:
        return self.seconds is not None and self.elapsed >= self.seconds

    def on_train_begin(self, trainer: Trainer) -> None:
        self._before, self._mark, self.epochs = 0.0, 0.0, []
        self._begin, self._ended, self._trainer = time.monotonic(), False, trainer

    def on_epoch_kept(self, trainer: Trainer, epoch: int) -> None:
        now = self.elapsed
        self.epochs.append(now - self._mark)
        self._mark = now
        if self._is_over and not trainer.stop:
            trainer.stop = self._ended = True

    def on_train_end(self, trainer: Trainer) -> None:
        self._before, self._begin, self._trainer = self.elapsed, None, None

    def state_dict(self) -> dict[str, Any]:
        return {"elapsed": self.elapsed, "mark": self._mark, "epochs": list(self.epochs),
                "ended": self._ended}  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.epochs, ended = [float(s) for s in state["epochs"]], bool(state["ended"])
        before, mark = float(state["elapsed"]), float(state["mark"])
        self._begin, self._before = time.monotonic(), before if self.total else 0.0
        self._mark = mark if self.total else mark - before
        self._ended = ended and self._is_over
        if ended and not self._ended and self._trainer is not None:
            self._trainer.stop = False  # there is time again

    def __getstate__(self) -> dict[str, Any]:
        """A copy stands still: clocks of other processes may begin elsewhere."""
        return {**self.__dict__, "_before": self.elapsed, "_begin": None, "_trainer": None}
