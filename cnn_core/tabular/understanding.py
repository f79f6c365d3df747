"""What a learner says of itself: importances, dependence, a page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cnn_core.tabular.dependence import Dependence
    from cnn_core.tabular.importance import Importances


class Understanding:
    """Methods of `TabularLearner`; what they need is imported when they are called."""

    def permutation_importance(
        self: Any, X: Any, y: Any = None, *, n_repeats: int = 5, seed: int = 0,
        metric: Any = None, sample_weight: Any = None,
    ) -> Importances:  # fmt: skip
        """Return how much the score of a table falls where the values of a column change places.

        score(table) - score(table with one column permuted), ``n_repeats`` times for each column of
        the raw table; errors such as "rmse" count the other way round, so that what matters is
        positive.  All that is made of a column (scaled number, flags, parts of a date, code) moves
        with it.  Columns that the model does not look at have 0.

        Parameters
        ----------
        X, y
            As in `score`; rows that the model has not learned from, as a rule.
        seed
            Of the permutations, the same for every column.
        metric
            "accuracy" (the default), "auc", "log_loss" and "brier" for classes, "r2" (the
            default), "rmse" and "mae" for numbers, or a function (y, predictions) -> number of
            which more is better, unless it has an attribute ``higher_is_better`` that is False;
            predictions are those of `predict`.  Rows with weights need a function with a third
            argument, ``sample_weight``.

        Source: Breiman 2001, "Random forests", section 10; Fisher, Rudin, Dominici 2019.

        >>> rows = [{"size": i % 7, "good": i % 7 > 3} for i in range(90)]
        >>> model = cnn.tabular.TabularClassifier("mlp", options={"epochs": 20}).fit(rows, "good")
        >>> found = model.permutation_importance(rows)
        >>> found["size"].mean > 0.3  # of the accuracy is lost
        True
        """
        from cnn_core.tabular.importance import permutation_importance

        return permutation_importance(self, X, y, n_repeats, seed, metric, sample_weight)

    def partial_dependence(
        self: Any, X: Any, column: Any, *, grid: Any = 40, kind: str = "average"
    ) -> Dependence:
        """Return the mean prediction of all rows where a column has each value of a grid.

            f(v) = 1/N sum_i prediction(row i, with v in the column)

        Parameters
        ----------
        X
            A table as in `predict`.
        column
            The name of a column that the model looks at.
        grid
            Values of the column, None for a missing one; or how many: numbers and dates of equal
            distance between the quantiles 0.05 and 0.95 of X (all there are if they are fewer),
            the most frequent levels of a category; no and yes; each word of a text alone.
        kind
            "average", or "individual" for each row.

        Raises `DataError` for a column that there is not, or that was left out, and for values of a
        grid that are none of the column.

        Source: Friedman 2001, "Greedy function approximation", section 8.2; Goldstein et al. 2015.

        >>> rows = [{"size": i % 7, "good": i % 7 > 3} for i in range(90)]
        >>> model = cnn.tabular.TabularClassifier("mlp", options={"epochs": 20}).fit(rows, "good")
        >>> found = model.partial_dependence(rows, "size", grid=[0, 6])
        >>> found.values.shape, bool(found.values[1, 1] > found.values[0, 1] + 0.5)
        ((2, 2), True)
        """
        from cnn_core.tabular.dependence import partial_dependence

        return partial_dependence(self, X, column, grid, kind)

    def draw_partial_dependence(
        self: Any, X: Any, columns: Any, path: str | os.PathLike[str] | None = None,
        ax: Axes | Sequence[Axes] | None = None, *, grid: int = 40, label: Any = None,
        individual: bool = False,
    ) -> Figure:  # fmt: skip
        """Draw `partial_dependence` of columns, one panel each at one scale; return the figure.

        Parameters
        ----------
        columns
            Names, or one name.
        path
            Save the picture there; the ending (.png, .svg, .pdf) gives the format.
        ax
            Draw into these matplotlib axes, one for each column, instead of a new figure.
        label
            The class whose probability is drawn; default: of two classes the second, of more the
            six that are the likeliest on average.
        individual
            Draw single rows too, up to 60 of them, spread over the table.

        Raises `ImportError` where matplotlib is not installed, `OptionError` for other than one of
        ``ax`` for each column.

        >>> rows = [{"size": i % 7, "good": i % 7 > 3} for i in range(90)]
        >>> model = cnn.tabular.TabularClassifier("mlp", options={"epochs": 20}).fit(rows, "good")
        >>> figure = model.draw_partial_dependence(rows, "size", "size.svg")
        >>> len(figure.axes)
        1
        """
        from cnn_core.tabular.dependence import draw_partial_dependence

        return draw_partial_dependence(self, X, columns, path, ax, grid, label, individual)

    def report(
        self: Any, path: str | os.PathLike[str], X: Any = None, y: Any = None, *,
        sample_weight: Any = None,
    ) -> None:  # fmt: skip
        """Write one page of HTML about what was learned and how good it is.

        The columns, the curves of training, what is right and wrong, calibration or residuals and
        intervals, importances; nothing in it comes from elsewhere, so it opens offline and can be
        printed.  Without ``X`` and ``y`` (as in `score`) it is about the validation part, as far
        as that was kept: a learner that was loaded from a file has none, and needs them.

        The file is written as a whole or not at all; raises `OSError` where it cannot be.

        >>> rows = [{"size": i % 7, "good": i % 7 > 3} for i in range(90)]
        >>> model = cnn.tabular.TabularClassifier("mlp", options={"epochs": 20}).fit(rows, "good")
        >>> from pathlib import Path
        >>> model.report("good.html", rows)
        >>> Path("good.html").read_text("utf-8")[:15]
        '<!DOCTYPE html>'
        """
        from cnn_core.tabular.page import write

        write(self, path, X, y, sample_weight)

    def _repr_html_(self: Any) -> str:
        from cnn_core import notebook  # seldom asked for

        kind, _, options = repr(self).partition("(")
        if not self.__sklearn_is_fitted__():
            return notebook.shown(kind, f"({options}, not fitted")
        used = sum(bool(column.became) for column in self.columns_)
        facts = {
            "recipe": repr(self.recipe_),
            "learned from": f"{self.n_rows_:,} rows, {used:,} of {self.n_features_in_:,} columns",
            "networks": f"{len(self.fitted_):,}",
            **({"notes": "; ".join(self.notes_)} if self.notes_ else {}),
        }
        columns = notebook.folded("columns", self.columns_._repr_html_())
        held = [self.validation_._html("of the rows held back")] if self.validation_ else []
        return notebook.shown(kind, f"({options}", notebook.pairs(facts), *held, columns)
