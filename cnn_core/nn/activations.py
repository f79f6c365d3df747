"""The activations that layers know by name."""

from __future__ import annotations

from collections.abc import Callable

from cnn_core import ops
from cnn_core.errors import OptionError
from cnn_core.graph.node import Node
from cnn_core.naming import hint

Function = Callable[[Node], Node]


def linear(x: Node) -> Node:
    """Return ``x`` as it is."""
    return x


ACTIVATIONS = (
    "linear", "relu", "leaky_relu", "elu", "selu", "sigmoid", "tanh", "gelu", "silu", "softplus",
    "softmax",
)  # fmt: skip
"""All but the first are operations."""


def get(activation: str | Function, who: str) -> Function:
    """Return the function of a name, or a function as it is; name the known ones otherwise."""
    if callable(activation):
        return activation
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise OptionError(
            f"{who}: need an activation among {', '.join(ACTIVATIONS)}; got {activation!r}"
            f"{hint(activation, ACTIVATIONS)}"
        )
    return linear if activation == "linear" else getattr(ops, activation)
