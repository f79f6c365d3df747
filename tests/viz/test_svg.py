"""The SVG: well-formed, with the value and the gradient of every edge in its colour."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

import numpy as np
import pytest
import viz_graphs as graphs

import cnn_core as cnn
from cnn_core import ops
from cnn_core.viz.draw import scene_of, svg_of
from cnn_core.viz.model import sign
from cnn_core.viz.style import GRADIENT, VALUE
from cnn_core.viz.svg import to_svg

SVG = "{http://www.w3.org/2000/svg}"


def parsed(graph, **options):
    return ElementTree.fromstring(to_svg(scene_of(graph, layout="own", **options)))


def texts(root, role, node):
    found = [t for t in root.iter(f"{SVG}text") if t.get("class") == role]
    return [t.text for t in found if t.get("data-node") == node]


def edges(root):
    found = (p for p in root.iter(f"{SVG}path") if p.get("class") == "edge")
    return Counter((p.get("data-node"), p.get("data-target")) for p in found)


@pytest.mark.parametrize("make", [graphs.circuit, graphs.neuron, graphs.network, graphs.tangle])
def test_every_operand_is_an_edge(make):
    graph = make()
    name = graph.name_of
    nodes = graph.nodes_topologically_sorted()
    assert edges(parsed(graph)) == Counter((name(x), name(n)) for n in nodes for x in n.inputs)


def test_every_edge_has_its_value_above_and_its_gradient_below():
    graph = graphs.circuit()
    root = parsed(graph)
    for name, value, gradient in [("x", "-2.00", "-4.00"), ("y", "5.00", "-4.00"),
                                  ("z", "-4.00", "3.00"), ("add_0", "3.00", "-4.00"),
                                  ("mul_0", "-12.00", "1.00")]:  # fmt: skip
        assert texts(root, "value", name) == [value]
        assert texts(root, "gradient", name) == [gradient]
    lines = {p.get("data-node"): p for p in root.iter(f"{SVG}path")
             if p.get("class") in ("stub", "output-edge")}  # fmt: skip
    for t in root.iter(f"{SVG}text"):
        if t.get("class") in ("value", "gradient"):
            y = float(lines[t.get("data-node")].get("d").split("L")[0].split()[1])
            assert (float(t.get("y")) < y) == (t.get("class") == "value")
            assert t.get("fill") == (VALUE if t.get("class") == "value" else GRADIENT)


def test_the_output_has_an_edge_of_its_own():
    root = parsed(graphs.circuit())
    ends = [p for p in root.iter(f"{SVG}path") if p.get("class") == "output-edge"]
    assert [p.get("data-node") for p in ends] == ["mul_0"]


def test_every_output_has_an_edge_of_its_own_unless_others_use_it():
    x, y = cnn.Input("x"), cnn.Input("y")
    total = ops.add(x, y, name="total")
    graph = cnn.Graph([total, ops.mul(total, y, name="a"), ops.exp(x, name="b")])
    graph.forward(x=1.0, y=2.0)
    root = parsed(graph)
    ends = [p for p in root.iter(f"{SVG}path") if p.get("class") == "output-edge"]
    assert sorted(p.get("data-node") for p in ends) == ["a", "b"]
    kinds = {b.get("data-node"): b.get("class") for b in root.iter(f"{SVG}rect")}
    assert kinds["total"] == kinds["a"] == kinds["b"] == "output"


def test_an_input_as_output_is_drawn():
    graph = cnn.Graph(cnn.Input("x"))
    graph.forward(x=3.0)
    assert texts(parsed(graph), "value", "x") == ["3.00"]


def test_before_forward_there_are_no_numbers_and_before_backward_no_gradients():
    graph = graphs.circuit(run=False)
    root = parsed(graph)
    assert not texts(root, "value", "x")
    assert not texts(root, "gradient", "x")
    graph.forward(x=1.0, y=2.0, z=3.0)
    root = parsed(graph)
    assert texts(root, "value", "mul_0") == ["9.00"]
    assert not texts(root, "gradient", "mul_0")


def test_before_forward_arrays_show_their_shape():
    graph = cnn.Graph(ops.exp(cnn.Input("x", (cnn.BATCH, 128))))
    assert texts(parsed(graph), "value", "x") == ["(B, 128)"]


def test_kinds_look_different():
    x, w = cnn.Input("x"), cnn.Parameter("w", 2.0)
    graph = cnn.Graph(ops.exp(x * w) + 1.0)
    boxes = {b.get("data-node"): b for b in parsed(graph).iter(f"{SVG}rect") if b.get("data-node")}
    kinds = {name: b.get("class") for name, b in boxes.items()}
    assert kinds == {"x": "input", "w": "parameter", "mul_0": "gate", "exp_0": "gate",
                     "constant_0": "constant", "add_0": "output"}  # fmt: skip
    looks = {(b.get("fill"), b.get("stroke"), b.get("stroke-dasharray")) for b in boxes.values()}
    assert len(looks) == 5


def test_signs_of_gates():
    x = cnn.Input("x")
    graph = cnn.Graph(ops.sigmoid(ops.scale(x, -1.0) ** 3 + ops.maximum(x, 0.5) / x - x * 2))
    root = parsed(graph)
    found = {t.text for t in root.iter(f"{SVG}text") if t.get("class") == "sign"}
    expected = {"σ", "×-1", "x^3", "max", "÷", "+", "−", "×", "x", "0.50", "2.00"}  # noqa: RUF001
    assert found == expected


def test_an_operation_without_a_symbol_shows_its_name(monkeypatch):
    node = ops.tanh(cnn.Input("x"))
    monkeypatch.setattr(type(node), "op", "brand_new_operation")
    assert sign(node) == ("brand new", "operation")


def test_names_with_special_characters_are_escaped():
    name = "<a & \"b\" 'c'>\n\x01 ö $x$"
    graph = cnn.Graph(ops.exp(cnn.Input(name), name="<end>&"))
    graph.forward(**{name: 1.0})
    root = parsed(graph)
    signs = [t.text for t in root.iter(f"{SVG}text") if t.get("class") == "sign"]
    assert "<a & \"b\" 'c'> \ufffd ö $x$" in signs
    assert texts(root, "caption", "<end>&") == ["<end>&"]


def test_titles_tell_more():
    titles = {t.text for t in parsed(graphs.circuit()).iter(f"{SVG}title")}
    assert "mul_0: mul, shape (), value -12, gradient 1" in titles


def test_a_notebook_shows_svg():
    assert ElementTree.fromstring(graphs.circuit()._repr_svg_()).tag == f"{SVG}svg"


def test_a_notebook_shows_a_large_graph_with_its_groups_collapsed():
    x = cnn.Input("x")
    for t in range(12):
        with cnn.group(f"part {t}"):
            for _ in range(20):
                x = ops.tanh(x)
    root = ElementTree.fromstring(svg_of(cnn.Graph(x)))
    assert len([b for b in root.iter(f"{SVG}rect") if b.get("class") == "group"]) == 12


def test_drawing_changes_nothing():
    graph = graphs.network()
    before = {k: np.array(v) for k, v in graph.params.items()}
    value = graph.value("loss")
    parsed(graph)
    assert graph.value("loss") == value
    assert all(np.array_equal(before[k], v) for k, v in graph.params.items())
