"""Layers: each adds nodes and parameters to the graph of a network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from cnn_core import ops, options
from cnn_core.errors import CnnCoreError, GraphError, OptionError, ShapeError
from cnn_core.ir import labels
from cnn_core.ir.group import group, plain
from cnn_core.ir.node import MAX_ELEMENTS, Node, Parameter, need_possible
from cnn_core.naming import Described
from cnn_core.nn import activations, init
from cnn_core.options import shown


class Layer(Described, options.Fixable):
    """One layer.  ``name`` is given by the network (``dense_0``) unless the user gave one.

    A layer is applied by a `Sequential`, or called on nodes; ``layer(x)`` again, or in another
    network, uses the same weights.  Once it is used, its options are fixed.  A copy has no weights.

    A layer of one's own defines `build`:

    >>> class Gain(cnn.Layer):
    ...     def build(self, x, name, rng):
    ...         return cnn.ops.mul(x, self.add_parameter("g", x.shape[1:], "ones"), name=name)
    >>> net = cnn.Sequential([Gain(), cnn.Dense(1)], inputs=3, seed=0)
    >>> {name: array.shape for name, array in net.params.items()}
    {'gain_0.g': (3,), 'dense_0.w': (3, 1), 'dense_0.b': (1,)}
    """

    fixed_by = "network"

    n_inputs: int | None = 1
    """How many nodes it is called on; None: a list of any number."""

    def __init__(self, name: str | None = None) -> None:
        self.name = labels.checked(self.kind, name)

    _use: Use | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the weights and the network: a copy has none yet."""
        return {k: v for k, v in self.__dict__.items() if k not in ("_use", "_fixed")}

    def _forget(self) -> None:
        """Be as before the first use, which has come to nothing."""
        for name in ("_use", "_fixed"):
            self.__dict__.pop(name, None)

    def within(self) -> list[Layer]:
        """Return this layer and those that it is made of."""
        return [self]

    @property
    def kind(self) -> str:
        """The stem of automatic names: the class in lower case."""
        return type(self).__name__.lower()

    def build(self, x: Any, name: str, rng: np.random.Generator) -> Node:
        """Return the node that this layer makes of ``x``, a node, or nodes where it takes several.

        A subclass defines it.  ``name`` is for that node.  Parameters come from `add_parameter`;
        ``rng`` is there for what else is drawn when the network is made.
        """
        raise OptionError(f"{type(self).__name__}: need a layer that defines build; got none")

    def add_parameter(
        self, key: str, shape: tuple[int, ...], init: Any, *, kind: type[Parameter] = Parameter
    ) -> Any:
        """Return the parameter ``<layer>.<key>``, which ``init``, a name or f(shape, rng), draws.

        For `build`.  ``kind`` is `Parameter`, or `State` for what steps keep up to date.  A layer
        that is used again has the parameters of the first time; they must fit what it is used on,
        or `ShapeError` names both.
        """
        if self._use is None:
            raise OptionError(f"{type(self).__name__}: need add_parameter() to be called by build")
        shape = options.lengths(f"{self._use.label}.{key}", shape)
        return self._use.parameter(key, shape, init, kind)

    def __call__(self, x: Any) -> Node:
        """Return the node that this layer makes of a node, or of a list of nodes."""
        unused = [layer for layer in self.within() if layer._use is None]
        if self._use is None:
            self.__dict__["_use"] = Use(self.name or labels.temporary(self.kind))
        try:
            return self.apply(x, self._use.next_name(), np.random.default_rng())
        except BaseException as error:
            for layer in unused:
                layer._forget()
            if isinstance(error, CnnCoreError):
                error.args = (plain(str(error)), *error.args[1:])
            raise

    def apply(self, x: Any, name: str, rng: np.random.Generator) -> Node:
        """Return the node, called ``name``, that it makes of ``x`` in a network."""
        x = self._checked(x)
        before = tuple(vars(self))
        if self._use is None:
            self.__dict__["_use"] = Use(name)
        with group(name):
            y = self.build(x, name, rng)
        if not isinstance(y, Node):
            raise OptionError(f"{name}: need build to return a node; got {shown(y)}")
        self.fix(before)
        return y

    def _checked(self, x: Any) -> Any:
        n, many = self.n_inputs, isinstance(x, (list, tuple))
        nodes = list(x) if many else [x]
        fits = many != (n == 1) and (n is None or len(nodes) == n)
        if not fits or not nodes or not all(isinstance(node, Node) for node in nodes):
            need = "a node" if n == 1 else f"a list of {'' if n is None else f'{n} '}nodes"
            who = self.name or self.kind
            raise GraphError(f"{who}: need {need} to be called on; got {shown(x)}")
        return nodes if many else x


