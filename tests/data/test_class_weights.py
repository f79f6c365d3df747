"""Weights of classes as weights of rows."""

from __future__ import annotations

import numpy as np
import pytest

from cnn_core.data import class_weights
from cnn_core.errors import DataError, LabelError, OptionError, ShapeError

Y = np.array([0, 2, 2, 5, 2, 0])


def test_balanced_is_the_formula_of_scikit_learn():
    expected = np.array([6 / (3 * n) for n in (2, 3, 3, 1, 3, 2)])
    for y in (Y, Y[:, None], Y.astype(np.uint8), Y.astype(float), Y.tolist()):
        np.testing.assert_array_equal(class_weights("balanced", y), expected)
    sklearn = pytest.importorskip("sklearn.utils.class_weight", reason="no scikit-learn")
    np.testing.assert_allclose(class_weights("balanced", Y),
                               sklearn.compute_sample_weight("balanced", Y))  # fmt: skip
    given = {0: 3.0, 5: 0.0}
    np.testing.assert_allclose(class_weights(given, Y), sklearn.compute_sample_weight(given, Y))


def test_a_mapping_names_classes_by_any_number_and_leaves_the_others_at_1():
    found = class_weights({np.int64(2): 0, 5.0: 7}, Y)
    np.testing.assert_array_equal(found, [1, 0, 0, 7, 0, 1])
    np.testing.assert_array_equal(class_weights({True: 3}, np.array([False, True])), [1, 3])
    np.testing.assert_array_equal(class_weights({-1: 3}, [-1.0, 1.0]), [3, 1])


def test_ignored_labels_are_in_no_class():
    found = class_weights("balanced", [0, 0, 1, -1, -1], ignore_index=-1)
    np.testing.assert_array_equal(found, [0.75, 0.75, 1.5, 1, 1])
    with pytest.raises(OptionError, match="need classes that occur, 0, 1; got a weight for -1"):
        class_weights({-1: 2}, [0, 1, -1], ignore_index=-1)
    with pytest.raises(DataError, match="rows that count; got 2 ignored ones"):
        class_weights("balanced", [-1, -1], ignore_index=-1)


@pytest.mark.parametrize(("given", "y", "error", "words"), [
    ({7: 1.0}, Y, OptionError, "class_weight: need classes that occur, 0, 2, 5; got .* for 7"),
    ({"a": 1.0}, Y, OptionError, "need classes that occur, 0, 2, 5; got a weight for 'a'"),
    ({2: -1}, Y, OptionError, r"class_weight\[2\]: need a number in \[0, 1e\+18\]; got -1"),
    ({2: np.nan}, Y, OptionError, r"class_weight\[2\]: need a number"),
    ({0: 0, 2: 0, 5: 0}, Y, OptionError, "need one weight above 0 or more; got 0 for all classes"),
    ("balance", Y, OptionError, "a mapping from classes to weights, or 'balanced'; got 'balance'"),
    ([1, 2, 3], Y, OptionError, "a mapping from classes to weights"),
    ("balanced", [0, 1, 0.5], LabelError, "need class labels, whole .*; got 0.5 in row 2"),
    ("balanced", [0, np.nan], LabelError, "need class labels, whole .*; got nan in row 1"),
    ("balanced", np.eye(3), ShapeError, r"need class labels y .* got \(3, 3\): .*argmax"),
    ("balanced", [], ShapeError, r"need class labels y of shape \(N,\) or \(N, 1\); got \(0,\)"),
])  # fmt: skip
def test_what_is_no_weight_or_label_is_refused(given, y, error, words):
    with pytest.raises(error, match=words):
        class_weights(given, y)
