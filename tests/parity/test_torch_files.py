"""Weights from and to PyTorch's state_dict: the same outputs on both sides."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

import cnn_core as cnn  # noqa: E402

X = np.random.default_rng(0).standard_normal((33, 7)).astype(np.float32)


def ours(seed=0):
    layers = [cnn.Dense(12, "relu"), cnn.BatchNorm(), cnn.Dense(12), cnn.LayerNorm(),
              cnn.Activation("tanh"), cnn.Dense(12, use_bias=False), cnn.BatchNorm(),
              cnn.Dense(3)]  # fmt: skip
    return cnn.Sequential(layers, 7, seed=seed)


def theirs():
    nn = torch.nn
    torch.manual_seed(3)
    net = nn.Sequential(
        nn.Linear(7, 12), nn.ReLU(), nn.BatchNorm1d(12), nn.Linear(12, 12), nn.LayerNorm(12),
        nn.Tanh(), nn.Linear(12, 12, bias=False), nn.BatchNorm1d(12), nn.Dropout(),
        nn.Linear(12, 3),
    )  # fmt: skip
    with torch.no_grad():
        for _ in range(5):
            net(torch.tensor(X * 3 + 1))
        for tensor in net.parameters():
            tensor += 0.1 * torch.randn_like(tensor)
    return net.eval()


NAMES = {"dense_0": "0", "batchnorm_0": "2", "dense_1": "3", "layernorm_0": "4", "dense_2": "6",
         "batchnorm_1": "7", "dense_3": "9"}  # fmt: skip


def assert_same_outputs(net, peer):
    with torch.no_grad():
        expected = peer(torch.tensor(X)).numpy()
    assert np.abs(net.predict(X) - expected).max() < 1e-6 * max(1, np.abs(expected).max())


@pytest.mark.parametrize("names", [None, NAMES])
def test_weights_of_a_torch_sequential(names, tmp_path):
    net, peer = ours(), theirs()
    safetensors_torch.save_file(peer.state_dict(), tmp_path / "w.safetensors")
    net.load_torch(tmp_path / "w.safetensors", names)
    assert_same_outputs(net, peer)


def test_torch_takes_what_is_saved(tmp_path):
    net, peer = ours(seed=5), theirs()
    cnn.Trainer(net, loss="mse").fit(X, X[:, :3], batch_size=11, epochs=3, progress=False)
    net.save_torch(tmp_path / "w.safetensors", NAMES)
    peer.load_state_dict(safetensors_torch.load_file(tmp_path / "w.safetensors"))
    assert_same_outputs(net, peer)
    again = ours(seed=6)
    again.load_torch(tmp_path / "w.safetensors")
    assert np.array_equal(again.predict(X), net.predict(X))


@pytest.mark.skipif(not hasattr(torch.nn, "RMSNorm"), reason="this PyTorch has no RMSNorm")
def test_a_module_of_named_parts_with_an_embedding(tmp_path):
    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Embedding(9, 4)
            self.second = torch.nn.Linear(11, 5)
            self.norm = torch.nn.RMSNorm(5, eps=None)
            self.out = torch.nn.Linear(5, 2)

        def forward(self, x, c):
            h = torch.cat([x, self.table(c)], 1)
            return self.out(self.norm(torch.relu(self.second(h))))

    x, c = cnn.Input("x", (cnn.BATCH, 7)), cnn.Input("c", (cnn.BATCH,), dtype="int32")
    h = cnn.Concat()([x, cnn.Embedding(9, 4)(c)])
    net = cnn.Model(cnn.Dense(2)(cnn.RMSNorm()(cnn.Dense(5, "relu")(h))), inputs=[x, c], seed=0)
    torch.manual_seed(1)
    peer, codes = Module(), np.arange(33) % 9
    safetensors_torch.save_file(peer.state_dict(), tmp_path / "w")
    net.load_torch(tmp_path / "w")  # by their shapes
    with torch.no_grad():
        expected = peer(torch.tensor(X), torch.tensor(codes)).numpy()
    assert np.abs(net.predict({"x": X, "c": codes}) - expected).max() < 1e-6


def test_half_precision_of_torch(tmp_path):
    peer = torch.nn.Linear(7, 3).half()
    net = cnn.Sequential([cnn.Dense(3)], 7)
    safetensors_torch.save_file(peer.state_dict(), tmp_path / "w")
    net.load_torch(tmp_path / "w", {"dense_0": ""})
    assert np.array_equal(net.params["dense_0.w"].T, peer.weight.detach().float().numpy())
