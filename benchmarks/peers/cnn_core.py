"""This package: minibatch steps in chunks, as `Trainer.fit` makes them."""

from __future__ import annotations

import numpy as np
from nets import LEARNING_RATE, Net, Rows

import cnn_core as cnn
from cnn_core.train.loop import Loop
from cnn_core.train.progress import Progress
from peers.base import Peer, Statement, Unsupported

OPTIMIZERS = {"sgd": cnn.SGD, "adam": cnn.Adam}


class Adapter(Peer):
    predicts = True

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        if hasattr(cnn, "set_num_threads"):
            cnn.set_num_threads(threads)
        elif threads != 1:
            raise Unsupported("this version runs on one thread")

    @staticmethod
    def version() -> str:
        return f"cnn_core {cnn.__version__}"

    def prepare(self, net: Net, weights: list, rows: Rows, optimizer: str) -> None:
        hidden = [cnn.Dense(n, activation=net.activation) for n in net.sizes[1:-1]]
        self.net = cnn.Sequential([*hidden, cnn.Dense(net.sizes[-1])], inputs=net.sizes[0])
        for i, (w, b) in enumerate(weights):
            self.net.set_params({f"dense_{i}.w": w, f"dense_{i}.b": b})
        self.trainer = cnn.Trainer(
            self.net,
            loss=cnn.SoftmaxCrossEntropy(),
            optimizer=OPTIMIZERS[optimizer](lr=LEARNING_RATE[optimizer]),
        )
        self.batch, self.rows = net.batch, rows
        self._prepare_chunks()

    def _prepare_chunks(self) -> None:
        """Do what `Trainer.fit` does before its first epoch."""
        t = self.trainer
        self.data = t._data(self.rows.x, self.rows.y, None, "benchmark")
        self.program = t._program(self.data, self.batch, training=True)
        self.learner = t.optimizer.learner(t.net.store)

    def run(self, n_steps: int) -> None:
        """Make the steps as `Trainer.fit` makes those of an epoch."""
        n = n_steps * self.batch
        part = self.data.first(n) if n < self.data.n_rows else self.data
        loop = Loop(self.trainer, self.program, part, None, batch=self.batch, shuffle=True,
                    callbacks=(), bar=Progress())  # fmt: skip
        loop._steps(1, self.learner, self.rows.index, 0)
        self.trainer.optimizer.step_count = self.learner.step

    def loss(self) -> float:
        first = self.rows.index[: self.batch]
        return self.trainer.evaluate(self.rows.x[first], self.rows.y[first])["loss"]

    def predict_call(self, x: np.ndarray) -> Statement:
        n_out = self.net.output.shape[1]
        one = len(x) == 1
        names = {
            "predict": self.net.predict,
            "x": x[0] if one else x,
            "out": np.empty(n_out if one else (len(x), n_out), np.float32),
        }
        return "predict(x, out=out)", names
