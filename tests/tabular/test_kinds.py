"""Which kind a column is, and what becomes of it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from cnn_core.errors import DataError, OptionError
from cnn_core.tabular import Table, TableEncoder

RNG = np.random.default_rng(0)
N = 400
DAYS = [dt.date(2019, 12, 1) + dt.timedelta(days=i % 300) for i in range(N)]

COLUMNS = {
    "number, fractions": RNG.standard_normal(N),
    "number, counted": RNG.poisson(300, N),
    "number, texts with gaps": [("" if i % 9 == 0 else f" {i * 1.5:g} ") for i in range(N)],
    "number, some text": ["oops" if i == 7 else str(i % 57 + 0.5) for i in range(N)],
    "number, wide steps": RNG.choice([0, 144, 290, 1000, 5000], N),
    "number, infinite": np.where(np.arange(N) == 3, np.inf, RNG.standard_normal(N)),
    "number, money": [f"${i * 1713:,}.50" for i in range(N)],
    "number, percent": [f"{i / 7:.2f} %" for i in range(N)],
    "discrete, hour": np.arange(N) % 24,
    "discrete, steps of ten": RNG.choice([20, 30, 50, 60], N),
    "discrete, as texts": [str(i % 5) for i in range(N)],
    "discrete, with gaps": [None if i % 11 == 0 else i % 4 for i in range(N)],
    "boolean, flags": RNG.random(N) < 0.5,
    "boolean, 0 and 1": RNG.integers(0, 2, N),
    "boolean, words": ["Yes" if i % 3 else "no" for i in range(N)],
    "boolean, letters and gaps": [[" T", "F", "", "f"][i % 4] for i in range(N)],
    "boolean, objects": [[True, False, None][i % 3] for i in range(N)],
    "category, texts": ["abc"[i % 3] for i in range(N)],
    "category, many": [f"level {i % 90}" for i in range(N)],
    "category, codes": [f"{i % 17:03d}" for i in range(N)],
    "category, mixed": [[1, "x", 2.5][i % 3] for i in range(N)],
    "category, store_id": RNG.integers(0, 60, N) * 7,
    "date, days": [str(d) for d in DAYS],
    "date, objects": DAYS,
    "date, array": np.array(DAYS, "M8[D]"),
    "date, German": [f"{d:%d.%m.%Y}" for d in DAYS],
    "date, American": [f"{d:%m/%d/%Y}" for d in DAYS],
    "date, names": [f"{d:%d-%b-%Y}" for d in DAYS],
    "date, long names": [f"{d:%B %d, %Y} 10:30 PM" for d in DAYS],
    "date, times": [f"{d}T0{i % 10}:30:00Z" for i, d in enumerate(DAYS)],
    "date, some text": ["soon" if i == 7 else str(d) for i, d in enumerate(DAYS)],
    "date, compact": [int(f"{d:%Y%m%d}") for d in DAYS],
    "text, sentences": [f"the number {i} is a good one" for i in range(N)],
    "text, long and seldom twice": [f"{'long words ' * 5}{i % 150}" for i in range(N)],
    "identifier, keys": [f"k{i}" for i in range(N)],
    "identifier, dealt out": RNG.permutation(N)[: N * 4 // 5].tolist() + list(range(N, N + 80)),
    "identifier, zeros": [f"{i * 31:08d}" for i in range(N)],
    "identifier, many digits": RNG.integers(10**17, 10**18, N),
    "identifier, customer id": RNG.choice(10**9, N, replace=False),
    "identifier, CustomerID": RNG.choice(10**9, N, replace=False),
}  # fmt: skip


@pytest.mark.parametrize("what", COLUMNS)
def test_the_kind_is_told_from_the_data(what):
    kind, name = what.split(", ")
    report = TableEncoder().fit({name: COLUMNS[what], "other": RNG.random(N)}).columns_[name]
    assert report.kind == kind, report


def fit(**columns):
    return TableEncoder().fit(columns)


def test_dates_are_written_as_fewest_of_them_contradict():
    days = [f"{1 + i % 12}/{1 + i // 12}/2020" for i in range(144)]
    assert fit(d=days).columns_["d"].note == "month/day/year"
    assert fit(d=[*days, "31/12/2020"]).columns_["d"].note == "day/month/year"


# A number that repeats is no key, nor is one of few rows, of which some are missing, or too large.
@pytest.mark.parametrize("column", [
    RNG.choice(10**9, N, replace=False), RNG.integers(0, N, N), list(range(15)),
    RNG.choice(N * N // 10, N, replace=False),
    RNG.random(N).round(6), np.arange(1990, 2020), RNG.uniform(1e20, 1e24, N),
])  # fmt: skip
def test_numbers_that_are_no_identifier(column):
    report = TableEncoder().fit({"paid": column, "o": RNG.random(len(column))}).columns_["paid"]
    assert report.kind == "number"


def test_what_says_nothing_is_left_out_with_a_note():
    x = RNG.random(N)
    found = fit(x=x, one=[7] * N, two=[7] * N, none=[None] * N, nan=np.full(N, np.nan),
                word=["NA"] * N, same=x.copy(),
                text=["a", "b"] * (N // 2), copy=["a", "b"] * (N // 2)).columns_
    notes = {r.name: r.note for r in found if not r.became}
    assert notes == {
        "one": "constant", "two": "constant", "none": "all values are missing",
        "nan": "all values are missing", "word": "all values are missing",
        "same": "the same as 'x'", "copy": "the same as 'text'",
    }  # fmt: skip


def test_columns_are_the_same_only_if_each_value_is():
    pairs = {"p": ["a\x1f", "b"], "q": ["a", "\x1fb"], "r": ["a', 'b", "c"], "s": ["a", "b', 'c"],
             "t": ["\ud800", "\\ud800"], "u": ["\\ud800", "\ud800"]}  # fmt: skip
    assert all(r.became for r in fit(**{name: pair * 20 for name, pair in pairs.items()}).columns_)


def test_one_value_with_gaps_is_a_flag():
    encoder = fit(x=RNG.random(4), one=[7, None, 7, 7], text=["a", "", "a", ""])
    assert encoder.get_feature_names_out().tolist() == ["x", "one_missing", "text_missing"]
    made = encoder.transform({"x": [0.5] * 3, "one": [None, 7, 8], "text": ["a", "?", "q"]})
    assert made.numbers[:, 1:].tolist() == [[1, 0], [0, 1], [0, 0]]


def test_a_left_out_column_with_gaps_says_where_they_are():
    encoder = fit(x=RNG.random(N), key=[f"k{i}" if i % 4 else None for i in range(N)])
    assert encoder.columns_["key"].became == "flag of missing"
    assert encoder.transform({"x": 1, "key": "new"}).numbers[0, 1] == 0
    assert encoder.transform({"x": 1, "key": None}).numbers[0, 1] == 1


@pytest.mark.parametrize("word", ["?", "NA", "n/a", "NaN", "null", "None", "none", "NIL", "<NA>"])
def test_a_word_for_missing_is_a_level_only_beside_empty_cells(word):
    alone = fit(x=["a", "b", word, "a", "b"] * 20)
    assert alone.columns_["x"][2:4] == (20, 2)
    assert repr(word) in alone.columns_["x"].note
    assert alone.transform({"x": word}).numbers.tolist() == [[0, 1]]
    assert alone.transform({"x": None}).numbers.tolist() == [[0, 1]]
    beside = fit(x=["a", "b", word, "", "b"] * 20)
    assert beside.columns_["x"][2:4] == (20, 3)
    assert not np.array_equal(*(beside.transform({"x": v}).numbers for v in (word, "")))
    number = fit(x=["1.5", "2", word, "", "4"] * 20)
    assert number.columns_["x"][1:3] == ("number", 40)


def test_kinds_can_be_told():
    data = {"zip": RNG.integers(1000, 1040, N), "when": [f"0{i % 9 + 1}/02/2020" for i in range(N)],
            "grade": ["1", "2", "x"] * 100 + ["3"] * 100, "key": list(range(N)), "x": RNG.random(N)}
    kinds = {"zip": "category", "when": "identifier", "grade": "number", "key": "number",
             "x": "text"}  # fmt: skip
    encoder = TableEncoder(kinds).fit(data)
    assert {r.name: r.kind for r in encoder.columns_} == kinds
    assert all("kind as told" in r.note for r in encoder.columns_)
    assert "100 no numbers, such as 'x' in row 2" in encoder.columns_["grade"].note
    assert encoder.code_sizes_ == [42]
    assert TableEncoder({"when": "date"}).fit(data).columns_["when"].kind == "date"


@pytest.mark.parametrize(
    ("kinds", "error", "message"),
    [
        ({"a": "colour"}, OptionError, "need the kind of 'a' among number, .*got 'colour'"),
        ({"b": "number"}, OptionError, "need kinds for columns among 'a', 't', 'd'; got 'b'"),
        ("number", OptionError, "need kinds, a dictionary"),
        ({"t": "number"}, DataError, "need numbers in column 't'; got 'p' in row 0"),
        ({"t": "date"}, DataError, "need dates in column 't'; got 'p' in row 0"),
        ({"t": "boolean"}, DataError, "need yes and no in column 't'.*got 'p'"),
        ({"a": "boolean"}, DataError, "need yes and no in column 'a'.*got 0.5"),
        ({"d": "category"}, OptionError, "need kind date, text or identifier for 'd'"),
        ({"d": "number"}, OptionError, "need kind date, text or identifier for 'd'"),
    ],
)
def test_kinds_that_a_column_cannot_be(kinds, error, message):
    encoder = TableEncoder(kinds)
    with pytest.raises(error, match=f"fit: {message}"):
        encoder.fit({"a": [0.5, 1.5], "t": ["p", "q"], "d": np.array(["2020-01-01"] * 2, "M8[D]")})
    assert not hasattr(encoder, "columns_")


def test_ten_rows_and_ten_thousand_columns():
    few = fit(
        x=RNG.random(10), t=list("abcdefghii"), n=range(10), name=[f"n{i}" for i in range(10)]
    )
    assert [r.kind for r in few.columns_] == ["number", "category", "number", "identifier"]
    wide = Table([f"c{i}" for i in range(10_000)], list(RNG.random((10_000, 10))))
    made = TableEncoder().fit_transform(wide)
    assert made.numbers.shape == (10, 10_000)
    assert np.isfinite(made.numbers).all()


def test_columns_print_as_a_table_and_are_found_by_name():
    columns = fit(age=[1.5, 2.5, None], job=["a", "b", "a"]).columns_
    lines = str(columns).splitlines()
    assert lines[0].split() == ["column", "kind", "missing", "levels", "became", "note"]
    assert lines[1].split() == ["age", "number", "1", "2", "number,", "flag", "of", "missing"]
    assert repr(columns) == str(columns)
    assert columns.to_dict()["name"] == ["age", "job"]
    assert ">age</th>" in columns._repr_html_()
    with pytest.raises(DataError, match="need a column among 'age', 'job'; got 'q'"):
        columns["q"]
