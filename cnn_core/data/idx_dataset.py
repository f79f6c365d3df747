"""MNIST-style folders: four IDX files, checked against each other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cnn_core import options
from cnn_core.data.idx import load_idx
from cnn_core.errors import DataError

_IMAGES, _LABELS = "idx3", "idx1"
_PARTS = (
    ("train-images", _IMAGES),
    ("train-labels", _LABELS),
    ("t10k-images", _IMAGES),
    ("t10k-labels", _LABELS),
)


class IdxDataset(NamedTuple):
    """Images as rows and their labels.

    ``x_train`` (N, I) and ``x_test`` are uint8, C-contiguous, I = rows * columns of an image;
    ``y_train`` (N,) and ``y_test`` are int32.  ``x_train[i].reshape(image_shape)`` is a picture.

    What `load_idx_dataset` returns.

    >>> pixels, digits = np.zeros((2, 4), np.uint8), np.array([7, 1], np.int32)
    >>> data = cnn.data.IdxDataset(pixels, digits, pixels, digits, image_shape=(2, 2))
    >>> data.x_train[0].reshape(data.image_shape)
    array([[0, 0],
           [0, 0]], dtype=uint8)
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    image_shape: tuple[int, int]

    @property
    def n_classes(self) -> int:
        """The largest label plus one."""
        return 1 + int(max(self.y_train.max(), self.y_test.max()))


def load_idx_dataset(folder: str | os.PathLike[str], *, mmap: bool = False) -> IdxDataset:
    """Return the four parts of an MNIST-style folder.

    The files are train-images, train-labels, t10k-images and t10k-labels, each named
    ``train-images-idx3-ubyte`` or ``train-images.idx3-ubyte`` (labels: idx1), with or without
    ``.gz``; of several, the first in this order is taken.

    Parameters
    ----------
    folder
        Where the files are.
    mmap
        Map the images into memory instead of reading them; they must then be plain files.

    Raises
    ------
    DataError
        A file is missing (the message lists every name that was tried) or damaged, images and
        labels differ in number, the images differ in size, or a label is negative.

    Example
    -------
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> for part, n in (("train", 2), ("t10k", 1)):  # images of 1 x 3 pixels, and labels
    ...     head = bytes([0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 1, 0, 0, 0, 3])
    ...     _ = (folder / f"{part}-images-idx3-ubyte").write_bytes(head + bytes(3 * n))
    ...     head = bytes([0, 0, 8, 1, 0, 0, 0, n])
    ...     _ = (folder / f"{part}-labels-idx1-ubyte").write_bytes(head + bytes(n))
    >>> data = cnn.data.load_idx_dataset(folder)
    >>> data.x_train.shape, data.y_test.shape, data.image_shape
    ((2, 3), (1,), (1, 3))
    """
    folder = options.path("load_idx_dataset", folder)
    mmap = options.flag("load_idx_dataset: mmap", mmap)
    paths = _find_all(Path(folder))
    x_train, train_shape = _load_images(paths[0], mmap)
    y_train = _load_labels(paths[1], paths[0], len(x_train))
    x_test, test_shape = _load_images(paths[2], mmap)
    y_test = _load_labels(paths[3], paths[2], len(x_test))
    if train_shape != test_shape:
        raise DataError(
            f"{paths[2]}: need images of {train_shape} as in {paths[0].name}; got {test_shape}"
        )
    return IdxDataset(x_train, y_train, x_test, y_test, train_shape)


def _find_all(folder: Path) -> list[Path]:
    if not folder.is_dir():
        what = "a file" if folder.exists() else "nothing of that name"
        raise DataError(f"{folder}: need a folder with IDX files; got {what}")
    found, missing = [], []
    for part, kind in _PARTS:
        names = [f"{part}{mark}{kind}-ubyte{end}" for end in ("", ".gz") for mark in "-."]
        path = next((folder / name for name in names if (folder / name).is_file()), None)
        if path is None:
            missing.append(f"{part} (tried {', '.join(names)})")
        else:
            found.append(path)
    if missing:
        raise DataError(f"{folder}: need four IDX files; missing:\n  " + "\n  ".join(missing))
    return found


def _load_images(path: Path, mmap: bool) -> tuple[np.ndarray, tuple[int, int]]:
    images = load_idx(path, mmap=mmap)
    if images.ndim != 3 or images.dtype != np.uint8 or images.size == 0:
        raise DataError(
            f"{path}: need uint8 images (N, rows, columns), none empty; "
            f"got {images.dtype} {images.shape}"
        )
    n, rows, columns = images.shape
    return images.reshape(n, rows * columns), (rows, columns)


def _load_labels(path: Path, images: Path, n_images: int) -> np.ndarray:
    labels = load_idx(path)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(f"{path}: need integer labels (N,); got {labels.dtype} {labels.shape}")
    if len(labels) != n_images:
        raise DataError(
            f"{path}: need {n_images} labels, one per image of {images.name}; got {len(labels)}"
        )
    if labels.min() < 0:
        row = int(np.argmax(labels < 0))
        raise DataError(f"{path}: need labels >= 0; got {labels[row]} in row {row}")
    return labels.astype(np.int32)
