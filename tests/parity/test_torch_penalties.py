"""Penalties and limited norms against PyTorch, where they are written out."""

from __future__ import annotations

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.optim import SGD, Adam

torch = pytest.importorskip("torch", reason="torch is not installed")


@pytest.mark.parametrize(("ours", "theirs"), [
    (lambda g: SGD(lr=0.05, momentum=0.9, groups=g),
     lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
    (lambda g: Adam(lr=0.05, groups=g), lambda p: torch.optim.Adam(p, lr=0.05)),
    (lambda g: Adam(lr=0.05, groups=g, clip_norm=0.1), lambda p: torch.optim.Adam(p, lr=0.05)),
], ids=["sgd", "adam", "clipped"])  # fmt: skip
def test_penalties_are_those_of_a_loss_with_them_and_norms_are_limited(ours, theirs):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 7)), rng.standard_normal((50, 4))
    net = cnn.Sequential([cnn.Dense(4)], 7, dtype="float64", seed=0)
    groups = {"*.w": {"l1": 0.02, "l2": 0.03, "max_norm": 0.4}}
    trainer = cnn.Trainer(net, loss="mse", optimizer=ours(groups))
    w, b = (torch.tensor(net.params[f"dense_0.{k}"].copy(), requires_grad=True) for k in "wb")
    optimizer = theirs([w, b])
    clipped = trainer.optimizer.clip_norm
    for _ in range(20):
        loss = ((torch.tensor(x) @ w + b - torch.tensor(y)) ** 2).mean()
        optimizer.zero_grad()
        (loss + 0.02 * w.abs().sum() + 0.03 * w.square().sum()).backward()
        if clipped:
            torch.nn.utils.clip_grad_norm_([w, b], clipped)
        optimizer.step()
        with torch.no_grad():
            w.mul_((0.4 / w.norm(dim=0)).clamp(max=1))
        assert trainer.step(x, y) == pytest.approx(loss.item(), rel=1e-10)
    np.testing.assert_allclose(net.params["dense_0.w"], w.detach().numpy(), rtol=1e-9, atol=1e-12)
    assert np.linalg.norm(net.params["dense_0.w"], axis=0).max() == pytest.approx(0.4)
