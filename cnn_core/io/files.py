"""Files of arrays and JSON: safetensors, replaced as a whole or not at all."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core.errors import DataError
from cnn_core.options import shown

FORMAT = 1
"""The newest format that this version reads, and the one that it writes."""

KEY = "cnn_core"
"""What the JSON is called among the file's metadata."""


LONGEST = 3000
"""Characters of a message about what is in a file."""

PART = ".part"
"""How the names of files end that are being written."""


class Saved:
    """What was read: arrays by name, and ``content``, of JSON."""

    def __init__(self, path: str, arrays: dict[str, np.ndarray], content: dict[str, Any]) -> None:
        self.path, self.arrays, self.content = path, arrays, content


def write(path: Any, arrays: Mapping[str, np.ndarray], content: Mapping[str, Any]) -> None:
    """Write arrays and JSON; a crash at any instant leaves the old file whole, or the new one.

    Raises `OSError` where that fails: the old file is as it was.
    """
    text = json.dumps({**content, "format": FORMAT}, allow_nan=False, separators=(",", ":"))
    replace(path, arrays, {KEY: text}, "save")


def replace(path: Any, arrays: Mapping[str, np.ndarray], texts: dict[str, str], who: str) -> None:
    """Write arrays and texts as safetensors, for `write`."""
    from safetensors.numpy import save  # imported with the first file

    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    data = save(whole, texts)
    with replacing(path, who) as stream:
        stream.write(data)


@contextmanager
def replacing(path: Any, who: str) -> Iterator[Any]:
    """Open a file that takes the place of ``path`` in the end, as a whole or not at all.

    The new file is written beside the old one, flushed to the disk and renamed, and the folder
    flushed.  Raises `OSError`, which names ``path``, where that cannot be.
    """
    target = os.path.abspath(options.path(who, path))
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target)
    if os.path.exists(target) and not os.path.isfile(target):  # it would be replaced, too
        raise options.refuse(who, "the name of a file", f"{target}, a device")
    folder, name = os.path.split(target)
    beside = os.path.join(folder, f".{name}.{os.getpid()}.{os.urandom(4).hex()}{PART}")
    # As open() would make it, so that others may read what the user's umask lets them read.
    how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        file = os.open(beside, how, 0o666)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, target) from None
    try:
        with os.fdopen(file, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(beside, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
    _flush_folder(folder)


def clear(path: Any) -> None:
    """Remove what killed processes have left beside ``path`` of files that they were writing."""
    folder, name = os.path.split(os.path.abspath(path))
    with suppress(OSError):
        for entry in os.scandir(folder):
            if entry.name.startswith(f".{name}.") and entry.name.endswith(PART):
                os.unlink(entry.path)


def _flush_folder(folder: str) -> None:
    if not hasattr(os, "O_DIRECTORY"):  # Windows has no such call
        return
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def read(path: Any, who: str) -> Saved:
    """Return what `write` has written; raise `DataError` where a file is damaged or another's."""
    target = _opened(path, who)
    with damage(who, target):
        arrays, text = _tensors(target)
        content = None if text is None else json.loads(text)
    if not isinstance(content, dict) or not options.is_whole(content.get("format")):
        raise DataError(
            f"{who}: {target}: need a file that cnn_core has saved; got safetensors of another kind"
        )
    if content["format"] > FORMAT:
        raise DataError(
            f"{who}: {target}: need format {FORMAT} or older; got {content['format']}, which a "
            f"newer version, {shown(content.get('version'))}, has written"
        )
    return Saved(target, arrays, content)


def tensors(path: Any, who: str) -> dict[str, np.ndarray]:
    """Return the arrays of a file of any origin; raise `DataError` where it is damaged."""
    target = _opened(path, who)
    with damage(who, target, "a whole file of safetensors, of numbers that NumPy has"):
        return _tensors(target)[0]


def _opened(path: Any, who: str) -> str:
    """Return the path; whatever is wrong with it raises as it does in open()."""
    target = os.fspath(options.path(who, path))
    with open(target, "rb"):
        return target


def _tensors(path: str) -> tuple[dict[str, np.ndarray], str | None]:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return found, (file.metadata() or {}).get(KEY)


@contextmanager
def damage(
    who: str, path: str, need: str = "a whole file that cnn_core has saved"
) -> Iterator[None]:
    """Raise what reading a file's content raises as a `DataError` that names the file.

    Whatever a file holds, it is data: of the wrong kind, in the wrong place, or nested deeper
    than Python's stack.
    """
    try:
        yield
    except (OSError, MemoryError):
        raise
    except DataError as error:
        raise DataError(f"{who}: {path}: {cut(str(error))}") from error
    except Exception as error:
        raise DataError(f"{who}: {path}: need {need}; got {_one_line(error)}") from error


def cut(text: str) -> str:
    """Return a message that is no longer than some may read: names in a file may be."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
