"""Files: the suffix decides, and errors come before anything is written."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import viz_graphs as graphs

from cnn_core.errors import OptionError, StateError
from cnn_core.viz import png


@pytest.mark.parametrize("kind", [str, Path])
def test_svg_is_written(tmp_path, kind):
    path = tmp_path / "circuit.svg"
    graphs.circuit().draw(kind(path))
    assert ElementTree.parse(path).getroot().tag.endswith("svg")


def test_svg_needs_no_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    graphs.circuit().draw(tmp_path / "circuit.svg")
    with pytest.raises(StateError, match=r"pip install 'cnn-core\[viz\]'"):
        graphs.circuit().draw(tmp_path / "circuit.png")
    assert [p.name for p in tmp_path.iterdir()] == ["circuit.svg"]


def test_png_is_written_in_the_size_of_the_picture(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "network.PNG"
    graphs.network().draw(path, collapse=True)
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG")
    width, height = (int.from_bytes(data[i : i + 4], "big") for i in (16, 20))
    assert width > 2 * height > 200


def test_png_leaves_no_figure_open(tmp_path):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    graphs.circuit().draw(tmp_path / "circuit.png")
    assert pyplot.get_fignums() == []


def test_a_png_wider_than_matplotlib_can_paint_is_made_smaller(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(png, "MOST_PIXELS", 500)
    graphs.neuron().draw(tmp_path / "neuron.png")
    assert 490 <= int.from_bytes((tmp_path / "neuron.png").read_bytes()[16:20], "big") <= 501


@pytest.mark.parametrize("name", ["circuit.pdf", "circuit", "circuit.svg.gz"])
def test_other_suffixes_are_refused(tmp_path, name):
    with pytest.raises(OptionError, match=r"need a path that ends in .svg or .png; got '.*circuit"):
        graphs.circuit().draw(tmp_path / name)
    assert not list(tmp_path.iterdir())
