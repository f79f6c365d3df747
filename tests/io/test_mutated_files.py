"""Files that are not as they were written end in one clear error each, and run nothing."""

from __future__ import annotations

import os
import struct
import warnings

import pytest
from mutations import READERS, bases, check, watched

import cnn_core as cnn
from cnn_core.errors import DataError
from cnn_core.io import files


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return bases(tmp_path_factory.mktemp("whole"))


def check_all(whole, path, seeds):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = [check(seed, whole, path) for seed in seeds]
    assert 0.02 < said.count("") / len(said) < 0.3  # as good as the whole ones, or nearly


def test_mutated_files_end_in_an_error(whole, tmp_path):
    check_all(whole, tmp_path / "file", range(600))


@pytest.mark.slow
@pytest.mark.parametrize("tenth", range(10), ids="tenth_{}".format)
def test_a_hundred_thousand_mutated_files(tenth, whole, tmp_path):
    check_all(whole, tmp_path / "file", range(10_000 * tenth, 10_000 * (tenth + 1)))


def test_whole_files_are_read_and_nothing_else_is(whole, tmp_path):
    path = tmp_path / "file"
    for name, kind in {"load": "network", "show": "training", "resume": "training",
                       "fit": "training", "verify": "training", "cnn-core verify": "training",
                       "load_torch": "torch"}.items():  # fmt: skip
        path.write_bytes(whole[kind])
        with watched(tmp_path):
            READERS[name][0](path)


def test_code_that_a_file_would_run_is_noticed(tmp_path):
    for harm in (lambda: exec("1"), lambda: os.system("true"), lambda: open(os.devnull).close(),
                 lambda: __import__("this")):  # fmt: skip
        with pytest.raises(AssertionError, match=r"exec|os.system|open|import"), watched(tmp_path):
            harm()


LARGE = 100_000_000
HEADERS = {
    "longer than the format allows": (LARGE + 8, "{", " ", "}"),
    "one name": (LARGE, '{"', "n", '":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'),
    "lists in lists": (LARGE, f'{{"__metadata__":{{"{files.KEY}":"', "[", '"}}'),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_of_100_mb(name, tmp_path):
    size, begin, filler, end = HEADERS[name]
    path = tmp_path / "file"
    text = begin + filler * (size - len(begin) - len(end)) + end
    path.write_bytes(struct.pack("<Q", size) + text.encode())
    try:
        with pytest.raises(DataError) as caught:
            cnn.load(path)
    finally:
        path.unlink()
    assert str(caught.value).startswith(f"load: {path}: need a ")
    assert len(str(caught.value)) < 500
