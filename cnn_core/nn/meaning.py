"""Meaning: what a network's outputs and its targets say, to those that must tell right from wrong.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cnn_core.ir.node import Node

CLASSES, BINARY, MULTILABEL, REAL = "classes", "binary", "multilabel", "real"
LOGITS, MARGINS, LOGARITHMS = "logits", "margins", "logarithms"
PROBABILITIES, VALUES, PARAMETERS = "probabilities", "values", "parameters"

DECISIONS = (CLASSES, BINARY, MULTILABEL)
"""The kinds of which each target is right or wrong."""

_SUM_IS_ONE = 1e-3  # by how much rows of rounded probabilities may miss it


class Meaning(NamedTuple):
    """What outputs and targets mean to a loss.

    ``kind`` is "classes" (one of C: labels (B,), or rows (B, C) whose largest element counts),
    "binary" (one yes-or-no question to a row), "multilabel" (one to each element) or "real"
    (numbers, no decisions).  ``scale`` is what the outputs are: "logits", of which a softmax or
    a sigmoid makes probabilities, "margins" on either side of a decision, "probabilities",
    "values" close to their targets, "logarithms" of such, or "parameters" of a distribution of
    targets.  An output above ``threshold`` says
    yes, a target above ``middle`` is yes; a no is 0, or -1 where ``middle`` is 0.
    """

    kind: str
    scale: str
    threshold: float = 0.0
    middle: float = 0.5


def last_operation(output: Node) -> Node:
    """Return the node that makes ``output``, before any dropout or noise."""
    while output.training_only:
        output = output.inputs[0]
    return output


def scale_of(output: Node) -> str:
    """Return what outputs are to a loss that says nothing of them."""
    return PROBABILITIES if last_operation(output).op in ("softmax", "sigmoid") else VALUES


def yes_or_no(output: Node, scale: str, threshold: float = 0.0, middle: float = 0.5) -> Meaning:
    """Return the meaning of outputs that each answer one question."""
    one = output.shape[1:] in ((), (1,))
    return Meaning(BINARY if one else MULTILABEL, scale, threshold, middle)


def of_values(output: Node, target: Node, y: np.ndarray) -> Meaning:
    """Return the meaning of outputs that come close to their targets ``y`` (B, ...).

    Labels are classes.  Targets within 0 to 1 are decisions, or within -1 to 1 if some are
    negative: classes where a row's probabilities, of several, add up to 1 or the network ends in
    a softmax; else yes or no, and an output says what the nearer end says.  All else is real.
    """
    scale = scale_of(output)
    if target.dtype == "int32":
        return Meaning(CLASSES, scale)
    low = float(y.min())
    middle = 0.0 if low < 0 else 0.5
    if low < -1 or y.max() > 1:
        return Meaning(REAL, scale)
    softmax = last_operation(output).op == "softmax"
    if len(output.shape) == 2 and output.shape[1] > 1 and (softmax or _adds_to_one(y, low)):
        return Meaning(CLASSES, scale, middle, middle)
    return yes_or_no(output, scale, middle, middle)


def _adds_to_one(y: np.ndarray, low: float) -> bool:
    sums = y.sum(axis=1, dtype=np.float64)
    if low < 0:  # -1 and 1 in place of 0 and 1
        sums = (sums + y.shape[1]) / 2
    return bool(np.abs(sums - 1).max() <= _SUM_IS_ONE)


def as_numbers_of_yes(meaning: Meaning, target: Any) -> Any:
    """Return targets, a node or an array, as 0 for no and 1 for yes."""
    return (target + 1.0) * 0.5 if meaning.middle == 0 else target
