"""History: the figures of each epoch, as numbers, as a table and as a picture."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from math import inf, isfinite, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core import options
from cnn_core.errors import DataError, OptionError, StateError
from cnn_core.options import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_VAL = "val_"
_TABLE_EPOCHS = 10
_PANELS_PER_LINE = 3
_CHARTS = 6
"""That a notebook shows; its table has all."""
_TRAIN, _VALIDATION = "#1f5fa8", "#d1662b"


class History(Mapping[str, list[float]]):
    """What training reported: ``history["val_loss"]`` is a list with one entry per epoch.

    A mapping from names to lists, in the order in which the names came.  A name that an epoch
    did not report has NaN there, so that all lists are `epochs` long.

    >>> history = cnn.History()
    >>> history.append({"loss": 0.5, "val_loss": 0.75}, seconds=0.1)
    >>> history["loss"], history.epochs
    ([0.5], 1)
    >>> history
    History: 1 epoch, 0.1 s
    epoch    loss  val_loss  seconds
        1  0.5000    0.7500      0.1
    """

    def __init__(self, first: int = 0) -> None:
        self.first = options.whole("History", first, 0, option="first")
        """How many epochs of former fits there were: the first here has the next number."""
        self._values: dict[str, list[float]] = {}
        self.seconds: list[float] = []
        """Wall-clock time of each epoch, validation included."""
        self.interrupted = False
        """Ctrl-C ended the training, within the epoch after the last one here."""

    @property
    def epochs(self) -> int:
        """The number of epochs so far."""
        return len(self.seconds)

    def append(self, values: Mapping[str, float], seconds: float) -> None:
        """Add one epoch: ``values`` by name, and the seconds it took.

        Raises `OptionError` for names and values that are none; then nothing is added.
        """
        n = self.epochs
        if not isinstance(values, Mapping):
            raise options.refuse("History.append", "values by name", values)
        figures = {options.name("History.append", k): _figure(k, v) for k, v in values.items()}
        seconds = _figure("seconds", seconds)
        try:
            for name, value in figures.items():
                self._series(name, n).append(value)
            for series in self._values.values():
                if len(series) == n:
                    series.append(nan)
            self.seconds.append(seconds)
        except BaseException:  # Ctrl-C may come here too
            for series in (self.seconds, *self._values.values()):
                del series[n:]
            raise

    def amend(self, values: Mapping[str, Any]) -> list[str]:
        """Put ``values`` in place of the last epoch's, such as those that callbacks have added.

        Returns the names of those that are no numbers: NaN stands for them.

        Raises `StateError` where there is no epoch, `OptionError` for bad names.

        >>> history = cnn.History()
        >>> history.append({"loss": 0.5}, seconds=0.1)
        >>> history.amend({"lr": 1e-3})
        []
        >>> history["lr"]
        [0.001]
        """
        if not isinstance(values, Mapping):
            raise options.refuse("History.amend", "values by name", values)
        if self.epochs == 0:
            raise StateError("History.amend: need an epoch to amend; got none")
        for name in values:
            options.name("History.amend", name)
        odd = [name for name, value in values.items() if not options.is_number(value)]
        for name, value in values.items():
            self._series(name, self.epochs)[-1] = nan if name in odd else _figure(name, value)
        return odd

    def _series(self, name: str, n: int) -> list[float]:
        """Return the values of ``name``; where it is new, NaN for ``n`` epochs."""
        series = self._values.get(name)
        if series is None:
            series = self._values[name] = [nan] * n
        return series

    def to_dict(self) -> dict[str, list[float]]:
        """Return a copy as plain lists, the times as ``"seconds"``: what JSON and `from_dict` take.
        """
        return {
            **{name: list(series) for name, series in self._values.items()},
            "seconds": list(self.seconds),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Sequence[float]], first: int = 0) -> History:
        """Return the history that `to_dict` gave, with so many epochs before it.

        Raises `DataError` unless there is ``"seconds"`` and all lists are equally long.

        >>> cnn.History.from_dict({"loss": [0.5, 0.25], "seconds": [0.1, 0.1]}, first=10)
        History: 2 epochs, 0.2 s
        epoch    loss  seconds
           11  0.5000      0.1
           12  0.2500      0.1
        """
        try:
            items = values.items() if isinstance(values, Mapping) else ()
            found = {
                options.name("History", name): [_figure(name, v) for v in options.items(
                    f"History: {name}", series, "numbers", "list")]
                for name, series in items
            }  # fmt: skip
        except OptionError as error:
            raise DataError(str(error)) from None
        lengths = {name: len(series) for name, series in found.items()}
        if "seconds" not in found or len(set(lengths.values())) > 1:
            got = lengths or shown(values)
            raise DataError(f"History: need 'seconds' and lists of one length; got {got}")
        history = cls(first)
        history.seconds = found.pop("seconds")
        history._values = found
        return history

    def __getitem__(self, name: str) -> list[float]:
        if not isinstance(name, str) or name not in self._values:
            known = ", ".join(self._values) or "nothing, as no epoch has ended"
            raise KeyError(f"History: need a reported name: {known}; got {shown(name)}")
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __repr__(self) -> str:
        head = f"History: {self._length()}"
        if not self.epochs:
            return head
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(f"{v:>{w}}" for v, w in zip(r, widths, strict=True)) for r in rows]
        return "\n".join([head, *(line.rstrip() for line in lines)])

    def _repr_html_(self) -> str:
        from cnn_core import notebook  # seldom asked for

        head, *rows = self._rows()
        first, charts = self.first + 1, []
        for name in list(dict.fromkeys(n.removeprefix(_VAL) for n in self))[:_CHARTS]:
            kinds = {kind: self._values[key] for kind, key in (
                ("training", name), ("validation", _VAL + name)) if key in self._values}
            charts.append(notebook.chart(
                name.replace("_", " "),
                {kind: list(enumerate(values, first)) for kind, values in kinds.items()},
                {kind: format_value(values[-1]) for kind, values in kinds.items()},
            ))  # fmt: skip
        table = [notebook.table(head, rows, numbers=len(head) - 1)] if self.epochs else []
        return notebook.shown("History", self._length(), notebook.row_of(*charts), *table)

    def _length(self) -> str:
        plural = "" if self.epochs == 1 else "s"
        end = ", interrupted" if self.interrupted else ""
        return f"{self.epochs} epoch{plural}, {sum(self.seconds):.1f} s{end}"

    def _rows(self) -> list[list[str]]:
        """Return the titles and the last epochs, below a row of dots if there were others."""
        first = max(0, self.epochs - _TABLE_EPOCHS)
        rows = [["epoch", *self._values, "seconds"]]
        if first:
            rows.append(["...", *[""] * (len(rows[0]) - 1)])
        for i in range(first, self.epochs):
            figures = [format_value(series[i]) for series in self._values.values()]
            rows.append([str(self.first + i + 1), *figures, f"{self.seconds[i]:.1f}"])
        return rows

    def plot(
        self,
        path: str | os.PathLike[str] | None = None,
        ax: Axes | Sequence[Axes] | None = None,
        names: Sequence[str] | None = None,
    ) -> Figure:
        """Draw loss and metrics over the epochs, training and validation in one panel each.

        Parameters
        ----------
        path
            Save the picture there; the ending (.png, .svg, .pdf) gives the format.
        ax
            Draw into these matplotlib axes, one per panel, instead of a new figure.
        names
            The panels, such as ``["loss"]``; default: everything that was reported.

        Returns
        -------
        The matplotlib figure.

        Raises
        ------
        ImportError
            matplotlib is not installed.
        OptionError
            No epoch has ended, a name is unknown, or there are not as many axes as panels.
        """
        panels = self._panels(names)
        axes = _given_axes(ax) if ax is not None else new_axes(
            "History.plot", len(panels), shown=path is None
        )
        if len(axes) != len(panels):
            need = f"{len(panels)} axes, one for each of {', '.join(panels)}"
            raise OptionError(f"History.plot: need {need}; got {len(axes)}")
        from matplotlib.ticker import MaxNLocator

        for axis, name in zip(axes, panels, strict=True):
            self._draw(axis, name)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure = axes[0].figure
        if path is not None:
            figure.savefig(path, dpi=150)
        return figure

    def _panels(self, names: Sequence[str] | None) -> list[str]:
        known = list(dict.fromkeys(name.removeprefix(_VAL) for name in self._values))
        if not known:
            raise OptionError("History.plot: need at least one epoch; got none")
        wanted = known if names is None else [names] if isinstance(names, str) else list(names)
        unknown = [name for name in wanted if name not in known]
        if unknown or not wanted:
            raise OptionError(f"History.plot: need names among {', '.join(known)}; got {wanted}")
        return wanted

    def _draw(self, axis: Axes, name: str) -> None:
        epochs = range(self.first + 1, self.first + self.epochs + 1)
        marker = "o" if self.epochs <= 30 else ""  # a single epoch is a point, not a line
        for key, label, colour, style in (
            (name, "training", _TRAIN, "-"),
            (_VAL + name, "validation", _VALIDATION, "--"),
        ):
            if key in self._values:
                axis.plot(
                    epochs,
                    self._values[key],
                    style,
                    color=colour,
                    label=label,
                    marker=marker,
                    markersize=3.5,
                    linewidth=1.8,
                )
        axis.set_xlabel("epoch")
        axis.set_ylabel(name.replace("_", " "))
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False)


def _figure(name: str, value: Any) -> float:
    """Return a reported value as float; NaN and infinity are values too."""
    if type(value) is float:
        return value
    number = options.is_number(value) or isinstance(value, (bool, np.bool_))
    alone = isinstance(value, np.ndarray) and value.shape == () and value.dtype.kind in "fiub"
    if number or alone:
        try:
            return float(value)
        except OverflowError:
            return inf
    raise options.refuse(f"History: {name}", "a number", value)


def format_value(value: float) -> str:
    """Return ``value`` with four digits: 0.1234, 1.234e-05, 12.3457, nan."""
    fixed = value == 0 or 1e-3 <= abs(value) < 1e4 or not isfinite(value)
    return f"{value:.4f}" if fixed else f"{value:.3e}"


def _given_axes(ax: Any) -> list[Axes]:
    return list(getattr(ax, "flat", ax)) if hasattr(ax, "__len__") else [ax]


def new_axes(who: str, n: int, *, shown: bool) -> list[Axes]:
    """Return the axes of a new figure of ``n`` panels, which pyplot shows or nobody keeps."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            f'{who}: need matplotlib; install it with: pip install "cnn-core[examples]"'
        ) from error
    columns = min(n, _PANELS_PER_LINE)
    lines = -(-n // columns)
    size = (4.6 * columns, 3.4 * lines)
    if shown:
        from matplotlib import pyplot

        figure = pyplot.figure(figsize=size, layout="constrained")
    else:  # a figure for a file needs no window system and is not kept by pyplot
        figure = Figure(figsize=size, layout="constrained")
    figure.get_layout_engine().set(wspace=0.06, hspace=0.06)
    return [figure.add_subplot(lines, columns, i + 1) for i in range(n)]
