"""PyTorch with torch.compile: loss, its gradient and the optimizer's step compiled."""

from __future__ import annotations

import shutil

import numpy as np
import torch
from nets import BETA1, BETA2, EPS, LEARNING_RATE, Net, Rows

from peers import torch_eager
from peers.base import Statement, Unsupported


class Adapter(torch_eager.Adapter):
    def __init__(self, threads: int) -> None:
        if not (shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")):
            raise Unsupported("torch.compile needs a C++ compiler")
        super().__init__(threads)

    def prepare(self, net: Net, weights: list, rows: Rows, optimizer: str) -> None:
        torch.compiler.reset()
        super().prepare(net, weights, rows, optimizer)
        params, lr = self.model.parameters(), LEARNING_RATE[optimizer]
        if optimizer == "sgd":
            self.optimizer = torch.optim.SGD(params, lr=lr, foreach=False)
        else:
            self.optimizer = torch.optim.Adam(
                params, lr=lr, betas=(BETA1, BETA2), eps=EPS, foreach=False
            )
        self.compiled_loss = torch.compile(super().loss_of, dynamic=False)
        self.compiled_update = torch.compile(self.optimizer.step, dynamic=False)
        self.compiled_model = torch.compile(self.model, dynamic=False)

    def run(self, n_steps: int) -> None:
        for at in range(0, n_steps * self.batch, self.batch):
            chosen = self.index[at : at + self.batch]
            loss = self.compiled_loss(self.x[chosen], self.y[chosen])
            self.optimizer.zero_grad()
            loss.backward()
            self.compiled_update()

    def predict_call(self, x: np.ndarray) -> Statement:
        torch.set_grad_enabled(False)
        return "model(x)", {"model": self.compiled_model, "x": torch.from_numpy(x)}
