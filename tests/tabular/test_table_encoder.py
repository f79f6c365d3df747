"""`TableEncoder`: the numbers that it makes, the same in every way, and what it refuses."""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import json
import math
import os
import pickle
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_core.errors import CnnCoreError, DataError, DtypeError, OptionError, ShapeError, StateError
from cnn_core.io import files
from cnn_core.io.values import pack, unpack
from cnn_core.tabular import TableEncoder, as_table

N = 300
RNG = np.random.default_rng(3)
START = dt.datetime(2020, 1, 30, 5)
TABLE = {
    "x": [None if i % 13 == 0 else float(v) for i, v in enumerate(RNG.lognormal(2, 3, N))],
    "n": RNG.integers(0, 10**6, N).tolist(),
    "hour": [i % 24 for i in range(N)],
    "flag": ["yes", "no", ""] * 100,
    "few": [["red", "green", "blue", None][i % 4] for i in range(N)],
    "two": [f"{'ab'[i % 2]} " for i in range(N)],
    "many": [f"m{i % 40}" for i in range(N)],
    "code": [f"{i % 12:04d}" for i in range(N)],
    "when": [None if i % 50 == 7 else START + dt.timedelta(hours=7 * i) for i in range(N)],
    "day": [f"{START + dt.timedelta(days=i % 90):%d.%m.%Y}" for i in range(N)],
    "key": [None if i == 9 else f"key {i}" for i in range(N)],
}
ENCODER = TableEncoder().fit(TABLE)


def rows():
    return [dict(zip(TABLE, values, strict=True)) for values in zip(*TABLE.values(), strict=True)]


def same(a, b):
    return [x.tobytes() for x in a] == [x.tobytes() for x in b]


# -- the numbers ------------------------------------------------------------------------------


def test_numbers_are_scaled_and_clipped_as_in_the_paper():
    x = RNG.lognormal(0, 2, 101)
    found = TableEncoder().fit({"x": x}).transform({"x": x}).numbers[:, 0]
    z = (x - np.median(x)) / (np.quantile(x, 0.75) - np.quantile(x, 0.25))
    assert np.abs(found - z / np.sqrt(1 + (z / 3) ** 2)).max() < 1e-6
    # Most are equal: half the range; the median is 0 after that.
    x = np.array([0.0] * 90 + [4.5, -3.5] + [0.0] * 9)
    found = TableEncoder().fit({"x": x}).transform({"x": x}).numbers[:, 0]
    assert found[0] == 0
    assert found[90] == np.float32(4.5 / 4 / math.sqrt(1 + (4.5 / 4 / 3) ** 2))


def test_infinite_and_huge_numbers_go_to_the_ends():
    x = [*RNG.standard_normal(40), 1e308, -1e308, np.inf, -np.inf]
    made = TableEncoder().fit({"x": x}).transform({"x": x}).numbers[:, 0]
    assert made[-4:].tolist() == [3, -3, 3, -3]
    half = 0.5 / math.sqrt(1 + (0.5 / 3) ** 2)
    ends = [1.7e308, -1.7e308]
    spread = TableEncoder().fit({"x": ends * 5})
    assert spread.transform({"x": ends}).numbers[:, 0] == pytest.approx([half, -half])
    assert spread.transform({"x": [10**400, "1e999"]}).numbers[:, 0].tolist() == [3, 3]
    assert spread.transform_row({"x": 10**400}).numbers == 3
    tiny = TableEncoder().fit({"x": [5e-324, 1e-323, 0.0, 5e-324] * 5})
    assert np.isfinite(tiny.transform({"x": [0.0, 1.0, 5e-324]}).numbers).all()
    assert TableEncoder().load_state_dict(tiny.state_dict()).n_real_ == 1
    single = TableEncoder().fit({"x": [2.5, np.inf, 2.5, 2.5]})
    assert single.transform({"x": [2.5, np.inf]}).numbers[:, 0].tolist() == [0, 3]


def test_a_missing_number_is_the_median_and_a_flag():
    made = TableEncoder().fit({"x": [1.5, 2.5, 9.5, None]})
    assert made.get_feature_names_out().tolist() == ["x", "x_missing"]
    assert made.transform({"x": [None, 2.5]}).numbers.tolist() == [[0, 1], [0, 0]]


