"""`Encoding`: what was learned of all columns; tables, files and rows go through it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from struct import Struct
from typing import Any, NamedTuple, NoReturn

import numpy as np

from cnn_core import options
from cnn_core.errors import DataError, DtypeError, ShapeError
from cnn_core.tabular.categories import CategoryStep
from cnn_core.tabular.csv_files import CsvFile
from cnn_core.tabular.date_step import DateStep
from cnn_core.tabular.report import ColumnReport, Columns
from cnn_core.tabular.steps import FlagStep, GivenStep, NumberStep, Step, WordStep
from cnn_core.tabular.table import Column, Table, check_names, listed

_STEPS: dict[str, Any] = {step.op: step for step in (NumberStep, FlagStep, GivenStep, WordStep,
                                                     CategoryStep, DateStep)}  # fmt: skip


class Encoded(NamedTuple):
    """What a table becomes: ``numbers`` float32 (N, F) and ``codes`` int32 (N, C).

    >>> from cnn_core.tabular import TableEncoder
    >>> rows = [{"size": size, "kind": kind} for size in (1.5, 2.5) for kind in "ab"]
    >>> numbers, codes = TableEncoder().fit_transform(rows)
    >>> numbers.dtype, numbers.shape, codes.dtype, codes.shape
    (dtype('float32'), (4, 2), dtype('int32'), (4, 0))
    """

    numbers: np.ndarray
    codes: np.ndarray


_encoded = Encoded._make
_FLOAT32, _INT32 = np.dtype(np.float32), np.dtype(np.int32)


class Stray(NamedTuple):
    """Values of a column that are not of its kind: the first, its row, and how many there are."""

    value: Any
    row: int
    count: int


Strays = dict[Step, Stray]


class Encoding:
    """The steps of a table's columns.

    ``names`` are all columns of the training table, ``named`` whether they are more than numbers,
    ``steps`` what is made of some of them, in this order.
    """

    def __init__(
        self, names: Sequence[Any], named: bool, steps: Sequence[Step], columns: Columns
    ) -> None:
        self.names, self.named, self.steps, self.columns = list(names), named, list(steps), columns
        self.needed = list(dict.fromkeys(step.name for step in steps))
        self.n_real = sum(step.n_real for step in steps)
        self.width = self.n_real + sum(step.n_flags for step in steps)
        self.code_sizes = [step.size for step in steps if isinstance(step, CategoryStep)
                           and step.n_codes]  # fmt: skip
        self._prepare()

    def _prepare(self) -> None:
        """Make what the way of a single row looks up."""
        self._rows = [(step.name, step.row) for step in self.steps]
        self._pack = Struct(f"{self.n_real}f").pack
        self._pack_codes = Struct(f"{len(self.code_sizes)}i").pack
        self._shape, self._shape_of_codes = (1, self.width), (1, len(self.code_sizes))

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k[0] != "_"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()

    def feature_names(self) -> list[str]:
        """Return the names of the numbers, then of the codes."""
        made = [step.names() for step in self.steps]
        return [name for part in range(3) for names in made for name in names[part]]

    # -- one row ------------------------------------------------------------------------------

    def row(self, row: Mapping[Any, Any], who: str) -> Encoded:
        """Return what one row becomes, (1, F) and (1, C), for ``who`` asks."""
        if type(row) is not dict and not isinstance(row, Mapping):
            raise DtypeError(f"{who}: need a row as a dictionary of values by column; got "
                             f"{options.shown(row)}")  # fmt: skip
        real: list[float] = []
        parts: list[Any] = [b""]
        codes: list[int] = []
        strays: Strays = {}
        try:
            for name, step in self._rows:
                if step(row[name], real, parts, codes):
                    strays[step.__self__] = Stray(row[name], 0, 1)
        except KeyError:
            lacking = [name for name in self.needed if name not in row]
            if lacking:
                self._raise_lacking(lacking, row, who)
            raise
        if strays:
            self._warn(strays, (), who)
        parts[0] = self._pack(*real)
        numbers = np.ndarray(self._shape, _FLOAT32, bytearray().join(parts))
        return _encoded((numbers, np.ndarray(self._shape_of_codes, _INT32,
                                             bytearray(self._pack_codes(*codes)))))  # fmt: skip

    # -- tables and files ---------------------------------------------------------------------

    def table(self, table: Table, who: str) -> Encoded:
        """Return what a table becomes."""
        at = self.places(table.names, table.named, who)
        strays: Strays = {}
        columns = {name: table.columns[j] for name, j in at.items()}
        made = self._fill(columns, table.n_rows, strays, 0)
        self._warn(strays, table.names if table.named and self.named else (), who)
        return made

    def stream(
        self, path: Any, rows: int, how: dict[str, Any], who: str, passing: Sequence[Any] = ()
    ) -> Iterator[Encoded]:
        """Return an iterator of what the rows of a CSV file become, some at a time.

        Of columns that are ``passing``, such as the target, there is no warning.
        """
        file = CsvFile(path, names=self.names if self.named else None, who=who, **how)
        at = self.places(file.names, file.header, f"{who}: {file.path}")
        names = [name for name in file.names if name not in passing]
        return self._stream(file, at, file.chunks(rows), names)

    def _stream(
        self, file: CsvFile, at: dict[Any, int], chunks: Iterator[list[Sequence[str]]],
        names: Sequence[Any],
    ) -> Iterator[Encoded]:  # fmt: skip
        strays: Strays = {}
        done = 0
        for chunk in chunks:
            columns: dict[Any, Column] = {name: list(chunk[j]) for name, j in at.items()}
            n = len(chunk[0])
            yield self._fill(columns, n, strays, done)
            done += n
        known = names if file.header and self.named else ()
        self._warn(strays, known, f"{file.who}: {file.path}")

    def empty(self) -> Encoded:
        """Return what no rows become."""
        return Encoded(np.empty((0, self.width), np.float32),
                       np.empty((0, len(self.code_sizes)), np.int32))  # fmt: skip

    def places(self, names: Sequence[Any], named: bool, who: str) -> dict[Any, int]:
        """Return where the needed columns are among those of a table; raise if one is missing."""
        longer = not named and not self.named and len(names) > len(self.names)
        if (named and self.named) or longer:  # such as a file that has the target too
            at = {name: j for j, name in enumerate(names)}
            lacking = [name for name in self.needed if name not in at]
            if lacking:
                self._raise_lacking(lacking, names, who)
            return {name: at[name] for name in self.needed}
        if len(names) != len(self.names):
            raise ShapeError(f"{who}: need {len(self.names)} columns, as at training, where they "
                             f"have no names; got {len(names)}")  # fmt: skip
        at = {name: j for j, name in enumerate(self.names)}
        return {name: at[name] for name in self.needed}

    def _raise_lacking(self, lacking: list[Any], names: Any, who: str) -> NoReturn:
        raise DataError(f"{who}: need columns {listed(lacking)}, {len(lacking)} of the "
                        f"{len(self.needed)} that are used; got {listed(names)}")  # fmt: skip

    def _fill(
        self, columns: Mapping[Any, Column], n: int, strays: Strays, begin: int
    ) -> Encoded:
        numbers = np.empty((n, self.width), np.float32)
        codes = np.empty((n, len(self.code_sizes)), np.int32)
        r, f, c = 0, self.n_real, 0
        with np.errstate(all="ignore"):
            for step in self.steps:
                column = columns[step.name]
                ends = r + step.n_real, f + step.n_flags, c + step.n_codes
                found = step.fill(column, numbers[:, r : ends[0]], numbers[:, f : ends[1]],
                                  codes[:, c : ends[2]])  # fmt: skip
                if found:
                    i = found[0]
                    value, row, count = strays.get(step, (column[i], begin + i, 0))
                    strays[step] = Stray(value, row, count + len(found))
                r, f, c = ends
        return Encoded(numbers, codes)

    def _warn(self, strays: Strays, names: Sequence[Any], who: str) -> None:
        """Warn of values of another kind, and of columns that training has not seen."""
        new = [name for name in names if name not in set(self.names)]
        told = []
        if new:
            told.append(f"columns that training has not seen are left out: {listed(new)}")
        for step, (value, row, count) in strays.items():
            which = "1 is" if count == 1 else f"{count} are"
            first = "the first " if count > 1 else ""
            told.append(f"column {step.name!r}: {which} {step.otherwise}, taken as missing: {first}"
                        f"{options.shown(value)} in row {row}")  # fmt: skip
        if told:
            warnings.warn(f"{who}: " + "; ".join(told), UserWarning, stacklevel=4)

    # -- state --------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return all of it as numbers, texts, lists and dictionaries."""
        return {
            "names": list(self.names), "named": self.named,
            "steps": [{"op": step.op, "name": step.name, **step.state()} for step in self.steps],
            "columns": [list(report) for report in self.columns],
        }  # fmt: skip

    @classmethod
    def made(cls, state: Mapping[str, Any]) -> Encoding:
        """Return the encoding of a state; raise whatever is wrong with it."""
        who = "load_state_dict"
        names = check_names(state["names"], who)
        steps = []
        for given in state["steps"]:
            op = options.choice(who, given["op"], _STEPS, option="a step")
            if given["name"] not in names:
                raise DataError(f"{who}: need a step for one of {listed(names)}; got "
                                f"{options.shown(given['name'])}")  # fmt: skip
            steps.append(_STEPS[op].made(given["name"], given))
        if not steps:
            raise DataError(f"{who}: need one step or more; got none")
        reports = [ColumnReport(*_report(who, line)) for line in state["columns"]]
        return cls(names, options.flag(who, state["named"], option="named"), steps,
                   Columns(reports))  # fmt: skip


def _report(who: str, line: Sequence[Any]) -> list[Any]:
    name, kind, missing, levels, became, note = line
    return [*check_names([name], who), options.string(who, kind), options.whole(who, missing, 0),
            options.whole(who, levels, 0), options.string(who, became),
            options.string(who, note)]  # fmt: skip
