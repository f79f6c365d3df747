"""One case per operation and option: how to build it, what to feed it, what it must give.

The references are NumPy in float64, written from the formulas and not from the kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import erf as _erf
from math import inf, pi, sqrt
from typing import Any

import numpy as np

from cnn_core import ops
from cnn_core.graph.node import Node

Spec = tuple[Any, ...]


@dataclass(frozen=True)
class OpCase:
    """What the harness needs to test an operation.

    ``build`` gets the nodes of the inputs by name.  ``inputs`` says what each one holds:

    - ``(3, 4)``: a batch of normal rows of that shape, times the scale
    - ``("unbatched", (3, 4))``: the same without a batch axis
    - ``("labels", C)``: int32 labels in [0, C), shape (B,); ``("labels", C, i)``: some are ``i``
    - ``("unit", (3,))``: rows of numbers in [0, 1]; ``("sign", (3,))``: -1 or 1;
      ``("counts", (3,))``: whole numbers from 0 to 9; none of them scaled
    - ``("distribution", C)``: rows that are positive and add up to 1, not scaled
    - ``("weight",)``: one weight per row, shape (B,), in [0, 2], not scaled, one in four 0

    ``reference`` gets arrays by name (float64, labels int64) and gives the value.  ``kinks`` are
    positions of an input where there is no derivative; ``kink`` gives numbers that are 0 at
    such places where they depend on several inputs.  ``gradient`` is False where there is none,
    or a set of input names if only these have one.
    """

    build: Callable[..., Node]
    inputs: Mapping[str, Spec]
    reference: Callable[..., Any]
    kinks: Mapping[str, Sequence[float]] = field(default_factory=dict)
    kink: Callable[..., np.ndarray] | None = None
    scales: Sequence[float] = (1.0, 1e3)
    gradient: bool | frozenset[str] = True


# -- activations ----------------------------------------------------------------------------


def _sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x > 0, 1, e) / (1 + e)


def _expm1_below(x):
    return np.expm1(np.minimum(x, 0))


def _gelu_tanh(x):
    # (1 + tanh(u)) / 2 = sigmoid(2 u), which keeps its digits for negative u
    return x * _sigmoid(2 * sqrt(2 / pi) * (x + 0.044715 * x**3))


_erfc = np.vectorize(lambda x: 1 - _erf(x), otypes=[float])


def _gelu(x):
    return 0.5 * x * _erfc(-x / sqrt(2))


_SELU_S, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def _unary(build, reference, *kinks, shape=(3, 7), **options):
    return OpCase(build, {"x": shape}, reference, {"x": kinks} if kinks else {}, **options)


ACTIVATIONS = {
    "relu": _unary(lambda x: ops.relu(x), lambda x: np.maximum(x, 0), 0.0),
    "leaky_relu": _unary(
        lambda x: ops.leaky_relu(x), lambda x: np.where(x > 0, x, 0.01 * x), 0.0
    ),
    "leaky_relu_0.3": _unary(
        lambda x: ops.leaky_relu(x, 0.3), lambda x: np.where(x > 0, x, 0.3 * x), 0.0
    ),
    "leaky_relu_0": _unary(lambda x: ops.leaky_relu(x, 0), lambda x: np.maximum(x, 0), 0.0),
    "elu": _unary(lambda x: ops.elu(x), lambda x: np.where(x > 0, x, _expm1_below(x))),
    "elu_0.5": _unary(
        lambda x: ops.elu(x, 0.5), lambda x: np.where(x > 0, x, 0.5 * _expm1_below(x)), 0.0
    ),
    "selu": _unary(
        lambda x: ops.selu(x),
        lambda x: _SELU_S * np.where(x > 0, x, _SELU_ALPHA * _expm1_below(x)),
        0.0,
    ),
    "sigmoid": _unary(lambda x: ops.sigmoid(x), _sigmoid),
    "tanh": _unary(lambda x: ops.tanh(x), lambda x: np.tanh(x)),
    "gelu": _unary(lambda x: ops.gelu(x), _gelu),
    "gelu_tanh": _unary(lambda x: ops.gelu(x, approximate="tanh"), _gelu_tanh),
    "silu": _unary(lambda x: ops.silu(x), lambda x: x * _sigmoid(x)),
    "softplus": _unary(lambda x: ops.softplus(x), lambda x: np.logaddexp(x, 0)),
    "sigmoid_scalar": OpCase(lambda x: ops.sigmoid(x), {"x": ("unbatched", ())}, _sigmoid),
    "tanh_unbatched": OpCase(lambda x: ops.tanh(x), {"x": ("unbatched", (5, 2))}, lambda x: np.tanh(x)),
}

# -- softmax --------------------------------------------------------------------------------


def _log_softmax(x):
    u = x - x.max(axis=-1, keepdims=True)
    rest = np.exp(u)
    top = np.argmax(u, axis=-1)[..., None]
    np.put_along_axis(rest, top, 0, axis=-1)
    return u - np.log1p(rest.sum(axis=-1, keepdims=True))


def _softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


_GROUPS = {"": (10,), "_1": (1,), "_3x5": (3, 5), "_24": (24,), "_25": (25,), "_70": (70,)}

SOFTMAX = {
    **{f"softmax{k}": _unary(lambda x: ops.softmax(x), _softmax, shape=s)
       for k, s in _GROUPS.items()},
    **{f"log_softmax{k}": _unary(lambda x: ops.log_softmax(x), _log_softmax, shape=s)
       for k, s in _GROUPS.items()},
    "softmax_unbatched": OpCase(
        lambda x: ops.softmax(x), {"x": ("unbatched", (4, 6))}, _softmax),
    "log_softmax_unbatched": OpCase(
        lambda x: ops.log_softmax(x), {"x": ("unbatched", (4, 6))}, _log_softmax),
}  # fmt: skip

# -- losses ---------------------------------------------------------------------------------


def _mean(rows, w=None):
    w = np.ones(len(rows)) if w is None else w
    return (w * rows).sum() / w.sum() if w.sum() else 0.0


def _over_row(values):
    return values.reshape(len(values), -1).mean(axis=1)


def _cross_entropy(z, t, smoothing=0.0, ignored=None):
    n_class = z.shape[1]
    rows = t if t.ndim == 2 else (t[:, None] == np.arange(n_class)).astype(float)
    rows = (1 - smoothing) * rows + smoothing / n_class
    loss = -(rows * _log_softmax(z)).sum(axis=1)
    return loss if ignored is None else np.where(t == ignored, 0, loss)


def _ignoring(z, t, w, ignored):
    return _mean(_cross_entropy(z, t, ignored=ignored), np.where(t == ignored, 0, w))


def _sce(n_class, **options):
    smoothing = options.get("label_smoothing", 0.0)
    return OpCase(
        lambda z, t: ops.softmax_cross_entropy(z, t, reduction="none", **options),
        {"z": (n_class,), "t": ("labels", n_class)},
        lambda z, t: _cross_entropy(z, t, smoothing),
    )


def _sce_rows(n_class, **options):
    smoothing = options.get("label_smoothing", 0.0)
    return OpCase(
        lambda z, t: ops.softmax_cross_entropy(z, t, reduction="none", **options),
        {"z": (n_class,), "t": ("distribution", n_class)},
        lambda z, t: _cross_entropy(z, t, smoothing),
    )


CROSS_ENTROPY = {
    **{f"softmax_cross_entropy_{n}": _sce(n) for n in (1, 2, 3, 10, 16, 24, 25, 70, 300)},
    **{f"softmax_cross_entropy_rows_{n}": _sce_rows(n) for n in (1, 2, 10, 25, 300)},
    **{f"softmax_cross_entropy_smooth_{n}": _sce(n, label_smoothing=0.1) for n in (2, 10, 70)},
    **{f"softmax_cross_entropy_rows_smooth_{n}": _sce_rows(n, label_smoothing=0.1)
       for n in (10, 70)},
    **{f"softmax_cross_entropy_ignore_{n}": OpCase(
        lambda z, t: ops.softmax_cross_entropy(z, t, ignore_index=-100, reduction="none"),
        {"z": (n,), "t": ("labels", n, -100)},
        lambda z, t: _cross_entropy(z, t, ignored=-100)) for n in (10, 70)},
    "softmax_cross_entropy": OpCase(
        lambda z, t: ops.softmax_cross_entropy(z, t),
        {"z": (10,), "t": ("labels", 10)}, lambda z, t: _mean(_cross_entropy(z, t))),
    "softmax_cross_entropy_weight": OpCase(
        lambda z, t, w: ops.softmax_cross_entropy(z, t, weight=w),
        {"z": (10,), "t": ("labels", 10), "w": ("weight",)},
        lambda z, t, w: _mean(_cross_entropy(z, t), w)),
    "softmax_cross_entropy_weight_ignore": OpCase(
        lambda z, t, w: ops.softmax_cross_entropy(z, t, weight=w, ignore_index=2),
        {"z": (5,), "t": ("labels", 5), "w": ("weight",)},
        lambda z, t, w: _ignoring(z, t, w, 2)),
}  # fmt: skip


def _bce(z, t):
    return _over_row(np.maximum(z, 0) - t * z + np.log1p(np.exp(-np.abs(z))))


def _huber(p, t, delta):
    d = np.abs(p - t)
    return _over_row(np.where(d <= delta, d**2 / 2, delta * (d - delta / 2)))


def _pinball(p, t, q):
    return _over_row(np.maximum(q * (t - p), (q - 1) * (t - p)))


def _hinge_parts(z, t):
    rows = np.arange(len(z))
    others = z.copy()
    others[rows, t] = -inf
    return others, z[rows, t]


def _hinge_labels(z, t):
    others, own = _hinge_parts(z, t)
    return np.maximum(0, 1 + others.max(axis=1) - own)


def _hinge_labels_kink(z, t):
    others, own = _hinge_parts(z, t)
    ordered = np.sort(others, axis=1)
    return np.stack([1 + ordered[:, -1] - own, ordered[:, -1] - ordered[:, -2]])


_TARGETS = {
    "mse": ((), {}, lambda p, t: _over_row((p - t) ** 2), None, None),
    "mae": ((), {}, lambda p, t: _over_row(np.abs(p - t)), None, lambda p, t: p - t),
    "huber": ((), {}, lambda p, t: _huber(p, t, 1.0), None, None),
    "huber_0.4": ((0.4,), {}, lambda p, t: _huber(p, t, 0.4), None, None),
    "pinball": ((0.3,), {}, lambda p, t: _pinball(p, t, 0.3), None, lambda p, t: p - t),
    "binary_cross_entropy": ((), {}, _bce, "unit", None),
    "hinge": ((), {}, lambda z, t: _over_row(np.maximum(0, 1 - t * z)), "sign",
              lambda z, t: 1 - t * z),
    "poisson": ((), {}, lambda z, t: _over_row(np.exp(z) - t * z), "counts", None),
}  # fmt: skip
_ROW_SHAPES = {"": (5,), "_scalar": (), "_1": (1,), "_3x4": (3, 4), "_256": (256,), "_600": (600,)}


def _elementwise_losses():
    cases = {}
    for name, (options, _, reference, kind, kink) in _TARGETS.items():
        function = getattr(ops, name.split("_0")[0])
        first = "z" if name in ("binary_cross_entropy", "hinge", "poisson") else "p"
        scales = (1.0, 5.0) if name == "poisson" else (1.0, 1e3)
        for suffix, shape in _ROW_SHAPES.items():
            cases[name + suffix] = OpCase(
                lambda t, function=function, options=options, first=first, **p: function(
                    p[first], t, *options, reduction="none"
                ),
                {first: shape, "t": (kind, shape) if kind else shape},
                reference, kink=kink, scales=scales,
            )  # fmt: skip
    return cases


LOSSES = {
    **_elementwise_losses(),
    "hinge_labels": OpCase(
        lambda z, t: ops.hinge(z, t, reduction="none"),
        {"z": (4,), "t": ("labels", 4)}, _hinge_labels, kink=_hinge_labels_kink),
    "hinge_labels_2": OpCase(
        lambda z, t: ops.hinge(z, t, reduction="none"),
        {"z": (2,), "t": ("labels", 2)}, _hinge_labels,
        kink=lambda z, t: _hinge_labels_kink(z, t)[:1]),
    "mse_column": OpCase(
        lambda p, t: ops.mse(p, t, reduction="none"),
        {"p": (1,), "t": ()}, lambda p, t: (p[:, 0] - t) ** 2),
    "mse_mean": OpCase(
        lambda p, t: ops.mse(p, t), {"p": (3,), "t": (3,)},
        lambda p, t: ((p - t) ** 2).mean()),
    "mae_weight": OpCase(
        lambda p, t, w: ops.mae(p, t, weight=w),
        {"p": (3,), "t": (3,), "w": ("weight",)},
        lambda p, t, w: _mean(np.abs(p - t).mean(axis=1), w), kink=lambda p, t, w: p - t),
    "row_mean": OpCase(lambda x: ops.row_mean(x), {"x": ()}, lambda x: x.mean()),
    "row_mean_weight": OpCase(
        lambda x, w: ops.row_mean(x, w), {"x": (), "w": ("weight",)},
        lambda x, w: _mean(x, w)),
    "row_coef": OpCase(
        lambda w: ops.row_coef(w), {"w": ("weight",)},
        lambda w: w / w.sum() if w.sum() else 0 * w, gradient=False),
    "label_weight": OpCase(
        lambda t, w: ops.label_weight(t, w, ignore_index=1),
        {"t": ("labels", 3), "w": ("weight",)}, lambda t, w: np.where(t == 1, 0, w)),
    "label_weight_alone": OpCase(
        lambda t: ops.label_weight(t, ignore_index=1), {"t": ("labels", 3)},
        lambda t: np.where(t == 1, 0.0, 1.0), gradient=False),
}  # fmt: skip

# -- two operands ---------------------------------------------------------------------------

_U = "unbatched"
_PAIRS: dict[str, tuple[Spec, Spec]] = {
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
    for suffix, (a, b) in _PAIRS.items()
}
BINARY["mul_self"] = OpCase(lambda x: ops.mul(x, x), {"x": (3,)}, lambda x: x * x)
BINARY["add_self"] = OpCase(lambda x: ops.add(x, x), {"x": (3,)}, lambda x: 2 * x)

# -- metrics: the sums after one run that starts from zeros -----------------------------------


def _sums(rows, w=None):
    w = np.ones(len(rows)) if w is None else w
    return np.array([(w * rows).sum(), w.sum()])


def _top(z, t, k):
    order = np.argsort(-z, axis=1, kind="stable")[:, :k]
    return (order == t[:, None]).any(axis=1)


def _r2_sums(p, t, w):
    p, t = p.reshape(len(p), -1), t.reshape(len(t), -1)
    w = w[:, None]
    if not w.sum():
        return np.zeros((4, t.shape[1]))
    mean = (w * t).sum(axis=0) / w.sum()
    return np.stack([w.sum() + 0 * mean, mean, (w * (t - mean) ** 2).sum(axis=0),
                     (w * (t - p) ** 2).sum(axis=0)])  # fmt: skip


METRICS = {
    "metric_mean": OpCase(
        lambda x: ops.metric_mean(x), {"x": ()}, lambda x: _sums(x), gradient=False),
    "metric_mean_weight": OpCase(
        lambda x, w: ops.metric_mean(x, w), {"x": (), "w": ("weight",)},
        lambda x, w: _sums(x, w), gradient=False),
    "metric_accuracy": OpCase(
        lambda z, t: ops.metric_accuracy(z, t), {"z": (4,), "t": ("labels", 4)},
        lambda z, t: _sums(z.argmax(axis=1) == t), gradient=False),
    "metric_accuracy_weight_ignore": OpCase(
        lambda z, t, w: ops.metric_accuracy(z, t, weight=w, ignore_index=-1),
        {"z": (4,), "t": ("labels", 4, -1), "w": ("weight",)},
        lambda z, t, w: _sums(z.argmax(axis=1) == t, np.where(t == -1, 0, w)), gradient=False),
    "metric_accuracy_rows": OpCase(
        lambda z, t: ops.metric_accuracy(z, t), {"z": (4,), "t": ("distribution", 4)},
        lambda z, t: _sums(z.argmax(axis=1) == t.argmax(axis=1)), gradient=False),
    "metric_accuracy_columns": OpCase(
        lambda z, t, w: ops.metric_accuracy(z, t, weight=w, columns=True),
        {"z": (3,), "t": ("unit", (3,)), "w": ("weight",)},
        lambda z, t, w: _sums(((z > 0) == (t > 0.5)).mean(axis=1), w), gradient=False),
    "metric_accuracy_signs": OpCase(
        lambda z, t: ops.metric_accuracy(z, t), {"z": (1,), "t": ("sign", ())},
        lambda z, t: _sums((z[:, 0] > 0) == (t > 0)), gradient=False),
    "metric_accuracy_binary_labels": OpCase(
        lambda z, t: ops.metric_accuracy(z, t), {"z": (1,), "t": ("labels", 2)},
        lambda z, t: _sums((z[:, 0] > 0) == (t == 1)), gradient=False),
    "metric_top_k": OpCase(
        lambda z, t: ops.metric_top_k(z, t, 3), {"z": (7,), "t": ("labels", 7)},
        lambda z, t: _sums(_top(z, t, 3)), gradient=False),
    "metric_top_k_weight": OpCase(
        lambda z, t, w: ops.metric_top_k(z, t, 2, weight=w),
        {"z": (7,), "t": ("labels", 7), "w": ("weight",)},
        lambda z, t, w: _sums(_top(z, t, 2), w), gradient=False),
    "metric_r2": OpCase(
        lambda p, t: ops.metric_r2(p, t), {"p": (3,), "t": (3,)},
        lambda p, t: _r2_sums(p, t, np.ones(len(p))), gradient=False),
    "metric_r2_weight": OpCase(
        lambda p, t, w: ops.metric_r2(p, t, weight=w),
        {"p": (1,), "t": (), "w": ("weight",)}, _r2_sums, gradient=False),
}  # fmt: skip

CASES: dict[str, OpCase] = {
    **ACTIVATIONS, **SOFTMAX, **CROSS_ENTROPY, **LOSSES, **BINARY, **METRICS,
}  # fmt: skip


# -- dropout: its own reference, because the mask depends on seed and step ----------------------


def philox(counter: np.ndarray, key: tuple[int, int], rounds: int = 7) -> np.ndarray:
    """Return Philox4x32 of counters (N, 4), as uint32 (N, 4).

    With 10 rounds, counter 0 and key 0 it gives 6627e8d5 e169c58d bc57ac4c 9b00dbd8, the
    known answer of the authors' own implementation.
    """
    x = counter.astype(np.uint64).T.copy()
    k = [np.uint64(key[0]), np.uint64(key[1])]
    low = np.uint64(0xFFFFFFFF)
    for _ in range(rounds):
        p, q = np.uint64(0xD2511F53) * x[0], np.uint64(0xCD9E8D57) * x[2]
        x = np.stack([(q >> np.uint64(32)) ^ x[1] ^ k[0], q & low,
                      (p >> np.uint64(32)) ^ x[3] ^ k[1], p & low])  # fmt: skip
        k = [(k[0] + np.uint64(0x9E3779B9)) & low, (k[1] + np.uint64(0xBB67AE85)) & low]
    return x.T.astype(np.uint32)


def dropout_mask(n: int, rate: float, *, seed: int, step: int, key: int) -> np.ndarray:
    """Return which of ``n`` elements dropout keeps: the numbers stand in blocks of 4 x 16."""
    blocks = -(-n // 64)
    at = np.arange(blocks * 16, dtype=np.uint64)
    counter = np.zeros((len(at), 4), np.uint64)
    counter[:, 0], counter[:, 1] = at & np.uint64(0xFFFFFFFF), at >> np.uint64(32)
    counter[:, 2] = step & 0xFFFFFFFF
    counter[:, 3] = (key & 0xFFFFFFFF) ^ (step >> 32)
    words = philox(counter, (seed & 0xFFFFFFFF, seed >> 32))
    numbers = words.reshape(blocks, 16, 4).transpose(0, 2, 1).reshape(-1)[:n]
    return numbers >= int(rate * 2**32)
