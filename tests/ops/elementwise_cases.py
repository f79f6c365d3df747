"""Cases of the elementwise operations that are no activations."""

from __future__ import annotations

import numpy as np
from binary_cases import PAIRS
from op_case import OpCase, Spec

from cnn_core import ops

_U = "unbatched"


def _unary(build, reference, *kinks, shape: Spec = (3, 7), **options):
    return OpCase(build, {"x": shape}, reference, {"x": kinks} if kinks else {}, **options)


def _positive(build, reference):
    """Inputs from 0.1 to 1.1, where logarithms and roots are real."""
    return OpCase(
        lambda x: build(ops.shift(x, 0.1)), {"x": ("unit", (3, 7))},
        lambda x: reference(x + 0.1), scales=(1.0,),
    )  # fmt: skip


def _scalar(build, reference, *kinks, **options):
    return _unary(build, reference, *kinks, shape=(_U, ()), **options)


UNARY = {
    "neg": _unary(lambda x: ops.neg(x), lambda x: -x),
    "neg_scalar": _scalar(lambda x: ops.neg(x), lambda x: -x),
    "square": _unary(lambda x: ops.square(x), lambda x: x * x),
    "square_scalar": _scalar(lambda x: ops.square(x), lambda x: x * x),
    "sqrt": _positive(ops.sqrt, np.sqrt),
    "abs": _unary(lambda x: ops.abs(x), lambda x: np.abs(x), 0.0),
    "abs_scalar": _scalar(lambda x: ops.abs(x), lambda x: np.abs(x), 0.0),
    "exp": _unary(lambda x: ops.exp(x), lambda x: np.exp(x), scales=(1.0, 10.0)),
    "exp_scalar": _scalar(lambda x: ops.exp(x), lambda x: np.exp(x), scales=(1.0, 10.0)),
    "log": _positive(ops.log, np.log),
    "log1p": _positive(ops.log1p, np.log1p),
    **{f"{name}{shape}": _unary(lambda x, f=name: getattr(ops, f)(x),
                                lambda x, f=name: getattr(np, f)(x), scales=scales, shape=spec)
       for name in ("sin", "cos") for shape, spec, scales in
       [("", (3, 7), (1.0, 30.0)), ("_long", (700,), (1.0, 300.0)), ("_scalar", (_U, ()), (1.0,))]},
    "reciprocal": _unary(lambda x: ops.reciprocal(x), lambda x: 1 / x, 0.0),
    "reciprocal_scalar": _scalar(lambda x: ops.reciprocal(x), lambda x: 1 / x, 0.0),
    "scale": _unary(lambda x: ops.scale(x, -1.5), lambda x: -1.5 * x),
    "scale_scalar": _scalar(lambda x: ops.scale(x, 0.25), lambda x: 0.25 * x),
    "shift": _unary(lambda x: ops.shift(x, 2.5), lambda x: 2.5 + x),
    "shift_scalar": _scalar(lambda x: ops.shift(x, -1.0), lambda x: x - 1.0),
    "clip": _unary(lambda x: ops.clip(x, -0.5, 1), lambda x: np.clip(x, -0.5, 1), -0.5, 1.0),
    "clip_crossed": _unary(lambda x: ops.clip(x, 1, -0.5), lambda x: np.clip(x, 1, -0.5)),
    "clip_above": _unary(lambda x: ops.clip(x, a_max=0.5), lambda x: np.minimum(x, 0.5), 0.5),
    "clip_infinite": _unary(lambda x: ops.clip(x, -np.inf, 0.5),
                            lambda x: np.clip(x, -np.inf, 0.5), 0.5),
    "clip_nothing": _unary(lambda x: ops.clip(x), lambda x: x),
    "clip_below": _unary(lambda x: ops.clip(x, 0.25), lambda x: np.maximum(x, 0.25), 0.25),
    "clip_scalar": _scalar(lambda x: ops.clip(x, None, 0.5), lambda x: np.minimum(x, 0.5), 0.5),
    **{f"power_{p}": _unary(lambda x, p=p: ops.power(x, p), lambda x, p=p: x**p, scales=(1.0, 20.0))
       for p in (0, 1, 2, 3, 7)},
    **{f"power_{p}": _unary(lambda x, p=p: ops.power(x, p), lambda x, p=p: x**float(p), 0.0)
       for p in (-1, -2, -3)},
    **{f"power_{p}": _positive(lambda x, p=p: ops.power(x, p), lambda x, p=p: x**p)
       for p in (0.5, -0.5, 1.5, -2.25, 33)},
    "power_scalar": _scalar(lambda x: ops.power(x, 3), lambda x: x**3),
    "power_wide": _unary(lambda x: ops.power(x, 3), lambda x: x**3, shape=(150,)),
}  # fmt: skip

