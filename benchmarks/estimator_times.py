"""Times of the estimators next to those of scikit-learn's classes: used by estimators.py."""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from joblib import parallel_config
from sklearn import neural_network
from sklearn.datasets import load_diabetes, load_digits
from sklearn.model_selection import GridSearchCV
from sparse_rows import rows as sparse_rows
from threadpoolctl import threadpool_limits
from timing import time_statement

import cnn_core as cnn
from cnn_core import estimators

CLASSES = {"own": estimators, "theirs": neural_network}

FLOATS = ("float64", "float32")

PRECISIONS = (("float64", "float64", 3), ("float32", "float64", 6), ("float32", "float32", 6))
"""What ours computes in, scikit-learn's class is given and so computes in (digits are loaded as
float64), and how many times as fast an iteration is to be."""

GRID = {
    "hidden_layer_sizes": [(32,), (64,), (100,)], "alpha": [1e-4, 1e-2],
    "learning_rate_init": [1e-3, 3e-3], "activation": ["relu", "tanh"],
}  # fmt: skip


class Line(NamedTuple):
    """A line of the report: what was measured, the figure that is wanted, and the one found."""

    what: str
    wanted: str
    found: str
    holds: bool

    def __str__(self) -> str:
        verdict = "holds" if self.holds else "MISSED"
        return f"{self.what:<56}{self.wanted:>18}{self.found:>34}  {verdict}"


class Fitted(NamedTuple):
    seconds: float
    iterations: int


def timed_fit(
    model: Any, x: Any, y: Any, clock: Callable[[], float] = time.perf_counter
) -> Fitted:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        begin = clock()
        model.fit(x, y)
        return Fitted(clock() - begin, model.n_iter_)


def in_turns(
    runs: dict[Any, Callable[[], Fitted]], rounds: int, warm: int = 1
) -> dict[Any, Fitted]:
    """Return the shortest of some calls of each, made in turns after one that warms up."""
    best: dict[Any, Fitted] = {}
    for i in range(rounds + warm):
        for name, run in runs.items():
            found = run()
            if i >= warm and (name not in best or found < best[name]):
                best[name] = found
    return best


def an_iteration(what: str, least: float, own: Fitted, theirs: Fitted) -> Line:
    """Compare the time of an iteration of `fit`."""
    each = [f.seconds / f.iterations * 1e3 for f in (own, theirs)]
    found = f"{each[1] / each[0]:.1f} ({each[1]:.2f} / {each[0]:.2f} ms"
    found += f" x {own.iterations})" if own.iterations == theirs.iterations else \
             f" x {theirs.iterations} / {own.iterations})"  # fmt: skip
    return Line(what, f">= {least:g} times", found, each[1] / each[0] >= least)


def fits(
    what: str, least: float, data: tuple, rounds: int, threads: int, **options: Any
) -> Line:
    """Compare the time of an iteration of `fit` of both classes on ``data``."""
    clock = time.process_time if threads == 1 else time.perf_counter
    runs = {
        name: partial(timed_fit, module.MLPClassifier(**options), *data, clock)
        for name, module in CLASSES.items()
    }
    with threadpool_limits(threads):
        best = in_turns(runs, rounds)
    return an_iteration(what, least, best["own"], best["theirs"])


def digits(args: argparse.Namespace) -> Iterator[Line]:
    x, y = load_digits(return_X_y=True)
    runs = {}
    for dtype in FLOATS:
        own = estimators.MLPClassifier(dtype=dtype, random_state=0)
        theirs = neural_network.MLPClassifier(random_state=0)
        runs[f"own, {dtype}"] = partial(timed_fit, own, x, y, time.process_time)
        runs[f"theirs, {dtype}"] = partial(timed_fit, theirs, x.astype(dtype), y,
                                           time.process_time)  # fmt: skip
    with threadpool_limits(1):
        best = in_turns(runs, args.rounds)
    for dtype, given, least in PRECISIONS:
        yield an_iteration(f"fit, digits, 1 thread, {dtype} / {given}", least,
                           best[f"own, {dtype}"], best[f"theirs, {given}"])  # fmt: skip


def mnist(args: argparse.Namespace) -> Iterator[Line]:
    try:
        data = cnn.data.load_idx_dataset(args.data / "mnist")
    except (cnn.errors.DataError, OSError) as error:
        print(f"mnist is left out: {error}")
        return
    x = data.x_train.reshape(-1, 784).astype(np.float32) / np.float32(255)
    yield fits("fit, MNIST, (256, 128), float32, 2 threads", 3, (x, data.y_train),
               min(args.rounds, 3), 2, hidden_layer_sizes=(256, 128), batch_size=128, max_iter=2,
               random_state=0)  # fmt: skip


