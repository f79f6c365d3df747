"""Training: the loop, metrics, history, callbacks."""

from __future__ import annotations

from cnn_core.train.callbacks import Callback, EarlyStopping
from cnn_core.train.checkpoint import Checkpoint
from cnn_core.train.history import History
from cnn_core.train.metric import Metric, RowMetric
from cnn_core.train.metrics import TopK
from cnn_core.train.plateau import ReduceLROnPlateau
from cnn_core.train.trainer import Trainer

__all__ = ["Callback", "Checkpoint", "EarlyStopping", "History", "Metric", "ReduceLROnPlateau",
           "RowMetric", "TopK", "Trainer"]  # fmt: skip
