"""Frames of pandas, Polars and Arrow mean what plain columns of the same values mean."""

from __future__ import annotations

import datetime as dt
import decimal
import subprocess
import sys

import numpy as np
import pytest

from cnn_core.errors import CnnCoreError, DataError
from cnn_core.tabular import Table, TableEncoder, as_table

N = 60
COLUMNS = {
    "number": [i * 1.5 if i % 7 else None for i in range(N)],
    "whole": [i % 5 for i in range(N)],
    "gaps": [i % 6 if i % 4 else None for i in range(N)],
    "text": [["a", "b", None, "c"][i % 4] for i in range(N)],
    "flag": [bool(i % 2) for i in range(N)],
    "flag and gaps": [[True, False, None][i % 3] for i in range(N)],
    "when": [dt.datetime(2020, 1, 1, i % 24, 30) + dt.timedelta(days=i) if i % 9 else None
             for i in range(N)],
    "day": [dt.date(2020, 1, 1) + dt.timedelta(days=i) for i in range(N)],
    "span": [dt.timedelta(seconds=i * i) for i in range(N)],
    "decimal": [decimal.Decimal(i) / 4 for i in range(N)],
}  # fmt: skip


def pandas(columns):
    pytest.importorskip("narwhals")
    return pytest.importorskip("pandas").DataFrame(columns)


def nullable(columns):
    return pandas(columns).convert_dtypes()


def polars(columns):
    pytest.importorskip("narwhals")
    return pytest.importorskip("polars").DataFrame(columns)


def arrow(columns):
    pytest.importorskip("narwhals")
    return pytest.importorskip("pyarrow").table(columns)


def of_arrow(columns):
    pd = pytest.importorskip("pandas")
    return arrow(columns).to_pandas(types_mapper=pd.ArrowDtype)


@pytest.mark.parametrize("make", [pandas, nullable, polars, arrow, of_arrow])
def test_a_frame_is_encoded_as_its_columns_are(make):
    frame = make(COLUMNS)
    plain = TableEncoder().fit(COLUMNS)
    expected = plain.transform(COLUMNS)
    for made in (plain.transform(frame), TableEncoder().fit(frame).transform(COLUMNS)):
        assert made.numbers.tobytes() == expected.numbers.tobytes()
        assert made.codes.tobytes() == expected.codes.tobytes()
    assert TableEncoder().fit(frame).columns_ == plain.columns_
    assert plain.transform(frame[:0]).numbers.shape == (0, expected.numbers.shape[1])


@pytest.mark.parametrize("make", [pandas, polars, arrow, of_arrow])
def test_lists_in_a_frame_are_no_values(make):
    frame = make({"l": [[1], [2]]})
    with pytest.raises(CnnCoreError, match=r"need (column 'l' of )?numbers, texts"):
        as_table(frame)


def test_columns_of_frames_are_taken_from_dictionaries_too():
    frame = polars(COLUMNS)
    table = Table(["n", "t"], [frame["number"], frame["text"]])
    assert np.isnan(table.columns[0][0])
    assert table.columns[1][:4] == ["a", "b", None, "c"]
    assert as_table({"n": pandas(COLUMNS)["number"]}).n_rows == N


def test_pandas_own_kinds():
    pytest.importorskip("narwhals")
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({
        "c": pd.Categorical(["b", "a"] * 20), "o": [1, "x"] * 20, "i": np.arange(40.0) ** 2,
        "z": pd.date_range("2020-01-01", periods=40, freq="7h", tz="Europe/Berlin"),
        "p": pd.period_range("2020-01-01", periods=40, freq="D"),
    })  # fmt: skip
    encoder = TableEncoder().fit(frame)
    assert [r.kind for r in encoder.columns_] == ["category", "category", "number", "date", "date"]
    local = frame.assign(z=frame["z"].dt.tz_localize(None))
    assert encoder.transform(local).numbers.tobytes() == encoder.transform(frame).numbers.tobytes()
    with pytest.raises(DataError, match="need names of columns that differ; got 'a'"):
        TableEncoder().fit(pd.DataFrame(np.ones((3, 2)), columns=["a", "a"]))
    by_place = TableEncoder().fit(pd.DataFrame(np.arange(20.0).reshape(10, 2) ** 2))
    assert by_place.feature_names_in_.tolist() == ["x0", "x1"]
    assert by_place.transform(np.ones((2, 2))).numbers.shape == (2, 2)
    with pytest.raises(CnnCoreError, match=r"for one row pass column\.to_dict"):
        encoder.transform(frame["i"])
    with pytest.raises(CnnCoreError, match="need a table"):
        TableEncoder().fit(pd.DataFrame(columns=["a"])["a"])


def test_a_lazy_frame_is_no_table():
    pl = pytest.importorskip("polars")
    with pytest.raises(CnnCoreError, match="need a table"):
        as_table(pl.LazyFrame({"a": [1]}))


def test_without_narwhals_a_frame_says_what_to_install_and_all_else_works():
    code = (
        "import sys; sys.modules['narwhals'] = None\n"
        "import numpy as np\n"
        "from cnn_core.tabular import TableEncoder\n"
        "TableEncoder().fit({'a': [1.5, 2.5]})\n"
        "class Frame:\n"
        "    columns = ['a']\n"
        "    def __array__(self, dtype=None, copy=None): return np.ones((2, 1))\n"
        "try:\n"
        "    TableEncoder().fit(Frame())\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("fit: need the package narwhals for frames")
    assert "pip install cnn-core[tabular]" in done.stdout


def test_nothing_heavy_is_imported_with_the_package():
    code = "import sys, cnn_core.tabular; print({'narwhals', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
