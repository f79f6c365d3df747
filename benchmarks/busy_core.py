"""Two threads where another process keeps one core busy, against one thread.

    python benchmarks/busy_core.py
    python benchmarks/busy_core.py --nets S1 M2 --rounds 9 --json busy.json

A training step of each network on one thread and on two, in turns, first on cores that are free
and then beside a process that computes without a pause on the last core of those this process
may use.  Two threads may then take at most 1.05 of the time of one; the status is 1 otherwise.
Needs an operating system that can bind a process to a core, and two of them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from environment import forget_tuning

forget_tuning()

from nets import NETS, make_rows, make_weights  # noqa: E402
from peers.cnn_core import Adapter  # noqa: E402
from timing import interleave, ratio  # noqa: E402

import cnn_core as cnn  # noqa: E402

LIMIT = 1.05


@contextlib.contextmanager
def busy_core(core: int) -> Iterator[None]:
    """A process that computes without a pause on this core, for the length of the block."""
    code = f"import os\nos.sched_setaffinity(0, [{core}])\nwhile True: pass"
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def two_over_one(name: str, optimizer: str, rounds: int, budget: float) -> tuple[float, float]:
    """Return the time of a step on one thread in us, and that on two as a multiple of it."""
    net = NETS[name]

    def ready(threads: int) -> Callable[[], None]:
        peer = Adapter(threads)
        peer.prepare(net, make_weights(net), make_rows(net), optimizer)

        def run() -> None:
            cnn.set_num_threads(threads)
            peer.run(net.n_steps)

        return run

    runs = {str(threads): (ready(threads), net.n_steps) for threads in (1, 2)}
    turns = interleave(runs, rounds, budget)
    return median(t.median for t in turns["1"]), ratio(turns["2"], turns["1"])


def parse() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    usual = [name for name in NETS if name != "L2"]
    p.add_argument("--nets", nargs="+", choices=NETS, metavar="NET", default=usual,
                   help=f"of {', '.join(NETS)}")  # fmt: skip
    p.add_argument("--optimizer", choices=("sgd", "adam"), default="sgd")
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--budget", type=float, default=0.3, help="seconds per turn")
    p.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    return p.parse_args()


def main() -> int:
    args = parse()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        print("busy_core: need two cores, and an operating system that binds processes to them")
        return 2
    found = {}
    print(f"{'net':4}{'1 thread, us':>14}{'2 / 1, free':>14}{'2 / 1, busy':>14}")
    for name in args.nets:
        time, free = two_over_one(name, args.optimizer, args.rounds, args.budget)
        with busy_core(cores[-1]):
            _, busy = two_over_one(name, args.optimizer, args.rounds, args.budget)
        found[name] = {"us": time, "free": free, "busy": busy}
        print(f"{name:4}{time:14.1f}{free:14.2f}{busy:14.2f}"
              f"{'' if busy <= LIMIT else f'   over {LIMIT}'}", flush=True)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))
    return any(f["busy"] > LIMIT for f in found.values())


if __name__ == "__main__":
    sys.exit(main())
