"""Graph.step: what it refuses, in words, and that nothing changes then."""

from __future__ import annotations

import numpy as np
import pytest

from cnn_core import BATCH, Graph, Input, Parameter, ops
from cnn_core.errors import (
    DtypeError,
    GraphError,
    LabelError,
    OptionError,
    ShapeError,
    StateError,
)
from cnn_core.optim import SGD, Adam

X = np.random.default_rng(11).standard_normal((6, 3))
LABELS = np.array([0, 1, 1, 0, 1, 0], np.int32)


def classes():
    x, t = Input("x", (BATCH, 3)), Input("t", (BATCH,), "int32")
    w = np.random.default_rng(0).standard_normal((3, 2))
    return ops.softmax_cross_entropy(ops.dense(x, Parameter("w", w)), t), {"x": X, "t": LABELS}


WRONG = {
    "missing": ({"x": X}, GraphError, "step: need a value for t; got none"),
    "all missing": ({}, GraphError, "step: need a value for t, x; got none"),
    "unknown": ({"x": X, "t": LABELS, "q": 1}, GraphError, "input 'q': need one of the inputs"),
    "width": ({"x": X[:, :2], "t": LABELS}, ShapeError, r"input 'x': need shape \(B, 3\)"),
    "rows": ({"x": X[:4], "t": LABELS}, ShapeError, "need 4 rows; got 6"),
    "empty": ({"x": X[:0], "t": LABELS[:0]}, ShapeError, "input 'x'"),
    "scalar": ({"x": 1.0, "t": LABELS}, ShapeError, "input 'x'"),
    "ragged": ({"x": [[1, 2, 3], [4]], "t": LABELS}, ShapeError, "input 'x': need real numbers in"),
    "complex": ({"x": X * 1j, "t": LABELS}, DtypeError, "input 'x': need real numbers"),
    "fraction": ({"x": X, "t": LABELS + 0.5}, LabelError, "input 't': need whole numbers"),
    "label": ({"x": X, "t": LABELS + 1}, LabelError, "labels from 0 to 1; got 2 at row 1"),
}


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(("feed", "error", "words"), WRONG.values(), ids=WRONG)
def test_a_failing_step_says_why_and_changes_nothing(feed, error, words, warm):
    loss, right = classes()
    graph, optimizer = Graph(loss), Adam()
    if warm:
        graph.step(optimizer, **right)
    optimizer.bind(graph.params)
    state, value = optimizer.state_dict(), graph.params.value.tobytes()
    with pytest.raises(error, match=words):
        graph.step(optimizer, **feed)
    assert graph.params.value.tobytes() == value
    now = optimizer.state_dict()
    assert now["step_count"] == state["step_count"]
    np.testing.assert_equal(now["slots"], state["slots"])
    np.testing.assert_array_equal(now["scalars"], state["scalars"])
    graph.step(optimizer, **right)


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda x, w: [x * w, ops.sum(x * w)], ShapeError, "real scalar as the first output"),
        (lambda x, w: ops.sum(x), GraphError, "need parameters that sum_0 depends on and"),
        (lambda x, w: [ops.sum(x), w], GraphError, "need parameters that sum_0 depends on"),
        (lambda x, w: ops.sum(ops.greater(w, x)), GraphError, "'greater' has none"),
        (lambda x, w: ops.greater(ops.sum(w), 0.0), GraphError, "'greater'"),
    ],
)
def test_a_step_needs_a_scalar_to_minimise_and_something_to_learn(build, error, words):
    graph = Graph(build(Input("x", (BATCH, 2)), Parameter("w", np.ones(2))))
    for _ in range(2):
        with pytest.raises(error, match=words):
            graph.step(SGD(lr=0.1), x=np.ones((3, 2)))


@pytest.mark.parametrize("optimizer", ["adam", None, 0.1])
def test_a_step_needs_an_optimizer(optimizer):
    loss, feed = classes()
    with pytest.raises(OptionError, match=r"step: need an optimizer such as Adam\(\); got"):
        Graph(loss).step(optimizer, **feed)


def test_an_optimizer_of_other_parameters_is_refused():
    loss, feed = classes()
    one, other, optimizer = Graph(loss), Graph(loss), SGD(lr=0.1)
    one.step(optimizer, **feed)
    before = other.params.value.tobytes()
    with pytest.raises(StateError, match="need the parameters that it was bound to first"):
        other.step(optimizer, **feed)
    assert other.params.value.tobytes() == before


def test_a_schedule_that_fails_or_steps_itself_changes_nothing():
    loss, feed = classes()
    graph = Graph(loss)
    reactions = []
    optimizer = SGD(lr=lambda step: reactions[-1](step) if reactions else 0.1)
    graph.step(optimizer, **feed)
    before = graph.params.value.tobytes()
    reactions.append(lambda step: -1.0)
    with pytest.raises(OptionError, match="lr"):
        graph.step(optimizer, **feed)
    reactions.append(lambda step: graph.step(optimizer, **feed))
    with pytest.raises(StateError, match="from within its own run"):
        graph.step(optimizer, **feed)
    assert graph.params.value.tobytes() == before
    assert optimizer.step_count == 1
