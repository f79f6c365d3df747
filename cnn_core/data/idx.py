"""IDX files, the format of MNIST: read them, and say where a damaged one breaks.

    bytes 0-1   zero
    byte  2     element type: 08 uint8, 09 int8, 0B int16, 0C int32, 0D float32, 0E float64
    byte  3     number of axes n
    then        n lengths, 4 bytes each, and the elements in row-major order

All numbers are big-endian.  Source: http://yann.lecun.com/exdb/mnist (The IDX file format).
"""

from __future__ import annotations

import os
import zlib
from math import prod
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from cnn_core import options
from cnn_core.errors import DataError

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MAX_AXES = 32
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 16


class _Header(NamedTuple):
    dtype: np.dtype
    shape: tuple[int, ...]
    n_bytes: int  # of the header itself

    @property
    def data_bytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize


def load_idx(path: str | os.PathLike[str], *, mmap: bool = False) -> np.ndarray:
    """Return the array of an IDX file, plain or gzip (told by its content, not its name).

    Parameters
    ----------
    path
        The file.
    mmap
        Map a plain file into memory, read-only, instead of reading it.  Elements of more than
        one byte then keep the file's big-endian order (dtype ``>f4`` and so on).

    Returns
    -------
    C-contiguous array of uint8, int8, int16, int32, float32 or float64 in the machine's byte
    order; writable unless mapped.

    Raises
    ------
    DataError
        The file is no IDX file, is cut short, holds more than its header says, is damaged
        gzip, or is gzip and was to be mapped.  The message names the file and the byte; in a
        gzip file, whether that byte is one of the decompressed data.
    OSError
        The file cannot be opened or read.

    Example
    -------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "labels-idx1-ubyte"
    >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    >>> cnn.data.load_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    path, mmap = options.path("load_idx", path), options.flag("load_idx: mmap", mmap)
    with open(path, "rb") as file:
        packed = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        if not packed:
            return _load_plain(file, Path(path), mmap)
        if mmap:
            raise DataError(
                f"{path}: need a plain file for mmap=True; got gzip: decompress it first"
            )
        return _load_gzip(file, Path(path))


def _load_plain(file: BinaryIO, path: Path, mmap: bool) -> np.ndarray:
    header = _read_header(file, path, "byte")
    # Checked before anything is allocated: a damaged length may ask for any amount.
    have = os.fstat(file.fileno()).st_size - header.n_bytes
    _check_size(header, have, path, "byte")
    if not mmap:
        array = np.fromfile(file, header.dtype, prod(header.shape)).reshape(header.shape)
        return array.astype(header.dtype.newbyteorder("="), copy=False)
    if header.data_bytes == 0:  # the system maps no empty range
        return np.empty(header.shape, header.dtype)
    return np.memmap(path, header.dtype, "r", header.n_bytes, header.shape)


def _load_gzip(file: BinaryIO, path: Path) -> np.ndarray:
    source = _Gunzip(file, path)
    header = _read_header(source, path, "decompressed byte")
    # One byte more than needed: its absence proves the end, and reaching the end runs gzip's
    # own check of length and checksum.
    data = source.read(header.data_bytes + 1)
    _check_size(header, len(data), path, "decompressed byte")
    array = np.frombuffer(data, header.dtype).reshape(header.shape)
    return array.astype(header.dtype.newbyteorder("="), copy=False)


def _read_header(source: BinaryIO | _Gunzip, path: Path, unit: str) -> _Header:
    magic = source.read(4)
    if len(magic) < 4:
        raise DataError(f"{path}: {unit} {len(magic)}: need 4 bytes of magic number; the file ends")
    if magic[0] or magic[1]:
        at = 0 if magic[0] else 1
        raise DataError(f"{path}: {unit} {at}: need 0x00, an IDX file; got 0x{magic[at]:02X}")
    if magic[2] not in _DTYPES:
        known = ", ".join(f"0x{code:02X}" for code in _DTYPES)
        raise DataError(f"{path}: {unit} 2: need an element type of {known}; got 0x{magic[2]:02X}")
    n_dim = magic[3]
    if not 1 <= n_dim <= _MAX_AXES:
        raise DataError(f"{path}: {unit} 3: need 1 to {_MAX_AXES} axes; got {n_dim}")
    lengths = source.read(4 * n_dim)
    if len(lengths) < 4 * n_dim:
        at = 4 + len(lengths)
        raise DataError(f"{path}: {unit} {at}: need {4 * n_dim} bytes of lengths; the file ends")
    shape = tuple(int.from_bytes(lengths[i : i + 4], "big") for i in range(0, 4 * n_dim, 4))
    return _Header(np.dtype(_DTYPES[magic[2]]), shape, 4 + 4 * n_dim)


def _check_size(header: _Header, have: int, path: Path, unit: str) -> None:
    need = header.data_bytes
    what = f"{need} bytes of data for {header.dtype.name} {header.shape}"
    if have < need:
        at = header.n_bytes + have
        raise DataError(f"{path}: {unit} {at}: need {what}; the file ends after {have} of them")
    if have > need:
        raise DataError(
            f"{path}: {unit} {header.n_bytes + need}: need the end, after {what}; got more"
        )


class _Gunzip:
    """The decompressed bytes of a gzip file of one or more members.

    The standard `gzip` module does not say where in the file it met the fault.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path = file, path
        self._engine = zlib.decompressobj(31)  # 31: a gzip member with the largest window
        self._at = 0  # the next compressed byte
        self._ready = bytearray()

    def read(self, n: int) -> bytearray:
        """Return the next ``n`` bytes, or as many as are left."""
        while len(self._ready) < n and self._advance():
            pass
        out = self._ready[:n]
        del self._ready[:n]
        return out

    def _advance(self) -> bool:
        """Decompress one chunk; return False at the end of the file."""
        chunk = self._engine.unused_data or self._file.read(_CHUNK)
        if not chunk:
            if self._engine.eof:
                return False
            raise DataError(f"{self._path}: byte {self._at}: need more gzip data; the file ends")
        engine = zlib.decompressobj(31) if self._engine.eof else self._engine
        before = engine.copy()
        try:
            self._ready += engine.decompress(chunk)
        except zlib.error as error:
            at = self._at + _first_fault(before, chunk)
            message = f"{self._path}: byte {at}: need sound gzip data; got a damaged file ({error})"
            raise DataError(message) from error
        self._at += len(chunk) - len(engine.unused_data)
        self._engine = engine
        return True


def _first_fault(engine: zlib._Decompress, chunk: bytes) -> int:
    """Return the position in ``chunk`` of the byte at which decompression fails."""
    for i in range(len(chunk)):
        try:
            engine.decompress(chunk[i : i + 1])
        except zlib.error:
            return i
    return len(chunk)
