"""OpCase: what the harness needs to test an operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cnn_core.ir.node import Node

Spec = tuple[Any, ...]


@dataclass(frozen=True)
class OpCase:
    """What the harness needs to test an operation.

    ``build`` gets the nodes of the inputs by name.  ``inputs`` says what each one holds:

    - ``(3, 4)``: a batch of normal rows of that shape, times the scale
    - ``("unbatched", (3, 4))``: the same without a batch axis
    - ``("labels", C)``: int32 labels in [0, C), shape (B,); ``("labels", C, i)``: some are ``i``
    - ``("index", V, (3,))``: int32 numbers in [-V, V), shape (B, 3)
    - ``("unit", (3,))``: rows of numbers in [0, 1]; ``("sign", (3,))``: -1 or 1;
      ``("counts", (3,))``: whole numbers from 0 to 9; none of them scaled
    - ``("distribution", C)``: rows that are positive and add up to 1, not scaled
    - ``("weight",)``: one weight per row, shape (B,), in [0, 2], not scaled, one in four 0,
      but not all

    ``reference`` gets arrays by name (float64, labels int64) and gives the value.  ``kinks`` are
    positions of an input where there is no derivative; ``kink`` gives numbers that are 0 at
    such places where they depend on several inputs.  ``gradient`` is False where there is none,
    or a set of input names if only these have one.  ``adds``: the value is added to what is there
    where the step says so.
    """

    build: Callable[..., Node]
    inputs: Mapping[str, Spec]
    reference: Callable[..., Any]
    kinks: Mapping[str, Sequence[float]] = field(default_factory=dict)
    kink: Callable[..., np.ndarray] | None = None
    scales: Sequence[float] = (1.0, 1e3)
    gradient: bool | frozenset[str] = True
    adds: bool = False
