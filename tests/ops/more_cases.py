"""Cases of the dense product, with shapes around its tiles, of noise and of random numbers."""

from __future__ import annotations

import numpy as np
from op_case import OpCase
from random_reference import dropout_mask, falling, normal_numbers, uniform_numbers

from cnn_core import ops

RUN = {"seed": 7, "counter": 3}
"""What the harness runs programs with; random numbers follow from it."""


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


def _dropout(given, shape, steps=None):
    rate = falling(given, steps, RUN["counter"])

    def reference(x):
        keep = dropout_mask(x.size, rate, seed=RUN["seed"], step=RUN["counter"], key=5)
        return np.where(keep.reshape(x.shape), x / (1 - rate), 0)

    return OpCase(lambda x: ops.dropout(x, given, steps=steps, key=5), {"x": shape}, reference)


DROPOUT = {
    "dropout": _dropout(0.4, (3, 7)),
    "dropout_none": _dropout(0.0, (4,)),
    "dropout_wide": _dropout(0.25, (70,)),
    "dropout_early": _dropout(0.4, (70,), steps=6),
    "dropout_falling": _dropout(0.4, (70,), steps=5),
    "dropout_over": _dropout(0.4, (7,), steps=3),
}


def _noise(std, shape):
    return OpCase(lambda x: ops.gaussian_noise(x, std, key=9), {"x": shape},
                  lambda x: x + std * normal_numbers(x.size, **_KEY).reshape(x.shape))  # fmt: skip


GAUSSIAN_NOISE = {
    "gaussian_noise": _noise(2.0, (3, 7)),
    "gaussian_noise_none": _noise(0.0, (4,)),
    "gaussian_noise_wide": _noise(0.5, (70,)),
    "gaussian_noise_unbatched": _noise(1.0, ("unbatched", (5, 8))),
}

_KEY = {"seed": RUN["seed"], "step": RUN["counter"], "key": 9}


def _random(build, numbers, shape, like=True):
    """The numbers times x, so that there is a gradient that meets them again."""
    def reference(x):
        return x * numbers(x.size if like else 1, **_KEY).reshape(x.shape if like else ())

    return OpCase(lambda x: x * build(x if like else ()), {"x": shape}, reference)


RANDOM = {
    "random_normal": _random(lambda s: ops.random_normal(s, key=9), normal_numbers, (3, 7)),
    "random_normal_wide": _random(lambda s: ops.random_normal(s, -1.0, 0.5, key=9),
                                  lambda n, **k: 0.5 * normal_numbers(n, **k) - 1, (70,)),
    "random_normal_one": _random(lambda s: ops.random_normal(s, key=9), normal_numbers, (5,),
                                 like=False),
    "random_uniform": _random(lambda s: ops.random_uniform(s, key=9), uniform_numbers, (3, 7)),
    "random_uniform_wide": _random(lambda s: ops.random_uniform(s, -3.0, 1.0, key=9),
                                   lambda n, **k: 4 * uniform_numbers(n, **k) - 3, (70,)),
    "random_uniform_unbatched": _random(lambda s: ops.random_uniform(s, key=9), uniform_numbers,
                                        ("unbatched", (5, 8))),
}  # fmt: skip

MORE_CASES: dict[str, OpCase] = {**DENSE, **DROPOUT, **GAUSSIAN_NOISE, **RANDOM}
