"""Plain NumPy, as one would write it."""

from __future__ import annotations

import numpy as np
from nets import Net, Rows
from reference import NumpyNet

from peers.base import Peer, Statement


class Adapter(Peer):
    predicts = True

    @staticmethod
    def version() -> str:
        return f"NumPy {np.__version__}"

    def prepare(self, net: Net, weights: list, rows: Rows, optimizer: str) -> None:
        self.model = NumpyNet(net, weights, optimizer)
        self.batch, self.rows = net.batch, rows

    def run(self, n_steps: int) -> None:
        x, y, index = self.rows
        for at in range(0, n_steps * self.batch, self.batch):
            chosen = index[at : at + self.batch]
            self.model.step(x[chosen], y[chosen])

    def loss(self) -> float:
        first = self.rows.index[: self.batch]
        return self.model.loss(self.rows.x[first], self.rows.y[first])

    def predict_call(self, x: np.ndarray) -> Statement:
        return "forward(x)[-1]", {"forward": self.model.forward, "x": x}
