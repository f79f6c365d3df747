"""Cases of the operations that move numbers about: views, joins, lookups."""

from __future__ import annotations

import numpy as np
from op_case import OpCase

from cnn_core import BATCH, ops

_U = "unbatched"


def _view(build, reference, *spec):
    return OpCase(build, {"x": spec}, reference)


VIEWS = {
    "transpose": _view(lambda x: ops.transpose(x, (0, 2, 1)),
                       lambda x: np.transpose(x, (0, 2, 1)), 3, 4),
    "transpose_default": _view(lambda x: ops.transpose(x),
                               lambda x: np.transpose(x, (0, 3, 2, 1)), 2, 3, 4),
    "transpose_part": _view(lambda x: ops.transpose(x, (0, 2, 3, -3)),
                            lambda x: np.transpose(x, (0, 2, 3, 1)), 2, 3, 4),
    "transpose_none": _view(lambda x: ops.transpose(x), lambda x: x, 5),
    "transpose_scalar": _view(lambda x: ops.transpose(x), lambda x: x, _U, ()),
    "transpose_unbatched": _view(lambda x: ops.transpose(x), lambda x: x.T, _U, (3, 5)),
    "transpose_six": _view(lambda x: ops.transpose(x, (5, 0, 3, 2, 1, 4)),
                           lambda x: np.transpose(x, (5, 0, 3, 2, 1, 4)), _U, (2, 3, 2, 3, 1, 2)),
    "reshape": _view(lambda x: ops.reshape(x, (BATCH, 2, -1)),
                     lambda x: x.reshape(len(x), 2, -1), 3, 4),
    "reshape_one_per_row": _view(lambda x: ops.reshape(x, (BATCH, 1, 1)),
                                 lambda x: x.reshape(-1, 1, 1)),
    "reshape_flat": _view(lambda x: ops.reshape(x, -1), lambda x: x.reshape(-1), _U, (2, 3)),
    "reshape_scalar": _view(lambda x: ops.reshape(x, ()), lambda x: x.reshape(()), _U, (1, 1)),
    "slice": _view(lambda x: x[:, 1:3], lambda x: x[:, 1:3], 5),
    "slice_step": _view(lambda x: x[:, ::2, 1::2], lambda x: x[:, ::2, 1::2], 5, 4),
    "slice_backwards": _view(lambda x: x[..., ::-1], lambda x: x[..., ::-1], 3, 4),
    "slice_backwards_step": _view(lambda x: x[:, -2:0:-2], lambda x: x[:, -2:0:-2], 6),
    "slice_index": _view(lambda x: x[:, -1], lambda x: x[:, -1], 3, 4),
    "slice_inner_index": _view(lambda x: x[..., 2], lambda x: x[..., 2], 3, 4),
    "slice_all": _view(lambda x: x[...], lambda x: x[...], 3),
    "slice_new_axis": _view(lambda x: x[:, None, 1:, None], lambda x: x[:, None, 1:, None], 3, 2),
    "slice_mixed": _view(lambda x: x[:, 1, ..., None, 2::-1], lambda x: x[:, 1, ..., None, 2::-1],
                         2, 3, 4),
    "slice_element": _view(lambda x: x[1, 2], lambda x: x[1, 2], _U, (2, 3)),
    "slice_row": _view(lambda x: x[-1], lambda x: x[-1], _U, (4, 3)),
    "slice_self": _view(lambda x: x[:, 1:] * x[:, :-1], lambda x: x[:, 1:] * x[:, :-1], 5),
}  # fmt: skip


def _split(sections, axis, *spec):
    def build(x):
        parts = ops.split(x, sections, axis)
        return ops.concat([(i + 1.0) * part for i, part in enumerate(parts)], axis)

    def reference(x):
        parts = np.split(x, sections, axis)
        return np.concatenate([(i + 1) * part for i, part in enumerate(parts)], axis)

    return OpCase(build, {"x": spec}, reference)


def _three(function, reference, a, b, c):
    return OpCase(lambda a, b, c: function([a, b, c]), {"a": a, "b": b, "c": c},
                  lambda a, b, c: reference([a, b, c]))  # fmt: skip


JOINS = {
    "split": _split(2, 1, 4),
    "split_places": _split((1, 3), -1, 2, 6),
    "split_middle": _split(3, 1, 3, 2),
    "split_unbatched": _split([2], 0, _U, (5, 2)),
    "split_one": OpCase(lambda x: ops.split(x, 3, 1)[1], {"x": (6,)}, lambda x: x[:, 2:4]),
    "concat": _three(lambda x: ops.concat(x, 1), lambda x: np.concatenate(x, 1), (2,), (1,), (4,)),
    "concat_last": _three(lambda x: ops.concat(x, -1), lambda x: np.concatenate(x, -1),
                          (2, 3), (2, 1), (2, 2)),
    "concat_middle": _three(lambda x: ops.concat(x, 1), lambda x: np.concatenate(x, 1),
                            (2, 3), (1, 3), (4, 3)),
    "concat_unbatched": _three(lambda x: ops.concat(x), lambda x: np.concatenate(x),
                               (_U, (2, 3)), (_U, (1, 3)), (_U, (2, 3))),
    "concat_one": OpCase(lambda x: ops.concat([x], 1), {"x": (3,)}, lambda x: x),
    "concat_self": OpCase(lambda x: ops.concat([x, x], 1), {"x": (3,)},
                          lambda x: np.concatenate([x, x], 1)),
    "concat_many": OpCase(lambda x, y: ops.concat([x, y, x, x, y, x], 1), {"x": (3,), "y": (2,)},
                          lambda x, y: np.concatenate([x, y, x, x, y, x], 1)),
    "stack": _three(lambda x: ops.stack(x, 1), lambda x: np.stack(x, 1), (2,), (2,), (2,)),
    "stack_last": _three(lambda x: ops.stack(x, -1), lambda x: np.stack(x, -1),
                         (2, 3), (2, 3), (2, 3)),
    "stack_one_per_row": _three(lambda x: ops.stack(x, 1), lambda x: np.stack(x, 1), (), (), ()),
    "stack_scalars": _three(lambda x: ops.stack(x), lambda x: np.stack(x),
                            (_U, ()), (_U, ()), (_U, ())),
}  # fmt: skip



