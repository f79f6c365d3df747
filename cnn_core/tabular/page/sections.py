"""The sections of the page, each of plain numbers and texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cnn_core.markup import Markup, joined, tag, text
from cnn_core.tabular.evaluation import shown
from cnn_core.tabular.page.bins import Calibration
from cnn_core.tabular.page.charts import Chart, heat_map, span
from cnn_core.tabular.page.tables import table
from cnn_core.tabular.report import Columns

LONGEST = 80
"""Characters of a name; what is longer is cut."""

COLUMNS_BYTES = 120_000
"""What the table of columns may take."""

CURVES, BARS, TABLE_CLASSES, MAP_CLASSES, PAIRS, SCATTERED = 4, 30, 10, 40, 10, 400


def section(title: str, *parts: Any) -> Markup:
    """Return a part of the page under a heading of its own."""
    name = title.lower().replace(" ", "-")
    return tag("section", tag("h2", title, id=name), *parts, aria_labelledby=name)


def tiles(figures: Mapping[str, float]) -> Markup:
    """Return a few figures in large letters."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", shown(value)))
                       for name, value in figures.items()), class_="tiles")  # fmt: skip


def facts(pairs: Mapping[str, Any], notes: Iterable[str]) -> Markup:
    """Return what was learned from what, and the notes of the fit."""
    given = [joined(tag("dt", name), tag("dd", value)) for name, value in pairs.items()]
    listed = [tag("li", text(note, 300)) for note in notes]
    return joined(tag("dl", *given, class_="facts"), tag("ul", *listed) if listed else "")


def _picture(chart: Markup, *caption: Any) -> Markup:
    return tag("figure", chart, tag("figcaption", *caption))


def _key(class_: str, name: str) -> Markup:
    line = tag("svg", tag("path", d="M0 5h26", class_=class_), viewBox="0 0 26 10",
               aria_hidden="true")  # fmt: skip
    return tag("span", line, name, class_="key")


# -- training -----------------------------------------------------------------------------


def curves(history: Mapping[str, Sequence[float]], best: int, first: int = 0) -> Markup:
    """Return loss and metrics over the epochs; ``best`` is the epoch that was kept, from 1."""
    names = list(dict.fromkeys(name.removeprefix("val_") for name in history))
    pictures = []
    for name in names[:CURVES]:
        lines = [(k, c, w) for k, c, w in ((name, "a", "training"), (f"val_{name}", "b",
                 "validation")) if k in history]  # fmt: skip
        epochs = range(first + 1, first + 1 + max(len(history[k]) for k, _, _ in lines))
        label = name.replace("_", " ")
        chart = Chart(span(epochs), span(*(history[k] for k, _, _ in lines)), "epoch", label,
                      whole=True)
        said = []
        for key, class_, which in lines:
            chart.line(epochs, history[key], class_)
            if 0 < best - first <= len(history[key]):
                said.append(f"{which} {shown(history[key][best - first - 1])}")
        if said:
            chart.upright(best, f"epoch {best}")
        kept = f"Kept: epoch {best}, with {' and '.join(said)}." if said else ""
        pictures.append(_picture(chart.svg(f"{label} over {len(epochs)} epochs. {kept}"),
                                 *(_key(c, w) for _, c, w in lines), kept))  # fmt: skip
    return tag("div", *pictures, class_="pair")


# -- classes ------------------------------------------------------------------------------


def right_and_wrong(counts: np.ndarray, labels: Sequence[Any]) -> Markup:
    """Return a matrix of classes as they are and as they were predicted, and what is confused."""
    names = [text(label, LONGEST) for label in labels]
    parts = []
    if len(names) <= TABLE_CLASSES:
        parts.append(_matrix(counts, names))
    else:
        wrong = counts - np.diag(np.diag(counts))
        most = np.sort(np.argsort(-(wrong.sum(0) + wrong.sum(1)), kind="stable")[:MAP_CLASSES])
        kept = counts[np.ix_(most, most)]
        sums = counts.sum(1)[most, None]
        shares = np.divide(kept, sums, out=np.zeros_like(kept), where=sums > 0)
        short = [text(labels[i], 9) for i in most]
        label = f"{len(most)} classes (lines) by what was predicted (columns), shares of each line"
        note = ("" if len(most) == len(names) else
                f", the {len(most)} with most errors of {len(names)} classes")  # fmt: skip
        parts.append(_picture(heat_map(shares, short, label), "Lines are the classes as they are, "
                              f"columns those predicted{note}; darker is more."))  # fmt: skip
    pairs = [(int(i), int(j)) for i, j in zip(*np.nonzero(counts), strict=True) if i != j]
    pairs = sorted(pairs, key=lambda at: -counts[at])[:PAIRS]
    if len(names) > 2 and pairs:
        rows = [[names[i], names[j], _count(counts[i, j]),
                 _percent(counts[i, j] / counts[i].sum())] for i, j in pairs]  # fmt: skip
        parts.append(table("What is confused most", ["is", "predicted", "rows", "of the class"],
                           rows))  # fmt: skip
    return joined(*parts)


def _percent(share: float) -> Markup:
    return tag("td", f"{100 * share:.2f} %", class_="n")


def _count(x: float) -> float:
    return int(x) if x == int(x) else float(x)


