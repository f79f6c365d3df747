"""A training that ends in time: its pace is measured, and the schedule of its rates shortened."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import exp
from statistics import median
from typing import Any

import numpy as np

from cnn_core.optim.schedules import Rate
from cnn_core.optim.schedules.base import Fixed, own, rate_at, rates_of
from cnn_core.train.callbacks import Callback, Chunk
from cnn_core.train.trainer import Trainer

MEASURED = 0.02, 0.3
"""The share of the time, and the seconds, after which the pace is known; the lesser of both."""

TRIALS = 6
"""The first calls into C, which try numbers of threads and tell nothing of the pace."""

PACES = 3
"""So many calls after these tell it by their median, fewer by the fastest, trials among them: one
may have been held up by other processes."""

WHOLE = 20
"""So many epochs or more are whole ones; of fewer the last may be a part of one."""

RANGE = 30
"""Up to this pace, rates are made of all steps of the schedule, to pick from."""

ENOUGH = 0.8
"""A training of this share of its steps or more is not begun anew, only hastened."""

AHEAD = 0.1
"""A share of the time that is left over makes a training longer again."""


@own
class Hastened(Fixed):
    """The rate of ``then`` at the step ``place`` + ``pace`` (s - ``step``), rounded down, at the
    step s: a schedule of ``steps`` that from ``step`` on runs ``pace`` times as fast.

    >>> from cnn_core.optim import CosineDecay
    >>> Hastened(CosineDecay(0.1, steps=1000), 1000, step=100, place=100.0, pace=4.0)(200)
    0.05
    """

    then: Rate
    steps: int
    step: int
    place: float
    pace: float

    def __init__(self, then: Rate, steps: int, step: int, place: float, pace: float) -> None:
        super().__init__(then=then, steps=steps, step=step, place=place, pace=pace)

    def at(self, step: int) -> float:
        """Return the place in the schedule of a step."""
        return min(self.place + self.pace * (step - self.step), self.steps)

    def __call__(self, step: int) -> float:
        return rate_at("Hastened", self.then, int(self.at(step)))

    def of_steps(self, first: int, n: int) -> np.ndarray:
        """Return the rates of ``n`` steps from ``first`` on."""
        if self.pace > RANGE:
            return np.array([self(step) for step in range(first, first + n)])
        begin = int(self.at(first))
        rates = rates_of("Hastened", self.then, begin, int(self.at(first + n - 1)) + 1 - begin)
        return rates[[int(self.at(step)) - begin for step in range(first, first + n)]]


class Budget(Callback):
    """Ends a training by the time ``end``, a value of ``time.perf_counter``.

    The pace of the first steps tells how many there will be, in place of the ``n_steps`` that the
    schedule of rates has: where they are far fewer, the training ends and `epochs` says of how many
    another should be made.  Otherwise the pace is looked at again after each epoch: there are fewer
    steps, or more, up to ``most``, and `Hastened` rates end with them.  Nothing changes where the
    time is enough.  Where the machine has become so slow that even this is too late, the training
    ends at once.

    ``judged`` returns the seconds that the validation after an epoch takes.
    """

    def __init__(
        self, end: float, n_steps: int, per_epoch: int, most: int, judged: Callable[[], float]
    ) -> None:
        self.end, self.n_steps, self.judged = end, n_steps, judged
        self.per_epoch, self.most = per_epoch, most
        self.planned = n_steps
        """How many steps there will be."""
        self.epochs: int | None = None
        self.seconds = 0.0
        """Of a step, as measured last."""
        self.part: dict[str, float] | None = None
        """The figures of the last epoch, where it was not a whole one, ..."""
        self.epoch_begin = 0.0
        """... and when it began."""
        self._late = False
        self._schedule: Rate | None = None
        self._chunks, self._known = 0, False
        self._trials: list[float] = []
        self._paces: list[float] = []
        self._time, self._steps = 0.0, 0.0
        self.done = 0
        """How many steps there were."""

    def seconds_each(self) -> float:
        """Return the seconds that a step takes, with its share of a validation."""
        return self.seconds + self.judged() / self.per_epoch

    def on_train_begin(self, trainer: Trainer) -> None:
        self._begin = self._looked = time.perf_counter()
        self._span = max(self.end - self._begin, 1e-3)
        self._schedule = trainer.optimizer.lr
        assert trainer._loop is not None
        trainer._loop.bar.expect(self.n_steps // self.per_epoch)

    def on_epoch_begin(self, trainer: Trainer, epoch: int) -> None:
        self._last = self.epoch_begin = time.perf_counter()

    def on_chunk_end(self, trainer: Trainer, chunk: Chunk) -> None:
        now = time.perf_counter()
        took = now - self._last
        self._measure(took, chunk.step - self.done)
        self._last, self.done, self._chunks = now, chunk.step, self._chunks + 1
        probe = min(MEASURED[0] * self._span, MEASURED[1])
        if not self._known:
            self._known = self._chunks > TRIALS and now - self._begin >= probe
            if self._known and self._begins_anew(trainer, now):
                return
        if self._known and now - self._looked >= 0.05 * self._span:
            self._plan(trainer, now)
        late = now + took + self.judged() >= self.end  # the next one may take as long
        if late or (self.done >= self.planned and self.planned % self.per_epoch):
            self._late, self.part, trainer.stop = late, chunk.values, True

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: dict[str, float]) -> None:
        now, self.part = time.perf_counter(), None
        if self.done >= self.planned or now >= self.end:
            self._late = self.done < self.planned
            trainer.stop = True
        elif self._known:
            self._plan(trainer, now)

    @property
    def cut(self) -> bool:
        """Whether the time was up well before the planned steps were made."""
        return self._late and self.done < 0.98 * self.planned

    @property
    def short(self) -> bool:
        """Whether more time would have made more steps; otherwise something else has ended it."""
        return self._late or self.planned <= self.done < self.most

    def _measure(self, seconds: float, steps: int) -> None:
        if self._known:  # seconds by steps, of which the former count for less and less
            kept = exp(-seconds / max(0.05 * self._span, 0.2))
            self._time, self._steps = kept * self._time + seconds, kept * self._steps + steps
            self.seconds = self._time / self._steps
            return
        (self._trials if self._chunks < TRIALS else self._paces).append(seconds / steps)
        few = len(self._paces) < PACES
        self.seconds = min(self._trials + self._paces) if few else median(self._paces)
        self._steps += steps
        self._time = self._steps * self.seconds

    def _possible(self, now: float) -> int:
        """Return how many steps there can be, whole epochs if these are not few."""
        left = 0.97 * (self.end - now) - self.judged()
        possible = self.done + max(int(left / self.seconds_each()), 1)
        if possible >= WHOLE * self.per_epoch:
            possible -= possible % self.per_epoch
        return min(max(possible, self.done + 1), self.most)

    def _begins_anew(self, trainer: Trainer, now: float) -> bool:
        """End a training of far more steps than there can be; tell whether it has ended."""
        possible = self._possible(now)
        if self.n_steps < self.most or possible >= ENOUGH * self.n_steps:
            self._plan(trainer, now)
            return False
        self.epochs = max(-(-(possible - self.done) // self.per_epoch), 1)
        assert trainer._loop is not None
        trainer.stop, trainer._loop.bar.leave = True, False
        return True

    def _plan(self, trainer: Trainer, now: float) -> None:
        """Decide how many steps there will be, and let the rates end with them."""
        self._looked, possible = now, self._possible(now)
        gained = (possible - self.planned) * self.seconds_each()
        if possible in (self.planned, self.done) or 0 < gained < AHEAD * (self.end - now):
            return  # all that there can be are done where a call has made more than were planned
        self.planned = possible
        assert trainer._loop is not None
        trainer._loop.bar.expect(-(-possible // self.per_epoch))
        old: Any = trainer.optimizer.lr
        place = old.at(self.done) if isinstance(old, Hastened) else float(self.done)
        pace = (self.n_steps - place) / (possible - self.done)
        trainer.optimizer.lr = Hastened(self._schedule, self.n_steps, self.done, place, pace)
