"""StreamLoop: the epochs that a stream makes, also when they are broken off."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnn_core._ext.core import Learner
from cnn_core.errors import CnnCoreError, DataError, NotFiniteError
from cnn_core.train.batches import LossProgram
from cnn_core.train.callbacks import Callback
from cnn_core.train.checked import Data, fingerprint
from cnn_core.train.loop import Loop, Part
from cnn_core.train.progress import Progress
from cnn_core.train.stream import OVER, Stream, parts

if TYPE_CHECKING:
    from cnn_core.train.trainer import Trainer


class _Place(Callback):
    """Keeps the place of a stream in checkpoints."""

    def __init__(self, loop: StreamLoop) -> None:
        self._loop = loop

    def state_dict(self) -> dict[str, Any]:
        return self._loop.place()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._loop.take_up(state)


class Trained(NamedTuple):
    """What has been trained with after a step: of the epoch so many rows, and the last batch."""

    step: int
    rows: int
    data: Data | None


class StreamLoop(Loop):
    """One call of `Trainer.fit` with a stream, whose first batch is ``data``."""

    def __init__(
        self, trainer: Trainer, program: LossProgram, data: Data, validation: Data | None,
        stream: Stream, *, callbacks: Sequence[Callback], bar: Progress,
    ) -> None:  # fmt: skip
        super().__init__(trainer, program, data, validation, batch=data.n_rows, shuffle=False,
                         callbacks=[*callbacks, _Place(self)], bar=bar)  # fmt: skip
        self.stream = stream
        self.key = repr(("batches", data.key))  # an epoch goes on where the stream does
        self._last = self._next = Trained(-1, 0, None)
        self._from = 0, 0  # steps, and batches of the epoch, before those made here
        self._former: Mapping[str, Any] | None = None  # where to wind the stream to

    def place(self) -> dict[str, Any]:
        """Return where the stream is, and what tells the last batch from others."""
        last = self._trained.data
        known = None if last is None or self.stream.has_state else fingerprint(last)
        return {**self.stream.state_dict(), "last": known}

    @property
    def _trained(self) -> Trained:
        """Where the epoch is, at whatever instant Ctrl-C has come."""
        learner = self._learner
        made = learner is not None and learner.step == self._next.step
        return self._next if made else self._last

    def _break_off(self, part: Part) -> None:
        super()._break_off(part)
        self.trainer._told = None  # there is `place`
        step, done = self._from
        if self.stream.done - done > part.step - step:  # its step has not been made
            self.stream.step_back()
        self.trainer._place = self.place()
        self.trainer._source = self.stream.source if self.stream.is_once else None

    def take_up(self, place: Mapping[str, Any]) -> None:
        """Go on from a place that `place` has told, in this process or another."""
        self.trainer._place = place  # which counts until it is reached
        if self.stream.has_state:
            self.stream.load_place(place)
        else:
            numbers = {"done": int(place["done"]), "taken": int(place.get("taken", 0))}
            self._former = {**place, **numbers}

    def _has_same_data(self) -> bool:
        return True  # what is wound forward tells

    def _next_part(self, step: int) -> Part:
        t = self.trainer
        if t._place is not None and self._broken_off(step) is not None:
            self.take_up(t._place)
        if self._former is not None and not self._wound(self._former):
            t._rest = None
        self._former = t._place = None
        return super()._next_part(step)

    def _wound(self, place: Mapping[str, Any]) -> bool:
        """Wind the stream to a place; tell whether what it yields is what it has yielded there."""
        stream, t = self.stream, self.trainer
        done, taken = place["done"], place["taken"]
        stands = stream.is_once and stream.source is t._source  # where it was left
        last = None if stands else stream.wind(taken)
        stream.stand(done, taken)
        if stands or taken == 0:
            return True
        if last is not None:
            data = self._checked(last, t.epochs_done + 1)
            if fingerprint(data) == place.get("last"):
                self._last = self._next = Trained(-1, 0, data)
                return True
        warnings.warn(
            "fit: the stream yields other batches than before it was broken off: the epoch starts "
            "over (a stream with state_dict and load_state_dict goes on where it was)",
            stacklevel=6,
        )
        if not stream.is_once:
            stream.begin_pass()
        stream.stand(0, 0)
        return False

    def position(self) -> Part | None:
        """Return where the epoch under way is; None: between two."""
        part, learner = self._part, self._learner
        if part is None or learner is None:
            return None
        return part._replace(step=learner.step, rows=self._trained.rows, sums=self.program.sums())

    def _steps(self, epoch: int, learner: Learner, index: np.ndarray | None, at: int) -> bool:
        """Make a step with each batch of the epoch, of which ``at`` rows are done; tell whether
        that was all, or a callback has stopped it."""
        t, stream = self.trainer, self.stream
        if stream.done == OVER and at > 0:
            return True
        stream.stand(max(stream.done, 0), stream.taken)
        self._from = learner.step, stream.done
        self._last = self._next = Trained(learner.step, at, self._next.data)
        if t.stop:
            return False
        for batch in stream.epoch():
            data = self._checked(batch, epoch)
            program, n = self._program_for(data), data.n_rows
            at += n
            self._last, self._next = self._next, Trained(learner.step + 1, at, data)
            lr, n_threads = t.optimizer.rates(learner.step, 1), program.pace.next()[1]
            begin = time.perf_counter()
            try:
                program.run(program.sources(data), None, 0, n, n, learner=learner, lr=lr,
                            seed=t.seed, n_threads=n_threads)  # fmt: skip
                program.pace.record(1, n_threads, time.perf_counter() - begin)
            except NotFiniteError as error:
                t._pass_over(error, program, data, np.arange(n), epoch)
            finally:
                t.optimizer.count_steps()
            self.bar.update(at, program.results)
            self._look(epoch, learner.step, at, float(lr[-1, 0]))
            if t.stop and stream.done != stream.batches:
                return False
        return True

    def _checked(self, batch: Any, epoch: int) -> Data:
        """Return a batch as `Data`; raise what is wrong with it, and which it is."""
        try:
            x, y, w = parts(batch)
            data = self.trainer._understood(self.trainer._data(x, y, w, "fit"))
            if data.key != self.data.key:
                raise DataError("fit: need batches of one kind, all with weights or none, and "
                                "targets of one kind; got another")  # fmt: skip
            self.program.need_rows("fit", data.n_rows, data.n_rows)
        except CnnCoreError as error:
            where = f"epoch {epoch}, batch {self.stream.done}"
            error.args = (f"{where}: {error}", *error.args[1:])
            raise
        return data

    def _program_for(self, data: Data) -> LossProgram:
        """Return a program for so many rows, which has what the others have added up."""
        if data.n_rows > self.program.program.max_batch:
            larger = self.trainer._program(data, data.n_rows, training=True)
            larger.reset(self.program.sums())
            self.program = larger
        return self.program
