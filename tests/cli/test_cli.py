"""The command line: what it shows, one line for what goes wrong, and nothing of a file is run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.cli import main
from cnn_core.io import files

RNG = np.random.default_rng(6)
X = RNG.standard_normal((64, 8))
Y = (X[:, 0] > 0).astype(int)


def command(capsys, *arguments) -> tuple[int, str, str]:
    try:
        status = main([str(a) for a in arguments])
    except SystemExit as error:
        status = error.code
    told = capsys.readouterr()
    return status, told.out, told.err


def two_heads() -> cnn.Model:
    x, c = cnn.Input("x", (cnn.BATCH, 8)), cnn.Input("c", (cnn.BATCH,), dtype="int32")
    shared = cnn.Dense(6, "gelu")
    h = cnn.Concat()([shared(x), cnn.Embedding(10, 2)(c), shared(x)])
    with cnn.group("tail"):
        mixed = h * 2.5 + np.arange(14.0)
    return cnn.Model({"price": cnn.Dense(1)(mixed + h), "sold": cnn.Dense(2)(h)}, seed=2)


def train(path, optimizer="adam", **options) -> cnn.Trainer:
    net = cnn.Sequential([cnn.Dense(6, "relu"), cnn.BatchNorm(), cnn.Dense(2)], 8, seed=0)
    net.freeze("dense_0.b")
    trainer = cnn.Trainer(net, loss="softmax_cross_entropy", metrics=["accuracy"],
                          optimizer=optimizer)  # fmt: skip
    trainer.fit(X, Y, epochs=3, progress=False, callbacks=[cnn.Checkpoint(path, **options)])
    return trainer


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "run.safetensors"
    return path, train(path)


def table(text: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.split()}


def test_summary_of_a_graph_has_each_layer_and_group_and_adds_up(capsys):
    net = two_heads()
    net.summary()
    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines()]
    assert [line[0] for line in lines[2:-1]] == [
        "x", "dense_0", "c", "embedding_0", "dense_0@2", "concat_0", "tail", "add_1", "dense_1",
        "dense_2"]  # fmt: skip
    found = table(out)
    assert found["tail"] == ["concat_0", "(B,", "14)", "0"]
    assert found["dense_0"][:1] == ["x"]
    (dense,) = [line for line in lines if line[:3] == ["dense_1", "->", "price"]]
    assert dense[-3:] == ["(B,", "1)", "15"]
    counts = [int(line[-1].replace(",", "")) for line in lines[2:-1] if line[0] not in ("x", "c")]
    assert sum(counts) == net.n_params
    assert out.endswith(f"{net.n_params} parameters, float32, 0.5 KiB\n")


def test_show_of_a_network(capsys, tmp_path):
    net = two_heads()
    net.save(tmp_path / "net")
    status, out, err = command(capsys, "show", tmp_path / "net")
    net.summary()
    assert (status, err) == (0, "")
    assert out.startswith(f"{tmp_path / 'net'}: network, format {files.FORMAT}, of version ")
    assert capsys.readouterr().out in out
    table_value = net.params["embedding_0.table"]
    assert table(out)["embedding_0.table"] == [
        "(10,", "2)", "float32", "trainable", f"{table_value.min():.4f}",
        f"{table_value.max():.4f}", f"{table_value.mean(dtype=float):.4f}"]  # fmt: skip


def test_show_of_a_training(capsys, run):
    path, trainer = run
    status, out, err = command(capsys, "show", path)
    assert (status, err) == (0, "")
    found = table(out)
    assert found["dense_0.b"][2] == "frozen"
    assert found["batchnorm_0.mean"][2] == "state"
    assert found["steps"] == ["6", "of", "adam"]
    assert found["epochs"] == ["3"]
    assert found["epoch"] == ["3", "loss", f"{trainer.history['loss'][-1]:.4f},", "accuracy",
                              f"{trainer.history['accuracy'][-1]:.4f}"]  # fmt: skip
    assert "loss       SoftmaxCrossEntropy(" in out
    assert "optimizer  Adam(lr=0.001" in out


def test_show_of_a_state_alone_says_what_is_missing(capsys, tmp_path):
    train(tmp_path / "run", cnn.SGD(lambda step: 0.1))
    status, out, _ = command(capsys, "show", tmp_path / "run")
    assert status == 0
    assert "the state alone, as a file cannot hold all: SGD: lr: need an option" in out
    assert table(out)["dense_1.w"][:3] == ["(6,", "2)", "float32"]


def test_verify_tells_by_its_status(capsys, run, tmp_path):
    path, _ = run
    assert command(capsys, "verify", path) == (0, f"{path}: step 6: the bits agree\n", "")
    data = bytearray(path.read_bytes())
    data[-3] ^= 4
    (tmp_path / "run").write_bytes(data)
    status, out, err = command(capsys, "verify", tmp_path / "run")
    assert (status, err) == (1, "")
    assert "step 6: other numbers than were written: " in out
    train(tmp_path / "bare", proof=False)
    status, out, err = command(capsys, "verify", tmp_path / "bare")
    assert (status, out) == (2, "")
    assert "need a checkpoint with a proof; got one without" in err


def test_info_is_what_show_config_prints(capsys):
    status, out, _ = command(capsys, "info")
    cnn.show_config()
    assert (status, out) == (0, capsys.readouterr().out)


@pytest.mark.parametrize(
    "arguments",
    [(), ("bad",), ("show",), ("show", "a", "b"), ("info", "x"), ("show", "--what", "f"),
     ("show", "no such file"), ("verify", "no\nsuch"), ("show", "."), ("verify", __file__)],
)  # fmt: skip
def test_what_goes_wrong_is_one_line_and_status_2(arguments, capsys):
    status, out, err = command(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("cnn-core: ")
    assert err.count("\n") == 1


def test_names_that_a_terminal_would_obey_are_harmless(capsys, tmp_path):
    net = cnn.Sequential([cnn.Dense(2, name="\x1b]0;title\x07\u202e")], 3)
    net.save(tmp_path / "net")
    status, out, _ = command(capsys, "show", tmp_path / "net")
    assert status == 0
    assert "\\x1b]0;title\\x07\\u202e.w" in out
    assert all(c.isprintable() or c == "\n" for c in out)


def test_as_a_module_and_into_a_pipe_that_is_closed(run):
    path, _ = run
    call = [sys.executable, "-m", "cnn_core"]
    done = subprocess.run([*call, "verify", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (
        0, f"{path}: step 6: the bits agree\n", "")  # fmt: skip
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*call, "show", path], stdout=write, stderr=subprocess.PIPE, text=True,
                          check=False)  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


def test_the_command_is_declared():
    tomllib = pytest.importorskip("tomllib")
    pyproject = Path(__file__).resolve().parents[2] / "pyproject.toml"
    assert tomllib.loads(pyproject.read_text())["project"]["scripts"] == {
        "cnn-core": "cnn_core.cli:main"}  # fmt: skip
