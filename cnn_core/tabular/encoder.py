"""`TableEncoder`: from a raw table to the arrays that a network takes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core.errors import CnnCoreError, DataError, OptionError, StateError, UnknownOptionError
from cnn_core.naming import Described, hint
from cnn_core.tabular.csv_files import CHUNK
from cnn_core.tabular.encoding import Encoded, Encoding
from cnn_core.tabular.report import KINDS, Columns
from cnn_core.tabular.table import as_table, is_row, listed

FORMAT = 1
"""Of `TableEncoder.state_dict`; a newer one is refused."""


class TableEncoder(Described):
    """Make numbers (N, F), float32, and codes of categories (N, C), int32, of a raw table.

    The first ``n_real_`` columns of ``numbers`` are scaled as in RealMLP: with the median m and
    the range r of the middle half (half of the whole range where that is 0),

        z = (x - m) / r,   z / sqrt(1 + (z / 3)^2)

    The others are flags: 1 and 0, or 1 and -1 with 0 for neither.

    ========== ================================================================================
    number     scaled; missing: the median, and a flag
    discrete   whole numbers of few values: the same and, from ``discrete_rows`` rows a value on,
               a category beside it, whose level is 0, or place 1, where it is missing
    date       year, month, day, weekday, hour and days since the first date, those that vary,
               scaled; sine and cosine of the day of the year; missing: zeros, and a flag
    boolean    -1 and 1; missing: 0, and a flag
    category   up to ``max_one_hot`` levels: a flag for each (of two: one, -1 and 1), and one for
               missing; more: a code, 0 for unknown, 1 for missing, then the levels in order.
               Unknown is what training has not seen, or in fewer than ``min_rows`` rows
    text,      up to ``max_words`` words: a flag for each that says whether it is in the text,
    identifier and one for missing; without such words left out, but for the latter
    ========== ================================================================================

    Missing are None, NaN, NaT, the NA of pandas, empty cells, and the words ?, NA, N/A, NaN, null,
    nil, none in any case.  In a category a word is a level instead where there are empty cells
    beside it, since then the two say different things.  Flags of missing are there for columns
    with gaps at training.  Constant columns and those equal to an earlier one are left out.

    Parameters
    ----------
    kinds
        Kinds of columns by name, where the one that is told from the data is not the right one:
        ``{"zip": "category"}``.  See `cnn_core.tabular.kinds`.
    max_one_hot
        Levels up to which a category becomes flags.
    min_rows
        Rows that a level needs to be one.
    discrete_rows
        Rows for each value from which discrete numbers are categories too; None: never.  Where
        ``kinds`` says discrete, they always are.  A network learns from an hour of the day, or
        from a code, sooner as a category; with few rows that costs more than it gives.
    max_words
        Words of a text or an identifier that become flags at most, the most frequent; 0: none.
        Words are runs of letters, in any case and not after digits, in the first 500 characters.
        They are in at least 10 rows, ``min_rows`` and a hundredth of all, and not in as many of
        those that have a text; of words in the same rows there is one.  So the title in "Braund,
        Mr. Owen" says something, and a key of random letters and digits does not.

    Example
    -------
    >>> from cnn_core.tabular import TableEncoder
    >>> rows = [{"age": age, "job": job} for age, job in zip(range(20, 60), "abcd" * 10)]
    >>> encoder = TableEncoder().fit(rows)
    >>> encoder.transform({"age": 39.5, "job": "b"}).numbers
    array([[0., 0., 1., 0., 0.]], dtype=float32)

    Source: Holzmueller, Grinsztajn, Steinwart 2024, "Better by default", appendix A.1.
    """

    _encoding: Encoding | None = None

    def __init__(
        self, kinds: Mapping[Any, str] | None = None, *, max_one_hot: int = 8, min_rows: int = 2,
        discrete_rows: int | None = 500, max_words: int = 8,
    ) -> None:  # fmt: skip
        self.kinds, self.max_one_hot, self.min_rows = kinds, max_one_hot, min_rows
        self.discrete_rows, self.max_words = discrete_rows, max_words

    # -- options, as scikit-learn asks for them -------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the options by name."""
        return {name: getattr(self, name) for name in _OPTIONS}

    def set_params(self, **params: Any) -> TableEncoder:
        """Change options; raise `UnknownOptionError` for one that there is not."""
        for name in params:
            if name not in _OPTIONS:
                raise UnknownOptionError(f"set_params: need options among {', '.join(_OPTIONS)}; "
                                         f"got {name!r}{hint(name, _OPTIONS)}")  # fmt: skip
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return self._encoding is not None

    # -- fit ------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None) -> TableEncoder:
        """Learn from a table what each column is and becomes; ``y`` is not used.

        ``X`` is a frame of pandas, Polars or Arrow, an array (N, columns), also of objects or
        with named fields, a dictionary of columns, rows as dictionaries, or the path of a CSV
        file.  Raises `DataError` for a table without rows, names that are there twice, or none
        of whose columns says anything; `ShapeError` for rows of different lengths; `OptionError`
        for ``kinds`` that there are not.

        >>> rows = [{"size": i, "kind": "abc"[i % 3]} for i in range(30)]
        >>> encoder = cnn.tabular.TableEncoder().fit(rows)
        >>> [(c.name, c.kind) for c in encoder.columns_]
        [('size', 'number'), ('kind', 'category')]
        """
        # What only learns is not imported by a program that only predicts.
        from cnn_core.tabular.plan import Profile, Rules, plan_of

        who = "fit"
        rules = Rules(*_checked(self.get_params(), who))
        table = as_table(X, who)
        kinds = _check_kinds(self.kinds, table.names, who)
        if not table.n_rows:
            raise DataError(f"{who}: need one row or more; got a table without rows")
        seen: dict[bytes, Any] = {}
        steps, reports = [], []
        for name, column in zip(table.names, table.columns, strict=True):
            p = Profile(name, column)
            same_as = seen.setdefault(p.fingerprint(), name)
            plan = plan_of(p, kinds.get(name), rules, None if same_as == name else same_as)
            steps += plan.steps
            reports.append(plan.report)
        if not steps:
            raise DataError(f"{who}: need a column to learn from; got none:\n{Columns(reports)}")
        self._encoding = Encoding(table.names, table.named, steps, Columns(reports))
        return self

    def _fitted(self, who: str, error: type[Exception] = StateError) -> Encoding:
        if self._encoding is None:
            raise error(f"{who}: need an encoder that has seen a table; call fit first")
        return self._encoding

    # -- what was learned -----------------------------------------------------------------

    @property
    def columns_(self) -> Columns:
        """A table of what was done with each column and why."""
        return self._fitted("columns_", AttributeError).columns

    @property
    def n_real_(self) -> int:
        """How many numbers are scaled."""
        return self._fitted("n_real_", AttributeError).n_real

    @property
    def code_sizes_(self) -> list[int]:
        """How many places each code has."""
        return list(self._fitted("code_sizes_", AttributeError).code_sizes)

    @property
    def n_features_in_(self) -> int:
        """How many columns the table has that was seen."""
        return len(self._fitted("n_features_in_", AttributeError).names)

    @property
    def feature_names_in_(self) -> np.ndarray:
        """The names of these columns."""
        return np.array(self._fitted("feature_names_in_", AttributeError).names, dtype=object)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns of ``numbers``, then of ``codes``.

        >>> rows = [{"size": i, "kind": "abc"[i % 3]} for i in range(30)]
        >>> encoder = cnn.tabular.TableEncoder().fit(rows)
        >>> encoder.get_feature_names_out().tolist()
        ['size', 'kind_a', 'kind_b', 'kind_c']
        """
        return np.array(self._fitted("get_feature_names_out").feature_names(), dtype=object)

    # -- transform ------------------------------------------------------------------------

    def transform(self, X: Any) -> Encoded:
        """Return numbers (N, F) and codes (N, C) of a table, of anything that `fit` takes.

        A dictionary of single values is one row.  Columns are found by name, in any order; where
        either table has no names, by their place.  Those that training left out need not be there.
        Warns of columns that training has not seen, which are left out, and of values that are
        not of their column's kind, which count as missing.

        Raises `DataError` that lists the columns that are missing, `StateError` before `fit`.

        >>> rows = [{"size": i, "kind": "abc"[i % 3]} for i in range(30)]
        >>> encoder = cnn.tabular.TableEncoder().fit(rows)
        >>> encoder.transform({"size": 14.5, "kind": "new"}).numbers  # no level is known
        array([[0., 0., 0., 0.]], dtype=float32)
        """
        encoding = self._fitted("transform")
        if isinstance(X, Mapping) and X and is_row(X):
            return encoding.row(X, "transform")
        if isinstance(X, (str, os.PathLike)):
            parts = [encoding.empty(), *encoding.stream(X, CHUNK, {}, "transform")]
            return Encoded(*map(np.concatenate, zip(*parts, strict=True)))
        return encoding.table(as_table(X, "transform"), "transform")

    def fit_transform(self, X: Any, y: Any = None) -> Encoded:
        """Do `fit` and `transform` with a table that is read once."""
        table = as_table(X, "fit")
        return self.fit(table, y)._fitted("fit").table(table, "fit")

    def stream(self, path: Any, *, rows: int = CHUNK, **how: Any) -> Iterator[Encoded]:
        """Return an iterator of what the rows of a CSV file become, up to ``rows`` at a time.

        ``how`` is what `cnn_core.tabular.read_table` takes: delimiter, header, encoding.  The
        memory that this takes does not depend on the length of the file.
        """
        return self._fitted("stream").stream(path, rows, how, "stream")

    def transform_row(self, row: Mapping[Any, Any]) -> Encoded:
        """Return what one row, a dictionary of values by column, becomes: (1, F) and (1, C).

        To the bit what `transform` makes of it among others, in a few microseconds.  Other
        entries of the dictionary are not looked at.
        """
        if self._encoding is None:
            self._fitted("transform_row")
        return self._encoding.row(row, "transform_row")  # type: ignore[union-attr]

    # -- state ----------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return options and what was learned as texts, numbers, lists and dictionaries.

        `json` keeps all of it to the bit.
        """
        made, params = self._fitted("state_dict").state(), self.get_params()
        kinds = None if self.kinds is None else [[*each] for each in self.kinds.items()]
        return {"format": FORMAT, "options": {**params, "kinds": kinds}, **made}

    def load_state_dict(self, state: Mapping[str, Any]) -> TableEncoder:
        """Take over what `state_dict` returned; raise `DataError` where it is damaged."""
        who = "load_state_dict"
        try:
            if options.whole(who, state["format"], 0) > FORMAT:
                raise DataError(f"{who}: need format {FORMAT} or older; got {state['format']}")
            given = {"max_words": 0, **state["options"]}  # files of before texts gave words
            params = {name: given[name] for name in _OPTIONS}
            if params["kinds"] is not None:
                params["kinds"] = dict(params["kinds"])
            _checked(params, who)
            encoding = Encoding.made(state)
            _check_kinds(params["kinds"], encoding.names, who)
        except DataError:
            raise
        except (CnnCoreError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{who}: need what state_dict returns; got something else: "
                            f"{type(error).__name__}: {error}") from error  # fmt: skip
        self.set_params(**params)
        self._encoding = encoding
        return self


_OPTIONS: dict[str, Any] = {"kinds": None, **(TableEncoder.__init__.__kwdefaults__ or {})}


def _checked(params: Mapping[str, Any], who: str) -> tuple[int, int, float, int]:
    rows = params["discrete_rows"]
    return (
        options.whole(who, params["max_one_hot"], 0, option="max_one_hot"),
        options.whole(who, params["min_rows"], option="min_rows"),
        inf if rows is None else options.whole(who, rows, 0, option="discrete_rows"),
        options.whole(who, params["max_words"], 0, option="max_words"),
    )


def _check_kinds(kinds: Any, names: list[Any], who: str) -> dict[Any, str]:
    if kinds is None:
        return {}
    if not isinstance(kinds, Mapping):
        raise options.refuse(who, "a dictionary of kinds by column", kinds, "kinds")
    unknown = [name for name in kinds if name not in names]
    if unknown:
        raise OptionError(f"{who}: need kinds for columns among {listed(names)}; got "
                          f"{listed(unknown)}{hint(unknown[0], map(str, names))}")  # fmt: skip
    return {name: options.choice(who, kind, KINDS, option=f"the kind of {name!r}")
            for name, kind in kinds.items()}  # fmt: skip
