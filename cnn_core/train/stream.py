"""Streams: batches that somebody yields, in place of arrays, and the epochs that they make."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core import options
from cnn_core._ext.optim import Learner
from cnn_core.errors import CnnCoreError, DataError, NotFiniteError, OptionError
from cnn_core.frames import is_sparse
from cnn_core.train.batches import LossProgram
from cnn_core.train.callbacks import Callback, Chunk
from cnn_core.train.checked import Data
from cnn_core.train.loop import Loop, Part
from cnn_core.train.progress import Progress

if TYPE_CHECKING:
    from cnn_core.train.trainer import Trainer

WAIT = 0.05
"""Seconds after which a thread that waits looks whether it is still needed."""

_unlike = count()


def is_stream(x: Any) -> bool:
    """Tell whether ``x`` yields batches, rather than being an array or several."""
    if isinstance(x, (np.ndarray, Mapping, list, tuple, str, bytes, type)):
        return False
    if hasattr(x, "__array__") or is_sparse(x):
        return False
    return callable(x) or hasattr(x, "__iter__")


class Stream:
    """The batches of ``source``: an iterable, an iterator, or a function that returns one.

    An epoch has ``steps`` of them, after which the same pass goes on; None: it is one pass.
    ``prefetch`` batches are made ahead, by a thread.  Where the source has `state_dict` and
    `load_state_dict`, its place is that of the batches that have been taken.
    """

    def __init__(self, source: Any, steps: int | None, prefetch: int) -> None:
        self._source, self._steps, self._prefetch = source, steps, prefetch
        self.has_state = all(
            callable(getattr(source, name, None)) for name in ("state_dict", "load_state_dict"))
        self._place = source.state_dict() if self.has_state else None
        self._pass: Any = None
        self._first: list[tuple] = []
        self.done = 0
        """Batches of the epoch under way."""

    @property
    def batches(self) -> int | None:
        """How many an epoch has, if that is known."""
        known = self._steps is None and hasattr(self._source, "__len__")
        return len(self._source) if known else self._steps

    def first(self) -> tuple[Any, Any, Any]:
        """Return x, y and the weights, or None, of the first batch, which comes once more."""
        found = self._take(ahead=False)
        if found is None:
            raise DataError("fit: need at least one batch; got none")
        if self.has_state:
            self._source.load_state_dict(self._place)
            self._pass = None
        else:
            self._first.append(found)
        return parts(found[0])

    def epoch(self) -> Iterator[Any]:
        """Yield the batches of an epoch, or those left of it."""
        while self._steps is None or self.done < self._steps:
            found = self._first.pop() if self._first else self._take()
            if found is None:
                self._end_pass()
                if self._steps is None and self.done:
                    break
                once = hasattr(self._source, "__next__")
                found = None if once or self._steps is None else self._take()
            if found is None:
                need = f"{self._steps or 'some'} batches an epoch"
                raise DataError(
                    f"fit: need {need}; got {self.done}, and no more (a function that returns a "
                    f"new iterator, or an object with __iter__, can be passed over again)"
                )
            batch, self._place = found
            self.done += 1
            yield batch
        self.done = 0

    def _take(self, *, ahead: bool = True) -> tuple | None:
        """Return the next batch with the place behind it; None: the pass is over."""
        if self._pass is None:
            source = self._source
            made = source if hasattr(source, "__iter__") else source()
            if not hasattr(made, "__iter__"):
                raise OptionError(f"fit: need batches, an iterable; got {options.shown(made)}")
            self._pass = self._with_places(iter(made))
        if ahead and self._prefetch and not isinstance(self._pass, _Ahead):
            self._pass = _Ahead(self._pass, self._prefetch)
        return next(self._pass, None)

    def _with_places(self, batches: Iterator[Any]) -> Iterator[tuple]:
        for batch in batches:
            yield batch, self._source.state_dict() if self.has_state else None

    def _end_pass(self) -> None:
        if isinstance(self._pass, _Ahead):
            self._pass.close()
        self._pass = None

    def close(self) -> None:
        """Stop making batches ahead; the source stands behind the last one that was taken."""
        self._end_pass()
        self._first.clear()
        if self.has_state:
            self._source.load_state_dict(self._place)

    def state_dict(self) -> dict[str, Any]:
        return {"done": self.done, "place": self._place}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if self.has_state:
            self._source.load_state_dict(state["place"])
            self._end_pass()
            self._first.clear()
            self.done, self._place = state["done"], state["place"]


class _Ahead:
    """An iterator whose next ``n`` items are made by a thread."""

    def __init__(self, items: Iterator[Any], n: int) -> None:
        self._queue: Queue[tuple] = Queue(n)
        self._stopped = Event()
        self._thread = Thread(target=self._work, args=(items,), daemon=True)
        self._thread.start()

    def _work(self, items: Iterator[Any]) -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if not self._put((item, None)):
                    return
        except BaseException as raised:  # to be raised where the batch was wanted
            error = raised
        self._put((None, error))

    def _put(self, entry: tuple) -> bool:
        while not self._stopped.is_set():
            try:
                self._queue.put(entry, timeout=WAIT)
            except Full:
                continue
            return True
        return False

    def __iter__(self) -> _Ahead:
        return self

    def __next__(self) -> Any:
        while True:
            try:
                item, error = self._queue.get(timeout=WAIT)  # so that Ctrl-C is answered
                break
            except Empty:
                continue
        if error is not None:
            raise error
        if item is None:
            raise StopIteration
        return item

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()


class _Place(Callback):
    """Keeps the place of a stream in checkpoints."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def state_dict(self) -> dict[str, Any]:
        return self.stream.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.stream.load_state_dict(state)


