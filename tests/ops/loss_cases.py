"""Cases of the losses, one value per row, and of what makes a mean of them."""

from __future__ import annotations

from math import inf

import numpy as np
from activation_cases import log_softmax
from op_case import OpCase

from cnn_core import ops


def _mean(rows, w=None):
    w = np.ones(len(rows)) if w is None else w
    return (w * rows).sum() / w.sum()


def _over_row(values):
    return values.reshape(len(values), -1).mean(axis=1)


def _cross_entropy(z, t, smoothing=0.0, ignored=None):
    n_class = z.shape[1]
    rows = t if t.ndim == 2 else (t[:, None] == np.arange(n_class)).astype(float)
    rows = (1 - smoothing) * rows + smoothing / n_class
    loss = -(rows * log_softmax(z)).sum(axis=1)
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
    **{f"softmax_cross_entropy_{n}": _sce(n) for n in (1, 2, 3, 4, 10, 16, 64, 65, 300)},
    **{f"softmax_cross_entropy_rows_{n}": _sce_rows(n) for n in (1, 2, 3, 10, 65, 300)},
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


# Options, reference, kind of targets, what is 0 at a kink.
_TARGETS: dict[str, tuple] = {
    "mse": ((), lambda p, t: _over_row((p - t) ** 2), None, None),
    "mae": ((), lambda p, t: _over_row(np.abs(p - t)), None, lambda p, t: p - t),
    "huber": ((), lambda p, t: _huber(p, t, 1.0), None, None),
    "huber_0.4": ((0.4,), lambda p, t: _huber(p, t, 0.4), None, None),
    "pinball": ((0.3,), lambda p, t: _pinball(p, t, 0.3), None, lambda p, t: p - t),
    "binary_cross_entropy": ((), _bce, "unit", None),
    "hinge": ((), lambda z, t: _over_row(np.maximum(0, 1 - t * z)), "sign",
              lambda z, t: 1 - t * z),
    "poisson": ((), lambda z, t: _over_row(np.exp(z) - t * z), "counts", None),
}  # fmt: skip
_ROW_SHAPES = {"": (5,), "_scalar": (), "_1": (1,), "_3x4": (3, 4), "_256": (256,), "_600": (600,)}


def _elementwise_losses():
    cases = {}
    for name, (options, reference, kind, kink) in _TARGETS.items():
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
    "row_mean_over_batch": OpCase(
        lambda x, w: ops.row_mean(x, w, reduction="sum_over_batch"), {"x": (), "w": ("weight",)},
        lambda x, w: (w * x).mean()),
    "row_coef_over_batch": OpCase(
        lambda w: ops.row_coef(w, reduction="sum_over_batch"), {"w": ("weight",)},
        lambda w: w / len(w), gradient=False),
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
