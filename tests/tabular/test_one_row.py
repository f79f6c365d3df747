"""One row as a dictionary, a file and a table are predicted alike, to the bit."""

from __future__ import annotations

import threading
import tracemalloc
import warnings
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core._ext.core import pool
from cnn_core.errors import CnnCoreError, DataError, OptionError, ShapeError
from cnn_core.tabular import Encoded, TabularClassifier, TabularRegressor
from cnn_core.tabular import predicting as predicting_module
from cnn_core.tabular.calibration import unsmoothed

RNG = np.random.default_rng(17)
N = 230
pytestmark = [pytest.mark.filterwarnings("ignore:.*columns that training has not seen"),
              pytest.mark.filterwarnings("ignore:.*threads on")]  # fmt: skip
DAY = date(2021, 3, 1)
ROWS = [{
    "size": float(RNG.normal(0, 3)) if i % 7 else None, "count": int(RNG.integers(0, 9)),
    "kind": "pqrs"[int(RNG.integers(4))], "place": f"place {RNG.integers(30)}",
    "new": bool(RNG.integers(2)), "day": DAY + timedelta(int(RNG.integers(900))),
} for i in range(N)]  # fmt: skip
VALUE = [(r["size"] or 1) + r["count"] * r["new"] for r in ROWS]
CLASS = [["low", "mid", "top"][int(v)] for v in np.digitize(VALUE, [0, 4])]
MLP = {"epochs": 3, "hidden": (17, 5), "batch_size": 64}
CODES = {"max_one_hot": 3, "discrete_rows": 5}

MAKE = {
    "classes": lambda: TabularClassifier("mlp", options=MLP, encoder=CODES).fit(ROWS, CLASS),
    "networks": lambda: TabularClassifier("mlp", options=MLP, n_models=3).fit(ROWS, CLASS),
    "members": lambda: TabularClassifier("tabm", options={"epochs": 2, "k": 5}).fit(ROWS, CLASS),
    "smoothed": lambda: TabularClassifier("realmlp", options={"epochs": 2}).fit(ROWS, CLASS),
    "mean": lambda: TabularRegressor("mlp", options=MLP, encoder=CODES).fit(ROWS, VALUE),
    "quantiles": lambda: TabularRegressor(
        "mlp", options=MLP, quantiles=(0.1, 0.2, 0.45, 0.9), n_models=2).fit(ROWS, VALUE),
    "codes alone": lambda: TabularClassifier("mlp", options=MLP, encoder={"max_one_hot": 1}).fit(
        [{"place": r["place"], "kind": r["kind"]} for r in ROWS], CLASS),
    "numbers alone": lambda: TabularRegressor("mlp", options=MLP).fit(
        [{"size": r["size"], "count": r["count"]} for r in ROWS], VALUE),
}  # fmt: skip


@pytest.fixture(scope="module", params=MAKE)
def model(request):
    return MAKE[request.param]()


def methods(model):
    names = ["predict", "predict_proba", "predict_quantiles", "predict_interval", "predict_std"]
    found = [getattr(model, name) for name in names if hasattr(model, name)]
    many = len(model.fitted_) > 1 or model.fitted_[0].network.output.shape[1:-1]
    found = [f for f in found if f.__name__ != "predict_std" or many]
    return [f for f in found if f.__name__ != "predict_quantiles" or model._task.quantiles]


def test_a_row_has_the_bits_that_it_has_in_a_table(model):
    for method in methods(model):
        whole = method(ROWS)
        assert len(whole) == N
        for i in range(0, N, 11):
            found = method(ROWS[i])
            assert found.shape == (1, *whole.shape[1:])
            assert found.dtype == whole.dtype
            assert found.tobytes() == whole[i : i + 1].tobytes(), method.__name__
        assert method(ROWS[40:57]).tobytes() == whole[40:57].tobytes()


def test_tables_of_many_blocks_have_the_same_bits(model, monkeypatch):
    expected = [method(ROWS) for method in methods(model)]
    monkeypatch.setattr(predicting_module, "BLOCK", 37)
    for method, whole in zip(methods(model), expected, strict=True):
        assert method(ROWS).tobytes() == whole.tobytes()


