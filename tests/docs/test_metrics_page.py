"""docs/metrics.md names every metric and every loss."""

from __future__ import annotations

from page_blocks import ROOT

import cnn_core as cnn

PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")


def test_the_page_names_every_metric_and_loss():
    for name, loss in cnn.nn.losses.LOSSES.items():
        assert f"`{name}`" in PAGE
        assert f"`{loss.__name__}(" in PAGE
    for name in cnn.train.metrics.METRICS:
        assert f"`{name}`" in PAGE
