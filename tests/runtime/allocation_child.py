"""What `test_allocations` watches, in a process where count_allocations.c is preloaded.

    python allocation_child.py LIBRARY CASE THREADS     prints the counts as JSON
"""

from __future__ import annotations

import ctypes
import gc
import json
import mmap
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import cnn_core as cnn
from cnn_core.train import batches

REPEATS = 5
OPTIMIZERS = {
    "sgd": lambda: cnn.SGD(lr=1e-3, momentum=0.9),
    "adam": lambda: cnn.AdamW(lr=1e-3, weight_decay=0.1, no_decay=("*.b",), clip_norm=1.0),
}


class Counter:
    """The counting functions of the preloaded library."""

    def __init__(self, library: str) -> None:
        self.library = ctypes.CDLL(library)
        for name in ("count_end", "count_bytes"):
            getattr(self.library, name).restype = ctypes.c_long

    def __call__(self, work: Callable[[], Any]) -> tuple[int, int]:
        """Return the calls and the bytes of ``work``.

        Python itself takes a large block for its small objects now and then: of several runs
        the one with the fewest calls is what the work needs.
        """
        found = []
        for _ in range(REPEATS):
            self.library.count_begin()
            work()
            calls = self.library.count_end()
            found.append((calls, self.library.count_bytes()))
        return min(found)


class Everywhere:
    """A pace that uses all threads from the first call on."""

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads

    def next(self) -> tuple[int, int]:
        return 1000, self.n_threads

    def record(self, steps: int, n_threads: int, seconds: float) -> None:
        pass


def network(hidden: tuple[int, ...], **options: Any) -> cnn.Sequential:
    layers: list[Any] = [cnn.Dense(n, "relu") for n in hidden]
    return cnn.Sequential([*layers, cnn.Dropout(0.2), cnn.Dense(10)], 64, **options)


def trained(optimizer: str, n_threads: int) -> tuple[cnn.Trainer, Any, list]:
    """Return a trainer with work enough for threads, its program and its data."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 255, (2048, 64)).astype(np.uint8), rng.integers(0, 10, 2048)
    w = rng.random(2048).astype(np.float32)
    net = network((96, 96), input_scale=1 / 255)
    trainer = cnn.Trainer(
        net, loss=cnn.SoftmaxCrossEntropy(), optimizer=OPTIMIZERS[optimizer](),
        metrics=["accuracy"],
    )  # fmt: skip
    trainer.fit(x, y, batch_size=64, sample_weight=w, progress=False)
    (program,) = (p for key, p in trainer._programs.items() if key[0])
    assert program.program.n_threads == n_threads, "the work was not divided"
    return trainer, program, [x, y, w]


def training(count: Counter, n_threads: int) -> dict[str, Any]:
    """Count for chunks of 1 and of 1,000 steps of each optimizer."""
    found = {}
    for optimizer in OPTIMIZERS:
        trainer, program, arrays = trained(optimizer, n_threads)
        data = trainer._data(*arrays, "test")
        learner, sources = trainer.optimizer.learner(trainer.net.store), program.sources(data)
        index = np.arange(64_000) % 2048
        lr = np.full((1000, 1), 1e-3)

        def chunk(steps, program=program, learner=learner, sources=sources, index=index, lr=lr):
            program.run(sources, index[: 64 * steps], 0, 64 * steps, 64, learner=learner,
                        lr=lr[:steps], n_threads=n_threads)  # fmt: skip

        chunk(1000)
        found[optimizer] = [count(lambda: chunk(1)), count(lambda: chunk(1000))]
    return found


def planted(count: Counter, n_threads: int) -> dict[str, Any]:
    """Count a chunk of 100 steps in which one kernel allocates."""
    trainer, program, arrays = trained("sgd", n_threads)
    data, lr = trainer._data(*arrays, "test"), np.full((100, 1), 1e-3)
    sources, learner = program.sources(data), trainer.optimizer.learner(trainer.net.store)
    address = ctypes.cast(count.library.allocating_kernel, ctypes.c_void_p).value
    program.program.plan.replace_kernel(0, address)

    def chunk() -> None:
        program.run(sources, None, 0, 1600, 16, learner=learner, lr=lr, n_threads=n_threads)

    return {"planted": count(chunk)}


def single_steps(count: Counter, n_threads: int) -> dict[str, Any]:
    """Count 100 calls of `Trainer.step` whose arrays need no conversion."""
    rng = np.random.default_rng(0)
    x, y = rng.random((64, 64), dtype=np.float32), rng.integers(0, 10, 64)
    trainer = cnn.Trainer(network((96, 96)), loss=cnn.SoftmaxCrossEntropy())

    def steps() -> None:
        for _ in range(100):
            trainer.step(x, y)

    steps()
    return {"steps": count(steps)}


def prediction(count: Counter, n_threads: int) -> dict[str, Any]:
    """Count 100 calls of `predict` into a given array, for one row, few and many."""
    found = {}
    for rows in (1, 7, 5000):
        net = network((96, 96))
        x = np.random.default_rng(0).random((rows, 64), dtype=np.float32)
        x, out = (x[0], np.empty(10, np.float32)) if rows == 1 else (x, np.empty((rows, 10), "f4"))

        def predict(net=net, x=x, out=out):
            for _ in range(100):
                net.predict(x, out=out)

        predict()
        found[str(rows)] = count(predict)
    return found


def conversion(count: Counter, n_threads: int) -> dict[str, Any]:
    """Count one call of `predict` for uint8 rows, which are converted block by block."""
    net = network((96, 96), input_scale=1 / 255)
    found = {}
    for rows in (5_000, 100_000):
        x, out = np.zeros((rows, 64), np.uint8), np.empty((rows, 10), np.float32)
        net.predict(x, out=out)
        found[str(rows)] = count(lambda x=x, out=out: net.predict(x, out=out))
    return found


def evaluation(count: Counter, n_threads: int) -> dict[str, Any]:
    """Count one call of `Trainer.evaluate`."""
    trainer, _, (x, y, _) = trained("sgd", n_threads)
    found = {}
    for times in (2, 40):
        a, b = np.tile(x, (times, 1)), np.tile(y, times).astype(np.int32)
        trainer.evaluate(a, b)
        found[str(times)] = count(lambda a=a, b=b: trainer.evaluate(a, b))
    return found


def self_check(count: Counter, n_threads: int) -> dict[str, Any]:
    """Count what is known: nothing, one block of NumPy, one mapping."""
    return {
        "nothing": count(lambda: None),
        "malloc": count(lambda: np.empty(100_000, np.uint8)),
        "calloc": count(lambda: np.zeros(100_000, np.uint8)),
        "mmap": count(lambda: mmap.mmap(-1, 1 << 20).close()),
    }


def main() -> None:
    library, case, n_threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    warnings.simplefilter("ignore", RuntimeWarning)  # more threads than cores
    cnn.set_num_threads(n_threads)
    batches.Pace = Everywhere
    count = Counter(library)
    gc.disable()
    print(json.dumps(globals()[case](count, n_threads)))


if __name__ == "__main__":
    main()