def _matrix(counts: np.ndarray, names: Sequence[Markup]) -> Markup:
    rows = []
    for line, name in zip(counts, names, strict=True):
        total, cells = line.sum(), []
        for count in line:
            share = float(count / total) if total else 0.0
            shade = f"background:rgba(var(--s),{0.45 * share:.3f})"
            cells.append(tag("td", shown(_count(count)), tag("br"), f"{100 * share:.1f} %",
                             class_="n", style=shade))  # fmt: skip
        rows.append([name, *cells])
    return table("Rows by their class (lines) and the class that was predicted (columns), with "
                 "the share of the line", ["is", *names], rows, "heat")  # fmt: skip


def reliability(found: Calibration, of: Markup, error: float) -> Markup:
    """Return probabilities against how often they came true."""
    chart = Chart((0, 1), (0, 1), Markup(f"probability of {of}"), "how often it was so")
    chart.line((0, 1), (0, 1), "mark")
    chart.line(found.said, found.true, "a")
    chart.circles(found.said, found.true, 2 + 7 * np.sqrt(found.share))
    return _picture(chart.svg(f"calibration curve; expected calibration error {shown(error)}"),
                    f"Expected calibration error {shown(error)}. On the dotted line what is said "
                    "with 70 % is so in 70 of 100 rows; larger points stand for more "
                    "rows.")  # fmt: skip


def receiver(no: np.ndarray, yes: np.ndarray, auc: float, name: Any) -> Markup:
    """Return the receiver operating characteristic of a class among two."""
    chart = Chart((0, 1), (0, 1), "share of the others taken for it", "share found")
    chart.line((0, 1), (0, 1), "mark")
    chart.line(no, yes, "a")
    return _picture(chart.svg(f"ROC curve; area {shown(auc)}"), "ROC of class ",
                    text(name, LONGEST), f": area under the curve {shown(auc)}.")  # fmt: skip


# -- numbers ------------------------------------------------------------------------------


def closeness(y: np.ndarray, predicted: np.ndarray, w: np.ndarray, name: str) -> Markup:
    """Return predictions against what is true, and a histogram of the differences."""
    finite = np.isfinite(predicted)
    if not finite.any():
        return tag("p", "No prediction is a finite number.")
    y, predicted, w = y[finite], predicted[finite], w[finite]
    ends = span(*(np.quantile(v, (0.002, 0.998)) for v in (y, predicted)))
    inside = (np.minimum(y, predicted) >= ends[0]) & (np.maximum(y, predicted) <= ends[1])
    chart = Chart(ends, ends, text(name, 40), "predicted")
    if len(y) <= SCATTERED:
        chart.points(y, predicted)
    else:
        chart.density(y[inside], predicted[inside], w[inside])
    chart.line(ends, ends, "mark")
    off = y - predicted
    low, high = span(np.quantile(off, (0.005, 0.995)), [0.0])
    shares, edges = np.histogram(off, 31, (low, high), weights=w / w.sum())
    bars = Chart((low, high), (0, float(shares.max()) or 1.0), "true - predicted", "share of rows")
    bars.bars(edges, shares)
    bars.upright(0.0, "")
    middle = shown(float(np.median(off)))
    return tag("div",
               _picture(chart.svg("predictions against true values"),
                        f"{shown(int(inside.sum()))} of {shown(len(y))} rows lie within the "
                        "axes; on the dotted line predictions are right."),
               _picture(bars.svg(f"histogram of residuals; their median is {middle}"),
                        f"Residuals: the median is {middle}, half lie between "
                        f"{shown(float(np.quantile(off, 0.25)))} and "
                        f"{shown(float(np.quantile(off, 0.75)))}."), class_="pair")  # fmt: skip


def shares_table(caption: str, head: list[str], rows: list[list[float]]) -> Markup:
    """Return shares that were asked for beside those that were found, in percent."""
    return table(caption, head, [[f"{100 * asked:g} %", _percent(found), *more]
                                 for asked, found, *more in rows])  # fmt: skip


# -- columns ------------------------------------------------------------------------------


def bars(found: Iterable[tuple[Any, float, float]], score: str, rows: int) -> Markup:
    """Return the name, mean and deviation of the most important columns, as a table of bars."""
    found = list(found)
    top = max((mean for _, mean, _ in found if np.isfinite(mean)), default=0.0)
    lines = []
    for name, mean, std in found[:BARS]:
        part = 100 * mean / top if 0 < mean <= top else 0.0
        bar = tag("span", class_="rule", style=f"width:{part:.1f}%", aria_hidden="true")
        lines.append([text(name, LONGEST), float(mean), float(std), tag("td", bar)])
    some = f"; the first {BARS} of {len(found)} columns" if len(found) > BARS else ""
    return table(f"What {score} loses where a column is shuffled, by {shown(rows)} rows{some}",
                 ["column", "loss", "std", Markup("&#160;")], lines, "rules")  # fmt: skip


def columns(reports: Columns) -> Markup:
    """Return what was found in each column and what became of it."""
    rows, size = [], 0
    for name, kind, missing, levels, became, note in reports:
        row = [text(name, LONGEST), kind, missing, levels, text(became or "left out", 120),
               text(note, 160)]  # fmt: skip
        size += 90 + sum(len(str(cell).encode()) for cell in row)
        if size > COLUMNS_BYTES:
            break
        rows.append(row)
    some = f"; the first {len(rows)} of {len(reports)}" if len(rows) < len(reports) else ""
    return table(f"What was found in the columns and what became of them{some}",
                 ["column", "kind", "missing", "values", "became", "note"], rows,
                 "made")  # fmt: skip
