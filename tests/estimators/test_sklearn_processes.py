"""Estimators in other processes and threads: the same bits, and no more threads than cores."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import joblib
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn_pairs import SMALL, classes, label_sets, numbers

from cnn_core.estimators import MLPClassifier, MLPRegressor
from cnn_core.run.cores import available_cores

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

MODELS: dict[str, tuple[Any, tuple]] = {
    "classes": (MLPClassifier(**SMALL), classes()),
    "two classes, float32": (MLPClassifier(solver="sgd", **SMALL),
                             (classes()[0].astype(np.float32), classes()[1] == "a")),
    "label sets": (MLPClassifier(activation="tanh", **SMALL), label_sets()),
    "numbers": (MLPRegressor(**SMALL), numbers()),
    "outputs": (MLPRegressor(solver="lbfgs", **SMALL), numbers(outputs=3)),
    "rows held back": (MLPClassifier(early_stopping=True, **SMALL), classes()),
    "layers": (MLPClassifier((7, 6), ["gelu", "tanh"], max_iter=6, random_state=0, batch_norm=True,
                             dropout=0.2), classes()),
    "a pipeline": (make_pipeline(StandardScaler(), MLPClassifier(**SMALL)), classes()),
}  # fmt: skip

ELSEWHERE = """
import pickle, sys, warnings
import joblib, numpy as np
warnings.simplefilter("ignore")
for name in sys.argv[1:]:
    with open(name, "rb") as file:
        model, x, y = (pickle if name.endswith(".pickle") else joblib).load(file)
    found = {"predict": model.predict(x)}
    if hasattr(model, "predict_proba"):
        found["predict_proba"] = np.asarray(model.predict_proba(x))
    if getattr(model, "solver", "lbfgs") != "lbfgs" and not model.early_stopping:
        found["later"] = model.partial_fit(x, y).coefs_[0]
        found["curve"] = np.array(model.loss_curve_)
    np.savez(name + ".npz", **found)
"""


def figures(model: Any, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Return what the script above saves."""
    found = {"predict": model.predict(x)}
    if hasattr(model, "predict_proba"):
        found["predict_proba"] = np.asarray(model.predict_proba(x))
    if getattr(model, "solver", "lbfgs") != "lbfgs" and not model.early_stopping:
        found["later"] = model.partial_fit(x, y).coefs_[0]
        found["curve"] = np.array(model.loss_curve_)
    return found


def test_another_process_predicts_and_goes_on_to_the_same_bits(tmp_path: Path):
    names: list[str] = []
    for i, (model, (x, y)) in enumerate(MODELS.values()):
        model.fit(x, y)
        for kind in ("pickle", "joblib", "compressed.joblib"):
            name = str(tmp_path / f"{i}.{kind}")
            if kind == "pickle":
                Path(name).write_bytes(pickle.dumps((model, x, y)))
            else:
                joblib.dump((model, x, y), name, compress=3 if "compressed" in kind else 0)
            names.append(name)
    done = subprocess.run([sys.executable, "-c", ELSEWHERE, *names], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = [figures(model, x, y) for model, (x, y) in MODELS.values()]
    for i, name in enumerate(names):
        there, here = np.load(f"{name}.npz"), expected[i // 3]
        assert set(there.files) == set(here)
        for key, value in here.items():
            assert there[key].dtype == value.dtype
            np.testing.assert_array_equal(there[key], value, err_msg=f"{name} {key}")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_small_and_one_that_is_not_fitted_stays_so(protocol):
    x, y = classes()
    model = MLPClassifier((50,), max_iter=3).fit(x, y)
    n = sum(w.nbytes for w in model.coefs_ + model.intercepts_)
    assert len(pickle.dumps(model, protocol)) < 6 * n + 20_000  # best weights, two slots of Adam
    fresh = pickle.loads(pickle.dumps(MLPClassifier(alpha=0.5), protocol))
    assert fresh.alpha == 0.5
    assert not hasattr(fresh, "coefs_")


BACKENDS = """
import json, os, warnings
import numpy as np
import joblib
from sklearn.model_selection import cross_validate
from cnn_core.estimators import MLPClassifier


def clocks():
    found = {}
    for name in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{name}/schedstat") as file:
                found[name] = int(file.read().split()[0])
        except OSError:
            pass  # it has just ended
    return found


class Watched(MLPClassifier):
    def fit(self, X, y):
        before = clocks()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            super().fit(X, y)
        taken = [n - before.get(name, 0) for name, n in clocks().items()]
        self.busy_ = sum(t > 0.1 * max(taken) for t in taken)
        self.process_ = os.getpid()
        return self


def main():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1500, 200)).astype("f")
    y = np.arange(1500) % 3
    found = {}
    for n_threads in (None, -1):
        model = Watched((256, 128), batch_size=500, max_iter=8, random_state=0, n_jobs=n_threads)
        for backend in ("sequential", "loky", "threading", "multiprocessing"):
            with joblib.parallel_config(backend=backend):
                done = cross_validate(model, x, y, cv=3, n_jobs=-1, return_estimator=True)
            found[f"{backend}, {n_threads}"] = {
                "busy": [int(e.busy_) for e in done["estimator"]],
                "processes": len({e.process_ for e in done["estimator"]} - {os.getpid()}),
                "scores": done["test_score"].tolist(),
            }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to count threads")
def test_every_backend_ends_and_takes_no_more_threads_than_cores(tmp_path: Path):
    script = tmp_path / "backends.py"
    script.write_text(BACKENDS)
    env = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=env,
                          timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    found, cores = json.loads(done.stdout), available_cores()
    workers = min(cores, 3)
    for name, figures in found.items():
        assert figures["scores"] == found["sequential, None"]["scores"], name
        in_one = name.startswith(("sequential", "threading"))
        if cores > 1:
            assert figures["processes"] == (0 if in_one else workers), name
        # Where all workers are in one process, each counts the threads of all.
        most = cores if in_one else cores // workers
        assert max(figures["busy"]) <= most, (name, figures)


def test_threads_that_fit_and_predict_at_once_have_the_same_bits():
    x, y = classes(400)
    model = MLPClassifier(**SMALL)
    expected = model.fit(x, y).predict_proba(x)
    found = joblib.Parallel(8, prefer="threads")(
        joblib.delayed(lambda: MLPClassifier(**SMALL).fit(x, y).predict_proba(x))()
        for _ in range(16)
    )
    found += joblib.Parallel(8, prefer="threads")(
        joblib.delayed(model.predict_proba)(x) for _ in range(32)
    )
    for p in found:
        np.testing.assert_array_equal(p, expected)


def test_workers_that_are_forked_after_a_fit_on_threads_go_on():
    if "fork" not in joblib.parallel.mp.get_all_start_methods():
        pytest.skip("this system cannot fork")
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((600, 64)), np.arange(600) % 3
    model = MLPClassifier((200,), max_iter=2, batch_size=300, random_state=0).fit(x, y)
    with joblib.parallel_config(backend="multiprocessing"):
        scores = cross_val_score(model, x, y, cv=3, n_jobs=2)
    np.testing.assert_array_equal(scores, cross_val_score(model, x, y, cv=3))
