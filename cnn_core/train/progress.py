"""The progress of training: one tqdm bar per epoch, or nothing at all.

tqdm is imported when the first bar is shown, not before: it costs more than this package.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

import numpy as np

from cnn_core import options
from cnn_core.train.history import format_value


class Progress:
    """The silent form; `make_progress` returns it or one that draws.

    For every epoch: `start_epoch`, any number of `update`, `end_epoch`.  After the last one,
    and when training is broken off, `close`.
    """

    def start_epoch(self, epoch: int) -> None:
        """Begin epoch number ``epoch``, counted from 1."""

    def update(self, rows_done: int, values: Mapping[str, float]) -> None:
        """Show that ``rows_done`` rows of this epoch are done, and its figures so far."""

    def end_epoch(self, values: Mapping[str, float]) -> None:
        """Leave the line of this epoch with its final figures, validation included."""

    def close(self) -> None:
        """Finish the line of an unfinished epoch.  May be called any number of times."""


def make_progress(
    progress: bool | str, epochs: int, n_rows: int, file: TextIO | None = None
) -> Progress:
    """Return what reports on ``epochs`` epochs of ``n_rows`` rows.

    Parameters
    ----------
    progress
        True: bars if ``file`` is a terminal, else silent.  ``"always"``: bars in any case, such
        as for a notebook or a log.  False: silent.
    epochs, n_rows
        The number of the last epoch, and the rows of each.
    file
        Where to draw; default: the standard error stream.

    Raises
    ------
    OptionError
        ``progress`` is none of these.
    """
    if not isinstance(progress, (bool, np.bool_, str)) or progress not in (True, False, "always"):
        raise options.refuse("progress", "True, False or 'always'", progress)
    file = sys.stderr if file is None else file
    if file is None:  # a program without a console has no standard streams
        return Progress()
    if progress == "always" or (progress and file.isatty()):
        return _Bars(epochs, n_rows, file)
    return Progress()


class _Bars(Progress):
    # With loss and accuracy a running line fits 80 columns.  A finished one has no bar: tqdm
    # cuts lines with a bar at the edge of the terminal, which would hide the last figures.
    _RUNNING = "{desc} {percentage:3.0f}%|{bar}| {remaining}{postfix}"
    _FINISHED = "{desc} {elapsed}{postfix}"

    def __init__(self, epochs: int, n_rows: int, file: TextIO) -> None:
        self._epochs, self._n_rows, self._file = epochs, n_rows, file
        self._bar: Any = None
        self._begin = 0.0
        self._rate = ""

    def start_epoch(self, epoch: int) -> None:
        self.close()
        digits = len(str(self._epochs))
        self._bar = _bar_class()(
            total=self._n_rows,
            desc=f"epoch {epoch:>{digits}}/{self._epochs}",
            file=self._file,
            bar_format=self._RUNNING,
            dynamic_ncols=True,
            leave=True,
        )
        self._begin, self._rate = time.perf_counter(), ""

    def update(self, rows_done: int, values: Mapping[str, float]) -> None:
        # Measured here, not by tqdm, which would count the time of validation.
        seconds = time.perf_counter() - self._begin
        self._rate = format_rate(rows_done / seconds) if seconds > 0 and rows_done else ""
        self._bar.set_postfix_str(self._text(values), refresh=False)
        self._bar.update(rows_done - self._bar.n)

    def end_epoch(self, values: Mapping[str, float]) -> None:
        self._bar.bar_format = self._FINISHED
        self._bar.set_postfix_str(self._text(values), refresh=False)
        self.close()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()  # draws the line a last time
            self._bar = None

    def _text(self, values: Mapping[str, float]) -> str:
        figures = [f"{name}={format_value(value)}" for name, value in values.items()]
        return ", ".join([self._rate, *figures] if self._rate else figures)


def format_rate(rate: float) -> str:
    """Return rows per second with three digits: 950 rows/s, 12.3k rows/s, 1.20M rows/s."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3), ("", 1.0)):
        if rate >= 0.9995 * size or not unit:
            break
    scaled = rate / size
    digits = 0 if scaled >= 99.95 or not unit else 1 if scaled >= 9.995 else 2
    return f"{scaled:.{digits}f}{unit} rows/s"


def _bar_class() -> type:
    from tqdm import tqdm

    class Bar(tqdm):
        # tqdm would start a thread that watches for stalled bars; a fork of this process would
        # copy its lock in whatever state it is.
        monitor_interval = 0

    return Bar
