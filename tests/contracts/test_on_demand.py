"""The file of an operation is read when its name is first used, whichever way that is."""

import subprocess
import sys

import pytest

from cnn_core import init, ops


def fresh(code: str) -> str:
    """What a process of its own prints."""
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


LOADED = "print(sorted(m for m in sys.modules if m.startswith('cnn_core.ops.')))"


def test_importing_the_package_reads_no_operation():
    assert fresh(f"import sys, cnn_core; {LOADED}") == "[]"


@pytest.mark.parametrize(
    "use",
    [
        "from cnn_core import ops; f = ops.exp",
        "from cnn_core.ops import exp as f",
        "import cnn_core.ops.exp; f = cnn_core.ops.exp",
        "from cnn_core.ops.exp import exp as f",
        "from cnn_core.ops import *; f = exp",
        "import cnn_core, importlib; importlib.import_module('cnn_core.ops.exp'); "
        "f = cnn_core.ops.exp",
    ],
)
def test_a_name_is_the_function_whichever_way_its_file_is_read(use):
    code = f"{use}\nimport cnn_core.ops\nprint(callable(f), f is cnn_core.ops.exp, f.__name__)"
    assert fresh(code) == "True True exp"


def test_an_operator_reads_what_it_needs():
    code = f"import sys, cnn_core as c; c.Input('x') * 2; {LOADED}"
    assert fresh(code) == "['cnn_core.ops.mul']"


def test_a_pickled_graph_is_read_by_a_process_that_has_seen_no_operation(tmp_path):
    file = tmp_path / "node"
    fresh("import pickle, cnn_core as c\n"
          f"pickle.dump(c.ops.tanh(c.Input('x')), open({str(file)!r}, 'wb'))")  # fmt: skip
    code = f"import pickle; n = pickle.load(open({str(file)!r}, 'rb')); print(type(n).__name__)"
    assert fresh(code) == "Tanh"


def test_all_names_are_listed_before_they_are_read_and_nothing_but_names():
    code = "from cnn_core import ops; print(dir(ops) == ops.__all__, len(ops.__all__))"
    assert fresh(code) == f"True {len(ops.__all__)}"


def test_initialisers_are_listed_without_what_they_are_made_of():
    listed = dir(init)
    assert {"glorot_uniform", "zeros", "constant", "get", "default_for"} <= set(listed)
    assert not {"np", "sqrt", "Any", "OptionError", "draw"} & set(listed)
    assert all(callable(getattr(init, name)) for name in listed)


def test_a_name_that_is_no_operation():
    with pytest.raises(AttributeError, match=r"'cnn_core\.ops' has no attribute 'expp'"):
        _ = ops.expp
