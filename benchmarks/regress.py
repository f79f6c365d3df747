"""Performance regressions: is anything slower than the limits in limits.json?

    python benchmarks/regress.py              # exit status 1 if a limit is passed
    python benchmarks/regress.py --record     # measure, and write new limits
    python benchmarks/regress.py --only instructions

Two kinds of figures, smaller is better in both:

ratios        this package's time by that of NumPy, or of the bare products by NumPy's BLAS, on
              one thread, in turns in the same run: they hold from one machine to the next of
              its kind, and shift with the instruction set.
instructions  of fixed workloads (workloads.py) under `valgrind --tool=callgrind`: the same on a
              loaded machine, and to less than a percent from run to run.  Own products
              (CNN_CORE_GEMM=own) with AVX2, since valgrind 3.19 knows no AVX-512.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from environment import forget_tuning

HERE = Path(__file__).parent
LIMITS = HERE / "limits.json"
HEADROOM = {"ratios": 1.15, "instructions": 1.03}
"""Recorded limits are the measured figures times this."""


class Figure(NamedTuple):
    """A measured figure and its limit; None where none is recorded."""

    name: str
    value: float
    limit: float | None

    @property
    def verdict(self) -> str:
        if self.limit is None:
            return "no limit"
        return "ok" if self.value <= self.limit else "TOO SLOW"


# -- ratios, measured in this process -----------------------------------------------------------


def measure_ratios(rounds: int, budget: float) -> dict[str, float]:
    """Return this package's time by the reference's for each pair; all on one thread."""
    from timing import interleave, ratio

    found = {}
    with one_thread():
        for name, own, other in pairs():
            turns = interleave({"own": own, "other": other}, rounds, budget)
            found[name] = ratio(turns["own"], turns["other"])
    return found


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let NumPy's BLAS and this package use one thread."""
    import numpy  # noqa: F401 - only libraries that are loaded can be limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


CHUNKS = (("T1", "adam"), ("T2", "adam"), ("T3", "sgd"), ("S1", "sgd"), ("M1", "adam"))


def pairs() -> Iterator[tuple[str, tuple, tuple]]:
    """Yield (name, (own function, units of work), (reference, units))."""
    from peers import bare_products, cnn_core, cnn_core_step, numpy_plain

    for net, optimizer in CHUNKS:
        own, other = prepared(cnn_core, net, optimizer), prepared(numpy_plain, net, optimizer)
        yield f"chunk {net} {optimizer} / NumPy", run_of(own, net), run_of(other, net)
    for net in ("S1", "M1", "M2"):
        own, other = prepared(cnn_core, net, "sgd"), prepared(bare_products, net, "sgd")
        yield f"chunk {net} sgd / bare products", run_of(own, net), run_of(other, net)
    for net in ("T1", "M1"):
        own, other = prepared(cnn_core_step, net, "adam"), prepared(numpy_plain, net, "adam")
        yield f"trainer.step {net} adam / NumPy", run_of(own, net), run_of(other, net)
    for net, rows in (("T1", 1), ("M1", 1), ("M1", 64)):
        own, other = prepared(cnn_core, net, "sgd"), prepared(numpy_plain, net, "sgd")
        yield f"predict {net}, {rows} rows / NumPy", calls_of(own, rows), calls_of(other, rows)
    yield from activation_pairs()


def prepared(module: Any, net: str, optimizer: str) -> Any:
    from nets import NETS, make_rows, make_weights

    n = NETS[net]
    peer = module.Adapter(threads=1)
    peer.prepare(n, make_weights(n), make_rows(n), optimizer)
    peer.n_in = n.sizes[0]
    return peer


def run_of(peer: Any, net: str) -> tuple[Callable[[], Any], float]:
    from nets import NETS

    n = NETS[net].n_steps
    return (lambda: peer.run(n)), n


def calls_of(peer: Any, rows: int) -> tuple[Callable[[], Any], float]:
    from timeit import Timer

    import numpy as np

    x = np.random.default_rng(3).standard_normal((rows, peer.n_in), dtype=np.float32)
    statement, names = peer.predict_call(x)
    timer = Timer(statement, globals=names)
    return (lambda: timer.timeit(100)), 100


def activation_pairs() -> Iterator[tuple[str, tuple, tuple]]:
    import numpy as np

    import cnn_core as cnn

    x = np.random.default_rng(0).standard_normal(16384, dtype=np.float32)
    own_out, other_out = np.empty_like(x), np.empty_like(x)
    for name, other in ACTIVATIONS.items():
        own = getattr(cnn.kernels, name)
        yield (
            f"{name} / NumPy",
            (lambda f=own: f(x, out=own_out), 1),
            (lambda f=other: f(np, x, other_out), 1),
        )


ACTIVATIONS: dict[str, Callable] = {
    "relu": lambda np, x, out: np.maximum(x, 0, out=out),
    "tanh": lambda np, x, out: np.tanh(x, out=out),
    "sigmoid": lambda np, x, out: 1 / (1 + np.exp(-x, out=out)),
}


