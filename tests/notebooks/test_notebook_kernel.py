"""Notebooks executed by a Jupyter kernel, shown by nbconvert, and interrupted."""

from __future__ import annotations

import os
import queue
import time
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
nbconvert = pytest.importorskip("nbconvert")
jupyter_client = pytest.importorskip("jupyter_client")
pytest.importorskip("ipykernel")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]

SET_UP = """
import sys
import numpy as np
import cnn_core as cnn
rng = np.random.default_rng(0)
x = rng.uniform(-1, 1, (2000, 2))
y = (x[:, 0] * x[:, 1] > 0).astype(int)
net = cnn.Sequential([cnn.Dense(16, activation="relu", name="<script>alert(1)</script>"),
                      cnn.Dense(2)], inputs=2, seed=0)
trainer = cnn.Trainer(net, loss="softmax_cross_entropy", metrics=["accuracy"])
slow = cnn.LambdaCallback(on_epoch_end=lambda *_: __import__("time").sleep(0.05))
"""
FIT = "history = trainer.fit(x, y, epochs=12, callbacks=[slow])"
CELLS = (SET_UP, FIT, "net", "trainer", "history", "net.params", """
a, b, c = cnn.Input("x"), cnn.Input("y"), cnn.Input("z")
graph = cnn.Graph((a + b) * c)
graph.forward(x=-2.0, y=5.0, z=-4.0)
graph.backward()
graph""")  # fmt: skip


@pytest.fixture(autouse=True)
def _kernels_import_this_tree(monkeypatch):
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    monkeypatch.setenv("PYTHONPATH", path)


def executed(cells):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    return nbclient.NotebookClient(book, timeout=120).execute()


def as_html(book, theme):
    return nbconvert.HTMLExporter(theme=theme).from_notebook_node(book)[0]


def kinds(cell):
    return {kind for output in cell.outputs for kind in output.get("data", ())}


def test_a_notebook_is_shown_without_noise_and_escaped():
    book = executed(CELLS)
    assert not [o for c in book.cells for o in c.outputs if o.get("name") == "stderr"]
    _, fit, *shown, graph = book.cells
    assert all(kinds(cell) == {"text/html", "text/plain"} for cell in shown)
    assert kinds(graph) == {"image/svg+xml", "text/plain"}
    lines = "".join(o.text for o in fit.outputs if o.output_type == "stream")
    assert lines.startswith("epoch 12/12 00:00, ")
    assert len(lines.splitlines()) == 1
    for theme in ("light", "dark"):
        html = as_html(book, theme)
        assert "<script>alert(1)" not in html
        assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4
        assert 'aria-label="loss, training ' in html


def test_a_bar_is_a_widget_where_there_are_widgets():
    pytest.importorskip("ipywidgets")
    assert "application/vnd.jupyter.widget-view+json" in kinds(executed((SET_UP, FIT)).cells[1])


def test_without_widgets_a_bar_is_text_and_no_warning():
    none = "import sys\nsys.modules['ipywidgets'] = None\n"
    fit = executed((none + SET_UP, FIT)).cells[1]
    assert {(o.output_type, o.get("name")) for o in fit.outputs} == {("stream", "stdout")}
    last = "".join(o.text for o in fit.outputs).splitlines()[-1]
    assert last.startswith("epoch 12/12 00:00, ")


def test_an_interrupt_ends_a_fit_and_keeps_its_state():
    manager, client = jupyter_client.manager.start_new_kernel()
    try:
        assert ask(client, SET_UP)["status"] == "ok"
        sent = client.execute("print('begins')\ntrainer.fit(x, y, epochs=10**6, callbacks=[slow])")
        wait_for(client, lambda m: m.get("text", "").startswith("begins"))
        time.sleep(0.5)  # some epochs
        manager.interrupt_kernel()
        assert reply_to(client, sent)["ename"] == "KeyboardInterrupt"
        check = """
        assert 0 < trainer.history.epochs < 10**6 and trainer.history.interrupted
        before = trainer.epochs_done
        assert np.isfinite(net.predict(x)).all()
        trainer.fit(x, y)
        assert trainer.epochs_done == before + 1
        """.replace("\n        ", "\n")
        assert ask(client, check)["status"] == "ok"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def ask(client, code):
    return reply_to(client, client.execute(code))


def reply_to(client, sent, seconds=120):
    end = time.monotonic() + seconds
    while True:
        message = client.get_shell_msg(timeout=max(0.0, end - time.monotonic()))
        if message["parent_header"].get("msg_id") == sent:
            return message["content"]


def wait_for(client, seen, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if seen(client.get_iopub_msg(timeout=1)["content"]):
                return
        except queue.Empty:
            continue
    pytest.fail("need a message from the kernel; got none")
