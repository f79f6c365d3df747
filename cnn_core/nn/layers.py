"""Layers: each adds nodes and parameters to the graph of a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnn_core import ops, options
from cnn_core.errors import OptionError, ShapeError
from cnn_core.graph.node import MAX_ELEMENTS, Node, Parameter, need_possible
from cnn_core.naming import Described
from cnn_core.nn import activations, init


class Layer(Described, options.Fixable):
    """One layer.  ``name`` is given by the network (``dense_0``) unless the user gave one.

    Once a network has a layer, its options are fixed.
    """

    fixed_by = "network"

    def __init__(self, name: str | None = None) -> None:
        self.name = None if name is None else options.name(self.kind, name)

    is_used = False
    """It has given its weights to a network, and cannot give them to another one."""

    def __getstate__(self) -> dict[str, Any]:
        """Leave out that it is used: a copy has no weights and no network yet."""
        return {k: v for k, v in self.__dict__.items() if k not in ("is_used", "_fixed")}

    @property
    def kind(self) -> str:
        """The stem of automatic names: the class in lower case."""
        return type(self).__name__.lower()

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        """Return the node that this layer makes of ``x``; parameters are drawn from ``rng``."""
        raise OptionError(f"{type(self).__name__}: need a layer that defines build; got none")


class Dense(Layer):
    """y = activation(x w + b).  x (B, I), w (I, units), b (units,), y (B, units).

    ``init`` draws w: by default from U(-a, a), a = 1 / sqrt(I) in the first and in linear layers,
    a = sqrt(3 / I) in other hidden ones, but for selu; see `cnn_core.init.default_for`.
    ``bias_init`` draws b: by default from U(-a, a), a = 1 / sqrt(I).  Both are names or functions
    ``f(shape, rng)``, see `cnn_core.nn.init`.  The parameters are ``<name>.w`` and ``<name>.b``.
    """

    def __init__(
        self,
        units: int,
        activation: str | Callable[[Node], Node] = "linear",
        *,
        use_bias: bool = True,
        init: str | Callable[..., np.ndarray] | None = None,
        bias_init: str | Callable[..., np.ndarray] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self.units = options.whole("Dense", units, 1, MAX_ELEMENTS, option="units")
        self.use_bias = options.flag("Dense", use_bias, option="use_bias")
        self.activation, self._function = activation, activations.get(activation, "Dense")
        self.init, self._init = init, _initialiser(init)
        self.bias_init, self._bias_init = bias_init, _initialiser(bias_init)

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        if len(x.shape) < 2:
            raise ShapeError(f"{name}: need an input (B, I); got {x.label} with shape {x.shape}")
        n_in = x.shape[-1]
        w = _drawn(f"{name}.w", self._init or self._default(x), (n_in, self.units), rng)
        b = None
        if self.use_bias:
            b_init = self._bias_init or init.default_bias(n_in)
            b = _drawn(f"{name}.b", b_init, (self.units,), rng)
        return activations.apply(self._function, ops.dense(x, w, b, name=name), name)

    def _default(self, x: Node) -> init.Initialiser:
        activation = self.activation if isinstance(self.activation, str) else "linear"
        return init.default_for(activation, first=not _is_trained(x))


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


def _initialiser(which: Any) -> init.Initialiser | None:
    return None if which is None else init.get(which)


def _is_trained(node: Node) -> bool:
    """Tell whether a node's value depends on parameters."""
    seen, stack = {node}, [node]
    while stack:
        for x in (at := stack.pop()).inputs or (at,):
            if isinstance(x, Parameter):
                return True
            if x not in seen:
                seen.add(x)
                stack.append(x)
    return False
