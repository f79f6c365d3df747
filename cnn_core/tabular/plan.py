"""From a column of training data to its steps and its report."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from cnn_core.errors import DataError, OptionError
from cnn_core.options import shown
from cnn_core.tabular.categories import CategoryStep
from cnn_core.tabular.date_step import DateStep
from cnn_core.tabular.dates import NOTHING, dates_of
from cnn_core.tabular.kinds import Profile, format_of, kind_of
from cnn_core.tabular.report import ColumnReport
from cnn_core.tabular.steps import FlagStep, GivenStep, NumberStep, Step, WordStep, words_in
from cnn_core.tabular.values import flag_of, number_of, text_of

_WHO = "fit"

FEWEST, SHARE = 10, 0.01
"""Rows that a word needs, and of those that are given lacks, and their share of all rows."""

SAMPLE = 10_000
"""Texts that candidates for words are from; all of them are looked at for these alone."""


class Plan(NamedTuple):
    """What becomes of a column."""

    steps: list[Step]
    report: ColumnReport


class Rules(NamedTuple):
    """Options of the encoder that the plan of a column follows."""

    max_one_hot: int
    min_rows: int
    discrete_rows: float
    max_words: int


def plan_of(p: Profile, kind: str | None, rules: Rules, same_as: Any = None) -> Plan:
    """Return the plan of a column; ``kind`` is the user's, None to have it told from the data.

    ``same_as`` is the name of an earlier column of equal values.
    """
    if kind is None:
        found, form = kind_of(p)
    elif p.is_dates and kind not in ("date", "text", "identifier"):
        raise OptionError(f"{_WHO}: need kind date, text or identifier for {p.name!r}, a "
                          f"column of dates; got {kind}")  # fmt: skip
    else:
        found, form = kind, _form_for(p) if kind == "date" else ""
    if not p.known:
        return _plan(p, found, [], "all values are missing")
    if same_as is not None and (p.missing or p.levels() > 1):  # else it is constant
        return _plan(p, found, [], f"the same as {same_as!r}")
    if kind is not None:
        rules = rules._replace(discrete_rows=0)
    made = _PLANS[found](p, rules, form)
    return made if kind is None else made._replace(
        report=made.report._replace(note=_joined("kind as told", made.report.note)))  # fmt: skip


def _plan(
    p: Profile, kind: str, steps: list[Step], *notes: str, missing: int | None = None,
    levels: int | None = None, became: str = "",
) -> Plan:  # fmt: skip
    missing = p.missing if missing is None else missing
    levels = p.levels() if levels is None else levels
    report = ColumnReport(p.name, kind, missing, levels, became, _joined(*notes))
    return Plan(steps, report)


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _single(p: Profile, kind: str, missing: int) -> Plan:
    """Return the plan of a column with one value: nothing, or where it is missing."""
    if not missing:
        return _plan(p, kind, [], "constant", missing=missing, levels=1)
    return _plan(p, kind, [GivenStep(p.name)], "constant where it is given", missing=missing,
                 levels=1, became="flag of missing")  # fmt: skip


def _written(p: Profile) -> str:
    words = [f"{word!r}" for word, _ in p.words.most_common(3)]
    return f"missing where {' or '.join(words)}" if words else ""


# -- one function for each kind ---------------------------------------------------------------


def _number(p: Profile, rules: Rules, form: str, kind: str = "number") -> Plan:
    x, strays = p.numbers, p.strays
    values, missing = p.values[0], int(np.isnan(x).sum())
    if missing == len(x):
        raise DataError(f"{_WHO}: need numbers in column {p.name!r}; got "
                        f"{shown(p.column[0])} in row 0: leave kinds out for it")  # fmt: skip
    infinite = x[np.isinf(x)]
    levels = len(values) + len(np.unique(infinite))
    if levels == 1:
        return _single(p, kind, missing)
    step = NumberStep.fitted(p.name, x)
    notes = [_written(p)]
    if strays:
        notes.append(f"{len(strays)} no numbers, such as {p.column[strays[0]]!r} in row "
                     f"{strays[0]}, taken as missing")  # fmt: skip
    if len(infinite):
        notes.append(f"{len(infinite)} infinite")
    return _plan(p, kind, [step], *notes, missing=missing, levels=levels,
                 became="number" + _marked(step))  # fmt: skip


def _marked(step: Step) -> str:
    return ", flag of missing" if step.marked else ""


def _discrete(p: Profile, rules: Rules, form: str) -> Plan:
    made = _number(p, rules, form, "discrete")
    values, counts = p.values
    if len(values) < 3 or counts.sum() < rules.discrete_rows * len(values):
        return made
    step = _category_step(p, dict(zip(values.tolist(), counts.tolist(), strict=True)), rules, True)
    became = f"{made.report.became}; {_shown(step)}"
    return Plan([*made.steps, step], made.report._replace(became=became))


def _boolean(p: Profile, rules: Rules, form: str) -> Plan:
    if isinstance(p.column, list):
        known = list(p.counts)
    else:
        known = np.unique(p.column[~np.isnan(p.column)]).tolist()
    said = {flag_of(value) for value in known}
    if 0 in said:
        odd = next(value for value in known if flag_of(value) == 0)
        raise DataError(f"{_WHO}: need yes and no in column {p.name!r}, such as true and "
                        f"false or 1 and 0; got {shown(odd)}: leave kinds out for it")  # fmt: skip
    if len(said) == 1:
        return _single(p, "boolean", p.missing)
    step = FlagStep(p.name, p.missing > 0)
    return _plan(p, "boolean", [step], _written(p), levels=2, became="flag" + _marked(step))


def _category(p: Profile, rules: Rules, form: str) -> Plan:
    numeric, counts, missing, blank_words = _levels(p)
    if len(counts) == 1:
        return _single(p, "category", missing)
    step = _category_step(p, counts, rules, numeric, missing > 0)
    rare = len(counts) - len(step.levels)
    notes = [blank_words, f"{rare} of fewer than {rules.min_rows} rows: unknown" if rare else ""]
    return _plan(p, "category", [step], *notes, missing=missing, levels=len(counts),
                 became=_shown(step))  # fmt: skip


def _category_step(
    p: Profile, counts: dict[Any, int], rules: Rules, numeric: bool, marked: bool = False
) -> CategoryStep:
    """Return the step of the levels that have enough rows; of all of them where hardly any has."""
    kept = [level for level, count in counts.items() if count >= rules.min_rows]
    kept = sorted(kept if len(kept) > 1 else counts)
    return CategoryStep(p.name, kept, numeric, len(kept) <= rules.max_one_hot, marked)


def _shown(step: CategoryStep) -> str:
    if not step.one_hot:
        return f"code of {step.size} places"
    return f"{step.n_flags} flags" if step.n_flags > 1 else "flag"


def _levels(p: Profile) -> tuple[bool, dict[Any, int], int, str]:
    """Return whether levels are numbers; how often each is there; what is missing, and a note."""
    if isinstance(p.column, np.ndarray):
        values, counts = p.values
        return True, dict(zip(values.tolist(), counts.tolist(), strict=True)), p.missing, ""
    numbers: dict[Any, int] = {}
    for text, count in p.counts.items():
        try:
            numbers[number_of(text)] = count
        except ValueError:
            break
    if len(numbers) == len(p.counts) and all(abs(x) < np.inf for x in numbers):
        return True, numbers, p.missing, _written(p)
    if p.blank and p.words:
        words = " and ".join(f"{word!r}" for word in p.words)
        return False, {**p.counts, **p.words}, p.blank, f"{words} no gaps, as there are empty ones"
    return False, dict(p.counts), p.missing, _written(p)


def _date(p: Profile, rules: Rules, form: str) -> Plan:
    values, strays = dates_of(p.column, form)
    known = values[values != NOTHING]
    if not len(known):
        raise DataError(f"{_WHO}: need dates in column {p.name!r}; got "
                        f"{shown(p.column[0])} in row 0")  # fmt: skip
    levels, missing = len(np.unique(known)), len(values) - len(known)
    if levels == 1:
        return _single(p, "date", missing)
    step = DateStep.fitted(p.name, form, values)
    note = f"{len(strays)} no dates, such as {p.column[strays[0]]!r}" if strays else ""
    parts = ", ".join(name.removeprefix(f"{p.name}_") for name in step.names()[0])
    return _plan(p, "date", [step], form, note, _written(p), missing=missing, levels=levels,
                 became=parts + _marked(step))  # fmt: skip


def _form_for(p: Profile) -> str:
    if p.is_dates:
        return "year-month-day"
    found, form = kind_of(p)
    if found == "date":
        return form
    if isinstance(p.column, np.ndarray):
        return "yyyymmdd"
    return format_of(p) or "year-month-day"


def _in_words(kind: str, why: str) -> Any:
    def plan(p: Profile, rules: Rules, form: str) -> Plan:
        words = _words(p, rules) if isinstance(p.column, list) else []
        if words:
            step = WordStep(p.name, words, p.missing > 0)
            n, shown = len(words), ", ".join(words[:3] + ["..."] * (len(words) > 3))
            became = f"flags of {n} words: {shown}" if n > 1 else f"flag of the word {shown}"
            became += "; flag of missing" if step.marked else ""
            return _plan(p, kind, [step], why, _written(p), became=became)
        if not p.missing:
            return _plan(p, kind, [], why)
        return _plan(p, kind, [GivenStep(p.name)], why, became="flag of missing")

    return plan


def _words(p: Profile, rules: Rules) -> list[str]:
    """Return the words that are in enough rows, and not in nearly all; the most frequent first.

    Of words in exactly the same rows it is the first by the alphabet alone.
    """
    if not rules.max_words:
        return []
    fewest, n = max(rules.min_rows, FEWEST, SHARE * p.n_rows), min(SAMPLE, p.n_rows)
    rng = np.random.default_rng(0)
    rows = range(n) if n == p.n_rows else rng.choice(p.n_rows, n, replace=False).tolist()
    often = Counter(word for i in rows for word in set(words_in(text_of(p.column[i]) or "")))
    among = {w for w, count in often.items() if 4 * count * p.n_rows >= fewest * n}.intersection
    # Sums of random numbers above those of rows: words in the same rows have equal ones.
    found: Counter[str] = Counter()
    marks = rng.integers(2**62, size=len(p.counts)).tolist()
    for mark, (text, count) in zip(marks, p.counts.items(), strict=True):
        each = (mark << 40) + count
        for word in among(words_in(text)):
            found[word] += each
    kept: dict[int, str] = {}
    for lacks, word in sorted((-(total % 2**40), word) for word, total in found.items()):
        if fewest <= -lacks <= p.known - fewest:
            kept.setdefault(found[word], word)
    return list(kept.values())[: rules.max_words]


_PLANS = {
    "number": _number, "discrete": _discrete, "boolean": _boolean, "category": _category,
    "date": _date, "text": _in_words("text", "free text"),
    "identifier": _in_words("identifier", "tells rows apart, hardly any value repeats"),
}  # fmt: skip
