"""Training steps against a straightforward NumPy step in the same run."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from nets import NETS, Net, make_rows, make_weights
from peers import cnn_core, cnn_core_step, numpy_plain

TASKS = [("T1", "sgd"), ("T1", "adam"), ("T2", "adam"), ("S1", "adam"), ("M1", "sgd"),
         ("M1", "adam")]  # fmt: skip


def prepare(module: ModuleType, net: Net, optimizer: str) -> Any:
    peer = module.Adapter(threads=1)
    peer.prepare(net, make_weights(net), make_rows(net), optimizer)
    return peer


@pytest.mark.parametrize(("name", "optimizer"), TASKS)
def test_steps_in_chunks(versus: Any, name: str, optimizer: str) -> None:
    net = NETS[name]
    own, reference = prepare(cnn_core, net, optimizer), prepare(numpy_plain, net, optimizer)
    n = net.n_steps
    versus(lambda: own.run(n), lambda: reference.run(n), units=n)


@pytest.mark.parametrize(("name", "optimizer"), TASKS)
def test_trainer_step(versus: Any, name: str, optimizer: str) -> None:
    net = NETS[name]._replace(n_steps=8)
    own, reference = prepare(cnn_core_step, net, optimizer), prepare(numpy_plain, net, optimizer)
    found = versus(lambda: own.run(8), lambda: reference.run(8), units=8, rounds=15)
    if name == "M1":
        assert found >= 1.2
