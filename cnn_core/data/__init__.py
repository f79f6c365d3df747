"""Data: IDX files, splits, and the checks at the door.

What only reads or divides data is read itself when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cnn_core.arrays import check_finite
from cnn_core.data.arrays import Features, as_features, check_lengths
from cnn_core.data.targets import as_labels, as_targets, as_weights

if TYPE_CHECKING:
    from cnn_core.data.batching import Batches
    from cnn_core.data.class_weighting import class_weights
    from cnn_core.data.idx import load_idx
    from cnn_core.data.idx_dataset import IdxDataset, load_idx_dataset
    from cnn_core.data.split import train_test_split

__all__ = [
    "Batches",
    "Features",
    "IdxDataset",
    "as_features",
    "as_labels",
    "as_targets",
    "as_weights",
    "check_finite",
    "check_lengths",
    "class_weights",
    "load_idx",
    "load_idx_dataset",
    "train_test_split",
]

_HOMES = {
    "Batches": "batching",
    "IdxDataset": "idx_dataset",
    "class_weights": "class_weighting",
    "load_idx": "idx",
    "load_idx_dataset": "idx_dataset",
    "train_test_split": "split",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__