class Use:
    """What a layer has from the time that it is first used: its label, and its parameters."""

    def __init__(self, label: str) -> None:
        self.label, self.parameters, self._times = label, {}, 0
        if labels.is_temporary(label):
            labels.pending[label] = self

    parameters: dict[str, Parameter]

    def next_name(self) -> str:
        """Return the label, with a number from the second time on."""
        self._times += 1
        return self.label if self._times == 1 else f"{self.label}@{self._times}"

    def parameter(
        self, key: str, shape: tuple[int, ...], init: Any, kind: type[Parameter]
    ) -> Parameter:
        found = self.parameters.get(key)
        if found is None:
            name = f"{self.label}.{key}"
            need_possible(name, shape)
            found = kind(name, shape=shape, init=partial(_draw, init, name))
            self.parameters[key] = found
        elif found.shape != shape:
            raise ShapeError(
                f"{self.label}: need what its weights fit, as {found.name} has shape "
                f"{found.shape}; got an input for which it would be {shape}"
            )
        return found


def _draw(
    function: Any, name: str, shape: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    return init.draw(function, shape, rng, who=plain(name))


class Dense(Layer):
    """y = activation(x w + b).  x (B, I), w (I, units), b (units,), y (B, units).

    ``init`` draws w: by default from U(-a, a), a = 1 / sqrt(I) in the first and in linear layers,
    a = sqrt(3 / I) in other hidden ones, but for selu; see `cnn_core.init.default_for`.
    ``bias_init`` draws b: by default from U(-a, a), a = 1 / sqrt(I).  Both are names or functions
    ``f(shape, rng)``, see `cnn_core.init`.  The parameters are ``<name>.w`` and ``<name>.b``.
    ``activation`` is a name, such as "relu", or a function of a node.  With more axes, (B, ..., I),
    the last is multiplied.  float32 or float64, as the network.  Raises `OptionError` for a bad
    option, and `ShapeError` for an input without rows.

    >>> net = cnn.Sequential([cnn.Dense(2, "relu", init="ones", bias_init="zeros")], inputs=3)
    >>> net.predict([[1, 2, 3], [-1, 0, 0]])
    array([[6., 6.],
           [0., 0.]], dtype=float32)
    >>> net.params["dense_0.w"].shape, net.params["dense_0.b"].shape
    ((3, 2), (2,))
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
        w = self.add_parameter("w", (n_in, self.units), self._init or self._default(x))
        b = None
        if self.use_bias:
            b_init = self._bias_init or init.default_bias(n_in)
            b = self.add_parameter("b", (self.units,), b_init)
        return activations.apply(self._function, ops.dense(x, w, b, name=name), name)

    def _default(self, x: Node) -> init.Initialiser:
        activation = self.activation if isinstance(self.activation, str) else "linear"
        return init.default_for(activation, first=not _is_trained(x))


class Activation(Layer):
    """y = f(x), elementwise (softmax: over the last axis), x and y (B, ...).

    ``activation`` is a name (linear, relu, leaky_relu, elu, selu, sigmoid, tanh, gelu, silu, mish,
    softplus, softmax) or a function of a node.  Raises `OptionError` for an unknown name.

    >>> cnn.Sequential([cnn.Activation("relu")], inputs=3).predict([-1, 0, 2])
    array([0., 0., 2.], dtype=float32)
    >>> cnn.Sequential([cnn.Activation(lambda x: x * x)], inputs=3).predict([-1, 0, 2])
    array([1., 0., 4.], dtype=float32)
    """

    def __init__(
        self, activation: str | Callable[[Node], Node], *, name: str | None = None
    ) -> None:
        super().__init__(name)
        self.activation, self._function = activation, activations.get(activation, "Activation")

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        return activations.apply(self._function, x, name)


class Dropout(Layer):
    """In training, zero elements of x (B, ...) with probability ``rate``; others become x/(1-rate).

    Prediction leaves values as they are.  The mask depends on the trainer's seed, the step and
    the element only.  ``rate`` is in [0, 1), else `OptionError`.  Source: Srivastava et al. 2014.

    >>> x = cnn.Input("x", (cnn.BATCH, 6))
    >>> y = cnn.Dropout(0.5)(x)
    >>> cnn.Graph(y, training=True, seed=0).forward(x=np.ones(6))
    array([0., 0., 2., 0., 0., 2.])
    >>> cnn.Graph(y).forward(x=np.ones(6))
    array([1., 1., 1., 1., 1., 1.])
    """

    def __init__(self, rate: float, *, name: str | None = None) -> None:
        super().__init__(name)
        self.rate = options.fraction("Dropout", rate, option="a rate")

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        return ops.dropout(x, self.rate, name=name)


class GaussianNoise(Layer):
    """In training, y = x + e with independent e from N(0, std^2), x and y (B, ...).

    Prediction leaves values as they are; so are gradients.  The noise depends on the trainer's
    seed, the step and the element only.  ``std`` is a number from 0 on, else `OptionError`.

    >>> x = cnn.Input("x", (cnn.BATCH, 10_000))
    >>> y = cnn.GaussianNoise(0.1)(x)
    >>> noisy = cnn.Graph(y, training=True, seed=0).forward(x=np.ones(10_000))
    >>> round(float(noisy.mean()), 2), round(float(noisy.std()), 2)
    (1.0, 0.1)
    >>> cnn.Graph(y).forward(x=np.ones(10_000)).std().item()
    0.0
    """

    def __init__(self, std: float, *, name: str | None = None) -> None:
        super().__init__(name)
        self.std = options.number("GaussianNoise", std, 0, option="std")

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        return ops.gaussian_noise(x, self.std, name=name)


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