ODD = [
    {"size": "1.5"}, {"size": float("nan")}, {"size": np.float64(2)}, {"size": Decimal("0.5")},
    {"size": 1e300}, {"size": "far"}, {"count": "3"}, {"count": np.int64(4)}, {"count": 2.0},
    {"count": 10**30}, {"kind": "new"}, {"kind": None}, {"kind": np.str_("q")}, {"kind": 3},
    {"place": "?"}, {"place": " place 3 "}, {"new": "yes"}, {"new": 1}, {"new": "maybe"},
    {"new": np.bool_(True)}, {"day": "2021-05-06"}, {"day": datetime(2021, 5, 6, 7)},
    {"day": np.datetime64("2021-05-06")}, {"day": "soon"}, {"day": None}, {"also": [1, 2][0]},
]  # fmt: skip


@pytest.fixture(scope="module")
def classifier():
    return MAKE["classes"]()


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_odd_values_are_what_they_are_in_a_table(odd, classifier):
    model = classifier
    row = {**ROWS[3], **odd}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = model.predict_proba(row)
        assert found.tobytes() == model.predict_proba([row]).tobytes()
        assert found.tobytes() == model.predict_proba([row, ROWS[0]])[:1].tobytes()


def test_what_is_not_of_a_columns_kind_is_said_of_a_row_too(classifier):
    model = classifier
    with pytest.warns(UserWarning, match=r"^predict: column 'size': 1 is no number"):
        model.predict({**ROWS[0], "size": "far"})
    row = dict(ROWS[0])
    del row["size"], row["kind"]
    with pytest.raises(DataError, match=r"^predict: need columns 'size', 'kind', 2 of the"):
        model.predict(row)
    with pytest.raises(DataError, match=r"^predict_proba: need columns 'size', 'kind', 2 of the"):
        model.predict_proba([row])
    for wrong in ({}, {"size": [1.0, 2.0]}, {**ROWS[0], "size": [1.0]}):
        with pytest.raises(CnnCoreError):
            model.predict(wrong)


# -- files ----------------------------------------------------------------------------------------


