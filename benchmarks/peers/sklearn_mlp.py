"""scikit-learn's MLPClassifier: partial_fit over the rows of a run."""

from __future__ import annotations

import numpy as np
import sklearn
from nets import LEARNING_RATE, Net, Rows
from sklearn.neural_network import MLPClassifier

from peers.base import Peer, Statement


class Adapter(Peer):
    predicts = True
    logits = False

    @staticmethod
    def version() -> str:
        return f"scikit-learn {sklearn.__version__}"

    def prepare(self, net: Net, weights: list, rows: Rows, optimizer: str) -> None:
        self.batch, self.rows = net.batch, rows
        self.model = MLPClassifier(
            net.sizes[1:-1], activation=net.activation, solver=optimizer, alpha=0.0,
            batch_size=net.batch, learning_rate_init=LEARNING_RATE[optimizer], shuffle=False,
            momentum=0.0, nesterovs_momentum=False,
        )  # fmt: skip
        first = slice(0, net.batch)
        self.model.partial_fit(rows.x[first], rows.y[first], classes=np.arange(net.sizes[-1]))
        # It draws its own weights at the first call, so ours are put in their place after it.
        for i, (w, b) in enumerate(weights):
            self.model.coefs_[i][...], self.model.intercepts_[i][...] = w, b
        self._forget_state()

    def _forget_state(self) -> None:
        state = self.model._optimizer
        if hasattr(state, "ms"):
            state.t = 0
            for slot in (*state.ms, *state.vs):
                slot[...] = 0

    def run(self, n_steps: int) -> None:
        chosen = self.rows.index[: n_steps * self.batch]
        self.model.partial_fit(self.rows.x[chosen], self.rows.y[chosen])

    def loss(self) -> float:
        first = self.rows.index[: self.batch]
        p = self.model.predict_proba(self.rows.x[first])
        return float(-np.log(p[np.arange(self.batch), self.rows.y[first]]).mean())

    def predict_call(self, x: np.ndarray) -> Statement:
        return "predict(x)", {"predict": self.model.predict_proba, "x": x}
