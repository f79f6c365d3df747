"""Diagnosis: layer by layer, what a network makes of rows and how it would learn from them."""

from __future__ import annotations

import copy
import os
from math import fsum, inf, nan, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnn_core.errors import OptionError
from cnn_core.ir.node import Node, Parameter
from cnn_core.run.program import Program
from cnn_core.train.batches import LossProgram
from cnn_core.train.guard import batch_of
from cnn_core.train.history import format_value, new_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cnn_core.train.checked import Data
    from cnn_core.train.trainer import Trainer

FLAT = 0.01
"""A sigmoid or tanh is saturated where its slope is below this share of its steepest, ..."""

MOST = 0.5
"""... a layer is worth a word where more than this share of it is, or of its units is dead, ..."""

STEP = (1e-5, 1e-1)
"""... or where a step changes its weights by less or more than this share of their size."""


class LayerReport(NamedTuple):
    """What there is to say of one layer.  NaN: there is no such thing."""

    name: str
    shape: tuple[Any, ...]
    low: float
    mean: float
    high: float
    """Of its values, over all rows."""
    dead: float
    """The share of its units that a relu keeps at 0 in every row."""
    saturated: float
    """The share of the values at which a sigmoid or tanh has hardly a slope."""
    grad_norm: float
    """That of all its parameters."""
    update: float
    """What a step of the optimizer changes, over the norm of the parameters."""

    @property
    def words(self) -> str:
        """What is odd about it."""
        found = []
        if self.dead > MOST:
            found.append(f"{self.dead:.0%} of its units are dead")
        if self.saturated > MOST:
            found.append(f"{self.saturated:.0%} saturated")
        if self.update < STEP[0]:
            found.append("hardly learns")
        if self.update > STEP[1]:
            found.append("changes by more than a tenth in one step")
        if not all(map(np.isfinite, (self.low, self.high))):
            found.append("not finite")
        return "; ".join(found)


