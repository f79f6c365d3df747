"""src_c/gemm/choice.h is what benchmarks/gemm_table.py --rule prints."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHOICE = (ROOT / "src_c" / "gemm" / "choice.h").read_text()


@pytest.fixture(scope="module")
def table():
    path = ROOT / "benchmarks" / "gemm_table.py"
    spec = importlib.util.spec_from_file_location("gemm_table", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rule(table, capsys, ratio) -> str:
    """Return the rule printed where own kernels are ``ratio(n, k)`` times as fast as BLAS."""
    bench = SimpleNamespace(
        blas=SimpleNamespace(scipy_openblas_get_corename=lambda: b"none"),
        times=lambda shape, *_: (1.0, ratio(shape.n, shape.k)),
    )
    table.print_rule(bench, "baseline", "float32", 0.0)
    return capsys.readouterr().out.splitlines()[-1]


def test_the_rule_of_the_header_is_the_line_that_the_script_prints(table, capsys):
    line = rule(table, capsys, lambda n, k: 0.7 if n == 3 and k < 1000 else 1.2)
    assert line == "#  define CNN_OWN_IS_FASTER(n, k) 1"
    assert line in CHOICE.splitlines()
    assert "benchmarks/gemm_table.py --rule" in CHOICE


def test_products_that_blas_does_faster_set_a_limit(table, capsys):
    line = rule(table, capsys, lambda n, k: 0.5 if n * k >= 60_000 else 1.2)
    found = re.fullmatch(
        r"#  define CNN_OWN_IS_FASTER\(n, k\) \(\(n\) \* \(k\) < (\d+)\)", line
    )  # fmt: skip
    assert found is not None
    assert int(found[1]) == 64_000  # 64 x 1000, the first such product of the table


def test_one_rule_serves_all_processors():
    """Products that BLAS served somewhere would have bits there that depend on the threads."""
    assert CHOICE.count("define CNN_OWN_IS_FASTER") == 1
