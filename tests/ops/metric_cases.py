"""Cases of the metrics: the sums after one run that starts from zeros."""

from __future__ import annotations

import numpy as np
from op_case import OpCase

from cnn_core import ops


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
    "metric_accuracy_rows_k": OpCase(
        lambda z, t: ops.metric_accuracy(z, t, k=2), {"z": (4,), "t": ("distribution", 4)},
        lambda z, t: _sums(_top(z, t.argmax(axis=1), 2)), gradient=False),
    "metric_accuracy_thresholds": OpCase(
        lambda z, t: ops.metric_accuracy(z, t, columns=True, threshold=0.5, middle=-0.25),
        {"z": (3,), "t": ("sign", (3,))},
        lambda z, t: _sums(((z > 0.5) == (t > -0.25)).mean(axis=1)), gradient=False),
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
