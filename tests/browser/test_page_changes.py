"""The page of a graph computes again: every number shown is the one that Python prints."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "viz"))

from page_reader import differences, expected, node_numbers, open_page, seeded
from viz_graphs import circuit, neuron, steps, tangle

import cnn_core as cnn
from cnn_core import ops


def again(graph, **inputs):
    """Run the graph anew with some inputs replaced."""
    old = {n.name: graph.value(n) for n in graph.nodes_topologically_sorted()
           if isinstance(n, cnn.Input)}  # fmt: skip
    graph.forward(**{**old, **inputs})
    graph.backward()


def small_network(dtype="float64", rows=3):
    net = cnn.Sequential(
        [cnn.Dense(6, activation="tanh"), cnn.Dense(5, activation="relu"), cnn.Dense(3)],
        inputs=4, seed=1, dtype=dtype,
    )  # fmt: skip
    labels = cnn.Input("labels", (cnn.BATCH,), dtype="int32")
    loss = ops.softmax_cross_entropy(net.output, labels, name="loss")
    graph = cnn.Graph(loss, dtype=dtype, params=net.store)
    graph.forward(x=seeded(rows, 4), labels=np.arange(rows) % 3)
    graph.backward()
    return graph


@pytest.mark.parametrize("make", [circuit, neuron, tangle])
def test_a_changed_scalar_is_followed_to_the_last_digit(browser, tmp_path, make):
    graph = make()
    page = open_page(browser, graph, tmp_path / "page.html")
    page.press("last")
    names = [n.name for n in graph.nodes_topologically_sorted() if isinstance(n, cnn.Input)]
    for value, name in zip((0.3, -1.75, 12.25), names, strict=False):
        page.change(name, value)
        again(graph, **{name: value})
        assert differences(page, graph) == [], name
    assert max(page.status("value")) == max(page.status("gradient")) == 1
    page.press("reset")
    assert differences(page, make()) == []
    assert browser.problems() == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_is_computed_again_after_a_label_a_row_and_a_weight(browser, tmp_path, dtype):
    graph = small_network(dtype)
    page = open_page(browser, graph, tmp_path / "page.html")
    page.press("last")
    number = node_numbers(graph)
    page.change("labels at 1", 2)
    again(graph, labels=np.array([0, 2, 2]))
    assert differences(page, graph) == []
    x = next(i for n, i in number.items() if n.name == "x")
    page.js("CNN.player.pick(arguments[0])", x)
    page.change("x at 2, 1", 0.625)
    value = np.array(graph.value("x"))
    value[2, 1] = 0.625
    again(graph, x=value)
    assert differences(page, graph) == []
    weight = next(n for n in number if n.name.endswith("dense_0.w"))
    page.js("CNN.player.pick(arguments[0])", number[weight])
    page.change(f"{graph.name_of(weight)}, all entries times", -2)
    graph.params[graph.params.name_of(weight)] *= -2
    again(graph)
    assert differences(page, graph) == []


def test_one_entry_of_a_large_array_is_picked_by_its_place(browser, tmp_path):
    x = cnn.Input("x", (6, 7))
    graph = cnn.Graph(ops.sum(ops.exp(x), name="y"))
    graph.forward(x=seeded(6, 7))
    graph.backward()
    page = open_page(browser, graph, tmp_path / "page.html")
    page.press("last")
    page.js("CNN.player.pick(0)")
    page.change("x, entry at", "6, 0")
    assert page.text("live") == "x: need a place in (6, 7), such as 0, 0; got 6, 0"
    page.change("x, entry at", "5, 6")
    page.change("x, value of this entry", 3)
    value = np.array(graph.value("x"))
    value[5, 6] = 3
    again(graph, x=value)
    assert differences(page, graph) == []


def test_a_recurrent_net_is_computed_again(browser, tmp_path):
    graph = steps(3)
    page = open_page(browser, graph, tmp_path / "page.html")
    page.press("last")
    number = node_numbers(graph)
    weight = next(n for n in number if n.name == "Wh")
    page.js("CNN.player.pick(arguments[0])", number[weight])
    page.change("Wh, all entries times", 1.5)
    graph.params["Wh"] *= 1.5
    again(graph)
    assert differences(page, graph) == []


class Cube(cnn.Gate):
    """y = x^3, in Python."""

    def forward(self, x):
        self.x = x
        return x**3

    def backward(self, dy):
        return 3 * self.x**2 * dy


def test_what_the_page_cannot_compute_stays_as_recorded_and_says_so(browser, tmp_path):
    x, z = cnn.Input("x"), cnn.Input("z")
    graph = cnn.Graph(ops.add(Cube(x, name="cube") * 2.0, x * z, name="f"))
    graph.forward(x=2.0, z=5.0)
    graph.backward()
    page = open_page(browser, graph, tmp_path / "page.html")
    page.press("last")
    assert differences(page, graph) == []
    before = page.shown()
    page.change("x", 3)
    number = {graph.name_of(n): i for n, i in node_numbers(graph).items()}
    shown, stale = page.shown(), page.status("value")
    assert shown[number["mul_1"]][0] == ("15.00",)
    assert [stale[number[n]] for n in ("x", "mul_1", "cube", "mul_0", "f")] == [1, 1, 2, 2, 2]
    assert shown[number["f"]] == before[number["f"]]
    assert page.status("gradient")[number["x"]] == 2
    assert shown[number["z"]][1] == ("3.00",)
    assert "the page cannot compute cube" in page.text("notice")
    marked = page.js("return [...document.querySelectorAll('text.value.as-recorded')]"
                     ".filter(t => t.textContent).length")  # fmt: skip
    assert marked == 3
    page.js("CNN.player.go(CNN.player.steps.valueAt[arguments[0]])", number["cube"])
    assert "As recorded: the page does not compute this" in page.text("step")


def test_dropout_at_work_stays_and_at_rest_copies(browser, tmp_path):
    for training in (True, False):
        x = cnn.Input("x", (cnn.BATCH, 3))
        graph = cnn.Graph(ops.sum(ops.dropout(x, 0.5, name="drop") * 3.0), training=training)
        graph.forward(x=seeded(2, 3))
        graph.backward()
        page = open_page(browser, graph, tmp_path / "page.html")
        page.press("last")
        page.js("CNN.player.pick(0)")
        page.change("x at 0, 0", 9)
        assert max(page.status("value")) == (2 if training else 1)
        if not training:
            value = np.array(graph.value("x"))
            value[0, 0] = 9
            again(graph, x=value)
            assert differences(page, graph) == []


def test_a_field_that_holds_no_number_changes_nothing(browser, tmp_path):
    graph = small_network()
    page = open_page(browser, graph, tmp_path / "page.html")
    page.press("last")
    page.change("labels at 0", "1.5")
    assert page.text("live") == "labels: need a whole number; got 1.5"
    page.change("labels at 0", "many")
    assert differences(page, graph) == []
    assert page.js("return document.querySelector('[aria-label=\"labels at 0\"]')"
                   ".getAttribute('aria-invalid')") == "true"  # fmt: skip


def test_a_label_that_python_refuses_leaves_the_loss_as_recorded(browser, tmp_path):
    graph = small_network()
    page = open_page(browser, graph, tmp_path / "page.html")
    page.press("last")
    page.change("labels at 0", 7)
    assert "the page cannot compute softmax_cross_entropy" in page.text("notice")
    assert max(page.status("value")) == 2


def test_an_input_that_is_not_finite_flows_through(browser, tmp_path):
    graph = circuit()
    page = open_page(browser, graph, tmp_path / "page.html")
    page.press("last")
    page.change("z", "inf")
    again(graph, z=np.inf)
    assert differences(page, graph) == []
    page.change("y", "nan")
    again(graph, y=np.nan)
    assert differences(page, graph) == []


def test_a_changed_field_keeps_the_focus(browser, tmp_path):
    page = open_page(browser, circuit(), tmp_path / "page.html")
    page.change("y", 6)
    assert page.js("return document.activeElement.getAttribute('aria-label')") == "y"


def test_a_slider_goes_through_the_steps_of_a_training(browser, tmp_path):
    graph = small_network()
    x, labels = graph.value("x"), graph.value("labels")
    pictures = []
    with graph.record(every=2) as recording:
        for step in range(7):
            if step % 2 == 0:
                again(graph)
                pictures.append(expected(graph))
            graph.step(cnn.SGD(lr=0.5), x=x, labels=labels)
    page = open_page(browser, graph, tmp_path / "page.html", recording=recording)
    page.press("last")
    assert page.js("return document.getElementById('training').hidden") is False
    for frame, picture in enumerate(pictures):
        page.js("const s = document.getElementById('frames'); s.value = arguments[0];"
                "s.dispatchEvent(new Event('input'))", frame)  # fmt: skip
        assert page.shown() == picture
        assert page.text("time") == (
            f"After {2 * frame} steps of training: loss {recording.losses[frame]:.6g}"
        )
    page.change("labels at 0", 1)
    assert max(page.status("value")) == 1
    page.js("CNN.player.showFrame(0)")
    assert page.shown() == pictures[0]