class StreamLoop(Loop):
    """One call of `Trainer.fit` with a stream, whose first batch is ``data``."""

    def __init__(
        self, trainer: Trainer, program: LossProgram, data: Data, validation: Data | None,
        stream: Stream, *, callbacks: Sequence[Callback], bar: Progress,
    ) -> None:  # fmt: skip
        super().__init__(trainer, program, data, validation, batch=data.n_rows, shuffle=False,
                         callbacks=[*callbacks, _Place(stream)], bar=bar)  # fmt: skip
        self.stream = stream
        # An epoch that was broken off goes on where the stream does.
        self.key = repr(("batches", data.key if stream.has_state else next(_unlike)))
        self._at = 0

    def position(self) -> Part | None:
        """Return where the epoch under way is; None: between two."""
        part, learner = self._part, self._learner
        if part is None or learner is None:
            return None
        return part._replace(step=learner.step, rows=self._at, sums=self.program.sums())

    def _steps(self, epoch: int, learner: Learner, index: np.ndarray | None, at: int) -> None:
        """Make a step with each batch of the epoch, of which ``at`` rows are done."""
        t, self._at = self.trainer, at
        for batch in self.stream.epoch():
            data = self._checked(batch, epoch)
            program, n = self._program_for(data), data.n_rows
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
            self._at += n
            self.bar.update(self._at, program.results)
            for callback in self._watching:
                made = Chunk(self, epoch, learner.step, self._at, float(lr[-1, 0]))
                callback.on_chunk_end(t, made)

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


def parts(batch: Any) -> tuple[Any, Any, Any]:
    """Return x, y and the weights, or None, of a batch."""
    if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
        got = type(batch).__name__
        got += f" of length {len(batch)}" if isinstance(batch, (tuple, list)) else ""
        raise OptionError(f"fit: need batches (x, y) or (x, y, weights); got {got}")
    return (*batch, None) if len(batch) == 2 else tuple(batch)  # type: ignore[return-value]


def stream_of(x: Any, steps: Any, prefetch: Any, beside: tuple) -> Stream | None:
    """Return the stream that `Trainer.fit` was given, its options checked; None: there is none.

    ``beside`` are options that only arrays can have.
    """
    if not is_stream(x):
        if steps is not None or prefetch != 0:
            need = "batches as x, and no y, for steps_per_epoch and prefetch"
            raise options.refuse("fit", need, x)
        return None
    if any(option is not None for option in beside):
        raise OptionError(
            "fit: need weights within the batches, (x, y, weights), and validation_data; got "
            "sample_weight, class_weight or validation_split beside a stream"
        )
    steps = None if steps is None else options.whole("fit: steps_per_epoch", steps)
    return Stream(x, steps, options.whole("fit: prefetch", prefetch, 0))
