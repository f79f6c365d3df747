"""Files: whole or not at all, whatever happens; mutated ones end in one clear error each."""

from __future__ import annotations

import json
import os
import struct
from contextlib import suppress

import numpy as np
import pytest
from test_networks import deep, two_heads

import cnn_core as cnn
from cnn_core.errors import CnnCoreError, DataError
from cnn_core.io import files


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    found = []
    for i, net in enumerate((deep(), two_heads())):
        net.save(folder / str(i))
        found.append((folder / str(i)).read_bytes())
    return found


def test_the_old_file_stays_where_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "net"
    deep().save(path)
    before = path.read_bytes()
    for call in ("fsync", "replace", "open"):

        def fail(*args, **kwargs):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            with pytest.raises(OSError, match="No space left"):
                two_heads().save(path)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_has_the_rights_of_any_other(tmp_path):
    (tmp_path / "plain").touch()
    deep().save(tmp_path / "net")
    assert (tmp_path / "net").stat().st_mode == (tmp_path / "plain").stat().st_mode


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with bits flipped, bytes replaced, cut out or doubled, or its JSON changed."""
    kind, data = rng.integers(6), bytearray(data)
    end = 8 + struct.unpack("<Q", data[:8])[0]
    at = int(rng.integers(end if rng.random() < 0.8 else len(data)))
    if kind == 0:
        data[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        n = int(rng.integers(1, 9))
        data[at : at + n] = rng.bytes(n)
    elif kind == 2:
        del data[at:]
    elif kind == 3:
        n = int(rng.integers(1, 200))
        data[at:at] = data[at : at + n]
    elif kind == 4:
        data[:8] = struct.pack("<Q", int(rng.choice([0, 7, end, 10**8, 2**40, 2**63])))
    else:
        return _other_json(bytes(data), end, rng)
    return bytes(data)


def _other_json(data: bytes, end: int, rng: np.random.Generator) -> bytes:
    """Return a file that is whole, whose description is changed in one place."""
    header = json.loads(data[8:end])
    content = json.loads(header["__metadata__"][files.KEY])
    places: list = []

    def walk(value):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            places.append((value, key))
            if isinstance(inner, (dict, list)):
                walk(inner)

    walk(content)
    inside, key = places[int(rng.integers(len(places)))]
    junk = [None, -1, 0, 1, 2**31, 2**70, 1e300, "", "relu", "../../x", "__class__", [], {}, True,
            [[1]], {"node": 0}, {"node": -1}, {"object": "Trainer", "options": {}},
            {"function": "ops.__class__"}, {"slice": [0, 0, 0]}, "x" * 10**5]  # fmt: skip
    if rng.random() < 0.2 and isinstance(inside, dict):
        del inside[key]
    else:
        inside[key] = junk[int(rng.integers(len(junk)))]
    header["__metadata__"][files.KEY] = json.dumps(content)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data[end:]


def check_mutated(saved, path, seeds):
    for seed in seeds:
        rng = np.random.default_rng(seed)
        path.write_bytes(mutated(saved[seed % len(saved)], rng))
        try:
            net = cnn.load(path)
        except DataError as error:
            text = str(error)
        else:  # it may be as good as the other: it predicts something, or says what is wrong
            text = f"load: {path}: "
            rows = {name: np.zeros((2, *x.shape[1:]), x.dtype.replace("real", "f4"))
                    for name, x in net.inputs.items()
                    if np.prod(x.shape[1:], dtype=float) < 1e6}  # fmt: skip
            with suppress(CnnCoreError):
                net.predict(rows)
        assert text.startswith(f"load: {path}: "), f"seed {seed}: {text}"
        assert "\n" not in text, f"seed {seed}: {text}"


def test_mutated_files_end_in_an_error(saved, tmp_path):
    check_mutated(saved, tmp_path / "file", range(1500))


@pytest.mark.slow
def test_very_many_mutated_files(saved, tmp_path):
    check_mutated(saved, tmp_path / "file", range(10_000, 110_000))
