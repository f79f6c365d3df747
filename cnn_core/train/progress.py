"""The progress of training: one bar for the epochs of a fit, lines in a log, or nothing at all.

tqdm is imported when a bar is first drawn, not before: it costs more than this package.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, TextIO

import numpy as np

from cnn_core import options
from cnn_core.train.history import format_value

BAR_SECONDS = 0.1
"""Between two drawings of a bar.  An epoch may take microseconds: mostly only the clock is read."""

LOG_SECONDS, LOG_WAIT = 1.0, 30.0
"""At the least between two lines of a log, which are written when an epoch ends; and how long an
epoch may take until it gets a line before its end."""

Figures = Callable[[], Mapping[str, float]]


class Progress:
    """The silent form; `make_progress` returns it or one that shows something.

    For every epoch: `start_epoch`, any number of `update`, `end_epoch`.  After the last one,
    and when training is broken off, `close`.
    """

    leave = True
    """Whether a line stays when all is over."""

    def start_epoch(self, epoch: int, rows_done: int = 0) -> None:
        """Begin epoch number ``epoch``, counted from 1, of which some rows are done already."""

    def update(self, rows_done: int, figures: Figures) -> None:
        """Tell that ``rows_done`` rows of this epoch are done; ``figures()`` are those so far."""

    def end_epoch(self, values: Mapping[str, float]) -> None:
        """End the epoch with its figures, validation included."""

    def expect(self, epochs: int) -> None:
        """Take another number for that of the last epoch."""

    def close(self) -> None:
        """Leave a line with the last figures.  May be called any number of times."""


def make_progress(
    progress: bool | str, epochs: int, n_rows: int, file: TextIO | None = None, *,
    silent: bool = False, every_epoch: bool = False, leave: bool = True,
) -> Progress:  # fmt: skip
    """Return what reports on ``epochs`` epochs of ``n_rows`` rows.

    Parameters
    ----------
    progress
        True: a bar if ``file`` is a terminal or a notebook's, else silent.  ``"always"``: where
        there is neither, such as in a log, a line of text now and then.  False: silent.
    epochs, n_rows
        The number of the last epoch, and the rows of each.
    file
        Where to draw; default: the standard error stream, in a notebook its output.
    silent
        Show nothing all the same, since something else does.
    every_epoch, leave
        Leave a line after each epoch; leave one at the end.

    Raises
    ------
    OptionError
        ``progress`` is none of these.
    """
    if not isinstance(progress, (bool, np.bool_, str)) or progress not in (True, False, "always"):
        raise options.refuse("progress", "True, False or 'always'", progress)
    if silent:
        return Progress()
    notebook = file is None and bool(progress) and _in_notebook()
    if file is None:  # a notebook colours what goes to the standard error stream as an error
        file = sys.stdout if notebook else sys.stderr
    if not progress or file is None:  # a program without a console has no standard streams
        return Progress()
    shown: _Shown
    if notebook or file.isatty():
        shown = _Bar(epochs, n_rows, file, notebook)
    elif progress == "always":
        shown = _Lines(epochs, n_rows, file)
    else:
        return Progress()
    shown.every_epoch, shown.leave = every_epoch, leave
    return shown


class _Shown(Progress):
    """What is known at each moment; the classes below draw it, at most every so many seconds."""

    within, between = BAR_SECONDS, BAR_SECONDS
    """Seconds from one drawing to the next, within an epoch and at its end."""

    every_epoch = False

    def __init__(self, epochs: int, n_rows: int, file: TextIO) -> None:
        self._epochs, self._n_rows, self._file = epochs, n_rows, file
        self._epoch = self._rows = self._rows_before = 0
        self._begin = self._epoch_begin = self._last = time.perf_counter()
        self._due, self._due_at_end = self._begin + self.within, self._begin + self.between
        self._values: Mapping[str, float] = {}
        self._figures: Figures | None = None  # of an epoch that runs
        self._closed = False
        self._left = 0  # the last epoch of which a line was left

    def expect(self, epochs: int) -> None:
        self._epochs = epochs

    def start_epoch(self, epoch: int, rows_done: int = 0) -> None:
        self._epoch, self._rows, self._rows_before = epoch, rows_done, rows_done
        self._epoch_begin = self._last = time.perf_counter()

    def update(self, rows_done: int, figures: Figures) -> None:
        self._rows, self._figures = rows_done, figures
        self._last = now = time.perf_counter()
        if now >= self._due:
            self._draw_at(now)

    def end_epoch(self, values: Mapping[str, float]) -> None:
        self._values, self._figures = values, None
        now = time.perf_counter()
        if self.every_epoch and (self.leave or self._epoch < self._epochs):
            self._leave_line()
        elif now >= self._due_at_end:
            self._draw_at(now)

    def close(self) -> None:
        if self._epoch and not self._closed:
            self._finish()
            if self.leave and (self._left < self._epoch or self._figures is not None):
                self._leave_line()
        self._closed = True

    def _leave_line(self) -> None:
        self._finish()
        self._file.write(self._line() + "\n")
        self._file.flush()
        self._left = self._epoch

    def _draw_at(self, now: float) -> None:
        self._due, self._due_at_end = now + self.within, now + self.between
        self._draw()

    def _draw(self) -> None:
        raise NotImplementedError

    def _finish(self) -> None:
        """Take away what is drawn, for the last line to be written."""

    def _done(self) -> float:
        """Return the epochs that are done, the present one in part."""
        return self._epoch - 1 + self._rows / self._n_rows

    def _name(self) -> str:
        return f"epoch {self._epoch:>{len(str(self._epochs))}}/{self._epochs}"

    def _text(self) -> str:
        values = {**self._values, **(self._figures() if self._figures else {})}
        figures = [f"{name}={format_value(value)}" for name, value in values.items()]
        rows = self._rows - self._rows_before
        seconds = self._last - self._epoch_begin  # of training: validation does not count
        rate = [format_rate(rows / seconds)] if rows and seconds > 0 else []
        return ", ".join(rate + figures)

    def _line(self) -> str:
        minutes, seconds = divmod(int(time.perf_counter() - self._begin), 60)
        hours, minutes = divmod(minutes, 60)
        elapsed = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"
        share = "" if self._figures is None else f" {100 * self._rows // self._n_rows}%"
        return ", ".join(filter(None, (f"{self._name()}{share} {elapsed}", self._text())))


class _Lines(_Shown):
    """Lines of a log."""

    within, between = LOG_WAIT, LOG_SECONDS

    def _draw(self) -> None:
        if self._epoch < self._epochs or self._figures is not None:  # else `close` writes it
            self._file.write(self._line() + "\n")
            self._file.flush()


class _Bar(_Shown):
    # With loss and accuracy it fits 80 columns.  The line that stays has no bar: tqdm cuts lines
    # with a bar at the edge of the terminal, which would hide the last figures.
    _FORMAT = "{desc} {percentage:3.0f}%|{bar}| {remaining}{postfix}"

    def __init__(self, epochs: int, n_rows: int, file: TextIO, notebook: bool) -> None:
        super().__init__(epochs, n_rows, file)
        self._notebook = notebook
        self._bar: Any = None

    def _draw(self) -> None:
        text = self._text()
        if self._bar is None:
            self._bar = _bar_class(self._notebook)(
                total=self._epochs, initial=self._done(), desc=self._name(), postfix=text,
                file=self._file, bar_format=self._FORMAT, dynamic_ncols=True, leave=False,
                delay=1e-9,  # not drawn by itself at once, which may be wider than the terminal
            )  # fmt: skip
            self._bar.initial = 0
            self._bar.start_t -= time.perf_counter() - self._begin
            self._bar.dynamic_ncols = _shape
            self._bar.ncols, self._bar.nrows = _shape(self._file)
        self._bar.total, self._bar.n = self._epochs, self._done()
        self._bar.set_description_str(self._name(), refresh=False)
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.refresh()

    def _finish(self) -> None:
        if self._bar is not None:
            self._bar.n = self._bar.total  # a widget that is not full stays, in red
            self._bar.close()
            self._bar = None


def format_rate(rate: float) -> str:
    """Return rows per second with three digits: 950 rows/s, 12.3k rows/s, 1.20M rows/s."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3), ("", 1.0)):
        if rate >= 0.9995 * size or not unit:
            break
    scaled = rate / size
    digits = 0 if scaled >= 99.95 or not unit else 1 if scaled >= 9.995 else 2
    return f"{scaled:.{digits}f}{unit} rows/s"


def _in_notebook() -> bool:
    """Tell whether a Jupyter kernel runs this: its standard error is no terminal but shows bars."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return "IPKernelApp" in getattr(shell, "config", ())


def _bar_class(notebook: bool) -> Any:
    if notebook and find_spec("ipywidgets") is not None:
        from tqdm.notebook import tqdm
    else:
        from tqdm import tqdm

    class Bar(tqdm):
        # tqdm would start a thread that watches for stalled bars; a fork of this process would
        # copy its lock in whatever state it is.
        monitor_interval = 0

    return Bar


def _shape(file: Any) -> tuple[int, int] | tuple[None, None]:
    """Return the columns and lines to draw in; a terminal that has no size has the usual one."""
    try:
        columns, lines = os.get_terminal_size(file.fileno())
    except (OSError, ValueError, AttributeError):
        return None, None
    return (columns or 80) - 1, (lines or 24) - 1
