"""What the commands for tables share: how files are read, and how figures are printed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

LETTERS = {"\\t": "\t", "tab": "\t", "space": " "}
"""How to write a delimiter that a shell takes as none."""


def add_data(command: ArgumentParser, what: str) -> None:
    """Declare a file of rows, and how it is read."""
    from argparse import BooleanOptionalAction

    command.add_argument("data", metavar="DATA.csv", help=f"{what}; -: the standard input")
    group = command.add_argument_group("how the file is read; by default told from its beginning")
    group.add_argument("--delimiter", metavar="LETTER", help="between fields, such as ; or tab")
    group.add_argument("--header", action=BooleanOptionalAction, default=None,
                       help="whether its first row holds names; without, x0, x1, ...")  # fmt: skip
    group.add_argument("--encoding", metavar="NAME", help="such as latin-1")


def reading(given: Namespace) -> dict[str, Any]:
    """Return what `read_table` takes of that."""
    delimiter = given.delimiter
    return {"delimiter": LETTERS.get(delimiter, delimiter), "header": given.header,
            "encoding": given.encoding}  # fmt: skip


@contextmanager
def source(path: str) -> Iterator[str]:
    """Give the name of a file to read; of ``-`` a copy of the standard input, which then goes."""
    from cnn_core.errors import CnnCoreError

    if path != "-":
        yield path
        return
    from shutil import copyfileobj
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        copy = os.path.join(folder, "stdin")
        with open(copy, "wb") as file:
            copyfileobj(sys.stdin.buffer, file)
        try:
            yield copy
        except CnnCoreError as error:
            raise type(error)(str(error).replace(copy, "stdin")) from error


def check_writable(path: str | None, *others: str) -> None:
    """Raise, before any work is done, if ``path`` cannot be written or is one of the others."""
    from cnn_core.errors import OptionError

    if path is None or path == "-":
        return
    for other in others:
        if os.path.exists(path) and os.path.exists(other) and os.path.samefile(path, other):
            raise OptionError(f"need another file to write than to read; got {path} for both")
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path) or not os.access(folder, os.W_OK):
        raise OptionError(f"need the name of a file, in a folder that can be written; got {path}")


def learner(path: str) -> Any:
    """Return the learner of a file; raise `DataError` where it holds another kind."""
    import cnn_core
    from cnn_core.errors import DataError
    from cnn_core.tabular.learner import TabularLearner

    found: Any = cnn_core.load(path)
    if not isinstance(found, TabularLearner):
        raise DataError(f"{path}: need a model of a table, as cnn-core train writes it; got "
                        f"{type(found).__name__}")  # fmt: skip
    return found


def rows_of(path: str, model: Any, given: Namespace) -> tuple[Any, str]:
    """Return the table of a file, and the name of the target in it."""
    from cnn_core.errors import OptionError
    from cnn_core.tabular import read_table

    target = model.target_name_ if given.target is None else given.target
    if target is None:
        raise OptionError(f"evaluate: need --target, as {given.model} was trained with targets "
                          f"that were no column")  # fmt: skip
    names = list({*model.feature_names_in_, target})
    return read_table(path, **reading(given), names=names, who="evaluate"), str(target)


@contextmanager
def located(path: str, given: Namespace, y_val: str | None = None) -> Iterator[None]:
    """Add the file to an error about its data, and the line where it says in which row it is.

    ``y_val`` is the file of the targets that messages call so.
    """
    import re

    from cnn_core.errors import DataError, LabelError

    try:
        yield
    except (DataError, LabelError) as error:
        if path in str(error):
            raise
        if y_val is not None and ("y_val" in str(error) or "X_val" in str(error)):
            path = y_val
        found = re.search(r"in row (\d+)", str(error))
        line = f", line {_line_of(int(found[1]), path, reading(given))}" if found else ""
        raise type(error)(f"{path}{line}: {error}") from error


def _line_of(row: int, path: str, how: Mapping[str, Any]) -> int:
    """Return the line in which a row begins, both counted as users do: rows from 0, below the
    header, lines from 1."""
    import csv

    from cnn_core.tabular import CsvFile
    from cnn_core.tabular.csv_look import opened

    file = CsvFile(path, **how)
    row += file.header
    with opened(path, file.encoding) as lines:
        reader = csv.reader(lines, delimiter=file.delimiter, skipinitialspace=True)
        line = 1
        for fields in reader:
            if fields:  # empty lines are no rows
                if not row:
                    break
                row -= 1
            line = reader.line_num + 1
        return line


def print_pairs(pairs: Mapping[str, Any]) -> None:
    """Print names and what there is to say of each."""
    width = max(map(len, pairs))
    for name, value in pairs.items():
        print(f"{name:<{width}}  {value}")
