"""What the guard, the history and callbacks cost, as a share of an epoch of T2.

    python benchmarks/callbacks.py              # status 1 if all together cost more than 3 %
    python benchmarks/callbacks.py Record       # that one, the guard, and all

Fits of several epochs of T2, 512 steps each, on one thread, in turns: bare, without the guard;
with it; with it and each callback; with all of them (checkpoints every minute, as the advice is).
What is compared is the processor time that a tenth of all epochs stay below, which other work on
the machine disturbs least.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from environment import forget_tuning
from nets import NETS

import cnn_core as cnn

LIMIT = 1.03
EPOCHS = 22
NET = NETS["T2"]

Hooks = Callable[[], list[cnn.Callback]]


class Screen(io.StringIO):
    """A terminal, as far as a bar can tell."""

    def isatty(self) -> bool:
        return True


def kinds(folder: Path) -> dict[str, Hooks]:
    """Return what makes the callbacks of each contestant."""
    found: dict[str, Hooks] = {
        "CSVLogger": lambda: [cnn.CSVLogger(folder / "log.csv")],
        "Record": lambda: [cnn.Record()],
        "EarlyStopping": lambda: [cnn.EarlyStopping("loss", 1000)],
        "Timer": lambda: [cnn.Timer(3600)],
        "LambdaCallback": lambda: [cnn.LambdaCallback(on_epoch_end=lambda t, e, v: None)],
        "ProgressBar": lambda: [cnn.ProgressBar(file=Screen())],
        "Checkpoint, every minute": lambda: [cnn.Checkpoint(folder / "run", every_seconds=60)],
    }
    parts = list(found.values())
    together: Hooks = lambda: [hook for part in parts for hook in part()]  # noqa: E731
    return {"bare": list, "guard": list, **found, "all": together}


def fit(hooks: Hooks, x: np.ndarray, y: np.ndarray, guard: str | None) -> list[float]:
    """Return the processor seconds of the epochs of a fit."""
    sizes = NET.sizes
    hidden = [cnn.Dense(n, activation="relu") for n in sizes[1:-1]]
    net = cnn.Sequential([*hidden, cnn.Dense(sizes[-1])], inputs=sizes[0], seed=0)
    trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), optimizer=cnn.Adam(lr=1e-4),
                          guard=guard)  # fmt: skip
    trainer.fit(x, y, batch_size=NET.batch, epochs=1, progress=False)  # finds its pace
    marks: list[float] = []

    class Clock(cnn.Callback):
        """Leaves out what comes once in a fit, in its first epoch and at its end."""

        def on_epoch_begin(self, trainer: cnn.Trainer, epoch: int) -> None:
            marks.append(time.process_time())

    trainer.fit(x, y, batch_size=NET.batch, epochs=EPOCHS, progress=False,
                callbacks=[Clock(), *hooks()])  # fmt: skip
    return np.diff(marks[1:]).tolist()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("names", nargs="*", help="callbacks to measure; default: each")
    given = parser.parse_args()
    forget_tuning()
    cnn.set_num_threads(1)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((NET.n_rows, NET.sizes[0]), dtype=np.float32)
    y = rng.integers(0, NET.sizes[-1], NET.n_rows)
    with tempfile.TemporaryDirectory() as folder:
        made = kinds(Path(folder))
        wanted = {"bare", "guard", "all", *given.names} if given.names else set(made)
        if not wanted <= set(made):
            parser.error(f"need names among {', '.join(made)}; got {', '.join(given.names)}")
        made = {name: hooks for name, hooks in made.items() if name in wanted}
        found: dict[str, list[float]] = {name: [] for name in made}
        for _ in range(given.rounds):
            for name, hooks in made.items():
                found[name] += fit(hooks, x, y, None if name == "bare" else "raise")
    best = {name: float(np.quantile(seconds, 0.1)) for name, seconds in found.items()}
    for name, seconds in best.items():
        print(f"{name:<24} {1e3 * seconds:8.3f} ms an epoch   {seconds / best['bare']:6.3f}")
    return int(best["all"] / best["bare"] > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
