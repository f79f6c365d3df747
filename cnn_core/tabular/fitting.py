"""One training: a recipe's network, the best of its epochs, and what it says of the held rows."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

from cnn_core.nn.model import Model
from cnn_core.run.threads import Using, spare_threads
from cnn_core.tabular.recipes.recipe import Recipe, Rows, Task
from cnn_core.train.callbacks import Callback
from cnn_core.train.history import History
from cnn_core.train.trainer import Trainer


class Fitted(NamedTuple):
    """A network that was trained."""

    network: Model
    history: History
    best_epoch: int
    """The epoch, from 1, whose numbers the network has."""
    validation_rows: np.ndarray
    """The rows of the table that were held back; none where others were given, or too few."""
    outputs: np.ndarray | None
    """What the network says of the validation part, (Nv, O) or (Nv, k, O); None without one."""
    target: np.ndarray | None
    """Its encoded targets."""
    weight: np.ndarray | None


def probabilities(outputs: np.ndarray) -> np.ndarray:
    """Return the mean over members of the softmax of logits, (B, C) or (B, k, C): float64 (B, C).
    """
    z = outputs.astype(np.float64)
    z -= z.max(axis=-1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(axis=-1, keepdims=True)
    return z.mean(axis=1) if z.ndim == 3 else z


def values(outputs: np.ndarray) -> np.ndarray:
    """Return the mean over members of numbers, (B, O) or (B, k, O): float64 (B, O)."""
    found = outputs.astype(np.float64)
    return found.mean(axis=1) if found.ndim == 3 else found


def figures(
    task: Task, outputs: np.ndarray, target: np.ndarray, weight: np.ndarray | None
) -> dict[str, float]:
    """Return how good outputs are, less is better: weighted means over the rows.

    ``error`` (the share of wrong classes) and ``log_loss``; ``rmse``; ``pinball``, the mean over
    the quantiles.  Numbers are in standard deviations of the targets.
    """
    if task.kind == "classes":
        p = probabilities(outputs)
        own = p[np.arange(len(p)), target]
        return {"error": _mean(p.argmax(axis=1) != target, weight),
                "log_loss": _mean(-np.log(np.maximum(own, 1e-300)), weight)}  # fmt: skip
    off = target.astype(np.float64) - values(outputs)
    if task.kind == "mean":
        return {"rmse": float(np.sqrt(_mean(off[:, 0] ** 2, weight)))}
    q = np.array(task.quantiles)
    return {"pinball": _mean(np.maximum(q * off, (q - 1) * off).mean(axis=1), weight)}


def _mean(x: np.ndarray, weight: np.ndarray | None) -> float:
    return float(np.average(x, weights=weight))


class Keeper(Callback):
    """Notes the figures of the validation part after each epoch, and keeps the best epoch."""

    def __init__(self, net: Model, task: Task, held: Rows, recipe: Recipe) -> None:
        self.net, self.task, self.held = net, task, held
        self.keeps, self.patience = recipe.keeps[task.kind], recipe.patience
        self.best, self.best_epoch = np.inf, 0
        self.outputs: np.ndarray | None = None
        self._inputs = held.inputs()
        self._params: list[np.ndarray] = []

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: dict[str, float]) -> None:
        outputs = self.net.predict(self._inputs)
        found = figures(self.task, outputs, self.held.y, self.held.weight)
        values |= {f"val_{name}": value for name, value in found.items()}
        if found[self.keeps] < self.best:
            self.best, self.best_epoch, self.outputs = found[self.keeps], epoch, outputs
            self._params = [block.value.copy() for block in self.net.store.blocks]
        elif self.patience is not None and epoch - self.best_epoch >= self.patience:
            trainer.stop = True

    def put_back(self) -> None:
        """Give the network the numbers of its best epoch."""
        for block, value in zip(self.net.store.blocks, self._params, strict=True):
            block.value[...] = value


def fit_one(
    recipe: Recipe, rows: Rows, held: Rows | None, task: Task, *, seed: int,
    held_rows: np.ndarray, n_threads: int | None = None, progress: bool | str = False,
) -> Fitted:  # fmt: skip
    """Train a network with ``rows``; keep the epoch that is the best for ``held``, or the last."""
    with Using(n_threads or spare_threads()):
        net = recipe.network(rows, task, seed)
        batch_size = recipe.rows_of_batch(len(rows.y))
        steps = -(-len(rows.y) // batch_size)
        trainer = recipe.trainer(net, rows, task, n_steps=steps * recipe.epochs, seed=seed)
        keeper = None if held is None else Keeper(net, task, held, recipe)
        try:
            trainer.fit(rows.inputs(), rows.y, batch_size=batch_size, epochs=recipe.epochs,
                        sample_weight=rows.weight, progress=progress,
                        callbacks=[] if keeper is None else [keeper])  # fmt: skip
        except KeyboardInterrupt:
            if not trainer.history.epochs:
                raise
            warnings.warn(f"fit: interrupted in epoch {trainer.epochs_done + 1} of "
                          f"{recipe.epochs}: the best before it is kept", stacklevel=4)  # fmt: skip
    if keeper is None:
        return Fitted(net, trainer.history, trainer.epochs_done, held_rows, None, None, None)
    assert held is not None
    keeper.put_back()
    return Fitted(net, trainer.history, keeper.best_epoch, held_rows, keeper.outputs, held.y,
                  held.weight)  # fmt: skip
