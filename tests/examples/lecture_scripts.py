"""Where the scripts and pages of the lecture are, and how tests load them."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "examples/lecture").glob("[0-9]*.py"))
PAGES = sorted((ROOT / "docs/lecture").glob("[0-9]*.md"))
INDEX = ROOT / "docs/lecture/README.md"


def script_of(number: int) -> Path:
    (found,) = [p for p in SCRIPTS if p.name.startswith(f"{number:02}_")]
    return found


def page_of(number: int) -> Path:
    (found,) = [p for p in PAGES if p.name.startswith(f"{number:02}-")]
    return found


@cache
def load(number: int) -> ModuleType:
    """Import a script by its number; the names are none that ``import`` takes."""
    path = script_of(number)
    spec = importlib.util.spec_from_file_location(f"lecture_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


def run_python(arguments: list[str], folder: Path) -> str:
    """Run Python in ``folder``, without a screen; return what it printed."""
    env = {**os.environ, "MPLBACKEND": "Agg"}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=env, capture_output=True,
                          text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def output_of(number: int, folder: Path) -> str:
    """Run a script with its defaults, once for all tests that read what it prints."""
    return run_python([str(script_of(number))], folder)
