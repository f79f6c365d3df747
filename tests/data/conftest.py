"""An IDX writer for tests, and the folder of real data sets."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def encode_idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, CODES[array.dtype.str[1:]], array.ndim])
    lengths = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + lengths + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture(scope="session")
def to_idx() -> Callable[[np.ndarray], bytes]:
    return encode_idx


@pytest.fixture(scope="session")
def data_root() -> Path:
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    root = Path(os.environ.get("CNN_CORE_DATA", beside))
    if not root.is_dir():
        pytest.skip(f"no data sets: {root} is no folder (CNN_CORE_DATA names another)")
    return root
