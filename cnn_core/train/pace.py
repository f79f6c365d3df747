"""Pace: how many steps one call of the C core makes, and on how many threads."""

from __future__ import annotations

CHUNK_SECONDS = 0.05
"""The aim for one call: long enough to cost nothing, short enough for progress and Ctrl-C."""

PROBE_EVERY = 40
"""Calls between two short tries of the other number of threads."""

PROBE_SHARE = 0.1
"""The length of such a try, as a share of a call."""


class Pace:
    """Measures calls and chooses the next one's length and threads: one, or ``n_threads``.

    Results do not depend on the threads, so the faster of the two is taken, whatever else the
    machine is doing: when another process keeps a core busy, threads that wait for each other
    can be slower than one.
    """

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads
        self._seconds: dict[int, float] = {}  # per step, by number of threads
        self._calls = 0
        self._limit = 1

    def next(self) -> tuple[int, int]:
        """Return the steps and the threads of the next call."""
        choices = {1, self.n_threads}
        untried = choices - self._seconds.keys()
        if untried:
            return 1 if not self._seconds else min(self._limit, 8), max(untried)
        best = min(choices, key=lambda n: self._seconds[n])
        steps = min(max(1, int(CHUNK_SECONDS / max(self._seconds[best], 1e-9))), self._limit)
        if len(choices) > 1 and self._calls % PROBE_EVERY == PROBE_EVERY - 1:
            (other,) = choices - {best}
            return max(1, int(steps * PROBE_SHARE)), other
        return steps, best

    def record(self, steps: int, n_threads: int, seconds: float) -> None:
        """Take note of a call that took ``seconds``."""
        self._calls += 1
        self._limit = max(self._limit, 4 * steps)
        new, old = seconds / steps, self._seconds.get(n_threads)
        # The first step of all also pays for cold caches: it does not count for long.
        weight = 0.7 if self._calls < 4 else 0.4
        self._seconds[n_threads] = new if old is None else weight * new + (1 - weight) * old
