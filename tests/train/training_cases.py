"""What the training tests share: data, networks, and all that training may change."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import cnn_core as cnn

HERE = Path(__file__).parent


def blobs(
    n: int, inputs: int = 7, classes: int = 3, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows around one centre per class, float32 (n, inputs), and their labels (n,)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    centres = np.random.default_rng(99).standard_normal((classes, inputs))
    return (centres[labels] + rng.standard_normal((n, inputs))).astype(np.float32), labels


def make_net(
    inputs: int = 7, outputs: int = 3, hidden: tuple[int, ...] = (17, 9), activation: str = "relu",
    dropout: float = 0.0, dtype: str = "float32", seed: int = 0, **options: Any,
) -> cnn.Sequential:  # fmt: skip
    layers: list[Any] = []
    for width in hidden:
        layers.append(cnn.Dense(width, activation))
        if dropout:
            layers.append(cnn.Dropout(dropout))
    layers.append(cnn.Dense(outputs))
    return cnn.Sequential(layers, inputs, dtype=dtype, seed=seed, **options)


def make_trainer(net: cnn.Sequential | None = None, **options: Any) -> cnn.Trainer:
    options.setdefault("loss", cnn.SoftmaxCrossEntropy())
    options.setdefault("optimizer", cnn.Adam(lr=0.01))
    return cnn.Trainer(make_net() if net is None else net, **options)


def state(trainer: cnn.Trainer) -> dict[str, Any]:
    """Return copies of all that a step changes."""
    o = trainer.optimizer
    return {
        "params": trainer.net.store.value.copy(),
        "slots": [slot.copy() for slot in o.slots],
        "scalars": o.scalars.copy(),
        "step_count": o.step_count,
        "epochs_done": trainer.epochs_done,
    }


def assert_same_state(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compare to the bit."""
    assert found["step_count"] == expected["step_count"]
    assert found["epochs_done"] == expected["epochs_done"]
    assert np.array_equal(found["params"], expected["params"])
    assert np.array_equal(found["scalars"], expected["scalars"])
    for a, b in zip(found["slots"], expected["slots"], strict=True):
        assert np.array_equal(a, b)


def run_script(code: str, timeout: float = 240, **environment: str) -> subprocess.CompletedProcess:
    """Run Python code in a process of its own, which may import this module; raise if it hangs."""
    paths = [str(HERE), *sys.path]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in paths if p), **environment}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, timeout=timeout, capture_output=True, text=True
    )  # fmt: skip


def run_checked(code: str, timeout: float = 240, **environment: str) -> str:
    """Run Python code in a process of its own; return what it printed."""
    done = run_script(code, timeout, **environment)
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr}"
    return done.stdout.strip()


HARD = {"dropout": 0.3, "hidden": (18, 9)}


def hard_trainer(seed: int = 0, dtype: str = "float32") -> cnn.Trainer:
    """Return a trainer with momentum, clipping, a schedule and dropout."""
    rate = cnn.optim.Warmup(cnn.optim.CosineDecay(0.1, 60, floor=0.01), 5)
    optimizer = cnn.SGD(
        lr=rate, momentum=0.9, weight_decay=1e-3, no_decay=("*.b",), clip_norm=1.0
    )  # fmt: skip
    return make_trainer(make_net(dtype=dtype, **HARD), optimizer=optimizer, seed=seed)


NETS = {
    "odd widths": ((65, 130, 33), "relu", 10, 0.0),
    "width one": ((257, 1, 130), "tanh", 10, 0.0),
    "wide and narrow": ((300, 3, 77), "gelu", 2, 0.0),
    "dropout": ((129, 140), "silu", 11, 0.4),
    "one layer": ((), "linear", 37, 0.0),
}


def big_net(name: str, dtype: str = "float32") -> cnn.Sequential:
    hidden, activation, outputs, dropout = NETS[name]
    layers: list = []
    for units in hidden:
        layers += [cnn.Dense(units, activation), cnn.Dropout(dropout)]
    return cnn.Sequential([*layers, cnn.Dense(outputs)], 131, dtype=dtype, seed=1)


def set_threads(n: int) -> None:
    """Allow ``n`` threads, whether or not there are as many cores."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        cnn.set_num_threads(n)


class AllThreads:
    """A pace that uses all threads in every call."""

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads

    def next(self) -> tuple[int, int]:
        return 3, self.n_threads

    def record(self, steps: int, n_threads: int, seconds: float) -> None:
        pass
