"""Rules of the operations on one, two or three operands, element by element, and of gates."""

from __future__ import annotations

import numpy as np
from activation_cases import ACTIVATIONS
from fuzz_values import SEED, STEP, Draw, Unfit, Value, rule, summed_to
from random_reference import dropout_mask, falling, normal_numbers, uniform_numbers

import cnn_core as cnn
from cnn_core.ir.shapes import with_rows

ROOT_2, ROOT_2_PI = np.sqrt(2), np.sqrt(2 * np.pi)

REFERENCE_MOST = 3000
"""Random numbers of a node: the reference takes a microsecond for each."""


def _sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x > 0, 1, e) / (1 + e)


# -- one operand ------------------------------------------------------------------------------


def unary(op, value, slope, *kinks, options=lambda d: {}, low=-np.inf, exact=False):
    """``slope(x, y, **options)`` is dy/dx; ``kinks`` are places, or functions of the options."""

    def draw(d: Draw):
        kind = "normal" if low == -np.inf else "positive"
        x = d.real(lambda v: v.runs[0].min() > low, kind=kind)
        return [([x], options(d), {})]

    def distances(x, **given):
        return [x - (place(**given) if callable(place) else place) for place in kinks]

    rule(
        op, draw, value, lambda dy, y, x, **given: [dy * slope(x, y, **given)],
        kinks=distances if kinks else None, exact=exact,
    )  # fmt: skip


def _gelu_slope(x, y, approximate):
    if approximate == "none":
        normal = np.exp(-x * x / 2) / ROOT_2_PI
        phi = np.where(x == 0, 0.5, y / np.where(x == 0, 1, x))
        return phi + x * normal
    c = 2 * np.sqrt(2 / np.pi)
    s = _sigmoid(c * (x + 0.044715 * x**3))
    return s + x * s * (1 - s) * c * (1 + 3 * 0.044715 * x * x)


def _gelu(x, approximate):
    return ACTIVATIONS["gelu" if approximate == "none" else "gelu_tanh"].reference(x)


SELU_S, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def _mish_slope(x):
    t = np.tanh(np.logaddexp(x, 0))
    return t + x * (1 - t * t) * _sigmoid(x)


def _elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


unary("neg", np.negative, lambda x, y: -1.0, exact=True)
unary("abs", np.abs, lambda x, y: np.sign(x), 0.0, exact=True)
unary("square", np.square, lambda x, y: 2 * x)
unary("sqrt", np.sqrt, lambda x, y: 0.5 / y, low=0.02)
unary("exp", np.exp, lambda x, y: y)
unary("sin", np.sin, lambda x, y: np.cos(x))
unary("cos", np.cos, lambda x, y: -np.sin(x))
unary("log", np.log, lambda x, y: 1 / x, low=0.02)
unary("log1p", np.log1p, lambda x, y: 1 / (1 + x), low=-0.9)
unary("reciprocal", lambda x: 1 / x, lambda x, y: -y * y)
unary("relu", lambda x: np.maximum(x, 0), lambda x, y: (x > 0) * 1.0, 0.0, exact=True)
unary("sigmoid", _sigmoid, lambda x, y: y * (1 - y))
unary("tanh", np.tanh, lambda x, y: 1 - y * y)
unary("silu", lambda x: x * _sigmoid(x),
      lambda x, y: _sigmoid(x) * (1 + x * (1 - _sigmoid(x))))  # fmt: skip
unary("mish", lambda x: x * np.tanh(np.logaddexp(x, 0)),
      lambda x, y: _mish_slope(x))  # fmt: skip
unary("softplus", lambda x: np.logaddexp(x, 0), lambda x, y: _sigmoid(x))
unary("gelu", _gelu, _gelu_slope,
      options=lambda d: {"approximate": d.choose(["none", "tanh"])})  # fmt: skip
unary("elu", _elu, lambda x, y, alpha: np.where(x > 0, 1, y + alpha), 0.0,
      options=lambda d: {"alpha": d.eighths(0, 2)})  # fmt: skip
unary("selu", lambda x: SELU_S * _elu(x, SELU_ALPHA),
      lambda x, y: np.where(x > 0, SELU_S, y + SELU_S * SELU_ALPHA), 0.0)  # fmt: skip
unary("leaky_relu", lambda x, negative_slope: np.where(x > 0, x, negative_slope * x),
      lambda x, y, negative_slope: np.where(x > 0, 1, negative_slope), 0.0,
      options=lambda d: {"negative_slope": d.eighths(0, 1)})  # fmt: skip
