"""The arrays of the kernels, for annotations."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", np.float32, np.float64)
"""The element type: one for all arrays of a call."""

Array = NDArray[T]
