"""History: one entry per epoch under every name, a table, and a picture."""

from __future__ import annotations

import json
import math
import sys

import pytest

from cnn_core.errors import CnnCoreError, DataError, OptionError
from cnn_core.train.history import History, format_value


def make(epochs=3, validation=True):
    history = History()
    for i in range(1, epochs + 1):
        values = {"loss": 2.0 / i, "accuracy": 1 - 0.5 / i}
        if validation:
            values |= {"val_loss": 2.2 / i, "val_accuracy": 1 - 0.6 / i}
        history.append(values, seconds=0.5)
    return history


def test_is_a_mapping_with_one_entry_per_epoch():
    history = make(4)
    assert history.epochs == 4
    assert history["loss"] == [2.0, 1.0, 2.0 / 3, 0.5]
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert len(history) == 4
    assert "val_loss" in history
    assert "mae" not in history
    assert dict(history)["accuracy"] == history["accuracy"]
    assert history.seconds == [0.5] * 4
    assert len(History()) == History().epochs == 0


def test_name_that_comes_late_or_stops_has_nan_elsewhere():
    history = History()
    history.append({"loss": 3}, 1)
    history.append({"loss": 2, "val_loss": 4}, 1)
    history.append({"loss": 1}, 1)
    assert history["loss"] == [3.0, 2.0, 1.0]
    first, second, third = history["val_loss"]
    assert math.isnan(first)
    assert second == 4.0
    assert math.isnan(third)


def test_unknown_name_lists_the_known():
    with pytest.raises(KeyError, match=r"loss, accuracy.*got 'acc'"):
        make(1, validation=False)["acc"]
    with pytest.raises(KeyError, match="no epoch has ended"):
        History()["loss"]


def test_dict_and_back():
    history = make(3)
    values = json.loads(json.dumps(history.to_dict()))
    again = History.from_dict(values)
    assert again.to_dict() == history.to_dict()
    again.append({"loss": 0.1}, 1)
    assert history.epochs == 3
    values["loss"].append(0.0)
    for damaged in (values, {"loss": [1.0]}):
        with pytest.raises(DataError, match="need 'seconds' and lists of one length"):
            History.from_dict(damaged)


def test_repr_is_a_table_of_the_last_epochs():
    assert repr(History()) == "History: 0 epochs, 0.0 s"
    lines = repr(make(3)).splitlines()
    assert lines[0] == "History: 3 epochs, 1.5 s"
    assert lines[1].split() == ["epoch", *make(1), "seconds"]
    assert lines[2].split() == ["1", "2.0000", "0.5000", "2.2000", "0.4000", "0.5"]
    assert len(lines) == 5
    stopped = make(1)
    assert not stopped.interrupted
    stopped.interrupted = True
    assert repr(stopped).startswith("History: 1 epoch, 0.5 s, interrupted")
    long = repr(make(25)).splitlines()
    assert [line.split()[0] for line in long[2:]] == ["...", *map(str, range(16, 26))]
    assert len({len(line) for line in [long[1], *long[3:]]}) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.0000"), (0.12345, "0.1235"), (12.5, "12.5000"), (1e-5, "1.000e-05"),
     (123456.0, "1.235e+05"), (-2.0, "-2.0000"), (math.nan, "nan"), (math.inf, "inf")],
)  # fmt: skip
def test_format_value(value, text):
    assert format_value(value) == text


def test_plot_draws_a_panel_per_figure_with_both_lines(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "curves.png"
    history = make(5)
    figure = history.plot(path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [axis.get_ylabel() for axis in figure.axes] == ["loss", "accuracy"]
    for axis in figure.axes:
        name = axis.get_ylabel()
        assert axis.get_xlabel() == "epoch"
        training, validation = axis.get_lines()
        assert list(training.get_xdata()) == [1, 2, 3, 4, 5]
        assert list(training.get_ydata()) == history[name]
        assert list(validation.get_ydata()) == history[f"val_{name}"]
        texts = [text.get_text() for text in axis.get_legend().get_texts()]
        assert texts == ["training", "validation"]


def test_plot_to_a_file_leaves_no_figure_open(tmp_path):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    before = pyplot.get_fignums()
    make(1, validation=False).plot(tmp_path / "curves.svg")
    assert pyplot.get_fignums() == before


def test_plot_into_given_axes():
    figure_module = pytest.importorskip("matplotlib.figure")
    axes = figure_module.Figure().subplots(1, 2)
    assert make(2).plot(ax=axes) is axes[0].figure
    assert axes[1].get_ylabel() == "accuracy"
    single = figure_module.Figure().subplots()
    make(2).plot(ax=single, names="loss")
    assert len(single.get_lines()) == 2
    with pytest.raises(OptionError, match="need 2 axes, one for each of loss, accuracy; got 1"):
        make(2).plot(ax=single)


def test_plot_without_epochs_or_with_unknown_names_is_refused():
    with pytest.raises(OptionError, match="need at least one epoch; got none"):
        History().plot()
    with pytest.raises(OptionError, match=r"need names among loss, accuracy; got \['mae'\]"):
        make(2).plot(names=["mae"])


def test_plot_without_matplotlib_names_the_extra(monkeypatch):
    for name in [m for m in sys.modules if m.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "cnn-core\[examples\]"') as caught:
        make(2).plot()
    assert not isinstance(caught.value, CnnCoreError)