def write(path, rows, names=tuple(ROWS[0])):
    lines = [",".join(names)]
    lines += [",".join("" if row[n] is None else str(row[n]) for n in names) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("rows", [1, 7, 100, 5000])
def test_a_file_is_predicted_as_the_table(model, rows, tmp_path):
    path = write(tmp_path / "rows.csv", ROWS)
    for method in methods(model):
        whole = method(ROWS)
        assert method(path).tobytes() == whole.tobytes()
        parts = list(model.stream(path, method.__name__, rows=rows))
        assert max(map(len, parts)) <= rows
        assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_no_rows_are_none(tmp_path):
    path = write(tmp_path / "none.csv", [])
    for make, width in (("classes", (3,)), ("mean", ()), ("members", (3,))):
        model = MAKE[make]()
        none = {name: [] for name in ROWS[0]}
        for x in (path, none):
            assert len(model.predict(x)) == 0
        found = model.predict_proba(path) if width else model.predict(path)
        assert found.shape == (0, *width)
        assert list(model.stream(path)) == []


def test_memory_does_not_grow_with_a_file(tmp_path):
    model = MAKE["mean"]()
    peaks = []
    for times in (50, 150):  # more than what is read at a time
        path = write(tmp_path / f"{times}.csv", ROWS * times)
        tracemalloc.start()
        n = sum(map(len, model.stream(path, rows=1000)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert n == N * times
    assert peaks[1] < 1.05 * peaks[0]


def test_columns_that_training_has_not_seen_are_told_but_for_the_target(tmp_path):
    rows = [{**row, "y": v, "z": 1} for row, v in zip(ROWS, VALUE, strict=True)]
    model = TabularRegressor("mlp", options=MLP).fit([{**r, "y": r["y"]} for r in rows], "y")
    path = write(tmp_path / "a.csv", rows, (*ROWS[0], "z", "y"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(path)
    other = write(tmp_path / "b.csv", [{**r, "w": 2} for r in rows], (*ROWS[0], "z", "w", "y"))
    with pytest.warns(UserWarning, match=r"left out: 'w'$"):
        model.predict(other)


def test_what_streams(tmp_path):
    model, path = MAKE["classes"](), write(tmp_path / "rows.csv", ROWS)
    with pytest.raises(OptionError, match="stream: need method"):
        model.stream(path, "predict_quantiles")
    with pytest.raises(OptionError, match="rows"):
        model.stream(path, rows=0)
    with pytest.raises(OSError, match="nowhere"):
        model.stream(tmp_path / "nowhere.csv")
    found = model.stream(write(tmp_path / "bar", ROWS), delimiter=",", header=True)
    assert np.array_equal(np.concatenate(list(found)), model.predict(ROWS))


# -- encoded rows, threads, means -----------------------------------------------------------------


def test_encoded_rows_are_taken(model):
    encoded = model.encoder_.transform(ROWS)
    for method in methods(model):
        assert method(encoded).tobytes() == method(ROWS).tobytes()
    wrong = [encoded._replace(numbers=encoded.numbers[:, 1:]), encoded._replace(codes=None),
             encoded._replace(codes=encoded.codes[1:]) if encoded.codes.size else Encoded(*"ab"),
             encoded._replace(numbers=encoded.numbers.astype(float))]  # fmt: skip
    for one in wrong[not encoded.numbers.size :]:
        with pytest.raises(ShapeError, match="predict: need rows as encoder_"):
            model.predict(one)


def test_threads_predict_at_once():
    model = MAKE["classes"]()
    expected = model.predict_proba(ROWS)
    wrong = []

    def work(begin):
        for i in range(begin, begin + 300):
            if model.predict_proba(ROWS[i % N]).tobytes() != expected[i % N].tobytes():
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(k * 50,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_change_of_threads_in_between_changes_nothing():
    model = MAKE["mean"]()
    expected = model.predict(ROWS)
    try:
        for n in (1, 3):
            cnn.set_num_threads(n)
            assert model.predict(ROWS).tobytes() == expected.tobytes()
            assert model.predict(ROWS[1]) == expected[1]
    finally:
        cnn.set_num_threads(None)


@pytest.mark.parametrize("n", [1, 2, 131])
@pytest.mark.parametrize("members", [0, 1, 7])
@pytest.mark.parametrize("outputs", [1, 2, 19])
def test_means_over_networks_and_members(n, members, outputs):
    shape = (n, members, outputs) if members else (n, outputs)
    raw = [RNG.normal(0, 30, shape).astype(np.float32) for _ in range(3)]
    scales = [1.0, 0.5, 4.0]
    z = np.concatenate([np.float64(s) * r.reshape(n, -1, outputs) for s, r in
                        zip(scales, raw, strict=True)], axis=1)  # fmt: skip
    np.testing.assert_allclose(pool(raw, scales, False), z.mean(1), rtol=1e-13, atol=1e-12)
    e = np.exp(z - z.max(-1, keepdims=True))
    p = pool(raw, scales, True)
    np.testing.assert_allclose(p, (e / e.sum(-1, keepdims=True)).mean(1), rtol=1e-11, atol=1e-300)
    assert p.sum(1) == pytest.approx(1, abs=1e-14)
    assert pool([r[-1:] for r in raw], scales, True).tobytes() == p[-1:].tobytes()
    less = pool(raw, scales, True, 0.1)
    expected = unsmoothed(e / e.sum(-1, keepdims=True), 0.1).mean(1)
    np.testing.assert_allclose(less, expected, rtol=1e-9)
    assert pool([r[-1:] for r in raw], scales, True, 0.1).tobytes() == less[-1:].tobytes()


@pytest.mark.parametrize("raw", [
    [np.zeros((2, 3))], [np.zeros(3, np.float32)], [np.zeros((0, 3), np.float32)], [None],
    [np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32)],
    [np.zeros((3, 2), np.float32).T], [np.zeros((2, 1, 1, 3), np.float32)],
])  # fmt: skip
def test_means_of_anything_else_are_refused(raw):
    with pytest.raises(TypeError, match="need outputs"):
        pool(raw, [1.0] * len(raw), True)


def test_the_short_way_refuses_what_a_network_does_not_read():
    net = MAKE["classes"]().fitted_[0].network
    numbers, codes = (np.zeros((2, node.shape[1]), "f4" if name == "numbers" else "i4")
                      for name, node in net.inputs.items())  # fmt: skip
    assert net._outputs((numbers, codes)).shape == (2, 3)
    for given in ((numbers,), (codes, numbers), (numbers, codes[:1]), (numbers[:0], codes[:0]),
                  (numbers.astype(float), codes), (numbers, codes[:, :-1]), (numbers.T, codes),
                  (numbers, None), (np.float32(1), codes), (numbers, codes, codes)):  # fmt: skip
        with pytest.raises(TypeError, match="need"):
            net._outputs(given)
    with pytest.raises(CnnCoreError, match="need"):
        net._outputs((numbers, codes + 10**6))
