"""Loop: the epochs of one `Trainer.fit` and their callbacks, also when they are broken off."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import numpy as np

from cnn_core import options
from cnn_core._ext.core import Average, Learner
from cnn_core.data.mapped import MappedPages
from cnn_core.errors import NotFiniteError
from cnn_core.train.batches import LossProgram
from cnn_core.train.callbacks import Callback, Chunk
from cnn_core.train.checked import Data, RowOrder, checked_order, fingerprint
from cnn_core.train.history import History
from cnn_core.train.progress import Progress

if TYPE_CHECKING:
    from cnn_core.train.mixup import Mixup
    from cnn_core.train.trainer import Trainer


class Part(NamedTuple):
    """An epoch from some row on: all of it, or what is left of one that was broken off.

    It goes on only where the first three are what they were.
    """

    key: str
    """Rows, their order and their batches."""
    epoch: int
    """The trainer's count of epochs."""
    step: int
    """The optimizer's count of steps."""
    rows: int
    """How many are done."""
    sums: list[np.ndarray] | None
    """What loss and metrics have added up over them."""
    order: int = 0
    """A checksum of the order that a user's function gave; 0: it was the trainer's own."""


class Loop:
    """One call of `Trainer.fit`, whose arguments have been checked."""

    def __init__(
        self, trainer: Trainer, program: LossProgram, data: Data, validation: Data | None, *,
        batch: int, shuffle: bool | RowOrder, callbacks: Sequence[Callback], bar: Progress,
        accumulate: int = 1, mixup: Mixup | None = None,
    ) -> None:  # fmt: skip
        self.trainer, self.program, self.data, self.validation = trainer, program, data, validation
        self.shuffle, self.callbacks, self.bar = shuffle, callbacks, bar
        self.batch = batch * accumulate  # the rows of a step, which may be taken in parts
        self._parts: tuple[Average | None, int] = (None, 0)
        if accumulate > 1:
            grads = [block.grad for block in trainer.net.store.blocks]
            self._parts = Average([(g, np.zeros_like(g)) for g in grads], 0.0), batch
        self.history = History(trainer.epochs_done)
        self.last_epoch = 0
        """The number of the epoch that is to be the last."""
        held = None if data.rows is None else crc32(data.rows)
        order = "own order" if callable(shuffle) else shuffle
        self.key = repr((data.n_rows, held, batch, accumulate, order, trainer.seed, data.key))
        self._mixup = mixup
        if mixup is not None:
            self.key = f"{self.key} mixup={mixup.alpha:g}"
        self._order: np.ndarray | None = None  # that a user's function gave, ...
        self._ordered = 0  # ... for this epoch
        self._mapped: MappedPages | None = None
        self._sources: list[tuple] | None = None
        self._begun: list[Callback] = []
        self._accepted = False  # by all callbacks
        self._part: Part | None = None  # the epoch under way, as it began
        self._learner: Learner | None = None
        self._keeping = sorted(callbacks, key=lambda c: c.ends_first)
        self._watching = [c for c in self._keeping if _defines(c, "on_chunk_end")]
        self._every = [c.every_steps for c in callbacks if c.every_steps]

    def run(self, epochs: int, resume: Callable[[], None] | None = None) -> None:
        """Train until there are so many epochs; ``resume`` brings the state of a former training.

        Nothing has changed where a callback refuses by raising in its beginning, or the state does
        not fit.  Whatever is raised on the way, the bar is closed and every callback that has
        begun ends.
        """
        t = self.trainer
        optimizer, former = t.optimizer, vars(t.optimizer).copy()
        reported = t.history, t.reports, t.stop, t._paused, t._place
        kept = () if resume is None else [block.value.copy() for block in t.net.store.blocks]
        try:
            optimizer.bind(t.net.store)
            t.history, t.stop, t._paused, t._loop = self.history, False, False, self
            self.last_epoch = t.epochs_done + epochs
            t.reports = t._reported(with_validation=self.validation is not None)
            for callback in self.callbacks:
                callback.on_train_begin(t)
                self._begun.append(callback)
            if resume is not None:
                resume()
            self._accepted = True
            self._epochs(epochs)
        except KeyboardInterrupt:
            self.history.interrupted = True
            raise
        finally:
            optimizer.count_steps()
            try:
                self.bar.close()
                _end(sorted(self._begun, key=lambda c: not c.ends_first), t)
            finally:
                t._loop = None
                if not self._accepted:
                    t.history, t.reports, t.stop, t._paused, t._place = reported
                    for block, value in zip(t.net.store.blocks, kept, strict=False):
                        block.value[...] = value  # callbacks that end may have put back others
                    if former["_store"] is None:  # then it is bound to nothing again
                        vars(optimizer).update(former)

    def _epochs(self, epochs: int) -> None:
        t = self.trainer
        while self.history.epochs < epochs and not t.stop:
            epoch = t.epochs_done + 1
            values = self._epoch(epoch)
            if values is None:
                break
            self.bar.end_epoch(values)
            if not self.callbacks:
                continue
            paused, t._paused = t._paused, False
            t.stop = t.stop and not paused  # who ends it now ends it for good
            try:
                for callback in self.callbacks:
                    callback.on_epoch_end(t, epoch, values)
            finally:
                odd = self.history.amend(values)
            if odd:
                need = f"a number as values[{odd[0]!r}]"
                raise options.refuse("callbacks", need, values[odd[0]])
            for callback in self._keeping:
                callback.on_epoch_kept(t, epoch)
            if paused and not t.stop:
                t.stop = t._paused = True

    def _epoch(self, epoch: int) -> dict[str, float] | None:
        """Make the steps of an epoch, or those left of it; note its figures, and return them.

        None where a callback has stopped it: then a next `fit` takes it up.
        """
        t, start, done = self.trainer, time.perf_counter(), self.history.epochs
        try:
            for callback in self.callbacks:
                callback.on_epoch_begin(t, epoch)
            order = self._order_of(epoch)
            with t._lock:
                # Bound anew: a callback may have loaded or reset the optimizer's state.
                self._learner = t._bound(self.program.updated, self.program.rows)
                self._learner.gather(*self._parts)
                part = self._part = self._next_part(self._learner.step)
                self.bar.start_epoch(epoch, part.rows)
                if not self._steps(epoch, self._learner, self.data.index(order), part.rows):
                    self._break_off(self.position())
                    t._paused = True
                    return None
                values = self.program.results()
                t.batch_sums = self.program.batch_sums
                t.epochs_done = part.epoch + 1
            if self.validation is not None:
                found = t._evaluate(self.validation)
                values |= {f"val_{name}": value for name, value in found.items()}
            self.history.append(values, time.perf_counter() - start)
            t._rest = None
            if t._averages is not None:
                t._averages.end_epoch(epoch)
        except BaseException:
            part = self.position()
            if part is not None and self.history.epochs == done:
                self._break_off(part)
                t.epochs_done = min(t.epochs_done, part.epoch)
            raise
        finally:
            self._part = None
        t._paused = t.stop  # by whoever has asked for it before the epoch's end was told
        return values

    def _order_of(self, epoch: int) -> np.ndarray | None:
        """Return the order of rows of an epoch; None: as they come."""
        n = self.data.n_rows
        if callable(self.shuffle):
            if self._ordered != epoch:
                who = f"fit: shuffle({epoch}, {n})"
                self._order, self._ordered = checked_order(self.shuffle(epoch, n), n, who), epoch
            return self._order
        return self.trainer._row_order(n) if self.shuffle else None

    def order_told(self, epoch: int) -> int:
        """Return a checksum of the order that a user's function gives for an epoch; 0: there is
        none."""
        if callable(self.shuffle):
            self._order_of(epoch)
        return self._told()

    def _told(self) -> int:
        """Return a checksum of the order that a user's function gave."""
        return 0 if self._order is None else crc32(self._order)

    def _break_off(self, part: Part) -> None:
        """Leave an epoch for a next `fit` to finish."""
        self.trainer._rest, self.trainer._told = part, fingerprint(self.data)

    def _next_part(self, step: int) -> Part:
        part = self._broken_off(step)
        if part is None or part.order != self._told():
            part = Part(self.key, self.trainer.epochs_done, step, 0, None)
        self.program.reset(part.sums)
        return part

    def _broken_off(self, step: int) -> Part | None:
        """Return what is left of an epoch that was broken off, if it is the one that comes next."""
        t, rest = self.trainer, self.trainer._rest
        mine = rest is not None and rest[:3] == (self.key, t.epochs_done, step)
        return rest if mine and self._has_same_data() else None

    def _has_same_data(self) -> bool:
        told = self.trainer._told
        return told is None or told == fingerprint(self.data)

    def position(self) -> Part | None:
        """Return where the epoch under way is, for a next `fit` to take up; None: between two."""
        part, learner = self._part, self._learner
        if part is None or learner is None:
            return None
        rows = min(part.rows + (learner.step - part.step) * self.batch, self.data.n_rows)
        sums = self.program.sums()
        return part._replace(step=learner.step, rows=rows, sums=sums, order=self._told())

    def _steps(self, epoch: int, learner: Learner, index: np.ndarray | None, at: int) -> bool:
        """Make the steps from row ``at`` on, in calls of the length and threads of `Pace`; tell
        whether that was all, or a callback has stopped it."""
        t, program, n, batch = self.trainer, self.program, self.data.n_rows, self.batch
        mixup = self._mixup
        if self._mapped is None:
            self._mapped = MappedPages(self.data.arrays.values(), in_order=index is None)
        if self._sources is None or program.rows:  # whose gradients another fit may have changed
            self._sources = program.sources(self.data) if mixup is None else []
        mapped, sources = self._mapped, self._sources
        while at < n and not t.stop:
            pace = program.pace
            steps, n_threads = pace.next()
            steps = mapped.most_steps(steps, batch)
            if mixup is not None:
                steps = mixup.most_steps(steps, batch)
            for every in self._every:
                steps = min(steps, every - learner.step % every)
            rows, step = min(steps * batch, n - at), learner.step
            lr = t.optimizer.rates(step, -(-rows // batch))
            data, names, first = self.data, None, at
            chunk = None if index is None else index[at : at + rows]
            if mixup is not None:
                own = np.arange(at, at + rows) if chunk is None else chunk
                data, names = mixup.rows(own, batch, step)
                sources, chunk, first = program.sources(data), None, 0
            begin = time.perf_counter()
            try:
                program.run(sources, chunk, first, rows, batch, learner=learner, lr=lr,
                            seed=t.seed, n_threads=n_threads)  # fmt: skip
                pace.record(len(lr), n_threads, time.perf_counter() - begin)
            except NotFiniteError as error:
                done = (learner.step - step) * batch
                rows = min(done + batch, n - at)
                part = np.arange(done, rows)
                t._pass_over(error, program, data, part + first if chunk is None else chunk[part],
                             epoch, names if names is None else names[part])  # fmt: skip
                learner.gather(*self._parts)
            finally:
                t.optimizer.count_steps()
            at += rows
            mapped.give_back()
            self.bar.update(at, program.results)
            self._look(epoch, learner.step, at, float(lr[learner.step - step - 1, 0]))
        return at >= n

    def _look(self, epoch: int, step: int, at: int, lr: float) -> None:
        """Let callbacks look at a chunk that has ended."""
        t = self.trainer
        for callback in self._watching:
            t._paused = t.stop
            callback.on_chunk_end(t, Chunk(self, epoch, step, at, lr))


def _defines(callback: Callback, method: str) -> bool:
    return getattr(type(callback), method) is not getattr(Callback, method)


def _end(callbacks: Sequence[Callback], trainer: Trainer) -> None:
    """Call the end of each, in their order, whatever the others raise."""
    if callbacks:
        try:
            callbacks[0].on_train_end(trainer)
        finally:
            _end(callbacks[1:], trainer)
