"""Piecewise-linear embeddings of numbers, over the bins of their quantiles.

    x u + c + sum_t p_t w_t,   p_t = min(max((x - b_t) / (b_t+1 - b_t), 0), 1)

of which the first p has no lower, the last no upper end; the b are quantiles of the training rows.
u, w and c are learned vectors, as long as the embedding is wide.

Source: Gorishniy, Rubachev, Babenko 2022, "On embeddings for numerical features in tabular deep
learning", in the form that the package of TabM has.
"""

from __future__ import annotations

import numpy as np

from cnn_core import ops
from cnn_core.ir.node import BATCH, Node
from cnn_core.nn import init
from cnn_core.nn.layers import Layer
from cnn_core.tabular.recipes.recipe import Rows

LEAST_BIN = 1e-6
"""The width of a bin, at least: scaled numbers lie within [-3, 3], and float32 tells no more."""

WIDEST = 4096
"""Numbers that embeddings of a row's numbers give together, at most."""


def width_of(n_real: int, n_bins: int, d: int) -> int:
    """Return the numbers, up to ``d``, that each of ``n_real`` has besides; 0: none.

    That is so without bins, and where embeddings would be wider than `WIDEST` for 2 numbers each.
    """
    width = min(d, WIDEST // n_real) if n_real and n_bins else 0
    return width if width > 1 else 0


def embedded(rows: Rows, numbers: Node, n_bins: int, d: int) -> list[Node]:
    """Return the embeddings (B, F d) of the scaled numbers among ``numbers``, if there are any."""
    n, d = rows.n_real, width_of(rows.n_real, n_bins, d)
    if not d:
        return []
    return [Pieces(edges_of(rows.numbers[:, :n], n_bins), d, name="pieces")(numbers[:, :n])]


def edges_of(x: np.ndarray, n_bins: int) -> list[np.ndarray]:
    """Return the ends of the bins of each column of x (N, F), up to ``n_bins + 1``.

    They are the quantiles of the column.  A value that would be several of them is one end, and
    the others are the quantiles of the other rows.
    """
    found = []
    for column in x.T:
        kept: list[float] = []
        for edge in _quantiles(column.astype(np.float64), n_bins + 1):
            if not kept or edge - kept[-1] >= LEAST_BIN:
                kept.append(edge)
        found.append(np.array(kept))
    return found


def _quantiles(column: np.ndarray, n: int) -> np.ndarray:
    values, counts = np.unique(column, return_counts=True)
    if len(values) <= n:
        return values
    often = np.zeros(len(values), bool)
    while True:
        left = n - often.sum()
        more = ~often & (counts * left > counts[~often].sum())
        if not more.any():
            break
        often |= more
    rest = np.repeat(values[~often], counts[~often])
    return np.union1d(values[often], np.quantile(rest, np.linspace(0, 1, left)))


class Pieces(Layer):
    """(B, F) to (B, F d): x u + c + sum_t p_t w_t.  A column of one value has no p."""

    def __init__(self, edges: list[np.ndarray], d: int, *, name: str) -> None:
        super().__init__(name)
        n_bins = max(1, *(len(e) - 1 for e in edges))
        shape = (len(edges), n_bins)
        self.d, self.left, self.scale = d, np.zeros(shape), np.zeros(shape)
        self.low, self.high = np.zeros(shape), np.ones(shape)
        for f, e in enumerate(edges):
            n = len(e) - 1
            if n:
                self.left[f, :n], self.scale[f, :n] = e[:-1], 1 / np.diff(e)
                self.low[f, 0], self.high[f, n - 1] = -np.inf, np.inf

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        n, n_bins = self.left.shape
        start = init.uniform(self.d**-0.5)
        u = self.add_parameter("u", (n, self.d), start)
        c = self.add_parameter("c", (n, self.d), start)
        w = self.add_parameter("w", (n, n_bins, self.d), "zeros")
        x = ops.reshape(x, (BATCH, n, 1))
        p = ops.minimum(ops.maximum((x - self.left) * self.scale, self.low), self.high)
        return ops.reshape(x * u + c + ops.grouped_dense(p, w), (BATCH, n * self.d))
