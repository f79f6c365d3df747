"""Accuracy of src_c/math: every function against libm one precision higher.

The loops are compiled once per instruction set that this CPU has.  Float
arguments are taken evenly over all 2^32 bit patterns, so all magnitudes, signs,
subnormals and NaNs are covered alike; `pytest -m slow` takes every pattern.
"""

import ctypes
import faulthandler
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).resolve().parent
MATH = HERE.parent.parent / "src_c" / "math"
FLAGS = ["-std=c11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math",
         "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
BUILDS = {
    "baseline": [],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mfma",
               "-mprefer-vector-width=512"],
}
ULP_F32, ULP_F32_GRADIENT = 2.5, 4.0
ULP_F64, ULP_F64_GRADIENT = 5.0, 6.0
ZERO_CROSSING = {"silu_grad": -1.2784645, "mish_grad": -1.1924531, "gelu_grad": -0.7517916,
                 "gelu_tanh_grad": -0.7524614}
REACH = {"sin": 1e6, "cos": 1e6}  # beyond, the operations call the C library
STRIDE = 2039  # odd: every low bit pattern of the mantissa occurs
BLOCK = 1 << 22

nan, inf = np.nan, np.inf
# function: value at -inf, -0, +0, +inf
LIMITS = {
    "exp": (0.0, 1.0, 1.0, inf),
    "expm1": (-1.0, -0.0, 0.0, inf),
    "sin": (nan, -0.0, 0.0, nan),
    "cos": (nan, 1.0, 1.0, nan),
    "log": (nan, -inf, -inf, inf),
    "log1p": (nan, -0.0, 0.0, inf),
    "sigmoid": (0.0, 0.5, 0.5, 1.0),
    "tanh": (-1.0, -0.0, 0.0, 1.0),
    "softplus": (0.0, np.log(2), np.log(2), inf),
    "silu": (-0.0, -0.0, 0.0, inf),
    "silu_grad": (-0.0, 0.5, 0.5, 1.0),
    "mish": (-0.0, -0.0, 0.0, inf),
    "mish_grad": (-0.0, 0.6, 0.6, 1.0),
    "gelu": (-0.0, -0.0, 0.0, inf),
    "gelu_grad": (-0.0, 0.5, 0.5, 1.0),
    "gelu_tanh": (-0.0, -0.0, 0.0, inf),
    "gelu_tanh_grad": (-0.0, 0.5, 0.5, 1.0),
}


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


class Driver:
    """math_ulp.c compiled for one instruction set."""

    def __init__(self, path):
        self.lib = ctypes.CDLL(str(path))
        self.lib.max_ulp_f32.restype = self.lib.max_ulp_f64.restype = ctypes.c_double

    def _map(self, name, x, dtype):
        y = np.empty(x.shape, dtype)
        getattr(self.lib, name)(ctypes.c_int64(x.size), pointer(x), pointer(y))
        return y

    def values(self, function, x):
        return self._map(f"loop_{function}_{suffix(x)}", x, x.dtype)

    def references(self, function, x):
        wide = np.float64 if x.dtype == np.float32 else np.longdouble
        return self._map(f"refs_{function}_{suffix(x)}", x, wide)

    def helper(self, name, *operands):
        y = np.empty_like(operands[0])
        getattr(self.lib, f"helper_{name}_{suffix(y)}")(
            ctypes.c_int64(y.size), *map(pointer, operands), pointer(y))
        return y

    def bit_patterns(self, start, stride, count):
        x = np.empty(count, np.float32)
        self.lib.fill_bits(ctypes.c_int64(count), ctypes.c_uint32(start), ctypes.c_uint32(stride),
                           pointer(x))
        return x

    def max_ulp(self, x, got, want, skip=(0.0, 0.0)):
        worst = ctypes.c_double(nan)
        ulp = getattr(self.lib, f"max_ulp_{suffix(x)}")(
            ctypes.c_int64(x.size), pointer(x), pointer(got), pointer(want),
            ctypes.c_double(skip[0]), ctypes.c_double(skip[1]), ctypes.byref(worst))
        return ulp, worst.value


def suffix(x):
    return "f32" if x.dtype == np.float32 else "f64"


@pytest.fixture(scope="module")
def drivers(tmp_path_factory):
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        pytest.skip("no C compiler on this machine")
    folder = tmp_path_factory.mktemp("math")

    def build(name):
        out = folder / f"{name}.so"
        job = subprocess.Popen(
            [compiler, *FLAGS, *BUILDS[name], f"-I{MATH}", str(HERE / "math_ulp.c"), "-o", str(out),
             "-lm"], stderr=subprocess.PIPE, text=True)
        return out, job

    def load(out, job):
        _, messages = job.communicate()
        assert job.returncode == 0, messages
        return Driver(out)

    baseline = build("baseline")
    probe = folder / "probe.c"
    probe.write_text("#if !defined(__x86_64__)\n#error not x86-64\n#endif\n")
    tried = subprocess.run([compiler, "-fsyntax-only", str(probe)], capture_output=True)
    is_x86 = tried.returncode == 0
    others = {name: build(name) for name in ("avx2", "avx512") if is_x86}
    result = {"baseline": load(*baseline)}
    for name, started in others.items():
        driver = load(*started)
        if getattr(result["baseline"].lib, f"cpu_has_{name}")():
            result[name] = driver
    return result


