"""What notebooks show: short, well-formed, escaped, in the theme's colours, as the text says."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core import notebook, ops
from cnn_core.markup import Markup, tag
from cnn_core.tabular import TabularClassifier
from cnn_core.train.history import History

ODD = '<b onclick="x">&\'"'
ELEMENTS = {"div", "b", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "svg",
            "path", "text"}  # fmt: skip
STYLES = {"text-align", "font-weight", "display", "flex-wrap", "gap", "margin", "max-width"}


def read(thing) -> ElementTree.Element:
    """Return what a notebook shows of ``thing``; assert what holds for all of it."""
    html = thing._repr_html_()
    root = ElementTree.fromstring(html)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        assert element.tag in ELEMENTS
        style = element.get("style", "")
        assert {part.partition(":")[0] for part in style.split(";") if part} <= STYLES
        assert element.get("onclick") is None
        assert element.get("fill") in (None, "none", "currentColor")
    assert len(html) < 20_000
    return root


def cells(root: ElementTree.Element) -> list[list[str]]:
    return [["".join(cell.itertext()) for cell in row if cell.tag in ("th", "td")]
            for row in root.iter("tr")]  # fmt: skip


def words(root: ElementTree.Element) -> str:
    return " ".join(root.itertext())


def made_trainer(**options) -> tuple[cnn.Trainer, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (40, 2))
    net = cnn.Sequential([cnn.Dense(3, activation="relu", name=ODD), cnn.Dense(2)], 2, seed=0)
    options = {"loss": "softmax_cross_entropy", "metrics": ["accuracy"], **options}
    return cnn.Trainer(net, **options), x, (x[:, 0] > 0).astype(int)


@pytest.fixture(scope="module")
def learner() -> TabularClassifier:
    rows = [{"age": i * i % 17, ODD: "ab<"[i % 3], "to": ("<i>", "no")[i % 2]} for i in range(60)]
    model = TabularClassifier(seed=0, options={"epochs": 2}, progress=False)
    return model.fit(rows, "to")


# -- networks and parameters -------------------------------------------------------------------


def test_a_network_shows_its_summary(capsys):
    net, *_ = [made_trainer()[0].net]
    found = read(net)
    assert cells(found) == [
        ["layer", "output", "parameters"], ["x", "(B, 2)", ""],
        [f"{ODD} (relu)", "(B, 3)", "9"], ["dense_1 (linear)", "(B, 2)", "8"],
    ]  # fmt: skip
    net.summary()
    text = capsys.readouterr().out
    assert all(cell in text for row in cells(found) for cell in row)
    assert "Sequential 17 parameters, float32, 0.1 KiB" in words(found).replace("  ", " ")


def test_a_model_of_several_outputs_shows_what_layers_are_made_of():
    x = cnn.Input("x", (cnn.BATCH, 3))
    trunk = cnn.Dense(4)(x)
    net = cnn.Model({"a": cnn.Dense(1)(trunk), "b": cnn.Dense(2)(trunk)})
    assert cells(read(net))[0] == ["layer", "of", "output", "parameters"]
    assert [row[0] for row in cells(read(net))[-2:]] == ["dense_1 -> a", "dense_2 -> b"]


def test_parameters_show_role_shape_and_count():
    net = made_trainer()[0].net
    net.freeze("dense_1.b")
    assert cells(read(net.params))[1:] == [
        [f"{ODD}.w", "trainable", "(2, 3)", "6"], [f"{ODD}.b", "trainable", "(3,)", "3"],
        ["dense_1.w", "trainable", "(3, 2)", "6"], ["dense_1.b", "frozen", "(2,)", "2"],
    ]  # fmt: skip


def test_a_network_of_300_layers_stays_short():
    net = cnn.Sequential([cnn.Dense(2) for _ in range(300)], 2)
    rows = cells(read(net))
    assert len(rows) == 1 + notebook.MOST_ROWS + 1
    assert rows[31] == ["... 261 more ..."]
    assert rows[-1][0] == "dense_299 (linear)"
    assert rows[30][0] == "dense_28 (linear)"
    assert cells(read(net.params))[31] == ["... 560 more ..."]


# -- trainers ----------------------------------------------------------------------------------


def test_a_trainer_shows_what_its_text_says():
    trainer, x, y = made_trainer()
    assert ["state", "not trained"] in cells(read(trainer))
    trainer.fit(x, y, batch_size=10, epochs=3)
    found = dict(row for row in cells(read(trainer)) if len(row) == 2)
    assert found["network"] == "Sequential, 17 parameters, float32, 0.1 KiB"
    assert found["loss"].startswith("SoftmaxCrossEntropy(")
    assert found["optimizer"].startswith("Adam(lr=0.001")
    loss = trainer.history["loss"][-1]
    assert found["state"].startswith(f"3 epochs, 12 steps; loss {loss:.4f}, accuracy ")
    for name, value in found.items():
        assert re.search(f"{name} +{re.escape(value)}", repr(trainer))
    assert [f"{ODD} (relu)", "(B, 3)", "9"] in cells(read(trainer))


def test_a_trainer_tells_of_a_broken_epoch_and_of_skipped_steps():
    trainer, x, y = made_trainer(guard="skip", check_finite=False)

    class Stop(cnn.Callback):
        def on_chunk_end(self, trainer, *_):
            trainer.stop = True

    trainer.fit(x, y, batch_size=10, callbacks=[Stop()])
    assert "0 epochs, 1 step, within epoch 1" in repr(trainer)
    trainer.step(np.full((2, 2), np.inf), y[:2])
    assert ", 1 step skipped" in repr(trainer)


def test_a_trainer_shows_losses_of_outputs_and_functions():
    x = cnn.Input("x", (cnn.BATCH, 3))
    net = cnn.Model({"a": cnn.Dense(1)(x), ODD: cnn.Dense(2)(x)})
    trainer = cnn.Trainer(net, loss={"a": "mse", ODD: None}, loss_weights={"a": 0.5},
                          weight_average="ema")  # fmt: skip
    found = dict(row for row in cells(read(trainer)) if len(row) == 2)
    assert found["loss"] == f"a: MSE(), {ODD}: None"
    assert (found["loss weights"], found["averages"]) == ("a: 0.5", "EMA()")

    def own_loss(outputs, targets):
        return ops.mean(outputs["a"])

    assert "own_loss" in repr(cnn.Trainer(net, loss=own_loss))


# -- histories ---------------------------------------------------------------------------------


def test_a_history_draws_and_lists_its_last_epochs():
    history = History(first=5)
    for i in range(12):
        history.append({"loss": 1 / (i + 1), ODD: 0.5, "val_loss": float(i)}, 0.25)
    found = read(history)
    charts = found.findall(".//svg")
    assert [chart.get("aria-label") for chart in charts] == [
        "loss, training 0.0833, validation 11.0000", f"{ODD}, training 0.5000"]  # fmt: skip
    rows = cells(found)
    assert rows[0] == ["epoch", "loss", ODD, "val_loss", "seconds"]
    assert rows[1][0] == "..."
    assert [row[0] for row in rows[2:]] == [str(i) for i in range(8, 18)]
    assert all(cell in repr(history) for row in rows for cell in row)
    assert "History 12 epochs, 3.0 s" in words(found).replace("  ", " ")


def points_of(chart: ElementTree.Element, line: int) -> list[list[list[float]]]:
    """Return the pieces of a curve, each a list of points; curves come after legends."""
    path = chart.findall("path")[2 * line + 1].get("d").replace("h0.1", "")
    return [[[float(v) for v in pair.split()] for pair in piece.split("L")]
            for piece in path.split("M")[1:]]  # fmt: skip


def test_curves_lie_where_the_values_are():
    history = History()
    for a, b in ((1.0, 2.0), (3.0, np.nan), (np.inf, 1.0), (2.0, 1.5)):
        history.append({"loss": a, "val_loss": b}, 0.1)
    (chart,) = read(history).findall(".//svg")
    training, validation = points_of(chart, 0), points_of(chart, 1)
    assert [len(piece) for piece in training] == [2, 1]  # infinity is a gap
    assert [len(piece) for piece in validation] == [1, 2]
    places = np.array([*training[0], *training[1], *validation[0], *validation[1]])
    x, y = places.T
    epochs, values = [1, 2, 4, 1, 3, 4], [1, 3, 2, 2, 1, 1.5]
    assert np.allclose(x, x[0] + (x[2] - x[0]) / 3 * (np.array(epochs) - 1), atol=0.06)
    assert np.allclose(y, y[0] + (y[1] - y[0]) / 2 * (np.array(values) - 1), atol=0.06)
    assert y[1] < y[0]  # more is higher
    texts = [t.text for t in chart.iter("text")]
    assert {"1", "3", "4"} <= set(texts)


def test_a_long_history_stays_short_and_keeps_its_ends():
    history = History()
    for i in range(10_000):
        history.append({"loss": float(i)}, 0.0)
    (chart,) = read(history).findall(".//svg")
    (piece,) = points_of(chart, 0)
    assert len(piece) <= notebook.POINTS + 1
    last = (notebook._WIDTH - notebook._RIGHT, notebook._TOP)
    assert piece[-1] == pytest.approx(last)


@pytest.mark.parametrize("values", [[], [0.5], [np.nan], [1e308, -1e308], [7.0, 7.0]])
def test_any_history_can_be_drawn(values):
    history = History()
    for value in values:
        history.append({"loss": value}, 0.0)
    text = words(read(history))
    assert f"{len(values)} epoch" in text
    assert "inf" not in "".join(p.get("d") for p in read(history).iter("path"))


# -- what is reported --------------------------------------------------------------------------


def test_reports_of_trainers_show_what_their_text_says():
    trainer, x, y = made_trainer()
    found = trainer.diagnose(x, y)
    assert {ODD, "dense_1"} <= {row[0] for row in cells(read(found))}
    said = [cell for row in cells(read(found)) for cell in row if cell != "what is odd"]
    assert all(cell in repr(found) for cell in said)
    rates = trainer.lr_find(x, y, batch_size=10, steps=20)
    assert repr(rates).partition(": ")[2] in words(read(rates))
    assert len(read(rates).findall(".//svg")) == 1


def test_a_check_of_gradients_shows_each_line():
    x = cnn.Input(ODD, (2,))
    graph = cnn.Graph(ops.sum(ops.square(x)))
    graph.forward(**{ODD: [1.0, 2.0]})
    report = graph.check_gradients()
    assert cells(read(report))[1][0] == ODD
    assert "all gradients agree" in words(read(report))


def test_a_learner_shows_what_it_has_learned(learner):
    unfitted = words(read(TabularClassifier(n_models=3)))
    assert "TabularClassifier (n_models=3), not fitted" in unfitted.replace("  ", " ")
    rows = cells(read(learner))
    assert ["learned from", "60 rows, 2 of 2 columns"] in rows
    assert any(row[0] == "accuracy" for row in rows)
    assert any(row[0] == ODD for row in rows)


def test_reports_of_learners_show_what_their_text_says(learner):
    rows = [{"age": i * i % 17, ODD: "ab<"[i % 3], "to": ("<i>", "no")[i % 2]} for i in range(20)]
    for found in (learner.columns_, learner.evaluate(rows),
                  learner.permutation_importance(rows, n_repeats=1)):  # fmt: skip
        shown = cells(read(found))
        assert all(cell in str(found) for row in shown for cell in row)
        assert len(shown) >= 3
    assert ["class, taken for", "<i>", "no"] in cells(read(learner.evaluate(rows)))


def test_scikit_learn_shows_learners_in_a_pipeline(learner):
    pipeline = pytest.importorskip("sklearn.pipeline")
    from cnn_core.estimators import MLPClassifier

    for part in (MLPClassifier(dropout=0.25), TabularClassifier(n_models=7)):
        html = pipeline.make_pipeline("passthrough", part)._repr_html_()
        assert type(part).__name__ in html
        assert re.search("dropout.{1,200}0.25|n_models.{1,200}7|n_models=7", html, re.DOTALL)


# -- graphs and markup -------------------------------------------------------------------------


def test_a_large_graph_without_groups_is_told_of_in_words():
    y = x = cnn.Input("<x>", (2,))
    for _ in range(1000):
        y = ops.tanh(y)
    svg = cnn.Graph(y + x)._repr_svg_()
    text = " ".join(ElementTree.fromstring(svg).itertext())
    assert "Graph of 1002 nodes" in text
    assert "1,000 tanh, 1 input, 1 add" in text
    assert "draw(path)" in text
    assert len(svg) < 2000


def test_markup_escapes_all_but_markup():
    assert tag("td", ODD, class_=ODD) == (
        '<td class="&lt;b onclick=&quot;x&quot;&gt;&amp;&#x27;&quot;">'
        "&lt;b onclick=&quot;x&quot;&gt;&amp;&#x27;&quot;</td>"
    )
    assert tag("td", Markup("<b>x</b>")) == "<td><b>x</b></td>"
    assert tag("p", "\x00\ud800a") == "<p>\ufffd\ufffda</p>"


def test_a_long_cell_is_cut():
    (row,) = cells(ElementTree.fromstring(notebook.table((), [("x" * 1000, "y")])))
    assert len(row[0]) == notebook.LONGEST
