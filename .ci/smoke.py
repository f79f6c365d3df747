"""What an installed wheel must do; run by .ci/check_package where no sources are."""

from __future__ import annotations

import importlib.resources
import os
import statistics
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np

import cnn_core as cnn
from cnn_core._ext import core

CLOCK = """
import time, numpy
begin = time.perf_counter(), time.process_time()
import cnn_core
print(time.perf_counter() - begin[0], time.process_time() - begin[1])
"""
SLOW_TO_IMPORT = ("numpy.random", "matplotlib", "scipy", "scipy_openblas32", "sklearn", "tqdm")


def check_files() -> None:
    folder = Path(str(importlib.resources.files("cnn_core")))
    assert folder.is_relative_to(sysconfig.get_path("platlib")), folder
    assert (folder / "py.typed").is_file()
    compiled = {p.name.split(".")[0] for p in (folder / "_ext").glob("*.*") if p.suffix != ".pyi"}
    typed = {p.stem for p in (folder / "_ext").glob("*.pyi")}
    assert compiled - {"__init__", "__pycache__"} == typed, f"{compiled} compiled, {typed} typed"
    stub = (folder / "ops" / "__init__.pyi").read_text(encoding="utf-8")
    untyped = [name for name in cnn.ops.__all__ if f"def {name}(" not in stub]
    assert not untyped, f"operations without a signature for type checkers: {untyped}"
    kinds = ("c", "h", "pyx", "pxi", "pxd")
    sources = [p.name for kind in kinds for p in folder.rglob(f"*.{kind}")]
    assert not sources, f"sources in the wheel: {sources}"


def check_training() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (1000, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    net = cnn.Sequential([cnn.Dense(16, activation="relu"), cnn.Dense(2)], inputs=2, seed=0)
    trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), optimizer=cnn.Adam(lr=1e-2),
                          metrics=["accuracy"], seed=0)  # fmt: skip
    trainer.fit(x, y, epochs=40)
    assert trainer.evaluate(x, y)["accuracy"] > 0.95
    assert net.predict(x[0]).shape == (2,)


def check_graph() -> None:
    x, y, z = cnn.Input("x"), cnn.Input("y"), cnn.Input("z")
    graph = cnn.Graph((x + y) * z)
    assert graph.forward(x=-2.0, y=5.0, z=-4.0) == -12.0
    assert graph.backward() == {"x": -4.0, "y": -4.0, "z": 3.0}


def check_blas() -> None:
    """BLAS is loaded from its package, without any path of the machine that built the wheel."""
    assert Path(core.blas_path()).is_relative_to(sysconfig.get_path("platlib"))
    command = [sys.executable, "-c", "import smoke; smoke.check_training()"]
    env = {**os.environ, "CNN_CORE_GEMM": "blas"}
    subprocess.run(command, check=True, env=env, cwd=Path(__file__).parent)


def check_imports() -> None:
    """Importing the package imports nothing that takes long and may never be needed."""
    code = f"""
import sys, numpy
slow = set({SLOW_TO_IMPORT}) - sys.modules.keys()
import cnn_core
print(*slow & sys.modules.keys())
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not done.stdout.strip(), f"import cnn_core imports {done.stdout.strip()}"


def import_time() -> str:
    """Return how long `import cnn_core` takes after NumPy: the medians of 15 processes."""
    command = [sys.executable, "-c", CLOCK]
    runs = [
        list(map(float, subprocess.run(command, check=True, capture_output=True).stdout.split()))
        for _ in range(15)
    ]
    wall, cpu = (1e3 * statistics.median(times) for times in zip(*runs, strict=True))
    return f"{wall:.1f} ms on top of NumPy ({cpu:.1f} ms of CPU time)"


if __name__ == "__main__":
    check_files()
    check_training()
    check_graph()
    check_blas()
    cnn.show_config()
    print(f"import cnn_core: {import_time()}")
    check_imports()
