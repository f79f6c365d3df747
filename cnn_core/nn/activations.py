"""The activations that layers know by name."""

from __future__ import annotations

from collections.abc import Callable

from cnn_core import ops
from cnn_core.errors import OptionError
from cnn_core.graph.node import Node

Function = Callable[[Node], Node]


def linear(x: Node) -> Node:
    """Return ``x`` as it is."""
    return x


ACTIVATIONS: dict[str, Function] = {
    "linear": linear,
    "relu": ops.relu,
    "leaky_relu": ops.leaky_relu,
    "elu": ops.elu,
    "selu": ops.selu,
    "sigmoid": ops.sigmoid,
    "tanh": ops.tanh,
    "gelu": ops.gelu,
    "silu": ops.silu,
    "softplus": ops.softplus,
    "softmax": ops.softmax,
}


def get(activation: str | Function, who: str) -> Function:
    """Return the function of a name, or a function as it is; name the known ones otherwise."""
    if callable(activation):
        return activation
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise OptionError(f"{who}: need an activation among {known}; got {activation!r}")
    return ACTIVATIONS[activation]
