"""Programs frozen by PyInstaller: the package brings the hook that they need."""

from __future__ import annotations

import re
import runpy
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

import cnn_core
from cnn_core import ops

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(cnn_core.__file__).parent


@pytest.fixture
def hook(monkeypatch):
    """Return what the hook defines, found as PyInstaller finds it."""
    hooks = ModuleType("PyInstaller.utils.hooks")
    hooks.collect_dynamic_libs = lambda package: [(f"library of {package}", f"{package}/lib")]
    hooks.copy_metadata = lambda package: [(f"metadata of {package}", ".")]
    hooks.collect_data_files = lambda package, includes: [
        (str(path), str(path.parent)) for each in includes
        for path in Path(sys.modules[package].__file__).parent.glob(each)]  # fmt: skip
    for name in ("PyInstaller", "PyInstaller.utils"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, hooks.__name__, hooks)
    metadata = ROOT / "pyproject.toml"
    if not metadata.exists():
        pytest.skip("these tests are away from the sources")
    entry = r"pyinstaller40\]\n(\S+) = \"(\S+)\""
    name, value = re.search(entry, metadata.read_text("utf-8")).groups()
    (folder,) = EntryPoint(name, value, "pyinstaller40").load()()
    assert name == "hook-dirs"
    return runpy.run_path(str(Path(folder) / "hook-cnn_core.py"))


def test_the_hook_names_every_compiled_module_and_every_operation(hook):
    sources = {f"cnn_core._ext.{path.stem}" for path in (PACKAGE / "_ext").glob("*.pyx")}
    needed = sources | {f"cnn_core.ops.{name}" for name in ops.__all__}
    assert "cnn_core._ext.core" in needed
    assert needed <= set(hook["hiddenimports"])


def test_the_hook_takes_the_library_of_products_to_where_it_is_looked_for(hook):
    assert "scipy_openblas32" in hook["hiddenimports"]
    assert hook["binaries"] == [("library of scipy_openblas32", "scipy_openblas32/lib")]


def test_the_hook_takes_what_versions_are_read_from_and_what_pages_are_made_of(hook):
    assert {source for source, _ in hook["datas"]} == {
        "metadata of cnn-core", "metadata of scipy-openblas32",
        *(str(path) for path in (PACKAGE / "viz" / "page" / "assets").iterdir()),
    }  # fmt: skip


def test_no_program_that_runs_reads_the_hook():
    assert not [name for name in sys.modules if name == "PyInstaller.building"]
    tree = "".join(p.read_text("utf-8") for p in PACKAGE.rglob("*.py")
                   if p.parent.name != "_pyinstaller")  # fmt: skip
    assert "_pyinstaller" not in tree
