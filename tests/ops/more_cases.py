"""Cases of the dense product, with shapes around the tiles of its kernels, and of dropout."""

from __future__ import annotations

import numpy as np
from dropout_reference import dropout_mask
from op_case import OpCase

from cnn_core import ops

RUN = {"seed": 7, "counter": 3}
"""What the harness runs programs with; dropout masks follow from it."""


def _dense(n_in, n_out, bias=True, lead=()):
    inputs = {"x": (*lead, n_in), "w": ("unbatched", (n_in, n_out))}
    if not bias:
        return OpCase(lambda x, w: ops.dense(x, w), inputs, lambda x, w: x @ w)
    return OpCase(
        lambda x, w, b: ops.dense(x, w, b),
        {**inputs, "b": ("unbatched", (n_out,))},
        lambda x, w, b: x @ w + b,
    )


DENSE = {
    "dense": _dense(4, 3),
    "dense_no_bias": _dense(5, 2, bias=False),
    "dense_one": _dense(1, 1),
    "dense_column": _dense(9, 1),
    "dense_row": _dense(1, 10),
    "dense_sequence": _dense(4, 3, lead=(2, 3)),
    "dense_tile": _dense(16, 48),
    "dense_over_tile": _dense(17, 49),
    "dense_wide": _dense(33, 130),
    "dense_deep": _dense(600, 7),
    "dense_unbatched": OpCase(
        lambda x, w: ops.dense(x, w),
        {"x": ("unbatched", (3, 4)), "w": ("unbatched", (4, 5))},
        lambda x, w: x @ w,
    ),
}


def _dropout(rate, shape):
    def reference(x):
        keep = dropout_mask(x.size, rate, seed=RUN["seed"], step=RUN["counter"], key=5)
        return np.where(keep.reshape(x.shape), x / (1 - rate), 0)

    return OpCase(lambda x: ops.dropout(x, rate, key=5), {"x": shape}, reference)


DROPOUT = {
    "dropout": _dropout(0.4, (3, 7)),
    "dropout_none": _dropout(0.0, (4,)),
    "dropout_wide": _dropout(0.25, (70,)),
}

MORE_CASES: dict[str, OpCase] = {**DENSE, **DROPOUT}
