"""Graphs to draw: small, layered, repeated, and random ones."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np

import cnn_core as cnn
from cnn_core import ops


def circuit(run=True):
    """(x + y) z of the lecture: 5 nodes, 4 edges and the output's own."""
    x, y, z = cnn.Input("x"), cnn.Input("y"), cnn.Input("z")
    graph = cnn.Graph((x + y) * z)
    if run:
        graph.forward(x=-2.0, y=5.0, z=-4.0)
        graph.backward()
    return graph


def neuron():
    """1 / (1 + exp(-(w0 x0 + w1 x1 + w2))) of the lecture."""
    w0, x0, w1, x1, w2 = (cnn.Input(name) for name in ("w0", "x0", "w1", "x1", "w2"))
    power = ops.scale(w0 * x0 + w1 * x1 + w2, -1.0)
    graph = cnn.Graph(ops.reciprocal(ops.shift(ops.exp(power), 1.0)))
    graph.forward(w0=2.0, x0=-1.0, w1=-3.0, x1=-2.0, w2=-3.0)
    graph.backward()
    return graph


def network():
    """Three layers, each a group, and a loss."""
    net = cnn.Sequential(
        [cnn.Dense(256, activation="relu"), cnn.Dense(128, activation="tanh"), cnn.Dense(10)],
        inputs=784, seed=0,
    )  # fmt: skip
    labels = cnn.Input("labels", (cnn.BATCH,), dtype="int32")
    loss = ops.softmax_cross_entropy(net.output, labels, name="loss")
    graph = cnn.Graph(loss, dtype="float32", params=net.store)
    rng = np.random.default_rng(0)
    graph.forward(x=rng.random((32, 784)), labels=rng.integers(0, 10, 32))
    graph.backward()
    return graph


def steps(n=4):
    """A recurrent net: a group per time step, with its loss as a group in it."""
    rng = np.random.default_rng(1)
    wx = cnn.Parameter("Wx", rng.normal(size=(3, 8)))
    wh = cnn.Parameter("Wh", rng.normal(size=(8, 8)) / 3)
    h, total = cnn.Constant(np.zeros((1, 8)), name="h0"), cnn.Constant(0.0)
    for t in range(n):
        with cnn.group(f"step {t}"):
            h = ops.tanh(cnn.Input(f"x{t}", (cnn.BATCH, 3)) @ wx + h @ wh)
            with cnn.group("loss"):
                total = total + ops.mean(h**2)
    graph = cnn.Graph(total)
    graph.forward(**{f"x{t}": rng.normal(size=(4, 3)) for t in range(n)})
    graph.backward()
    return graph


def tangle(n=60, seed=5, groups=0):
    """About ``n`` scalar gates on 12 inputs, wired at random, in ``groups`` that overlap."""
    rng = np.random.default_rng(seed)
    key = np.random.default_rng(seed)
    makers = [ops.add, ops.mul, ops.maximum, ops.sub,
              lambda a, b: ops.sigmoid(a), lambda a, b: ops.tanh(b)]  # fmt: skip
    pool = [cnn.Input(f"x{i}") for i in range(12)]
    while len(pool) < n - 10:
        a, b = (pool[int(i)] for i in rng.integers(max(0, len(pool) - 14), len(pool), 2))
        make = makers[int(rng.integers(len(makers)))]
        at = (len(pool) + int(key.integers(-4, 5))) * groups // n
        with cnn.group(f"g{at}") if groups else nullcontext():
            pool.append(make(a, b))
    used = {x for node in pool for x in node.inputs}
    ends = [node for node in pool if node not in used and node.inputs]
    top = ends[0]
    for node in ends[1:]:
        top = top + node
    graph = cnn.Graph(top)
    names = [x.name for x in graph.nodes_topologically_sorted() if isinstance(x, cnn.Input)]
    graph.forward(**dict(zip(names, map(float, rng.normal(size=len(names))), strict=True)))
    graph.backward()
    return graph
