"""Guard: where a number first stopped being finite, and in which rows.

A step whose loss or gradient is NaN or infinite changes nothing (`learn.c`).  Its batch is then
gone through node by node, with the numbers, masks and rows of that step.
"""

from __future__ import annotations

import numpy as np

from cnn_core._ext.core import convert_rows
from cnn_core.data.sparse import SparseRows
from cnn_core.errors import NotFiniteError
from cnn_core.ir.node import Input, Node, Parameter
from cnn_core.nn.model import Model
from cnn_core.run.program import Program
from cnn_core.train.batches import LossProgram
from cnn_core.train.checked import Data

MOST_DENSE = 1 << 27
"""Elements of a batch of sparse rows up to which it is gone through, as dense rows."""

SHOWN = 8
"""So many rows are named."""


def batch_of(net: Model, data: Data, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return the rows of a minibatch as they are fed: converted, features scaled."""
    found = {}
    for name, array in data.arrays.items():
        if isinstance(array, SparseRows):
            found[name] = array[rows].dense()
            continue
        part = np.ascontiguousarray(array[rows])
        node = net.inputs.get(name)
        if node is not None and node.dtype == "real":
            made = np.empty(part.shape, net.dtype)
            convert_rows(part, made, net.input_scale, net.input_shift)
            part = made
        found[name] = part
    return found


def explained(
    error: NotFiniteError, net: Model, program: LossProgram, data: Data, rows: np.ndarray, *,
    seed: int, step: int, epoch: int | None, names: np.ndarray | None = None,
) -> NotFiniteError:  # fmt: skip
    """Return the error of a step, counted from 0, with where it began: node, layer, rows.

    ``names`` (n,) or (n, 2) are the numbers by which rows are named, if not their own.
    """
    when = f"step {step + 1}" if epoch is None else f"epoch {epoch}, step {step + 1}"
    n_dense = len(rows) * max([a.width for a in data.arrays.values() if isinstance(a, SparseRows)],
                              default=0)  # fmt: skip
    found = None
    if n_dense <= MOST_DENSE:
        found = _Search(net, program, data, rows, seed, step, names).run()
    where = str(error).split(": ", 1)[1] if found is None else found
    return NotFiniteError(
        f"{when}: {where}; no parameter was changed (guard='skip' passes such steps over)"
    )


class _Search:
    """One step once more, node by node."""

    def __init__(
        self, net: Model, program: LossProgram, data: Data, rows: np.ndarray, seed: int, step: int,
        names: np.ndarray | None,
    ) -> None:  # fmt: skip
        loss, own = program.loss, program.program
        learning = [n for n in own.nodes if isinstance(n, Parameter) and own.moves(n)]
        self.rows = rows if names is None else names
        self.run_options = {"seed": seed, "counter": step}
        self.program = Program([loss], net.store, max_batch=len(rows), seeds=[loss],
                               targets=learning, keep_all=True, training=True)  # fmt: skip
        batch = batch_of(net, data, rows)
        self.program.n_rows = len(rows)
        for name in self.program.inputs:
            self.program.value(self.program.inputs[name])[...] = batch[name]

    def run(self) -> str | None:
        """Return what happened first; None where all is finite this time."""
        p = self.program
        with np.errstate(all="ignore"):
            for node in p.nodes:
                if isinstance(node, Input) or node.inputs:
                    if node.inputs:
                        p.run_node(node, **self.run_options)
                    if node.dtype == "real" and not np.isfinite(p.value(node)).all():
                        return self._told("value", node, p.value(node), node)
            for node in reversed(p.nodes):
                if not node.inputs or not p.has_grad(node):
                    continue
                p.run_node(node, backward=True, **self.run_options)
                for x in node.inputs:
                    if p.has_grad(x) and not np.isfinite(p.grad(x)).all():
                        return self._told("gradient", x, p.grad(x), node)
        return None

    def _told(self, what: str, node: Node, numbers: np.ndarray, maker: Node) -> str:
        """Return the words for the first number of ``node`` that is not finite."""
        wrong = ~np.isfinite(numbers)
        got = float(numbers[wrong][0])
        text = f"need finite numbers; got {got} in the {what} of {self._named(node)}"
        if what == "gradient" and maker.inputs:
            text += f", made by {self._named(maker)}"
        if node.batched:
            own = np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))
        else:
            own = self._rows_of(maker, what)
        if len(own):
            text += f", in {self._rows_told(own)}"
        met = self._met(maker, own, wrong if what == "value" else np.zeros(0, bool))
        return text + (f", where {met} met" if met else "")

    def _rows_of(self, node: Node, what: str) -> np.ndarray:
        """Return the rows of which an unbatched number was made: those not finite, or largest."""
        p, most = self.program, np.zeros(len(self.rows))
        parts = [p.value(x) for x in node.inputs if x.batched and x.dtype == "real"]
        if what == "gradient" and node.batched:
            parts.append(p.grad(node))
        if not parts:
            return np.array([], int)
        for part in parts:
            size = np.abs(part.reshape(len(part), -1).astype(np.float64)).max(axis=1)
            most = np.maximum(most, np.where(np.isfinite(size), size, np.inf))
        return np.flatnonzero(most == most.max())

    def _rows_told(self, own: np.ndarray) -> str:
        rows = np.unique(self.rows[own]).tolist()
        if len(own) == len(self.rows) > 1:
            return "every row of the batch"
        more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
        return f"row{'s' if len(rows) > 1 else ''} {', '.join(map(str, rows[:SHOWN]))}{more}"

    def _met(self, node: Node, own: np.ndarray, wrong: np.ndarray) -> str:
        """Return the number of each operand in the place that is ``wrong`` first, or the largest
        of those rows, or of a parameter."""
        told = []
        for x in node.inputs:
            if x.dtype != "real":
                continue
            numbers = self.program.value(x)
            if numbers.shape == wrong.shape:
                numbers = numbers[wrong][:1]
            elif x.batched and len(own):
                numbers = numbers[own]
            if numbers.size:
                at = np.nanargmax(np.abs(numbers)) if not np.isnan(numbers).all() else 0
                told.append(f"{numbers.reshape(-1)[at]:.6g} of {self._named(x)}")
        return " and ".join(told)

    def _named(self, node: Node) -> str:
        name = self.program.names[node]
        layer = next((label for label in node.group if not name.startswith(label)), "")
        return f"{name!r} in {layer!r}" if layer else repr(name)

