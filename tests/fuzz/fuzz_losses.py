"""Rules of losses per row, of the means over rows, and of metrics."""

from __future__ import annotations

import numpy as np
from activation_cases import log_softmax
from fuzz_values import Draw, Value, rule

from cnn_core import BATCH, ops

# -- losses, element by element -----------------------------------------------------------------


def _rows(d: Draw) -> Value:
    """Mostly a batch; without one the first axis holds the rows."""
    if d.flip(0.75):
        return d.real(lambda v: v.batched, batched=True)
    return d.real(lambda v: bool(v.shape), new=lambda: d.new_shape(2))


def loss(op, value, slope_p, slope_t, *, kind="normal", options=lambda d: {}, kinks=None,
         saturates=False):  # fmt: skip
    """y_r = the mean over a row of value(p, t)."""

    def draw(d: Draw):
        p = _rows(d)
        column = len(p.shape) == 2 and p.shape[1] == 1 and d.flip(0.3)  # (B,) goes with (B, 1)
        t = d.like(p.shape[:1] if column else p.shape, kind)
        return [([p, t], {**options(d), "reduction": "none"}, {})]

    def f(p, t, reduction, **given):
        return value(p, t.reshape(p.shape), **given).reshape(len(p), -1).mean(axis=1)

    def grads(dy, y, p, t, reduction, **given):
        at, dy = t.reshape(p.shape), dy.reshape(-1, *[1] * (p.ndim - 1))
        n = max(1, p[0].size)
        dt = (dy * slope_t(p, at, **given) / n).reshape(t.shape)
        return [dy * slope_p(p, at, **given) / n, dt]

    def distances(p, t, reduction, **given):
        return kinks(p, t.reshape(p.shape), **given)

    rule(op, draw, f, grads, kinks=distances if kinks else None, saturates=saturates)


def _huber(p, t, delta):
    d = np.abs(p - t)
    return np.where(d <= delta, d * d / 2, delta * (d - delta / 2))


loss("mse", lambda p, t: (p - t) ** 2, lambda p, t: 2 * (p - t), lambda p, t: 2 * (t - p))
loss("mae", lambda p, t: np.abs(p - t), lambda p, t: np.sign(p - t), lambda p, t: np.sign(t - p),
     kinks=lambda p, t: [p - t])  # fmt: skip
loss("huber", _huber, lambda p, t, delta: np.clip(p - t, -delta, delta),
     lambda p, t, delta: np.clip(t - p, -delta, delta),
     options=lambda d: {"delta": d.eighths(0.125, 2)})  # fmt: skip
loss("pinball", lambda p, t, q: np.maximum(q * (t - p), (q - 1) * (t - p)),
     lambda p, t, q: np.where(t > p, -q, np.where(t < p, 1 - q, 0)),
     lambda p, t, q: np.where(t > p, q, np.where(t < p, q - 1, 0)),
     options=lambda d: {"q": d.eighths(0.125, 0.875)}, kinks=lambda p, t, q: [p - t])  # fmt: skip
loss("binary_cross_entropy",
     lambda z, t, most: np.minimum(np.logaddexp(z, 0) - t * z, np.inf if most is None else most),
     lambda z, t, most: 1 / (1 + np.exp(-z)) - t, lambda z, t, most: -z, kind="unit",
     options=lambda d: {"most": d.eighths(0.5, 2) if d.flip(0.2) else None},
     saturates=True)  # fmt: skip
loss("poisson", lambda z, t: np.exp(z) - t * z, lambda z, t: np.exp(z) - t, lambda z, t: -z,
     kind="counts")  # fmt: skip
loss("hinge", lambda z, t: np.maximum(0, 1 - t * z), lambda z, t: np.where(t * z < 1, -t, 0),
     lambda z, t: np.where(t * z < 1, -z, 0), kind="sign",
     kinks=lambda z, t: [1 - t * z])  # fmt: skip

# -- losses of classes ----------------------------------------------------------------------------


def _scores(d: Draw, least: int = 1, *, fixed: bool = False) -> Value:
    """Scores (B, C); ``fixed``: or of a number of rows."""
    batched = not fixed or d.flip(0.75)

    def fits(v: Value) -> bool:
        return v.batched == batched and len(v.shape) == 2 and v.shape[1] >= least

    rows = () if batched else (d.size(40),)
    return d.real(fits, new=lambda: (*rows, max(least, *d.new_shape(1))), batched=batched)


