"""Predicting: tables, files and single rows, from what a caller has to what networks say of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np

from cnn_core import options
from cnn_core._ext.core import pool
from cnn_core.errors import ShapeError, StateError
from cnn_core.naming import Described
from cnn_core.tabular.csv_files import CHUNK
from cnn_core.tabular.encoder import TableEncoder
from cnn_core.tabular.encoding import Encoded
from cnn_core.tabular.fitting import Fitted
from cnn_core.tabular.intervals import Held
from cnn_core.tabular.parts import table_of, without_target
from cnn_core.tabular.recipes.recipe import Task, check_network, first_places
from cnn_core.tabular.table import Table, is_row

BLOCK = 8192
"""Rows that networks predict at a time: what k members say of them is of a bounded size."""

_PLAIN = frozenset({int, float, str, bool, type(None), date, datetime, np.float64, np.int64,
                    np.bool_, np.str_})  # fmt: skip
"""Types of values of which a dictionary is a row; others are looked at one by one."""


class _Way(NamedTuple):
    """What every prediction looks up, found once."""

    outputs: list[Any]
    """The short way into each network."""
    picks: tuple[int, ...] | None
    """Which of numbers and codes they read, in order; None: both."""
    begin: np.ndarray
    """Where the places of each column of codes begin in the table of all."""
    widths: tuple[int, int]
    row: Any

    def raw(self, encoded: Encoded) -> list[np.ndarray]:
        numbers, codes = encoded
        if self.widths[1]:
            codes = codes + self.begin
        given = (numbers, codes)
        if self.picks is not None:
            given = tuple([given[i] for i in self.picks])
        return [outputs(given) for outputs in self.outputs]


class Predicting(Described):
    """What predicts, of `TabularLearner`: see there for what it takes."""

    encoder_: TableEncoder
    fitted_: list[Fitted]
    target_name_: Any
    _task: Task
    recipe_: Any
    _scales: list[float]
    """Of each network: what its outputs are multiplied by."""
    _smoothing = 0.0
    """Of labels in training, which is taken away from probabilities."""
    _way: _Way | None = None

    def _of_pooled(self, pooled: np.ndarray) -> np.ndarray:
        """Return predictions, of means over networks and members (N, O): probabilities (N, C),
        numbers (N,) or quantiles (N, Q)."""
        return pooled

    def _check(self, who: str, error: type[Exception] = StateError) -> None:
        if "fitted_" not in vars(self):
            raise error(f"{who}: need a {type(self).__name__} that has learned; call fit first")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_way"}

    # -- the ways in -----------------------------------------------------------------------

    def _answer(self, X: Any, who: str) -> np.ndarray:
        """Return what `_of_pooled` makes of anything that `predict` takes."""
        if type(X) is dict and X and _PLAIN.issuperset(map(type, X.values())):
            way = self._way or self._find_way(who)
            return self._of_raw(way.raw(way.row(X, who)))
        self._check(who)
        if not isinstance(X, (str, os.PathLike)):
            return self._predicted(self._encoded(X, who))
        found = [self._predicted(part) for part in self._stream(X, CHUNK, {}, who)]
        return np.concatenate(found or [self._predicted(self.encoder_._fitted(who).empty())])

    def _encoded(self, X: Any, who: str) -> Encoded:
        """Return what a table becomes; its target is passed over."""
        self._check(who)
        if isinstance(X, Encoded):
            return self._own(X, who)
        if isinstance(X, Mapping) and X and is_row(X):
            return self.encoder_._fitted(who).row(X, who)
        table = without_target(self._table(X, who), self.target_name_, self.encoder_)
        return self.encoder_._fitted(who).table(table, who)

    def _table(self, X: Any, who: str) -> Table:
        return table_of(X, who, self.encoder_, self.target_name_)

    def _stream(
        self, path: Any, rows: int, how: dict[str, Any], who: str
    ) -> Iterator[Encoded]:
        target = () if self.target_name_ is None else (self.target_name_,)
        return self.encoder_._fitted(who).stream(path, rows, how, who, target)

    def _predicted(self, encoded: Encoded) -> np.ndarray:
        """Return what `_of_pooled` makes of encoded rows."""
        found = [self._of_raw(self._raw(part)) for part in _blocks(encoded)]
        return found[0] if len(found) == 1 else np.concatenate(found)

    def _raw(self, encoded: Encoded) -> list[np.ndarray]:
        """Return what each network says of encoded rows, (B, O) or (B, k, O), float32."""
        if not len(encoded.numbers):
            return [np.empty((0, *each.network.output.shape[1:]), np.float32)
                    for each in self.fitted_]  # fmt: skip
        return (self._way or self._find_way("predict")).raw(encoded)

    def _of_raw(self, raw: list[np.ndarray]) -> np.ndarray:
        """Return predictions, of what each network says."""
        return self._of_pooled(self._pooled(raw, self._scales))

    def _pooled(self, raw: list[np.ndarray], scales: list[float]) -> np.ndarray:
        """Return means over networks and members, float64 (B, O)."""
        if not len(raw[0]):
            return np.empty((0, raw[0].shape[-1]))
        return pool(raw, scales, self._task.kind == "classes", self._smoothing)

    def _own(self, encoded: Encoded, who: str) -> Encoded:
        way = self._way or self._find_way(who)
        for part, dtype, width in zip(encoded, ("float32", "int32"), way.widths, strict=True):
            if not isinstance(part, np.ndarray) or part.ndim != 2 or part.dtype != dtype or (
                part.shape != (len(encoded.numbers), width)
            ):
                raise ShapeError(f"{who}: need rows as encoder_.transform returns them, of "
                                 f"{way.widths[0]} numbers and {way.widths[1]} codes; got others")
        return Encoded(*map(np.ascontiguousarray, encoded))

    def _find_way(self, who: str) -> _Way:
        self._check(who)
        encoding = self.encoder_._fitted(who)
        sizes, names = encoding.code_sizes, list(self.fitted_[0].network.inputs)
        widths = {"numbers": encoding.width, "codes": len(sizes)}
        for each in self.fitted_:
            check_network(each.network, names, widths, self._task.n_outputs, self.recipe_, who)
        picks = None if names == [*widths] else tuple([[*widths].index(name) for name in names])
        self._way = _Way([each.network._outputs for each in self.fitted_], picks,
                         first_places(sizes),
                         (widths["numbers"], widths["codes"]), encoding.row)  # fmt: skip
        return self._way

    # -- files -----------------------------------------------------------------------------

    def stream(
        self, path: Any, method: str = "predict", *, rows: int = CHUNK, **how: Any
    ) -> Iterator[np.ndarray]:
        """Return an iterator of predictions for the rows of a CSV file, up to ``rows`` at a time.

        ``method`` names what predicts, such as "predict_proba"; ``how`` is what
        `cnn_core.tabular.read_table` takes: delimiter, header, encoding.  The memory that this
        takes does not depend on the length of the file.
        """
        self._check("stream")
        answers = [name for name in dir(self) if name.startswith("predict")]
        answer = getattr(self, options.choice("stream", method, answers, option="method"))
        rows = options.whole("stream", rows, option="rows")
        return map(answer, self._stream(path, rows, how, "stream"))

    # -- members and validation parts ------------------------------------------------------

    def _members(self, X: Any, who: str) -> Iterator[np.ndarray]:
        """Yield what each member of each network predicts, (B, members ...), some rows at a time.

        Raises `StateError` where there is only one.
        """
        encoded = self._encoded(X, who)
        if len(self.fitted_) == 1 and len(self.fitted_[0].network.output.shape) == 2:
            raise StateError(f"{who}: need several networks or members, which differ; got one: fit "
                             f'with n_models=5, or with recipe="tabm"')  # fmt: skip
        for part in _blocks(encoded):
            yield np.stack([self._of_pooled(self._pooled([z], [scale]))
                            for scale, net in zip(self._scales, self._raw(part), strict=True)
                            for z in _by_member(net)], 1)  # fmt: skip

    def _by_part(self) -> list[tuple[list[np.ndarray], list[int]]]:
        """Return outputs for each validation part, and the numbers of the networks.

        Each network has a part of its own, unless one was given for all; none without rows.
        """
        own = [i for i, each in enumerate(self.fitted_) if each.outputs is not None]
        shared = own and not any(len(each.validation_rows) for each in self.fitted_)
        parts = [own] if shared else [[i] for i in own]
        return [([self.fitted_[i].outputs for i in part], part) for part in parts]

    def _held(self) -> Held | None:
        """Return what the validation parts are predicted to be, one after the other."""
        parts = self._by_part()
        if not parts:
            return None
        firsts = [self.fitted_[part[0]] for _, part in parts]
        weights = [each.weight for each in firsts]
        return Held(
            np.concatenate([self._of_pooled(self._pooled(outputs, [self._scales[i] for i in part]))
                            for outputs, part in parts]),
            np.concatenate([each.target for each in firsts]),
            None if any(w is None for w in weights) else np.concatenate(weights),
        )  # fmt: skip


def _blocks(encoded: Encoded) -> Iterator[Encoded]:
    """Yield rows that are predicted at a time; of no rows none, once."""
    for at in range(0, max(len(encoded.numbers), 1), BLOCK):
        yield Encoded(*[part[at : at + BLOCK] for part in encoded])


def _by_member(raw: np.ndarray) -> list[np.ndarray]:
    """Return what each member says, (B, O)."""
    return [raw] if raw.ndim == 2 else [*np.ascontiguousarray(raw.transpose(1, 0, 2))]
