"""The page about a learner: one file of HTML that needs no other."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import cnn_core
from cnn_core.errors import OptionError, StateError
from cnn_core.io.files import replacing
from cnn_core.markup import Markup, joined, tag, text
from cnn_core.tabular import figures
from cnn_core.tabular.encoding import Encoded
from cnn_core.tabular.evaluation import shown
from cnn_core.tabular.importance import importances, scorer
from cnn_core.tabular.intervals import margin_of
from cnn_core.tabular.page import sections
from cnn_core.tabular.page.bins import calibration, roc
from cnn_core.tabular.page.style import CSS
from cnn_core.tabular.recipes.recipe import first_places
from cnn_core.tabular.sweeps import Known, known, point

if TYPE_CHECKING:
    from cnn_core.tabular.learner import TabularLearner

WORK, MOST_ROWS, FEWEST_ROWS, REPEATS = 1e11, 2000, 40, 3
"""Importances: products that they may take, rows, and how often columns are shuffled."""

COVERAGES = (0.5, 0.8, 0.9, 0.95)


class Seen(NamedTuple):
    """What the page is about: what is true of rows, what was predicted, and their weights."""

    what: str
    y: np.ndarray
    predicted: np.ndarray
    weight: np.ndarray | None
    encoded: Encoded | None = None


def write(model: TabularLearner, path: Any, X: Any, y: Any, sample_weight: Any) -> None:
    """See `TabularLearner.report`."""
    who = "report"
    model._check(who)
    if X is None and (y is not None or sample_weight is not None):
        raise OptionError(f"{who}: need X beside y and sample_weight; got none")
    with replacing(path, who) as stream:
        seen = _kept(model) if X is None else _given(model, X, y, sample_weight, who)
        stream.write(_page(model, seen).encode())


def _given(model: TabularLearner, X: Any, y: Any, sample_weight: Any, who: str) -> Seen:
    rows = known(model, X, y, sample_weight, who)
    return Seen("rows that were given for this page", rows.y, model._predicted(rows.encoded),
                rows.weight, rows.encoded)  # fmt: skip


def _kept(model: TabularLearner) -> Seen | None:
    """Return the validation part; None where it was not kept."""
    if model.held_ is None:
        return None
    what = "rows that were held back from training, to choose the best epoch by"
    if len(model.fitted_) > 1 and len(model.fitted_[0].validation_rows):
        what += f", by each of {len(model.fitted_)} networks"
    predicted, y, weight = model.held_
    return Seen(what, y, predicted, weight)


def _page(model: TabularLearner, seen: Seen | None) -> str:
    is_classes = model._task.kind == "classes"
    title = "Classifier" if is_classes else "Regressor"
    if model.target_name_ is not None:
        title += f" of {text(model.target_name_, sections.LONGEST)}"
    body = [tag("h1", Markup(title)), tag("p", _lead(model, seen))]
    parts: list[Markup] = []
    if seen is not None:
        body.append(_figures(model, seen))
        parts = _of_classes(model, seen) if is_classes else _of_numbers(model, seen)
        parts += _importances(model, seen)
    body += [
        sections.section("What was learned from what", sections.facts(_facts(model), model.notes_)),
        *parts,
        sections.section("Training", sections.curves(model.history_, model.fitted_[0].best_epoch,
                                                     model.history_.first)),
        sections.section("Columns", sections.columns(model.columns_)),
        sections.section("Versions", sections.facts(_versions(), ())),
    ]  # fmt: skip
    head = tag("head", tag("meta", charset="utf-8"),
               tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
               tag("meta", http_equiv="Content-Security-Policy",
                   content="default-src 'none'; style-src 'unsafe-inline'"),
               tag("title", Markup(title)), tag("style", Markup(CSS)))  # fmt: skip
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', tag('main', *body)), lang='en')}\n"


def _lead(model: TabularLearner, seen: Seen | None) -> Markup:
    said = (f"Learned from {shown(model.n_rows_)} rows and {shown(model.n_features_in_)} columns"
            f" in {model.fit_seconds_:.1f} s.")  # fmt: skip
    if seen is None:
        return text(f"{said} No rows were kept to measure it by: report(path, X, y) takes some.")
    return text(f"{said} Figures are those of {shown(len(seen.y))} {seen.what}.")


def _figures(model: TabularLearner, seen: Seen) -> Markup:
    found = model._evaluation(seen.y, seen.predicted, seen.weight, seen.encoded is not None)
    same = ", ".join(f"{name} {shown(value)}" for name, value in _named(found.trivial).items()
                     if name != "calibration error")  # 0, but for rounding
    return joined(sections.tiles(_named(found)),
                  tag("p", f"Who says the same of every row has {same}."))  # fmt: skip


def _named(figures: Mapping[str, float]) -> dict[str, float]:
    return {name.replace("_", " "): value for name, value in figures.items()}


def _facts(model: TabularLearner) -> dict[str, Any]:
    used = sum(bool(report.became) for report in model.columns_)
    found = {"Rows": shown(model.n_rows_),
             "Columns": f"{used} used, {len(model.columns_) - used} left out"}  # fmt: skip
    if model._task.kind == "classes":
        classes = model.classes_.tolist()
        named = ", ".join(text(c, 30) for c in classes[:12])
        more = f" and {len(classes) - 12} more" if len(classes) > 12 else ""
        found["Classes"] = Markup(f"{len(classes)}: {named}{more}")
    elif model._task.quantiles:
        found["Quantiles"] = ", ".join(f"{q:g}" for q in model._task.quantiles)
    epochs = [each.history.epochs for each in model.fitted_]
    sizes = [each.network.n_params for each in model.fitted_]
    return {**found, "Recipe": repr(model.recipe_),
            "Networks": f"{len(epochs)}, of {shown(sizes[0])} numbers each",
            "Epochs": ", ".join(f"{n}, best {each.best_epoch}"
                                for n, each in zip(epochs[:8], model.fitted_[:8], strict=True)),
            "Parameters": repr(model)}  # fmt: skip


def _versions() -> dict[str, str]:
    return {"cnn_core": cnn_core.__version__, "NumPy": np.__version__,
            "Python": platform.python_version(), "System": platform.platform()}  # fmt: skip


# -- classes and numbers ------------------------------------------------------------------


def _weights(seen: Seen) -> np.ndarray:
    return np.ones(len(seen.y)) if seen.weight is None else seen.weight


def _of_classes(model: TabularLearner, seen: Seen) -> list[Markup]:
    y, p, w = seen.y.astype(np.int64), seen.predicted, _weights(seen)
    labels = model.classes_.tolist()
    error = figures.calibration_error(y, p, w)
    if len(labels) == 2:
        found = calibration(p[:, 1], y == 1, w)
        auc = figures.auc(y, p, seen.weight)
        curves = [sections.reliability(found, text(labels[1], 30), error),
                  sections.receiver(*roc(p[:, 1], y == 1, w), auc, labels[1])]  # fmt: skip
    else:
        found = calibration(p.max(axis=1), p.argmax(axis=1) == y, w)
        curves = [sections.reliability(found, Markup("the likeliest class"), error)]
    counts = figures.confusion(y, p, w)
    return [sections.section("Right and wrong", sections.right_and_wrong(counts, labels)),
            sections.section("Probabilities", tag("div", *curves, class_="pair"))]  # fmt: skip


def _of_numbers(model: TabularLearner, seen: Seen) -> list[Markup]:
    y, w = seen.y, _weights(seen)
    name = "target" if model.target_name_ is None else str(model.target_name_)
    made = [sections.section("Right and wrong",
                             sections.closeness(y, point(model, seen.predicted), w, name))]
    tables = []
    if model._task.kind == "quantiles":
        below = (y[:, None] <= seen.predicted).T
        tables.append(sections.shares_table(
            "Quantiles: the share of rows at or below each",
            ["quantile", "rows at or below"],
            [[q, figures.mean(line.astype(np.float64), w)]
             for q, line in zip(model._task.quantiles, below, strict=True)]))  # fmt: skip
    rows = []
    for share in COVERAGES:
        try:
            margin = margin_of(model.held_, model._task.quantiles, share, "report")
        except StateError:  # too few rows
            continue
        low, high = margin.ends(seen.predicted).T
        rows.append([share, figures.coverage(y, low, high, w),
                     float(np.median(high - low))])  # fmt: skip
    if rows:
        set_by = "; these rows have set them" if seen.encoded is None else ""
        tables.append(sections.shares_table(
            f"Intervals (predict_interval): the share of rows within them{set_by}",
            ["coverage asked for", "rows within", "median width"], rows))  # fmt: skip
    return [*made, sections.section("Intervals", *tables)] if tables else made


def _importances(model: TabularLearner, seen: Seen) -> list[Markup]:
    """Return importances of as many rows as do not take long, evenly spread over the table."""
    encoding, predicted = model.encoder_._fitted("report"), model._predicted
    first = model.fitted_[0]
    if seen.encoded is not None:
        rows = Known(seen.encoded, seen.y, seen.weight)
    elif first.sample is not None:
        s = first.sample
        rows = Known(Encoded(s.numbers, s.codes - first_places(s.code_sizes)),
                     s.target, s.weight)  # fmt: skip
        if len(first.validation_rows):  # which the other networks have learned from
            predicted = partial(_by_first, model)
    else:
        return _no_importances("No rows were kept to find importances by: report(path, X, y) "
                               "takes some.")  # fmt: skip
    net, n = first.network, len(encoding.needed)
    repeats = REPEATS if n <= 100 else 1
    members = net.output.shape[1] if len(net.output.shape) == 3 else 1
    most = min(MOST_ROWS, int(WORK / (net.n_params * members * len(model.fitted_) * n * repeats)))
    if most < FEWEST_ROWS:
        return _no_importances(f"Importances of {n} columns take longer than a page may: "
                               "permutation_importance(X, y) finds them.")  # fmt: skip
    which = np.unique(np.linspace(0, len(rows.y) - 1, most).astype(int))
    few = Known(Encoded(*(array[which] for array in rows.encoded)), rows.y[which],
                None if rows.weight is None else rows.weight[which].astype(np.float64))  # fmt: skip
    found = importances(predicted, encoding, few.encoded, scorer(model, None, few, "report"),
                        repeats, 0)  # fmt: skip
    bars = sections.bars(found, found.metric, len(which))
    return [sections.section("What it looks at", bars)]


def _no_importances(why: str) -> list[Markup]:
    return [sections.section("What it looks at", tag("p", why))]


def _by_first(model: TabularLearner, encoded: Encoded) -> np.ndarray:
    return model._of_pooled(model._pooled(model._raw(encoded)[:1], model._scales[:1]))