def _labels(d: Draw, z: Value, n_class: int) -> Value:
    return d.leaf(() if z.batched else z.shape[:1], "labels", batched=z.batched, of=n_class)


def _classes(d: Draw):
    z = _scores(d, fixed=True)
    n = z.shape[1]
    options = {"label_smoothing": d.eighths(0, 0.5), "reduction": "none", "ignore_index": None,
               "most": d.eighths(1, 3) if d.flip(0.2) else None}  # fmt: skip
    if d.flip(0.3):
        return [([z, d.like(z.shape, "distribution")], options, {})]
    if d.flip(0.3):
        options["ignore_index"] = int(d.rng.integers(n))
    return [([z, _labels(d, z, n)], options, {})]


def _target_rows(z, t, label_smoothing):
    n = z.shape[1]
    rows = t if t.ndim == 2 else (t[:, None] == np.arange(n)) * 1.0
    return (1 - label_smoothing) * rows + label_smoothing / n


def _cross_entropy(z, t, label_smoothing, reduction, ignore_index, most):
    y = -(_target_rows(z, t, label_smoothing) * log_softmax(z)).sum(axis=1)
    y = y if most is None else np.minimum(y, most)
    return y if ignore_index is None else np.where(t == ignore_index, 0, y)


def _cross_entropy_grads(dy, y, z, t, label_smoothing, reduction, ignore_index, most):
    rows, log_p = _target_rows(z, t, label_smoothing), log_softmax(z)
    dz = dy[:, None] * (np.exp(log_p) * rows.sum(axis=1, keepdims=True) - rows)
    if ignore_index is not None:
        dz = np.where((t == ignore_index)[:, None], 0, dz)
    return [dz, -(1 - label_smoothing) * log_p * dy[:, None] if t.ndim == 2 else None]


rule("softmax_cross_entropy", _classes, _cross_entropy, _cross_entropy_grads, chain=True,
     saturates=True)  # fmt: skip


def _margins(d: Draw):
    z = _scores(d, least=2, fixed=True)
    return [([z, _labels(d, z, z.shape[1])], {"reduction": "none"}, {})]


def _rivals(z, t):
    others = z.copy()
    others[np.arange(len(z)), t] = -np.inf
    return others, z[np.arange(len(z)), t]


def _margin(z, t, reduction):
    others, own = _rivals(z, t)
    return np.maximum(0, 1 + others.max(axis=1) - own)


def _margin_grads(dy, y, z, t, reduction):
    others, own = _rivals(z, t)
    row, dz = np.arange(len(z)), np.zeros(z.shape)
    slope = np.where(1 + others.max(axis=1) - own > 0, dy, 0)
    dz[row, others.argmax(axis=1)] += slope
    dz[row, t] -= slope
    return [dz, None]


def _margin_kinks(z, t, reduction):
    others, own = _rivals(z, t)
    ordered = np.sort(others, axis=1)
    gap = ordered[:, -1] - ordered[:, -2] if z.shape[1] > 2 else np.ones(len(z))
    return [1 + ordered[:, -1] - own, gap]


rule("hinge", _margins, _margin, _margin_grads, kinks=_margin_kinks)

# -- rows to one number ---------------------------------------------------------------------------


def _one_per_row(d: Draw, *, fixed: bool = False) -> Value:
    if fixed and d.flip(0.25):
        return d.real(lambda v: len(v.shape) == 1, new=lambda: (d.size(40),), batched=False)
    return d.real(lambda v: v.shape == (BATCH,), new=lambda: (), batched=True)


def _weights(d: Draw, rows: Value) -> list[Value]:
    return [] if d.flip(0.5) else [d.like(rows.shape[:1], "weight")]


def _share(x, w, reduction="mean"):
    """Return w / sum(w), 0 where nothing counts; or w / B."""
    w = np.ones(len(x)) if w is None else w
    if reduction == "sum_over_batch":
        return w / len(x)
    return w / w.sum() if w.sum() else 0 * w


def _row_mean(x, w=None, reduction="mean"):
    counts = w is None or w.sum() or reduction != "mean"
    return np.sum(_share(x, w, reduction) * x) if counts else np.nan


def _row_mean_grads(dy, y, x, w=None, reduction="mean"):
    dx = dy * _share(x, w, reduction)
    if w is None:
        return [dx]
    if reduction == "sum_over_batch":
        return [dx, dy * x / len(x)]
    return [dx, dy * (x - y) / w.sum() if w.sum() else 0 * x]


