"""How many threads to use."""

from __future__ import annotations

import os
import sys
import warnings
import weakref
from contextvars import ContextVar, Token
from typing import Any

from cnn_core import options
from cnn_core._ext.core import Lock
from cnn_core.run.cores import available_cores

MAX_THREADS = 256  # CNN_MAX_THREAD of pool.h

_changing = Lock()
_chosen: int | None = None
_warned: set[str] = set()
_listeners: weakref.WeakSet[Any] = weakref.WeakSet()
_own: ContextVar[int | None] = ContextVar("cnn_core threads", default=None)


def _checked(n: object, who: str) -> int:
    return options.whole(who, n, 1, MAX_THREADS)


def _from_environment() -> int | None:
    text = os.environ.get("CNN_CORE_NUM_THREADS", "")
    if not text:
        return None
    whole = text.isascii() and text.isdigit()
    return _checked(int(text) if whole else text, "CNN_CORE_NUM_THREADS")


def _from_openmp() -> int | None:
    """Return the first number of OMP_NUM_THREADS, which process pools set for their workers."""
    text = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    n = int(text) if text.isascii() and text.isdigit() else 0
    return n if n >= 1 else None  # what else stands there is for others to complain of


def default_num_threads() -> int:
    """Return the cores of this process, or fewer where OMP_NUM_THREADS was so at import."""
    return min(available_cores(), _openmp or MAX_THREADS)


def set_num_threads(n: int | None) -> None:
    """Use up to ``n`` threads; None goes back to the default, the cores of this process.

    Small networks use one thread however many are allowed.  More than the cores are allowed,
    with a warning, given once.  The environment variable CNN_CORE_NUM_THREADS sets the start;
    without it OMP_NUM_THREADS, which process pools set for their workers, limits the default.
    `threadpoolctl.threadpool_limits` sets this number too.  What runs at the moment goes on with
    the threads that it has.

    Results do not depend on it, to the bit.  Raises `OptionError` for what is no whole number from
    1 on.

    >>> cnn.set_num_threads(1)
    >>> cnn.get_num_threads()
    1
    >>> cnn.set_num_threads(None)
    """
    _choose(None if n is None else _checked(n, "set_num_threads"))
    _warn_of_too_many("set_num_threads", n)


def limit_threads(n: int) -> None:
    """Use up to ``n`` threads, without a word where those are more than the cores."""
    n = max(1, min(n, MAX_THREADS))
    _choose(None if n == default_num_threads() else n)


def _choose(n: int | None) -> None:
    global _chosen
    with _changing:
        before, _chosen = _allowed(), n
        listeners = list(_listeners) if _allowed() != before else []
    for listener in listeners:
        listener._forget_plan()


def recompile_on_change(compiled: Any) -> None:
    """Call ``compiled._forget_plan()`` whenever the number of threads is set."""
    with _changing:
        _listeners.add(compiled)


def _warn_of_too_many(who: str, n: int | None) -> None:
    if n is not None and n > available_cores():
        warn_once(f"{who}: {n} threads on {available_cores()} cores are slower than fewer")


def get_num_threads() -> int:
    """Return how many threads may be used; `set_num_threads` sets it.

    >>> cnn.get_num_threads() >= 1
    True
    """
    own = _own.get()
    return _allowed() if own is None else own


def _allowed() -> int:
    return default_num_threads() if _chosen is None else _chosen


class Using:
    """``with Using(n):`` what is called here, by this thread of Python, may use ``n`` threads."""

    __slots__ = ("_before", "_n")
    _before: Token[int | None]

    def __init__(self, n: int) -> None:
        self._n = n

    def __enter__(self) -> None:
        self._before = _own.set(self._n)

    def __exit__(self, *error: object) -> None:
        _own.reset(self._before)


def spare_threads() -> int:
    """Return how many threads are there for one of several that work at the same time.

    All that may be used, in the main thread of a process that nobody made for work in parallel.
    Any other thread has company: one.  So has a process that another one started: as many as
    OMP_NUM_THREADS gives it, as pools of processes that share out the cores set it, else one.
    """
    threading, processes = sys.modules.get("threading"), sys.modules.get("multiprocessing.process")
    if threading is not None and threading.current_thread() is not threading.main_thread():
        return 1
    if processes is not None and processes.parent_process() is not None:
        return min(get_num_threads(), _from_openmp() or 1)
    return get_num_threads()


def warn_once(message: str) -> None:
    """Give a warning the first time that it comes up in this process."""
    if message not in _warned:
        _warned.add(message)
        warnings.warn(message, RuntimeWarning, stacklevel=3)


_openmp = _from_openmp()
_chosen = _from_environment()
_warn_of_too_many("CNN_CORE_NUM_THREADS", _chosen)
