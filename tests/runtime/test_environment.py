"""Environment variables: unknown values are refused at import, known ones train alike."""

from __future__ import annotations

import functools
import json
import warnings

import numpy as np
import pytest
from training_cases import run_checked, run_script

import cnn_core as cnn
from cnn_core._ext import core
from cnn_core.run import threads

SIMD = core.simd_names()

# Widths that fill no tile; enough work for two threads; vector functions in between.
TRAIN = """
import json, warnings
import numpy as np
import cnn_core as cnn
from cnn_core._ext import core
warnings.simplefilter("ignore", RuntimeWarning)
rng = np.random.default_rng(0)
x = rng.standard_normal((600, 37)).astype(np.float32)
y = (x @ rng.standard_normal((37, 5))).argmax(1)
result = {"simd": core.simd(), "gemm": core.gemm_mode(), "threads": cnn.get_num_threads()}
for dtype in ("float32", "float64"):
    net = cnn.Sequential([cnn.Dense(67, "tanh"), cnn.Dense(33, "gelu"), cnn.Dense(5)], 37, seed=3,
                         dtype=dtype)
    trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), optimizer=cnn.Adam(lr=0.003))
    before = trainer.evaluate(x, y)["loss"]
    history = trainer.fit(x, y, batch_size=100, epochs=4, progress=False)
    result[dtype] = {
        "learned": history["loss"][-1] < 0.8 * before,
        "loss": history["loss"],
        "params": net.store.value.tolist(),
        "outputs": net.predict(x[:50]).ravel().tolist(),
    }
print(json.dumps(result))
"""


@functools.cache
def trained(**environment: str) -> dict:
    """Return what the script above printed, with ``environment`` and no other settings."""
    clean = dict.fromkeys(("CNN_CORE_SIMD", "CNN_CORE_GEMM", "CNN_CORE_NUM_THREADS"), "")
    return json.loads(run_checked(TRAIN, 120, **{**clean, **environment}))


def assert_alike(found: dict, expected: dict) -> None:
    """Compare up to what another order of additions changes in 24 steps."""
    for dtype, tolerance in (("float32", 3e-4), ("float64", 1e-9)):
        a, b = found[dtype], expected[dtype]
        assert a["learned"]
        for key in ("loss", "params", "outputs"):
            assert np.allclose(a[key], b[key], rtol=tolerance, atol=tolerance), (dtype, key)


@pytest.mark.parametrize(
    ("variable", "value", "known"),
    [
        ("CNN_CORE_SIMD", "sse9", SIMD),
        ("CNN_CORE_SIMD", "AVX2", SIMD),
        ("CNN_CORE_SIMD", " avx2", SIMD),
        ("CNN_CORE_GEMM", "mkl", core.GEMM_MODES),
        ("CNN_CORE_GEMM", "Auto", core.GEMM_MODES),
    ],
)
def test_an_unknown_value_is_refused_with_the_known_ones(variable, value, known):
    done = run_script("import cnn_core", **{variable: value})
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    expected = f"{variable}: need one of {', '.join(known)}; got {value!r}"
    assert last == f"cnn_core.errors.OptionError: {expected}"


@pytest.mark.parametrize("value", ["0", "257", "two", "\u00b2"])
def test_an_impossible_number_of_threads_is_refused(value):
    done = run_script("import cnn_core", CNN_CORE_NUM_THREADS=value, PYTHONUTF8="1")
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(
        f"cnn_core.errors.OptionError: CNN_CORE_NUM_THREADS: need a whole number from 1 to "
        f"{threads.MAX_THREADS}; got"
    )


@pytest.mark.parametrize("variable", ["CNN_CORE_SIMD", "CNN_CORE_GEMM", "CNN_CORE_NUM_THREADS"])
def test_an_empty_value_is_none(variable):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code = "import cnn_core as cnn; from cnn_core._ext import core; " \
               "print(core.simd(), core.gemm_mode(), cnn.get_num_threads())"  # fmt: skip
        clean = dict.fromkeys(("CNN_CORE_SIMD", "CNN_CORE_GEMM", "CNN_CORE_NUM_THREADS",
                               "OMP_NUM_THREADS"), "")  # fmt: skip
        assert run_checked(code, **clean) == f"{SIMD[-1]} auto {threads.available_cores()}"


@pytest.mark.parametrize("simd", SIMD)
@pytest.mark.parametrize("gemm", core.GEMM_MODES)
def test_every_instruction_set_and_product_trains_alike(simd, gemm):
    """Also a CPU with none of the tuned instruction sets, which has the baseline only."""
    found = trained(CNN_CORE_SIMD=simd, CNN_CORE_GEMM=gemm, CNN_CORE_NUM_THREADS="1")
    assert (found["simd"], found["gemm"], found["threads"]) == (simd, gemm, 1)
    assert_alike(found, trained(CNN_CORE_NUM_THREADS="1"))


@pytest.mark.parametrize("simd", SIMD)
def test_threads_do_not_change_the_bits_of_own_products(simd):
    one = trained(CNN_CORE_SIMD=simd, CNN_CORE_GEMM="own", CNN_CORE_NUM_THREADS="1")
    two = trained(CNN_CORE_SIMD=simd, CNN_CORE_GEMM="own", CNN_CORE_NUM_THREADS="2")
    assert two["threads"] == 2
    for dtype in ("float32", "float64"):
        assert two[dtype]["params"] == one[dtype]["params"]
        assert two[dtype]["outputs"] == one[dtype]["outputs"]
        assert two[dtype]["loss"] == one[dtype]["loss"]


def test_more_threads_than_cores_are_allowed_and_train_alike():
    many = trained(CNN_CORE_NUM_THREADS="19")
    assert many["threads"] == 19
    assert_alike(many, trained(CNN_CORE_NUM_THREADS="1"))


def test_more_threads_than_cores_from_the_environment_are_warned_of_once():
    code = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import cnn_core as cnn
print(*[w.message for w in caught], sep="\\n")
"""
    lines = run_checked(code, CNN_CORE_NUM_THREADS="256").splitlines()
    assert len(lines) == 1
    assert "256 threads" in lines[0]


def test_the_configuration_names_what_is_in_use():
    code = "import cnn_core as cnn; cnn.show_config()"
    text = run_checked(code, CNN_CORE_SIMD="baseline", CNN_CORE_GEMM="own",
                       CNN_CORE_NUM_THREADS="3")  # fmt: skip
    assert "baseline" in text
    assert "own" in text
    assert "3" in text
    assert cnn.get_num_threads() >= 1
