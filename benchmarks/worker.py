"""Worker: a peer in a process of its own, which works only when it has its turn.

Each library brings thread pools that spin while they wait.  Separate processes keep the pools
and their settings apart, and a process that does not have its turn is stopped, so that nothing
of it runs while another one is timed.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import signal
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import environment
from nets import NETS, make_rows, make_weights

PREDICT_ROWS = (1, 64, 4096)


class Served:
    """What a worker does for `Worker`: each public method is one request."""

    def __init__(self, name: str, threads: int) -> None:
        self.peer = importlib.import_module(f"peers.{name}").Adapter(threads)
        self.key: tuple[str, str] | None = None

    def about(self) -> dict[str, Any]:
        p = self.peer
        return {"version": p.version(), "trains": p.trains, "predicts": p.predicts,
                "has_loss": p.has_loss, "logits": p.logits}  # fmt: skip

    def prepare(self, net: str, optimizer: str) -> None:
        self.net = NETS[net]
        self.peer.prepare(self.net, make_weights(self.net), make_rows(self.net), optimizer)

    def losses(self, n_steps: int) -> tuple[float, float]:
        """Return the loss of the first minibatch before and after ``n_steps`` steps."""
        before = self.peer.loss()
        self.peer.run(n_steps)
        return before, self.peer.loss()

    def time_steps(self, budget: float, least: int = 2) -> Any:
        from timing import time_turn

        n = self.net.n_steps
        return time_turn(lambda: self.peer.run(n), n, budget, least)

    def _inputs(self, rows: int) -> Any:
        import numpy as np

        shape = (rows, self.net.sizes[0])
        return np.random.default_rng(3).standard_normal(shape, dtype=np.float32)

    def predict(self, rows: int) -> Any:
        return self.peer.predict(self._inputs(rows))

    def time_predict(self, rows: int, budget: float) -> Any:
        from timing import time_statement

        return time_statement(*self.peer.predict_call(self._inputs(rows)), budget)


def serve(connection: Connection, name: str, threads: int) -> None:
    """Answer requests until the connection closes: (True, result) or (False, error, traceback)."""
    served: Served | None = None
    while True:
        try:
            method, args = connection.recv()
        except EOFError:
            return
        try:
            served = served or Served(name, threads)
            connection.send((True, getattr(served, method)(*args), ""))
        except Exception as error:
            text = f"{type(error).__name__}: {error}".splitlines()[0]
            connection.send((False, text, traceback.format_exc()))


class PeerError(Exception):
    """A request failed in the worker; ``details`` is the traceback there."""

    def __init__(self, message: str, details: str) -> None:
        super().__init__(message)
        self.details = details


class Worker:
    """The near end of a worker.  Use `awake` around requests."""

    def __init__(self, name: str, threads: int) -> None:
        self.name, self.threads = name, threads
        context = multiprocessing.get_context("spawn")
        self._connection, far = context.Pipe()
        self._process = context.Process(target=serve, args=(far, name, threads), daemon=True)
        before = dict(os.environ)
        environment.forget_tuning()
        os.environ.update(environment.for_threads(threads))
        try:
            self._process.start()
        finally:
            os.environ.clear()
            os.environ.update(before)
        far.close()

    def request(self, method: str, *args: Any) -> Any:
        self._connection.send((method, args))
        try:
            good, result, details = self._connection.recv()
        except EOFError:
            self._process.join(5)
            raise PeerError(f"its process ended with status {self._process.exitcode}", "") from None
        if not good:
            raise PeerError(result, details)
        return result

    @contextlib.contextmanager
    def awake(self) -> Iterator[Worker]:
        """Let the process run for the length of the block; it is stopped after."""
        self._signal("SIGCONT")
        try:
            yield self
        finally:
            self._signal("SIGSTOP")

    def _signal(self, name: str) -> None:
        if hasattr(signal, name) and self._process.is_alive():
            os.kill(self._process.pid, getattr(signal, name))

    def close(self) -> None:
        """Let the process end by itself, or end it."""
        self._connection.close()
        self._signal("SIGCONT")
        self._process.join(5)
        self._process.kill()
        self._process.join()
