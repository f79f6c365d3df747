"""Files: networks and trainings, saved as safetensors with JSON, and never as code."""

from __future__ import annotations

from os import PathLike
from typing import Any


def load(path: str | PathLike[str]) -> Any:
    """Return the network of a file that `Model.save` or a `Checkpoint` has written, or the learner
    of one that `TabularClassifier.save` or `TabularRegressor.save` has.

    It predicts the same bits, and its parameters have the same names, roles and places.  Names of
    layers, operations and options are looked up in what this package has: a file runs no code.

    Raises `DataError`, naming the file, where it is damaged, of a newer format or of another kind,
    and `OSError` where it cannot be read.

    >>> net = cnn.Sequential([cnn.Dense(4, "relu"), cnn.Dense(1)], inputs=2, seed=0)
    >>> net.save("net.safetensors")
    >>> again = cnn.load("net.safetensors")                      # in another process, perhaps
    >>> again.layers, bool(again.predict([1, 2]) == net.predict([1, 2]))
    ((Dense(4, activation='relu'), Dense(1)), True)
    """
    from cnn_core.io.networks import load  # not needed to train

    return load(path)
