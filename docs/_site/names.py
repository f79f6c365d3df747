"""The public names, and the page of the reference that each is on.  Without Sphinx.

A page says in a block ``{names}`` of which modules it tells; a name is on the page that says the
longest beginning of the module that defines it.  So a new name is on a page by itself, and
`tests/contracts/test_reference.py` sees to it that there is one.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, get_origin

FOLDER = Path(__file__).resolve().parents[1] / "reference"
PACKAGE = "cnn_core"
# Modules that are no names of the package: the one needs scikit-learn, the other is looked into by
# those who write recipes.
MORE = ("cnn_core.estimators", "cnn_core.tabular.recipes")
# What classes have from here is for the package: how they compare, copy and show themselves.
HELD_BACK = {"cnn_core.naming": ""}
BLOCK = re.compile(r"^```\{names\} *(.*)\n(?:.*\n)*?```$", re.MULTILINE)


class Name(NamedTuple):
    """A public name: where it is listed first, what it is, and the module that defines it."""

    module: str
    name: str
    value: Any
    home: str

    @property
    def full(self) -> str:
        return f"{self.module}.{self.name}"


def modules() -> list[ModuleType]:
    """Return the public modules: the package, those in its namespace that say what is public."""
    package = import_module(PACKAGE)
    inner = [getattr(package, name) for name in dir(package) if name[0] != "_"]
    found = [m for m in inner if isinstance(m, ModuleType) and hasattr(m, "__all__")]
    return [package, *found, *map(import_module, MORE)]


def title(module: ModuleType) -> str:
    """Return a module's name as users write it: ``cnn.init`` is defined elsewhere."""
    package = import_module(PACKAGE)
    last = module.__name__.rpartition(".")[2]
    direct = getattr(package, last, None) is module
    return f"{PACKAGE}.{last}" if direct else module.__name__


def home_of(value: Any, module: str) -> str:
    """Return the module that defines a value; of a constant, the one that lists it."""
    alias = get_origin(value) is not None  # which Python 3.10 takes for a class
    if (inspect.isclass(value) and not alias) or inspect.isroutine(value):
        return value.__module__
    kind = type(value).__module__
    return kind if kind.startswith(PACKAGE) else module


@cache
def public() -> list[Name]:
    """Return every public name that is no module, each thing once, under its shortest name."""
    seen: set[int] = set()
    found = []
    for module in modules():
        where = title(module)
        for name in sorted(module.__all__):
            value = getattr(module, name)
            if not isinstance(value, ModuleType) and id(value) not in seen:
                seen.add(id(value))
                found.append(Name(where, name, value, home_of(value, where)))
    return [*found, *recipes(seen)]


def recipes(seen: set[int]) -> Iterator[Name]:
    """Yield the recipes for tables, which are told by the names of their files."""
    folder = import_module("cnn_core.tabular.recipes")
    for name in folder.names():
        cls = type(folder.recipe_of(name))
        if id(cls) not in seen:
            yield Name(cls.__module__, cls.__name__, cls, cls.__module__)


def told(text: str) -> list[str]:
    """Return the modules that a page says it tells of."""
    return [prefix for found in BLOCK.findall(text) for prefix in found.split()]


def rules() -> dict[str, str]:
    """Return the page, by the beginning of a module's name; raise if two pages say the same."""
    found: dict[str, str] = {}
    for path in sorted(FOLDER.glob("*.md")):
        for prefix in told(path.read_text("utf-8")):
            if prefix in found:
                raise ValueError(f"{path.name}: need modules of no other page; got {prefix}, which "
                                 f"is on {found[prefix]}")  # fmt: skip
            found[prefix] = path.stem
    return found


def rule_of(home: str, among: dict[str, str]) -> str | None:
    """Return the longest of the beginnings of a module's name; None where there is none."""
    fits = [p for p in among if home == p or home.startswith(f"{p}.")]
    return max(fits, key=len, default=None)


def by_rule() -> dict[str, list[Name]]:
    """Return the names that each rule takes; under "" those that none does."""
    among = rules()
    found: dict[str, list[Name]] = {prefix: [] for prefix in among}
    for name in public():
        found.setdefault(rule_of(name.home, among) or "", []).append(name)
    return found


@cache
def classes() -> set[type]:
    return {n.value for n in public() if inspect.isclass(n.value)}


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties of a class with a docstring of their own, in the
    order of the source; those of a base that is public itself stand there."""
    listed = classes() - {cls}
    done: set[str] = set()
    for owner in cls.__mro__:
        if owner in listed or rule_of(owner.__module__, HELD_BACK) or rule_of(
                owner.__module__, {PACKAGE: ""}) is None:  # fmt: skip
            continue
        for name, value in vars(owner).items():
            inner = getattr(value, "__func__", value)
            method = isinstance(value, property) or inspect.isroutine(inner)
            if name[0] != "_" and name not in done and method and inner.__doc__:
                done.add(name)
                yield name, value
