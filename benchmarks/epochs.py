"""Whole epochs through `Trainer.fit`: what they cost beyond their steps, and next to peers.

    python benchmarks/epochs.py mnist --data FOLDER --threads 1 2
    python benchmarks/epochs.py digits

mnist   An epoch of MNIST as uint8, 784-256-128-10, in a new order: checks, order of the rows,
        gathering and conversion, calls, sums.  Compared, in turns in the same process, with the
        same number of steps in one call of the C core: on the epoch's rows, gathered and
        converted before ("in order"), and on the rows of a few minibatches again and again.
digits  An epoch of the size of scikit-learn's digits, 64-128-64-10 with Adam, next to peers.

The status is 1 if a limit is passed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from compare import Comparison, plural
from environment import forget_tuning
from report import turns
from timing import interleave, ratio

import cnn_core as cnn
from cnn_core.train.batches import LossProgram

BATCH, FEW = 128, 16
OPTIMIZERS = {"sgd": cnn.SGD, "adam": cnn.Adam}

MOST_OVER_STEPS = 1.05
"""An epoch through `fit` over the sum of its steps."""

LEAST_OVER_PEERS = {"numba_loop": 1.3, "jax_scan": 2.4, "torch_eager": 12.0}
"""How many times longer these have to take for an epoch of digits."""


def load_pixels(folder: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Return MNIST's training rows as uint8 and their labels, or random ones of that size."""
    if folder is not None:
        data = cnn.data.load_idx_dataset(folder)
        return data.x_train.reshape(-1, 784), data.y_train
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (60_000, 784), dtype=np.uint8)
    pixels[rng.random(pixels.shape) < 0.8] = 0  # as in MNIST, most of a picture is background
    return pixels, rng.integers(0, 10, 60_000).astype(np.uint8)


def make_trainer(optimizer: str, scale: float) -> cnn.Trainer:
    layers = [cnn.Dense(256, "relu"), cnn.Dense(128, "relu"), cnn.Dense(10)]
    net = cnn.Sequential(layers, 784, input_scale=scale)
    chosen = OPTIMIZERS[optimizer](lr=1e-6)  # so small that the work of all epochs is alike
    return cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), optimizer=chosen)


def steps_alone(
    trainer: cnn.Trainer, x: np.ndarray, y: np.ndarray, n: int, n_threads: int
) -> Callable[[], Any]:
    """Return a call that makes the steps of ``n`` rows: those of ``x`` in order, over and over."""
    data = trainer._data(x, y, None, "benchmark")
    program: LossProgram = trainer._program(data, BATCH, training=True)
    learner, sources = trainer.optimizer.learner(trainer.net.store), program.sources(data)
    rate = trainer.optimizer.rates(0, -(-n // BATCH))

    def run() -> None:
        for at in range(0, n, data.n_rows):
            program.run(sources, None, 0, min(data.n_rows, n - at), BATCH, learner=learner,
                        lr=rate, n_threads=n_threads)  # fmt: skip

    return run


def mnist(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Time epochs and their steps for each optimizer and number of threads."""
    pixels, labels = load_pixels(args.data)
    n = len(pixels)
    order = np.random.default_rng(1).permutation(n)
    gathered = pixels[order].astype(np.float32) / np.float32(255)
    found = []
    for threads in args.threads:
        cnn.set_num_threads(threads)
        for optimizer in args.optimizers:
            whole, in_order, few = (make_trainer(optimizer, s) for s in (1 / 255, 1.0, 1.0))
            first = FEW * BATCH
            runs = {
                "epoch": lambda t=whole: t.fit(pixels, labels, batch_size=BATCH, progress=False),
                "in order": steps_alone(in_order, gathered, labels[order], n, threads),
                "few rows": steps_alone(few, gathered[:first], labels[order[:first]], n, threads),
            }
            timed = interleave({k: (run, n / BATCH) for k, run in runs.items()}, args.rounds, 0.0)
            found.append({"optimizer": optimizer, "threads": threads, "turns": timed})
    return found


def report_mnist(found: list[dict[str, Any]], by: str) -> bool:
    """Print the table; return whether all stay within the limit."""
    good = True
    print(f"MNIST as uint8, 784-256-128-10, batch {BATCH}: microseconds per step, and the epoch "
          f"by its steps (limit {MOST_OVER_STEPS})")  # fmt: skip
    for entry in found:
        timed = entry["turns"]
        shares = {k: ratio(timed["epoch"], timed[k], by) for k in ("in order", "few rows")}
        best = {k: min(t.best for t in v) for k, v in timed.items()}
        times = ", ".join(f"{k} {v:.1f}" for k, v in best.items())
        ratios = ", ".join(f"by {k} {v:.3f}" for k, v in shares.items())
        print(f"  {entry['optimizer']:<5}{plural(entry['threads']):<11}{times}; {ratios}")
        good &= max(shares.values()) <= MOST_OVER_STEPS
    return good


def digits(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Time epochs through `fit` and the same steps by peers, each in a process of its own."""
    comparison = Comparison(["cnn_core_fit", *args.peers], [1], args.rounds, args.budget)
    try:
        comparison.train("D1", "adam")
    finally:
        comparison.close()
    return comparison.results["train"]


def report_digits(found: list[dict[str, Any]], by: str) -> bool:
    """Print how many times longer each peer took; return whether all reach their limit."""
    own = [turns(e) for e in found if e["peer"] == "cnn_core_fit"]
    if not own:
        return False
    good = True
    print("an epoch of digits through fit, times as fast as:")
    for entry in found:
        least = LEAST_OVER_PEERS.get(entry["peer"])
        if entry["peer"] == "cnn_core_fit":
            continue
        value = ratio(turns(entry), own[0], by)
        good &= least is None or value >= least
        note = "" if least is None else f"  (at least {least})"
        print(f"  {entry['peer']:<16}{value:8.2f}{note}")
    return good


def parse() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("what", choices=("mnist", "digits"))
    p.add_argument("--data", type=Path, metavar="FOLDER", help="MNIST; else random rows")
    p.add_argument("--threads", nargs="+", type=int, default=[1], help="mnist only")
    p.add_argument("--optimizers", nargs="+", choices=OPTIMIZERS, default=list(OPTIMIZERS),
                   help="mnist only")  # fmt: skip
    p.add_argument("--peers", nargs="*", default=list(LEAST_OVER_PEERS), help="digits only")
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--budget", type=float, default=0.2, help="seconds per turn, digits only")
    p.add_argument("--by", choices=("median", "best"), default="median")
    p.add_argument("--json", type=Path, metavar="FILE", help="write all turns")
    return p.parse_args()


def main() -> None:
    args = parse()
    forget_tuning()
    measure, report = (mnist, report_mnist) if args.what == "mnist" else (digits, report_digits)
    found = measure(args)
    good = report(found, args.by)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))
    sys.exit(not good)


if __name__ == "__main__":
    main()
