"""One training: a recipe's network, the best of its epochs, and what it says of the held rows."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable
from math import ceil, floor, log10
from typing import NamedTuple

import numpy as np

from cnn_core._ext.core import pool
from cnn_core.nn.model import Model
from cnn_core.run.threads import Using, spare_threads
from cnn_core.tabular.budget import Budget
from cnn_core.tabular.calibration import calibrated_loss
from cnn_core.tabular.encoder import TableEncoder
from cnn_core.tabular.figures import Weight, accuracy, log_loss, pinballs, rmse
from cnn_core.tabular.parts import (
    FEWEST,
    NO_ROWS,
    SHARE,
    Used,
    divided,
    held_back,
    picked,
    reweighted,
)
from cnn_core.tabular.recipes.recipe import Recipe, Rows, Task, check_network, smoothing_of
from cnn_core.train.callbacks import Callback
from cnn_core.train.history import History
from cnn_core.train.trainer import Trainer

RESERVE = 0.04
"""The share of a time limit that is left for what comes after the trainings."""

SAMPLE, SAMPLE_BYTES = 2000, 1 << 22
"""Rows of the validation part that are kept, and about what they may take."""


AFTER = 3.0
"""What is made of the validation part after a training takes as long as so many looks at it."""

JUDGED = 500
"""Rows of the validation part that are looked at however short the time is."""


class Settings(NamedTuple):
    """The parameters of a learner's fit, looked through."""

    recipe: Recipe
    n_models: int
    fraction: float
    encoder: TableEncoder
    seed: int
    n_threads: int | None
    progress: bool | str
    time_limit: float | None
    begin: float
    """When it began, as ``time.perf_counter`` says."""


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
    """Its targets (N,): classes, or numbers as they are."""
    weight: np.ndarray | None
    sample: Rows | None = None
    """Some of its rows, to tell by what the network looks at; of the first of several networks
    only, and not saved."""


def figures(
    task: Task, outputs: np.ndarray, target: np.ndarray, weight: Weight, smoothing: float = 0.0
) -> dict[str, float]:
    """Return how good outputs are, less is better.

    ``error`` (the share of wrong classes), ``log_loss``, and ``calibrated_loss``, the same at the
    best temperature; ``rmse``; ``pinball``, the mean over the quantiles.  Numbers are in standard
    deviations of the targets.  ``smoothing`` is that of labels in training.
    """
    found = pool([outputs], [1.0], task.kind == "classes")
    if task.kind == "classes":
        return {"error": 1 - accuracy(target, found, weight),
                "log_loss": log_loss(target, found, weight),
                "calibrated_loss": calibrated_loss(found, target, weight, smoothing)}  # fmt: skip
    y = target[:, 0].astype(np.float64)
    if task.kind == "mean":
        return {"rmse": rmse(y, found[:, 0], weight)}
    return {"pinball": pinballs(y, found, task.quantiles, weight)}


class Keeper(Callback):
    """Notes the figures of the validation part after each epoch, and keeps the best epoch."""

    def __init__(self, net: Model, task: Task, held: Rows, recipe: Recipe) -> None:
        self.net, self.task, self.held, self.recipe = net, task, held, recipe
        self.best, self.best_epoch, self._better = np.inf, 0, 0
        self.outputs: np.ndarray | None = None
        self.seconds = 0.0
        """What a look takes: the less of the last two, as one may have been held up."""
        self._took = np.inf
        self._inputs, self._smoothing = held.inputs(), smoothing_of(recipe)
        self._params: list[np.ndarray] = []

    def estimate(self) -> None:
        """Find out how long a look will take, of some of the rows."""
        n = min(len(self.held.y), JUDGED)
        some = {name: array[:n] for name, array in self._inputs.items()}
        self.net.predict(some)  # which is compiled for it
        begin = time.perf_counter()
        self.net.predict(some)
        self.seconds = (time.perf_counter() - begin) * len(self.held.y) / n

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: dict[str, float]) -> None:
        begin = time.perf_counter()
        outputs = self.net.predict(self._inputs)
        found = figures(self.task, outputs, self.held.y, self.held.weight, self._smoothing)
        values |= {f"val_{name}": value for name, value in found.items()}
        figure, patience = found[self.recipe.keeps[self.task.kind]], self.recipe.patience
        if figure < self.best:
            self._better = epoch
        if figure <= self.best or not self.best_epoch:  # of equal ones the last, as in RealMLP
            self.best, self.best_epoch, self.outputs = figure, epoch, outputs
            self._params = [block.value.copy() for block in self.net.store.blocks]
        if patience is not None and epoch - self._better >= patience:
            trainer.stop = True
        took = time.perf_counter() - begin
        self.seconds, self._took = min(took, self._took), took

    def put_back(self) -> None:
        """Give the network the numbers of its best epoch."""
        for block, value in zip(self.net.store.blocks, self._params, strict=True):
            block.value[...] = value


