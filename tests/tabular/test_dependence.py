"""`partial_dependence`: against predictions of tables with one value in a column; pictures."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from cnn_core.errors import CnnCoreError, DataError, OptionError, StateError
from cnn_core.tabular import TabularClassifier, TabularRegressor, sweeps

N = 150
RNG = np.random.default_rng(8)
START = dt.datetime(2020, 1, 30)
X = {
    "x": [None if i % 11 == 0 else float(v) for i, v in enumerate(RNG.normal(size=N))],
    "hour": [i % 24 for i in range(N)],
    "flag": [["yes", "no", ""][i % 3] for i in range(N)],
    "few": [["red", "green", "blue", None][i % 4] for i in range(N)],
    "many": [f"m{min(i % 30, i % 7)}" for i in range(N)],
    "when": [None if i % 50 == 7 else START + dt.timedelta(days=3 * i) for i in range(N)],
    "note": [None if i % 2 else f"note {i} of some length that tells rows apart" for i in range(N)],
    "same": [1.0] * N,
    3: RNG.normal(size=N).tolist(),
}  # fmt: skip
SIGNAL = np.array([0.0 if v is None else v for v in X["x"]]) + np.array(X["hour"]) / 9
THREE = np.array(["low", "mid", "top"])[np.searchsorted(np.quantile(SIGNAL, [0.3, 0.7]), SIGNAL)]
OPTIONS = {"kinds": {"hour": "discrete"}, "encoder": {"discrete_rows": 5, "max_one_hot": 6},
           "options": {"epochs": 6}}  # fmt: skip
CLASSES = TabularClassifier("mlp", **OPTIONS).fit({**X, "level": THREE.tolist()}, "level")
NUMBERS = TabularRegressor("mlp", **OPTIONS).fit(X, SIGNAL)
GRIDS = {
    "x": [-1.5, 0.25, None, "1.5"], "hour": [0, 23, 7.5], "flag": [True, "no", None],
    "few": ["blue", "never seen", None], "many": ["m3", "?"], "note": ["a text", None],
    "when": [START, None, "2020-05-06"], 3: np.array([0.5, np.inf]),
}  # fmt: skip


def replaced(column, value):
    return {**X, column: [value] * N}


@pytest.mark.parametrize("block", [1, 30_000, 1 << 25])
@pytest.mark.parametrize("column", GRIDS)
def test_it_is_the_mean_prediction_of_tables_with_one_value(monkeypatch, column, block):
    monkeypatch.setattr(sweeps, "BLOCK_BYTES", block)
    monkeypatch.setattr(sweeps, "FEWEST_ROWS", 7)
    for model, predict in ((CLASSES, CLASSES.predict_proba), (NUMBERS, NUMBERS.predict)):
        loop = np.stack([predict(replaced(column, value)) for value in GRIDS[column]])
        found = model.partial_dependence(X, column, grid=GRIDS[column])
        assert found.values.shape == (len(GRIDS[column]), *loop.shape[2:])
        assert np.allclose(found.values, loop.mean(axis=1), rtol=0, atol=1e-12)
        rows = model.partial_dependence(X, column, grid=GRIDS[column], kind="individual").values
        assert np.array_equal(rows, np.moveaxis(loop, 1, 0))


def test_a_grid_is_made_of_what_the_table_has():
    def grid(column, n):
        return NUMBERS.partial_dependence(X, column, grid=n).grid

    known = np.array([v for v in X["x"] if v is not None])
    assert np.allclose(grid("x", 9), np.linspace(*np.quantile(known, [0.05, 0.95]), 9))
    assert np.array_equal(grid("x", N), np.unique(known))
    assert np.array_equal(grid("hour", 24), np.arange(24))
    assert set(grid("hour", 5)) <= set(range(24))
    assert len(grid("hour", 5)) == 5
    assert grid("flag", 5) == [False, True, None]
    assert grid("few", 5) == ["blue", "green", "red", None]
    counts = {m: X["many"].count(m) for m in set(X["many"])}
    assert sorted(counts[m] for m in grid("many", 3)) == sorted(counts.values())[-3:]
    dates = grid("when", 7)
    assert (dates.dtype, len(dates)) == ("M8[us]", 7)
    assert np.datetime64(START) < dates[0] < dates[-1] < np.datetime64(max(filter(None, X["when"])))


@pytest.mark.parametrize(("column", "options", "error", "said"), [
    ("same", {}, DataError, "need a column that the model looks at; got 'same', .* left out"),
    ("note", {}, DataError, "need grid, values of column 'note'"),
    ("houre", {}, DataError, "need a column among .* got 'houre': did you mean 'hour'"),
    ("level", {}, DataError, "need a column among .* got 'level'"),
    ("x", {"grid": ["much"]}, DataError, "need values of column 'x' in grid; got 'much'"),
    ("x", {"grid": []}, OptionError, r"grid, a whole number, or a list of values .* got \[\]"),
    ("x", {"grid": 0}, OptionError, "grid, a whole number from 1 to 100000; got 0"),
    ("x", {"kind": "both"}, OptionError, "need kind among average, individual|kind"),
])  # fmt: skip
def test_bad_input_is_refused(column, options, error, said):
    with pytest.raises(error, match=said) as caught:
        CLASSES.partial_dependence(X, column, **options)
    assert str(caught.value).startswith("partial_dependence: ")
    assert isinstance(caught.value, CnnCoreError)


def test_it_needs_rows_and_a_learner_that_has_learned():
    with pytest.raises(DataError, match="partial_dependence: need one row or more"):
        NUMBERS.partial_dependence({name: [] for name in X}, "x")
    with pytest.raises(StateError, match="need a TabularRegressor that has learned"):
        TabularRegressor().partial_dependence(X, "x")
    with pytest.raises(DataError, match="column 'x': the table has none"):
        NUMBERS.partial_dependence({**X, "x": [None] * N}, "x")


# -- pictures -------------------------------------------------------------------------------


def lines(axis):
    return [(line.get_label(), np.asarray(line.get_ydata(), float)) for line in axis.get_lines()]


def test_a_picture_has_a_panel_for_each_column_at_one_scale(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "picture.png"
    figure = CLASSES.draw_partial_dependence(X, ["x", "few", "when", 3], path, grid=5)
    assert path.read_bytes()[:4] == b"\x89PNG"
    assert len(figure.axes) == 4
    assert len({axis.get_ylim() for axis in figure.axes}) == 1
    for axis, column in zip(figure.axes, ["x", "few", "when", 3], strict=True):
        values = CLASSES.partial_dependence(X, column, grid=5).values
        found = dict(lines(axis))
        assert set(found) == {"low", "mid", "top"}
        assert all(np.array_equal(found[label], values[:, i])
                   for i, label in enumerate(CLASSES.classes_))  # fmt: skip
    names = [text.get_text() for text in figure.axes[1].get_xticklabels()]
    assert names == ["blue", "green", "red", "missing"]


def test_a_picture_of_one_class_and_of_single_rows_goes_into_given_axes():
    plt = pytest.importorskip("matplotlib.figure")
    axis = plt.Figure().add_subplot()
    figure = CLASSES.draw_partial_dependence(X, "hour", ax=axis, grid=4, label="top",
                                             individual=True)  # fmt: skip
    assert figure is axis.figure
    assert axis.get_ylabel() == "probability of level: top"
    (_, mean), *rows = lines(axis)
    assert np.array_equal(mean, CLASSES.partial_dependence(X, "hour", grid=4).values[:, 2])
    each = CLASSES.partial_dependence(X, "hour", grid=4, kind="individual").values[..., 2]
    assert len(rows) == 60
    assert np.array_equal(rows[0][1], each[0])
    assert np.array_equal(rows[-1][1], each[-1])
    with pytest.raises(OptionError, match="need 2 axes, one for each column; got 1"):
        CLASSES.draw_partial_dependence(X, ["x", 3], ax=axis)
    with pytest.raises(OptionError, match="need label, a class among 'low', 'mid', 'top'; got 1"):
        CLASSES.draw_partial_dependence(X, "x", ax=axis, label=1)
    with pytest.raises(OptionError, match="need label, no label"):
        NUMBERS.draw_partial_dependence(X, "x", ax=axis, label=1)
    with pytest.raises(OptionError, match="draw_partial_dependence: need a column to draw"):
        NUMBERS.draw_partial_dependence(X, [], ax=axis)


def test_of_many_classes_the_likeliest_are_drawn():
    plt = pytest.importorskip("matplotlib.figure")
    table = {"x": X[3], "y": [f"c{min(v % 8, v % 3 + 5)}" for v in RNG.integers(0, 99, N).tolist()]}
    model = TabularClassifier("mlp", options={"epochs": 2}).fit(table, "y")
    axis = plt.Figure().add_subplot()
    model.draw_partial_dependence(table, "x", ax=axis, grid=3)
    mean = model.partial_dependence(table, "x", grid=3).values.mean(axis=0)
    assert [name for name, _ in lines(axis)] == model.classes_[np.argsort(-mean)[:6]].tolist()
    assert axis.get_ylabel() == "probability of y: each class"
