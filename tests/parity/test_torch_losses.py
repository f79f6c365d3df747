"""Values and gradients of losses in float64 against PyTorch's."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import cnn_core as cnn

torch = pytest.importorskip("torch", reason="torch is not installed")
sys.path.append(str(Path(__file__).resolve().parents[1] / "nn"))

from loss_formulas import BITS, COUNTS, LABELS, RNG, SHARES, B, T, Z, trainer_of  # noqa: E402

F = torch.nn.functional
ONES = torch.ones(B, dtype=torch.float64)


def gaussian(z, t):
    return torch.nn.GaussianNLLLoss(full=True)(z[:, :2], t, z[:, 2:].exp() + 1e-6)


def quantiles(z, t):
    q, e = torch.tensor([0.1, 0.5, 0.9, 0.95]), t[:, None] - z
    return torch.maximum(q * e, (q - 1) * e).mean()


def sigmoid_focal(z, t):
    """torchvision.ops.sigmoid_focal_loss, as published."""
    p = torch.sigmoid(z)
    cost = F.binary_cross_entropy_with_logits(z, t, reduction="none")
    missed = 1 - (p * t + (1 - p) * (1 - t))
    return ((0.25 * t + 0.75 * (1 - t)) * cost * missed**2).mean()


def focal(z, t):
    cost = F.cross_entropy(z, t, reduction="none")
    return ((1 - torch.exp(-cost)) ** 2 * cost).mean()


LOSSES = {
    "multi_margin": (cnn.MultiMargin(), LABELS, F.multi_margin_loss),
    "multi_margin p=2": (cnn.MultiMargin(0.7, 2), LABELS,
                         lambda z, t: F.multi_margin_loss(z, t, p=2, margin=0.7)),
    "kl": (cnn.KLDivergence(), SHARES,
           lambda z, t: F.kl_div(F.log_softmax(z, 1), t, reduction="batchmean")),
    "gaussian": (cnn.GaussianNLL(full=True), T[:, :2], gaussian),
    "cosine": (cnn.CosineDistance(), T, lambda z, t: F.cosine_embedding_loss(z, t, ONES)),
    "quantiles": (cnn.Quantiles((0.1, 0.5, 0.9, 0.95)), T[:, 0], quantiles),
    "focal": (cnn.Focal(), LABELS, focal),
    "sigmoid focal": (cnn.BinaryFocal(alpha=0.25), BITS, sigmoid_focal),
    "squared hinge": (cnn.SquaredHinge(), 2 * BITS - 1,
                      lambda z, t: torch.clamp(1 - t * z, min=0).square().mean()),
    "log cosh": (cnn.LogCosh(), T, lambda z, t: torch.log(torch.cosh(z - t)).mean()),
    "tweedie": (cnn.Tweedie(1.3), COUNTS,
                lambda z, t: ((0.7 * z).exp() / 0.7 + t * (-0.3 * z).exp() / 0.3).mean()),
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient_are_those_of_torch(name):
    loss, y, theirs = LOSSES[name]
    z = torch.tensor(Z, requires_grad=True)
    expected = theirs(z, torch.tensor(y))
    expected.backward()
    trainer = trainer_of(loss, Z)
    assert trainer.step(np.eye(B), y) == pytest.approx(expected.item(), rel=1e-10)
    np.testing.assert_allclose(
        trainer.net.store.grads["dense_0.w"], z.grad.numpy(), rtol=1e-10, atol=1e-13
    )


def test_triplet_is_that_of_torch():
    parts = [RNG.standard_normal((B, 3)) for _ in range(3)]
    nodes = {k: cnn.Input(f"x_{k}", (cnn.BATCH, B)) for k in ("anchor", "positive", "negative")}
    net = cnn.Model({k: cnn.Dense(3, use_bias=False, name=k)(x) for k, x in nodes.items()},
                    dtype="float64", seed=0)  # fmt: skip
    net.set_params({f"{k}.w": part for k, part in zip(nodes, parts, strict=True)})
    tensors = [torch.tensor(part, requires_grad=True) for part in parts]
    expected = torch.nn.TripletMarginLoss(margin=0.7)(*tensors)
    expected.backward()
    trainer = cnn.Trainer(net, loss=cnn.Triplet(0.7), optimizer=cnn.SGD(lr=0.1))
    assert trainer.step((np.eye(B),) * 3) == pytest.approx(expected.item(), rel=1e-10)
    for k, tensor in zip(nodes, tensors, strict=True):
        np.testing.assert_allclose(net.store.grads[f"{k}.w"], tensor.grad.numpy(), rtol=1e-10,
                                   atol=1e-13)  # fmt: skip
