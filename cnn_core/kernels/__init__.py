"""The kernels of the C core, one call each: no graph, no state, NumPy arrays in and out.

What holds for all of them:

dtypes
    float32 or float64, the same for all arrays of a call; nothing is converted.
layout
    C-contiguous (one row after the other), also read-only.  Fortran-ordered and strided arrays
    are refused: pass `numpy.ascontiguousarray` of them.  At least one element.
outputs
    A new array, or the one given as ``out`` (``dx``, ``dz`` ...), which is overwritten and
    returned.  It shares no memory with another array of the call, unless said otherwise.
errors
    `ShapeError` for wrong shapes, layouts and empty arrays, `DtypeError` for other element
    types and for what is no array, `LabelError` for labels out of range, `OptionError` for
    option values and for outputs that are read-only or overlap, `MemoryError`.  A failed call
    has written nothing.
threads
    A call computes on one thread without the GIL, so calls in several Python threads run side
    by side; no two of them may write to one array.

The numbers are those of a compiled graph, bit for bit.  Denormal numbers count as 0.
"""

from __future__ import annotations

from cnn_core.kernels.activations import (
    elu,
    elu_backward,
    gelu,
    gelu_backward,
    leaky_relu,
    leaky_relu_backward,
    log_softmax,
    log_softmax_backward,
    mish,
    mish_backward,
    relu,
    relu_backward,
    selu,
    selu_backward,
    sigmoid,
    sigmoid_backward,
    silu,
    silu_backward,
    softmax,
    softmax_backward,
    softplus,
    softplus_backward,
    tanh,
    tanh_backward,
)
from cnn_core.kernels.dense import dense_backward, dense_forward
from cnn_core.kernels.softmax_cross_entropy import softmax_cross_entropy

__all__ = [
    "dense_backward",
    "dense_forward",
    "elu",
    "elu_backward",
    "gelu",
    "gelu_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "log_softmax",
    "log_softmax_backward",
    "mish",
    "mish_backward",
    "relu",
    "relu_backward",
    "selu",
    "selu_backward",
    "sigmoid",
    "sigmoid_backward",
    "silu",
    "silu_backward",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "softplus",
    "softplus_backward",
    "tanh",
    "tanh_backward",
]
