"""Training on sparse rows: against the same rows as a dense array, and against PyTorch.

    python benchmarks/sparse_rows.py                     # entries as words in texts
    python benchmarks/sparse_rows.py --spread uniform    # every column as often as another

20,000 columns, 100 entries to a row, 128 hidden units, 10 classes, batches of 128, float32, one
thread.  Each figure is the least time of a training step over rounds in which all take turns, in
one process.  PyTorch, where it is installed, learns from batches that were made before: as bags of
embeddings (`EmbeddingBag`, with gradients that are sparse or not) and as products of CSR tensors.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse
from environment import forget_tuning
from timing import interleave

import cnn_core as cnn

ROWS, COLUMNS, ENTRIES, HIDDEN, CLASSES, BATCH = 2048, 20_000, 100, 128, 10, 128
EPOCHS = 4

BOUNDS = {
    "cnn_core, SGD": {"cnn_core dense, SGD": 40, "PyTorch's best, SGD": 6},
    "cnn_core, lazy Adam": {"PyTorch bag, SparseAdam": 8},
}
"""How many times faster each is to be."""


def rows(spread: str) -> tuple[scipy.sparse.csr_matrix, np.ndarray]:
    """Return the features, and labels that follow from a few of the columns."""
    rng = np.random.default_rng(0)
    share = None
    if spread == "zipf":
        share = 1 / np.arange(1, COLUMNS + 1)
        share /= share.sum()
    columns = np.stack([
        np.sort(rng.choice(COLUMNS, ENTRIES, replace=False, p=share)) for _ in range(ROWS)
    ]).astype(np.int32)  # fmt: skip
    values = rng.random((ROWS, ENTRIES), dtype=np.float32)
    start = np.arange(0, ROWS * ENTRIES + 1, ENTRIES, dtype=np.int32)
    x = scipy.sparse.csr_matrix((values.reshape(-1), columns.reshape(-1), start), (ROWS, COLUMNS))
    return x, (columns[:, 0] % CLASSES).astype(np.int32)


def own(x: Any, y: np.ndarray, optimizer: Any) -> Callable[[], object]:
    """Return some epochs of this package, one call of `fit`, which looks at the data once."""
    layers = [cnn.Dense(HIDDEN, activation="relu"), cnn.Dense(CLASSES)]
    net = cnn.Sequential(layers, COLUMNS, dtype="float32", seed=0)
    trainer = cnn.Trainer(net, loss="softmax_cross_entropy", optimizer=optimizer)
    return lambda: trainer.fit(x, y, batch_size=BATCH, epochs=EPOCHS, progress=False)


def torchs(x: scipy.sparse.csr_matrix, y: np.ndarray) -> dict[str, Callable[[], object]]:
    """Return epochs of PyTorch; none where it is not installed."""
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed: left out")
        return {}
    torch.set_num_threads(1)
    at = range(0, ROWS, BATCH)
    labels = [torch.from_numpy(y[i : i + BATCH].astype(np.int64)) for i in at]
    parts = [x[i : i + BATCH] for i in at]
    bags = [(torch.from_numpy(p.indices.astype(np.int64)),
             torch.from_numpy(p.indptr[:-1].astype(np.int64)), torch.from_numpy(p.data))
            for p in parts]  # fmt: skip
    warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
    tensors = [torch.sparse_csr_tensor(p.indptr, p.indices, p.data, p.shape, check_invariants=False)
               for p in parts]  # fmt: skip

    def epoch(first: Callable, weight: Any, batches: list, optimizer: str) -> Callable[[], object]:
        bias, last = torch.nn.Parameter(torch.zeros(HIDDEN)), torch.nn.Linear(HIDDEN, CLASSES)
        rest = [bias, *last.parameters()]
        made = ([torch.optim.SGD([weight, *rest], lr=0.1)] if optimizer == "SGD" else
                [torch.optim.SparseAdam([weight]), torch.optim.Adam(rest)])  # fmt: skip

        def run() -> None:
            for batch, y in zip(batches, labels, strict=True):
                loss = torch.nn.functional.cross_entropy(last((first(batch) + bias).relu()), y)
                for o in made:
                    o.zero_grad()
                loss.backward()
                for o in made:
                    o.step()

        return run

    def bag(optimizer: str, sparse: bool = True) -> Callable[[], object]:
        layer = torch.nn.EmbeddingBag(COLUMNS, HIDDEN, mode="sum", sparse=sparse)
        return epoch(lambda b: layer(b[0], b[1], per_sample_weights=b[2]), layer.weight, bags,
                     optimizer)  # fmt: skip

    weight = torch.nn.Parameter(torch.randn(COLUMNS, HIDDEN) / ENTRIES)
    return {
        "PyTorch bag, SGD": bag("SGD"),
        "PyTorch bag with a dense gradient, SGD": bag("SGD", sparse=False),
        "PyTorch product, SGD": epoch(lambda b: torch.sparse.mm(b, weight), weight, tensors, "SGD"),
        "PyTorch bag, SparseAdam": bag("SparseAdam"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spread", choices=["zipf", "uniform"], default="zipf")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    forget_tuning()
    cnn.set_num_threads(1)
    x, y = rows(options.spread)
    runs = {
        "cnn_core, SGD": own(x, y, cnn.SGD(lr=0.1)),
        "cnn_core, lazy Adam": own(x, y, cnn.Adam(lazy=True)),
        "cnn_core, Adam": own(x, y, cnn.Adam()),
        "cnn_core dense, SGD": own(x.toarray(), y, cnn.SGD(lr=0.1)),
        **torchs(x, y),
    }
    units = {name: ROWS / BATCH * (EPOCHS if "cnn_core" in name else 1) for name in runs}
    timed = {name: (run, units[name]) for name, run in runs.items()}
    turns = interleave(timed, options.rounds, 0.02)
    best = {name: min(turn.best for turn in found) for name, found in turns.items()}
    for name, time in best.items():
        print(f"{name:40}{time:10.0f} us a step")
    peers = [time for name, time in best.items() if name.startswith("PyTorch") and "SGD" in name]
    if peers:
        best["PyTorch's best, SGD"] = min(peers)
    for name, bounds in BOUNDS.items():
        for other, least in bounds.items():
            if other in best:
                found = best[other] / best[name]
                verdict = "holds" if found >= least else "MISSED"
                print(f"{name}: 1/{found:.1f} of {other} (at most 1/{least}): {verdict}")


if __name__ == "__main__":
    main()
