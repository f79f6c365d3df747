"""Graphs: outputs without gradient, calls in the wrong order, wrong nodes, feeds and seeds."""

from __future__ import annotations

import re

import numpy as np
import pytest

from cnn_core import BATCH, Adam, Graph, Input, Parameter, ParamStore, ops
from cnn_core.errors import (
    CnnCoreError,
    DataError,
    DtypeError,
    GraphError,
    LabelError,
    ShapeError,
    StateError,
)

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
FORM = r"^[^:]+: need .+; got .+$"

# -- outputs without a gradient -------------------------------------------------------------------

POINT, LIMIT = np.array([1.0, -2.0, np.nan, 0.5]), np.array([0.0, -2.0, 1.0, 0.5])
COMPARISONS = ["greater", "greater_equal", "less", "less_equal", "equal", "not_equal"]


@DTYPES
@pytest.mark.parametrize("op", COMPARISONS)
def test_a_comparison_may_be_the_output_of_a_graph(op, dtype):
    graph = Graph(getattr(ops, op)(Input("x", (4,)), LIMIT), dtype=dtype)
    found = graph.forward(x=POINT)
    assert found.dtype == dtype
    assert np.array_equal(found, getattr(np, op)(POINT, LIMIT))


@pytest.mark.parametrize("op", COMPARISONS)
def test_backward_from_a_comparison_is_refused_by_name(op):
    graph = Graph(getattr(ops, op)(Input("x", (4,)), LIMIT, name="decision"))
    graph.forward(x=POINT)
    with pytest.raises(GraphError, match=rf"decision.*{op}"):
        graph.backward(np.ones(4))


def test_the_gradient_of_one_output_beside_a_comparison():
    x, w = Input("x", (2,)), Parameter("w", 3.0)
    score = ops.sum(x * w, name="score")
    graph = Graph([score, ops.greater(score, 1.0, name="decision")])
    assert graph.forward(x=[1.0, 2.0]) == (9.0, 1.0)
    found = graph.backward({"score": 1.0})
    assert np.array_equal(found["x"], [3, 3])
    assert found["w"] == 3
    with pytest.raises(GraphError, match="decision"):
        graph.backward({"decision": 1.0})


@pytest.mark.parametrize(
    ("build", "op"), [(ops.metric_mean, "metric_mean"), (ops.row_coef, "row_coef")]
)
def test_backward_through_an_operation_without_gradient_names_it(build, op):
    graph = Graph(build(Input("x", (BATCH,))))
    graph.forward(x=np.ones(3))
    with pytest.raises(GraphError, match=op):
        graph.backward(np.ones(3))


# -- indices --------------------------------------------------------------------------------------


@DTYPES
def test_a_lookup_by_numbers_that_never_change(dtype):
    w = Parameter("w", np.arange(8.0).reshape(4, 2))
    index = np.array([[1, 3, 3], [3, 0, 1]])
    for given in (index, index.tolist(), index.astype(np.uint8)):
        graph = Graph(ops.take(w, given), dtype=dtype)
        assert np.array_equal(graph.forward(), w.value[index])
        dy = np.arange(12.0).reshape(2, 3, 2)
        expected = np.zeros((4, 2))
        np.add.at(expected, index, dy)
        assert np.array_equal(graph.backward(dy)["w"], expected)
    assert np.array_equal(Graph(ops.take(w, 2), dtype=dtype).forward(), [4, 5])


def lookup() -> Graph:
    table = Parameter("table", np.arange(8.0).reshape(4, 2))
    return Graph(ops.sum(ops.take(table, Input("i", (BATCH,), "int32"), name="lookup")))


@pytest.mark.parametrize("index", [4, -5, 2**31 - 1])
def test_an_index_out_of_range_is_named_with_the_range(index):
    with pytest.raises(LabelError, match=rf"^lookup: need .*from -4 to 3; got {index} at .*1"):
        lookup().forward(i=[0, index])


@pytest.mark.parametrize("index", [4, -5])
def test_an_index_out_of_range_changes_nothing(index):
    graph = lookup()
    graph.forward(i=[0, 3])
    before, params = graph.backward()["table"], graph.params.value.copy()
    with pytest.raises(LabelError):
        graph.forward(i=[1, index])
    assert np.array_equal(graph.params.value, params)
    assert np.array_equal(graph.params.grad.reshape(-1)[:8].reshape(4, 2), before)
    # What was computed for other indices is either there as it was, or refused.
    try:
        after = graph.backward()["table"]
    except StateError:
        return
    assert np.array_equal(after, before)


