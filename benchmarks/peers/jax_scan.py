"""JAX: all steps of a run in one compiled loop, jit(lax.scan)."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from nets import BETA1, BETA2, EPS, LEARNING_RATE, Net, Rows

from peers.base import Peer, Statement


class Adapter(Peer):
    predicts = True

    @staticmethod
    def version() -> str:
        return f"JAX {jax.__version__}"

    def prepare(self, net: Net, weights: list, rows: Rows, optimizer: str) -> None:
        jax.clear_caches()
        params = jax.tree.map(jnp.array, weights)
        zeros = jax.tree.map(jnp.zeros_like, params)
        self.state = (params, zeros, jax.tree.map(jnp.copy, zeros), jnp.float32(0))
        self.x, self.y = jnp.asarray(rows.x), jnp.asarray(rows.y, jnp.int32)
        self.index = jnp.asarray(rows.index.reshape(net.n_steps, net.batch), jnp.int32)
        self.net = net
        self.compile(partial(train_step, net.activation, optimizer))

    def compile(self, step: Any) -> None:
        def steps(state: Any, x: jax.Array, y: jax.Array, index: jax.Array) -> Any:
            return jax.lax.scan(lambda s, i: (step(s, x[i], y[i]), None), state, index)[0]

        self.train = jax.jit(steps, donate_argnums=0)

    def run(self, n_steps: int) -> None:
        self.state = self.train(self.state, self.x, self.y, self.index[:n_steps])
        jax.block_until_ready(self.state)

    def loss(self) -> float:
        first = self.index[0]
        return float(loss_of(self.net.activation, self.state[0], self.x[first], self.y[first]))

    def predict_call(self, x: np.ndarray) -> Statement:
        call = jax.jit(partial(forward, self.net.activation))
        names = {"call": call, "params": self.state[0], "x": jnp.asarray(x)}
        return "call(params, x).block_until_ready()", names


def forward(activation: str, params: Any, x: jax.Array) -> jax.Array:
    act = jax.nn.relu if activation == "relu" else jnp.tanh
    for w, b in params[:-1]:
        x = act(x @ w + b)
    return x @ params[-1][0] + params[-1][1]


def loss_of(activation: str, params: Any, x: jax.Array, y: jax.Array) -> jax.Array:
    logs = jax.nn.log_softmax(forward(activation, params, x))
    return -jnp.take_along_axis(logs, y[:, None], axis=1).mean()


def train_step(activation: str, optimizer: str, state: Any, x: jax.Array, y: jax.Array) -> Any:
    params, mean, square, t = state
    gradient = jax.grad(partial(loss_of, activation))(params, x, y)
    lr = LEARNING_RATE[optimizer]
    if optimizer == "sgd":
        return jax.tree.map(lambda p, g: p - lr * g, params, gradient), mean, square, t
    t = t + 1
    mean = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, mean, gradient)
    square = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, square, gradient)
    rate, root = lr / (1 - BETA1**t), 1 / jnp.sqrt(1 - BETA2**t)
    update = lambda p, m, v: p - rate * m / (jnp.sqrt(v) * root + EPS)  # noqa: E731
    return jax.tree.map(update, params, mean, square), mean, square, t