def tfidf(args: argparse.Namespace) -> Iterator[Line]:
    x, y = sparse_rows("zipf")
    for dtype in ("float64", "float32"):
        for threads in (1, 2):
            yield fits(f"fit, sparse rows, {dtype}, {threads} threads", 5, (x.astype(dtype), y),
                       args.rounds, threads, max_iter=5, random_state=0)  # fmt: skip


def one_row(args: argparse.Namespace) -> Iterator[Line]:
    for name, load in (("MLPClassifier", load_digits), ("MLPRegressor", load_diabetes)):
        x, y = load(return_X_y=True)
        models = {key: getattr(module, name)(max_iter=20, random_state=0)
                  for key, module in CLASSES.items()}  # fmt: skip
        for model in models.values():
            timed_fit(model, x, y)
        best = dict.fromkeys(models, float("inf"))
        for _ in range(args.rounds + 1):
            for key, model in models.items():
                names = {"predict": model.predict, "row": x[:1].copy()}
                best[key] = min(best[key], time_statement("predict(row)", names, 0.2).best)
        found = best["theirs"] / best["own"]
        shown = f"{found:.1f} ({best['theirs']:.1f} / {best['own']:.2f} us)"
        yield Line(f"{name}.predict, one row", ">= 10 times", shown, found >= 10)


def grid(args: argparse.Namespace) -> Iterator[Line]:
    """Each class with what suits it, processes or threads, which have begun when time is taken."""
    x, y = load_digits(return_X_y=True)

    def search(model: Any, x: np.ndarray, backend: str) -> Fitted:
        with warnings.catch_warnings(), parallel_config(backend=backend, n_jobs=2):
            warnings.simplefilter("ignore")
            GridSearchCV(model.set_params(max_iter=1), {"tol": [0, 1]}, cv=2).fit(x, y)
            model.set_params(max_iter=50)
            begin = time.perf_counter()
            found = GridSearchCV(model, GRID, cv=3).fit(x, y)
            return Fitted(time.perf_counter() - begin, len(found.cv_results_["params"]))

    runs = {}
    for dtype, backend in itertools.product(FLOATS, ("loky", "threading")):
        own = estimators.MLPClassifier(dtype=dtype, random_state=0)
        theirs = neural_network.MLPClassifier(random_state=0)
        runs["own", dtype, backend] = partial(search, own, x, backend)
        runs["theirs", dtype, backend] = partial(search, theirs, x.astype(dtype), backend)
    best = in_turns(runs, min(args.rounds, 3), warm=0)
    for dtype, given, _ in PRECISIONS:
        own, theirs = ([best[who, of, backend].seconds for backend in ("loky", "threading")]
                       for who, of in (("own", dtype), ("theirs", given)))  # fmt: skip
        found = min(theirs) / min(own)
        shown = " or ".join(f"{a:.1f} / {b:.1f}" for a, b in zip(theirs, own, strict=True))
        yield Line(f"GridSearchCV, 24 x 3, 2 workers, {dtype} / {given}", ">= 5 times",
                   f"{found:.1f} ({shown} s)", found >= 5)  # fmt: skip


RESIDENT = """
import sys, warnings
from sklearn.datasets import load_digits
from cnn_core.estimators import MLPClassifier
warnings.simplefilter("ignore")
x, y = load_digits(return_X_y=True)

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

def fit(i):
    sizes = (100,) if sys.argv[1] == "same" else (20 + i,)
    MLPClassifier(sizes, max_iter=3, random_state=i).fit(x, y).predict(x)

for i in range(3):
    fit(i)
before = resident()
for i in range(100):
    fit(i)
print(resident() - before)
"""


def memory(args: argparse.Namespace) -> Iterator[Line]:
    for kind, most in (("same", 5.0), ("other sizes", 20.0)):
        command = [sys.executable, "-c", RESIDENT, kind]
        grown = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        yield Line(f"resident memory, 100 fits, {kind}", f"< {most:g} MB", f"{grown:.2f} MB",
                   grown < most)  # fmt: skip


TIMES: dict[str, Callable[[argparse.Namespace], Iterator[Line]]] = {
    "digits": digits, "mnist": mnist, "tfidf": tfidf, "one_row": one_row, "grid": grid,
    "memory": memory,
}  # fmt: skip