def test_flags_of_categories_and_codes_have_places_for_missing_and_unknown():
    encoder = TableEncoder().fit({
        "few": ["a", "b", "c", None] * 9, "two": ["p", "q"] * 18,
        "many": [f"{i % 9}x" for i in range(35)] + ["once"],
    })  # fmt: skip
    names = ["few_a", "few_b", "few_c", "few_missing", "two_q", "many_code"]
    assert encoder.get_feature_names_out().tolist() == names
    made = encoder.transform({"few": ["b", None, "new"], "two": ["p", "q", "new"],
                              "many": ["0x", None, "once"]})  # fmt: skip
    expected = [[0, 1, 0, 0, -1], [0, 0, 0, 1, 1], [0, 0, 0, 0, 0]]
    assert made.numbers.tolist() == expected
    assert made.codes.tolist() == [[2], [1], [0]]
    assert encoder.code_sizes_ == [11]
    assert made.numbers.dtype == np.float32
    assert made.codes.dtype == np.int32


def test_options_say_what_is_a_flag_and_what_a_level():
    data = {"c": ["a"] * 9 + ["b"] * 5 + ["c"] * 3}
    assert TableEncoder(max_one_hot=2).fit(data).code_sizes_ == [5]
    assert TableEncoder(min_rows=4).fit(data).get_feature_names_out().tolist() == ["c_b"]
    all_of_them = TableEncoder(min_rows=99).fit(data).get_feature_names_out().tolist()
    assert all_of_them == ["c_a", "c_b", "c_c"]


def test_discrete_numbers_with_many_rows_are_categories_too():
    data = {"few": [i % 4 for i in range(240)], "many": [i % 12 or None for i in range(240)]}
    for encoder in (TableEncoder(discrete_rows=20), TableEncoder(dict.fromkeys(data, "discrete"))):
        encoder.fit(data)
        assert encoder.get_feature_names_out().tolist() == [
            "few", "many", "few_0", "few_1", "few_2", "few_3", "many_missing", "many_code",
        ]  # fmt: skip
        made = encoder.transform({"few": ["2", 9], "many": [None, 2.0]})
        assert made.numbers[:, 2:].tolist() == [[0, 0, 1, 0, 1], [0, 0, 0, 0, 0]]
        assert made.codes[:, 0].tolist() == [1, 3]
        assert encoder.columns_["many"].became == "number, flag of missing; code of 13 places"
    for rows in (22, None):
        assert TableEncoder(discrete_rows=rows).fit(data).code_sizes_ == []


def test_parts_of_dates_are_those_of_the_calendar():
    days = [START + dt.timedelta(hours=1001 * i) for i in range(200)]
    encoder = TableEncoder().fit({"d": days})
    names = [f"d_{part}" for part in ("year", "month", "day", "weekday", "hour", "elapsed",
                                      "year_sin", "year_cos")]  # fmt: skip
    assert encoder.get_feature_names_out().tolist() == names
    found = encoder.transform({"d": days}).numbers
    parts = [[d.year, d.month, d.day, d.weekday(), d.hour, (d - days[0]).total_seconds() / 86400]
             for d in days]  # fmt: skip
    for j, x in enumerate(np.array(parts).T):
        q1, m, q3 = np.quantile(x, (0.25, 0.5, 0.75))
        z = (x - m) / (q3 - q1)
        assert np.abs(found[:, j] - z / np.sqrt(1 + (z / 3) ** 2)).max() < 1e-6
    angle = np.array([2 * np.pi * (d.timetuple().tm_yday - 1) / 366 for d in days])
    assert np.abs(found[:, 6] - np.sin(angle)).max() < 1e-6
    assert np.abs(found[:, 7] - np.cos(angle)).max() < 1e-6


def test_a_value_means_the_same_whichever_way_it_comes():
    row = {k: v[1] for k, v in TABLE.items()}
    expected = ENCODER.transform(row)
    ways = {
        "x": [np.float64(row["x"]), repr(row["x"]), Decimal(row["x"]), f" {row['x']!r} "],
        "n": [str(row["n"]), float(row["n"]), np.int32(row["n"]), f"{row['n']:,}"],
        "flag": [0, False, "NO", np.bool_(False), 0.0, " no", "0.0"],
        "two": ["b", " b "], "code": [1, 1.0, "1", np.int8(1)],
        "when": [str(row["when"]), np.datetime64(row["when"]), f"{row['when']:%Y-%m-%dT%H:%M}Z",
                 row["when"].replace(tzinfo=dt.timezone(dt.timedelta(hours=3)))],
        "day": [dt.date(2020, 1, 31), "31.1.2020", dt.datetime(2020, 1, 31)],
    }  # fmt: skip
    for name, values in ways.items():
        for value in values:
            changed = {**row, name: value}
            assert same(ENCODER.transform(changed), expected), (name, value)
            assert same(ENCODER.transform([changed]), expected), (name, value)


