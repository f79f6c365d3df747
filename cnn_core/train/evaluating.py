"""Evaluating: the part of a `Trainer` that measures without learning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cnn_core.errors import CnnCoreError, OptionError
from cnn_core.nn.model import Model
from cnn_core.train.batches import EVALUATE_ROWS, LossProgram
from cnn_core.train.build import ignored_label
from cnn_core.train.checked import Data
from cnn_core.train.metric import evaluate_rows, rows_of
from cnn_core.train.objective import Objective


class Evaluating:
    """What a loss and metrics are over rows, with dropout and noise off."""

    net: Model
    check_finite: bool | None
    _objective: Objective

    if TYPE_CHECKING:  # what a `Trainer` has
        def _data(
            self, x: Any, y: Any, w: Any, who: str, *, finite: bool | None = None
        ) -> Data: ...
        def _understood(self, data: Data, *, anew: bool = False) -> Data: ...
        def _program(self, data: Data, max_batch: int, *, training: bool) -> LossProgram: ...

    def evaluate(
        self, x: Any, y: Any = None, sample_weight: Any = None
    ) -> dict[str, float]:
        """Return the mean loss and the metrics over all rows, as ``{'loss': ..., ...}``.

        Dropout and noise are off.  Memory does not grow with the number of rows.
        """
        data = self._data(x, y, sample_weight, "evaluate", finite=bool(self.check_finite))
        return self._evaluate(self._understood(data))

    def _evaluate(self, data: Data) -> dict[str, float]:
        values = self._evaluation_program(data).evaluate(data)
        asked = [(term, rows) for term in data.terms if (rows := rows_of(term.metrics))]
        found: Any = self.net.predict(data.features) if asked else None
        for term, rows in asked:
            outputs = found if self.net.is_single else found[term.key]
            ignored = ignored_label(term.loss, data.inputs[term.target])
            own = evaluate_rows(rows, outputs, data.targets[term.target], data.w, ignored,
                                data.meanings.get(term.target))  # fmt: skip
            values |= {f"{term.prefix}{name}": value for name, value in own.items()}
        return {name: values[name] for name in self._objective.names(data.terms, rows=True)
                if name in values}  # fmt: skip

    def _evaluation_program(self, data: Data) -> LossProgram:
        return self._program(data, min(EVALUATE_ROWS, data.n_rows), training=False)

    def _reported(self, *, with_validation: bool) -> list[str]:
        names = self._objective.names(rows=False)
        known = self._objective.names(rows=True)
        return names + [f"val_{name}" for name in known] if with_validation else names

    def _validation(self, given: Sequence[Any] | None) -> Data | None:
        if given is None:
            return None
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            got = type(given).__name__
            got += f" of length {len(given)}" if isinstance(given, (tuple, list)) else ""
            raise OptionError(f"fit: need validation_data (x, y) or (x, y, weights); got {got}")
        x, y, *w = given
        try:
            return self._understood(self._data(x, y, w[0] if w else None, "validation_data"))
        except CnnCoreError as error:  # of the loss, which does not know whose targets it looks at
            if not str(error).startswith("validation_data"):
                error.args = (f"validation_data: {error}", *error.args[1:])
            raise
