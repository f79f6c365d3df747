"""What a schedule and groups cost, as a share of a step of the smallest network.

    python benchmarks/schedules.py              # status 1 if a schedule costs more than 3 %

Epochs of many steps of T1 (`Trainer.fit`) and single steps (`Trainer.step`), on one thread, each
in turns with those at a constant rate.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from environment import forget_tuning
from nets import NETS
from timing import interleave, ratio

import cnn_core as cnn
from cnn_core.optim import CosineDecay, ExponentialDecay, Piecewise, StepDecay, Warmup

LIMIT = 1.03
STEPS = 4096
SCHEDULES: dict[str, Any] = {
    "CosineDecay": CosineDecay(1e-3, 10**7),
    "StepDecay": StepDecay(1e-3, 1000, 0.9),
    "ExponentialDecay": ExponentialDecay(1e-3, 1000, 0.9),
    "Piecewise": Piecewise((1000, 10**6), (1e-3, 5e-4, 1e-4)),
    "Warmup of a CosineDecay": Warmup(CosineDecay(1e-3, 10**7), 10**4),
    "a function": lambda step: 1e-3,
}
GROUPS = {"*.b": {"lr_factor": 0.1, "weight_decay": 0.0}}


def trainer(**options: Any) -> cnn.Trainer:
    sizes = NETS["T1"].sizes
    hidden = [cnn.Dense(n, activation="relu") for n in sizes[1:-1]]
    net = cnn.Sequential([*hidden, cnn.Dense(sizes[-1])], inputs=sizes[0], seed=0)
    loss, optimizer = cnn.SoftmaxCrossEntropy(), cnn.AdamW(**{"lr": 1e-3, **options})
    return cnn.Trainer(net, loss=loss, optimizer=optimizer)


def runs(**options: Any) -> dict[str, tuple[Callable[[], Any], float]]:
    """Return an epoch and many single steps of a trainer with these options."""
    batch, rng = NETS["T1"].batch, np.random.default_rng(0)
    x = rng.standard_normal((STEPS * batch, NETS["T1"].sizes[0]), dtype=np.float32)
    y = rng.integers(0, NETS["T1"].sizes[-1], len(x))
    fitted, stepped = trainer(**options), trainer(**options)

    def steps() -> None:
        for _ in range(1000):
            stepped.step(x[:batch], y[:batch])

    def fit() -> None:
        fitted.fit(x, y, batch_size=batch, progress=False)

    return {"fit": (fit, STEPS), "step": (steps, 1000)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--budget", type=float, default=0.05, help="seconds a turn")
    args = parser.parse_args()
    forget_tuning()
    cnn.set_num_threads(1)
    made = {name: runs(lr=lr) for name, lr in SCHEDULES.items()} | {"groups": runs(groups=GROUPS)}
    plain, dear = runs(), []
    print(f"{'time by that at a constant rate':33}{'fit':>8}{'step':>8}")
    for name, each in made.items():
        shown = []
        for way in ("fit", "step"):
            turns = interleave({"with": each[way], "without": plain[way]}, args.rounds, args.budget)
            shown.append(ratio(turns["with"], turns["without"], "best"))
        print(f"{name:33}{shown[0]:8.3f}{shown[1]:8.3f}", flush=True)
        if shown[0] > LIMIT and name not in ("a function", "groups"):
            dear.append(name)
    return 1 if dear else 0


if __name__ == "__main__":
    raise SystemExit(main())
