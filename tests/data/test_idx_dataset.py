"""load_idx_dataset: finds every spelling, and refuses parts that do not fit together."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from cnn_core.data import load_idx_dataset
from cnn_core.errors import DataError

PARTS = {
    "train-images-idx3-ubyte": np.arange(60, dtype=np.uint8).reshape(5, 3, 4),
    "train-labels-idx1-ubyte": np.array([0, 1, 2, 1, 0], np.uint8),
    "t10k-images-idx3-ubyte": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
    "t10k-labels-idx1-ubyte": np.array([3, 1], np.uint8),
}


@pytest.fixture
def make_folder(tmp_path, to_idx):
    """Write the parts, some of them replaced (None: left out), under renamed files."""

    def make(replaced=None, rename=lambda name: name, packed=False):
        for name, array in {**PARTS, **(replaced or {})}.items():
            if array is not None:
                data = to_idx(array)
                (tmp_path / rename(name)).write_bytes(gzip.compress(data) if packed else data)
        return tmp_path

    return make


@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_every_spelling_is_found(make_folder, dotted, packed):
    def rename(name):
        name = name.replace("-idx", ".idx") if dotted else name
        return name + ".gz" if packed else name

    data = load_idx_dataset(make_folder(rename=rename, packed=packed))
    assert data.image_shape == (3, 4)
    assert data.n_classes == 4
    for x, part in ((data.x_train, "train-images"), (data.x_test, "t10k-images")):
        images = PARTS[f"{part}-idx3-ubyte"]
        assert x.dtype == np.uint8
        assert x.flags.c_contiguous
        np.testing.assert_array_equal(x, images.reshape(len(images), 12))
    for y, part in ((data.y_train, "train-labels"), (data.y_test, "t10k-labels")):
        assert y.dtype == np.int32
        np.testing.assert_array_equal(y, PARTS[f"{part}-idx1-ubyte"])


def test_mapped_images_are_not_copied(make_folder):
    data = load_idx_dataset(make_folder(), mmap=True)
    assert isinstance(data.x_train, np.memmap)
    np.testing.assert_array_equal(data.x_train, PARTS["train-images-idx3-ubyte"].reshape(5, 12))


def test_missing_files_are_listed_with_every_name_tried(make_folder):
    folder = make_folder({"train-labels-idx1-ubyte": None, "t10k-images-idx3-ubyte": None})
    with pytest.raises(DataError) as caught:
        load_idx_dataset(folder)
    message = str(caught.value)
    assert str(folder) in message
    for part, kind in (("train-labels", "idx1"), ("t10k-images", "idx3")):
        for mark in "-.":
            for end in ("", ".gz"):
                assert f"{part}{mark}{kind}-ubyte{end}" in message
    assert "train-images" not in message


def test_folder_that_is_none(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: need a folder .*got nothing"):
        load_idx_dataset(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file: need a folder .*got a file"):
        load_idx_dataset(tmp_path / "file")


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("train-labels-idx1-ubyte", np.zeros(4, np.uint8), "need 5 labels.*train-images.*got 4"),
        ("t10k-labels-idx1-ubyte", np.zeros(3, np.uint8), "need 2 labels.*t10k-images.*got 3"),
        ("t10k-labels-idx1-ubyte", np.zeros((2, 1), np.uint8), r"integer labels \(N,\).*\(2, 1\)"),
        ("t10k-labels-idx1-ubyte", np.zeros(2, np.float32), "need integer labels.*got float32"),
        ("t10k-labels-idx1-ubyte", np.array([0, -1], np.int8), "labels >= 0; got -1 in row 1"),
        ("t10k-images-idx3-ubyte", np.zeros((2, 4, 4), np.uint8), r"\(3, 4\).*got \(4, 4\)"),
        ("t10k-images-idx3-ubyte", np.zeros((2, 3, 4), np.int16), "need uint8.*got int16"),
        ("t10k-images-idx3-ubyte", np.zeros((2, 12), np.uint8), r"\(N, rows, columns\).*\(2, 12\)"),
        ("train-images-idx3-ubyte", np.zeros((0, 3, 4), np.uint8), r"none empty; .*\(0, 3, 4\)"),
    ],
)
def test_parts_that_do_not_fit_are_named(make_folder, name, array, message):
    with pytest.raises(DataError, match=f"{name}: .*{message}"):
        load_idx_dataset(make_folder({name: array}))


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_real_data_sets(data_root, name):
    if not (data_root / name).is_dir():
        pytest.skip(f"no {name} in {data_root}")
    data = load_idx_dataset(data_root / name)
    assert data.x_train.shape == (60_000, 784)
    assert data.x_test.shape == (10_000, 784)
    assert data.image_shape == (28, 28)
    assert data.n_classes == 10
    assert np.bincount(data.y_train).min() > 5_000
