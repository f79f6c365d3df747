"""Timing: runs within a budget, medians, and the processor time that they took."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from timeit import Timer
from typing import Any, NamedTuple


class Turn(NamedTuple):
    """One turn of one contestant: microseconds per unit of work, and the cores it kept busy."""

    median: float
    best: float
    cores: float


def time_turn(run: Callable[[], Any], units: float, budget: float, least: int = 3) -> Turn:
    """Call ``run``, ``units`` of work each, for about ``budget`` seconds and ``least`` times."""
    found: list[float] = []
    begin, busy = time.perf_counter(), time.process_time()
    while True:
        start = time.perf_counter()
        run()
        end = time.perf_counter()
        found.append((end - start) / units * 1e6)
        if end - begin >= budget and len(found) >= least:
            break
    cores = (time.process_time() - busy) / (end - begin)
    return Turn(median(found), min(found), cores)


def time_statement(statement: str, names: dict[str, Any], budget: float) -> Turn:
    """Time a short statement without the cost of a call around it."""
    timer = Timer(statement, globals=names)
    number = 1
    while (taken := timer.timeit(number)) < min(0.01, budget / 10):
        number = max(2 * number, int(number * 0.01 / max(taken, 1e-7) / 2))
    return time_turn(lambda: timer.timeit(number), number, budget)


def interleave(
    runs: dict[str, tuple[Callable[[], Any], float]], rounds: int = 7, budget: float = 0.05
) -> dict[str, list[Turn]]:
    """Give each of ``runs`` (function, units of work) one turn per round; return its turns."""
    turns: dict[str, list[Turn]] = {name: [] for name in runs}
    for run, _ in runs.values():
        run()
    for _ in range(rounds):
        for name, (run, units) in runs.items():
            turns[name].append(time_turn(run, units, budget))
    return turns


def ratio(one: list[Turn], other: list[Turn], by: str = "median") -> float:
    """Return how many times longer ``one`` took than ``other``.

    "median": the median over the rounds of the quotient in the same round; neighbours in time
    share whatever else the machine was doing, so this is steadier than the quotient of two
    medians.  "best": the quotient of the shortest times, for machines that are busy otherwise.
    """
    if by == "best":
        return min(t.best for t in one) / min(t.best for t in other)
    return median(a.median / b.median for a, b in zip(one, other, strict=True))
