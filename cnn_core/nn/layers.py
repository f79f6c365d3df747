"""Layers: each adds nodes and parameters to the graph of a network."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from cnn_core import ops, options
from cnn_core.errors import ShapeError
from cnn_core.graph.node import BATCH, MAX_ELEMENTS, Node, Parameter, need_possible
from cnn_core.naming import Described
from cnn_core.nn import activations, init


class Layer(Described):
    """One layer.  ``name`` is given by the network (``dense_0``) unless the user gave one."""

    def __init__(self, name: str | None = None) -> None:
        self.name = None if name is None else options.name(self.kind, name)

    is_used = False
    """It has given its weights to a network, and cannot give them to another one."""

    def __getstate__(self) -> dict[str, Any]:
        """Leave out that it is used: a copy has no weights yet."""
        return {k: v for k, v in self.__dict__.items() if k != "is_used"}

    @property
    def kind(self) -> str:
        """The stem of automatic names: the class in lower case."""
        return type(self).__name__.lower()

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        """Return the node that this layer makes of ``x``; parameters are drawn from ``rng``."""
        raise NotImplementedError(f"{type(self).__name__} defines no build")


class Dense(Layer):
    """y = activation(x w + b).  x (B, I), w (I, units), b (units,), y (B, units).

    ``init`` draws w (default: what suits the activation: He for the relu family, LeCun for
    selu, Glorot otherwise), ``bias_init`` draws b (default: zeros).  Both are names or functions
    ``f(shape, rng)``, see `cnn_core.nn.init`.  The parameters are ``<name>.w`` and ``<name>.b``.
    """

    def __init__(
        self,
        units: int,
        activation: str | Callable[[Node], Node] = "linear",
        *,
        use_bias: bool = True,
        init: str | Callable[..., np.ndarray] | None = None,
        bias_init: str | Callable[..., np.ndarray] = "zeros",
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.units = options.whole("Dense", units, 1, MAX_ELEMENTS, option="units")
        self.use_bias = options.flag("Dense", use_bias, option="use_bias")
        self.activation, self._function = activation, activations.get(activation, "Dense")
        self.init, self._init = init, _initialiser(init, activation)
        self.bias_init, self._bias_init = bias_init, _initialiser(bias_init, activation)

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        if len(x.shape) < 2:
            raise ShapeError(f"{name}: need an input (B, I); got {x.label} with shape {x.shape}")
        w = _drawn(f"{name}.w", self._init, (x.shape[-1], self.units), rng)
        b = _drawn(f"{name}.b", self._bias_init, (self.units,), rng) if self.use_bias else None
        return activations.apply(self._function, ops.dense(x, w, b, name=name), name)


class Activation(Layer):
    """y = f(x), elementwise (softmax: over the last axis); ``activation``: a name or function."""

    def __init__(
        self, activation: str | Callable[[Node], Node], *, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.activation, self._function = activation, activations.get(activation, "Activation")

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        return activations.apply(self._function, x, name)


class Dropout(Layer):
    """In training, zero each element with probability ``rate`` and scale the rest by 1/(1-rate).

    Prediction leaves values as they are.  The mask depends on the trainer's seed, the step and
    the element only.
    """

    def __init__(self, rate: float, *, name: str | None = None) -> None:
        super().__init__(name)
        self.rate = options.fraction("Dropout", rate, option="a rate")

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        return ops.dropout(x, self.rate, name=name)


def _drawn(
    name: str, function: init.Initialiser, shape: tuple[int, ...], rng: np.random.Generator
) -> Parameter:
    need_possible(name, shape)
    return Parameter(name, init.draw(function, shape, rng, who=name))


def _initialiser(which: Any, activation: Any) -> Callable[..., np.ndarray]:
    if which is None:
        which = init.default_for(activation if isinstance(activation, str) else "linear")
    return init.get(which)


def output_width(shape: tuple) -> int:
    """Return the elements of one row of a node's value."""
    return prod(n for n in shape if n is not BATCH)
