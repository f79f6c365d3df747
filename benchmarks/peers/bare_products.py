"""Nothing but the matrix products of a step, by NumPy's BLAS into ready buffers: a lower bound.

For each product the fastest of its forms is taken: with the left operand transposed in place,
as training meets it, or with both operands plain.
"""

from __future__ import annotations

import numpy as np
from nets import Net, Rows
from timing import time_turn

from peers.base import Peer, Unsupported

LEAST = 3_000_000
"""Multiplications of a step."""

Product = tuple[np.ndarray, np.ndarray, np.ndarray]


class Adapter(Peer):
    has_loss = False

    @staticmethod
    def version() -> str:
        return f"BLAS of NumPy {np.__version__}"

    def prepare(self, net: Net, weights: list, rows: Rows, optimizer: str) -> None:
        if sum(m * n * k for m, n, k in net.products) < LEAST:
            raise Unsupported("products so small that NumPy's calls would be timed")
        self.products = [fastest_form(*shape) for shape in net.products]

    def run(self, n_steps: int) -> None:
        for _ in range(n_steps):
            for a, b, c in self.products:
                np.matmul(a, b, out=c)


def fastest_form(m: int, n: int, k: int) -> Product:
    """Return operands (m, k), (k, n) and a result, in the layout that is multiplied fastest."""
    rng = np.random.default_rng(0)

    def operand(rows: int, cols: int, transposed: bool) -> np.ndarray:
        shape = (cols, rows) if transposed else (rows, cols)
        made = rng.standard_normal(shape, dtype=np.float32)
        return made.T if transposed else made

    def seconds(form: Product) -> float:
        a, b, c = form
        return time_turn(lambda: np.matmul(a, b, out=c), 1, 0.005, least=5).best

    out = np.empty((m, n), np.float32)
    forms = [(operand(m, k, ta), operand(k, n, tb), out) for ta in (0, 1) for tb in (0, 1)]
    return min(forms, key=seconds)