@pytest.mark.parametrize("index", [4, -5])
def test_a_step_with_an_index_out_of_range_changes_nothing(index):
    graph, optimizer = lookup(), Adam(lr=0.1)
    graph.step(optimizer, i=[0, 3])
    params, slots = graph.params.value.copy(), [slot.copy() for slot in optimizer.slots]
    with pytest.raises(LabelError, match=rf"^lookup: need .*; got {index} at .*1"):
        graph.step(optimizer, i=[1, index])
    assert np.array_equal(graph.params.value, params)
    assert optimizer.step_count == 1
    for slot, before in zip(optimizer.slots, slots, strict=True):
        assert np.array_equal(slot, before)


def test_backward_after_a_refused_forward_gives_no_gradient_of_half_the_values():
    graph = Graph(ops.log(Input("x")) * Input("y"))
    graph.forward(x=1.0, y=2.0)
    with pytest.raises(DataError):
        graph.forward(x=0.0, y=5.0, check_finite=True)
    try:
        after = graph.backward()
    except StateError:
        return
    assert after == {"x": 2.0, "y": 0.0}


# -- what came ------------------------------------------------------------------------------------


def ready() -> Graph:
    graph = Graph(ops.mul(Input("x", (3,)), 2.0, name="y"))
    graph.forward(x=[1.0, 2.0, 3.0])
    return graph


NO_SEEDS = {
    "words": (["a", "b", "c"], DtypeError), "complex": (np.ones(3) * 1j, DtypeError),
    "objects": ([None, None, None], DtypeError), "ragged": ([[1, 2], [3]], CnnCoreError),
    "short": ([1.0, 2.0], ShapeError), "a number": (1.0, ShapeError),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_SEEDS)
def test_a_seed_that_does_not_fit_is_refused_with_its_output(name):
    seed, error = NO_SEEDS[name]
    graph = ready()
    with pytest.raises(error, match=r"backward: need .*y.*; got "):
        graph.backward(seed)


@pytest.mark.parametrize("value", [[[1, 2], [3]], [1.0, "b", 2.0], [1.0, None, 2.0], 1j, "abc"])
def test_a_feed_that_is_no_array_of_numbers_is_refused_with_its_input(value):
    with pytest.raises(CnnCoreError, match=r"input 'x': need .*; got "):
        ready().forward(x=value)
    batched = Graph(Input("x", (BATCH, 2)) * 1.0)
    with pytest.raises(CnnCoreError, match=r"input 'x': need .*; got "):
        batched.forward(x=value)


@pytest.mark.parametrize("outputs", [5, None, 1.5, True])
def test_outputs_that_are_no_nodes_are_refused(outputs):
    with pytest.raises(GraphError, match=f"Graph: need .*; got {outputs}"):
        Graph(outputs)


OTHER = Input("other")
MESSAGES = {
    "value of a stranger": (lambda g: g.value(OTHER), GraphError, "other"),
    "gradient at a stranger": (lambda g: g.grad(OTHER), GraphError, "other"),
    "name of a stranger": (lambda g: g.name_of(OTHER), GraphError, "other"),
    "a stranger run": (lambda g: g.forward_node(OTHER), GraphError, "other"),
    "seed for a stranger": (lambda g: g.backward({OTHER: 1.0}), GraphError, "other"),
    "no such name": (lambda g: g.value("nowhere"), GraphError, "nowhere"),
    "no node": (lambda g: g.value([1]), GraphError, "1"),
    "no such input": (lambda g: g.forward(q=1.0), GraphError, r"input 'q'.*\(x\)"),
    "seed for an inner node": (lambda g: g.backward({"x": np.ones(3)}), CnnCoreError, "y"),
    "gradient before backward": (lambda g: g.grad("x"), StateError, "backward first"),
    "params that lack one": (
        lambda g: Graph(OTHER * Parameter("w", 1.0), params=ParamStore([], "float64")),
        GraphError, "hold w",
    ),
    "two of a name": (lambda g: Graph(Input("x") + Input("x")), GraphError, "'x'"),
}  # fmt: skip


@pytest.mark.parametrize("name", MESSAGES)
def test_the_message_says_who_needs_what_and_what_came(name):
    call, error, text = MESSAGES[name]
    with pytest.raises(error, match=text) as caught:
        call(ready())
    assert re.match(FORM, str(caught.value)), str(caught.value)


@pytest.mark.parametrize("call", ["backward", "check_gradients"])
def test_a_call_before_forward_is_refused(call):
    graph = Graph(ops.mul(Input("x"), 2.0, name="y"))
    with pytest.raises(StateError, match="need forward first; got") as caught:
        getattr(graph, call)()
    assert re.match(FORM, str(caught.value)), str(caught.value)


def test_a_gradient_node_by_node_needs_values():
    graph = Graph(ops.mul(Input("x"), 2.0, name="y"))
    with pytest.raises(StateError, match=FORM):
        graph.backward_node("y")
    graph.feed(x=3.0)
    assert graph.forward_node("y") == 6
    graph.backward_node("y")
