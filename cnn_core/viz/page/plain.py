"""Nodes and arrays as JSON: what the page's scripts read."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core.io.values import encode
from cnn_core.ir.node import Node, Parameter
from cnn_core.ir.shapes import with_rows
from cnn_core.viz.fonts import clean
from cnn_core.viz.labels import array_lines, what
from cnn_core.viz.page.given import options_of

if TYPE_CHECKING:
    from cnn_core.graph.graph import Graph
    from cnn_core.viz.page.shown import Shown

WHOLE = 64
"""Arrays of up to this many elements are carried whole, however many there are."""

CARRIED = 4 << 20
"""Bytes of larger arrays that a page carries whole: what is fed and learnt first, then values,
gradients, and what paths add.  Of the others it has a picture and figures."""

SIDE = 32
"""Rows and columns of such a picture, at most."""

LEAF, VALUE, GRADIENT, PART = range(4)


def node_json(graph: Graph, node: Node, shown: Shown, number: dict[Node, int]) -> dict[str, Any]:
    """Return what the page knows of a node: operation, options, shape, operands by number.

    ``options`` are those of its function in `cnn_core.ops`, by name.
    """
    rows = graph.program.n_rows if graph.has_values else 1
    made: dict[str, Any] = {
        "name": clean(graph.name_of(node)), "op": node.op, "what": clean(what(node)),
        "shape": list(with_rows(node.shape, rows)), "dtype": node.dtype,
        "real": "f4" if graph.dtype == np.float32 else "f8",
        "inputs": [number[x] for x in shown.inputs(node)],
    }  # fmt: skip
    if node.batched:
        made["batched"] = True
    if node in shown.boxes:
        box = shown.boxes[node]
        first = number[next(iter(box.inputs))]
        return made | {"op": "folded", "what": clean(box.title), "box": first}
    if node.training_only and not graph._training:
        made["copies"] = True  # of its only operand
    if graph._training:
        made["training"] = True
    if node.inputs and not node.grad_reads:
        made["linear"] = True  # what a path adds depends on the gradient alone
    if isinstance(node, Parameter) and node.is_state:
        made["state"] = True
    if node.inputs:
        made["options"] = options_of(node)
    return made


def tensor_json(array: np.ndarray) -> dict[str, Any]:
    """Return an array as its shape and its little-endian bytes in base64."""
    kind = {"f4": "f4", "f8": "f8"}.get(array.dtype.str[1:], "i4")
    data = np.ascontiguousarray(array, f"<{kind}").tobytes()
    return {"shape": list(array.shape), kind: base64.b64encode(data).decode("ascii")}


def picture_json(array: np.ndarray) -> dict[str, Any]:
    """Return a picture of an array that is too large to be carried, and figures of it."""
    flat = array.astype(np.float64).reshape(-1, array.shape[-1] if array.ndim else 1)
    finite = flat[np.isfinite(flat)]
    nan = int(np.isnan(flat).sum())
    stats: dict[str, Any] = {"n": flat.size, "nan": nan, "inf": flat.size - finite.size - nan,
                             "lines": list(array_lines(array))}  # fmt: skip
    if finite.size:
        with np.errstate(all="ignore"):
            found = {"min": finite.min(), "max": finite.max(), "mean": finite.mean(),
                     "std": finite.std()}  # fmt: skip
        stats |= {k: encode(float(v)) for k, v in found.items()}
    rows, columns = (np.linspace(0, n, min(n, SIDE) + 1).astype(np.intp) for n in flat.shape)
    with np.errstate(all="ignore"):
        sums = np.add.reduceat(np.add.reduceat(flat, rows[:-1]), columns[:-1], axis=1)
        means = sums / np.multiply.outer(np.diff(rows), np.diff(columns))
    picture = tensor_json(means.astype(np.float32))
    return {"shape": list(array.shape), "picture": picture, "stats": stats}


class Pool:
    """The arrays of a page, each once, by number."""

    def __init__(self) -> None:
        self._number: dict[tuple[Any, ...], int] = {}
        self._arrays: list[np.ndarray] = []
        self._rank: list[int] = []

    def add(self, array: np.ndarray | None, rank: int) -> int:
        """Return the number of an array; -1 for none.  Those of low ``rank`` are carried first."""
        if array is None:
            return -1
        key = (array.shape, array.dtype.str, array.tobytes())
        found = self._number.setdefault(key, len(self._arrays))
        if found == len(self._arrays):
            self._arrays.append(array)
            self._rank.append(rank)
        self._rank[found] = min(self._rank[found], rank)
        return found

    def json(self) -> list[dict[str, Any]]:
        """Return all arrays, whole as long as there is room."""
        arrays, room, whole = self._arrays, CARRIED, set()
        for i in sorted(range(len(arrays)), key=lambda i: (self._rank[i], arrays[i].nbytes)):
            small = arrays[i].size <= WHOLE
            if small or arrays[i].nbytes <= room:
                whole.add(i)
                room -= 0 if small else arrays[i].nbytes
        return [tensor_json(a) if i in whole else picture_json(a) for i, a in enumerate(arrays)]
