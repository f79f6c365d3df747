"""What tests of Ctrl-C share: an interrupt in the midst of a call, by its work and not by a clock.

Seconds of the processor are counted, of all threads: so other processes do not matter.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

TRIES = 3


def work_of(call: Callable[[], Any]) -> float:
    """Return the processor's seconds that a call takes, the least of three."""
    taken = []
    for _ in range(3):
        begin = time.process_time()
        call()
        taken.append(time.process_time() - begin)
    return min(taken)


@contextmanager
def signal_after(work: float, handler: Callable) -> Iterator[None]:
    """Call a signal's handler after so much work of this process within the block."""
    before = signal.signal(signal.SIGPROF, handler)
    signal.setitimer(signal.ITIMER_PROF, work)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def work_until_answered(call: Callable[[], Any], after: float) -> float:
    """Interrupt a call as Ctrl-C does, after so much work; return how much it went on to do."""
    begin = time.process_time()
    with signal_after(after, signal.default_int_handler), pytest.raises(KeyboardInterrupt):
        call()
    return time.process_time() - begin - after


def least_until_answered(call: Callable[[], Any], after: float, enough: float) -> float:
    """Return the least work of a few tries, or the first below ``enough``."""
    taken = [work_until_answered(call, after)]
    while min(taken) >= enough and len(taken) < TRIES:
        taken.append(work_until_answered(call, after))
    return min(taken)
