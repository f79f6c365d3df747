"""`Evaluation`: how good a learner's predictions are, beside those that are the same for every
row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np

from cnn_core.tabular import figures

COVERAGE = 0.9
"""Of the intervals whose coverage is counted."""


class Evaluation(Mapping[str, float]):
    """Figures by name: ``found["auc"]``; printed as a table.

    Of classes ``accuracy``, ``auc``, ``log_loss``, ``brier`` and ``calibration_error``, of numbers
    ``rmse``, ``mae``, ``r2``, ``coverage`` (of intervals that are to hold 0.9 of the rows; not of
    the rows held back, which told how wide they must be) and ``pinball`` (where there are
    quantiles, their mean): see `cnn_core.tabular.figures`.

    ``n_rows`` is how many rows there were, ``trivial`` the figures of whoever says the same of
    every row, the shares of the classes or the mean, ``confusion`` (C, C) the rows of the class
    ``classes[i]`` that are taken for ``classes[j]``, or None.
    """

    def __init__(
        self, n_rows: int, found: Mapping[str, float], trivial: Mapping[str, float],
        classes: Sequence[Any] = (), confusion: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self.n_rows, self.trivial = n_rows, dict(trivial)
        self.classes, self.confusion = list(classes), confusion
        self._found = dict(found)

    def __getitem__(self, name: str) -> float:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as `json` takes it: None where a figure is not defined."""
        made = {"n_rows": self.n_rows, **_finite(self._found), "trivial": _finite(self.trivial)}
        if self.confusion is not None:
            made |= {"classes": self.classes, "confusion": self.confusion.tolist()}
        return made

    def __str__(self) -> str:
        from cnn_core.nn.summary import lines

        first, *others = [lines(rows, numbers=len(rows[0]) - 1) for rows in self._tables()]
        made = [*first, *(line for other in others for line in ("", *other))]
        return "\n".join(line.rstrip() for line in made)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self._html("")

    def _html(self, of_what: str) -> str:
        from cnn_core import notebook  # seldom asked for

        tables = [notebook.table(head, rows, numbers=len(head) - 1)
                  for head, *rows in self._tables()]  # fmt: skip
        return notebook.shown("Evaluation", of_what, *tables)

    def _tables(self) -> list[list[tuple[str, ...]]]:
        """Return the figures and, of few classes, what was taken for what; titles come first."""
        figures = [(f"{self.n_rows:,} rows", "model", "same for all")]
        figures += [(name.replace("_", " "), shown(value), shown(self.trivial.get(name)))
                    for name, value in self._found.items()]  # fmt: skip
        if self.confusion is None or not 1 < len(self.classes) <= 12:
            return [figures]
        names = list(map(str, self.classes))
        taken = [("class, taken for", *names)]
        taken += [(name, *map(shown, line))
                  for name, line in zip(names, self.confusion.tolist(), strict=True)]  # fmt: skip
        return [figures, taken]


def of_classes(
    y: np.ndarray, p: np.ndarray, classes: np.ndarray, weight: np.ndarray | None = None
) -> Evaluation:
    """Return how good probabilities (N, C) are for numbers of classes (N,)."""
    trivial = figures.trivial(y, len(classes), weight)
    return Evaluation(len(y), figures.of_classes(y, p, weight), trivial, classes.tolist(),
                      figures.confusion(y, p, weight))  # fmt: skip


def of_numbers(
    y: np.ndarray, found: np.ndarray, weight: np.ndarray | None = None,
    quantiles: Sequence[float] = (), of_quantiles: np.ndarray | None = None,
    ends: np.ndarray | None = None,
) -> Evaluation:  # fmt: skip
    """Return how good numbers (N,) are, and if there are any, ``of_quantiles`` (N, Q) and the
    ``ends`` of intervals (N, 2)."""
    more, same = {}, {}
    if ends is not None:
        more["coverage"] = figures.coverage(y, *ends.T, weight)
    if quantiles and of_quantiles is not None:
        best = figures.quantiles(y, quantiles, weight)
        more["pinball"] = figures.pinballs(y, of_quantiles, quantiles, weight)
        same["pinball"] = figures.pinballs(y, best, quantiles, weight)
    return Evaluation(len(y), {**figures.of_numbers(y, found, weight), **more},
                      {**figures.trivial(y, weight=weight), **same})  # fmt: skip


def shown(value: float | None) -> str:
    """Return a figure as a table has it.

    >>> shown(0.86941), shown(12345.6), shown(1.5e-7), shown(1e-17), shown(None), shown(12)
    ('0.8694', '12,346', '1.500e-07', '0.0000', '', '12')
    """
    if value is None:
        return ""
    size = abs(value)
    if size < 1e-14:  # what rounding leaves
        return "0.0000" if isinstance(value, float) else "0"
    if isinstance(value, int) or 1e4 <= size < 1e15:
        return f"{value:,.0f}"
    plain = 1e-3 <= size < 1e4 or not isfinite(value)
    return f"{value:.4f}" if plain else f"{value:.3e}"


def _finite(found: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if isfinite(value) else None for name, value in found.items()}
