"""Limits that process pools and threadpoolctl set."""

from __future__ import annotations

import pytest
from training_cases import run_checked

from cnn_core.run.cores import available_cores

NONE = {"CNN_CORE_NUM_THREADS": "", "OMP_NUM_THREADS": ""}
ASK = "import cnn_core as cnn; print(cnn.get_num_threads())"


@pytest.mark.parametrize("text", ["1", "1,4", " 1 , 2"])
def test_openmps_variable_limits_the_default(text):
    assert run_checked(ASK, **{**NONE, "OMP_NUM_THREADS": text}) == "1"


@pytest.mark.parametrize("text", ["", "0", "-1", "many", "1000", "1.5"])
def test_a_variable_that_says_nothing_or_more_than_the_cores_changes_nothing(text):
    assert run_checked(ASK, **{**NONE, "OMP_NUM_THREADS": text}) == str(available_cores())


def test_the_own_variable_and_the_own_call_go_before_openmps():
    code = "import cnn_core as cnn; print(cnn.get_num_threads()); cnn.set_num_threads(2); " \
           "print(cnn.get_num_threads()); cnn.set_num_threads(None); " \
           "print(cnn.get_num_threads())"  # fmt: skip
    found = run_checked(code, **NONE, PYTHONWARNINGS="ignore")
    assert found.split() == [str(available_cores()), "2", str(available_cores())]
    variables = {"OMP_NUM_THREADS": "1", "CNN_CORE_NUM_THREADS": "2", "PYTHONWARNINGS": "ignore"}
    assert run_checked(code, **variables).split() == ["2", "2", "1"]


def test_workers_of_a_process_pool_use_what_the_pool_gives_them():
    pytest.importorskip("joblib")
    code = """
import joblib
import cnn_core as cnn
def ask(_):
    import cnn_core as cnn
    return cnn.get_num_threads()
with joblib.parallel_config("loky", inner_max_num_threads=1):
    print(*joblib.Parallel(n_jobs=2)(joblib.delayed(ask)(i) for i in range(2)))
"""
    assert run_checked(code, **NONE) == "1 1"


ORDERS = ["import cnn_core as cnn, threadpoolctl", "import threadpoolctl, cnn_core as cnn"]


@pytest.mark.parametrize("imports", ORDERS)
def test_threadpoolctl_finds_and_limits_the_threads(imports):
    pytest.importorskip("threadpoolctl")
    code = imports + """
import sys
import numpy as np
cnn.set_num_threads(3)
one, = [i for i in threadpoolctl.threadpool_info() if i["user_api"] == "cnn_core"]
assert one["num_threads"] == 3 and one["version"] == cnn.__version__, one
net = cnn.Sequential([cnn.Dense(400, "relu"), cnn.Dense(300)], 400)
x = np.random.default_rng(0).standard_normal((500, 400)).astype("f")
expected = net.predict(x)
for limits in (1, {"cnn_core": 1}):
    with threadpoolctl.threadpool_limits(limits=limits):
        assert cnn.get_num_threads() == 1
        assert np.array_equal(net.predict(x), expected)
        assert net._program.n_threads == 1
    assert cnn.get_num_threads() == 3
with threadpoolctl.threadpool_limits(limits=1, user_api="blas"):
    assert cnn.get_num_threads() == 3
cnn.set_num_threads(None)
before = cnn.get_num_threads()
with threadpoolctl.threadpool_limits(limits=1):
    pass
assert cnn.get_num_threads() == before
assert "_Finder" not in [type(f).__name__ for f in sys.meta_path]
"""
    run_checked(code, **NONE, PYTHONWARNINGS="ignore")


def test_threadpoolctl_is_not_imported_by_this_package():
    code = "import sys, cnn_core; print('threadpoolctl' in sys.modules)"
    assert run_checked(code) == "False"


def test_a_missing_threadpoolctl_is_missing_as_ever():
    code = """
import cnn_core, sys
sys.path[:] = []
sys.path_importer_cache.clear()
try:
    import threadpoolctl
except ModuleNotFoundError as error:
    print(error.name)
"""
    assert run_checked(code) == "threadpoolctl"