# -- two operands -----------------------------------------------------------------------------


def _pairs(name, function, reference, **options):
    return {
        f"{name}{suffix}": OpCase(
            lambda a, b: function(a, b), {"a": a, "b": b}, reference, **options
        )
        for suffix, (a, b) in PAIRS.items()
    }


def _away_from_0(function):
    """Let b be sign(b) (0.5 + |b|), so that nothing is divided by nearly nothing."""
    return lambda a, b: function(a, ops.where(b > 0, b + 0.5, b - 0.5))


def _power_pairs():
    def build(a, b):
        return ops.power(ops.square(a) + 0.5, b)

    return {
        f"power_pair{suffix}": OpCase(
            build, {"a": a, "b": b}, lambda a, b: (a * a + 0.5) ** b, scales=(1.0,)
        )
        for suffix, (a, b) in PAIRS.items()
    }


TWO = {
    **_pairs("sub", ops.sub, lambda a, b: a - b),
    **_pairs("div", _away_from_0(ops.div), lambda a, b: a / np.where(b > 0, b + 0.5, b - 0.5),
             kinks={"b": (0.0,)}),
    **_pairs("maximum", ops.maximum, lambda a, b: np.maximum(a, b), kink=lambda a, b: a - b),
    **_pairs("minimum", ops.minimum, lambda a, b: np.minimum(a, b), kink=lambda a, b: a - b),
    **_power_pairs(),
}  # fmt: skip
TWO["sub_self"] = OpCase(lambda x: ops.sub(x, x), {"x": (3,)}, lambda x: x - x)

_COMPARE = {
    "greater": np.greater, "less": np.less, "greater_equal": np.greater_equal,
    "less_equal": np.less_equal, "equal": np.equal, "not_equal": np.not_equal,
}  # fmt: skip
COMPARE = {
    f"{name}{suffix}": OpCase(
        lambda a, b, name=name: getattr(ops, name)(a, b), {"a": a, "b": b},
        lambda a, b, f=f: f(a, b).astype(float), gradient=False,
    )
    for name, f in _COMPARE.items()
    for suffix, (a, b) in {
        "": (("sign", (3, 4)), ("sign", (3, 4))), "_bias": ((4,), (_U, (4,))),
        "_scalars": ((_U, ()), (_U, ())), "_inner": ((3, 1), (_U, (3, 4))),
    }.items()
}  # fmt: skip

# -- where ------------------------------------------------------------------------------------

_TRIPLES: dict[str, tuple[Spec, Spec, Spec]] = {
    "": ((3, 4), (3, 4), (3, 4)),
    "_scalars": ((_U, ()), (_U, ()), (_U, ())),
    "_one_mask_per_row": ((1,), (4,), (4,)),
    "_mask_of_a_row": ((_U, (4,)), (4,), (4,)),
    "_scalar_values": ((4,), (_U, ()), (_U, ())),
    "_mixed": ((3, 1), (_U, (4,)), (1, 4)),
    "_values_wider": ((_U, ()), (2, 1, 3), (_U, (4, 1))),
}


WHERE = {
    f"where{suffix}": OpCase(
        lambda m, a, b: ops.where(ops.greater(m, 0.0), a, b), {"m": m, "a": a, "b": b},
        lambda m, a, b: np.where(m > 0, a, b), kinks={"m": (0.0,)}, gradient=frozenset("ab"),
    )
    for suffix, (m, a, b) in _TRIPLES.items()
}  # fmt: skip

# -- outer ------------------------------------------------------------------------------------

OUTER = {
    f"outer{suffix}": OpCase(
        lambda a, b: ops.outer(a, b), {"a": a, "b": b},
        lambda a, b: a[..., :, None] * b[..., None, :],
    )
    for suffix, (a, b) in {
        "": ((4,), (3,)), "_unbatched": ((_U, (5,)), (_U, (2,))), "_one": ((_U, (1,)), (1,)),
        "_left": ((4,), (_U, (3,))), "_right": ((_U, (4,)), (3,)),
        "_lead": ((2, 4), (2, 3)), "_lead_repeated": ((2, 1, 4), (_U, (3, 5))),
    }.items()
}  # fmt: skip

ELEMENTWISE = {**UNARY, **TWO, **COMPARE, **WHERE, **OUTER}