def _by_row(f):
    """Return f of each row of x and of the indices; the axes of f count within a row."""
    return lambda x, i: np.stack([f(row, k) for row, k in zip(x, i, strict=True)])


_TAKE = {
    "": (("index", 4, ()), (_U, (4, 3))),
    "_sequence": (("index", 5, (6,)), (_U, (5, 2))),
    "_numbers": (("index", 3, (2, 2)), (_U, (3,))),
    "_matrices": (("index", 3, (2,)), (_U, (3, 2, 2))),
    "_one": (("index", 1, (2,)), (_U, (1, 4))),
    "_wide": (("index", 40, ()), (_U, (40, 70))),
}
_TAKE_CONSTANT = {
    "_axis": ((_U, (3, 4, 2)), [[0, -1], [3, 3]], 1),
    "_last": ((_U, (3, 5)), [4, 0, -5, 4], -1),
    "_first": ((_U, (4, 3)), [-1, 1, 1], 0),
    "_single": ((_U, (1, 4)), -2, 1),
    "_rows_alike": ((4, 3), [1, -4, 1], 1),
    "_rows_alike_last": ((2, 5), [[4, -1, 0]], 2),
}
_TAKE_ROWS = {
    "_by_row": (("index", 6, (3,)), (6,), 1),
    "_by_row_entries": (("index", 4, (2, 2)), (4, 3), 1),
    "_by_row_behind": (("index", 5, (3,)), (2, 5, 2), -2),
    "_one_per_row": (("index", 7, ()), (7,), 1),
    "_one_per_row_last": (("index", 4, ()), (3, 4), 2),
}
TAKE = {
    **{f"take{k}": OpCase(lambda x, i: ops.take(x, i), {"i": index, "x": x}, lambda x, i: x[i])
       for k, (index, x) in _TAKE.items()},
    **{f"take{k}": OpCase(lambda x, i=i, a=a: ops.take(x, i, a), {"x": x},
                          lambda x, i=i, a=a: np.take(x, i, a))
       for k, (x, i, a) in _TAKE_CONSTANT.items()},
    **{f"take{k}": OpCase(lambda x, i, a=a: ops.take(x, i, axis=a), {"x": x, "i": index},
                          _by_row(lambda x, i, a=a: np.take(x, i, a if a < 0 else a - 1)))
       for k, (index, x, a) in _TAKE_ROWS.items()},
}  # fmt: skip

_ALONG_CONSTANT = {
    "": ((_U, (3, 4)), [[0, -1], [3, 3], [1, -4]], -1),
    "_first": ((_U, (3, 4)), [[0, -1, 2, 0], [2, 2, -3, 0]], 0),
    "_middle": ((_U, (2, 3, 4)), np.arange(-3, 5).reshape(2, 1, 4) % 6 - 3, 1),
    "_one_of_x": ((_U, (1, 5)), [[0, -5], [4, 4], [2, 2]], 1),
    "_vector": ((_U, (5,)), [4, -5, 0], 0),
    "_rows_alike": ((4, 3), [[[1, -4, 1], [3, 0, 0]]], 1),
}
_ALONG_ROWS = {
    "_by_row": (("index", 6, (3,)), (6,), 1),
    "_by_row_middle": (("index", 4, (5, 3)), (4, 3), 1),
    "_by_row_last": (("index", 3, (4, 2)), (4, 3), -1),
    "_by_row_repeated": (("index", 3, (1, 2)), (4, 3), 2),
    "_by_row_repeats_x": (("index", 5, (2, 3)), (1, 5), 2),
}
_ALONG_TABLE = {
    "_table": (("index", 4, (3,)), (_U, (4, 3)), 0),
    "_table_matrices": (("index", 3, (2, 1)), (_U, (3, 2, 5)), 0),
    "_table_row": (("index", 6, (2,)), (_U, (1, 6)), 1),
}
ALONG = {
    **{f"take_along_axis{k}": OpCase(lambda x, i=i, a=a: ops.take_along_axis(x, i, a), {"x": x},
                                     lambda x, i=i, a=a: np.take_along_axis(x, np.array(i), a))
       for k, (x, i, a) in _ALONG_CONSTANT.items()},
    **{f"take_along_axis{k}": OpCase(lambda x, i, a=a: ops.take_along_axis(x, i, a),
                                     {"x": x, "i": index},
                                     lambda x, i, a=a: np.take_along_axis(x, i, a))
       for k, (index, x, a) in (_ALONG_ROWS | _ALONG_TABLE).items()},
}  # fmt: skip

SHAPE = {**VIEWS, **JOINS, **TAKE, **ALONG}
