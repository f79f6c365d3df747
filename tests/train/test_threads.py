"""Threads: the same bits with any number of them, settings, forks, several callers at once."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
from training_cases import (
    NETS,
    AllThreads,
    assert_same_state,
    big_net,
    run_checked,
    run_script,
    set_threads,
    state,
)

import cnn_core as cnn
from cnn_core._ext import core
from cnn_core.errors import OptionError
from cnn_core.run import threads
from cnn_core.train import batches

pytestmark = pytest.mark.skipif(
    core.gemm_mode() == "blas", reason="only own kernels promise the same bits"
)
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX system")


@pytest.fixture(autouse=True)
def _default_threads():
    yield
    cnn.set_num_threads(None)


# -- the same bits ------------------------------------------------------------------------

def train(name: str, n_threads: int, dtype: str = "float32", weighted: bool = True):
    """Train for two epochs with all that may be divided; return the trainer and its figures."""
    set_threads(n_threads)
    net = big_net(name, dtype)
    rng = np.random.default_rng(0)
    outputs = net.output.shape[1]
    x, y = rng.standard_normal((700, 131)).astype(np.float32), rng.integers(0, outputs, 700)
    w = rng.random(700).astype(np.float32) if weighted else None
    trainer = cnn.Trainer(
        net, loss=cnn.SoftmaxCrossEntropy(label_smoothing=0.1, ignore_index=0),
        optimizer=cnn.AdamW(lr=1e-3, clip_norm=0.5, clip_value=0.1, no_decay=("*.b",)),
        metrics=["accuracy", "top_2", "log_loss"], seed=3,
    )  # fmt: skip
    history = trainer.fit(x, y, batch_size=243, epochs=2, sample_weight=w, progress=False,
                          validation_data=(x[:90], y[:90]))  # fmt: skip
    (program,) = [p for key, p in trainer._programs.items() if key[0]]
    assert program.program.n_threads == n_threads, "the work was not divided"
    return trainer, dict(history.items())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETS)
def test_training_has_the_same_bits_with_any_number_of_threads(monkeypatch, name, dtype):
    monkeypatch.setattr(batches, "Pace", AllThreads)
    one, figures = train(name, 1, dtype)
    for n in (2, 3, 4):
        many, found = train(name, n, dtype)
        assert_same_state(state(many), state(one))
        assert found == figures


@pytest.mark.parametrize("n", [7, 16])
def test_many_more_threads_than_cores_give_the_same_bits(monkeypatch, n):
    monkeypatch.setattr(batches, "Pace", AllThreads)
    one, _ = train("odd widths", 1, weighted=False)
    many, _ = train("odd widths", n, weighted=False)
    assert_same_state(state(many), state(one))


def test_pace_of_its_own_gives_the_same_bits():
    one, _ = train("dropout", 1)
    two, _ = train("dropout", 2)
    assert_same_state(state(two), state(one))


@pytest.mark.parametrize(
    "loss", [cnn.MSE(), cnn.BinaryCrossEntropy(), cnn.Huber(0.1), cnn.Hinge()]
)
def test_other_losses_have_the_same_bits(monkeypatch, loss):
    monkeypatch.setattr(batches, "Pace", AllThreads)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((300, 131)), rng.integers(0, 2, (300, 5)).astype(float)
    results = []
    for n in (1, 2, 4):
        set_threads(n)
        net = cnn.Sequential([cnn.Dense(140, "relu"), cnn.Dense(5)], 131, seed=0)
        metrics = ["accuracy"] if isinstance(loss, cnn.Hinge) else ["mae", "r2"]
        trainer = cnn.Trainer(net, loss=loss, optimizer="nadam", metrics=metrics)
        history = trainer.fit(x, y, batch_size=128, epochs=2, progress=False)
        results.append((state(trainer), dict(history.items())))
    for found, figures in results[1:]:
        assert_same_state(found, results[0][0])
        assert figures == results[0][1]


@pytest.mark.parametrize("rows", [1, 2, 15, 17, 300])
def test_small_and_odd_batches_have_the_same_bits(monkeypatch, rows):
    """A program for 300 rows divides; so do its short batches, down to one row."""
    monkeypatch.setattr(batches, "Pace", AllThreads)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((300, 131)).astype(np.float32), rng.integers(0, 10, 300)
    results = []
    for n in (1, 4):
        set_threads(n)
        trainer = cnn.Trainer(
            big_net("odd widths"), loss=cnn.SoftmaxCrossEntropy(), metrics=["accuracy"]
        )
        trainer.step(x, y)
        for _ in range(3):
            trainer.step(x[:rows], y[:rows])
        trainer.fit(x[:rows], y[:rows], batch_size=300, epochs=2, progress=False)
        results.append(state(trainer))
    assert_same_state(results[1], results[0])


EVALUATED = {
    "labels": (cnn.SoftmaxCrossEntropy(ignore_index=1), ["accuracy", "top_3", "log_loss"]),
    "numbers": (cnn.MSE(), ["mae", "rmse", "r2"]),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", EVALUATED)
@pytest.mark.parametrize("name", ["odd widths", "dropout"])
def test_evaluation_uses_the_threads_and_has_the_same_bits(monkeypatch, name, case, weighted):
    monkeypatch.setattr(batches, "Pace", AllThreads)
    used, run = set(), batches.LossProgram.run
    monkeypatch.setattr(batches.LossProgram, "run", lambda self, *a, **options: (
        used.add(options["n_threads"]) or run(self, *a, **options)))  # fmt: skip
    loss, metrics = EVALUATED[case]
    net = big_net(name)
    rng = np.random.default_rng(5)
    x = rng.standard_normal((2777, 131)).astype("f")
    outputs = net.output.shape[1]
    y = rng.integers(0, outputs, 2777) if case == "labels" else rng.standard_normal((2777, outputs))
    w = rng.random(2777) if weighted else None
    found = []
    for n_threads in (1, 2, 3):
        set_threads(n_threads)
        found.append(cnn.Trainer(net, loss=loss, metrics=metrics).evaluate(x, y, w))
    assert found[1] == found[0]
    assert found[2] == found[0]
    assert used == {1, 2, 3}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [2, 255, 256, 257, 1000, 5000])
def test_prediction_has_the_same_bits_with_any_number_of_threads(rows, dtype):
    net = big_net("odd widths", dtype)
    x = np.random.default_rng(0).standard_normal((rows, 131)).astype(dtype)
    results = []
    for n in (1, 2, 3, 4):
        set_threads(n)
        results.append(net.predict(x))
    for found in results[1:]:
        assert np.array_equal(found, results[0])


DIGESTS = """
import hashlib, warnings
import numpy as np
import cnn_core as cnn
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
x, y = rng.standard_normal((500, 131)).astype("f"), rng.integers(0, 10, 500)
for n in (1, 2, 3, 4):
    cnn.set_num_threads(n)
    layers = [cnn.Dense(130, "relu"), cnn.Dropout(0.2), cnn.Dense(33, "tanh"), cnn.Dense(10)]
    net = cnn.Sequential(layers, 131, seed=0)
    trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), optimizer=cnn.Adam(clip_norm=0.5))
    program = trainer._program(trainer._data(x, y, None, "test"), 200, training=True)
    program.pace.next = lambda n=n: (2, n)
    trainer.fit(x, y, batch_size=200, epochs=2, progress=False)
    assert program.program.n_threads == n
    print(hashlib.sha256(net.store.value.tobytes() + net.predict(x).tobytes()).hexdigest())
