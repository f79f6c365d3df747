"""Cases of layer_norm, rms_norm, batch_norm and parametric activations, with rows around the
blocks of their sums."""

from __future__ import annotations

import numpy as np
from op_case import OpCase

from cnn_core import ops

_U = "unbatched"


def _layer(x, scale=1.0, shift=0.0, eps=1e-5):
    d = x - x.mean(axis=-1, keepdims=True)
    return d / np.sqrt((d * d).mean(axis=-1, keepdims=True) + eps) * scale + shift


def _rms(x, scale=1.0, eps=1e-5):
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps) * scale


_ROWS = {"": (7,), "_two": (2,), "_vector": (8,), "_wide": (130,), "_deep": (3, 5),
         "_deeper": (2, 9, 16), "_unbatched": (_U, (21, 5)), "_single": (_U, (6,)),
         "_unbatched_deep": (_U, (2, 16, 3))}  # fmt: skip


def _width(spec):
    return (spec[1] if spec[0] == _U else spec)[-1]


LAYER_NORM = {
    f"layer_norm{k}": OpCase(
        lambda x, scale, shift: ops.layer_norm(x, scale, shift),
        {"x": x, "scale": (_U, (_width(x),)), "shift": (_U, (_width(x),))}, _layer)
    for k, x in _ROWS.items()
}  # fmt: skip
# Of one number nothing is left, and the slopes of what is rounded away are 1 / sqrt(eps).
LAYER_NORM["layer_norm_one"] = OpCase(lambda x: ops.layer_norm(x, eps=1.0), {"x": (1,)},
                                      lambda x: _layer(x, eps=1.0))  # fmt: skip
LAYER_NORM["layer_norm_plain"] = OpCase(lambda x: ops.layer_norm(x, eps=0.25), {"x": (9,)},
                                        lambda x: _layer(x, eps=0.25))  # fmt: skip
RMS_NORM = {
    f"rms_norm{k}": OpCase(
        lambda x, scale: ops.rms_norm(x, scale, eps=1e-5),
        {"x": x, "scale": (_U, (_width(x),))}, _rms)
    for k, x in _ROWS.items()
}  # fmt: skip
RMS_NORM["rms_norm_one"] = OpCase(lambda x: ops.rms_norm(x, eps=1.0), {"x": (1,)},
                                  lambda x: _rms(x, eps=1.0))  # fmt: skip
for _op, _norm in (("layer_norm", _layer), ("rms_norm", _rms)):
    # The sums alone, where no gradient of x is wanted.
    case = {**LAYER_NORM, **RMS_NORM}[f"{_op}_deep"]
    LAYER_NORM[f"{_op}_sums"] = OpCase(case.build, case.inputs, _norm,
                                       gradient=frozenset(case.inputs) - {"x"})  # fmt: skip

# -- parametric activations, whose sums are those of norms ----------------------------------------


def _selu(x):
    return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))


def _mish(x):
    return x * np.tanh(np.logaddexp(0, x))


def _parametric(f):
    return lambda x, a: x + a * (f(x) - x)


PARAMETRIC = {
    f"parametric_activation_{name}{k}": OpCase(
        lambda x, a, name=name: ops.parametric_activation(x, a, name),
        {"x": x, "a": (_U, (_width(x),))}, _parametric(f), kinks={"x": (0.0,)},
        gradient=True if k != "_sums" else frozenset(["a"]))
    for name, f in (("selu", _selu), ("mish", _mish)) for k, x in {**_ROWS, "_sums": (3, 5)}.items()
    if name == "selu" or k in ("", "_wide", "_sums")
}  # fmt: skip

# -- over the batch -------------------------------------------------------------------------------


def _batch(x, scale=1.0, shift=0.0, eps=0.25):
    axes = tuple(range(x.ndim - 1))
    d = x - x.mean(axis=axes)
    return d / np.sqrt((d * d).mean(axis=axes) + eps) * scale + shift


# Several places to a row, since one row alone has no variance.
BATCH_NORM = {
    f"batch_norm{k}": OpCase(
        lambda x, scale, shift: ops.batch_norm(x, scale, shift, eps=0.25),
        {"x": x, "scale": (_U, (_width(x),)), "shift": (_U, (_width(x),))}, _batch,
        gradient=True if k != "_sums" else frozenset(["scale", "shift"]))
    for k, x in {"": (2, 7), "_one": (3, 1), "_wide": (2, 130), "_deep": (3, 4, 5), "_sums": (2, 3),
                 "_long": (_U, (70, 3)), "_unbatched": (_U, (5, 2, 6))}.items()
}  # fmt: skip
BATCH_NORM["batch_norm_plain"] = OpCase(lambda x: ops.batch_norm(x, eps=0.25), {"x": (2, 9)},
                                        _batch)  # fmt: skip

NORM: dict[str, OpCase] = {**LAYER_NORM, **RMS_NORM, **BATCH_NORM, **PARAMETRIC}
