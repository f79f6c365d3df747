"""Layers that normalise, and the lookup of embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_core import ops, options
from cnn_core.errors import DtypeError, ShapeError
from cnn_core.ir.node import BATCH, MAX_ELEMENTS, Node, State
from cnn_core.nn.layers import Layer


class BatchNorm(Layer):
    """y = (x - mean) / sqrt(var + eps) s + b for each feature, the last axis of x (B, ..., C).

    In training mean and biased variance are the batch's own; each step moves the running ones,
    ``running = (1 - momentum) running + momentum batch`` with the unbiased variance, which
    prediction uses (torch.nn.BatchNorm1d, features last).  A batch needs two rows.  Parameters:
    ``<name>.s``, ones, and ``<name>.b``, zeros; states ``<name>.mean``, ``<name>.variance``.
    Source: Ioffe, Szegedy 2015.

    ``momentum`` is in [0, 1], ``eps`` above 0, else `OptionError`; a batch of one row raises
    `DataError`.

    >>> net = cnn.Sequential([cnn.BatchNorm(momentum=1.0)], inputs=1, dtype="float64")
    >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.SGD(lr=1e-9))
    >>> loss = trainer.step([[1.0], [3.0]], [[-1.0], [1.0]])     # the batch has mean 2, variance 1
    >>> net.params["batchnorm_0.mean"], net.params["batchnorm_0.variance"]
    (array([2.]), array([2.]))
    >>> net.predict([[2.0]])
    array([[0.]])
    """

    def __init__(
        self, *, momentum: float = 0.1, eps: float = 1e-5, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.momentum = options.number("BatchNorm", momentum, 0, 1, option="momentum")
        self.eps = options.epsilon("BatchNorm: eps", eps)

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        c = (_features(x, name),)
        s, b = self.add_parameter("s", c, "ones"), self.add_parameter("b", c, "zeros")
        mean = self.add_parameter("mean", c, "zeros", kind=State)
        variance = self.add_parameter("variance", c, "ones", kind=State)
        return ops.batch_norm(x, s, b, mean, variance, self.momentum, self.eps, name=name)


class LayerNorm(Layer):
    """y = (x - mean) / sqrt(var + eps) s + b over the last axis of each row (torch.nn.LayerNorm).

    Parameters: ``<name>.s``, ones, and ``<name>.b``, zeros.  Source: Ba, Kiros, Hinton 2016.

    >>> net = cnn.Sequential([cnn.LayerNorm()], inputs=2)
    >>> net.predict([[1, 3], [10, 30]]).round(3)
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """

    def __init__(self, *, eps: float = 1e-5, name: str | None = None) -> None:
        super().__init__(name)
        self.eps = options.epsilon("LayerNorm: eps", eps)

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        c = (_features(x, name),)
        s, b = self.add_parameter("s", c, "ones"), self.add_parameter("b", c, "zeros")
        return ops.layer_norm(x, s, b, self.eps, name=name)


class RMSNorm(Layer):
    """y = x / sqrt(mean x^2 + eps) s over the last axis of each row (torch.nn.RMSNorm).

    ``eps`` None is the machine epsilon of the network's dtype.  Parameter: ``<name>.s``, ones.
    Source: Zhang, Sennrich 2019.

    >>> net = cnn.Sequential([cnn.RMSNorm()], inputs=2)
    >>> net.predict([[3, 4], [30, 40]]).round(4)
    array([[0.8485, 1.1314],
           [0.8485, 1.1314]], dtype=float32)
    """

    def __init__(self, *, eps: float | None = None, name: str | None = None) -> None:
        super().__init__(name)
        self.eps = None if eps is None else options.epsilon("RMSNorm: eps", eps)

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        s = self.add_parameter("s", (_features(x, name),), "ones")
        return ops.rms_norm(x, s, self.eps, name=name)


class Embedding(Layer):
    """Rows of a table by number: x (B, ...), whole numbers from 0 to n - 1, gives (B, ..., width).

    ``x`` is an int32 input.  ``init`` draws the table (n, width): by default from N(0, 1), as
    torch.nn.Embedding does.  The parameter is ``<name>.table``.  A number outside the table,
    also a negative one, raises `LabelError` when the network runs, naming it and its row.

    >>> word = cnn.Input("word", (cnn.BATCH,), dtype="int32")
    >>> net = cnn.Model(cnn.Embedding(3, 2, name="words")(word))
    >>> net.params["words.table"] = [[0, 1], [10, 11], [20, 21]]
    >>> net.predict([2, 0])
    array([[20., 21.],
           [ 0.,  1.]], dtype=float32)
    """

    def __init__(
        self, n: int, width: int, *, init: Any = None, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.n = options.whole("Embedding", n, 1, MAX_ELEMENTS, option="n, the rows of the table")
        self.width = options.whole("Embedding", width, 1, MAX_ELEMENTS, option="width")
        self.init = init

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        if x.dtype != "int32":
            raise DtypeError(
                f"{name}: need whole numbers, as of Input(name, shape, dtype='int32'); got "
                f"{x.label} with dtype {x.dtype}"
            )
        init = _normal if self.init is None else self.init
        table = self.add_parameter("table", (self.n, self.width), init)
        return ops.take(table, x, axis=0, from_end=False, name=name)


def _normal(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal(shape)


def _features(x: Node, name: str) -> int:
    if len(x.shape) < 2 or x.shape[0] is not BATCH:
        raise ShapeError(f"{name}: need an input (B, ..., C); got {x.label} with shape {x.shape}")
    return int(x.shape[-1])
