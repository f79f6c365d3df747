"""Fixed workloads whose instructions are counted: run by regress.py under callgrind.

    valgrind --tool=callgrind ... python benchmarks/workloads.py

Each workload is called from within the C library's `qsort`, and callgrind is told to watch
`qsort_r`, which that calls: it counts while the function runs and writes one profile per call.
So neither the start of Python nor the preparation counts, and one process serves all workloads.
(Callgrind does not see a function that ctypes calls itself.)
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
from nets import NETS, make_rows, make_weights
from peers.cnn_core import Adapter

WATCHED = "qsort_r"
COMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


def within_watched(work: Callable[[], object]) -> None:
    """Call ``work`` once: as the comparison that the sorting of two equal elements needs."""

    def compare(a: int, b: int) -> int:
        work()
        return 0

    pair, size = (ctypes.c_int64 * 2)(), ctypes.c_size_t
    ctypes.CDLL(None).qsort(pair, size(2), size(8), COMPARE(compare))


def chunk(name: str, optimizer: str, n_steps: int) -> Callable[[], object]:
    peer = _prepared(name, optimizer)
    return lambda: peer.run(n_steps)


def steps(name: str, optimizer: str, n_steps: int) -> Callable[[], object]:
    peer, net = _prepared(name, optimizer), NETS[name]
    x, y = peer.rows.x[: net.batch], peer.rows.y[: net.batch]

    def work() -> None:
        for _ in range(n_steps):
            peer.trainer.step(x, y)

    return work


def predictions(name: str, rows: int, n: int) -> Callable[[], object]:
    peer = _prepared(name, "sgd")
    x = np.random.default_rng(3).standard_normal((rows, NETS[name].sizes[0]), dtype=np.float32)
    _, names = peer.predict_call(x)
    predict, x, out = peer.net.predict, names["x"], names["out"]

    def work() -> None:
        for _ in range(n):
            predict(x, out=out)

    return work


def _prepared(name: str, optimizer: str) -> Adapter:
    net, peer = NETS[name], Adapter(threads=1)
    rows = make_rows(net._replace(n_steps=min(net.n_steps, 64)))
    peer.prepare(net, make_weights(net), rows, optimizer)
    return peer


WORKLOADS: dict[str, tuple[Callable[[], Callable[[], object]], int]] = {
    "chunk T1 sgd, step": (lambda: chunk("T1", "sgd", 50), 50),
    "chunk T1 adam, step": (lambda: chunk("T1", "adam", 50), 50),
    "chunk T2 adam, step": (lambda: chunk("T2", "adam", 10), 10),
    "chunk T3 sgd, step": (lambda: chunk("T3", "sgd", 10), 10),
    "chunk S1 sgd, step": (lambda: chunk("S1", "sgd", 2), 2),
    "chunk M1 adam, step": (lambda: chunk("M1", "adam", 2), 2),
    "trainer.step T1 adam": (lambda: steps("T1", "adam", 20), 20),
    "predict T1, 1 row": (lambda: predictions("T1", 1, 50), 50),
    "predict T2, 1 row": (lambda: predictions("T2", 1, 50), 50),
    "predict M1, 1 row": (lambda: predictions("M1", 1, 10), 10),
    "predict M1, 64 rows": (lambda: predictions("M1", 64, 2), 2),
}
"""Name: what makes the workload, and the units of work in one call of it."""


def main() -> None:
    made = [make() for make, _ in WORKLOADS.values()]
    for work in made:
        work()  # whatever is made once, such as a program, is made here
    for work in made:
        within_watched(work)


if __name__ == "__main__":
    main()
