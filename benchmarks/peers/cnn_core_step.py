"""This package: `Trainer.step` called from Python for each minibatch."""

from __future__ import annotations

import numpy as np

from peers import cnn_core
from peers.base import Statement


class Adapter(cnn_core.Adapter):
    def _prepare_chunks(self) -> None:
        pass

    def run(self, n_steps: int) -> None:
        x, y, index = self.rows
        for at in range(0, n_steps * self.batch, self.batch):
            chosen = index[at : at + self.batch]
            self.trainer.step(x[chosen], y[chosen])

    def predict_call(self, x: np.ndarray) -> Statement:
        """Predict into a fresh array."""
        return "predict(x)", {"predict": self.net.predict, "x": x[0] if len(x) == 1 else x}
