"""What holds for every source file."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

import cnn_core
from cnn_core import ops
from cnn_core._ext import core
from cnn_core.ir.node import Node

ROOT = Path(__file__).resolve().parents[2]
C_FILES = sorted((ROOT / "src_c").rglob("*.[ch]"))
FORBIDDEN = re.compile(
    r"\b(malloc|calloc|realloc|free|alloca|printf|fprintf|puts|fopen|exit|_exit|abort|assert)\s*\("
    r"|Python\.h|-ffast-math|fast-math|\bgoto\b"
)


def tracked() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"git does not answer: {done.stderr.strip()}")
    return [ROOT / name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("path", C_FILES, ids=lambda p: str(p.relative_to(ROOT / "src_c")))
def test_c_neither_allocates_nor_prints_nor_exits(path):
    if path.name == "cnn_need.h":  # checks of debug builds
        return
    found = FORBIDDEN.search(without_comments(path.read_text("utf-8")))
    assert found is None, found.group()


@pytest.mark.parametrize("path", C_FILES, ids=lambda p: str(p.relative_to(ROOT / "src_c")))
def test_a_c_file_starts_with_what_it_is(path):
    assert path.read_text("utf-8").startswith(f"/* {path.name.removesuffix('.c')} ") or (
        path.read_text("utf-8").startswith(f"/* {path.name} ")
    )


@pytest.mark.parametrize("path", sorted((ROOT / "src_c" / "ops").glob("*.c")), ids=lambda p: p.stem)
def test_an_operation_that_makes_products_says_so(path):
    text = without_comments(path.read_text("utf-8"))
    assert ("c->scratch" in text) == (".products = 1" in text)


def test_every_c_operation_has_a_node_class_and_the_other_way_round():
    in_c = {path.stem for path in (ROOT / "src_c" / "ops").glob("*.c")}
    in_python = {path.stem for path in (ROOT / "cnn_core" / "ops").glob("*.py")} - {"__init__"}
    modules = {op: Node.registry[op].__module__ for op in in_python}
    classes = {op for op, module in modules.items() if module == f"cnn_core.ops.{op}"}
    assert in_c == in_python == classes == set(core.operation_names()) == set(ops.__all__)


def test_every_node_names_its_kernel():
    for op in ops.__all__:
        assert f"src_c/ops/{op}.c" in (Node.registry[op].__doc__ or ""), op


def test_one_file_declares_the_c_interface():
    files = (ROOT / "cnn_core" / "_ext").glob("*.p[yx][xdi]")
    declaring = [p.name for p in files if "cdef extern" in p.read_text("utf-8")]
    assert declaring == ["capi.pxd"]


def test_no_generated_file_is_tracked():
    kinds = (".so", ".pyd", ".o", ".html")  # the last but for what pages are made of
    made_of = {"assets", "_templates"}
    assert [p for p in tracked() if p.suffix in kinds and p.parent.name not in made_of] == []
    in_package = [p for p in tracked() if ROOT / "cnn_core" in p.parents]
    assert [p for p in in_package if p.suffix in (".c", ".cpp")] == []


def test_no_file_is_over_400_lines():
    kinds = (".py", ".pyx", ".pxi", ".pxd", ".pyi", ".c", ".h")
    sources = [p for p in tracked() if p.suffix in kinds]
    long = {p.name: n for p in sources if (n := p.read_text("utf-8").count("\n")) > 400}
    assert long == {}


def test_no_file_names_a_place_on_one_machine():
    place = re.compile(r"/(?:home|Users|root|work)/[a-z]")
    kinds = (".py", ".pyx", ".pxi", ".c", ".h", ".md", ".toml")
    texts = [p for p in tracked() if p.suffix in kinds]
    found = [str(p.relative_to(ROOT)) for p in texts if p != Path(__file__).resolve()
             and place.search(p.read_text("utf-8"))]  # fmt: skip
    assert found == []


@pytest.mark.parametrize("name", cnn_core.__all__)
def test_every_public_name_has_a_docstring(name):
    assert (getattr(cnn_core, name).__doc__ or "").strip()


@pytest.mark.parametrize("name", ops.__all__)
def test_every_operation_has_a_docstring(name):
    assert "Return" in (getattr(ops, name).__doc__ or "")


def test_names_of_test_files_differ():
    """Pytest imports them by these alone: where two are alike, a run of all tests ends there."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("*.py"))
    assert [name for name, count in names.items() if count > 1 and name != "conftest.py"] == []
