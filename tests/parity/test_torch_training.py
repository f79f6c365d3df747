"""Whole training runs in float64 against PyTorch, from the same weights and batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnn_core as cnn

torch = pytest.importorskip("torch", reason="torch is not installed")
F = torch.nn.functional

ROWS, BATCH, EPOCHS = 61, 13, 8  # 40 steps, the last of each epoch short
TOLERANCE = 1e-10

ACTIVATIONS: dict[str, Callable] = {
    "linear": lambda x: x, "relu": F.relu, "leaky_relu": F.leaky_relu, "elu": F.elu,
    "selu": F.selu, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "gelu": F.gelu,
    "silu": F.silu, "mish": F.mish, "softplus": F.softplus,
    "softmax": lambda x: F.softmax(x, dim=1),
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _float64():
    before, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)  # threads that wait for each other take most of the time
    yield
    torch.set_default_dtype(before)
    torch.set_num_threads(threads)


def make_net(outputs: int, activation: str = "tanh", hidden=(11, 5), seed: int = 3):
    layers = [cnn.Dense(units, activation) for units in hidden]
    return cnn.Sequential([*layers, cnn.Dense(outputs)], 6, dtype="float64", seed=seed)


class Peer(torch.nn.Module):
    """The same network, with copies of its weights."""

    def __init__(self, net: cnn.Sequential, activation: str) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]
        names = [n[:-2] for n in net.params if n.endswith(".w")]
        self.dense = torch.nn.ModuleList()
        for name in names:
            w, b = net.params[f"{name}.w"], net.params[f"{name}.b"]
            layer = torch.nn.Linear(*w.shape)
            layer.weight.data = torch.tensor(w.T.copy())
            layer.bias.data = torch.tensor(b.copy())
            self.dense.append(layer)

    def forward(self, x):
        for layer in self.dense[:-1]:
            x = self.activation(layer(x))
        return self.dense[-1](x)


def data(kind: str, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((ROWS, 6))
    if kind == "labels":
        return x, rng.integers(0, outputs, ROWS)
    if kind == "some ignored":
        return x, np.where(rng.random(ROWS) < 0.3, -1, rng.integers(0, outputs, ROWS))
    if kind == "probabilities":
        return x, rng.dirichlet(np.ones(outputs), ROWS)
    if kind == "interval":
        return x, rng.random((ROWS, outputs))
    if kind == "signs":
        return x, rng.choice([-1.0, 1.0], (ROWS, outputs))
    if kind == "counts":
        return x, rng.poisson(2.0, (ROWS, outputs)).astype(float)
    return x, rng.standard_normal((ROWS, outputs)) + x[:, :1]


def check(
    loss: cnn.nn.losses.Loss, rows: Callable, kind: str, outputs: int, *, optimizer: Any = None,
    peer_optimizer: Callable | None = None, activation: str = "tanh", weighted: bool = False,
    ignore: int | None = None, clip: Callable = lambda params: None,
) -> None:  # fmt: skip
    """Train both networks on the same batches; compare every loss and every parameter."""
    x, y = data(kind, outputs)
    w = np.random.default_rng(7).random(ROWS) if weighted else None
    net = make_net(outputs, activation)
    peer = Peer(net, activation)
    step = (peer_optimizer or (lambda p: torch.optim.Adam(p, lr=0.01)))(list(peer.parameters()))
    trainer = cnn.Trainer(net, loss=loss, optimizer=optimizer or cnn.Adam(lr=0.01))
    history = trainer.fit(
        x, y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, sample_weight=w, progress=False
    )
    for epoch in range(EPOCHS):
        total = counted = 0.0
        for at in range(0, ROWS, BATCH):
            part = slice(at, at + BATCH)
            z, t = peer(torch.tensor(x[part])), torch.tensor(y[part])
            weight = torch.ones(len(z)) if w is None else torch.tensor(w[part])
            if ignore is not None:
                weight = weight * (t != ignore)
            divisor = weight.sum() if loss.reduction == "weighted_mean" else len(z)
            value = (rows(z, t) * weight).sum() / divisor
            step.zero_grad()
            value.backward()
            clip(peer.parameters())
            step.step()
            total += value.item() * float(divisor)
            counted += float(divisor)
        assert history["loss"][epoch] == pytest.approx(total / counted, rel=TOLERANCE)
    for i, layer in enumerate(peer.dense):
        for name, expected in (("w", layer.weight.detach().numpy().T),
                               ("b", layer.bias.detach().numpy())):  # fmt: skip
            error = np.abs(net.params[f"dense_{i}.{name}"] - expected).max()
            assert error <= TOLERANCE * np.abs(expected).max(), f"dense_{i}.{name}: {error}"


def cross_entropy(z, t, **options):
    return F.cross_entropy(z, t, reduction="none", **options)


def crammer_singer(z, t):
    own = z.gather(1, t[:, None])
    rival = z.masked_fill(F.one_hot(t, z.shape[1]).bool(), -torch.inf).max(1).values
    return (1 + rival - own[:, 0]).clamp(min=0)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_trains_like_torch(activation):
    check(cnn.SoftmaxCrossEntropy(), cross_entropy, "labels", 4, activation=activation)


LOSSES = {
    "labels": (cnn.SoftmaxCrossEntropy(), cross_entropy, "labels", 4, None),
    "two classes": (cnn.SoftmaxCrossEntropy(), cross_entropy, "labels", 2, None),
    "many classes": (cnn.SoftmaxCrossEntropy(), cross_entropy, "labels", 37, None),
    "smoothing": (
        cnn.SoftmaxCrossEntropy(label_smoothing=0.1),
        lambda z, t: cross_entropy(z, t, label_smoothing=0.1), "labels", 4, None,
    ),
    "ignore": (
        cnn.SoftmaxCrossEntropy(ignore_index=-1),
        lambda z, t: cross_entropy(z, t, ignore_index=-1), "some ignored", 4, -1,
    ),
    "smoothing and ignore": (
        cnn.SoftmaxCrossEntropy(label_smoothing=0.2, ignore_index=-1),
        lambda z, t: cross_entropy(z, t, ignore_index=-1, label_smoothing=0.2),
        "some ignored", 4, -1,
    ),
    "probabilities": (cnn.SoftmaxCrossEntropy(), cross_entropy, "probabilities", 5, None),
    "smoothed probabilities": (
        cnn.SoftmaxCrossEntropy(label_smoothing=0.3),
        lambda z, t: cross_entropy(z, t, label_smoothing=0.3), "probabilities", 5, None,
    ),
    "binary": (
        cnn.BinaryCrossEntropy(),
        lambda z, t: F.binary_cross_entropy_with_logits(z, t, reduction="none").mean(1),
        "interval", 1, None,
    ),
    "several binary": (
        cnn.BinaryCrossEntropy(),
        lambda z, t: F.binary_cross_entropy_with_logits(z, t, reduction="none").mean(1),
        "interval", 3, None,
    ),
    "mse": (cnn.MSE(), lambda z, t: ((z - t) ** 2).mean(1), "numbers", 1, None),
    "several mse": (cnn.MSE(), lambda z, t: ((z - t) ** 2).mean(1), "numbers", 4, None),
    "mae": (cnn.MAE(), lambda z, t: (z - t).abs().mean(1), "numbers", 2, None),
    "huber": (
        cnn.Huber(delta=0.7),
        lambda z, t: F.huber_loss(z, t, delta=0.7, reduction="none").mean(1), "numbers", 2, None,
    ),
    "hinge": (
        cnn.Hinge(), lambda z, t: (1 - t * z).clamp(min=0).mean(1), "signs", 1, None,
    ),
    "hinge of classes": (cnn.Hinge(), crammer_singer, "labels", 4, None),
    "pinball": (
        cnn.Pinball(0.3),
        lambda z, t: torch.maximum(0.3 * (t - z), -0.7 * (t - z)).mean(1), "numbers", 2, None,
    ),
    "poisson": (
        cnn.Poisson(),
        lambda z, t: F.poisson_nll_loss(z, t, reduction="none").mean(1), "counts", 2, None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("weighted", ["", "weighted_mean", "sum_over_batch"])
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_trains_like_torch(name, weighted):
    loss, rows, kind, outputs, ignore = LOSSES[name]
    if weighted:
        options = {k: v for k, v in vars(loss).items() if k[0] != "_"}
        loss = type(loss)(**{**options, "reduction": weighted})
    check(loss, rows, kind, outputs, weighted=bool(weighted), ignore=ignore)


OPTIMIZERS = {
    "sgd": (cnn.SGD(lr=0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    "nesterov with decay": (
        cnn.SGD(lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    ),
    "adagrad": (cnn.Adagrad(lr=0.05), lambda p: torch.optim.Adagrad(p, lr=0.05)),
    "adadelta": (cnn.Adadelta(lr=1.0), lambda p: torch.optim.Adadelta(p, lr=1.0)),
    "rmsprop": (
        cnn.RMSProp(lr=0.005, momentum=0.5, centered=True),
        lambda p: torch.optim.RMSprop(p, lr=0.005, momentum=0.5, centered=True),
    ),
    "amsgrad": (
        cnn.Adam(lr=0.01, amsgrad=True), lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True),
    ),
    "adamw": (
        cnn.AdamW(lr=0.01, weight_decay=0.1),
        lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    ),
    "nadam": (cnn.NAdam(lr=0.01), lambda p: torch.optim.NAdam(p, lr=0.01)),
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_trains_like_torch(name):
    optimizer, peer = OPTIMIZERS[name]
    optimizer.reset()
    check(cnn.SoftmaxCrossEntropy(), cross_entropy, "labels", 4, optimizer=optimizer,
          peer_optimizer=peer, activation="gelu")  # fmt: skip


def test_clipped_norm_trains_like_torch():
    check(cnn.MSE(), lambda z, t: ((z - t) ** 2).mean(1), "numbers", 2,
          optimizer=cnn.SGD(lr=0.1, momentum=0.9, clip_norm=0.3),
          peer_optimizer=lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
          clip=lambda p: torch.nn.utils.clip_grad_norm_(p, 0.3))  # fmt: skip


def test_clipped_values_train_like_torch():
    check(cnn.MSE(), lambda z, t: ((z - t) ** 2).mean(1), "numbers", 2,
          optimizer=cnn.SGD(lr=0.1, clip_value=0.02),
          peer_optimizer=lambda p: torch.optim.SGD(p, lr=0.1),
          clip=lambda p: torch.nn.utils.clip_grad_value_(p, 0.02))  # fmt: skip


GROUPED = {
    "sgd": (cnn.SGD, {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01},
            lambda g: torch.optim.SGD(g, lr=0.05, momentum=0.9, weight_decay=0.01)),
    "rmsprop": (cnn.RMSProp, {"lr": 0.005}, lambda g: torch.optim.RMSprop(g, lr=0.005)),
    "adamw": (cnn.AdamW, {"lr": 0.01}, lambda g: torch.optim.AdamW(g, lr=0.01)),
    "nadam": (cnn.NAdam, {"lr": 0.01}, lambda g: torch.optim.NAdam(g, lr=0.01)),
}  # fmt: skip


@pytest.mark.parametrize("clip_norm", [None, 0.3])
@pytest.mark.parametrize("name", GROUPED)
def test_groups_train_like_parameter_groups_of_torch(name, clip_norm):
    """A cosine for all, a tenth of it for biases, a schedule of its own for the last layer."""
    cls, options, make = GROUPED[name]
    cosine, own = cnn.optim.CosineDecay(options["lr"], 60), cnn.optim.StepDecay(0.02, 9, 0.5)
    groups = {"dense_2.*": {"lr": own, "weight_decay": 0.1},
              "*.b": {"lr_factor": 0.1, "weight_decay": 0.0}}  # fmt: skip
    x, y = data("labels", 4)
    net = make_net(4)
    peer = Peer(net, "tanh")
    optimizer = cls(**{**options, "lr": cosine}, clip_norm=clip_norm, groups=groups)
    cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), optimizer=optimizer).fit(
        x, y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, progress=False
    )
    hidden = list(peer.dense)[:-1]
    theirs = make([
        {"params": [layer.weight for layer in hidden]},
        {"params": [layer.bias for layer in hidden], "weight_decay": 0.0},
        {"params": list(peer.dense[-1].parameters()), "weight_decay": 0.1},
    ])  # fmt: skip
    rates = [cosine, lambda step: 0.1 * cosine(step), own]
    steps = [part for _ in range(EPOCHS) for part in range(0, ROWS, BATCH)]
    for step, at in enumerate(steps):
        for group, rate in zip(theirs.param_groups, rates, strict=True):
            group["lr"] = rate(step)
        part = slice(at, at + BATCH)
        theirs.zero_grad()
        F.cross_entropy(peer(torch.tensor(x[part])), torch.tensor(y[part])).backward()
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(peer.parameters(), clip_norm)
        theirs.step()
    for i, layer in enumerate(peer.dense):
        for key, expected in (("w", layer.weight.detach().numpy().T),
                              ("b", layer.bias.detach().numpy())):  # fmt: skip
            error = np.abs(net.params[f"dense_{i}.{key}"] - expected).max()
            assert error <= TOLERANCE * np.abs(expected).max(), f"dense_{i}.{key}: {error}"
