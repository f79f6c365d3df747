"""Whatever a table holds: it is encoded in one way, or refused by an error of the package."""

from __future__ import annotations

import csv
import datetime as dt
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnn_core.errors import CnnCoreError
from cnn_core.tabular import Table, TableEncoder, read_table

words = ["a", "b ", "c d", "?", "NA", "", " ", "none", "1", "2", "1.0", "007", "1e3", "-0", "1_0",
         "inf", "nan", "yes", "no", "TRUE", "0", "2020-01-01", "03/04/2020", "31/12/2021", "$1,000",
         "20200101", "\x1f", "é", "2020-01-01 12:30"]  # fmt: skip
texts = st.one_of(*(st.sampled_from(words[i:] + words[:3]) for i in range(0, len(words), 4)))
of_numpy = [
    np.datetime64("2020-01-01"), np.datetime64("2020-01-01T10:00", "ns"), np.datetime64("NaT", "s"),
    np.datetime64("9999999", "Y"), np.timedelta64(3, "m"), np.timedelta64("NaT", "m"),
    np.float32(0.1), np.int8(3), np.bool_(True), np.str_("a"),
]  # fmt: skip
anything = (
    texts | st.none() | st.floats() | st.integers() | st.booleans() | st.datetimes() | st.dates()
    | st.timedeltas() | st.decimals() | st.sampled_from(of_numpy) | st.binary(max_size=3)
    | st.text(max_size=3)
)  # fmt: skip


def columns(values):
    """One to three columns of 1 to 70 rows, of few values each, so that kinds other than keys
    appear."""
    def table(n):
        column = st.lists(values, min_size=1, max_size=6).flatmap(
            lambda few: st.lists(st.sampled_from(few), min_size=n, max_size=n))
        return st.dictionaries(st.sampled_from("pqr"), column, min_size=1)

    return st.sampled_from([1, 2, 9, 30, 70]).flatmap(table)


def same(a, b):
    return all(x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True))


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=60)
@given(columns(anything), columns(anything))
def test_any_columns(table, other):
    encoder = TableEncoder(discrete_rows=5)
    try:
        encoder.fit(table)
    except CnnCoreError:  # columns that all are constant, or copies of such
        with pytest.raises(CnnCoreError, match="need a column to learn from"):
            encoder.fit(table)
        return
    made = encoder.transform(table)
    n = len(next(iter(table.values())))
    assert made.numbers.shape[0] == made.codes.shape[0] == n
    assert made.numbers.shape[1] + made.codes.shape[1] == len(encoder.get_feature_names_out())
    again = TableEncoder().load_state_dict(json.loads(json.dumps(encoder.state_dict())))
    assert same(again.transform(table), made)
    width = len(next(iter(other.values())))
    for data in (table, {name: other.get(name, [None] * width) for name in table}):
        found = encoder.transform(data)
        assert np.isfinite(found.numbers).all()
        assert np.abs(found.numbers, dtype=np.float32).max(initial=0) <= 3
        assert ((found.codes >= 0) & (found.codes < encoder.code_sizes_)).all()
        for i in range(0, len(found.numbers), 7):
            row = {name: column[i] for name, column in data.items()}
            assert same(again.transform_row(row), [part[i : i + 1] for part in found])


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=30)
@given(columns(texts))
def test_a_file_means_what_its_texts_mean(tmp_path_factory, table):
    path = tmp_path_factory.getbasetemp() / "texts.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerows([list(table), *zip(*table.values(), strict=True)])
    found = read_table(path, header=True)
    try:
        encoder = TableEncoder().fit(table)
    except CnnCoreError:
        with pytest.raises(CnnCoreError):
            TableEncoder().fit(found)
        return
    of_file = TableEncoder().fit(found)
    assert [(r.name, r.kind, r.missing) for r in of_file.columns_] == [
        (r.name, r.kind, r.missing) for r in encoder.columns_
    ]
    expected = encoder.transform(table)
    for made in (encoder.transform(found), of_file.transform(table), of_file.transform(path)):
        assert same(made, expected)


def test_spans_are_seconds_whatever_they_are_counted_in():
    spans = [np.timedelta64(3, "m"), None, dt.timedelta(seconds=1), np.timedelta64("NaT", "h")]
    (found,) = Table(["s"], [spans]).columns
    np.testing.assert_array_equal(found, [180, np.nan, 1, np.nan])
    (found,) = Table(["s"], [np.array([3, "NaT"], "m8[m]")]).columns
    np.testing.assert_array_equal(found, [180, np.nan])


def test_dates_of_numpy_are_dates_of_the_years_1_to_9999():
    far = Table(["d"], [np.array(["9999999", "2020", "-9999999"], "M8[Y]")])
    assert np.isnat(far.columns[0]).tolist() == [True, False, True]
    # Alone among all of them, float() makes a number of a date in nanoseconds.
    assert Table(["d"], [[np.datetime64(5, "ns"), 1.5]]).columns[0][0] == dt.datetime(1970, 1, 1)


def test_numbers_among_texts_are_levels_however_they_are_written():
    encoder = TableEncoder().fit({"c": ["1.0", "A", "2.50", "007"] * 9})
    expected = encoder.transform({"c": ["1.0", "2.50", "007"]})
    for values in (["1", "2.5", "007"], [1, 2.5, "007"], [1.0, "+2.5", " 007"]):
        assert same(encoder.transform({"c": values}), expected)
    assert same(encoder.transform({"c": np.array([1.0, 2.5])}), [p[:2] for p in expected])
    for pair in (["1_0", "10"], ["007", "7"], ["12345678901234567", "12345678901234568"]):
        assert TableEncoder().fit({"c": [*pair, "x"] * 9}).columns_["c"].levels == 3
