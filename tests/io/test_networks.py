"""Networks in files: the same bits, names, roles and places; what a file cannot hold is refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.errors import DataError, OptionError

RNG = np.random.default_rng(5)
X = RNG.standard_normal((9, 8)).astype(np.float32)


def deep() -> cnn.Sequential:
    layers = [
        cnn.Dense(16, "relu", init=cnn.init.constant(0.1), name="first"), cnn.BatchNorm(),
        cnn.Dropout(0.25), cnn.Residual([cnn.Dense(16, "tanh"), cnn.LayerNorm()]),
        cnn.Reshape((4, 4)), cnn.Flatten(), cnn.Scale(use_bias=True), cnn.RMSNorm(eps=1e-3),
        cnn.Dense(3, cnn.ops.softmax, use_bias=False),
    ]  # fmt: skip
    net = cnn.Sequential(layers, 8, input_scale=0.5, input_shift=0.1, seed=3)
    trainer = cnn.Trainer(net, loss="mse", seed=0)
    trainer.fit(X, RNG.random((9, 3)), batch_size=3, progress=False)
    net.freeze("first.w")
    return net


def nested() -> cnn.Sequential:
    trunk, shared = deep(), cnn.Dense(3, "silu")
    return cnn.Sequential([trunk, shared, shared, cnn.Dense(1)], 8, seed=1)


def two_heads() -> cnn.Model:
    x, c = cnn.Input("x", (cnn.BATCH, 8)), cnn.Input("c", (cnn.BATCH,), dtype="int32")
    h = cnn.Concat()([cnn.Dense(6, "gelu")(x), cnn.Embedding(10, 2)(c)])
    with cnn.group("tail"):
        mixed = h[:, ::2] * 2.5 + np.arange(4.0) - cnn.ops.clip(h[:, :4], 0.0)
    return cnn.Model({"price": cnn.Dense(1)(mixed), "sold": cnn.Dense(2)(h)}, dtype="float64",
                     seed=2)  # fmt: skip


def outputs(net: cnn.Model) -> dict[str, np.ndarray]:
    x = {"x": X, "c": np.arange(9)} if len(net.inputs) > 1 else X
    found = net.predict(x)
    return {"output": found} if net.is_single else found


@pytest.mark.parametrize("make", [deep, nested, two_heads])
def test_a_loaded_network_is_the_saved_one(make, tmp_path):
    net = make()
    net.save(tmp_path / "net.safetensors")
    loaded = cnn.load(tmp_path / "net.safetensors")
    assert repr(loaded) == repr(net)
    assert type(loaded) is type(net)
    expected = outputs(net)
    for name, found in outputs(loaded).items():
        assert np.array_equal(found, expected[name])
    assert list(loaded.params) == list(net.params)
    assert [loaded.params.role(n) for n in net.params] == [net.params.role(n) for n in net.params]
    assert [len(b.value) for b in loaded.params.blocks] == [len(b.value) for b in net.params.blocks]
    graph = {k: cnn.Graph(n).nodes_topologically_sorted() for k, n in net.outputs.items()}
    for name, nodes in graph.items():
        again = cnn.Graph(loaded.outputs[name]).nodes_topologically_sorted()
        assert [(n.op, n.name, n.group, n.shape) for n in again] == [
            (n.op, n.name, n.group, n.shape) for n in nodes]  # fmt: skip


def test_training_goes_on_with_the_same_bits(tmp_path):
    net, y = nested(), RNG.random((9, 1))
    net.save(tmp_path / "net")
    loaded = cnn.load(tmp_path / "net")
    for each in (net, loaded):
        cnn.Trainer(each, loss="mse", optimizer=cnn.Adam(clip_norm=0.5), seed=1).fit(
            X, y, batch_size=3, epochs=3, progress=False
        )
    for name, value in net.params.items():
        assert np.array_equal(loaded.params[name], value), name


def test_layers_of_a_loaded_network_share_their_weights(tmp_path):
    nested().save(tmp_path / "net")
    loaded = cnn.load(tmp_path / "net")
    trunk, shared = loaded.layers[0].model, loaded.layers[1]
    assert loaded.layers[2] is shared
    again = cnn.Sequential([trunk, shared], 8)
    before = loaded.predict(X)
    again.set_params({name: 0 * value for name, value in again.params.items()})
    assert not np.array_equal(loaded.predict(X), before)


def test_other_programs_can_read_the_file(tmp_path):
    from safetensors.numpy import load_file

    net = deep()
    net.save(tmp_path / "net.safetensors")
    arrays = load_file(tmp_path / "net.safetensors")
    assert all(np.array_equal(arrays[name], value) for name, value in net.params.items())


def test_a_file_names_what_there_is_and_nothing_else(tmp_path):
    class Own(cnn.Layer):
        def build(self, x, name, rng):
            return cnn.ops.relu(x, name=name)

    class Swap(cnn.Gate):
        def forward(self, x):
            return -x

        def backward(self, dy):
            return -dy

    for layer, what in [(Own(), "own_0"), (cnn.Activation(lambda x: x * 2), "<lambda>"),
                        (Swap(), "gate")]:  # fmt: skip
        net = cnn.Sequential([cnn.Dense(3), layer], 8)
        with pytest.raises(OptionError, match=what):
            net.save(tmp_path / "net")
        assert list(tmp_path.iterdir()) == []
    net = cnn.Sequential([cnn.Dense(3), Own()], 8, seed=0)
    cnn.Model(net.output).save(tmp_path / "net")  # as the message says
    assert np.array_equal(cnn.load(tmp_path / "net").predict(X), net.predict(X))


def test_what_is_not_a_network_is_refused(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "file"
    with pytest.raises(FileNotFoundError):
        cnn.load(path)
    with pytest.raises(IsADirectoryError):
        cnn.load(tmp_path)
    save_file({"w": np.zeros(3)}, path)
    with pytest.raises(DataError, match=f"load: {path}: need a file that cnn_core has saved"):
        cnn.load(path)
    path.write_bytes(b"\x80\x04.")
    with pytest.raises(DataError, match=f"load: {path}: need a whole file"):
        cnn.load(path)


def test_a_newer_format_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("cnn_core.io.files.FORMAT", 2)
    monkeypatch.setattr("cnn_core.__version__", "9.1.0")
    deep().save(tmp_path / "net")
    monkeypatch.undo()
    with pytest.raises(DataError, match=r"need format 1 or older; got 2, which a newer version, "
                                        r"'9\.1\.0', has written"):  # fmt: skip
        cnn.load(tmp_path / "net")


def test_another_process_predicts_the_same_bits(tmp_path):
    net = nested()
    net.save(tmp_path / "net")
    np.savez(tmp_path / "expected.npz", x=X, y=net.predict(X))
    code = ("import sys, numpy as np, cnn_core as cnn; kept = np.load(sys.argv[2]); "
            "assert np.array_equal(cnn.load(sys.argv[1]).predict(kept['x']), kept['y'])")
    subprocess.run([sys.executable, "-c", code, tmp_path / "net", tmp_path / "expected.npz"],
                   check=True)  # fmt: skip
