"""Topological order and names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_core import Constant, Graph, Input, ops
from cnn_core.errors import GraphError
from cnn_core.ir.order import topological_order, unique_names


def test_a_cycle_is_named():
    x = Input("x")
    a = ops.relu(x, name="a")
    b = ops.tanh(a, name="b")
    c = ops.relu(b, name="c")
    a.__dict__["inputs"] = (c,)  # nothing else makes a cycle
    with pytest.raises(GraphError, match="graph has a cycle: b <- a <- c <- b"):
        topological_order([b])
    with pytest.raises(GraphError, match="cycle"):
        Graph(b)


def test_a_node_that_feeds_itself_is_a_cycle():
    a = ops.relu(Input("x"), name="a")
    a.__dict__["inputs"] = (a,)
    with pytest.raises(GraphError, match="cycle: a <- a"):
        topological_order([a])


def test_a_chain_of_100000_nodes_is_ordered():
    node = first = Input("x")
    for _ in range(100_000):
        node = ops.relu(node)
    order = topological_order([node])
    assert len(order) == 100_001
    assert order[0] is first
    assert order[-1] is node
    assert len(set(unique_names(order).values())) == len(order)


@pytest.mark.slow
def test_a_chain_of_100000_nodes_is_compiled_and_run_both_ways():
    node = Input("x")
    for _ in range(100_000):
        node = -node
    graph = Graph(node)
    assert graph.forward(x=2.5) == 2.5
    assert graph.backward() == {"x": 1.0}


@given(st.data())
def test_inputs_come_before_their_users_and_every_node_comes_once(data):
    nodes = [Input("x")]
    for _ in range(data.draw(st.integers(0, 30))):
        pick = st.sampled_from(nodes)
        nodes.append(data.draw(pick) + data.draw(pick))
    outputs = data.draw(st.lists(st.sampled_from(nodes), min_size=1, max_size=3))
    order = topological_order(outputs)
    place = {node: i for i, node in enumerate(order)}
    assert len(place) == len(order)
    assert set(outputs) <= set(order)
    assert all(place[x] < place[node] for node in order for x in node.inputs)


def test_two_nodes_of_one_name_are_refused():
    with pytest.raises(GraphError, match="two nodes named 'x'"):
        Graph(Input("x") + Input("x"))
    with pytest.raises(GraphError, match="two nodes named 'a'"):
        Graph(ops.relu(ops.tanh(Input("x"), name="a"), name="a"))


def test_nodes_without_a_name_get_their_operation_and_a_number():
    x = Input("x")
    y = (x + 1.0) * (x + 2.0)
    names = list(unique_names(topological_order([y])).values())
    assert names == ["x", "constant_0", "add_0", "constant_1", "add_1", "mul_0"]


def test_given_names_are_not_given_again():
    x = Input("add_0")
    names = unique_names(topological_order([(x + 1.0) + Constant(1.0, name="add_1")]))
    assert sorted(n for n in names.values() if n.startswith("add")) == [
        "add_0", "add_1", "add_2", "add_3"]  # fmt: skip