numbers = st.none() | st.floats() | st.integers() | st.booleans() | st.floats(width=32)
words = ["red", " green", "?", "", "NA", "m7", "0003", "yes", "No", "1e3", "-inf", "nan",
         "2020-02-29", "31.12.2021", "x", "5"]  # fmt: skip
texts = st.sampled_from(words) | st.text(max_size=4)
dates = st.datetimes() | st.dates() | st.datetimes().map(np.datetime64)
TYPED = {"x": numbers | texts, "n": numbers, "hour": numbers, "flag": numbers | texts,
         "few": texts | st.none(), "two": texts, "many": texts | numbers, "code": texts | numbers,
         "when": dates | st.none() | texts, "day": texts | dates, "key": texts}  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(st.lists(st.fixed_dictionaries(TYPED), min_size=1, max_size=6))
def test_one_row_is_encoded_to_the_bit_as_among_others(drawn):
    together = ENCODER.transform(drawn)
    assert np.isfinite(together.numbers).all()
    assert np.abs(together.numbers).max() <= 3
    for i, row in enumerate(drawn):
        assert same(ENCODER.transform_row(row), [part[i : i + 1] for part in together])
        assert same(ENCODER.transform({k: [v] for k, v in row.items()}),
                    [part[i : i + 1] for part in together])  # fmt: skip


def test_rows_alone_among_few_and_among_many_have_the_same_bits():
    many = ENCODER.transform({k: v * 40 for k, v in TABLE.items()})
    for i, row in enumerate(rows()):
        assert same(ENCODER.transform(row), [part[i : i + 1] for part in many])
    few = ENCODER.transform({k: v[5:8] for k, v in TABLE.items()})
    assert same(few, [part[5:8] for part in many])
    assert ENCODER.transform({k: [] for k in TABLE}).numbers.shape == (0, many.numbers.shape[1])


# -- what stays the same ----------------------------------------------------------------------


def test_the_state_is_kept_by_json_and_by_files_to_the_bit(tmp_path):
    state = ENCODER.state_dict()
    expected = ENCODER.transform(TABLE)
    arrays = {}
    packed = json.loads(json.dumps(pack(state, arrays, "encoder")))
    files.write(tmp_path / "e.safetensors", arrays, {"kind": "test", "encoder": packed})
    read = files.read(tmp_path / "e.safetensors", "test")
    for again in (json.loads(json.dumps(state)), unpack(read.content["encoder"], read.arrays)):
        other = TableEncoder().load_state_dict(again)
        assert same(other.transform(TABLE), expected)
        assert other.columns_ == ENCODER.columns_
        assert other.state_dict() == state
        assert other.get_params() == ENCODER.get_params()
        assert other.get_feature_names_out().tolist() == ENCODER.get_feature_names_out().tolist()


def test_names_that_are_whole_numbers_are_kept_too():
    data = {0: RNG.random(N), 7: [i % 4 for i in range(N)]}
    encoder = TableEncoder({7: "category"}).fit(data)
    other = TableEncoder().load_state_dict(json.loads(json.dumps(encoder.state_dict())))
    assert other.kinds == {7: "category"}
    assert same(other.transform(data), encoder.transform(data))
    assert same(other.transform({7: 1, 0: 0.5}), encoder.transform([{0: 0.5, 7: 1}]))


def test_copies_and_pickles_are_equal_to_the_bit_also_in_another_process(tmp_path):
    expected = ENCODER.transform(TABLE)
    for other in (copy.deepcopy(ENCODER), pickle.loads(pickle.dumps(ENCODER))):
        assert same(other.transform(TABLE), expected)
        assert same(other.transform(rows()[3]), [part[3:4] for part in expected])
        assert same(other.fit(TABLE).transform(TABLE), expected)
    (tmp_path / "p").write_bytes(pickle.dumps((ENCODER, TABLE)))
    digest = hashlib.sha256(expected.numbers.tobytes() + expected.codes.tobytes()).hexdigest()
    code = ("import pickle, sys, hashlib\n"
            "encoder, table = pickle.load(open(sys.argv[1], 'rb'))\n"
            "for e in (encoder, type(encoder)().fit(table)):\n"
            "    made = e.transform(table)\n"
            "    print(hashlib.sha256(made.numbers.tobytes() + made.codes.tobytes()).hexdigest())")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "p")], capture_output=True,
                          text=True, check=True, env={**os.environ, "PYTHONHASHSEED": "7"})
    assert done.stdout.split() == [digest] * 2


