"""What this package adds to a process: import time, wheel size, memory.

    python benchmarks/footprint.py --json footprint.json     # status 1 if a limit is passed

Everything is measured in fresh processes, beyond what NumPy and the data take there.  Memory is
what is resident (Linux: /proc/self/smaps); a peak is taken while the work runs.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from environment import forget_tuning

ROOT = Path(__file__).resolve().parents[1]
MB = 1e6
REPEATS = 15

LIMITS = {
    "import on top of NumPy, ms": 13,
    "wheel, MB": 2,
    "memory after import, MB": 8,
    "memory of training M1 on one thread, MB": 20,
    "memory of training M1 on two threads, MB": 20,
    "memory of predicting 50 times the rows, MB": 0.5,
}

# What the measured processes share: resident bytes of each mapping, and the peak since a reset.
COMMON = """
import json, re, sys, time
import numpy as np

def resident():
    found, name = {}, ""
    for line in open("/proc/self/smaps"):
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            parts = line.split(None, 5)
            name = parts[5].strip().rsplit("/", 1)[-1] if len(parts) > 5 else "[anonymous]"
        elif line.startswith("Rss:"):
            found[name] = found.get(name, 0) + 1024 * int(line.split()[1])
    return found

def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])

def reset_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")

def growth(before, after):
    names = {n: after[n] - before.get(n, 0) for n in after}
    top = dict(sorted(names.items(), key=lambda i: -i[1])[:6])
    return {"total": sum(after.values()) - sum(before.values()), "by": top}

resident()
"""

IMPORT_TIME = """
import time
import numpy
begin = time.perf_counter()
import cnn_core
print((time.perf_counter() - begin) * 1e3)
"""

IMPORT_MEMORY = (
    COMMON
    + """
start = resident()
import cnn_core as cnn
imported = resident()
net = cnn.Sequential([cnn.Dense(4)], 4)
net.predict(np.zeros(4, np.float32))
blas = resident()
print(json.dumps({"import": growth(start, imported), "blas": growth(imported, blas)}))
"""
)

TRAINING_MEMORY = (
    COMMON
    + """
rng = np.random.default_rng(0)
x = rng.integers(0, 256, (60_000, 784), dtype=np.uint8)
y = rng.integers(0, 10, 60_000, dtype=np.uint8)
reset_peak()
start = resident()
import cnn_core as cnn
cnn.set_num_threads(THREADS)
net = cnn.Sequential([cnn.Dense(256, "relu"), cnn.Dense(128, "relu"), cnn.Dense(10)], 784,
                     input_scale=1 / 255)
trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), optimizer="adam", metrics=["accuracy"])
built = resident()
trainer.fit(x, y, batch_size=128, epochs=1, progress=False)
most = peak()
end = resident()
print(json.dumps({"peak": most - sum(start.values()), "built": growth(start, built),
                  "trained": growth(start, end)}))
"""
)

PREDICTION_MEMORY = (
    COMMON
    + """
import cnn_core as cnn
net = cnn.Sequential([cnn.Dense(256, "relu"), cnn.Dense(128, "relu"), cnn.Dense(10)], 784)
found = {}
for dtype in ("float32", "uint8"):
    x, out = np.ones((50_000, 784), dtype), np.ones((50_000, 10), np.float32)
    net.predict(x[:1000], out=out[:1000])
    peaks = []
    for n in (1000, 50_000):
        reset_peak()
        start = sum(resident().values())
        net.predict(x[:n], out=out[:n])
        peaks.append(peak() - start)
    found[dtype] = {"few rows": peaks[0], "many rows": peaks[1]}
print(json.dumps(found))
"""
)


def run(code: str, **replaced: Any) -> str:
    """Run ``code`` in a process of its own and return what it printed."""
    for name, value in replaced.items():
        code = code.replace(name, str(value))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"a measured process failed:\n{done.stderr}")
    return done.stdout


def import_time(repeats: int) -> list[float]:
    """Return milliseconds of each import after NumPy's; the first process fills the caches."""
    run(IMPORT_TIME)
    return [float(run(IMPORT_TIME)) for _ in range(repeats)]


