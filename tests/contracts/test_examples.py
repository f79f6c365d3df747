"""Every public name has an example in its docstring, and all examples hold.

An example is run as a reader would paste it: ``np`` and ``cnn`` are given, the folder is empty.
"""

from __future__ import annotations

import doctest
import importlib
import inspect
import types
import warnings
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.errors import LibraryError
from cnn_core.run import threads

PACKAGE = Path(cnn.__file__).parent
MODULES = ["cnn_core", "cnn_core.ops", "cnn_core.optim", "cnn_core.train", "cnn_core.kernels",
           "cnn_core.data", "cnn_core.nn.init", "cnn_core.errors", "cnn_core.tabular",
           "cnn_core.tabular.recipes",
           *(["cnn_core.estimators"] if find_spec("sklearn") else [])]  # fmt: skip
FLAGS = doctest.ELLIPSIS | doctest.REPORT_NDIFF


def names_of(module: types.ModuleType) -> list[str]:
    """The public names: those of ``__all__``, or that ``dir`` lists where a module says what."""
    listed = getattr(module, "__all__", None) or [n for n in dir(module) if n[0] != "_"]
    return sorted(listed)


def behaves(thing: Any) -> bool:
    """Whether it is a function or a class: no module, constant or name of a type."""
    if isinstance(thing, types.GenericAlias):
        return False
    return isinstance(thing, type) or inspect.isroutine(thing)


def public() -> Iterator[tuple[str, Any]]:
    """Each thing that behaves, once, with the first of its names."""
    seen: set[int] = set()
    for where in MODULES:
        module = importlib.import_module(where)
        for name in names_of(module):
            thing = getattr(module, name)
            if behaves(thing) and id(thing) not in seen:
                seen.add(id(thing))
                yield f"{where}.{name}", thing


PUBLIC = dict(public())


def methods(cls: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties of a class, also of bases that are not public."""
    for name in dir(cls):
        owner = next(c for c in cls.__mro__ if name in vars(c) or c is object)
        if name[0] != "_" and owner.__module__.startswith("cnn_core"):
            thing = inspect.getattr_static(cls, name)
            thing = getattr(thing, "__func__", thing)
            if isinstance(thing, property) or inspect.isroutine(thing):
                yield name, thing


@cache
def documented() -> dict[str, dict[str, str]]:
    """The docstrings of each public name, its own and those of its methods, each once."""
    seen: set[int] = {id(thing) for thing in PUBLIC.values()}
    found = {}
    for name, thing in PUBLIC.items():
        texts = {name: thing.__doc__ or ""}
        for method, of in methods(thing) if isinstance(thing, type) else ():
            if id(of) not in seen and getattr(of, "__doc__", None):
                seen.add(id(of))
                texts[f"{name}.{method}"] = of.__doc__
        found[name] = texts
    return found


class Runner(doctest.DocTestRunner):
    """Runs examples; a library that is not there skips them."""

    def report_unexpected_exception(self, out, test, example, exc_info):
        if isinstance(exc_info[1], (ImportError, LibraryError)):
            pytest.skip(f"{test.name}: {exc_info[1]}")
        super().report_unexpected_exception(out, test, example, exc_info)


def run(name: str, text: str, given: dict[str, Any]) -> None:
    test = doctest.DocTestParser().get_doctest(text, dict(given), name, name, 0)
    for example in test.examples:
        need = f"{name}: need what comes out, and no directive; got {example.source}"
        assert not example.options, need
        assert example.want.strip() != "...", need
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Runner(optionflags=FLAGS).run(test, out=said.append)
    assert not said, "".join(said)


@pytest.fixture(autouse=True)
def _as_pasted(monkeypatch, tmp_path):
    """An empty folder, a seed that no example was written with where it names none, and as many
    threads afterwards as before."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(threads, "_chosen", threads._chosen)
    monkeypatch.setattr("cnn_core.nn.model.urandom", lambda n: b"\x5a" * n)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_has_an_example_that_holds(name):
    texts = documented()[name]
    assert ">>> " in texts[name], f"{name}: need an example, >>> ..., in its docstring; got none"
    for each, text in texts.items():
        if ">>> " in text:
            run(each, text, {"np": np, "cnn": cnn})


@pytest.mark.parametrize("name", [n for n, thing in PUBLIC.items() if isinstance(thing, type)])
def test_a_public_method_says_what_it_does(name):
    silent = [m for m, _ in methods(PUBLIC[name]) if not inspect.getdoc(getattr(PUBLIC[name], m))]
    assert not silent


WITH_EXAMPLES = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")
                       if ">>> " in path.read_text("utf-8"))  # fmt: skip


@pytest.mark.parametrize("source", WITH_EXAMPLES)
def test_other_examples_hold(source):
    """Those of functions that are not public, with what their file knows."""
    parts = ["cnn_core", *Path(source).with_suffix("").parts]
    module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
    known = {text for texts in documented().values() for text in texts.values()}
    for test in doctest.DocTestFinder().find(module, module.__name__):
        if test.examples and test.docstring not in known:
            run(test.name, test.docstring, {"np": np, "cnn": cnn, **vars(module)})
