"""The arrays of the kernels, for annotations."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

T = TypeVar("T", np.float32, np.float64)
"""The element type: one for all arrays of a call."""

Array = np.ndarray[tuple[Any, ...], np.dtype[T]]  # numpy.typing takes half a millisecond
