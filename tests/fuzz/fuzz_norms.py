"""Rules of norms along rows and over the batch."""

from __future__ import annotations

import numpy as np
from fuzz_values import Draw, Unfit, Value, rule

# Of one number, or of equal ones, nothing but rounding is left: such are drawn with a large eps.
EPS = (0.125, 1.0)


def _vectors(d: Draw, x: Value, n: int) -> list[Value]:
    """Return vectors of the columns of ``x``, which has no batch."""
    return [d.real(lambda v: v.shape == (x.shape[-1],), new=lambda: (x.shape[-1],), batched=False)
            for _ in range(n)]  # fmt: skip


def _rows(n_vector: int):
    def draw(d: Draw):
        x = d.real(lambda v: bool(v.row), new=lambda: d.new_shape(int(d.choose([1, 1, 2, 3]))))
        return [([x, *_vectors(d, x, n_vector)], {"eps": float(d.choose(EPS))}, {})]

    return draw


def _parts(x, axes, eps, *, centered=True):
    """Return u, the numbers scaled to one size, and 1 / s."""
    d = x - x.mean(axis=axes, keepdims=True) if centered else x
    r = 1 / np.sqrt((d * d).mean(axis=axes, keepdims=True) + eps)
    return d * r, r


def _dx(g, u, r, axes, *, centered=True):
    mean = g.mean(axis=axes, keepdims=True) if centered else 0
    return r * (g - mean - u * (g * u).mean(axis=axes, keepdims=True))


def _slack(axes, *, centered=True):
    """What the gradients are differences of: in a row, or column, of one large number, little is
    left of them."""

    def slack(dy, y, x, scale, *shift, eps):
        along = axes(x) if callable(axes) else axes
        _, r = _parts(x, along, eps, centered=centered)
        size = r * np.abs(dy * scale).max(axis=along, keepdims=True)
        return [size, *[0.0] * (1 + len(shift))]

    return slack


def _over_rows(a):
    return a.reshape(-1, a.shape[-1]).sum(axis=0)


def _layer(x, scale, shift, eps):
    return _parts(x, -1, eps)[0] * scale + shift


def _layer_grads(dy, y, x, scale, shift, eps):
    u, r = _parts(x, -1, eps)
    return [_dx(dy * scale, u, r, -1), _over_rows(dy * u), _over_rows(dy)]


def _rms(x, scale, eps):
    return _parts(x, -1, eps, centered=False)[0] * scale


def _rms_grads(dy, y, x, scale, eps):
    u, r = _parts(x, -1, eps, centered=False)
    return [_dx(dy * scale, u, r, -1, centered=False), _over_rows(dy * u)]


rule("layer_norm", _rows(2), _layer, _layer_grads, chain=True, slack=_slack(-1))
rule("rms_norm", _rows(1), _rms, _rms_grads, chain=True, slack=_slack(-1, centered=False))


def _parametric_draw(d: Draw):
    x = d.real(lambda v: bool(v.row), new=lambda: d.new_shape(int(d.choose([1, 1, 2, 3]))))
    function = str(d.choose(["selu", "mish"]))
    return [([x, *_vectors(d, x, 1)], {"function": function}, {})]


def _function(x, function):
    """Return f(x) and f'(x)."""
    if function == "selu":
        s, alpha, low = 1.0507009873554805, 1.6732632423543772, np.minimum(x, 0)
        return (np.where(x > 0, s * x, s * alpha * np.expm1(low)),
                np.where(x > 0, s, s * alpha * np.exp(low)))  # fmt: skip
    t = np.tanh(np.logaddexp(0, x))
    return x * t, t + x * (1 - t * t) / (1 + np.exp(-np.maximum(x, -700)))


def _parametric(x, a, function):
    return x + a * (_function(x, function)[0] - x)


def _parametric_grads(dy, y, x, a, function):
    f, slope = _function(x, function)
    return [dy * (1 + a * (slope - 1)), _over_rows(dy * (f - x))]


def _parametric_slack(dy, y, x, a, function):
    """Of what f(x) - x and f'(x) - 1 are made."""
    f, slope = _function(x, function)
    dy = np.abs(dy)
    return dy * (1 + np.abs(a) * (np.abs(slope) + 1)), _over_rows(dy * (np.abs(f) + np.abs(x)))


rule("parametric_activation", _parametric_draw, _parametric, _parametric_grads, chain=True,
     slack=_parametric_slack)


def _batch(d: Draw):
    x = d.real(lambda v: bool(v.row), new=lambda: d.new_shape(int(d.choose([1, 1, 2, 3]))))
    if x.runs[0].size == x.shape[-1]:
        raise Unfit  # a single row
    return [([x, *_vectors(d, x, 2)], {"eps": float(d.choose(EPS))}, {})]


def _columns(x):
    return tuple(range(x.ndim - 1))


def _batch_norm(x, scale, shift, eps):
    return _parts(x, _columns(x), eps)[0] * scale + shift


def _batch_grads(dy, y, x, scale, shift, eps):
    u, r = _parts(x, _columns(x), eps)
    return [_dx(dy * scale, u, r, _columns(x)), _over_rows(dy * u), _over_rows(dy)]


rule("batch_norm", _batch, _batch_norm, _batch_grads, chain=True, slack=_slack(_columns))
