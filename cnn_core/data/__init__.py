"""Data: IDX files, splits, and the checks at the door."""

from cnn_core.arrays import check_finite
from cnn_core.data.arrays import Features, as_features, check_lengths
from cnn_core.data.class_weighting import class_weights
from cnn_core.data.idx import load_idx
from cnn_core.data.idx_dataset import IdxDataset, load_idx_dataset
from cnn_core.data.split import train_test_split
from cnn_core.data.targets import as_labels, as_targets, as_weights

__all__ = [
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
