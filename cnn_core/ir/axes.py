"""Axes as options: which ones are meant, and what a batch axis allows."""

from __future__ import annotations

from typing import Any

from cnn_core import options
from cnn_core.errors import OptionError, ShapeError
from cnn_core.ir.node import BATCH, Node, Shape
from cnn_core.options import shown


def one_axis(node: Node, axis: Any, n_dim: int, option: str = "axis") -> int:
    """Return ``axis`` counted from 0, or raise `OptionError` unless -n_dim <= axis < n_dim."""
    if not options.is_whole(axis) or not -n_dim <= axis < n_dim:
        got = ", ".join(f"{x.label} {x.shape}" for x in node.inputs[:2])
        if n_dim == 0:
            raise OptionError(
                f"{node.label}: need at least one axis; got {option}="
                f"{options.shown(axis)} for {got}"
            )
        raise OptionError(
            f"{node.label}: need {option} as an integer from {-n_dim} to {n_dim - 1}; got "
            f"{options.shown(axis)} for {got}"
        )
    return int(axis) % n_dim


def several_axes(node: Node, axis: Any, n_dim: int) -> tuple[int, ...]:
    """Return the axes that ``axis`` means: an integer, a sequence of them, or None for all."""
    if axis is None:
        return tuple(range(n_dim))
    if isinstance(axis, (tuple, list)):
        if not axis:
            raise OptionError(f"{node.label}: need at least one axis; got axis={shown(axis)}")
        found = tuple(one_axis(node, a, n_dim) for a in axis)
    else:
        found = (one_axis(node, axis, n_dim),)
    if len(set(found)) < len(found):
        raise OptionError(f"{node.label}: need every axis once; got axis={shown(axis)}")
    return found


def need_batch_first(node: Node, shape: Shape) -> Shape:
    """Return ``shape``; raise `ShapeError` where it has BATCH behind axis 0, or over 6 axes."""
    if BATCH in shape[1:] or len(shape) > 6:
        got = ", ".join(f"{x.label} {x.shape}" for x in node.inputs[:2])
        raise ShapeError(
            f"{node.label}: need the batch axis first in the result and at most 6 axes; got "
            f"{got}, which gives {shape}"
        )
    return shape
