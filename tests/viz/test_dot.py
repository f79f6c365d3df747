"""DOT source: what Graphviz accepts, with the same vertices, edges and groups."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import viz_graphs as graphs

import cnn_core as cnn
from cnn_core import ops
from cnn_core.viz.style import GRADIENT, VALUE

DOT = shutil.which("dot")


def nasty():
    name = 'a "quoted" <b>&amp; \\n {x|y} \x02]]>'
    with cnn.group('<group> & "more"'):
        y = ops.exp(cnn.Input(name), name="<>")
    graph = cnn.Graph(y)
    graph.forward(**{name: 1.0})
    return graph


def test_values_are_green_and_gradients_red_on_each_edge():
    text = graphs.circuit().to_dot()
    edges = [line for line in text.splitlines() if "->" in line]
    assert len(edges) == 5  # four operands and the output
    for line in edges:
        assert re.search(f'COLOR="{VALUE}">-?[0-9.]+<.*COLOR="{GRADIENT}">-?[0-9.]+<', line), line
    assert ">-12.00<" in edges[-1]
    assert ">1.00<" in edges[-1]


def test_groups_are_clusters_and_collapsed_groups_vertices():
    graph = graphs.steps()
    assert graph.to_dot().count("subgraph cluster_") == 8
    assert graph.to_dot(collapse="loss").count("subgraph cluster_") == 4
    assert graph.to_dot(collapse=True).count("subgraph cluster_") == 0


def test_names_are_escaped():
    text = nasty().to_dot()
    assert "&lt;group&gt; &amp; &quot;more&quot;" in text
    assert "\x02" not in text


@pytest.mark.skipif(DOT is None, reason="Graphviz's program dot is not installed")
@pytest.mark.parametrize("make", [graphs.circuit, graphs.network, graphs.steps, graphs.tangle,
                                  nasty, lambda: graphs.circuit(run=False)])  # fmt: skip
@pytest.mark.parametrize("collapse", [(), True])
def test_graphviz_accepts_it(make, collapse):
    text = make().to_dot(collapse=collapse)
    done = subprocess.run([DOT, "-Tsvg"], input=text.encode(), capture_output=True, check=True)
    assert b"<svg" in done.stdout
    assert done.stderr == b""
