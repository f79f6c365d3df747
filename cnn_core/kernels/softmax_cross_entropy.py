"""softmax_cross_entropy: the mean loss and its gradient in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core import options
from cnn_core._ext import core as _ext
from cnn_core.kernels.arrays import Array, T

if TYPE_CHECKING:
    from numpy.typing import NDArray


def softmax_cross_entropy(
    z: Array[T],
    t: NDArray[np.integer[Any]] | Array[T],
    *,
    weight: Array[T] | None = None,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
    dz: Array[T] | None = None,
) -> tuple[float, Array[T]]:
    """Return L = sum_r w_r l_r / sum_r w_r and dL/dz, shape (B, C): z (B, C), t (B,) or (B, C).

    l_r = sum_c t'_rc (log(sum_k exp(z_rk)) - z_rc) with t' = (1 - s) t + s / C, where s is
    ``label_smoothing`` and t a target row, or 1 at the label and 0 elsewhere: ``t`` holds rows
    (B, C) of the dtype of z, or labels (B,) of any integer dtype and layout.  ``weight`` (B,)
    gives w, else every row counts 1.  A row whose label is ``ignore_index`` counts 0, as
    does one of weight 0, whatever it holds; where nothing counts, L is NaN and the gradient 0.

    float32 or float64; L is summed in float64.  Overwrites ``dz`` (B, C).  Logits with NaN,
    +inf or only -inf in a row make L NaN.  Errors: see the module; a label outside [0, C)
    raises `LabelError` with its row and value.

    >>> loss, dz = cnn.kernels.softmax_cross_entropy(np.zeros((2, 2)), np.array([0, 1]))
    >>> round(loss, 6)
    0.693147
    >>> dz
    array([[-0.25,  0.25],
           [ 0.25, -0.25]])
    """
    who = "softmax_cross_entropy"
    label_smoothing = options.number(who, label_smoothing, 0, 1, option="label_smoothing")
    if ignore_index is not None:
        ignore_index = options.int32(who, ignore_index, option="ignore_index")
    return _ext.softmax_cross_entropy(z, t, weight, label_smoothing, ignore_index, dz)
