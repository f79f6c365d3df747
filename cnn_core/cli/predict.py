"""``cnn-core predict``: the rows of a CSV file through a model, whatever their number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from cnn_core.cli import tables

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    import numpy as np

HELP = "predict the rows of a CSV file"

Columns = Callable[[Any], list[list[str]]]
"""What encoded rows become: texts by column."""


def declare(command: ArgumentParser) -> None:
    """Declare what the command takes."""
    add = command.add_argument
    add("model", metavar="MODEL", help="as train, or save, has written it")
    tables.add_data(command, "the rows")
    add("--out", metavar="FILE", default="-", help="where predictions go, one line a row under a "
        "line of names; by default, or as -, the standard output")
    add("--probabilities", action="store_true", help="of each class, too")
    add("--interval", type=float, metavar="SHARE", help="the ends, low and high, of what holds so "
        "many of the true values, such as 0.9")
    add("--quantiles", action="store_true", help="those that the model was trained for")


def run(given: Namespace) -> int:
    """Predict, some rows at a time; what is written is whole or not there."""
    tables.check_writable(given.out, given.data, given.model)
    model = tables.learner(given.model)
    from cnn_core.tabular.csv_files import CHUNK

    names, columns = _columns(model, given)
    with tables.source(given.data) as path, _output(given.out, given.stdout) as stream:
        stream.write(_lines([[_field(name)] for name in names]))
        for encoded in model._stream(path, CHUNK, tables.reading(given), "predict"):
            stream.write(_lines(columns(encoded)))
    return 0


def _columns(model: Any, given: Namespace) -> tuple[list[str], Columns]:
    """Return the names of the columns to write, and what makes them of encoded rows."""
    from cnn_core.errors import OptionError

    of_classes = hasattr(model, "classes_")
    wrong = [option for option, asked, fits in (
        ("--probabilities", given.probabilities, of_classes),
        ("--interval", given.interval is not None, not of_classes),
        ("--quantiles", given.quantiles, model._task.quantiles),
    ) if asked and not fits]  # fmt: skip
    if wrong:
        need = {"--probabilities": "a model of classes", "--interval": "a model of numbers",
                "--quantiles": "a model trained with --quantiles"}[wrong[0]]  # fmt: skip
        raise OptionError(f"{wrong[0]}: need {need}; got {type(model).__name__}")
    return _of_classes(model, given) if of_classes else _of_numbers(model, given)


def _of_classes(model: Any, given: Namespace) -> tuple[list[str], Columns]:
    classes = list(map(str, model.classes_.tolist()))
    labels = list(map(_field, classes))

    def columns(encoded: Any) -> list[list[str]]:
        p = model.predict_proba(encoded)
        made = [[labels[i] for i in p.argmax(axis=1).tolist()]]
        return made + (_texts(p) if given.probabilities else [])

    own = [f"probability_{each}" for each in classes] if given.probabilities else []
    return ["prediction", *own], columns


def _of_numbers(model: Any, given: Namespace) -> tuple[list[str], Columns]:
    names, parts = ["prediction"], [model.predict]
    if given.interval is not None:
        names += ["low", "high"]
        parts.append(lambda rows: model.predict_interval(rows, given.interval))
    if given.quantiles:
        names += [f"quantile_{q:g}" for q in model._task.quantiles]
        parts.append(model.predict_quantiles)

    def columns(encoded: Any) -> list[list[str]]:
        return [text for part in parts for text in _texts(part(encoded))]

    return names, columns


def _texts(numbers: np.ndarray) -> list[list[str]]:
    """Return numbers (N,) or (N, columns) as texts by column, which give the same bits back."""
    return [list(map(repr, column)) for column in numbers.reshape(len(numbers), -1).T.tolist()]


def _field(text: str) -> str:
    """Return a text as a field of a CSV file.

    >>> _field('say "no", or'), _field("yes")
    ('"say ""no"", or"', 'yes')
    """
    plain = text == text.strip() and text and not set(text) & set(',"\r\n')
    return text if plain else '"' + text.replace('"', '""') + '"'


def _lines(columns: Sequence[Sequence[str]]) -> bytes:
    return ("\n".join(map(",".join, zip(*columns, strict=True))) + "\n").encode()


@contextmanager
def _output(path: str, stdout: Any) -> Iterator[BinaryIO]:
    """Give what is written to; the file, or the standard output, gets all of it in the end."""
    if path != "-":
        from cnn_core.io.files import replacing

        with replacing(path, "predict") as stream:
            yield stream
        return
    from shutil import copyfileobj
    from tempfile import SpooledTemporaryFile

    with SpooledTemporaryFile(1 << 24) as kept:
        yield kept  # type: ignore[misc]
        kept.seek(0)
        if stdout.isatty():
            from cnn_core.cli import harmless

            for line in kept:
                stdout.write(harmless(line.decode()))
        else:
            stdout.flush()
            copyfileobj(kept, stdout.buffer)
            stdout.buffer.flush()
