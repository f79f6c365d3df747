"""What PyInstaller, which freezes programs, must be told of this package.

It finds `hook_dirs` by the entry point "pyinstaller40" and reads ``hook-cnn_core.py`` there.
Nothing here is imported by a program that runs.
"""

from __future__ import annotations

from pathlib import Path
from pkgutil import iter_modules

HIDDEN = ("_ext", "ops")
"""Folders whose files are imported by other compiled files, or by a name that is made up when the
program runs: no syntax tree tells of them."""


def hook_dirs() -> list[str]:
    """Return the folders with hooks."""
    return [str(Path(__file__).parent)]


def hidden_imports() -> list[str]:
    """Return the names of the modules that PyInstaller does not find by itself."""
    package = Path(__file__).parents[1]
    return [
        f"cnn_core.{folder}.{module.name}"
        for folder in HIDDEN
        for module in iter_modules([str(package / folder)])
    ]