unary("scale", lambda x, a: a * x, lambda x, y, a: a, options=lambda d: {"a": d.eighths(-2, 2)})
unary("shift", lambda x, c: c + x, lambda x, y, c: 1.0, options=lambda d: {"c": d.eighths(-2, 2)})
unary("power", lambda x, p: x**p, lambda x, y, p: p * x ** (p - 1) if p else 0 * x,
      options=lambda d: {"p": float(d.choose([0, 1, 2, 3, 5]))})  # fmt: skip
unary("power", lambda x, p: x**p, lambda x, y, p: p * x ** (p - 1) if p else 0 * x, low=0.02,
      options=lambda d: {"p": d.eighths(-2, 3)})  # fmt: skip


def _clip_options(d: Draw):
    low, high = d.eighths(-1, 1), d.eighths(-1, 2)
    return d.choose([{"a_min": low, "a_max": high}, {"a_min": low, "a_max": None},
                     {"a_min": None, "a_max": high}])  # fmt: skip


def _inside(x, y, a_min, a_max):
    return ((x >= (-np.inf if a_min is None else a_min))
            & (x <= (np.inf if a_max is None else a_max))) * 1.0  # fmt: skip


unary("clip", lambda x, a_min, a_max: np.clip(x, a_min, a_max), _inside,
      lambda a_min, a_max: a_max if a_min is None else a_min,
      lambda a_min, a_max: a_min if a_max is None else a_max,
      options=_clip_options, exact=True)  # fmt: skip


def _dropout(d: Draw):
    options = {"rate": d.eighths(0, 0.875), "key": int(d.rng.integers(2**31)),
               "steps": d.choose([None, None, 1, 3])}  # fmt: skip
    return [([d.real()], options, {"at_work": d.training})]


def _mask(x, rate, key, steps, at_work):
    if not at_work:
        return np.ones(x.shape)
    rate = falling(rate, steps, STEP)
    keep = dropout_mask(x.size, rate, seed=SEED, step=STEP, key=key)
    return keep.reshape(x.shape) / (1 - rate)


rule("dropout", _dropout, lambda x, **given: x * _mask(x, **given),
     lambda dy, y, x, **given: [dy * _mask(x, **given)])  # fmt: skip


def _gaussian_noise(d: Draw):
    options = {"std": d.eighths(0, 2), "key": int(d.rng.integers(2**31))}
    return [([d.real(lambda v: v.runs[0].size <= REFERENCE_MOST)], options,
             {"at_work": d.training})]  # fmt: skip


def _noise(x, std, key, at_work):
    z = normal_numbers(x.size, seed=SEED, step=STEP, key=key) if at_work else np.zeros(x.size)
    return std * z.reshape(x.shape)


rule("gaussian_noise", _gaussian_noise, lambda x, **given: x + _noise(x, **given),
     lambda dy, y, x, **given: [dy])  # fmt: skip

# -- no operand: random numbers ------------------------------------------------------------------


def sample(op, numbers, options):
    def draw(d: Draw):
        batched = [v for v in d.values if v.rule is None and v.batched]
        shape = d.new_shape()
        if batched and d.flip(0.6):
            shape = d.choose([(cnn.BATCH, *shape), d.choose(batched).shape])
        size = int(np.prod(with_rows(shape, d.rows)))
        if size > REFERENCE_MOST:
            raise Unfit
        given = {"shape": shape, **options(d), "key": int(d.rng.integers(2**31))}
        return [([], given, {"rows": d.rows, "dtype": d.dtype})]

    def value(shape, key, rows, dtype, **given):
        shape = with_rows(shape, rows)
        n = int(np.prod(shape))
        return numbers(n, dtype, seed=SEED, step=STEP, key=key, **given).reshape(shape)

    rule(op, draw, value)


def _uniform(n, dtype, low, high, **run):
    u = uniform_numbers(n, **run)
    return low + (high - low) * (np.floor(u * 2**24) / 2**24 if dtype == "float32" else u)


def _start(d: Draw, low: float, high: float) -> float:
    """A number in whose type sums are exact: they are formed in float64."""
    return d.eighths(low, high) if d.dtype == "float32" else 0.0


sample("random_normal", lambda n, dtype, mean, std, **run: mean + std * normal_numbers(n, **run),
       lambda d: {"mean": _start(d, -1, 1), "std": d.eighths(0, 2)})  # fmt: skip
sample("random_uniform", _uniform,
       lambda d: {"low": _start(d, -2, 0), "high": d.eighths(0.125, 2)})  # fmt: skip

# -- two operands -----------------------------------------------------------------------------


