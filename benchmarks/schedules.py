"""What a schedule and groups cost, as a share of a step of the smallest network.

    python benchmarks/schedules.py              # status 1 if a schedule costs more than 3 %

Epochs of many steps of T1 (`Trainer.fit`) and single steps (`Trainer.step`), on one thread, each
in turns with those at a constant rate.  What is compared is the shortest processor time of many
turns, which other work on the machine disturbs least.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from environment import forget_tuning
from nets import NETS

import cnn_core as cnn
from cnn_core.optim import (
    CosineDecay,
    CosineRestarts,
    CosLog4,
    ExponentialDecay,
    OneCycle,
    Piecewise,
    StepDecay,
    Warmup,
)
from cnn_core.optim.schedules import Rate

LIMIT = 1.03
STEPS = 4096
SCHEDULES: dict[str, Rate] = {
    "CosineDecay": CosineDecay(1e-3, 10**7),
    "StepDecay": StepDecay(1e-3, 1000, 0.9),
    "ExponentialDecay": ExponentialDecay(1e-3, 1000, 0.9),
    "Piecewise": Piecewise((1000, 10**6), (1e-3, 5e-4, 1e-4)),
    "CosineRestarts": CosineRestarts(1e-3, 1000, 2),
    "OneCycle": OneCycle(1e-3, 10**6),
    "CosLog4": CosLog4(1e-3, 10**7),
    "Warmup of a CosineDecay": Warmup(CosineDecay(1e-3, 10**7), 10**4),
    "a function": lambda step: 1e-3,
}
GROUPS = {"*.b": {"lr_factor": 0.1, "weight_decay": 0.0}}


def trainer(groups: dict[str, Any] | None = None) -> cnn.Trainer:
    sizes = NETS["T1"].sizes
    hidden = [cnn.Dense(n, activation="relu") for n in sizes[1:-1]]
    net = cnn.Sequential([*hidden, cnn.Dense(sizes[-1])], inputs=sizes[0], seed=0)
    return cnn.Trainer(
        net, loss=cnn.SoftmaxCrossEntropy(), optimizer=cnn.AdamW(lr=1e-3, groups=groups)
    )


def runs(t: cnn.Trainer, lr: Rate) -> dict[str, Callable[[], None]]:
    """Return an epoch and many single steps of ``t`` at the rate ``lr``."""
    batch, rng = NETS["T1"].batch, np.random.default_rng(0)
    x = rng.standard_normal((STEPS * batch, NETS["T1"].sizes[0]), dtype=np.float32)
    y = rng.integers(0, NETS["T1"].sizes[-1], len(x))

    def steps() -> None:
        t.optimizer.lr = lr
        for _ in range(1000):
            t.step(x[:batch], y[:batch])

    def fit() -> None:
        t.optimizer.lr = lr
        t.fit(x, y, batch_size=batch, progress=False)

    return {"fit": fit, "step": steps}


def quotient(one: Callable[[], None], other: Callable[[], None], rounds: int) -> float:
    """Return how many times the processor time of ``other`` the call of ``one`` takes."""
    best = {one: float("inf"), other: float("inf")}
    for _ in range(rounds + 1):  # the first warms up what both need
        for run in best:
            begin = time.process_time()
            run()
            best[run] = min(best[run], time.process_time() - begin)
    return best[one] / best[other]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=120)
    args = parser.parse_args()
    forget_tuning()
    cnn.set_num_threads(1)
    one = trainer()  # for all, since where its memory lies counts for more than a schedule
    plain, dear = runs(one, 1e-3), []
    made = {name: runs(one, lr) for name, lr in SCHEDULES.items()}
    made["groups, in memory of their own"] = runs(trainer(GROUPS), 1e-3)
    print(f"{'time by that at a constant rate':33}{'fit':>8}{'step':>8}")
    for name, each in made.items():
        shown = [quotient(each[way], plain[way], args.rounds) for way in ("fit", "step")]
        print(f"{name:33}{shown[0]:8.3f}{shown[1]:8.3f}", flush=True)
        if shown[0] > LIMIT and name in SCHEDULES and name != "a function":
            dear.append(name)
    return 1 if dear else 0


if __name__ == "__main__":
    raise SystemExit(main())
