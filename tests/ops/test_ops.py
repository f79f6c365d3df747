"""Every case of every operation: both dtypes, several batch sizes and scales; in pieces."""

from __future__ import annotations

import pytest
from cases import CASES
from faults.build import Splitter, compiler
from harness import check_op, check_split
from more_cases import MORE_CASES
from numeric import is_batched

ALL = {**CASES, **MORE_CASES}
ROWS = (1, 2, 5, 8, 17)


def _runs():
    for name, case in ALL.items():
        batched = any(is_batched(spec) for spec in case.inputs.values())
        for dtype in ("float32", "float64"):
            for scale in case.scales:
                for rows in ROWS if batched else ROWS[:2]:
                    usual = dtype == "float64" or rows in (2, 17)
                    yield pytest.param(
                        name, dtype, rows, scale, id=f"{name}-{dtype}-{rows}-{scale:g}",
                        marks=() if usual else pytest.mark.slow,
                    )  # fmt: skip


@pytest.mark.parametrize(("name", "dtype", "rows", "scale"), list(_runs()))
def test_operation(name, dtype, rows, scale):
    check_op(ALL[name], dtype, rows, scale)


@pytest.fixture(scope="module")
def splitter(tmp_path_factory):
    if compiler() is None:
        pytest.skip("there is no C compiler")
    return Splitter(tmp_path_factory.mktemp("split"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ALL)
def test_operation_in_pieces(name, dtype, splitter):
    check_split(ALL[name], dtype, 17, splitter)
