"""The harness finds every planted fault, and nothing where there is none."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from faults.build import (
    SRC,
    OpLibrary,
    Splitter,
    compile_objects,
    compile_splitter,
    compiler,
    edited_copy,
    link_shared,
)
from faults.planted import FAULTS
from harness import check_op, check_split
from test_ops import ALL, ROWS

needs_compiler = pytest.mark.skipif(compiler() is None, reason="there is no C compiler")


@pytest.fixture(scope="module")
def splitter(made_once):
    return Splitter(made_once("split.so", compile_splitter))


@pytest.fixture(scope="module")
def objects(made_once):
    return made_once("shared objects", compile_objects)


@pytest.fixture(scope="module")
def shared(made_once, objects):
    return made_once("shared.so", lambda path: link_shared(path, objects))


def _checks(case, scales, patch, splitter=None):
    """Run the case as test_ops does; with a splitter also in pieces."""
    for scale in scales:
        for dtype in ("float64", "float32"):
            for rows in ROWS:
                check_op(case, dtype, rows, scale, patch=patch)
                if splitter:
                    check_split(case, dtype, rows, splitter, patch=patch)


@needs_compiler
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name, tmp_path, splitter, shared, objects):
    fault = FAULTS[name]
    root = edited_copy(tmp_path, fault.file, fault.old, fault.new)
    if not fault.file.startswith("ops/"):
        compile_objects(tmp_path / "objects", root, fault.file)
        link_shared(shared := tmp_path / "shared.so", objects, tmp_path / "objects")
    patch = OpLibrary(fault.op, root, tmp_path, shared).put_into
    case = ALL[fault.case]
    harmless = [s for s in case.scales if s == fault.harmless_at]
    _checks(case, harmless, patch)
    if fault.split:
        _checks(case, case.scales, patch)
    scales = [s for s in case.scales if s not in harmless]
    with pytest.raises(AssertionError, match=re.escape(fault.says)):
        _checks(case, scales, patch, splitter if fault.split else None)


@needs_compiler
@pytest.mark.parametrize("op", sorted({fault.op for fault in FAULTS.values()}))
def test_the_source_as_it_is_passes(op, tmp_path, splitter, shared):
    patch = OpLibrary(op, SRC, tmp_path, shared).put_into
    for name in {f.case for f in FAULTS.values() if f.op == op}:
        _checks(ALL[name], ALL[name].scales, patch, splitter)


@needs_compiler
def test_an_edit_must_match_exactly_once(tmp_path):
    with pytest.raises(ValueError, match="exactly once"):
        edited_copy(tmp_path / "a", "ops/relu.c", "no such text", "")
    with pytest.raises(ValueError, match="exactly once"):
        edited_copy(tmp_path / "b", "ops/relu.c", "relu", "")


def test_there_are_enough_faults():
    assert len(FAULTS) >= 20
    assert len({fault.op for fault in FAULTS.values()}) >= 15


# -- faults that need no compiler --------------------------------------------------------------


def test_a_wrong_value_of_one_element_is_found():
    def reference(x):
        y = np.tanh(x)
        y.flat[-1] *= 1 + 1e-10
        return y

    with pytest.raises(AssertionError, match="value"):
        check_op(replace(ALL["tanh"], reference=reference), "float64", 5)


def test_a_wrong_derivative_of_one_part_in_a_million_is_found():
    def reference(x):
        # The value is that of the kernel, the slope is not.
        return np.tanh(x) + 3e-6 * np.sin(1e4 * (x - at))

    at = None
    draws = []

    def remember(x):
        draws.append(x)
        return np.tanh(x)

    check_op(replace(ALL["tanh"], reference=remember), "float64", 5)
    at = draws[0]
    with pytest.raises(AssertionError, match="gradient of x"):
        check_op(replace(ALL["tanh"], reference=reference), "float64", 5)


def test_a_node_that_promises_too_little_is_found(monkeypatch):
    from cnn_core.ops.mul import Mul

    monkeypatch.setattr(Mul, "grad_reads", "")
    with pytest.raises(AssertionError, match="gradient of"):
        check_op(ALL["mul"], "float64", 5)