def check_block(drivers, function, x, limit, window=0.25, near_limit=1e-7):
    any_driver = drivers["baseline"]
    x = x[~(np.abs(x) > REACH.get(function, inf))]
    want = any_driver.references(function, x)
    zero = ZERO_CROSSING.get(function)
    skip = (zero - window, zero + window) if zero is not None else (0.0, 0.0)
    for build, driver in drivers.items():
        got = driver.values(function, x)
        ulp, worst = driver.max_ulp(x, got, want, skip)
        assert ulp <= limit, f"{function} {suffix(x)} {build}: {ulp:.3g} ULP at x = {worst!r}"
        if zero is not None:
            near = (x > skip[0]) & (x < skip[1])
            error = np.abs(got[near] - want[near]).max(initial=0)
            assert error <= near_limit, f"{function} {build}: {error:.3g} near its zero crossing"


def f32_limit(function):
    return ULP_F32_GRADIENT if function in ZERO_CROSSING else ULP_F32


@pytest.mark.parametrize("function", LIMITS)
def test_f32_within_limit_over_all_magnitudes(drivers, function):
    x = np.concatenate([
        drivers["baseline"].bit_patterns(0, STRIDE, 2**32 // STRIDE),
        np.linspace(-20, 20, 300_001, dtype=np.float32),    # where results are neither 0 nor 1
        np.linspace(-120, 95, 200_001, dtype=np.float32),   # tails, underflow, overflow
        np.arange(-30_000, 30_000).astype(np.float32) * np.float32(21 * np.pi / 2),
    ])
    check_block(drivers, function, x, f32_limit(function))


@pytest.mark.slow
@pytest.mark.parametrize("function", LIMITS)
def test_f32_within_limit_for_every_bit_pattern(drivers, function):
    faulthandler.cancel_dump_traceback_later()  # it takes longer than the limit for one test
    for start in range(0, 2**32, BLOCK):
        x = drivers["baseline"].bit_patterns(start, 1, BLOCK)
        check_block(drivers, function, x, f32_limit(function))


@pytest.mark.parametrize("function", LIMITS)
def test_f64_within_limit_over_all_magnitudes(drivers, function):
    if np.finfo(np.longdouble).nmant <= 52:
        pytest.skip("long double is no wider than double here: no reference")
    rng = np.random.default_rng(0)
    with np.errstate(invalid="ignore"):
        x = np.concatenate([
            rng.integers(0, 2**64, 60_000, dtype=np.uint64).view(np.float64),
            rng.uniform(-1, 1, 30_000) * 10.0 ** rng.uniform(-20, 1, 30_000),
            np.linspace(-40, 40, 60_001), np.linspace(-760, 720, 60_001),
            np.arange(-30_000, 30_000) * (21 * np.pi / 2),  # where nearly all of x cancels
            np.array([5e-324, -5e-324, 2.2e-308, -2.2e-308, 1.797e308, -1.797e308]),
        ])
    limit = ULP_F64_GRADIENT if function in ZERO_CROSSING else ULP_F64
    check_block(drivers, function, x, limit, window=0.5, near_limit=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("function", LIMITS)
def test_limits_signed_zeros_and_nan(drivers, function, dtype):
    x = np.array([-inf, -0.0, 0.0, inf, nan, -nan] * 7, dtype)
    want = np.array([*LIMITS[function], nan, nan] * 7).astype(dtype)
    for build, driver in drivers.items():
        got = driver.values(function, x)
        assert np.array_equal(np.isnan(got), np.isnan(want)), build
        number = ~np.isnan(want)
        if function != "softplus":
            np.testing.assert_array_equal(got[number], want[number], err_msg=build)
        np.testing.assert_allclose(got[number], want[number], rtol=np.finfo(dtype).eps)
        assert np.array_equal(np.signbit(got[number]), np.signbit(want[number])), build


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("function", LIMITS)
def test_bits_do_not_depend_on_position(drivers, function, dtype):
    x = np.random.default_rng(1).normal(0, 12, 197).astype(dtype)
    for build, driver in drivers.items():
        whole = driver.values(function, x)
        singly = np.concatenate([driver.values(function, x[i:i + 1]) for i in range(x.size)])
        np.testing.assert_array_equal(whole, singly, err_msg=build)
        moved = driver.values(function, x[3:].copy())
        np.testing.assert_array_equal(whole[3:], moved, err_msg=build)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_helpers_follow_ieee_and_propagate_nan(drivers, dtype):
    rng = np.random.default_rng(2)
    special = np.array([0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, inf, -inf, nan, 1e30, -1e30,
                        8388607.5, 4503599627370495.5], dtype)
    a = np.concatenate([special, rng.normal(0, 100, 500).astype(dtype)])
    positive, number = np.abs(a), ~np.isnan(a)
    for driver in drivers.values():
        np.testing.assert_array_equal(driver.helper("abs", a), np.abs(a))
        np.testing.assert_array_equal(driver.helper("sqrt", positive), np.sqrt(positive))
        if dtype == np.float64:  # power needs no other
            rounded = driver.helper("round", a)
            np.testing.assert_array_equal(rounded, np.rint(a))
            assert np.array_equal(np.signbit(rounded[number]), np.signbit(a[number]))