DAMAGE = {
    "no state": lambda s: {}, "not even a dictionary": lambda s: 3,
    "a newer format": lambda s: {**s, "format": 99},
    "an unknown step": lambda s: {**s, "steps": [{**s["steps"][0], "op": "eval"}]},
    "a step for no column": lambda s: {**s, "steps": [{**s["steps"][0], "name": "q"}]},
    "no steps": lambda s: {**s, "steps": []},
    "a number that is none": lambda s: {**s, "steps": [{**s["steps"][0], "centre": "x"}]},
    "infinity": lambda s: {**s, "steps": [{**s["steps"][0], "factor": math.inf}]},
    "a name twice": lambda s: {**s, "names": ["x"] * 11},
    "a report of another kind": lambda s: {**s, "columns": [[1, 2]]},
    "levels twice": lambda s: {**s, "steps": [
        {**step, "levels": ["a", "a"]} for step in s["steps"] if step["op"] == "category"]},
    "levels that are lists": lambda s: {**s, "steps": [
        {**step, "levels": [[1]]} for step in s["steps"] if step["op"] == "category"]},
    "an unknown part": lambda s: {**s, "steps": [
        {**step, "parts": [["century", 0.0, 1.0]]} for step in s["steps"] if step["op"] == "date"]},
    "a first date beyond all": lambda s: {**s, "steps": [
        {**step, "origin": 2**61} for step in s["steps"] if step["op"] == "date"]},
    "options that there are not": lambda s: {**s, "options": {**s["options"], "kinds": [["x", 3]]}},
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_state_is_refused_and_changes_nothing(what):
    encoder = copy.deepcopy(ENCODER)
    with pytest.raises(DataError, match="load_state_dict: need"):
        encoder.load_state_dict(DAMAGE[what](json.loads(json.dumps(ENCODER.state_dict()))))
    assert same(encoder.transform(TABLE), ENCODER.transform(TABLE))


# -- what is refused, and what is warned of -------------------------------------------------------


def test_missing_columns_are_listed_and_new_ones_warned_of():
    row = rows()[0]
    for given_ in ({k: v for k, v in row.items() if k not in ("hour", "two")},
                   {k: [v] for k, v in row.items() if k not in ("hour", "two")}):  # fmt: skip
        with pytest.raises(DataError, match="need columns 'hour', 'two', 2 of the 11 that are"):
            ENCODER.transform(given_)
    with pytest.warns(UserWarning, match="not seen are left out: 'new', 'other'"):
        found = ENCODER.transform({"new": [1], "other": [2], **{k: [v] for k, v in row.items()}})
    assert same(found, ENCODER.transform({**row, "new": 1}))


def test_columns_that_training_left_out_need_not_be_there():
    data = {"x": RNG.random(N), "one": [1] * N, "key": [f"k{i}" for i in range(N)]}
    encoder = TableEncoder().fit(data)
    assert same(encoder.transform({"x": data["x"]}), encoder.transform(data))


def test_values_of_another_kind_are_missing_and_warned_of():
    rows_ = rows()[:4]
    rows_[2] = {**rows_[2], "x": "stray", "when": "noon", "flag": "perhaps"}
    with pytest.warns(UserWarning, match="no number") as record:
        found = ENCODER.transform(rows_)
    (message,) = {str(w.message) for w in record}
    for text in ("column 'x': 1 is no number, taken as missing: 'stray' in row 2",
                 "column 'when': 1 is no date", "column 'flag': 1 is neither yes nor no"):
        assert text in message
    with pytest.warns(UserWarning, match="column 'x'.*column 'flag'.*column 'when'"):
        alone = ENCODER.transform(rows_[2])
    assert same(alone, [part[2:3] for part in found])
    gaps = {**rows()[2], "x": None, "when": None, "flag": None}
    assert same(ENCODER.transform(gaps), [part[2:3] for part in found])
    with pytest.warns(UserWarning, match="'n': 2 are no number, .*: the first 'p' in row 1"):
        ENCODER.transform([{**gaps, "n": n} for n in (1, "p", "q")])


def test_tables_without_names_go_by_place():
    x = np.column_stack([RNG.random(50), RNG.integers(0, 5, 50), RNG.random(50)])
    encoder = TableEncoder().fit(x)
    assert encoder.feature_names_in_.tolist() == ["x0", "x1", "x2"]
    expected = encoder.transform(x)
    for other in (x.tolist(), x.astype(object), {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2]},
                  np.rec.fromarrays(list(x.T), names="p,q,r"), [tuple(r) for r in x],
                  np.asfortranarray(x), x.astype(">f8"), x[::-1][::-1]):  # fmt: skip
        assert same(encoder.transform(other), expected)
    with pytest.raises(ShapeError, match=r"need 3 columns, as at training.*; got 2"):
        encoder.transform(x[:, :2])
    assert same(TableEncoder().fit({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2]}).transform(x),
                expected)  # fmt: skip


