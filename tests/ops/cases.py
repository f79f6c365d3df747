"""One case per operation and option: how to build it, what to feed it, what it must give.

The references are NumPy in float64, written from the formulas and not from the kernels.
"""

from __future__ import annotations

from activation_cases import ACTIVATIONS, SOFTMAX
from binary_cases import BINARY
from elementwise_cases import ELEMENTWISE
from loss_cases import CROSS_ENTROPY, LOSSES
from metric_cases import METRICS
from norm_cases import NORM
from op_case import OpCase, Spec
from product_cases import PRODUCT
from reduce_cases import REDUCE
from shape_cases import SHAPE

__all__ = ["CASES", "OpCase", "Spec"]

CASES: dict[str, OpCase] = {
    **ACTIVATIONS, **SOFTMAX, **CROSS_ENTROPY, **LOSSES, **BINARY, **METRICS,
    **ELEMENTWISE, **REDUCE, **SHAPE, **PRODUCT, **NORM,
}  # fmt: skip
