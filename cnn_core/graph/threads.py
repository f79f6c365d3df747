"""How many threads to use."""

from __future__ import annotations

import math
import os
import warnings
import weakref
from functools import cache
from pathlib import Path
from typing import Any

from cnn_core import options

MAX_THREADS = 256  # CNN_MAX_THREAD of pool.h

_chosen: int | None = None
_warned: set[str] = set()
_listeners: weakref.WeakSet[Any] = weakref.WeakSet()


@cache
def available_cores() -> int:
    """Return the cores that this process may use: its affinity, and its cgroup's CPU quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, _cgroup_cores()))


def _cgroup_cores() -> int:
    """Return the quota of the control group in whole cores, rounded up; large without one."""
    for path, parse in ((Path("/sys/fs/cgroup/cpu.max"), _parse_v2),
                        (Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), _parse_v1)):  # fmt: skip
        try:
            return parse(path)
        except (OSError, ValueError):
            continue
    return MAX_THREADS


def _parse_v2(path: Path) -> int:
    quota, period = path.read_text().split()
    return MAX_THREADS if quota == "max" else math.ceil(int(quota) / int(period))


def _parse_v1(path: Path) -> int:
    quota = int(path.read_text())
    period = int(path.with_name("cpu.cfs_period_us").read_text())
    return MAX_THREADS if quota <= 0 else math.ceil(quota / period)


def _checked(n: object, who: str) -> int:
    return options.whole(who, n, 1, MAX_THREADS)


def _from_environment() -> int | None:
    text = os.environ.get("CNN_CORE_NUM_THREADS", "")
    if not text:
        return None
    whole = text.isascii() and text.isdigit()
    return _checked(int(text) if whole else text, "CNN_CORE_NUM_THREADS")


def set_num_threads(n: int | None) -> None:
    """Use up to ``n`` threads; None goes back to the default, the cores of this process.

    Small networks use one thread however many are allowed.  More than the cores are allowed,
    with a warning, given once.  The environment variable CNN_CORE_NUM_THREADS sets the start.
    """
    global _chosen
    before = get_num_threads()
    _chosen = None if n is None else _checked(n, "set_num_threads")
    _warn_of_too_many("set_num_threads", n)
    for listener in list(_listeners) if get_num_threads() != before else ():
        listener._forget_plan()


def recompile_on_change(compiled: Any) -> None:
    """Call ``compiled._forget_plan()`` whenever the number of threads is set."""
    _listeners.add(compiled)


def _warn_of_too_many(who: str, n: int | None) -> None:
    if n is not None and n > available_cores():
        warn_once(f"{who}: {n} threads on {available_cores()} cores are slower than fewer")


def get_num_threads() -> int:
    """Return how many threads may be used."""
    return available_cores() if _chosen is None else _chosen


def warn_once(message: str) -> None:
    """Give a warning the first time that it comes up in this process."""
    if message not in _warned:
        _warned.add(message)
        warnings.warn(message, RuntimeWarning, stacklevel=3)


_chosen = _from_environment()
_warn_of_too_many("CNN_CORE_NUM_THREADS", _chosen)
