"""Targets: classes of anything as numbers, and numbers that can be learned."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

from cnn_core.errors import DataError, DtypeError, LabelError, ShapeError, StateError
from cnn_core.tabular import Classes, Targets

LABELS = {
    "texts": (["b", "a ", "b", "c"], ["a", "b", "c"], "U"),
    "numbers": ([3, 1, 3, 2], [1, 2, 3], "i"),
    "fractions": ([0.5, -1.0, 0.5, 2.0], [-1.0, 0.5, 2.0], "f"),
    "flags": ([True, False, True, True], [False, True], "b"),
    "array": (np.array([[7], [5], [7]], np.uint8), [5, 7], "i"),
    "objects": (np.array(["x", "y", "x"], object), ["x", "y"], "U"),
    "several types": ([1, "a", 1, None.__class__], [1, "a", type(None)], "O"),
    "tuples": ([(2, 1), (1, 2), (2, 1)], [(1, 2), (2, 1)], "O"),
    "huge": ([10**30, 1, 1], [1, 10**30], "O"),
}


@pytest.mark.parametrize("what", LABELS)
def test_classes_are_in_order_and_come_back(what):
    y, expected, kind = LABELS[what]
    classes = Classes()
    codes = classes.fit_transform(y)
    assert classes.classes_.tolist() == expected
    assert classes.classes_.dtype.kind == kind
    assert codes.dtype == np.int32
    given = y if isinstance(y, list) else y.ravel().tolist()
    labels = [v.strip() if isinstance(v, str) else v for v in given]
    assert [expected[i] for i in codes] == labels
    assert classes.inverse_transform(codes).tolist() == labels
    assert classes.counts_.tolist() == [labels.count(label) for label in expected]
    for other in (copy.deepcopy(classes), pickle.loads(pickle.dumps(classes))):
        assert other.transform(y).tolist() == codes.tolist()


def test_classes_are_those_of_scikit_learn():
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    for y, *_ in (LABELS[k] for k in ("texts", "numbers", "fractions", "flags", "objects")):
        y = [v.strip() if isinstance(v, str) else v for v in y]
        theirs = preprocessing.LabelEncoder().fit(y)
        ours = Classes().fit(y)
        assert ours.classes_.tolist() == theirs.classes_.tolist()
        assert ours.transform(y).tolist() == theirs.transform(y).tolist()


def test_classes_with_a_single_row_are_known():
    assert Classes().fit(["a", "b", "a", "c", "b", "d"]).singles == ["c", "d"]


@pytest.mark.parametrize("what", ["texts", "numbers", "fractions", "flags"])
def test_the_state_of_classes_is_kept_by_json(what):
    classes = Classes().fit(LABELS[what][0])
    other = Classes().load_state_dict(json.loads(json.dumps(classes.state_dict())))
    assert other.classes_.tolist() == classes.classes_.tolist()
    assert other.classes_.dtype == classes.classes_.dtype
    assert other.counts_.tolist() == classes.counts_.tolist()


@pytest.mark.parametrize("state", [
    {}, 3, {"classes": ["a"], "counts": [1]}, {"classes": ["a", "b"], "counts": [1]},
    {"classes": ["a", "a"], "counts": [1, 1]}, {"classes": ["a", ["b"]], "counts": [1, 1]},
    {"classes": ["a", "b"], "counts": [1, -1]}, {"classes": [1.0, float("nan")], "counts": [1, 1]},
])  # fmt: skip
def test_a_damaged_state_of_classes_is_refused(state):
    classes = Classes().fit(["p", "q"])
    with pytest.raises(DataError, match="need"):
        classes.load_state_dict(state)
    assert classes.classes_.tolist() == ["p", "q"]


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ([], DataError, "need one row or more in y; got none"),
        (["a"] * 3, DataError, "need two classes or more in y; got 'a' in all 3 rows"),
        (["a", None, "b"], DataError, "need a class in every row of y; got none in row 1"),
        (["a", "b", " "], DataError, "got none in row 2"),
        ([1.0, np.nan], DataError, "got none in row 1"),
        (np.ones((2, 2)), ShapeError, r"need y of shape \(N,\) or \(N, 1\); got \(2, 2\)"),
        ("abc", ShapeError, "need y as a list or an array"),
        ([["a"], ["b"]], LabelError, r"need classes of y that can be hashed; got \['a'\] in row"),
        (3, DtypeError, "need column 'y' as a list or an array; got 3"),
    ],
)
def test_what_are_no_classes(y, error, message):
    with pytest.raises(error, match=f"fit: .*{message}"):
        Classes().fit(y)


def test_labels_that_training_has_not_seen_are_named():
    classes = Classes().fit(["a", "b"])
    with pytest.raises(LabelError, match="need classes of y among 'a', 'b'; got 'c' in row 1"):
        classes.transform(["a", "c"])
    with pytest.raises(LabelError, match=r"need labels 0 \.\. 1 in codes; got 2 in row 0"):
        classes.inverse_transform([2])
    with pytest.raises(StateError, match="call fit first"):
        Classes().transform(["a"])
    with pytest.raises(LabelError, match="state_dict: need classes that are texts"):
        Classes().fit([(1,), (2,)]).state_dict()


@pytest.mark.parametrize("y", [[1.5, 2, 3], ["1.5", "2", " 3 "], np.array([[1.5], [2], [3]], "f4"),
                               (1.5, 2, 3)])  # fmt: skip
def test_targets_are_float64(y):
    made = Targets().fit_transform(y)
    assert made.dtype == np.float64
    assert made.tolist() == [1.5, 2, 3]


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ([], DataError, "need one row or more in y"),
        ([2, 2], DataError, "need targets that differ in y; got 2 in all 2 rows"),
        ([1, None, 2], DataError, "a finite number in every row of y; got none in row 1"),
        (["1", "2", "n/a"], DataError, "got none in row 2"),
        ([1.0, np.inf], DataError, "got infinity in row 1"),
        (["1", "two"], DataError, "need numbers in y; got 'two' in row 1"),
        (np.array(["2020-01-01"], "M8[D]"), DataError, "need numbers in y"),
        (np.ones((2, 3)), ShapeError, r"got \(2, 3\)"),
        ({"y": [1]}, ShapeError, "need y as a list or an array"),
    ],
)
def test_what_are_no_targets(y, error, message):
    with pytest.raises(error, match=f"fit: .*{message}"):
        Targets().fit_transform(y)


def test_targets_for_a_score_may_be_equal():
    assert Targets().transform([2, 2]).tolist() == [2, 2]
