"""Training from memory-mapped files: memory does not grow with the file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.data import mapped

CHILD = """
import resource, sys
import numpy as np
import cnn_core as cnn

x = np.load(sys.argv[1], mmap_mode="r")
y = np.arange(len(x)) % 3
trainer = cnn.Trainer(cnn.Sequential([cnn.Dense(3)], x.shape[1], seed=0),
                      loss="softmax_cross_entropy", optimizer=cnn.SGD(lr=0.1))
trainer.step(x[:64].copy(), y[:64])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
trainer.fit(x, y, batch_size=128, progress=False)
trainer.fit(x, y, batch_size=128, shuffle=False, progress=False)
trainer.evaluate(x, y)
trainer.net.predict(x)
wide = x[:len(x) // 2].view(np.float64)     # of which each number is looked at first
other = cnn.Sequential([cnn.Dense(3)], wide.shape[1], seed=0)
other.predict(wide)
cnn.Trainer(other, loss="softmax_cross_entropy").fit(wide, y[:len(wide)], progress=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("size", [400, pytest.param(4096, marks=pytest.mark.slow)])
def test_resident_memory_grows_by_less_than_300_mb(size: int, tmp_path: Path) -> None:
    path = tmp_path / "x.npy"  # of holes, which take no room on the disk
    np.lib.format.open_memmap(path, "w+", np.float32, (size * 1024 * 1024 // 4000, 1000))
    done = subprocess.run([sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 300 * 1024, "kB more"


def test_pages_given_back_change_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped, "MOST_RESIDENT", -1)
    rng = np.random.default_rng(0)
    rows, y = rng.standard_normal((500, 70), dtype=np.float32), rng.integers(0, 3, 500)
    np.save(tmp_path / "x.npy", rows)
    nets = []
    for mode in (None, "r", "r+", "c"):
        x = np.load(tmp_path / "x.npy", mmap_mode=mode)
        if mode == "c":
            x[7] = rows[8]  # of which the file knows nothing
        net = cnn.Sequential([cnn.Dense(9), cnn.Dense(3)], 70, seed=0)
        trainer = cnn.Trainer(net, loss="softmax_cross_entropy")
        trainer.fit(x[3:], y[3:], batch_size=32, epochs=2, progress=False)
        nets.append((net, trainer.evaluate(x, y)))
        assert np.array_equal(net.predict(x), net.predict(np.array(x)))
        assert np.array_equal(x[7], rows[8 if mode == "c" else 7])
    for net, found in nets[1:3]:
        assert found == nets[0][1]
        for name, value in net.store.items():
            assert np.array_equal(value, nets[0][0].store[name])
