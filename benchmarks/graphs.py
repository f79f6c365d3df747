"""Graphs: small ones from Python, a long chain next to PyTorch, and what compiling costs.

    python benchmarks/graphs.py
    python benchmarks/graphs.py --nodes 10000 100000 --json graphs.json

small    `forward` and `backward` of f = (x + y) z and of the sigmoid neuron, together.
chain    1,000 scalar operations one after the other, forward and backward; PyTorch, where it is
         installed, does the same eagerly, in turns in the same process.
compile  Building and compiling chains of nodes: seconds, and bytes that stay.

The status is 1 if a limit is passed.  examples/neural_turing_machine/torch_reference.py compares
a network unrolled over time.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from environment import forget_tuning
from timing import interleave, ratio, time_statement

import cnn_core as cnn

MOST_SMALL_US = 5.0
MOST_CHAIN_US = 60.0
LEAST_OVER_TORCH = 30.0
MOST_COMPILE_S = 1.0  # for 10,000 nodes
CHAIN = 1000

Point = dict[str, float]


def circuit() -> tuple[cnn.Graph, Point]:
    x, y, z = cnn.Input("x"), cnn.Input("y"), cnn.Input("z")
    return cnn.Graph((x + y) * z), {"x": -2.0, "y": 5.0, "z": -4.0}


def neuron() -> tuple[cnn.Graph, Point]:
    """Return 1 / (1 + exp(-(w0 x0 + w1 x1 + w2))) from gates as small as they get."""
    point = {"w0": 2.0, "x0": -1.0, "w1": -3.0, "x1": -2.0, "w2": -3.0}
    w0, x0, w1, x1, w2 = map(cnn.Input, point)
    score = w0 * x0 + w1 * x1 + w2
    ops = cnn.ops
    return cnn.Graph(ops.reciprocal(ops.shift(ops.exp(ops.scale(score, -1.0)), 1.0))), point


def chain(x: Any, n: int, tanh: Callable[[Any], Any]) -> Any:
    """Return x after ``n`` operations: times, tanh, plus, tanh, and so on; it stays finite."""
    for i in range(n):
        x = tanh(x) if i % 2 else x * 1.01 if i % 4 else x + 0.1
    return x


def torch_chain() -> Callable[[], Any] | None:
    """Return the chain in eager PyTorch, forward and backward; None without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)

    def run() -> None:
        x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
        chain(x, CHAIN, torch.tanh).backward()

    return run


def small(budget: float) -> list[dict[str, Any]]:
    rows = []
    for name, (graph, point) in {"circuit": circuit(), "neuron": neuron()}.items():
        feed = ", ".join(f"{key}={value}" for key, value in point.items())
        statement = f"graph.forward({feed}); graph.backward()"
        turn = time_statement(statement, {"graph": graph}, budget)
        rows.append({"what": name, "us": turn.median, "best_us": turn.best, "most": MOST_SMALL_US})
    return rows


def long_chain(budget: float, rounds: int) -> list[dict[str, Any]]:
    graph = cnn.Graph(chain(cnn.Input("x"), CHAIN, cnn.ops.tanh))

    def run() -> None:
        graph.forward(x=0.5)
        graph.backward()

    runs: dict[str, tuple[Callable[[], Any], float]] = {"cnn_core": (run, 1)}
    theirs = torch_chain()
    if theirs is not None:
        runs["torch_eager"] = (theirs, 1)
    turns = interleave(runs, rounds, budget / rounds)
    found = {"what": f"chain of {CHAIN}", "us": median(t.median for t in turns["cnn_core"]),
             "best_us": min(t.best for t in turns["cnn_core"]), "most": MOST_CHAIN_US}  # fmt: skip
    if theirs is not None:
        found |= {"torch_ratio": ratio(turns["torch_eager"], turns["cnn_core"]),
                  "least_ratio": LEAST_OVER_TORCH}  # fmt: skip
    return [found]


def compiling(n: int) -> dict[str, Any]:
    """Measure the time first and the memory in a second run, which tracing slows."""
    begin = time.process_time()
    graph = cnn.Graph(chain(cnn.Input("x"), n, cnn.ops.tanh))
    seconds = time.process_time() - begin
    del graph
    tracemalloc.start()
    graph = cnn.Graph(chain(cnn.Input("x"), n, cnn.ops.tanh))
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    nodes = len(graph.nodes_topologically_sorted())
    return {"what": "compile", "nodes": nodes, "s": seconds, "us_per_node": seconds / nodes * 1e6,
            "bytes_per_node": kept / nodes}  # fmt: skip


def passed(row: dict[str, Any]) -> bool:
    """Tell whether a row keeps its limits; times count at their best, the machine may be busy."""
    if row["what"] == "compile":
        return row["us_per_node"] <= MOST_COMPILE_S * 1e6 / 10_000
    slow = row.get("torch_ratio", LEAST_OVER_TORCH) < LEAST_OVER_TORCH
    return row["best_us"] <= row["most"] and not slow


def line(row: dict[str, Any]) -> str:
    verdict = "" if passed(row) else "   OVER THE LIMIT"
    if row["what"] == "compile":
        return (
            f"compile {row['nodes']:,} nodes: {row['s']:.2f} s, {row['us_per_node']:.0f} us and "
            f"{row['bytes_per_node']:,.0f} bytes a node{verdict}"
        )
    peer = f", PyTorch takes {row['torch_ratio']:.0f} times as long" if "torch_ratio" in row else ""
    return (
        f"{row['what']}: {row['us']:.2f} us, at best {row['best_us']:.2f} (at most "
        f"{row['most']:g}){peer}{verdict}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="What graphs cost, small, long and large.")
    parser.add_argument("--nodes", type=int, nargs="+", default=[10_000, 40_000])
    parser.add_argument("--budget", type=float, default=1.0, metavar="SECONDS")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    forget_tuning()
    rows = small(args.budget) + long_chain(args.budget, args.rounds)
    rows += [compiling(n) for n in args.nodes]
    for row in rows:
        print(line(row))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))
    sys.exit(not all(map(passed, rows)))


if __name__ == "__main__":
    main()