def test_a_table_without_names_that_has_the_target_still_goes_by_the_places_of_before():
    x = np.column_stack([RNG.random(50), np.arange(50) % 3, RNG.random(50)])
    encoder = TableEncoder().fit(as_table(x).without("x1"))
    assert same(encoder.transform(x), encoder.transform(x[:, [0, 2]]))
    with pytest.raises(ShapeError, match=r"need 2 columns, as at training.*; got 1"):
        encoder.transform(x[:, :1])


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.ones(3), ShapeError, r"need an array \(N, columns\); got shape \(3,\)"),
        (np.ones((0, 3)), DataError, "need one row or more"),
        (np.ones((3, 0)), DataError, "need one row or more"),
        (np.ones((3, 2)), DataError, "need a column to learn from; got none"),
        (np.ones((3, 2), complex), DtypeError, "need column 'x0' as an array"),
        (np.ma.masked_array(np.ones((2, 2)), np.eye(2)), DtypeError, "without a mask"),
        ({}, DataError, "got an empty dictionary"), ([], DataError, "got an empty list"),
        ({"a": [1, 2], "b": 3}, DtypeError, "got both: 'b' is 3"),
        ({"a": [1, 2], "b": [3]}, ShapeError, "columns of one length; got 2 in 'a', 1 in 'b'"),
        ({"a": [[1], [2]]}, DtypeError, r"need numbers, .* in column 'a'; got \[1\]"),
        ({"a": [1j, 2]}, DtypeError, r"need numbers, .* in column 'a'; got 1j"),
        ({"a": np.ones((2, 2))}, DtypeError, r"need column 'a' as an array \(N,\)"),
        ({(1, 2): [1, 2]}, OptionError, r"need names of columns .*; got \(1, 2\)"),
        ([[1, 2], [3]], ShapeError, "got 2 values in row 0 and 1 in row 1"),
        ([1, 2], DtypeError, "got 1 in row 0"), (3, DtypeError, "need a table: "),
    ],
)  # fmt: skip
def test_what_is_no_table(x, error, message):
    encoder = copy.deepcopy(ENCODER)
    with pytest.raises(error, match=f"fit: .*{message}"):
        encoder.fit(x)
    assert encoder.columns_ == ENCODER.columns_


def test_before_fit_everything_says_so():
    encoder = TableEncoder()
    for call in (lambda: encoder.transform(TABLE), lambda: encoder.transform_row({}),
                 encoder.state_dict, encoder.get_feature_names_out,
                 lambda: encoder.stream("x.csv")):  # fmt: skip
        with pytest.raises(StateError, match="call fit first"):
            call()
    for name in ("columns_", "n_real_", "n_features_in_"):
        with pytest.raises(AttributeError, match=f"{name}: need an encoder that has seen"):
            getattr(encoder, name)
    with pytest.raises(AttributeError, match="no attribute 'colums_'"):
        _ = encoder.colums_


@pytest.mark.parametrize("row", [None, 3, [1], "x"])
def test_what_is_no_row(row):
    with pytest.raises(DtypeError, match="need a row as a dictionary"):
        ENCODER.transform_row(row)


def test_options_as_scikit_learn_has_them():
    encoder = TableEncoder({"x": "number"}, min_rows=3)
    assert encoder.get_params() == {"kinds": {"x": "number"}, "max_one_hot": 8, "min_rows": 3,
                                    "discrete_rows": 500, "max_words": 8}  # fmt: skip
    assert encoder.set_params(max_one_hot=4) is encoder
    assert repr(encoder) == "TableEncoder({'x': 'number'}, max_one_hot=4, min_rows=3)"
    with pytest.raises(CnnCoreError, match="got 'max_onehot': did you mean 'max_one_hot'"):
        encoder.set_params(max_onehot=3)
    with pytest.raises(CnnCoreError, match="got 'kind'"):
        TableEncoder(kind=3)
    for bad in ({"max_one_hot": -1}, {"min_rows": 0}, {"min_rows": 1.5}, {"discrete_rows": -1}):
        with pytest.raises(OptionError, match=f"fit: need {next(iter(bad))}"):
            TableEncoder(**bad).fit(TABLE)
    sklearn = pytest.importorskip("sklearn.base")
    assert sklearn.clone(encoder).get_params() == encoder.get_params()
