"""Peer: what a contestant of the comparison has to offer."""

from __future__ import annotations

from typing import Any

import numpy as np
from nets import Net, Rows

Statement = tuple[str, dict[str, Any]]


class Unsupported(Exception):
    """This peer cannot do this; the message says why."""


class Peer:
    """One way of training and running a dense network, in a process of its own.

    A peer is made once for a number of threads and sets it in whatever way its library has;
    the environment variables of the common thread pools are set before it is imported.
    """

    trains = True
    """Has `run` and `loss`."""

    predicts = False
    """Has `predict_call`."""

    has_loss = True
    """False: the work of a step without a result, a lower bound rather than a contestant."""

    logits = True
    """Outputs are logits, else probabilities."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    @staticmethod
    def version() -> str:
        """Return the library and its version."""
        raise NotImplementedError

    def prepare(self, net: Net, weights: list, rows: Rows, optimizer: str) -> None:
        """Forget the last network; build ``net`` with copies of ``weights``."""
        raise NotImplementedError

    def run(self, n_steps: int) -> None:
        """Train on the first ``n_steps`` minibatches of ``rows.index``, gathering their rows.

        Returns when the new parameters are there.
        """
        raise NotImplementedError

    def loss(self) -> float:
        """Return the mean loss of the first minibatch with the present parameters."""
        raise NotImplementedError

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs for the rows ``x`` (B, I)."""
        statement, names = self.predict_call(x)
        return np.asarray(eval(statement, names)).reshape(len(x), -1)

    def predict_call(self, x: np.ndarray) -> Statement:
        """Return the fastest statement that predicts the rows ``x``, and the names in it."""
        raise NotImplementedError