def build_wheel(folder: str) -> Path:
    """Build the wheel of a copy of this tree, without what former builds left in it."""
    copy = Path(folder) / "tree"
    built = ("build", "dist", "*.egg-info", "__pycache__", "*.so", "*.pyd")
    left_out = shutil.ignore_patterns(".*", *built)
    shutil.copytree(ROOT, copy, ignore=left_out)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder]
    command += ["--no-build-isolation"] if importlib.util.find_spec("Cython") else []
    subprocess.run([*command, str(copy)], check=True)
    (wheel,) = Path(folder).glob("cnn_core-*.whl")
    return wheel


def memory() -> dict[str, Any]:
    """Return what the measured processes found, in bytes; nothing where there is no /proc."""
    if not Path("/proc/self/smaps").exists():
        return {}
    found: dict[str, Any] = json.loads(run(IMPORT_MEMORY))
    for threads in (1, 2):
        found[f"training, {threads}"] = json.loads(run(TRAINING_MEMORY, THREADS=threads))
    found["prediction"] = json.loads(run(PREDICTION_MEMORY))
    return found


def figures(times: list[float], wheel: Path | None, found: dict[str, Any]) -> dict[str, float]:
    """Return the figures that have limits, and their neighbours."""
    result = {"import on top of NumPy, ms": median(times)}
    if wheel is not None:
        result["wheel, MB"] = wheel.stat().st_size / MB
    if found:
        imported, blas = found["import"]["total"], found["blas"]["total"]
        grown = [p["many rows"] - p["few rows"] for p in found["prediction"].values()]
        result |= {
            "memory after import, MB": imported / MB,
            "memory after import and first use, with BLAS, MB": (imported + blas) / MB,
            "memory of training M1 on one thread, MB": found["training, 1"]["peak"] / MB,
            "memory of training M1 on two threads, MB": found["training, 2"]["peak"] / MB,
            "memory of predicting 50 times the rows, MB": max(grown) / MB,
        }
    return result


def breakdown(found: dict[str, Any]) -> list[str]:
    """Return lines that say which mappings grew most."""
    parts = {
        "import": found["import"], "first use": found["blas"],
        "training, one thread": found["training, 1"]["trained"],
        "training, two threads": found["training, 2"]["trained"],
    }  # fmt: skip
    lines = []
    for name, part in parts.items():
        shares = ", ".join(f"{n} {size / MB:.2f}" for n, size in part["by"].items() if size > 5e4)
        lines.append(f"  {name}: {part['total'] / MB:.2f} MB: {shares}")
    return lines


def parse() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--wheel", type=Path, metavar="FILE", help="take this wheel; build none")
    p.add_argument("--no-wheel", action="store_true", help="leave the wheel out")
    p.add_argument("--repeats", type=int, default=REPEATS, help="imports to time")
    p.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured")
    return p.parse_args()


def main() -> None:
    args = parse()
    forget_tuning()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        wheel = None if args.no_wheel else args.wheel or build_wheel(folder)
        times, found = import_time(args.repeats), memory()
        result = figures(times, wheel, found)
    for name, value in result.items():
        limit = LIMITS.get(name)
        note = "" if limit is None else f"limit {limit:g}{'' if value < limit else ': PASSED'}"
        print(f"{name:<50}{value:>8.2f}  {note}")
    if found:
        print("resident memory beyond NumPy and the data, by what is mapped, in MB:")
        print("\n".join(breakdown(found)))
    if args.json:
        whole = {"figures": result, "limits": LIMITS, "import_ms": times, "memory": found}
        args.json.write_text(json.dumps(whole, indent=1))
    sys.exit(any(result[name] >= limit for name, limit in LIMITS.items() if name in result))


if __name__ == "__main__":
    main()
