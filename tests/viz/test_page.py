"""The page of a graph as a file: what is in it, what is refused.  tests/browser drives it."""

from __future__ import annotations

import base64
import html.parser
import json
import os
import re

import numpy as np
import pytest
from viz_graphs import circuit, network, neuron, steps

import cnn_core as cnn
from cnn_core import ops
from cnn_core.errors import OptionError
from cnn_core.viz.page import build, plain


def data_of(text):
    return json.loads(re.search(r'<script type="application/json" id="graph">(.*?)</script>', text,
                                re.DOTALL)[1])  # fmt: skip


def array(data, number):
    found = data["tensors"][number]
    kind = next(k for k in ("f8", "f4", "i4") if k in found)
    return np.frombuffer(base64.b64decode(found[kind]), f"<{kind}").reshape(found["shape"])


class Elements(html.parser.HTMLParser):
    """The names, attributes and text of a page's elements."""

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_page_itself_is_small(tmp_path):
    graph = circuit()
    graph.to_html(tmp_path / "page.html")
    size = (tmp_path / "page.html").stat().st_size
    assert size - len(json.dumps(data_of(build.page_of(graph)))) < 150_000


def test_a_page_needs_no_connection():
    text = build.page_of(circuit())
    for tag, attributes in Elements(text).found:
        for key in ("src", "href"):
            assert attributes.get(key, "data:").startswith("data:"), (tag, attributes)
    assert "default-src 'none'" in text
    assert "@import" not in build.asset("page.css")
    assert "url(" not in build.asset("page.css")


def test_ids_that_scripts_use_are_there_once():
    text = build.page_of(circuit())
    ids = [a["id"] for _, a in Elements(text).found if "id" in a]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'\$\("([a-z]+)"\)', build.script()))
    assert used - {"answer"} <= set(ids)  # which the script makes itself


@pytest.mark.parametrize("make", [circuit, network, steps])
def test_a_page_holds_the_numbers_of_the_graph(make):
    graph = make()
    data, nodes = data_of(build.page_of(graph)), graph.nodes_topologically_sorted()
    (frame,) = data["frames"]
    assert data["ran"] == 2
    for i, node in enumerate(nodes):
        assert data["nodes"][i]["name"] == graph.name_of(node)
        assert data["nodes"][i]["inputs"] == [nodes.index(x) for x in node.inputs]
        assert np.array_equal(array(data, frame["values"][i]), graph.value(node))
        if frame["gradients"][i] >= 0:
            assert np.array_equal(array(data, frame["gradients"][i]), graph.grad(node))
        assert data["nodes"][i]["shape"] == list(np.shape(graph.value(node)))


def test_equal_arrays_are_carried_once():
    data = data_of(build.page_of(circuit()))
    keys = [json.dumps(t) for t in data["tensors"]]
    assert len(keys) == len(set(keys))


def test_large_arrays_are_pictures_with_figures_and_leaves_come_first(monkeypatch):
    monkeypatch.setattr(plain, "CARRIED", 8 * 1000)
    x = cnn.Input("x", (1000,))
    graph = cnn.Graph(ops.sum(ops.exp(x), name="y"))
    x_value = np.linspace(-1, 1, 1000)
    x_value[7] = np.nan
    graph.forward(x=x_value)
    graph.backward()
    data = data_of(build.page_of(graph))
    (frame,) = data["frames"]
    assert np.array_equal(array(data, frame["values"][0]), x_value, equal_nan=True)
    picture = data["tensors"][frame["values"][1]]
    values = np.delete(graph.value("exp_0"), 7)
    assert picture["shape"] == [1000]
    assert picture["stats"]["nan"] == 1
    assert picture["stats"]["mean"] == pytest.approx(values.mean(), rel=1e-14)
    assert picture["stats"]["lines"] == ["1 NaN", "of 1000"]
    assert picture["picture"]["shape"] == [1, 32]
    assert np.array_equal(array(data, frame["values"][2]), np.nan, equal_nan=True)


def test_markup_in_names_stays_text(tmp_path):
    name = "</script><script>alert(1)</script><!-- <b>&\u2028"
    with cnn.group("<i>g</i>"):
        x = cnn.Input(name)
        y = ops.tanh(x, name="<img src=x onerror=alert(2)>")
    graph = cnn.Graph(y)
    graph.forward(**{name: 1.0})
    graph.backward()
    text = build.page_of(graph)
    tags = [tag for tag, _ in Elements(text).found]
    assert "img" not in tags
    assert "i" not in tags
    assert tags.count("script") == 2
    assert "alert(1)" in data_of(text)["nodes"][0]["name"]