# -- instructions, counted by callgrind ----------------------------------------------------------


def count_instructions() -> dict[str, float]:
    """Return the instructions per unit of work of each workload."""
    from workloads import WATCHED, WORKLOADS

    if shutil.which("valgrind") is None:
        raise SystemExit("regress: need valgrind; got none (or use --only ratios)")
    with tempfile.TemporaryDirectory() as folder:
        run_callgrind(Path(folder) / "profile", WATCHED)
        totals = workload_totals(Path(folder))
    if len(totals) != len(WORKLOADS):
        raise SystemExit(f"regress: need {len(WORKLOADS)} profiles of callgrind; got {len(totals)}")
    units = [n for _, n in WORKLOADS.values()]
    return {name: t / n for name, t, n in zip(WORKLOADS, totals, units, strict=True)}


def run_callgrind(out: Path, watched: str) -> None:
    fixed = {
        "CNN_CORE_SIMD": "avx2", "CNN_CORE_GEMM": "own", "CNN_CORE_NUM_THREADS": "1",
        "OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0",
    }  # fmt: skip
    command = [
        "valgrind", "-q", "--tool=callgrind", "--collect-atstart=no", "--compress-strings=no",
        f"--toggle-collect={watched}", f"--dump-after={watched}", f"--callgrind-out-file={out}",
        sys.executable, str(HERE / "workloads.py"),
    ]  # fmt: skip
    done = subprocess.run(command, env=os.environ | fixed, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"regress: the workloads failed under valgrind\n{done.stderr[-2000:]}")


def workload_totals(folder: Path) -> list[int]:
    """Return the totals of the profiles that hold a workload, in order.

    Others call the watched function too, such as the loader of shared libraries; a workload is
    what went through ctypes.
    """
    found = []
    for path in folder.glob("profile.*"):
        text = path.read_text()
        if re.search(r"^c?ob=.*/_ctypes\.", text, re.MULTILINE):
            total = re.search(r"^totals: (\d+)", text, re.MULTILINE)
            found.append((int(path.suffix[1:]), int(total.group(1)) if total else 0))
    return [total for _, total in sorted(found)]


# -- limits ---------------------------------------------------------------------------------------


def setting() -> dict[str, str]:
    """Return what recorded limits depend on."""
    import numpy as np

    from cnn_core._ext import core

    return {
        "machine": platform.machine(),
        "instruction set": core.simd(),
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "NumPy": np.__version__,
    }


def judge(kind: str, measured: dict[str, float], limits: dict[str, Any]) -> list[Figure]:
    known = limits.get(kind, {})
    return [Figure(n, v, known.get(n, {}).get("limit")) for n, v in measured.items()]


def recorded(kind: str, measured: dict[str, float]) -> dict[str, dict[str, float]]:
    """Return the entries of limits.json for ``measured``: what it was, and the limit."""
    digits = 3 if kind == "ratios" else 0
    return {
        name: {"measured": round(v, digits), "limit": round(v * HEADROOM[kind], digits)}
        for name, v in measured.items()
    }


def print_table(kind: str, figures: list[Figure]) -> None:
    form = ",.3f" if kind == "ratios" else ",.0f"
    width = max(len(f.name) for f in figures)
    print(f"{kind:<{width}}{'measured':>14}{'limit':>14}")
    for f in figures:
        limit = "-" if f.limit is None else format(f.limit, form)
        print(f"{f.name:<{width}}{format(f.value, form):>14}{limit:>14}  {f.verdict}")
    print(flush=True)


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--record", action="store_true", help=f"write new limits to {LIMITS.name}")
    p.add_argument("--only", choices=HEADROOM, help="one kind of figures")
    p.add_argument("--rounds", type=int, default=9)
    p.add_argument("--budget", type=float, default=0.05, help="seconds per turn")
    args = p.parse_args()
    if forgotten := forget_tuning():  # nothing that reads them is imported yet
        print(f"note: ignored {', '.join(forgotten)} of the environment\n")
    limits = json.loads(LIMITS.read_text()) if LIMITS.exists() else {}
    if not args.record and limits.get("setting") != setting():
        print(f"note: the limits were recorded with {limits.get('setting')}; this is {setting()}\n")
    figures: list[Figure] = []
    for kind in [args.only] if args.only else list(HEADROOM):
        measured = (
            measure_ratios(args.rounds, args.budget) if kind == "ratios" else count_instructions()
        )
        if args.record:
            limits[kind] = recorded(kind, measured)
        figures += (judged := judge(kind, measured, limits))
        print_table(kind, judged)
    if args.record:
        LIMITS.write_text(json.dumps({**limits, "setting": setting()}, indent=1) + "\n")
    slow = [f for f in figures if f.verdict != "ok"]
    for f in slow:
        print(f"{f.verdict}: {f.name}: {f.value:.4g}, limit {f.limit}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
