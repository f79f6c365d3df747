"""Layers that give a network its shape: flatten, reshape, concat, residual, scale, networks."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np

from cnn_core import ops, options
from cnn_core.errors import OptionError, ShapeError
from cnn_core.ir.gate import Gate
from cnn_core.ir.node import BATCH, Node
from cnn_core.nn.layers import Activation, Layer
from cnn_core.nn.model import Model
from cnn_core.options import shown


class Nested(Layer):
    """A network as a layer of another one, which shares its weights."""

    def __init__(self, model: Model, *, name: str | None = None) -> None:
        self.model = model  # which says the kind
        super().__init__(name)

    @property
    def kind(self) -> str:
        return type(self.model).__name__.lower()

    def apply(self, x: Any, name: str, rng: np.random.Generator) -> Node:
        made: Any = self.model.apply(x, name)
        if not isinstance(made, Node):
            need = "a network of one output between layers"
            raise OptionError(f"{name}: need {need}; got {', '.join(made)}")
        return made

    def __repr__(self) -> str:
        return repr(self.model)


def as_layer(layer: Any) -> Any:
    """Return a layer as it is, and a gate or a network as the layer that applies it."""
    if isinstance(layer, Model):
        return Nested(layer, name=layer.name)
    return Activation(layer) if isinstance(layer, Gate) else layer


class Flatten(Layer):
    """Each row of x (B, a, b, ...) becomes one vector, in row-major order: y (B, a b ...).

    Nothing is copied where memory allows it.  Raises `ShapeError` for an input without a batch.

    >>> net = cnn.Sequential([cnn.Flatten(), cnn.Dense(10)], inputs=(28, 28))
    >>> net.predict(np.zeros((5, 28, 28))).shape
    (5, 10)
    """

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        if not x.batched:
            raise ShapeError(f"{name}: need rows of a batch; got {x.label} with shape {x.shape}")
        return ops.reshape(x, (BATCH, prod(x.shape[1:])), name=name)


class Reshape(Layer):
    """Each row of x (B, ...) gets ``shape``, its numbers in the same order; one length may be -1.

    Raises `ShapeError` where the numbers of a row do not fill the shape.

    >>> cnn.Sequential([cnn.Reshape((2, -1))], inputs=6).predict(np.arange(6.0))
    array([[0., 1., 2.],
           [3., 4., 5.]], dtype=float32)
    """

    def __init__(self, shape: int | Iterable[int], *, name: str | None = None) -> None:
        super().__init__(name)
        self.shape = shape if isinstance(shape, int) else options.items("Reshape", shape, "lengths")

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        row = (self.shape,) if isinstance(self.shape, int) else self.shape
        return ops.reshape(x, (BATCH, *row), name=name)


class Concat(Layer):
    """The rows of several nodes one after the other along ``axis``: (B, a), (B, b) give (B, a + b).

    It is called on a list of nodes.  ``axis`` counts the batch as 0; the last by default.  All
    other lengths must be equal, else `ShapeError`.

    >>> size, place = cnn.Input("size", (cnn.BATCH, 3)), cnn.Input("place", (cnn.BATCH, 2))
    >>> net = cnn.Model(cnn.Concat()([size, place]))
    >>> net.predict({"size": [1, 2, 3], "place": [4, 5]})
    array([1., 2., 3., 4., 5.], dtype=float32)
    """

    n_inputs = None

    def __init__(self, axis: int = -1, *, name: str | None = None) -> None:
        super().__init__(name)
        self.axis = options.whole("Concat", axis, -6, 5, option="axis")

    def build(self, x: list[Node], name: str, rng: np.random.Generator) -> Node:
        return ops.concat(x, axis=self.axis, name=name)


class Residual(Layer):
    """y = x + f(x); ``layers`` are f, a layer, a network or several one after the other.

    Source: He, Zhang, Ren, Sun 2015.

    ``f`` must keep the shape, else `ShapeError`; x and y (B, ...).

    >>> block = cnn.Residual([cnn.Dense(4, "relu"), cnn.Dense(4, init="zeros", bias_init="zeros")])
    >>> net = cnn.Sequential([block], inputs=4)
    >>> net.predict([1, 2, 3, 4])                      # the last layer starts at 0, so y = x
    array([1., 2., 3., 4.], dtype=float32)
    >>> list(net.params)
    ['residual_0.dense_0.w', 'residual_0.dense_0.b', 'residual_0.dense_1.w', 'residual_0.dense_1.b']
    """

    def __init__(self, layers: Any, *, name: str | None = None) -> None:
        super().__init__(name)
        several = isinstance(layers, (list, tuple))
        self.layers = tuple([as_layer(layer) for layer in (layers if several else [layers])])
        if not self.layers or not all(isinstance(layer, Layer) for layer in self.layers):
            raise OptionError(f"Residual: need a layer, or a list of layers; got {shown(layers)}")

    def within(self) -> list[Layer]:
        return [self, *(part for layer in self.layers for part in layer.within())]

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        y = x
        for i, layer in enumerate(self.layers):
            own = layer.name or f"{layer.kind}_{i}"
            y = layer.apply(y, f"{name}.{own}", rng)
        if y.shape != x.shape:
            raise ShapeError(
                f"{name}: need layers that keep the shape {x.shape}, to add it; got {y.shape}"
            )
        return ops.add(x, y, name=name)


class Scale(Layer):
    """y = s x, and + b with ``use_bias``: learned for each feature of x (B, ...).

    ``init`` draws s, by default ones; b starts at 0.  Both have the shape of a row.

    >>> net = cnn.Sequential([cnn.Scale(use_bias=True)], inputs=3)
    >>> net.set_params({"scale_0.s": [1, 10, 100], "scale_0.b": [0, 0, 1]})
    >>> net.predict([1, 2, 3])
    array([  1.,  20., 301.], dtype=float32)
    """

    def __init__(
        self, *, init: Any = "ones", use_bias: bool = False, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.init, self.use_bias = init, options.flag("Scale", use_bias, option="use_bias")

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        row = x.shape[1:] if x.batched else x.shape
        y = ops.mul(x, self.add_parameter("s", row, self.init), name=name)
        if not self.use_bias:
            return y
        return ops.add(y, self.add_parameter("b", row, "zeros"), name=f"{name}.shifted")
