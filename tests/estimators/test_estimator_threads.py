"""n_jobs: threads of a fit, alone and among others."""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.5", reason="needs scikit-learn 1.5")

from sklearn.datasets import load_digits

import cnn_core as cnn
from cnn_core.estimators import MLPClassifier
from cnn_core.run import threads

X, Y = load_digits(return_X_y=True)


@pytest.fixture(autouse=True)
def _quiet():
    cnn.set_num_threads(None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    cnn.set_num_threads(None)


def asked(monkeypatch, call) -> set[int]:
    """How many threads programs were given."""
    found = set()
    for module in ("cnn_core.train.evaluating", "cnn_core.nn.prediction"):
        real = threads.get_num_threads
        monkeypatch.setattr(f"{module}.get_num_threads", lambda r=real: found.add(r()) or r())
    call()
    return found


def test_n_jobs_is_how_many_threads_programs_use(monkeypatch):
    cnn.set_num_threads(2)
    before = threads.get_num_threads()
    for n_jobs, n in ((1, 1), (3, 3), (-1, 2), (-2, 1), (None, 2)):
        model = MLPClassifier(max_iter=1, n_jobs=n_jobs, early_stopping=True)
        assert asked(monkeypatch, lambda m=model: m.fit(X, Y).predict(X)) == {n}
    assert threads.get_num_threads() == before


def test_in_a_thread_among_others_one_is_enough(monkeypatch):
    cnn.set_num_threads(2)
    for n_jobs, n in ((None, 1), (2, 2)):
        model = MLPClassifier(max_iter=1, n_jobs=n_jobs)

        def call(m=model):
            thread = threading.Thread(target=m.fit, args=(X, Y))
            thread.start()
            thread.join()

        assert asked(monkeypatch, call) == {n}
    assert threads.get_num_threads() == 2


def test_threads_change_no_bit():
    from cnn_core._ext import core

    if core.gemm_mode() == "blas":
        pytest.skip("only own kernels promise the same bits")
    found = [MLPClassifier((200, 90), max_iter=3, random_state=0, n_jobs=n).fit(X, Y)
             for n in (1, 2)]  # fmt: skip
    np.testing.assert_array_equal(found[0].coefs_[0], found[1].coefs_[0])
    np.testing.assert_array_equal(found[0].predict_proba(X), found[1].predict_proba(X))
