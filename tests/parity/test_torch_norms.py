"""Norms against PyTorch: values, gradients and running statistics over 50 steps of training."""

from __future__ import annotations

import numpy as np
import pytest

from cnn_core import BATCH, Graph, Input, Parameter, ops
from cnn_core.ir.node import State
from cnn_core.optim import SGD

torch = pytest.importorskip("torch", reason="torch is not installed")
F = torch.nn.functional

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
STEPS, N, LR = 50, 12, 0.05


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # threads that wait for each other take most of the time
    yield
    torch.set_num_threads(threads)


def norms():
    """Name: the node of x and two vectors, the same of tensors, and the shape of a row."""
    def batch(x, scale, shift):
        states = State("mean", np.zeros(N)), State("variance", np.ones(N))
        return ops.batch_norm(x, scale, shift, *states)

    def torch_batch(x, scale, shift, mean, variance):
        rows = F.batch_norm(x.reshape(-1, N), mean, variance, scale, shift, training=True)
        return rows.reshape(x.shape)

    return {
        "layer": (ops.layer_norm, lambda x, s, b, *_: F.layer_norm(x, (N,), s, b), (N,)),
        "rms": (lambda x, s, b: ops.rms_norm(x, s) + b,
                lambda x, s, b, *_: F.rms_norm(x, (N,), s) + b, (N,)),
        "batch": (batch, torch_batch, (N,)),
        "batch of places": (batch, torch_batch, (5, N)),
        "layer of places": (ops.layer_norm, lambda x, s, b, *_: F.layer_norm(x, (N,), s, b),
                            (5, N)),
    }  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", norms())
def test_fifty_steps_of_training(name, dtype):
    node, peer, row = norms()[name]
    rng = np.random.default_rng(1)
    w = rng.standard_normal((N, N)) / 4
    x, t = Input("x", (BATCH, *row)), Input("t", (BATCH, *row))
    h = node(ops.dense(x, Parameter("w", w)), Parameter("scale", np.ones(N)),
             Parameter("shift", np.zeros(N)))  # fmt: skip
    graph = Graph(ops.mean(ops.square(ops.tanh(h) - t)), dtype=dtype, training=True)
    kind = getattr(torch, dtype)
    leaves = {k: torch.tensor(v, dtype=kind, requires_grad=True)
              for k, v in (("w", w), ("scale", np.ones(N)), ("shift", np.zeros(N)))}  # fmt: skip
    mean, variance = torch.zeros(N, dtype=kind), torch.ones(N, dtype=kind)
    optimizer, peer_optimizer = SGD(lr=LR), torch.optim.SGD(leaves.values(), lr=LR)
    for step in range(STEPS):
        rows = 23 + step % 3
        data = {k: (2 * rng.standard_normal((rows, *row)) + 1).astype(dtype) for k in ("x", "t")}
        if step == 0:
            check_gradients(graph, data, leaves, peer, dtype, mean.clone(), variance.clone())
        loss = graph.step(optimizer, **data)
        peer_optimizer.zero_grad()
        right = objective(data, leaves, peer, mean, variance)
        right.backward()
        peer_optimizer.step()
        np.testing.assert_allclose(loss, right.item(), rtol=TOLERANCE[dtype])
    right = {**leaves, "mean": mean, "variance": variance}
    for key, value in graph.params.items():
        near(value, right[key].detach().numpy(), dtype, key)


def objective(data, leaves, peer, mean, variance):
    x, t = (torch.tensor(data[k]) for k in ("x", "t"))
    h = peer(x @ leaves["w"], leaves["scale"], leaves["shift"], mean, variance)
    return ((torch.tanh(h) - t) ** 2).mean()


def check_gradients(graph, data, leaves, peer, dtype, mean, variance):
    graph.forward(**data)
    found = graph.backward()
    gradients = torch.autograd.grad(objective(data, leaves, peer, mean, variance),
                                    list(leaves.values()))  # fmt: skip
    for key, gradient in zip(leaves, gradients, strict=True):
        near(found[key], gradient.numpy(), dtype, f"gradient of {key}")


def near(found, right, dtype, who):
    atol = TOLERANCE[dtype] * np.abs(right).max()
    np.testing.assert_allclose(found, right, rtol=TOLERANCE[dtype], atol=atol, err_msg=who)
