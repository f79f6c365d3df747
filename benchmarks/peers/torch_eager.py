"""PyTorch, operation by operation, with the optimizer forms that are fastest on a CPU."""

from __future__ import annotations

import numpy as np
import torch
from nets import BETA1, BETA2, EPS, LEARNING_RATE, Net, Rows

from peers.base import Peer, Statement

ACTIVATIONS = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}


class Adapter(Peer):
    predicts = True

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        torch.set_num_threads(threads)
        torch.set_flush_denormal(True)

    @staticmethod
    def version() -> str:
        return f"PyTorch {torch.__version__}"

    def prepare(self, net: Net, weights: list, rows: Rows, optimizer: str) -> None:
        torch.set_grad_enabled(True)
        layers: list[torch.nn.Module] = []
        for w, b in weights:
            layers += [make_linear(w, b), ACTIVATIONS[net.activation]()]
        self.model = torch.nn.Sequential(*layers[:-1])
        self.optimizer = make_optimizer(self.model, optimizer)
        self.x, self.y, self.index = map(torch.from_numpy, rows)
        self.batch = net.batch

    def loss_of(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(self.model(x), y)

    def run(self, n_steps: int) -> None:
        for at in range(0, n_steps * self.batch, self.batch):
            chosen = self.index[at : at + self.batch]
            loss = self.loss_of(self.x[chosen], self.y[chosen])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    def loss(self) -> float:
        first = self.index[: self.batch]
        with torch.inference_mode():
            return float(self.loss_of(self.x[first], self.y[first]))

    def predict_call(self, x: np.ndarray) -> Statement:
        torch.set_grad_enabled(False)
        return "model(x)", {"model": self.model, "x": torch.from_numpy(x)}


def make_linear(w: np.ndarray, b: np.ndarray) -> torch.nn.Linear:
    layer = torch.nn.Linear(*w.shape)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(w.T.copy()))
        layer.bias.copy_(torch.from_numpy(b))
    return layer


def make_optimizer(model: torch.nn.Module, name: str) -> torch.optim.Optimizer:
    params, lr = model.parameters(), LEARNING_RATE[name]
    if name == "sgd":
        return torch.optim.SGD(params, lr=lr, foreach=False)
    return torch.optim.Adam(params, lr=lr, betas=(BETA1, BETA2), eps=EPS, fused=True)
