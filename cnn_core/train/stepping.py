"""Stepping: the part of a `Trainer` that makes single steps, and what every step goes by."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core._ext.core import Learner, Lock
from cnn_core.errors import NotFiniteError, StateError
from cnn_core.state.blocks import Place
from cnn_core.train.averages import Averages, WeightAverage
from cnn_core.train.batches import LossProgram
from cnn_core.train.checked import Data

if TYPE_CHECKING:
    from cnn_core.nn.model import Model
    from cnn_core.optim import Optimizer


class Stepping:
    """Steps of the optimizer, guarded or not."""

    net: Model
    optimizer: Optimizer
    seed: int
    guard: str | None
    skipped: int
    weight_average: WeightAverage | None
    _averages: Averages | None
    _by_rows: bool
    _last: LossProgram | None
    """The program of the last step, ..."""
    _only: frozenset[str] | None
    """... what it updated ..."""
    _roles: int
    """... and when the roles of parameters were looked at."""
    _lock: Lock

    if TYPE_CHECKING:  # what a `Trainer` has

        def _data(self, x: Any, y: Any, w: Any, who: str) -> Data: ...
        def _understood(self, data: Data) -> Data: ...
        def _program(self, data: Data, max_batch: int, *, training: bool) -> LossProgram: ...

    def step(self, x: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Make one optimizer step with all rows of ``x`` as the minibatch; return its loss.

        Where no row counts, as all have an ignored label, that is NaN, as it is in `fit` and
        `evaluate`, and the gradients are 0.

        ``x``, ``y`` and ``sample_weight`` are as for `fit`; so are the errors.  A failed call has
        updated nothing.

        >>> net = cnn.Sequential([cnn.Dense(8, "tanh"), cnn.Dense(1)], inputs=2, seed=0)
        >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.Adam(lr=0.05))
        >>> x = np.random.default_rng(0).normal(size=(100, 2))
        >>> y = x[:, :1] * x[:, 1:]
        >>> losses = [trainer.step(x, y) for _ in range(200)]
        >>> losses[-1] < 0.1 * losses[0]
        True
        """
        if self._last is not None and self._roles == Place.changes:
            loss = self._short_step(self._last, x, y, sample_weight)
            if loss is not None:
                return loss
        data = self._understood(self._data(x, y, sample_weight, "step"))
        program = self._program(data, data.n_rows, training=True)
        program.need_rows("step", data.n_rows)
        self._last = program if program.stepper is not None else None
        self._only, self._roles = program.updated, Place.changes
        with self._lock:
            learner = self._bound(self._only, program.rows)
            try:
                return program.run(
                    program.sources(data), None, 0, data.n_rows, data.n_rows, learner=learner,
                    lr=self.optimizer.rates(learner.step, 1), seed=self.seed,
                )  # fmt: skip
            except NotFiniteError as error:
                self._pass_over(error, program, data, np.arange(data.n_rows), None)
                return program.last_loss
            finally:
                self.optimizer.count_steps()

    def _short_step(self, program: LossProgram, x: Any, y: Any, w: Any) -> float | None:
        """Make one step if the arrays fit the last program, and all is right; else return None."""
        with self._lock:
            learner = self._bound(self._only)
            pace = program.pace
            n_threads = 1 if pace.n_threads == 1 else pace.next()[1]
            begin = time.perf_counter()
            lr = self.optimizer.rates_at(learner.step)
            loss = program.stepper.step(x, y, w, learner, lr, self.seed, n_threads)
            self.optimizer.count_steps()
            if n_threads > 1 or pace.n_threads > 1:
                pace.record(1, n_threads, time.perf_counter() - begin)
        return loss

    def _bound(self, only: frozenset[str] | None, rows: tuple[str, ...] = ()) -> Learner:
        """Return the optimizer as the C core sees it, for a step that is guarded or not."""
        learner = self.optimizer.learner(self.net.store, only, rows, every_row=self._by_rows)
        learner.guarded = self.guard is not None
        learner.gather(None, 0)
        if self.weight_average is not None:
            if self._averages is None:  # they begin with the numbers before the first step
                self._averages = Averages(self.weight_average, self.net.store)
            learner.follow(self._averages.by_step)
        return learner

    def _averages_of(self, state: Mapping[str, Any]) -> Averages:
        """Return the averages that a state tells of; raise `StateError` where it is another's."""
        if self.weight_average is None:
            raise StateError("need a training with weight_average; got one without")
        found = Averages(self.weight_average, self.net.store)
        found.load_state_dict(state)
        return found

    def _pass_over(
        self, error: NotFiniteError, program: LossProgram, data: Data, rows: np.ndarray,
        epoch: int | None, names: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        """Count a step that is not finite as one without an update, or raise where it began."""
        learner = self._bound(program.updated, program.rows)
        if self.guard != "skip":
            from cnn_core.train.guard import explained  # of errors alone

            raise explained(error, self.net, program, data, rows, seed=self.seed,
                            step=learner.step, epoch=epoch, names=names) from None  # fmt: skip
        learner.step += 1
        self.skipped += 1
