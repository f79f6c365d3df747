"""weight_grad: y = sum_t x_t^T dy_t."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

from cnn_core import options
from cnn_core.errors import ShapeError
from cnn_core.ir.node import Node, as_node, label_of


class WeightGrad(Node):
    """y = sum_t x_t^T dy_t.  x_t (..., I), dy_t (..., O), y (I, O).

    Kernel: src_c/ops/weight_grad.c.  Inputs: x_0, dy_0, x_1, dy_1, ...
    """

    op = "weight_grad"
    differentiable = (False,)

    def infer_shape(self) -> None:
        xs, dys = self.inputs[::2], self.inputs[1::2]
        for x, dy in zip(xs, dys, strict=True):
            shapes = x.shape, dy.shape
            if x.batched or dy.batched or not all(shapes) or x.shape[:-1] != dy.shape[:-1]:
                raise ShapeError(
                    f"{self.label}: need unbatched x (..., I) and dy (..., O); got {x.label} "
                    f"{x.shape} and {dy.label} {dy.shape}"
                )
        n_in, n_out = xs[0].shape[-1], dys[0].shape[-1]
        if any(x.shape[-1] != n_in for x in xs) or any(dy.shape[-1] != n_out for dy in dys):
            raise ShapeError(
                f"{self.label}: need one I and one O in all pairs; got "
                + ", ".join(f"{i.label} {i.shape}" for i in self.inputs)
            )
        rows = sum(prod(x.shape[:-1]) for x in xs)
        self.shape = (n_in, n_out)
        self.saved = {"x": (rows, n_in), "dy": (rows, n_out)}

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (tuple(zip(self.inputs[::2], self.inputs[1::2], strict=True)),), {}


def weight_grad(pairs: Iterable[tuple[Any, Any]], *, name: str = "") -> Node:
    """Return sum_t x_t^T dy_t over pairs of x_t (..., I) and dy_t (..., O): shape (I, O).

    Nothing is batched.  It has no gradient: it is the gradient of a weight that several `dense`
    nodes share, as those of the steps of time do.

    Raises `ShapeError` where the shapes do not fit, `DtypeError` for integer nodes.

    >>> x, dy = cnn.Input("x", (2, 1)), cnn.Input("dy", (2, 2))
    >>> graph = cnn.Graph(cnn.ops.weight_grad([(x, dy)]))
    >>> graph.forward(x=[[1.0], [10.0]], dy=[[1.0, 2.0], [3.0, 4.0]])
    array([[31., 42.]])
    """
    who = label_of(name, "weight_grad")
    given = [options.items(who, p, "x and dy", "pair") for p in options.items(who, pairs, "pairs")]
    if not given or any(len(pair) != 2 for pair in given):
        raise ShapeError(f"{who}: need pairs of x and dy; got {options.shown(pairs)}")
    inputs = tuple(as_node(x) for pair in given for x in pair)
    return WeightGrad(inputs, name=name)
