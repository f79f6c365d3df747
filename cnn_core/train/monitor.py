"""Monitor: a figure of the history that a callback goes by, and which way it is better."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from typing import TYPE_CHECKING, Any

from cnn_core import options
from cnn_core.errors import OptionError
from cnn_core.naming import hint

if TYPE_CHECKING:
    from cnn_core.train.trainer import Trainer


class Monitor:
    """The figure ``name``, better by more than ``min_delta`` towards ``mode``, "min" or "max".

    Without a mode the loss gets better by falling, a metric as its ``higher_is_better`` says; a
    value that another callback adds needs one.  ``who`` asks.
    """

    def __init__(self, who: str, name: Any, mode: Any = None, min_delta: Any = 0.0) -> None:
        self.who, self.name, self.mode = who, name, mode
        self.min_delta = options.number(who, min_delta, 0, option="min_delta")
        if not isinstance(name, str):
            raise options.refuse(who, "monitor, a key of the history", name)
        if mode is not None:
            self.mode = options.choice(who, mode, ("min", "max"), option="mode None or")
        self.rising = False

    def begin(self, trainer: Trainer) -> float:
        """Look which way is better, and return a value that any is better than."""
        self.rising = self._direction(trainer)
        return -inf if self.rising else inf

    def is_better(self, value: float, than: float, by: float | None = None) -> bool:
        """Tell whether ``value`` is better by more than ``by``, or `min_delta`."""
        gain = value - than if self.rising else than - value
        return gain > (self.min_delta if by is None else by)

    def value(self, trainer: Trainer, values: Mapping[str, float]) -> float:
        """Return the figure of an epoch."""
        if self.name not in values:
            late = ": a callback that adds it must come before this one"
            raise self._unknown(values, self._meant(trainer, values) or late)
        value = values[self.name]
        if not options.is_number(value):
            raise options.refuse(self.who, f"a number as values[{self.name!r}]", value)
        return value

    def _direction(self, trainer: Trainer) -> bool:
        """Tell whether more is better; raise where nobody says so."""
        if self.mode is not None:
            return self.mode == "max"
        if self.name not in trainer.reports:
            meant = self._meant(trainer, trainer.reports)
            for_callbacks = "; pass mode='min' or 'max' for a value that a callback adds"
            raise self._unknown(trainer.reports, meant + for_callbacks)
        name = self.name.removeprefix("val_")
        found = trainer._objective.directions().get(name, False)
        if found is None:
            raise OptionError(
                f"{self.who}: need mode='min' or mode='max' for {self.name!r}, a metric that "
                f"sets no higher_is_better; got mode=None"
            )
        return found

    def _meant(self, trainer: Trainer, known: Iterable[str]) -> str:
        if self.name in trainer._objective.names(rows=True):
            return f": give fit validation_data and monitor 'val_{self.name}'"
        if self.name.startswith("val_") and "val_loss" not in trainer.reports:
            return ": give fit validation_data to have it"
        return hint(self.name, known)

    def _unknown(self, known: Iterable[str], remedy: str) -> OptionError:
        return OptionError(
            f"{self.who}: need monitor among {', '.join(known)}; got {self.name!r}{remedy}"
        )