"""


@pytest.mark.parametrize("simd", ["baseline", "avx2", "avx512"])
def test_every_instruction_set_has_the_same_bits_with_any_number_of_threads(simd):
    done = run_script(DIGESTS, CNN_CORE_SIMD=simd, CNN_CORE_GEMM="own")
    if f"got '{simd}'" in done.stderr:
        pytest.skip(f"this CPU has no {simd}")
    assert done.returncode == 0, done.stderr
    digests = done.stdout.split()
    assert len(digests) == 4
    assert len(set(digests)) == 1


# -- settings -----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, -1, 257, 1.0, "2", True, np.nan, [2]])
def test_bad_number_of_threads_is_refused_and_changes_nothing(n):
    set_threads(3)
    with pytest.raises(OptionError, match="set_num_threads: need a whole number from 1 to 256"):
        cnn.set_num_threads(n)
    assert cnn.get_num_threads() == 3


def test_none_goes_back_to_the_cores():
    set_threads(3)
    cnn.set_num_threads(None)
    assert cnn.get_num_threads() == threads.available_cores() >= 1


def test_more_threads_than_cores_warn_once(monkeypatch):
    monkeypatch.setattr(threads, "_warned", set())
    n = threads.available_cores() + 1
    with pytest.warns(RuntimeWarning, match=f"set_num_threads: {n} threads on .* cores"):
        cnn.set_num_threads(n)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cnn.set_num_threads(n)
    assert cnn.get_num_threads() == n


@pytest.mark.parametrize(("text", "threads"), [("1", "1"), ("3", "3"), ("256", "256")])
def test_environment_sets_the_number_of_threads(text, threads):
    code = "import cnn_core as cnn; print(cnn.get_num_threads())"
    assert run_checked(code, CNN_CORE_NUM_THREADS=text) == threads


@pytest.mark.parametrize("text", ["0", "257", "-1", "two", "1.5", " 2", "²"])
def test_bad_environment_is_an_error_at_import_that_says_what_is_allowed(text):
    done = run_script("import cnn_core", CNN_CORE_NUM_THREADS=text)
    assert done.returncode != 0
    assert "OptionError: CNN_CORE_NUM_THREADS: need a whole number from 1 to 256" in done.stderr


def test_empty_environment_means_the_default():
    code = "import cnn_core as cnn; print(cnn.get_num_threads())"
    variables = {"CNN_CORE_NUM_THREADS": "", "OMP_NUM_THREADS": ""}
    assert run_checked(code, **variables) == str(threads.available_cores())


def test_small_work_uses_one_thread():
    set_threads(4)
    net = cnn.Sequential([cnn.Dense(16, "relu"), cnn.Dense(3)], 4)
    trainer = cnn.Trainer(net, loss=cnn.MSE())
    trainer.step(np.ones((32, 4)), np.ones((32, 3)))
    (program,) = trainer._programs.values()
    assert program.program.n_threads == 1


def test_number_of_threads_may_change_during_use():
    x = np.random.default_rng(0).standard_normal((600, 131)).astype(np.float32)
    y = np.random.default_rng(1).integers(0, 10, 600)
    fixed, changing = (cnn.Trainer(big_net("dropout"), loss=cnn.SoftmaxCrossEntropy())
                       for _ in range(2))  # fmt: skip
    set_threads(1)
    for _ in range(8):
        fixed.step(x[:, :131], y % 11)
    expected = fixed.net.predict(x)
    for n in (1, 4, 2, 1, 3, 4, 1, 2):
        set_threads(n)
        changing.step(x[:, :131], y % 11)
        changing.net.predict(x)
    assert_same_state(state(changing), state(fixed))
    assert np.array_equal(changing.net.predict(x), expected)


def test_change_of_threads_while_an_argument_is_converted_is_harmless():
    run_checked("""
import numpy as np, cnn_core as cnn
net = cnn.Sequential([cnn.Dense(3)], 3, seed=0)
expected = net.predict(np.ones((4, 3), "f"))
class Data:
    def __array__(self, dtype=None, copy=None):
        cnn.set_num_threads(1)
        return np.ones((4, 3))
assert np.array_equal(net.predict(Data()), expected)
""")


@pytest.mark.parametrize("n_layers", [600, 4000])
def test_any_number_of_layers_is_divided(monkeypatch, n_layers):
    """More tiles in a segment than any array of fixed size would hold."""
    monkeypatch.setattr(batches, "Pace", AllThreads)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((48, 16)).astype("f4")
    found = []
    for n_threads in (1, 2):
        set_threads(n_threads)
        net = cnn.Sequential([cnn.Dense(16) for _ in range(n_layers)], 16, seed=0)
        cnn.Trainer(net, loss=cnn.MSE(), optimizer=cnn.SGD()).fit(x, x, batch_size=48, epochs=2)
        found.append(net.store.value.tobytes())
    assert found[0] == found[1]
