"""load_idx: every type and shape comes back; every damage is named with file and byte."""

from __future__ import annotations

import gzip
import re
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cnn_core.data import load_idx
from cnn_core.errors import DataError

DTYPES = [np.uint8, np.int8, np.int16, np.int32, np.float32, np.float64]
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(
        dtype, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)
    )
)
SMALL = np.arange(6, dtype=np.int16).reshape(2, 3)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    native = a.dtype.newbyteorder("=")
    return (
        a.dtype.isnative and native == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(array=ARRAYS, packed=st.booleans())
def test_round_trip(tmp_path, to_idx, array, packed):
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(to_idx(array)) if packed else to_idx(array))
    loaded = load_idx(path)
    assert same_bits(loaded, array)
    assert loaded.flags.c_contiguous
    assert loaded.flags.writeable


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(array=ARRAYS)
def test_mapped_file_holds_the_same_values(tmp_path, to_idx, array):
    path = tmp_path / "file"
    path.write_bytes(to_idx(array))
    mapped = load_idx(path, mmap=True)
    assert same_bits(mapped.astype(array.dtype), array)
    if array.size:
        assert isinstance(mapped, np.memmap)
        assert not mapped.flags.writeable


def test_content_not_name_tells_gzip(tmp_path, to_idx):
    packed, plain = tmp_path / "packed-ubyte", tmp_path / "plain.gz"
    packed.write_bytes(gzip.compress(to_idx(SMALL)))
    plain.write_bytes(to_idx(SMALL))
    assert same_bits(load_idx(packed), SMALL)
    assert same_bits(load_idx(str(plain)), SMALL)


def test_gzip_of_several_members_and_chunks(tmp_path, to_idx):
    noise = np.random.default_rng(0).integers(0, 256, (300, 1000), dtype=np.uint8)
    data, path = to_idx(noise), tmp_path / "file"
    path.write_bytes(
        b"".join(gzip.compress(data[i : i + 99_999]) for i in range(0, len(data), 99_999))
    )
    assert same_bits(load_idx(path), noise)


def test_truncation_at_every_byte_is_named(tmp_path, to_idx):
    data, path = to_idx(SMALL), tmp_path / "cut"
    for n in range(len(data)):
        path.write_bytes(data[:n])
        with pytest.raises(DataError, match=rf"{re.escape(str(path))}: byte {n}: .*the file ends"):
            load_idx(path)


def test_gzip_truncation_at_every_byte_is_named(tmp_path, to_idx):
    data, path = gzip.compress(to_idx(SMALL)), tmp_path / "cut.gz"
    for n in range(len(data)):
        path.write_bytes(data[:n])
        with pytest.raises(DataError, match=rf"{re.escape(str(path))}: byte {n}: .*the file ends"):
            load_idx(path)


def test_gzip_of_a_truncated_file_names_the_decompressed_byte(tmp_path, to_idx):
    data, path = to_idx(SMALL), tmp_path / "cut.gz"
    for n in range(len(data)):
        path.write_bytes(gzip.compress(data[:n]))
        with pytest.raises(DataError, match=rf": decompressed byte {n}: .*the file ends"):
            load_idx(path)


def test_damage_to_any_byte_of_a_gzip_file_is_an_error_or_harmless(tmp_path, to_idx):
    data, path = gzip.compress(to_idx(SMALL), mtime=0), tmp_path / "bad.gz"
    messages = []
    for i in range(len(data)):
        path.write_bytes(data[:i] + bytes([data[i] ^ 0x55]) + data[i + 1 :])
        try:
            assert same_bits(load_idx(path), SMALL)  # such as after a change of the time stamp
        except DataError as error:
            messages.append(str(error))
    assert len(messages) > len(data) // 2
    assert all(message.startswith(f"{path}: ") for message in messages)


def test_damaged_gzip_names_the_byte_beyond_the_first_chunk(tmp_path, to_idx):
    noise = np.random.default_rng(1).integers(0, 256, 200_000, dtype=np.uint8)
    data, path = bytearray(gzip.compress(to_idx(noise))), tmp_path / "bad.gz"
    data[-8] ^= 1  # the checksum, found wrong when its last byte is read
    path.write_bytes(data)
    with pytest.raises(DataError, match=rf"byte {len(data) - 5}: .*damaged") as caught:
        load_idx(path)
    assert isinstance(caught.value.__cause__, zlib.error)


@pytest.mark.parametrize("packed", [False, True])
def test_trailing_bytes_are_refused(tmp_path, to_idx, packed):
    data, path = to_idx(SMALL) + b"\0", tmp_path / "long"
    path.write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(DataError, match=rf"byte {len(data) - 1}: need the end.*got more"):
        load_idx(path)


def test_trailing_bytes_after_gzip_are_refused(tmp_path, to_idx):
    data, path = gzip.compress(to_idx(SMALL)), tmp_path / "long"
    path.write_bytes(data + b"junk")
    with pytest.raises(DataError, match=rf"byte {len(data) + 1}: .*damaged"):  # "ju": no header
        load_idx(path)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"PK\x08\x01", r"byte 0: need 0x00, an IDX file; got 0x50"),
        (b"\0\1\x08\x01", r"byte 1: need 0x00, an IDX file; got 0x01"),
        (b"\0\0\x07\x01", r"byte 2: need an element type of 0x08, .*; got 0x07"),
        (b"\0\0\x08\x00", r"byte 3: need 1 to 32 axes; got 0"),
        (b"\0\0\x08\x21", r"byte 3: need 1 to 32 axes; got 33"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_wrong_magic_is_named(tmp_path, head, message, packed):
    data, path = head + bytes(200), tmp_path / "file"
    path.write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(DataError, match=message):
        load_idx(path)


@pytest.mark.parametrize(("packed", "mmap"), [(False, False), (False, True), (True, False)])
def test_huge_lengths_allocate_nothing(tmp_path, packed, mmap):
    data, path = b"\0\0\x0e\x03" + b"\xff" * 12 + b"data", tmp_path / "file"
    path.write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(
        DataError, match=r"byte 20: need 633825299671392843082401579000 bytes of data"
    ):
        load_idx(path, mmap=mmap)


def test_mapping_gzip_is_refused(tmp_path, to_idx):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(to_idx(SMALL)))
    with pytest.raises(DataError, match="need a plain file for mmap=True; got gzip"):
        load_idx(path, mmap=True)


def test_missing_file_is_the_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_idx(tmp_path / "nowhere")
