"""Settings of `pytest benchmarks/`: one thread everywhere, and ratios instead of seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from environment import forget_tuning
from threadpoolctl import threadpool_limits
from timing import interleave, ratio

forget_tuning()

Versus = Callable[..., float]
RATIOS = pytest.StashKey[dict[str, float]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RATIOS] = {}


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print how many times as fast as NumPy each was."""
    for name, found in config.stash[RATIOS].items():
        terminalreporter.write_line(f"{name}: {found:.2f} times as fast as NumPy")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """NumPy's BLAS and this package on one thread each."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def versus(benchmark: Any, request: pytest.FixtureRequest) -> Versus:
    """A function that times ``own`` and ``reference`` in turns and returns how much faster it is.

    The result is also kept in the report (``extra_info``) and printed at the end.
    """

    def measure(
        own: Callable[[], Any], reference: Callable[[], Any], units: float = 1, rounds: int = 7
    ) -> float:
        turns = interleave({"own": (own, units), "reference": (reference, units)}, rounds)
        found = ratio(turns["reference"], turns["own"])
        benchmark.extra_info["times_as_fast_as_numpy"] = round(found, 3)
        benchmark.pedantic(own, rounds=10, warmup_rounds=1)
        request.config.stash[RATIOS][benchmark.name] = found
        return found

    return measure
