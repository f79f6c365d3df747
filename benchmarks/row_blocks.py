"""Large batches in blocks of rows: what they save, against another build.

    python benchmarks/row_blocks.py --before TREE    # a checkout of an earlier commit, built
    python benchmarks/row_blocks.py                  # against this build without blocks
    python benchmarks/row_blocks.py --threads 2      # what a user waits

Each figure is the least time over several calls, in fresh processes taken in turns: processor time
of one thread, or with `--threads` the time that passes.  `without` shows the share of blocks
alone: the cache is said to hold everything.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parents[1]
ROWS, WIDTH, STEPS = 200_000, 16, 12


def chain(cnn, kinds: list[str], learn: bool):
    """Return a call of forward and backward, or of a learning step behind a dense layer."""
    h = x = cnn.Input("x", (cnn.BATCH, WIDTH))
    if learn:
        h = cnn.ops.dense(x, cnn.Parameter("w", np.eye(WIDTH)))
    for i in range(STEPS):
        h = getattr(cnn.ops, kinds[i % len(kinds)])(h)
    graph = cnn.Graph(cnn.ops.mean(h), dtype="float32")
    rows = np.random.default_rng(0).standard_normal((ROWS, WIDTH), dtype=np.float32)
    optimizer = cnn.SGD(lr=1e-6)

    def step() -> None:
        graph.step(optimizer, x=rows)

    def both() -> None:
        graph.forward(x=rows)
        graph.backward()

    return step if learn else both


def network(cnn):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((32_000, 32), dtype=np.float32)
    y = rng.standard_normal((32_000, 64), dtype=np.float32)
    layers = [cnn.Dense(64, activation="relu"), cnn.Dense(64, activation="relu"), cnn.Dense(64)]
    net = cnn.Sequential(layers, 32, dtype="float32", seed=0)
    trainer = cnn.Trainer(net, loss=cnn.MSE(), optimizer=cnn.SGD(lr=1e-3))
    return lambda: trainer.step(x, y)


CHEAP, COSTLY = ["neg", "relu", "square", "abs"], ["tanh"]
WORKLOADS: dict[str, Callable] = {
    "MLP 32-64-64-64 relu, 32,000 rows, step": network,
    "12 cheap steps, learning step": lambda cnn: chain(cnn, CHEAP, learn=True),
    "12 tanh, learning step": lambda cnn: chain(cnn, COSTLY, learn=True),
    "12 cheap steps, forward and backward": lambda cnn: chain(cnn, CHEAP, learn=False),
    "12 tanh, forward and backward": lambda cnn: chain(cnn, COSTLY, learn=False),
}


def measure(blocks: bool, threads: int | None) -> dict[str, float]:
    import cnn_core as cnn

    clock = time.thread_time if threads is None else time.perf_counter

    if not blocks:
        from cnn_core.compile import stretches

        stretches.cache_size = lambda: 1 << 60
    cnn.set_num_threads(threads or 1)
    found = {}
    for name, make in WORKLOADS.items():
        work, times = make(cnn), []
        for _ in range(12):
            begin = clock()
            work()
            times.append(clock() - begin)
        found[name] = min(times)
    return found


def run(tree: Path, blocks: bool, threads: int | None) -> dict[str, float]:
    command = [sys.executable, __file__, "--worker", *([] if blocks else ["--without"])]
    command += [] if threads is None else ["--threads", str(threads)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(tree)}, check=True,
                          capture_output=True, text=True)  # fmt: skip
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--before", type=Path, help="the tree of an earlier build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, help="that may be used; measures wall time")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--without", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(measure(not options.without, options.threads)))
        return
    before: list[dict[str, float]] = []
    after: list[dict[str, float]] = []
    for _ in range(options.rounds):
        before.append(run(options.before or HERE, options.before is not None, options.threads))
        after.append(run(HERE, True, options.threads))
    print(f"{'ms':42}{'before':>8}{'now':>8}{'share':>8}")
    for name in WORKLOADS:
        old, new = (min(f[name] for f in found) * 1e3 for found in (before, after))
        print(f"{name:42}{old:8.1f}{new:8.1f}{new / old:8.2f}")


if __name__ == "__main__":
    main()
