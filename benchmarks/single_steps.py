"""What a single step takes in other shapes and dtypes, as a share of the plain one.

    python benchmarks/single_steps.py           # status 1 if targets (B,) cost more than 1.1

T1 (`Trainer.step`): float32 features, and targets (B, 1) or int64 labels, against what the short
way converts or looks at besides.  In turns, on one thread; the shortest of many turns of 1,000
steps counts.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np
from environment import forget_tuning
from nets import NETS
from schedules import quotient

import cnn_core as cnn

LIMIT = 1.1
STEPS = 1000


def trainer(loss: Any, outputs: int) -> cnn.Trainer:
    sizes = NETS["T1"].sizes
    layers = [*(cnn.Dense(n, activation="relu") for n in sizes[1:-1]), cnn.Dense(outputs)]
    return cnn.Trainer(cnn.Sequential(layers, inputs=sizes[0], seed=0), loss=loss)


def cases() -> dict[str, tuple]:
    """Return for each name a loss, outputs, the plain arrays and others."""
    rng, n = np.random.default_rng(0), NETS["T1"]
    x = rng.standard_normal((n.batch, n.sizes[0]), dtype=np.float32)
    y = rng.standard_normal((n.batch, 1), dtype=np.float32)
    labels, yes = rng.integers(0, 3, n.batch), (y > 0).astype(np.float32)
    mse, softmax, w = cnn.MSE(), cnn.SoftmaxCrossEntropy(), np.abs(y[:, 0]) + 0.1
    wide, pixels = x.astype(np.float64), (x * 40 + 100).astype(np.uint8)
    return {
        "targets (B,)": (mse, 1, (x, y), (x, y[:, 0])),
        "labels (B, 1)": (softmax, 3, (x, labels), (x, labels[:, None])),
        "float64 features": (softmax, 3, (x, labels), (wide, labels)),
        "float64 features and targets": (mse, 1, (x, y), (wide, y[:, 0].astype(np.float64))),
        "uint8 features": (softmax, 3, (x, labels), (pixels, labels)),
        "sample weights": (mse, 1, (x, y), (x, y, w)),
        "binary cross-entropy": (cnn.BinaryCrossEntropy(), 1, (x, yes), (x, yes[:, 0])),
        "Poisson": (cnn.Poisson(), 1, (x, yes), (x, yes[:, 0])),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    args = parser.parse_args()
    forget_tuning()
    cnn.set_num_threads(1)
    found = {}
    for name, (loss, outputs, plain, other) in cases().items():

        def run(t: cnn.Trainer, arrays: tuple) -> Any:
            def steps() -> None:
                for _ in range(STEPS):
                    t.step(*arrays)

            return steps

        a, b = trainer(loss, outputs), trainer(loss, outputs)
        found[name] = quotient(run(a, other), run(b, plain), args.rounds)
        print(f"{name:30} {found[name]:.3f}", flush=True)
    return int(found["targets (B,)"] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
