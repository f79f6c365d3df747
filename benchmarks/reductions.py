"""Sums and maxima over short rows, next to NumPy and to the softmax of the same array.

    python benchmarks/reductions.py
    python benchmarks/reductions.py --rows 100000 --width 2 10 64 --dtype float64

Each line is the shortest of interleaved turns in one process, forward and then the gradient: the
share of the time that NumPy takes for the value, and of the softmax's forward.  The softmax has
to read the same numbers, and one write and an exponential each more.  The status is 1 if a sum
or a maximum of rows of 8 or more numbers takes over a third of the softmax's time.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from environment import forget_tuning

import cnn_core as cnn
from cnn_core import ops

OPS = ("sum", "mean", "max", "min", "norm", "logsumexp", "softmax")
NUMPY = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min}
MOST, SHORTEST = 1 / 3, 8
LIMITED = ("sum", "mean", "max", "min")


def steps_of(op: str, x: np.ndarray) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return the two steps of one operation along axis 1, each as a function that runs it."""
    node = getattr(ops, op)(cnn.Input("x", (cnn.BATCH, x.shape[1])), 1)
    graph = cnn.Graph(node, dtype=x.dtype)
    graph.backward(np.ones(np.shape(graph.forward(x=x)), x.dtype))
    run = graph.program.run_node
    return lambda: run(node), lambda: run(node, backward=True)


def shortest(runs: dict[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    """Return the shortest time of each, in microseconds; they take turns."""
    best = dict.fromkeys(runs, float("inf"))
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, call in runs.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], (time.perf_counter() - start) * 1e6)
    return best


def table(rows: int, width: int, dtype: str, seconds: float) -> bool:
    """Print the lines of one array; return whether all keep their limit."""
    x = np.random.default_rng(0).standard_normal((rows, width)).astype(dtype)
    runs: dict[str, Callable[[], Any]] = {}
    for op in OPS:
        runs[op], runs[f"d {op}"] = steps_of(op, x)
        if op in NUMPY:
            runs[f"np {op}"] = lambda f=NUMPY[op]: f(x, axis=1)
    best = shortest(runs, seconds)
    good = True
    print(f"({rows}, {width}) {dtype}, axis 1     us  of NumPy  of softmax   gradient us")
    for op in OPS:
        of_numpy = f"{best[op] / best[f'np {op}']:.2f}" if op in NUMPY else "-"
        of_softmax = best[op] / best["softmax"]
        slow = op in LIMITED and width >= SHORTEST and of_softmax > MOST
        good &= not slow
        print(f"  {op:<18} {best[op]:12.1f} {of_numpy:>9} {of_softmax:11.2f} "
              f"{best[f'd {op}']:13.1f}{'   OVER THE LIMIT' if slow else ''}")  # fmt: skip
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description="Reductions over short rows.")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--width", type=int, nargs="+", default=[10])
    parser.add_argument("--dtype", nargs="+", default=["float32"])
    parser.add_argument("--seconds", type=float, default=2.0)
    args = parser.parse_args()
    forget_tuning()
    good = [table(args.rows, width, dtype, args.seconds)
            for width in args.width for dtype in args.dtype]  # fmt: skip
    sys.exit(not all(good))


if __name__ == "__main__":
    main()
