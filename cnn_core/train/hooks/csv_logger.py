"""CSVLogger: the figures of each epoch as a line of a file."""

from __future__ import annotations

import csv
import os
import warnings
from contextlib import suppress
from io import StringIO
from typing import TYPE_CHECKING, Any, TextIO

from cnn_core import options
from cnn_core.errors import DataError
from cnn_core.naming import Described
from cnn_core.train.callbacks import Callback
from cnn_core.train.history import History

if TYPE_CHECKING:
    from cnn_core.train.trainer import Trainer


class CSVLogger(Described, Callback):
    """Write the figures of each epoch to ``path``, a line each: epoch, history, seconds.

    The first line names the columns.  Numbers have all their digits; NaN and infinity are
    ``nan`` and ``inf``; a column that a former fit did not have is empty there.  A line is with the
    system as soon as its epoch has ended.

    Epochs go on from fit to fit, and so does the file.  A training that is resumed, or begins
    anew, replaces the lines of the epochs that it makes again: no line comes twice, none is lost.
    Any other file is refused with `DataError`.  Where writing fails the training goes on with a
    warning, and the lines are written with the next one.

    >>> net = cnn.Sequential([cnn.Dense(1)], inputs=2, seed=0)
    >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.Adam(lr=0.05))
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> y = x.sum(axis=1, keepdims=True)
    >>> history = trainer.fit(x, y, epochs=2, callbacks=[cnn.CSVLogger("log.csv")], progress=False)
    >>> with open("log.csv") as file:
    ...     print(file.read(), end="")
    epoch,loss,seconds
    1,2.677007...,...
    2,1.743554...,...
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = options.path("CSVLogger", path)
        self._file: TextIO | None = None
        self._columns: list[str] = []

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}

    def on_train_begin(self, trainer: Trainer) -> None:
        self._close()
        self._columns = []
        with open(self.path, "a", newline="", encoding="utf-8"):  # it can be written
            pass
        self._read()

    def on_epoch_kept(self, trainer: Trainer, epoch: int) -> None:
        try:
            self._write(trainer.history)
        except OSError as error:
            self._close()
            warnings.warn(
                f"CSVLogger: {os.fspath(self.path)} could not be written ({error}); the training "
                f"goes on",
                stacklevel=2,
            )

    def on_train_end(self, trainer: Trainer) -> None:
        self._close()

    def _write(self, history: History) -> None:
        if self._file is None or any(name not in self._columns for name in history):
            self._write_all(history)
            return
        row = _row(history, history.epochs - 1)
        self._file.write(",".join([str(row.get(name, "")) for name in self._columns]) + "\n")
        self._file.flush()

    def _write_all(self, history: History) -> None:
        """Replace the file: the lines of former fits, and all of this one."""
        self._close()
        former = [row for row in self._read() if int(row["epoch"]) <= history.first]
        there = former[0] if former else ()
        columns = [name for name in dict.fromkeys(["epoch", *there, *history]) if name != "seconds"]
        columns.append("seconds")
        beside = f"{os.fspath(self.path)}.{os.getpid()}.part"
        try:
            with open(beside, "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, columns, lineterminator="\n")
                writer.writeheader()
                writer.writerows(former)
                writer.writerows(_row(history, i) for i in range(history.epochs))
            os.replace(beside, self.path)
        except BaseException:
            with suppress(OSError):
                os.unlink(beside)
            raise
        self._columns = columns
        self._file = open(self.path, "a", newline="", encoding="utf-8")  # noqa: SIM115

    def _read(self) -> list[dict[str, str]]:
        """Return the whole lines that are there; one that was being written is not."""
        try:
            with open(self.path, newline="", encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            return []
        except UnicodeDecodeError:
            text = "?"
        head, *lines = list(csv.reader(StringIO(text[: text.rfind("\n") + 1], newline=""))) or [[]]
        if text.strip() and (head[:1] != ["epoch"] or head[-1] != "seconds"):
            raise DataError(
                f"CSVLogger: {os.fspath(self.path)}: need a file that CSVLogger has written, or "
                f"none; got one whose first line is not epoch,...,seconds"
            )
        return [dict(zip(head, row, strict=True)) for row in lines
                if len(row) == len(head) and row[0].isdecimal()]  # fmt: skip

    def _close(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        self._file = None


def _row(history: History, i: int) -> dict[str, Any]:
    figures = {name: series[i] for name, series in history.items()}
    return {"epoch": history.first + i + 1, **figures, "seconds": history.seconds[i]}
