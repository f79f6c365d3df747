"""A hand-written Numba loop over BLAS: whole runs in compiled code, one fused optimizer pass."""

from __future__ import annotations

import numba
import numpy as np
from nets import BETA1, BETA2, EPS, LEARNING_RATE, Net, Rows

from peers.base import Peer, Statement

jit = numba.njit(nogil=True, fastmath=True, error_model="numpy")


class Adapter(Peer):
    predicts = True

    @staticmethod
    def version() -> str:
        return f"Numba {numba.__version__} over SciPy's BLAS"

    def prepare(self, net: Net, weights: list, rows: Rows, optimizer: str) -> None:
        self.flat, self.ws, self.bs = flatten(weights)
        self.grad, self.dws, self.dbs = flatten(weights)
        self.slots = (np.zeros_like(self.flat), np.zeros_like(self.flat))
        self.t = np.zeros(1, np.int64)
        self.net, self.rows = net, rows
        self.adam = optimizer == "adam"
        self.tanh = net.activation == "tanh"
        self.values, self.deltas = buffers(net.sizes, net.batch), buffers(net.sizes, net.batch)

    def run(self, n_steps: int) -> None:
        x, y, index = self.rows
        train(n_steps, x, y, index, self.ws, self.bs, self.values, self.deltas, self.dws, self.dbs,
              self.flat, self.grad, self.slots, self.t, self.adam, self.tanh)  # fmt: skip

    def loss(self) -> float:
        x, y, index = self.rows
        first = index[: self.net.batch]
        z = forward(x[first], self.ws, self.bs, self.values, self.tanh).astype(np.float64)
        log_sum = np.log(np.exp(z).sum(axis=1))
        return float((log_sum - z[np.arange(len(z)), y[first]]).mean())

    def predict_call(self, x: np.ndarray) -> Statement:
        names = {
            "forward": forward, "x": x, "ws": self.ws, "bs": self.bs, "tanh": self.tanh,
            "values": buffers(self.net.sizes, len(x)),
        }  # fmt: skip
        return "forward(x, ws, bs, values, tanh)", names


def flatten(weights: list) -> tuple[np.ndarray, tuple, tuple]:
    """Return all weights in one flat array, and views of it: matrices and biases."""
    flat = np.concatenate([p.ravel() for pair in weights for p in pair])
    views, at = [], 0
    for pair in weights:
        for p in pair:
            views.append(flat[at : at + p.size].reshape(p.shape))
            at += p.size
    return flat, tuple(views[::2]), tuple(views[1::2])


def buffers(sizes: tuple[int, ...], batch: int) -> tuple:
    return tuple(np.zeros((batch, n), np.float32) for n in sizes)


@jit
def forward(x, ws, bs, values, tanh):
    h = x
    last = len(ws) - 1
    for i in range(len(ws)):
        z, b = values[i + 1], bs[i]
        np.dot(h, ws[i], z)
        for r in range(z.shape[0]):
            for c in range(z.shape[1]):
                z[r, c] += b[c]
                if i < last:
                    z[r, c] = np.tanh(z[r, c]) if tanh else max(z[r, c], np.float32(0))
        h = z
    return h


@jit
def softmax_gradient(z, y, index, at, dz):
    for r in range(z.shape[0]):
        top = z[r, 0]
        for c in range(1, z.shape[1]):
            top = max(top, z[r, c])
        total = np.float32(0)
        for c in range(z.shape[1]):
            dz[r, c] = np.exp(z[r, c] - top)
            total += dz[r, c]
        scale = np.float32(1) / (total * np.float32(z.shape[0]))
        for c in range(z.shape[1]):
            dz[r, c] *= scale
        dz[r, y[index[at + r]]] -= np.float32(1) / np.float32(z.shape[0])


@jit
def backward(ws, values, deltas, dws, dbs, tanh):
    for i in range(len(ws) - 1, -1, -1):
        h, dz, db = values[i], deltas[i + 1], dbs[i]
        np.dot(h.T, dz, dws[i])
        db[:] = 0
        for r in range(dz.shape[0]):
            for c in range(dz.shape[1]):
                db[c] += dz[r, c]
        if i == 0:
            break
        dh = deltas[i]
        np.dot(dz, ws[i].T, dh)
        for r in range(dh.shape[0]):
            for c in range(dh.shape[1]):
                if tanh:
                    dh[r, c] *= np.float32(1) - h[r, c] * h[r, c]
                else:
                    dh[r, c] = dh[r, c] if h[r, c] > 0 else np.float32(0)


@jit
def update_sgd(p, g, lr):
    for i in range(p.size):
        p[i] -= lr * g[i]


@jit
def update_adam(p, g, m, v, rate, root, b1, b2, eps):
    for i in range(p.size):
        m[i] = b1 * m[i] + (np.float32(1) - b1) * g[i]
        v[i] = b2 * v[i] + (np.float32(1) - b2) * g[i] * g[i]
        p[i] -= rate * m[i] / (np.sqrt(v[i]) * root + eps)


LR_SGD, LR_ADAM = LEARNING_RATE["sgd"], LEARNING_RATE["adam"]


@jit
def train(n_steps, x, y, index, ws, bs, values, deltas, dws, dbs, p, g, slots, t, adam, tanh):
    batch = values[0].shape[0]
    for step in range(n_steps):
        at = step * batch
        xb = values[0]
        for r in range(batch):
            xb[r] = x[index[at + r]]
        z = forward(xb, ws, bs, values, tanh)
        softmax_gradient(z, y, index, at, deltas[len(ws)])
        backward(ws, values, deltas, dws, dbs, tanh)
        t[0] += 1
        if adam:
            rate = np.float32(LR_ADAM / (1 - BETA1 ** t[0]))
            root = np.float32(1 / np.sqrt(1 - BETA2 ** t[0]))
            update_adam(p, g, slots[0], slots[1], rate, root,
                        np.float32(BETA1), np.float32(BETA2), np.float32(EPS))  # fmt: skip
        else:
            update_sgd(p, g, np.float32(LR_SGD))
