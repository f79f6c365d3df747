"""The page of a graph with more nodes than can be drawn: folded groups are boxes."""

from __future__ import annotations

import numpy as np
import pytest
from viz_graphs import circuit, steps, tangle

import cnn_core as cnn
from cnn_core import ops
from cnn_core.errors import OptionError
from cnn_core.viz.model import Model
from cnn_core.viz.page import build
from cnn_core.viz.page.recorded import frame_of
from cnn_core.viz.page.shown import with_boxes


def sources(nodes, inputs):
    """Return of each node the set of all nodes that it depends on."""
    found = {}
    for node in nodes:
        found[node] = {node}.union(*(found[x] for x in inputs(node)))
    return found


def chains(n=3, length=20):
    """``n`` groups of ``length`` gates, one after the other."""
    h = cnn.Input("x")
    for i in range(n):
        with cnn.group(f"step {i}"):
            for _ in range(length):
                h = ops.tanh(h)
    return cnn.Graph(h)


GRAPHS = [
    (steps, True), (steps, ["loss"]), (steps, ["step 1", "step 3/loss"]),
    *((lambda seed=seed: tangle(150, seed=seed, groups=6), True) for seed in range(5)),
]  # fmt: skip


@pytest.mark.parametrize(("make", "collapse"), GRAPHS)
def test_what_leaves_a_box_depends_on_what_its_nodes_depend_on(make, collapse):
    graph = make()
    shown = with_boxes(Model(graph, collapse))
    assert shown.boxes
    assert set(graph.outputs) <= set(shown.nodes)
    here = sources(shown.nodes, shown.inputs)
    there = sources(graph.nodes_topologically_sorted(), lambda node: node.inputs)
    for node in shown.nodes:
        assert here[node] == there[node] & set(shown.nodes)


@pytest.mark.parametrize(("make", "collapse"), GRAPHS)
def test_what_paths_through_boxes_add_makes_up_each_gradient(make, collapse):
    graph = make()
    shown = with_boxes(Model(graph, collapse))
    whole = {node: i for i, node in enumerate(graph.nodes_topologically_sorted())}
    frame = shown.frame(frame_of(graph), whole)
    number = {node: i for i, node in enumerate(shown.nodes)}
    total = [np.zeros_like(value, dtype=np.float64) for value in frame.values]
    for i, array in frame.given.items():
        total[i] += array
    for node, parts in zip(shown.nodes, frame.contributions, strict=True):
        for x, part in zip(shown.inputs(node), parts, strict=True):
            if part is not None:
                total[number[x]] += part
    n_compared = 0
    for node, found, wanted in zip(shown.nodes, total, frame.gradients, strict=True):
        assert np.array_equal(frame.values[number[node]], np.asarray(graph.value(node)))
        if wanted is not None:
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14, err_msg=node.name)
            n_compared += 1
    assert n_compared > len(shown.nodes) / 2


def test_too_many_nodes_are_refused_with_the_way_to_fold_them(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "MOST", 4)
    page = tmp_path / "page.html"
    with pytest.raises(OptionError, match=r"at most 4 nodes, .*got 5: put nodes into groups as th"):
        circuit().to_html(page)
    graph = chains()
    with pytest.raises(OptionError, match=r"got 61: collapse=True folds groups, which leaves abou"
                                          r"t 4$"):  # fmt: skip
        graph.to_html(page)
    with pytest.raises(OptionError, match=r"got 61, 41 of them outside of folded groups: collapse"):
        graph.to_html(page, collapse="step 1")
    with pytest.raises(OptionError, match=r"got 61, 6 of them outside of folded groups: put nodes"):
        chains(5, 12).to_html(page, collapse=True)
    assert list(tmp_path.iterdir()) == []
    graph.to_html(page, collapse=True)
    assert "61 nodes, of which 57 are in folded groups, float64" in page.read_text("utf-8")
    assert "program" not in vars(graph)  # to show a graph that has not run, it is not compiled


@pytest.mark.slow
def test_a_long_unrolled_graph_fits_into_a_page(tmp_path):
    graph = chains(100, 100)
    graph.forward(x=0.5)
    graph.backward()
    graph.to_html(tmp_path / "page.html", collapse=True)
    assert (tmp_path / "page.html").stat().st_size < 400_000
