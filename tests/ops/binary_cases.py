"""Cases of the operations on two operands: how shapes are broadcast together."""

from __future__ import annotations

from op_case import OpCase, Spec

from cnn_core import ops

_U = "unbatched"
PAIRS: dict[str, tuple[Spec, Spec]] = {
    "": ((3, 4), (3, 4)),
    "_scalars": ((_U, ()), (_U, ())),
    "_row_and_scalar": ((4,), (_U, ())),
    "_scalar_and_row": ((_U, ()), (4,)),
    "_one_per_row": ((), ()),
    "_one_per_row_and_scalar": ((), (_U, ())),
    "_one_per_row_and_one": ((), (_U, (1,))),
    "_bias": ((4,), (_U, (4,))),
    "_column": ((4,), (1,)),
    "_column_and_row": ((1,), (_U, (4,))),
    "_wide_bias": ((300,), (_U, (300,))),
    "_wide_scalar": ((300,), (_U, ())),
    "_wide_column": ((7, 40), (7, 1)),
    "_inner": ((3, 1), (_U, (3, 4))),
    "_outer": ((3, 1), (1, 4)),
    "_middle": ((2, 3, 4), (2, 1, 4)),
    "_both": ((2, 1, 4), (_U, (3, 1))),
    "_unbatched": ((_U, (3, 1)), (_U, (2, 1, 4))),
    "_ones": ((1, 1), (_U, (1,))),
    "_five": ((2, 1, 3, 1, 2), (_U, (1, 2, 1, 3, 1))),
    "_six": ((_U, (2, 1, 3, 1, 2, 1)), (_U, (1, 2, 1, 2, 1, 3))),
}  # fmt: skip


BINARY = {
    f"{name}{suffix}": OpCase(
        lambda a, b, function=function: function(a, b), {"a": a, "b": b}, reference
    )
    for name, function, reference in (
        ("add", ops.add, lambda a, b: a + b),
        ("mul", ops.mul, lambda a, b: a * b),
    )
    for suffix, (a, b) in PAIRS.items()
}
BINARY["mul_self"] = OpCase(lambda x: ops.mul(x, x), {"x": (3,)}, lambda x: x * x)
BINARY["add_self"] = OpCase(lambda x: ops.add(x, x), {"x": (3,)}, lambda x: 2 * x)
