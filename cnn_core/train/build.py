"""Build: the nodes of a loss and of metrics, also of a user's own, checked."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cnn_core import ops
from cnn_core.errors import OptionError
from cnn_core.ir.node import BATCH, Input, Node, Parameter
from cnn_core.ir.order import topological_order
from cnn_core.ir.running_sums import RunningSums
from cnn_core.nn.losses import Loss
from cnn_core.nn.meaning import (
    LOGITS,
    PROBABILITIES,
    VALUES,
    Meaning,
    last_operation,
    scale_of,
)
from cnn_core.train.metric import Metric, need_fit, need_numbers

OTHER = "y::"
"""What the name of the input of a row's second target begins with, ..."""
SHARE = "y::share"
"""... and the input of what the first one counts, where a row's loss is a share of both."""


def target_input(loss: Loss, output: Node, y: Any, name: str = "y") -> Input:
    """Return the input, called ``name``, that the targets ``y`` of an output are fed to."""
    target = loss.target_input(output, y)
    if not isinstance(target, Input) or target.name != "y" or not target.batched:
        raise OptionError(
            f"{type(loss).__name__}: need target_input to return an Input named 'y' with a batch; "
            f"got {target!r}"
        )
    return target if name == "y" else Input(name, target.shape, target.dtype)


def build_loss(loss: Loss, output: Node, target: Input, weight: Input | None) -> Node:
    """Return the scalar node of the mean loss; raise `OptionError` where it cannot be trained."""
    who = type(loss).__name__
    node: Any = loss.build(output, target, weight)
    real = isinstance(node, Node) and node.dtype == "real"
    if not real or node.shape not in ((), (BATCH,)):
        raise OptionError(
            f"{who}: need build to return a node, a scalar or one number per row, (B,); "
            f"got {node!r}"
        )
    if node.shape == (BATCH,):
        node = loss.over_rows(node, weight)
    found = check_objective(who, node, [output], (target, weight))
    if weight is not None and weight not in found:
        raise OptionError(
            f"{who}: need build to use the weights of rows that it is given, or to return one "
            f"number per row, (B,); got sample weights and {node!r} without them"
        )
    over_batch = any(getattr(n, "over_batch", False) for n in found)
    if weight is not None and loss.reduction == "sum_over_batch" and not over_batch:
        raise OptionError(
            f"{who}: need build to use over_rows, or to return one number per row, (B,), for "
            f"reduction='sum_over_batch'; got {node!r}"
        )
    return node


def of_two_targets(
    names: Iterable[str], targets: Mapping[str, Input], build: Callable[[Mapping[str, Any]], Node]
) -> Node:  # fmt: skip
    """Return the loss that ``build`` makes of targets, those with the ``names`` among them.

    Where there is a second one of any (see `mixup`), a row's loss is the `SHARE` of each.
    """
    node = build(targets)
    others = {name: targets[f"{OTHER}{name}"] for name in names if f"{OTHER}{name}" in targets}
    if not others:
        return node
    if node.op != "row_mean":
        raise OptionError(
            f"mixup: need a loss of one number per row, (B,), to mix those of two labels; got "
            f"{node!r}"
        )
    share, second = targets[SHARE], build({**targets, **others})
    rows = node.inputs[0] * share + second.inputs[0] * (1.0 - share)
    over_batch = getattr(node, "over_batch", False)
    return ops.row_mean(rows, *node.inputs[1:],
                        reduction="sum_over_batch" if over_batch else "mean")  # fmt: skip


def check_objective(
    who: str, node: Node, outputs: Sequence[Node], fed: Iterable[Input | None]
) -> set[Node]:
    """Return what ``node``, which is to be made small, depends on, down to the ``outputs``.

    Raises `OptionError` where that is nothing of the network, or what has no value: that have the
    inputs ``fed`` beside the network's, and all that its outputs depend on.
    """
    given = {n for n in fed if n is not None}
    found = _needs(who, node, outputs, given)
    if found.isdisjoint(outputs) and not any(isinstance(n, Input) for n in found - given):
        raise OptionError(f"{who}: need a loss that depends on the output; got {node!r}")
    return found


