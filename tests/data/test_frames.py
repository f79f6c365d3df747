"""Tables of pandas, Polars and Arrow: numbers of any type come in, the rest is named."""

from __future__ import annotations

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.arrays import as_numbers
from cnn_core.errors import DataError, DtypeError, ShapeError

OBJECTS = np.array([1, 2.5, True], object)


class Column:
    """A column as Arrow has it: a type, and values that may be missing."""

    def __init__(self, values, missing=(), type="double"):
        self.values, self.missing, self.type = np.asarray(values), list(missing), type
        self.null_count = len(self.missing)

    def is_null(self):
        return np.isin(np.arange(len(self.values)), self.missing)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)

    def __len__(self):
        return len(self.values)


class Table:
    def __init__(self, **columns):
        self.column_names, self.columns = list(columns), list(columns.values())

    def __len__(self):
        return len(self.columns[0])

    def __array__(self, dtype=None, copy=None):
        return np.array([list(c.values) for c in self.columns], object).T


FLOATS = Column([1.5, 2.5, 3.5])


def numbers(x):
    return as_numbers(x, who="fit", name="x")


def test_a_table_of_several_types_becomes_numbers():
    table = Table(a=FLOATS, b=Column([True, False, True]), c=Column([7, 8, 9]), d=Column(OBJECTS))
    found = numbers(table)
    assert found.dtype == np.float64
    assert found.tolist() == [[1.5, 1, 7, 1], [2.5, 0, 8, 2.5], [3.5, 1, 9, 1]]
    narrow = Table(a=Column(np.ones(2, "f4")), b=Column([True, False]))
    assert numbers(narrow).dtype == np.float32
    assert numbers(Table(a=Column([]), b=Column([]))).shape == (0, 2)


@pytest.mark.parametrize(
    ("column", "error", "text"),
    [
        (Column(["x", "y", "z"], type="string"), DtypeError, "dtype string: make numbers of it"),
        (Column(np.array(["x", None, 1], object)), DtypeError, "make numbers of it"),
        (Column(np.zeros(3, "M8[D]"), type="date"), DtypeError, "date: make numbers of dates"),
        (Column([1.0, np.nan, np.nan], [1, 2]), DataError, "values; got one at row 1: fill"),
        (Column([True, None, False], [1], "bool"), DataError, "missing values; got one at row 1"),
        (Column(np.ones(3, np.longdouble), type="float128"), DtypeError, "convert it to float64"),
        (Column(np.ones((3, 2))), DtypeError, r"; got arrays of shape \(2,\)"),
    ],
)
def test_what_is_no_number_is_named_with_its_column(column, error, text):
    if column.values.dtype == np.float64 and text == "convert it to float64":
        pytest.skip("long double is float64 here")
    with pytest.raises(error, match=rf"fit: need .*column 'bad' of x.*{text}"):
        numbers(Table(good=FLOATS, bad=column))


def test_a_missing_value_of_a_column_is_named():
    for call in (lambda c: cnn.Parameter("w", c), cnn.Constant, lambda c: cnn.Input("x") + c):
        with pytest.raises(DataError, match=r"need .* without missing values; got one at row 2"):
            call(Column([1.0, 2.0, np.nan], [2]))


def trainer(inputs, **options):
    return cnn.Trainer(cnn.Sequential([cnn.Dense(1)], inputs), loss=cnn.MSE(), **options)


def test_nan_and_huge_numbers_in_a_table_are_named_with_the_columns_name():
    table = Table(age=FLOATS, income=Column([1.0, np.nan, 2.0]))
    with pytest.raises(DataError, match=r"features x; got nan at row 1, column 1 \('income'\)"):
        trainer(2).fit(table, np.ones(3), progress=False)
    table = Table(age=FLOATS, income=Column([1.0, 2.0, 1e39]))
    with pytest.raises(DataError, match=r"got 1e\+39 at row 2, column 1 \('income'\): scale it"):
        trainer(2).net.predict(table)


# -- the packages themselves, where they are installed ------------------------------------------


def test_pandas():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({
        "a": [1.5, 2.5], "b": [True, False], "c": pd.array([1, 2], "Int64"),
        "d": pd.Categorical([3, 4]), "e": pd.array([0.5, 1.5], "Float64"),
        "f": pd.array([True, False], "boolean"), "g": pd.Series([1, 2.5], dtype=object),
    })  # fmt: skip
    plain = [[1.5, 1, 1, 3, 0.5, 1, 1], [2.5, 0, 2, 4, 1.5, 0, 2.5]]
    assert numbers(frame).tolist() == plain
    net = trainer(7).net
    for given in (frame, frame[:0], frame[["a"] * 7], frame.iloc[0]):
        expected = net.predict(np.asarray(given, np.float64))
        assert np.array_equal(net.predict(given), expected)
    history = trainer(7).fit(frame, frame["c"], progress=False)
    assert history["loss"] == trainer(7).fit(plain, [1, 2], progress=False)["loss"]
    floats = pd.DataFrame(np.ones((5, 3)))
    assert np.shares_memory(numbers(floats), floats.to_numpy())
    for bad, error in (
        (["x", "y"], DtypeError), (pd.Categorical(["x", "y"]), DtypeError),
        (pd.array([1, None], "Int64"), DataError), (pd.array([0.5, None], "Float64"), DataError),
        (pd.Series([1, None], dtype=object), DataError),
        (pd.to_datetime(["2020-01-01"] * 2), DtypeError),
    ):  # fmt: skip
        with pytest.raises(error, match="fit: need column 'bad' of x"):
            numbers(frame.assign(bad=bad))
    for taker in (cnn.Constant, lambda c: cnn.Parameter("w", c)):
        with pytest.raises(DataError, match="without missing values; got one at row 1"):
            taker(pd.Series([1, None], dtype="Int64"))
    with pytest.raises(DtypeError, match=r"need y to hold real numbers.*encode labels"):
        cnn.data.as_labels(pd.Series(["x", "y"]), 2)
    train, test = cnn.data.train_test_split(frame, test_size=1, seed=0)
    assert sorted([*train.tolist(), *test.tolist()]) == plain


def test_polars():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"a": [1.5, 2.5], "b": [True, False], "c": [1, 2]})
    assert numbers(frame).tolist() == [[1.5, 1, 1], [2.5, 0, 2]]
    for bad, error in (
        (pl.Series(["x", "y"]), DtypeError), (pl.Series([1, None]), DataError),
        (pl.Series([True, None]), DataError), (pl.Series([[1], [1, 2]]), DtypeError),
        (pl.Series([[1, 2], [1, 2]], dtype=pl.Array(pl.Int64, 2)), DtypeError),
    ):  # fmt: skip
        with pytest.raises(error, match=r"fit: need .*column 'bad' of x"):
            numbers(frame.with_columns(bad=bad))
    for taker in (cnn.Constant, lambda c: cnn.Parameter("w", c)):
        with pytest.raises(DataError, match="without missing values; got one at row 1"):
            taker(pl.Series([1, None]))
    assert trainer(3).net.predict(frame[:0]).shape == (0, 1)


def test_arrow():
    pa = pytest.importorskip("pyarrow")
    assert numbers(pa.table({"a": [1.5, 2.5], "b": [True, False]})).tolist() == [[1.5, 1], [2.5, 0]]
    with pytest.raises(DataError, match="column 'b' of x without missing values"):
        numbers(pa.table({"a": [1.5, 2.5], "b": [1, None]}))
    with pytest.raises(ShapeError, match=r"need x of shape \(N, 3\)"):
        trainer(3).net.predict(pa.table({"a": [1.5]}))