def _pair(d: Draw, low: float = -np.inf, accept=None) -> list[Value]:
    """Two operands that broadcast together, either of them the wider, or one twice."""
    kind = "normal" if low == -np.inf else "positive"
    fits = accept or (lambda v: v.runs[0].min() > low)
    a = d.real(fits, kind=kind)
    if d.flip(0.08):
        return [a, a]
    shape = d.partner(a.shape)
    b = d.real(lambda v: v.shape == shape and fits(v), kind=kind,
               new=lambda: tuple(n for n in shape if n is not cnn.BATCH),
               batched=bool(shape) and shape[0] is cnn.BATCH)  # fmt: skip
    return [b, a] if d.flip(0.5) else [a, b]


def binary(op, value, slope_a, slope_b, *, kinks=None, exact=False, draw=_pair):
    def grads(dy, y, a, b):
        return [summed_to(dy * slope_a(a, b, y), a.shape),
                summed_to(dy * slope_b(a, b, y), b.shape)]  # fmt: skip

    rule(op, lambda d: [(draw(d), {}, {})], value, grads, kinks=kinks, exact=exact)


def _divided(d: Draw) -> list[Value]:
    a, b = _pair(d)
    if np.abs(b.runs[0]).min() < 0.05:
        a, b = b, a
    if np.abs(b.runs[0]).min() < 0.05:
        b = d.like(b.shape, "positive")
    return [a, b]


def _based(d: Draw) -> list[Value]:
    a, b = _pair(d)
    return [a if a.runs[0].min() > 0.05 else d.like(a.shape, "positive"), b]


def _difference(a, b):
    return [a - b]


binary("add", np.add, lambda a, b, y: 1.0, lambda a, b, y: 1.0)
binary("sub", np.subtract, lambda a, b, y: 1.0, lambda a, b, y: -1.0)
binary("mul", np.multiply, lambda a, b, y: b, lambda a, b, y: a)
binary("div", np.divide, lambda a, b, y: 1 / b, lambda a, b, y: -y / b, draw=_divided)
binary("power", np.power, lambda a, b, y: b * a ** (b - 1), lambda a, b, y: y * np.log(a),
       draw=_based)  # fmt: skip
binary("maximum", np.maximum, lambda a, b, y: a >= b, lambda a, b, y: a < b, kinks=_difference,
       exact=True)  # fmt: skip
binary("minimum", np.minimum, lambda a, b, y: a <= b, lambda a, b, y: a > b, kinks=_difference,
       exact=True)  # fmt: skip
for _holds in (np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal):
    rule(_holds.__name__, lambda d: [(_pair(d), {}, {})],
         lambda a, b, holds=_holds: holds(a, b) * 1.0, kinks=_difference, exact=True)  # fmt: skip

# -- three operands -----------------------------------------------------------------------------


def _where(d: Draw):
    a, b = _pair(d)
    wide = a if len(a.shape) >= len(b.shape) else b
    condition = d.like(d.partner(wide.shape), d.choose(["normal", "counts"]))
    return [([condition, a, b], {}, {})]


rule("where", _where, lambda m, a, b: np.where(m != 0, a, b),
     lambda dy, y, m, a, b: [None, summed_to(np.where(m != 0, dy, 0), a.shape),
                             summed_to(np.where(m != 0, 0, dy), b.shape)],
     kinks=lambda m, a, b: [m], exact=True)  # fmt: skip

# -- gates in Python ----------------------------------------------------------------------------


class Swirl(cnn.Gate):
    """y = a sin(b); a and b of one shape."""

    def forward(self, a, b):
        self.a, self.b = a, b
        return a * np.sin(b)

    def backward(self, dy):
        return [dy * np.sin(self.b), dy * self.a * np.cos(self.b)]


class Total(cnn.Gate):
    """y = sum(x), shape (); a second operand counts nothing and has no gradient."""

    def forward(self, x, unused):
        self.shape = np.shape(x)
        return np.sum(x, dtype=np.float64)

    def backward(self, dy):
        return [np.full(self.shape, dy), None]

    def infer_shape(self, *shapes):
        return ()


def _swirl(d: Draw):
    a = d.real()
    return [([a, d.like(a.shape)], {}, {})]


rule("gate", _swirl, lambda a, b: a * np.sin(b),
     lambda dy, y, a, b: [dy * np.sin(b), dy * a * np.cos(b)],
     build=lambda nodes, options: Swirl()(*nodes), text="Swirl()({args})")  # fmt: skip
rule("gate", lambda d: [([d.real(), d.real()], {}, {})], lambda x, unused: x.sum(),
     lambda dy, y, x, unused: [np.full(x.shape, dy), None],
     build=lambda nodes, options: Total()(*nodes), text="Total()({args})")  # fmt: skip