def _needs(who: str, node: Node, outputs: Sequence[Node], fed: set[Input]) -> set[Node]:
    """Return what ``node`` depends on, down to ``outputs``; raise where it has no value."""
    found = _above(node, outputs)
    leaves = {n for n in found if isinstance(n, (Input, Parameter))}.difference(fed, outputs)
    if leaves:  # it reaches into the network, past its outputs
        known = topological_order(outputs)
        for leaf in leaves.difference(known) and topological_order([node]):
            if leaf not in leaves or leaf in known:
                continue
            kind = "input" if isinstance(leaf, Input) else "parameter"
            names = {n.name for n in (*known, *fed) if isinstance(n, Input)}
            need = f"only {', '.join(sorted(names))} as inputs, and parameters of the network"
            raise OptionError(f"{who}: need {need}; got another {kind}, {leaf.label!r}")
    return found


def _above(node: Node, outputs: Sequence[Node]) -> set[Node]:
    """Return ``node`` and what it depends on, of the ``outputs`` themselves only."""
    found: set[Node] = set()
    stack = [node]
    while stack:
        n = stack.pop()
        if n not in found:
            found.add(n)
            if n not in outputs:
                stack.extend(n.inputs)
    return found


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


def check_metric(metric: Metric, loss: Loss, output: Node, meaning: Meaning | None) -> None:
    """Raise `OptionError` unless the metric fits what the output means to the loss."""
    need_fit(metric, output, _scale(loss, output, meaning), meaning)


def build_metric(
    metric: Metric, loss: Loss, output: Node, target: Input, weight: Input | None,
    meaning: Meaning | None,
) -> RunningSums:  # fmt: skip
    """Return the node that adds up the sums of a metric; raise `OptionError` where it does not."""
    seen, scale = output, _scale(loss, output, meaning)
    if metric.scales and scale not in metric.scales:
        seen = loss.prediction(output)
        if seen is not output:
            scale = PROBABILITIES if scale == LOGITS else VALUES
    need_fit(metric, output, scale, meaning)
    need_numbers(metric, output, target)
    counts: Node | None = weight
    if weight is not None and not metric.weighted:
        counts = ops.greater(weight, 0.0)
    arguments: tuple[Any, ...] = (seen, target, counts, ignored_label(loss, target))
    node = metric.build(*arguments, *([meaning] if metric.needs_meaning else []))
    who = f"metric {metric.name!r}"
    if not isinstance(node, RunningSums):
        raise OptionError(
            f"{who}: need build to return a node that adds up sums, such as "
            f"ops.metric_mean(rows, weight); got {node!r}"
        )
    found = _needs(who, node, [output], {target} if weight is None else {target, weight})
    if weight is not None and weight not in found:
        raise OptionError(
            f"{who}: need build to use the weights of rows that it is given; got sample weights "
            f"and {node!r} without them"
        )
    return node


def _scale(loss: Loss, output: Node, meaning: Meaning | None) -> str:
    """Return what the output is to the loss; asked without targets, if no metric needs these."""
    return meaning.scale if meaning is not None else loss.outputs_are or scale_of(output)


def warn_of_twice_applied(loss: Loss, output: Node) -> None:
    """Warn where a network ends in what the loss applies itself."""
    last = last_operation(output)
    if last.op in loss.twice:
        layer = ".".join(last.group) or last.label
        warnings.warn(
            f"{type(loss).__name__} {loss.applies}, and the network ends in a {last.op} "
            f"({layer}): leave that out, so that the outputs are what the loss expects",
            stacklevel=4,
        )


def ignored_label(loss: Loss, target: Input) -> int | None:
    """Return the label whose rows count nothing."""
    return getattr(loss, "ignore_index", None) if target.dtype == "int32" else None
