"""TargetScale: the scale that targets are taken at, as a network has one for its inputs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from cnn_core._ext.core import Stepper
from cnn_core.arrays import as_numbers
from cnn_core.errors import OptionError
from cnn_core.ir.node import Input
from cnn_core.nn.model import Model


class TargetScale:
    """Targets count as ``y * scale + shift``; ``given`` tells whether somebody asked for it."""

    def __init__(self, scale: float = 1.0, shift: float = 0.0, given: bool = False) -> None:
        self.scale, self.shift, self.given = scale, shift, given
        self.changes = scale != 1 or shift != 0

    def apply(self, y: Any, dtype: np.dtype, who: str) -> np.ndarray:
        """Return ``y`` scaled, float32 or float64 as it is, all else in ``dtype``."""
        array = as_numbers(y, who=who, name="y")
        real = array.dtype.newbyteorder("=")
        scaled = array.astype(real if real in (np.float32, np.float64) else dtype)
        with np.errstate(over="ignore"):  # what becomes infinite is refused like all that is
            scaled *= scaled.dtype.type(self.scale)
            scaled += scaled.dtype.type(self.shift)
        return scaled

    def check(self, net: Model, x: np.ndarray, y: Any, target: Input, who: str) -> None:
        """Raise for labels with a scale; warn of pixels that are scaled as inputs only."""
        if target.dtype == "int32" and self.changes:
            raise OptionError(
                f"{who}: need targets that are real numbers for target_scale and target_shift; "
                f"got labels"
            )
        scales = net.input_scale != 1 or net.input_shift != 0
        pixels = x.dtype == np.uint8 and getattr(y, "dtype", None) == np.uint8
        if scales and pixels and not self.given and target.dtype == "real" and y.shape == x.shape:
            warnings.warn(
                f"{who}: the targets y are taken as 0 to 255, while the network sees its inputs as "
                f"x * {net.input_scale:g} + {net.input_shift:g}: give Trainer the target_scale "
                f"and target_shift that are wanted (1 and 0 where this is)",
                stacklevel=7 if who == "validation_data" else 5,
            )


PLAIN = TargetScale()


class ScaledStepper:
    """A `Stepper` for targets at a scale, of dtypes of the ``kinds``: the short way to a step."""

    def __init__(self, stepper: Stepper, scale: TargetScale, dtype: np.dtype, kinds: str) -> None:
        self._stepper, self._scale, self._dtype, self._kinds = stepper, scale, dtype, kinds

    def step(self, x: Any, y: Any, *rest: Any) -> float | None:
        """Make one step and return its loss; None if the arrays need the long way."""
        if type(y) is not np.ndarray or y.dtype.kind not in self._kinds or y.dtype.itemsize > 8:
            return None
        return self._stepper.step(x, self._scale.apply(y, self._dtype, "step"), *rest)