def _reduction(d: Draw) -> dict[str, str]:
    return {"reduction": "sum_over_batch"} if d.flip(0.3) else {}


def _row_means(d: Draw):
    x = _one_per_row(d, fixed=True)
    return [([x, *_weights(d, x)], _reduction(d), {})]


rule("row_mean", _row_means, _row_mean, _row_mean_grads)


# Without weights nothing would say how many rows there are; a fused loss has it so.
rule("row_coef", lambda d: [([d.like((BATCH,), "weight")], _reduction(d), {})],
     lambda w, reduction="mean": _share(w, w, reduction))  # fmt: skip


def _label_weight(d: Draw):
    rows = (d.size(40),) if d.flip(0.25) else ()
    labels = d.leaf(rows, "labels", batched=not rows, of=3)
    return [([labels, *_weights(d, labels)], {"ignore_index": int(d.rng.integers(3))}, {})]


rule("label_weight", _label_weight,
     lambda t, w=None, ignore_index=0: np.where(t == ignore_index, 0.0, 1.0 if w is None else w),
     lambda dy, y, t, w=None, ignore_index=0: [None, np.where(t == ignore_index, 0, dy)],
     exact=True)  # fmt: skip

# -- metrics: sums in float64 ---------------------------------------------------------------------


def _sums(rows, w=None):
    w = np.ones(len(rows)) if w is None else w
    return np.array([(w * rows).sum(), w.sum()])


def metric(op, draw, value, **more):
    """``value(scores, targets, weights or None, **options)`` gives the sums."""

    def build(nodes, options):
        z, t, *w = nodes
        return getattr(ops, op)(z, t, **options, weight=w[0] if w else None)

    def draw_weighted(d: Draw):
        operands, options = draw(d)
        return [([*operands, *_weights(d, operands[0])], options, {})]

    rule(op, draw_weighted, value, build=build, **more)


def _accuracy(d: Draw):
    z = _scores(d)
    n = z.row[0]
    kind = d.choose(["labels", "rows", "columns"] if n > 1 else ["labels", "sign"])
    if kind == "labels":
        return [z, _labels(d, z, max(2, n))], {}
    target = {"rows": "distribution", "columns": "unit", "sign": "sign"}[kind]
    return [z, d.like(z.shape, target)], {"columns": kind == "columns"}


def _right(z, t, w=None, columns=False):
    if columns:
        return _sums(((z > 0) == (t > 0.5)).mean(axis=1), w)
    if z.shape[1] == 1:
        return _sums((z[:, 0] > 0) == (t.reshape(-1) > 0.5), w)
    return _sums(z.argmax(axis=1) == (t if t.ndim == 1 else t.argmax(axis=1)), w)


def _ranks(z, *rest, **options):
    """Scores that change places, or sides of 0, are where a metric jumps."""
    return [np.abs(z), np.diff(np.sort(z, axis=1), axis=1) if z.shape[1] > 1 else np.ones(1)]


def _top(d: Draw):
    z = _scores(d)
    n = z.row[0]
    return [z, _labels(d, z, n)], {"k": int(d.rng.integers(1, n + 1))}


def _hits(z, t, w=None, k=1):
    order = np.argsort(-z, axis=1, kind="stable")[:, :k]
    return _sums((order == t[:, None]).any(axis=1), w)


def _regression(d: Draw):
    p = d.real(lambda v: v.batched, batched=True)
    return [p, d.like(p.shape)], {}


def _r2_sums(p, t, w=None):
    p, t = p.reshape(len(p), -1), t.reshape(len(t), -1)
    w = (np.ones(len(t)) if w is None else w)[:, None]
    if not w.sum():
        return np.zeros((4, t.shape[1]))
    mean = (w * t).sum(axis=0) / w.sum()
    squares = (w * (t - mean) ** 2).sum(axis=0), (w * (t - p) ** 2).sum(axis=0)
    return np.stack([w.sum() + 0 * mean, mean, *squares])


def _metric_mean(d: Draw):
    x = _one_per_row(d)
    return [([x, *_weights(d, x)], {}, {})]


rule("metric_mean", _metric_mean, _sums)
metric("metric_accuracy", _accuracy, _right, kinks=_ranks, chain=True)
metric("metric_top_k", _top, _hits, kinks=_ranks, chain=True)
metric("metric_r2", _regression, _r2_sums)
