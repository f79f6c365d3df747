"""`Columns`: what was found in each column of a table, and what became of it, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from cnn_core import options
from cnn_core.errors import DataError
from cnn_core.tabular.table import listed

KINDS = ("number", "discrete", "boolean", "category", "date", "text", "identifier")
"""See `cnn_core.tabular.kinds`."""


class ColumnReport(NamedTuple):
    """One column: its kind, how many values are missing, how many others there are, what it
    became ("" if it was left out), and why."""

    name: Any
    kind: str
    missing: int
    levels: int
    became: str
    note: str


class Columns:
    """The reports of all columns, in their order; printed as a table.

    ``columns["age"]`` is one of them, ``columns.to_dict()`` lists by heading, for a data frame.
    """

    def __init__(self, reports: Iterable[ColumnReport]) -> None:
        self._reports = tuple(reports)

    def __len__(self) -> int:
        return len(self._reports)

    def __iter__(self) -> Iterator[ColumnReport]:
        return iter(self._reports)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Columns) and self._reports == other._reports

    __hash__ = None  # type: ignore[assignment]

    def __getitem__(self, name: Any) -> ColumnReport:
        for report in self._reports:
            if report.name == name and type(report.name) is type(name):
                return report
        known = listed(report.name for report in self._reports)
        raise DataError(f"columns_: need a column among {known}; got {options.shown(name)}")

    def to_dict(self) -> dict[str, list[Any]]:
        """Return lists by heading."""
        return {field: [getattr(report, field) for report in self._reports]
                for field in ColumnReport._fields}  # fmt: skip

    def _cells(self) -> list[list[str]]:
        return [[*map(str, report[:-2]), report.became or "left out", report.note]
                for report in self._reports]  # fmt: skip

    def __str__(self) -> str:
        lines = [["column", *ColumnReport._fields[1:]], *self._cells()]
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        made = []
        for line in lines:
            cells = [cell.rjust(width) if i in (2, 3) else cell.ljust(width)
                     for i, (cell, width) in enumerate(zip(line, widths, strict=True))]  # fmt: skip
            made.append("  ".join(cells).rstrip())
        return "\n".join(made)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from cnn_core import notebook  # longer to import than all else here

        return notebook.table(("column", *ColumnReport._fields[1:]), self._cells())