class Diagnosis:
    """What `Trainer.diagnose` found: `layers`, in their order, and the ``loss``.

    Printed as a table; `plot` draws it.
    """

    def __init__(self, layers: list[LayerReport], loss: float, n_rows: int) -> None:
        self.layers, self.loss, self.n_rows = layers, loss, n_rows

    def __getitem__(self, name: str) -> LayerReport:
        for layer in self.layers:
            if layer.name == name:
                return layer
        known = ", ".join(layer.name for layer in self.layers)
        raise KeyError(f"Diagnosis: need one of {known}; got {name!r}")

    def __repr__(self) -> str:
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [self._head()]
        for row in rows:
            first = f"{row[0]:<{widths[0]}}"
            rest = [f"{v:>{w}}" for v, w in zip(row[1:-1], widths[1:-1], strict=True)]
            lines.append("  ".join([first, *rest, row[-1]]).rstrip())
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from cnn_core import notebook  # seldom asked for

        (name, *head, _), *rows = self._rows()
        moved = [[name, words, *figures] for name, *figures, words in rows]
        table = notebook.table([name, "what is odd", *head], moved, numbers=len(head))
        return notebook.shown("Diagnosis", self._head(), table)

    def _head(self) -> str:
        return f"loss {format_value(self.loss)} over {self.n_rows} rows"

    def _rows(self) -> list[list[str]]:
        """Return what there is to say of each layer, after a row of titles."""
        rows = [["layer", "values", "lowest", "mean", "highest", "dead", "saturated", "gradient",
                 "step/weight", ""]]  # fmt: skip
        for layer in self.layers:
            shares = [_share(layer.dead), _share(layer.saturated)]
            figures = [_figure(v) for v in (layer.low, layer.mean, layer.high)]
            sizes = [_figure(layer.grad_norm), _figure(layer.update)]
            shape = " x ".join(map(str, layer.shape[1:])) or "1"
            rows.append([layer.name, shape, *figures, *shares, *sizes, layer.words])
        return rows

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw ranges of values, dead and saturated shares, gradients and steps, layer by layer.

        Saves the picture to ``path``, if given, and returns the matplotlib figure; raises
        `ImportError` without matplotlib.
        """
        axes: Any = new_axes("Diagnosis.plot", 3, shown=path is None)
        names = [layer.name for layer in self.layers]
        at = np.arange(len(names))
        low, mean, high = (np.array([getattr(x, k) for x in self.layers])
                           for k in ("low", "mean", "high"))  # fmt: skip
        axes[0].hlines(at, low, high, color="#1f5fa8", linewidth=4, alpha=0.5)
        axes[0].plot(mean, at, "o", color="#1f5fa8")
        axes[0].set(title="values: lowest, mean, highest", yticks=at, yticklabels=names)
        shares = {"dead": "#d1662b", "saturated": "#8a5fa8"}
        for i, (key, color) in enumerate(shares.items()):
            found = np.nan_to_num([getattr(x, key) for x in self.layers])
            axes[1].barh(at + 0.4 * i - 0.2, found, 0.4, color=color, label=key)
        axes[1].set(title="share of units or values", xlim=(0, 1), yticks=at, yticklabels=[])
        axes[1].legend(frameon=False)
        sizes = {"grad_norm": ("#1f5fa8", "gradient"), "update": ("#d1662b", "step / weight")}
        for key, (color, label) in sizes.items():
            axes[2].plot([getattr(x, key) for x in self.layers], at, "o", color=color, label=label)
        positive = [v for x in self.layers for v in (x.grad_norm, x.update) if 0 < v < inf]
        scale = "log" if positive else "linear"
        axes[2].set(title="norms", yticks=at, yticklabels=[], xscale=scale)
        axes[2].legend(frameon=False)
        for axis in axes:
            axis.set_ylim(len(names) - 0.5, -0.5)
            axis.grid(alpha=0.3, axis="x")
            axis.spines[["top", "right"]].set_visible(False)
        figure: Any = axes[0].figure
        if path is not None:
            figure.savefig(path, dpi=150)
        return figure


def _share(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.0%}"


def _figure(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3g}"


def diagnosed(trainer: Trainer, program: LossProgram, data: Data) -> Diagnosis:
    """Return what all rows of ``data``, as one minibatch, do to a copy of ``trainer``."""
    net, loss, own = trainer.net, program.loss, program.program
    learning = [n for n in own.nodes if isinstance(n, Parameter) and own.moves(n)]
    rows = np.arange(data.n_rows)
    kept = Program([loss], net.store, max_batch=len(rows), seeds=[loss], targets=learning,
                   keep_all=True, training=True)  # fmt: skip
    grads = {name: grad.copy() for name, grad in net.store.grads.items()}
    kept.feed({k: v for k, v in batch_of(net, data, rows).items() if k in kept.inputs})
    step = {"seed": trainer.seed, "counter": trainer.optimizer.step_count}
    kept.run_forward(**step)
    kept.run_backward(**step)
    try:
        return Diagnosis(_reports(trainer, kept, data), float(kept.value(loss)), data.n_rows)
    finally:  # what the last step has left stays to be seen
        for name, grad in grads.items():
            net.store.grads[name][...] = grad


def _reports(trainer: Trainer, kept: Program, data: Data) -> list[LayerReport]:
    net = trainer.net
    own = [n for n in kept.nodes if n.inputs and n.batched and n.dtype == "real" and n.group]
    layers: dict[str, list[Node]] = {}
    for node in own:
        layers.setdefault(".".join(node.group), []).append(node)
    if not layers:
        raise OptionError("diagnose: need a network of layers; got one of single operations")
    sizes = _updates(trainer, data)
    found = []
    for name, nodes in layers.items():
        named = {net.store.name_of(p): p for node in nodes for p in node.inputs
                 if isinstance(p, Parameter) and not p.is_state}  # fmt: skip
        last = kept.value(nodes[-1])
        with np.errstate(all="ignore"):
            found.append(LayerReport(
                name, nodes[-1].shape, float(last.min()), float(last.mean(dtype=np.float64)),
                float(last.max()), *_idle(nodes, kept),
                _norm([kept.grad(p) for p in named.values() if kept.has_grad(p)]),
                _ratio(*zip(*[sizes[n] for n in named if n in sizes], strict=True))
                if any(n in sizes for n in named) else nan,
            ))  # fmt: skip
    return found


def _idle(nodes: list[Node], kept: Program) -> tuple[float, float]:
    """Return the share of units that are dead, and that of values that are saturated."""
    dead = saturated = nan
    for node in nodes:
        y = kept.value(node)
        if node.op == "relu":
            dead = float((y == 0).all(axis=0).mean())
        elif node.op == "sigmoid":
            saturated = float((y * (1 - y) < FLAT / 4).mean())
        elif node.op == "tanh":
            saturated = float((1 - y * y < FLAT).mean())
    return dead, saturated


def _updates(trainer: Trainer, data: Data) -> dict[str, tuple[float, float]]:
    """Return the norms of what one step changes and of each parameter."""
    other = copy.deepcopy(trainer)
    other.guard = None
    before = {name: value.copy() for name, value in other.net.params.items()}
    program = other._program(data, data.n_rows, training=True)
    learner = other._bound(program.updated, program.rows)
    program.run(program.sources(data), None, 0, data.n_rows, data.n_rows, learner=learner,
                lr=other.optimizer.rates(learner.step, 1), seed=other.seed)  # fmt: skip
    return {name: (_norm([value - before[name]]), _norm([before[name]]))
            for name, value in other.net.params.items()}  # fmt: skip


def _norm(arrays: list[np.ndarray]) -> float:
    if not arrays:
        return nan
    return sqrt(fsum(float(np.sum(np.square(a, dtype=np.float64))) for a in arrays))


def _ratio(changes: tuple[float, ...], sizes: tuple[float, ...]) -> float:
    change, size = (sqrt(fsum(v * v for v in part)) for part in (changes, sizes))
    return change / size if size else (inf if change else nan)
