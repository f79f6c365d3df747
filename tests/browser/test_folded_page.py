"""A page whose folded groups cannot be opened, in a browser: it shows what Python computes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "viz"))

from page_reader import expected, open_page
from viz_graphs import steps, tangle

import cnn_core as cnn
from cnn_core.viz.model import Model
from cnn_core.viz.page import build
from cnn_core.viz.page.shown import with_boxes

RECORDED, STALE = 0, 2


def lines_of(graph, shown):
    """Return what stands at each node of the page."""
    every = dict(zip(graph.nodes_topologically_sorted(), expected(graph), strict=True))
    return [every[node] for node in shown.nodes]


@pytest.fixture(autouse=True)
def few_nodes(monkeypatch):
    monkeypatch.setattr(build, "MOST", 125)


@pytest.mark.parametrize("make", [lambda: steps(20), lambda: tangle(150, seed=3, groups=6)])
def test_values_and_gradients_are_there_step_after_step(browser, tmp_path, make):
    graph = make()
    shown = with_boxes(Model(graph, True))
    page = open_page(browser, graph, tmp_path / "page.html", collapse=True)
    page.press("last")
    assert page.shown() == lines_of(graph, shown)
    box = next(i for i, node in enumerate(shown.nodes) if node in shown.boxes)
    page.js("CNN.player.pick(arguments[0])", box)
    assert f"{shown.boxes[shown.nodes[box]].title}, shape" in page.text("details")
    ways = page.js("""
        const { player } = CNN, found = [];
        for (let i = 0; i <= player.steps.last; i++) {
          player.go(i);
          found.push(document.getElementById("step").textContent);
        }
        return found;""")
    assert any("All paths through the " in text for text in ways)
    assert any("the inside of this group is not on the page" in text for text in ways)
    asked = page.js("""
        const { player } = CNN;
        player.quiz.on = true;
        return player.steps.list.map((_, at) => player.quiz.question(at)).filter(q => q)
          .map(q => q.node);""")
    assert not {shown.nodes[i] for i in asked} & set(shown.boxes)
    assert browser.problems() == []


@pytest.mark.parametrize("seed", range(4))
def test_what_a_change_may_alter_behind_a_box_is_marked_as_recorded(browser, tmp_path, seed):
    graph = tangle(150, seed=seed, groups=6)
    shown = with_boxes(Model(graph, True))
    page = open_page(browser, graph, tmp_path / "page.html", collapse=True)
    page.press("last")
    before = lines_of(graph, shown)
    inputs = [n for n in shown.nodes if isinstance(n, cnn.Input)]
    given = {n.name: graph.value(n) for n in inputs}
    n_stale = 0
    for node in inputs:
        i = shown.nodes.index(node)
        page.js("CNN.player.pick(arguments[0])", i)
        page.change(node.name, 0.8125)
        graph.forward(**{**given, node.name: 0.8125})
        graph.backward()
        after = lines_of(graph, shown)
        status = zip(page.status("value"), page.status("gradient"), strict=True)
        for k, (found, both) in enumerate(zip(page.shown(), status, strict=True)):
            for role, kind in enumerate(both):
                wanted = (before if kind == STALE else after)[k][role]
                assert found[role] == wanted, (node.name, shown.nodes[k], role, kind)
                n_stale += kind == STALE
        page.press("reset")
    assert n_stale > len(inputs)
    assert browser.problems() == []