def test_a_graph_that_has_not_run_says_which_calls_are_missing():
    text = build.page_of(circuit(run=False))
    assert "need graph.forward(x=..., y=..., z=...) and graph.backward()" in text
    data = data_of(text)
    assert data["ran"] == 0
    assert data["frames"] == data["tensors"] == []
    graph = circuit(run=False)
    graph.forward(x=1.0, y=2.0, z=3.0)
    text = build.page_of(graph)
    assert "There are values and no gradients: need graph.backward()" in text
    assert data_of(text)["ran"] == 1


def test_the_shape_of_a_batch_that_is_not_known_is_b():
    x = cnn.Input("x", (cnn.BATCH, 3))
    data = data_of(build.page_of(cnn.Graph(ops.sum(x))))
    assert data["nodes"][0]["shape"] == ["B", 3]


def test_what_is_no_recording_of_the_graph_is_refused(tmp_path):
    other = neuron()
    with pytest.raises(OptionError, match="to_html: need a recording of this graph; got <Rec"):
        circuit().to_html(tmp_path / "page.html", recording=other.record())
    graph = circuit()
    with pytest.raises(OptionError, match="need a recording of steps; got <Recording of 0 of 0"):
        graph.to_html(tmp_path / "page.html", recording=graph.record())


def test_a_recording_has_a_frame_for_each_step_that_it_holds():
    w, x = cnn.Parameter("w", 1.0), cnn.Input("x")
    graph = cnn.Graph(ops.square(w * x - 1, name="loss"))
    with graph.record() as recording:
        losses = [graph.step(cnn.SGD(lr=0.1), x=2.0) for _ in range(3)]
    frames = data_of(build.page_of(graph, recording=recording))["frames"]
    assert [f["label"] for f in frames] == [
        f"After {n} step{'s' * (n != 1)} of training: loss {loss:.6g}"
        for n, loss in enumerate(losses)
    ]


@pytest.mark.parametrize("place", ["nowhere/page.html", ""])
def test_a_path_that_cannot_be_written_leaves_nothing(tmp_path, place):
    with pytest.raises(OSError, match=re.escape(str(tmp_path))):
        circuit().to_html(tmp_path / place)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_page_leaves_the_old_one(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("old")
    with pytest.raises(OptionError, match="to_html: need groups of this graph to collapse"):
        circuit().to_html(path, collapse="no such group")
    assert path.read_text() == "old"
    circuit().to_html(str(path))
    assert path.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert os.listdir(tmp_path) == ["page.html"]


@pytest.mark.parametrize(("collapse", "names"), [
    ((), []), (True, ["step 0", "step 1"]), ("step 1", ["step 1"]), ("step 0/loss", ["loss"]),
    (["loss"], ["loss", "loss"]),
])  # fmt: skip
def test_collapse_folds_frames(collapse, names):
    data = data_of(build.page_of(steps(2), collapse=collapse))
    frames = data["drawing"]["frames"]
    assert sorted(frames[i]["name"] for i in data["folded"]) == names


@pytest.mark.parametrize("make", [circuit, network, steps])
def test_every_operand_has_its_wire_and_everything_its_innermost_frame(make):
    graph = make()
    data = data_of(build.page_of(graph))
    drawing, nodes = data["drawing"], data["nodes"]
    cells = drawing["cells"]
    found = sorted([cells[w[1]]["node"], w[2], w[0]] for w in drawing["wires"] if w[1] >= 0)
    assert found == sorted(
        [i, k, x] for i, n in enumerate(nodes) for k, x in enumerate(n["inputs"])
    )
    for i, node in enumerate(graph.nodes_topologically_sorted()):
        frame = next(c["frame"] for c in cells if c["node"] == i)
        names = []
        while frame >= 0:
            names.insert(0, drawing["frames"][frame]["name"])
            frame = drawing["frames"][frame]["parent"]
        assert names == list(node.group)


def test_pieces_of_a_wire_lead_back_to_where_it_begins():
    drawing = data_of(build.page_of(steps()))["drawing"]
    starts = {(row[0], row[3], row[1]) for cell in drawing["cells"] for row in cell["rows"]}
    for wire, via in zip(drawing["wires"], drawing["via"], strict=True):
        if wire[1] >= 0:
            first = drawing["wires"][via[-1]] if via else wire
            assert any(s == wire[0] and abs(x - first[4][0]) < 0.2 and abs(y - first[4][1]) < 0.2
                       for s, x, y in starts), wire  # fmt: skip
