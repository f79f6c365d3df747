"""Gradients of sparse rows that are nowhere as a whole, where an update moves all rows."""

from __future__ import annotations

import numpy as np
import pytest
from training_cases import set_threads

import cnn_core as cnn
from cnn_core.errors import NotFiniteError
from cnn_core.optim import SGD, Adam, AdamW

sparse = pytest.importorskip("scipy.sparse", reason="needs SciPy")

N, BATCH = 90, 16
RNG = np.random.default_rng(0)


def rows(inputs: int, density: float, dtype="float64"):
    x = sparse.random(N, inputs, density, "csr", random_state=1).toarray()
    x[::7] = 0  # rows without an entry
    return sparse.csr_matrix(x, dtype=dtype)


def trained(x, width, optimizer, dtype, *, by_rows, epochs=2, **options):
    layers = [cnn.Dense(width, "tanh"), cnn.Dense(3)]
    net = cnn.Sequential(layers, x.shape[1], dtype=dtype, seed=1)
    trainer = cnn.Trainer(net, loss="mse", optimizer=optimizer, seed=2, **options)
    trainer._by_rows = by_rows
    trainer.fit(x, np.random.default_rng(3).standard_normal((N, 3)), batch_size=BATCH,
                epochs=epochs, progress=False)  # fmt: skip
    made = trainer._loop is None and any(p.rows for p in trainer._programs.values())
    assert made == by_rows
    return trainer


OPTIMIZERS = {
    "adam": lambda: Adam(0.01),
    "adam, a penalty": lambda: Adam(0.01, eps_hat=True, groups={"*.w": {"l2_per_row": 0.3}}),
    "adamw": lambda: AdamW(0.01, weight_decay=0.1, groups={"*.w": {"l2_per_row": 0.3}}),
    "momentum": lambda: SGD(0.05, 0.9, nesterov=True, velocity=True, weight_decay=0.02),
    "penalties": lambda: SGD(0.05, groups={"*.w": {"l1": 0.01, "l2": 0.02, "l2_per_row": 0.1}}),
    "clipped": lambda: Adam(0.01, clip_norm=0.05, clip_value=0.02,
                            groups={"*.w": {"l2_per_row": 0.3, "l1": 0.01}}),
    "columns": lambda: Adam(0.01, groups={"*.w": {"max_norm": 0.5}}),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("inputs", "density", "width"), [
    (700, 0.02, 33), (63, 0.3, 100), (5, 0.5, 1), (37, 0.1, 2500), (3000, 0.0005, 7),
])  # fmt: skip
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_they_lead_to_what_whole_gradients_lead_to(kind, inputs, density, width, dtype):
    x = rows(inputs, density, dtype)
    whole, apart = (trained(x, width, OPTIMIZERS[kind](), dtype, by_rows=b) for b in (False, True))
    rel = 1e-10 if dtype == "float64" else 2e-3
    for name, value in whole.net.params.items():
        np.testing.assert_allclose(apart.net.params[name], value, rtol=rel, atol=rel / 100)
    np.testing.assert_allclose(apart.batch_sums, whole.batch_sums, rtol=min(rel, 1e-5))


def test_no_bit_depends_on_threads(monkeypatch):
    monkeypatch.setattr("cnn_core.compile.schedule.MIN_FLOP", 1.0)
    x, found = rows(700, 0.02, "float32"), []
    for n in (1, 3):
        set_threads(n)
        for kind in ("adam, a penalty", "clipped"):
            trainer = trained(x, 33, OPTIMIZERS[kind](), "float32", by_rows=True)
            found.append((trainer.net.store.value.tobytes(), trainer.batch_sums))
    set_threads(1)
    assert found[:2] == found[2:]


def test_what_is_not_finite_changes_nothing():
    x = rows(63, 0.3)
    x.data[50] = np.inf
    with pytest.raises(NotFiniteError, match="no parameter was changed"):
        trained(x, 9, Adam(), "float64", by_rows=True, check_finite=False)
