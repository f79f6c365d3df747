"""What may import what, read from the syntax trees."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "cnn_core"

# A part may import what stands in a line before its own, and itself.
LINES = ("errors", "_ext naming frames markup", "options notebook", "arrays", "ir", "state",
         "compile", "run", "ops optim kernels graph", "data", "nn", "io", "train",
         "estimators tabular viz config _pyinstaller", "cli", "__main__")  # fmt: skip
RANK = {part: i for i, line in enumerate(LINES) for part in line.split()}
FILES = sorted(PACKAGE.rglob("*.py"))

INSIDE = {"graph/pictures.py": {"viz"}, "graph/recording.py": {"viz"}, "nn/model.py": {"io"},
          "io/networks.py": {"tabular"}}  # fmt: skip
"""Methods of convenience, which import what stands right of them when they are called."""


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the full names that a module imports from this package, but for annotations."""
    for_types = {id(n) for i in ast.walk(tree)
                 if isinstance(i, ast.If) and ast.unparse(i.test) == "TYPE_CHECKING"
                 for n in ast.walk(i)}  # fmt: skip
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "need absolute imports"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_what_stands_left_of_it(path):
    own = part_of(path)
    names = [n.split(".")[1] for n in imported(ast.parse(path.read_text("utf-8")))
             if n.startswith("cnn_core.")]  # fmt: skip
    if own == "__init__":
        return
    assert own in RANK, f"{own}: need a place in LINES"
    wrong = {n for n in names if n != own and (n not in RANK or RANK[n] >= RANK[own])}
    wrong -= INSIDE.get(str(path.relative_to(PACKAGE)), set())
    assert not wrong, f"{own} imports {', '.join(sorted(wrong))}"


@pytest.mark.parametrize("file", INSIDE)
def test_what_is_seldom_needed_is_reached_from_inside_functions_only(file):
    tree = ast.parse((PACKAGE / file).read_text("utf-8"))
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
    for node in ast.walk(tree):
        if id(node) not in inside and isinstance(node, (ast.Import, ast.ImportFrom)):
            parts = {n.split(".")[1] for n in imported(node) if n.startswith("cnn_core.")}
            assert not parts & INSIDE[file]


def test_importing_the_package_reads_neither_compiler_nor_training():
    code = ("import sys, numpy; before = set(sys.modules); import cnn_core; "
            "print(*(n for n in set(sys.modules) - before if '.' in n))")
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    names = set(done.stdout.split())
    assert all(name.startswith("cnn_core.") for name in names), names
    read = {name.split(".")[1] for name in names}
    assert read == {"_ext", "arrays", "data", "errors", "frames", "ir", "naming", "nn", "ops",
                    "options", "run", "state"}  # fmt: skip
    assert not {"cnn_core.run.program", "cnn_core.nn.losses"} & names


@pytest.mark.parametrize("path", sorted((PACKAGE / "_ext").glob("*.p[yx][xdi]*")),
                         ids=lambda p: p.name)  # fmt: skip
def test_compiled_modules_import_only_errors_and_each_other(path):
    names = re.findall(r"^\s*(?:from|c?import) (cnn_core\.\S+)", path.read_text("utf-8"), re.M)
    assert all(n.startswith(("cnn_core._ext", "cnn_core.errors")) for n in names), names


@pytest.mark.parametrize("path", sorted((PACKAGE / "ops").glob("*.py")), ids=lambda p: p.stem)
def test_an_operation_computes_nothing(path):
    tree = ast.parse(path.read_text("utf-8"))
    for name in imported(tree):
        allowed = ("cnn_core.ir.", "cnn_core.errors.", "cnn_core.ops.", "cnn_core.options",
                   "cnn_core.arrays.")  # fmt: skip
        assert not name.startswith("cnn_core.") or name.startswith(allowed), name


@pytest.mark.parametrize("part", ["ir", "state", "compile", "run", "graph"])
def test_what_compiles_and_runs_graphs_knows_no_operation_class(part):
    for path in (PACKAGE / part).glob("*.py"):
        names = imported(ast.parse(path.read_text("utf-8")))
        assert not any(n.startswith("cnn_core.ops") for n in names), path.name


def test_importing_the_package_is_light():
    code = (
        "import sys, cnn_core; print(*{name.split('.')[0] for name in sys.modules}, "
        "*(name for name in sys.modules if name.startswith('cnn_core.viz')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"matplotlib", "sklearn", "scipy", "tqdm", "scipy_openblas32", "torch", "pandas",
             "cnn_core.viz"}  # fmt: skip
    assert heavy & set(done.stdout.split()) == set()
