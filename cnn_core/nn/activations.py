"""The activations that layers know by name."""

from __future__ import annotations

from collections.abc import Callable

from cnn_core import ops, options
from cnn_core.errors import OptionError
from cnn_core.ir.node import Node
from cnn_core.naming import hint
from cnn_core.options import shown

Function = Callable[[Node], Node]


def linear(x: Node) -> Node:
    """Return ``x`` as it is."""
    return x


ACTIVATIONS = (
    "linear", "relu", "leaky_relu", "elu", "selu", "sigmoid", "tanh", "gelu", "silu", "mish",
    "softplus", "softmax",
)  # fmt: skip
"""All but the first are operations."""


def get(activation: str | Function, who: str) -> Function:
    """Return the function of a name, or a function as it is; name the known ones otherwise."""
    if callable(activation):
        return activation
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise OptionError(
            f"{who}: need an activation among {', '.join(ACTIVATIONS)}; got {shown(activation)}"
            f"{hint(activation, ACTIVATIONS)}"
        )
    return linear if activation == "linear" else getattr(ops, activation)


def apply(function: Function, x: Node, who: str) -> Node:
    """Return the node that an activation makes of ``x``; refuse one that makes none."""
    need = "an activation that makes a node of a node"
    y = options.call(who, need, function, x)
    if not isinstance(y, Node):
        raise OptionError(f"{who}: need {need}; got {shown(function)}, which returned {shown(y)}")
    return y
