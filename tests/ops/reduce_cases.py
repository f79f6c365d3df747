"""Cases of the operations that make one number of each group, over all kinds of axes."""

from __future__ import annotations

import numpy as np
from op_case import OpCase, Spec

from cnn_core import ops

_U = "unbatched"
# Axes count the batch axis of a batched input as 0.
_AXES: dict[str, tuple[Spec, object]] = {
    "": ((3, 4), -1),
    "_first": ((3, 4), 1),
    "_row": ((3, 4), (1, 2)),
    "_batch": ((3, 4), 0),
    "_batch_and_last": ((3, 4), (0, -1)),
    "_batch_and_middle": ((3, 4), (0, 1)),
    "_all": ((3, 4), None),
    "_scalar": ((_U, ()), None),
    "_one_per_row": ((), 0),
    "_every_other": ((2, 3, 2, 3), (1, 3)),
    "_every_other_last": ((2, 3, 2, 3), (0, 2, 4)),
    "_wide": ((300,), 1),
    "_wide_batch": ((300,), 0),
    "_wide_groups": ((2, 3, 140), (1, 3)),
    "_wide_columns": ((2, 3, 140), (0, 2)),
    "_unbatched": ((_U, (4, 5)), 0),
    "_unbatched_all": ((_U, (2, 1, 3, 1, 2, 2)), None),
    "_unbatched_six": ((_U, (2, 3, 2, 3, 2, 2)), (0, 2, 4)),
    "_ones": ((1, 1), 1),
}


def _logsumexp(x, axis, keepdims):
    top = x.max(axis=axis, keepdims=True)
    y = top + np.log(np.exp(x - top).sum(axis=axis, keepdims=True))
    return y if keepdims else y.reshape(x.sum(axis=axis).shape)


def _norm(x, axis, keepdims):
    return np.sqrt((x * x).sum(axis=axis, keepdims=keepdims))


def _gaps(axis):
    """The distances of the two largest and the two smallest numbers of each group."""

    def kink(x):
        axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = sorted(a % x.ndim for a in axes)
        moved = np.moveaxis(x, axes, range(-len(axes), 0))
        kept = moved.shape[: x.ndim - len(axes)]
        y = np.sort(moved.reshape(*kept, -1), axis=-1)
        if y.shape[-1] == 1:
            return np.ones(1)
        return np.concatenate([(y[..., 1] - y[..., 0]).ravel(), (y[..., -1] - y[..., -2]).ravel()])

    return kink


_FUNCTIONS = {
    "sum": lambda x, axis, keepdims: x.sum(axis=axis, keepdims=keepdims),
    "mean": lambda x, axis, keepdims: x.mean(axis=axis, keepdims=keepdims),
    "max": lambda x, axis, keepdims: x.max(axis=axis, keepdims=keepdims),
    "min": lambda x, axis, keepdims: x.min(axis=axis, keepdims=keepdims),
    "logsumexp": _logsumexp,
    "norm": _norm,
}


def _case(name, spec, axis, keepdims=False):
    f = _FUNCTIONS[name]
    kinks = {"x": (0.0,)} if name == "norm" and np.prod(spec[-1:] or 1) == 1 else {}
    return OpCase(
        lambda x: getattr(ops, name)(x, axis, keepdims), {"x": spec},
        lambda x: f(x, axis, keepdims), kinks,
        kink=_gaps(axis) if name in ("max", "min") else None,
    )  # fmt: skip


REDUCE = {
    **{f"{name}{suffix}": _case(name, spec, axis)
       for name in _FUNCTIONS for suffix, (spec, axis) in _AXES.items()},
    **{f"{name}{suffix}_keepdims": _case(name, spec, axis, True)
       for name in _FUNCTIONS for suffix, (spec, axis) in _AXES.items()
       if suffix in ("", "_batch", "_all", "_every_other_last")},
}  # fmt: skip
