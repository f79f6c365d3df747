"""Build: the nodes of a loss and of metrics, also of a user's own, checked."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from cnn_core import ops
from cnn_core.errors import OptionError
from cnn_core.graph.node import BATCH, Input, Node, Parameter
from cnn_core.graph.order import topological_order
from cnn_core.graph.running_sums import RunningSums
from cnn_core.nn.losses import Loss
from cnn_core.nn.meaning import Meaning, last_operation
from cnn_core.nn.sequential import Sequential
from cnn_core.train.metric import Metric


def build_loss(loss: Loss, net: Sequential, target: Input, weight: Input | None) -> Node:
    """Return the scalar node of the mean loss; raise `OptionError` where it cannot be trained."""
    who = type(loss).__name__
    if not isinstance(target, Input) or target.name != "y" or not target.batched:
        raise OptionError(
            f"{who}: need target_input to return an Input named 'y' with a batch; got {target!r}"
        )
    node: Any = loss.build(net.output, target, weight)
    real = isinstance(node, Node) and node.dtype == "real"
    if not real or node.shape not in ((), (BATCH,)):
        raise OptionError(
            f"{who}: need build to return a node, a scalar or one number per row, (B,); "
            f"got {node!r}"
        )
    if node.shape == (BATCH,):
        node = ops.row_mean(node, weight)
    inputs = _check_leaves(who, node, net, target, weight)
    if net.input not in inputs:
        raise OptionError(f"{who}: need build to use the output; got {node!r} without it")
    if weight is not None and weight not in inputs:
        raise OptionError(
            f"{who}: need build to use the weights of rows that it is given, or to return one "
            f"number per row, (B,); got sample weights and {node!r} without them"
        )
    return node


def check_targets(loss: Loss, target: Input, y: Any) -> None:
    """Raise `OptionError` unless the C core can read targets that a user's loss has made."""
    kinds = (np.int32, np.int64) if target.dtype == "int32" else (np.float32, np.float64, np.uint8)
    array = isinstance(y, np.ndarray) and y.ndim > 0 and y.flags.c_contiguous and y.flags.aligned
    if array and y.dtype in kinds and y.shape[1:] == target.shape[1:]:
        return
    got = f"{y.dtype} {y.shape}" if isinstance(y, np.ndarray) else repr(y)[:60]
    raise OptionError(
        f"{type(loss).__name__}: need targets to return a C-contiguous array of "
        f"{' or '.join(np.dtype(kind).name for kind in kinds)} for {target!r}; got {got}"
    )


def build_metric(
    metric: Metric, net: Sequential, target: Input, weight: Input | None, ignore: int | None,
    meaning: Meaning | None,
) -> RunningSums:  # fmt: skip
    """Return the node that adds up the sums of a metric; raise `OptionError` where it does not."""
    arguments: tuple[Any, ...] = (net.output, target, weight, ignore)
    node = metric.build(*arguments, *([meaning] if metric.needs_meaning else []))
    who = f"metric {metric.name!r}"
    if not isinstance(node, RunningSums):
        raise OptionError(
            f"{who}: need build to return a node that adds up sums, such as "
            f"ops.metric_mean(rows, weight); got {node!r}"
        )
    _check_leaves(who, node, net, target, weight)
    return node


def warn_of_twice_applied(net: Sequential, loss: Loss) -> None:
    """Warn where the network ends in what the loss applies itself."""
    last = last_operation(net.output)
    if last.op not in loss.twice:
        return
    made = zip(net.layer_names, net._outputs, strict=True)
    layer = next((name for name, node in made if last_operation(node) is last), "the last layer")
    warnings.warn(
        f"{type(loss).__name__} {loss.applies}, and the network ends in a {last.op} "
        f"({layer}): leave that out, so that the outputs are what the loss expects",
        stacklevel=3,
    )


def ignored_label(loss: Loss, target: Input) -> int | None:
    """Return the label whose rows count nothing."""
    return getattr(loss, "ignore_index", None) if target.dtype == "int32" else None


def _check_leaves(
    who: str, node: Node, net: Sequential, target: Input, weight: Input | None
) -> set[Node]:
    """Return the inputs; raise where there is one, or a parameter, that nobody has values for."""
    leaves = [n for n in topological_order([node]) if isinstance(n, (Input, Parameter))]
    for leaf in leaves:
        fed = leaf in (net.input, target, weight)
        if not fed and (isinstance(leaf, Input) or leaf.name not in net.store):
            kind = "input" if isinstance(leaf, Input) else "parameter"
            need = "only x, y and w as inputs, and parameters of the network"
            raise OptionError(f"{who}: need {need}; got the {kind} {leaf.name!r}")
    return {leaf for leaf in leaves if isinstance(leaf, Input)}
