"""Pace: how many steps one call of the C core makes, and on how many threads."""

from __future__ import annotations

CHUNK_SECONDS = 0.05
"""The aim for one call: long enough to cost nothing, short enough for progress and Ctrl-C."""

TRIAL_STEPS = (1, 4, 16)
"""The first calls, for each number of threads: the early ones also pay for cold caches."""

TRIAL_SECONDS = 0.02
"""A trial as long as this, unless it is the first, needs no further one."""

GROWTH = 4
"""No call is longer than the longest before it times this, lest one wrong time makes it endless."""

PROBE_EVERY = 40
"""Calls between two short tries of the other number of threads, in the long run.  The first come
sooner, each after twice as many calls as the one before: the choice may rest on a time that
something else on the machine has spoilt."""

PROBE_SHARE = 0.1
"""The length of such a try, as a share of a call, and how much of the time the first may take."""


class Pace:
    """Measures calls and chooses the next one's length and threads: one, or ``n_threads``.

    Results do not depend on the threads, so the faster of the two is taken, whatever else the
    machine is doing: when another process keeps a core busy, threads that wait for each other
    can be slower than one.
    """

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads
        self._choices = sorted({1, n_threads}, reverse=True)
        self._seconds = dict.fromkeys(self._choices, float("inf"))  # per step
        self._trials = dict.fromkeys(self._choices, 0)
        self._limit = 1
        self._calls = 0  # since the last probe
        self._wait = 0  # calls before the next one; 0: none since the choice changed

    @property
    def best(self) -> int:
        """The number of threads that was the fastest when measured last."""
        if len(self._choices) == 1:
            return 1
        return min(self._choices, key=lambda n: self._seconds[n])

    def next(self) -> tuple[int, int]:
        """Return the steps and the threads of the next call."""
        trial = min(self._choices, key=lambda n: self._trials[n])
        if self._trials[trial] < len(TRIAL_STEPS):
            return min(TRIAL_STEPS[self._trials[trial]], self._fitting(trial)), trial
        best = self.best
        steps = self._fitting(best)
        if len(self._choices) > 1:
            probe = max(1, int(steps * PROBE_SHARE))
            if self._calls >= (self._wait or min(probe / steps / PROBE_SHARE, PROBE_EVERY)):
                return probe, self._choices[1 - self._choices.index(best)]
        return steps, best

    def _fitting(self, n_threads: int) -> int:
        """Return the steps that take `CHUNK_SECONDS`, by what is known."""
        return max(1, min(int(CHUNK_SECONDS / max(self._seconds[n_threads], 1e-9)), self._limit))

    def record(self, steps: int, n_threads: int, seconds: float) -> None:
        """Take note of a call that took ``seconds``."""
        new, old = seconds / steps, self._seconds[n_threads]
        self._limit = max(self._limit, GROWTH * steps)
        if self._trials[n_threads] < len(TRIAL_STEPS):
            self._trials[n_threads] += 1
            if seconds >= TRIAL_SECONDS and self._trials[n_threads] > 1:
                self._trials[n_threads] = len(TRIAL_STEPS)
            self._seconds[n_threads] = min(new, old)
            return
        best = self.best
        if n_threads == best:
            self._calls += 1
            self._seconds[n_threads] = 0.3 * new + 0.7 * old
        else:  # a probe: all that is known of the other choice at present
            self._seconds[n_threads] = new
            self._wait = min(2 * max(self._calls, 1), PROBE_EVERY)
            self._calls = 0
        if self.best != best:
            self._wait = self._calls = 0
