"""Networks with batch and layer normalisation against PyTorch: 50 steps, running statistics too."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import cnn_core as cnn  # noqa: E402

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((96, 7)) * 3 + 5, RNG.standard_normal((96, 2))


def ours(kind, dtype):
    layers = [cnn.Dense(9), kind(), cnn.Activation("tanh"), cnn.Dense(2)]
    return cnn.Sequential(layers, 7, dtype=dtype, seed=1)


def theirs(net, kind, dtype):
    made = {"BatchNorm": torch.nn.BatchNorm1d, "LayerNorm": torch.nn.LayerNorm,
            "RMSNorm": lambda n: torch.nn.RMSNorm(n, eps=None)}[kind](9)  # fmt: skip
    peer = torch.nn.Sequential(torch.nn.Linear(7, 9), made, torch.nn.Tanh(), torch.nn.Linear(9, 2))
    peer = peer.to(getattr(torch, dtype))
    with torch.no_grad():
        for layer, name in ((peer[0], "dense_0"), (peer[3], "dense_1")):
            layer.weight.copy_(torch.tensor(net.params[f"{name}.w"].T.copy()))
            layer.bias.copy_(torch.tensor(net.params[f"{name}.b"]))
    return peer


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)])
@pytest.mark.parametrize("kind", ["BatchNorm", "LayerNorm", "RMSNorm"])
def test_training_with_normalisation(kind, dtype, tolerance):
    if kind == "RMSNorm" and not hasattr(torch.nn, "RMSNorm"):
        pytest.skip("this PyTorch has no RMSNorm")
    net = ours(getattr(cnn, kind), dtype)
    peer = theirs(net, kind, dtype)
    trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.SGD(0.05))
    optimizer = torch.optim.SGD(peer.parameters(), lr=0.05)
    x, y = X.astype(dtype), Y.astype(dtype)
    for step in range(50):
        rows = slice(step % 3 * 32, step % 3 * 32 + 32)
        loss = ((peer(torch.tensor(x[rows])) - torch.tensor(y[rows])) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert trainer.step(x[rows], y[rows]) == pytest.approx(loss.item(), rel=10 * tolerance)
    peer.eval()
    with torch.no_grad():
        right = peer(torch.tensor(x)).numpy()
    scale = np.abs(right).max()
    np.testing.assert_allclose(net.predict(x), right, rtol=0, atol=10 * tolerance * scale)
    label = kind.lower() + "_0"
    pairs = [("s", peer[1].weight), ("b", getattr(peer[1], "bias", None))]
    if kind == "BatchNorm":
        pairs += [("mean", peer[1].running_mean), ("variance", peer[1].running_var)]
    for key, tensor in pairs:
        if tensor is not None:
            value = tensor.detach().numpy()
            error = np.abs(net.params[f"{label}.{key}"] - value).max() / np.abs(value).max()
            assert error < 3 * tolerance, key
