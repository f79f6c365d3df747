"""Streams: batches that somebody yields, in place of arrays, and their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, NamedTuple

import numpy as np

from cnn_core import options
from cnn_core.errors import DataError, OptionError
from cnn_core.frames import is_sparse

OVER = -1
"""In place of the batches of an epoch that has had all of them."""

WAIT = 0.05
"""Seconds after which a thread that waits looks whether it is still needed."""


def is_stream(x: Any) -> bool:
    """Tell whether ``x`` yields batches, rather than being an array or several."""
    if isinstance(x, (np.ndarray, Mapping, list, tuple, str, bytes, type)):
        return False
    if hasattr(x, "__array__") or is_sparse(x):
        return False
    return callable(x) or hasattr(x, "__iter__")


class Where(NamedTuple):
    """A place between two batches."""

    done: int
    """Batches of the epoch, ..."""
    taken: int
    """... and of the pass."""
    place: Any
    """The source's own state."""


class Stream:
    """The batches of ``source``: an iterable, an iterator, or a function that returns one.

    An epoch has ``steps`` of them, after which the same pass goes on; None: it is one pass.
    ``prefetch`` batches are made ahead, by a thread.  Where the source has `state_dict` and
    `load_state_dict`, its place is that of the batches that have been taken; any other is wound
    forward by as many.
    """

    def __init__(self, source: Any, steps: int | None, prefetch: int) -> None:
        self.source, self._steps, self._prefetch = source, steps, prefetch
        self.has_state = all(
            callable(getattr(source, name, None)) for name in ("state_dict", "load_state_dict"))
        self._where = self._before = Where(0, 0, source.state_dict() if self.has_state else None)
        self._pass: Any = None
        self._first: list[tuple] = []

    @property
    def done(self) -> int:
        """Batches of the epoch under way that have been taken."""
        return self._where.done

    @property
    def taken(self) -> int:
        """Batches of the pass that have been taken."""
        return self._where.taken

    @property
    def is_once(self) -> bool:
        """Whether there is one pass only, which goes on where it is."""
        return hasattr(self.source, "__next__")

    @property
    def batches(self) -> int | None:
        """How many an epoch has, if that is known."""
        known = self._steps is None and hasattr(self.source, "__len__")
        return len(self.source) if known else self._steps

    def first(self) -> tuple[Any, Any, Any]:
        """Return x, y and the weights, or None, of the first batch, which comes once more."""
        found = self._take(ahead=False)
        if found is None:
            raise DataError("fit: need at least one batch; got none")
        if self.has_state:
            self.source.load_state_dict(self._where.place)
            self._pass = None
        else:
            self._first.append(found)
        return parts(found[0])

    def epoch(self) -> Iterator[Any]:
        """Yield the batches of an epoch, or those left of it."""
        while self._steps is None or self.done < self._steps:
            found = self._next()
            if found is None:
                self.begin_pass()
                if self._steps is None and self.done:
                    break
                found = None if self.is_once or self._steps is None else self._take()
            if found is None:
                need = f"{self._steps or 'some'} batches an epoch"
                raise DataError(
                    f"fit: need {need}; got {self.done}, and no more (a function that returns a "
                    f"new iterator, or an object with __iter__, can be passed over again)"
                )
            now = self._where
            self._before, self._where = now, Where(now.done + 1, now.taken + 1, found[1])
            yield found[0]
        self._where = self._where._replace(done=OVER)

    def _next(self) -> tuple | None:
        return self._first.pop() if self._first else self._take()

    def wind(self, taken: int) -> Any:
        """Pass over the batches that a pass has given before; return the last, or None."""
        found = None
        for _ in range(taken):
            found = self._next()
            if found is None:
                return None
        return None if found is None else found[0]

    def stand(self, done: int, taken: int) -> None:
        """Take it that so many batches of the epoch, and of the pass, have been taken."""
        self._where = self._where._replace(done=done, taken=taken)

    def step_back(self) -> None:
        """Let the last batch be one that has not been taken yet."""
        self._where = self._before

    def _take(self, *, ahead: bool = True) -> tuple | None:
        """Return the next batch with the place behind it; None: the pass is over."""
        if self._pass is None:
            source = self.source
            made = source if hasattr(source, "__iter__") else source()
            if not hasattr(made, "__iter__"):
                raise OptionError(f"fit: need batches, an iterable; got {options.shown(made)}")
            self._pass = self._with_places(iter(made))
        if ahead and self._prefetch and not isinstance(self._pass, _Ahead):
            self._pass = _Ahead(self._pass, self._prefetch)
        return next(self._pass, None)

    def _with_places(self, batches: Iterator[Any]) -> Iterator[tuple]:
        for batch in batches:
            yield batch, self.source.state_dict() if self.has_state else None

    def begin_pass(self) -> None:
        """Let the next batch be the first of a pass; of an iterator, the next of all."""
        if isinstance(self._pass, _Ahead):
            self._pass.close()
        self._pass = None
        self._where = self._where._replace(taken=0)

    def close(self) -> None:
        """Stop making batches ahead; the source stands behind the last one that was taken."""
        place = self._where.place
        self.begin_pass()
        self._first.clear()
        if self.has_state:
            self.source.load_state_dict(place)

    def state_dict(self) -> dict[str, Any]:
        return self._where._asdict()

    def load_place(self, state: Mapping[str, Any]) -> None:
        """Let a source that has a state go on from there."""
        self.source.load_state_dict(state["place"])
        self.begin_pass()
        self._first.clear()
        self._where = Where(int(state["done"]), 0, state["place"])


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