class _Training:
    """A network and what trains it."""

    def __init__(
        self, recipe: Recipe, rows: Rows, held: Rows | None, task: Task, seed: int
    ) -> None:
        self.recipe, self.rows = recipe, rows
        self.net = recipe.network(rows, task, seed)
        check_network(self.net, list(self.net.inputs), rows.widths, task.n_outputs, recipe, "fit")
        self.per_epoch = -(-len(rows.y) // recipe.batch_size)
        self.trainer = recipe.trainer(self.net, rows, task, seed=seed,
                                      n_steps=self.per_epoch * recipe.epochs)  # fmt: skip
        self.keeper = None if held is None else Keeper(self.net, task, held, recipe)

    def run(self, epochs: int, budget: Budget | None, progress: bool | str) -> None:
        """Train for so many epochs; Ctrl-C ends it, once there is one."""
        try:
            self.trainer.fit(
                self.rows.inputs(), self.rows.y, batch_size=self.recipe.batch_size, epochs=epochs,
                sample_weight=self.rows.weight, progress=progress,
                callbacks=[c for c in (self.keeper, budget) if c is not None])  # fmt: skip
        except KeyboardInterrupt:
            if not self.trainer.history.epochs:
                raise
            warnings.warn(f"fit: interrupted in epoch {self.trainer.epochs_done + 1} of {epochs}: "
                          f"the best before it is kept", stacklevel=5)  # fmt: skip
        history = self.trainer.history
        if budget is not None and budget.part is not None:
            values = dict(budget.part)
            if self.keeper is not None:
                self.keeper.on_epoch_end(self.trainer, history.epochs + 1, values)
            history.append(values, time.perf_counter() - budget.epoch_begin)

    def fitted(self, held_rows: np.ndarray) -> Fitted:
        """Return the network of the best epoch, or of the last."""
        keeper, history = self.keeper, self.trainer.history
        if keeper is None:
            return Fitted(self.net, history, history.epochs, held_rows, None, None, None)
        keeper.put_back()
        return Fitted(self.net, history, keeper.best_epoch, held_rows, keeper.outputs,
                      keeper.held.target, keeper.held.weight, _some(keeper.held))  # fmt: skip


def fit_one(
    recipe: Recipe, rows: Rows, held: Rows | None, task: Task, *, seed: int,
    held_rows: np.ndarray, progress: bool | str = False, end: float | None = None,
) -> tuple[Fitted, Budget | None]:  # fmt: skip
    """Train a network with ``rows``; keep the epoch that is the best for ``held``, or the last.

    ``end`` is the value of ``time.perf_counter`` by which it is done.  Where that is too soon, the
    training is that of a copy of the recipe with fewer ``epochs``.
    """
    recipe = recipe.for_rows(len(rows.y))
    made, epochs = _Training(recipe, rows, held, task, seed), recipe.epochs
    if end is None:
        made.run(epochs, None, progress)
        return made.fitted(held_rows), None
    if made.keeper is not None:
        made.keeper, held_rows = _in_time(made.keeper, held_rows, end, seed)
        end -= AFTER * made.keeper.seconds
    while True:
        keeper, n = made.keeper, made.per_epoch
        budget = Budget(end, n * made.recipe.epochs, n, n * epochs,
                        lambda keeper=keeper: keeper.seconds if keeper else 0.0)  # fmt: skip
        made.run(epochs, budget, progress)
        if budget.epochs is None:
            return made.fitted(held_rows), budget
        shorter = copy.copy(recipe)
        shorter.epochs = budget.epochs
        seconds = 0.0 if keeper is None else keeper.seconds
        made = _Training(shorter, rows, keeper and keeper.held, task, seed)
        if made.keeper is not None:
            made.keeper.seconds = seconds


def _some(rows: Rows) -> Rows:
    """Return up to `SAMPLE` rows, fewer of wide tables, evenly spread."""
    size = 4 * (rows.numbers.shape[1] + rows.codes.shape[1])
    n = min(SAMPLE, max(100, SAMPLE_BYTES // size))
    return picked(rows, np.unique(np.linspace(0, len(rows.y) - 1, n).astype(int)))


def _in_time(
    keeper: Keeper, held_rows: np.ndarray, end: float, seed: int
) -> tuple[Keeper, np.ndarray]:
    """Return one that looks at so few rows that it takes no more than a tenth of the time."""
    keeper.estimate()
    n, most = len(keeper.held.y), 0.1 * (end - time.perf_counter())
    if keeper.seconds <= most:
        return keeper, held_rows
    n_kept = max(int(n * most / keeper.seconds), min(n, JUDGED))
    kept = np.sort(np.random.default_rng(seed).permutation(n)[:n_kept])
    fewer = Keeper(keeper.net, keeper.task, picked(keeper.held, kept), keeper.recipe)
    fewer.seconds = keeper.seconds * n_kept / n
    return fewer, held_rows[kept] if len(held_rows) else held_rows


class Fits(NamedTuple):
    """Several trainings, and what there is to say of them."""

    fitted: list[Fitted]
    notes: list[str]


def fit_all(
    o: Settings, rows: Rows, given: Rows | None, task: Task, used: Used,
    class_weights: Callable[[np.ndarray], np.ndarray] | None,
) -> Fits:  # fmt: skip
    """Train networks with seeds, and validation parts unless one is given, of their own.

    ``used`` are the rows of the table of training that these are; ``class_weights`` makes weights
    of classes.  Each network has an equal share of the time that is left.
    """
    fitted: list[Fitted] = []
    budgets: list[Budget] = []
    notes, start = [], time.perf_counter()
    codes = rows.y if task.kind == "classes" else None
    for seed in np.random.SeedSequence(o.seed).generate_state(o.n_models).tolist():
        end, now = None, time.perf_counter()
        if o.time_limit is not None:
            left = o.begin + (1 - RESERVE) * o.time_limit - now
            if left <= 0 and fitted:
                break
            end = now + left / (o.n_models - len(fitted))
        held = NO_ROWS if given is not None else held_back(len(rows.y), o.fraction, seed, codes)
        training, validation = divided(rows, held)
        if class_weights is not None:
            training = reweighted(training, class_weights(training.y))
        own = held if used.rows is None else used.rows[held]
        with Using(o.n_threads or spare_threads()):
            found, budget = fit_one(o.recipe, training, given or validation, task, seed=seed,
                                    end=end, held_rows=own, progress=o.progress)  # fmt: skip
        fitted.append(found._replace(sample=None) if fitted else found)
        budgets += [budget] if budget is not None else []
        if found.history.interrupted:
            notes.append(f"interrupted in epoch {found.history.epochs + 1}")
            break
    if len(fitted) < o.n_models:
        notes.append(f"{len(fitted)} of {o.n_models} networks were trained")
    if fitted[0].outputs is None and o.fraction:
        notes.append(f"no validation part, as it would have fewer than {FEWEST} rows: the last "
                     f"epoch is kept")  # fmt: skip
    if used.times > 1:
        notes.append(f"{len(rows.y)} of {round(used.times * len(rows.y))} rows were used, drawn by "
                     f"the seed: more would take too long to encode")  # fmt: skip
    return Fits(fitted, notes + _of_time(budgets, o, start, used.times))


def _of_time(budgets: list[Budget], o: Settings, start: float, times: float) -> list[str]:
    """Say what was cut to keep to the time, and what it would take to cut nothing; ``start`` is
    when the first training began, ``times`` how many times as many rows there are."""
    least = min(budgets, key=lambda b: b.done, default=None)
    if least is None or not (any(b.short for b in budgets) or times > 1
                             or len(budgets) < o.n_models):  # fmt: skip
        return []
    before, spent = start - o.begin, time.perf_counter() - start
    beside = max(spent - sum(b.done * b.seconds_each() for b in budgets), 0) / len(budgets)
    seconds = before + o.n_models * (beside + least.most * least.seconds_each())
    need = max(1.1 * times * seconds / (1 - RESERVE), 1.1 * (o.time_limit or 0),
               times * before / SHARE if times > 1 else 0)  # fmt: skip
    digits = 10.0 ** (floor(log10(need)) - 1)
    done = least.done / least.per_epoch
    cut = ", which ended before the rates had fallen" if least.cut else ""
    epochs = least.most // least.per_epoch
    return [f"{done:.4g} of {epochs} epochs fitted into {o.time_limit:g} s{cut}: with "
            f"time_limit={ceil(need / digits) * digits:g} all would"]  # fmt: skip
