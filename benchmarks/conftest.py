"""Settings of `pytest benchmarks/`: one thread everywhere, and ratios instead of seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from threadpoolctl import threadpool_limits
from timing import interleave, ratio

Versus = Callable[..., float]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """NumPy's BLAS and this package on one thread each."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def versus(benchmark: Any) -> Versus:
    """A function that times ``own`` against ``reference`` in turns and returns how much faster it is.

    The result is also printed and kept in the report (``extra_info``).
    """

    def measure(
        own: Callable[[], Any], reference: Callable[[], Any], units: float = 1, rounds: int = 7
    ) -> float:
        turns = interleave({"own": (own, units), "reference": (reference, units)}, rounds)
        found = ratio(turns["reference"], turns["own"])
        benchmark.extra_info["times_as_fast_as_numpy"] = round(found, 3)
        benchmark.pedantic(own, rounds=10, warmup_rounds=1)
        print(f"{benchmark.name}: {found:.2f} times as fast as NumPy")
        return found

    return measure
