"""The stubs of the compiled modules name what is there, with the same parameters."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import cnn_core

EXT = Path(cnn_core.__file__).parent / "_ext"
PRIVATE = re.compile(r"(^|\.)_")
MODULES = sorted(path.name.split(".")[0] for path in [*EXT.glob("*.so"), *EXT.glob("*.pyd")])


def stub_signatures(body, prefix=""):
    """Return {dotted name: [(parameter, has a default)]} of a stub."""
    found = {}
    for node in body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = []
            found.update(stub_signatures(node.body, f"{node.name}."))
        elif isinstance(node, ast.FunctionDef):
            args, n_default = node.args.args, len(node.args.defaults)
            names = [(a.arg, i >= len(args) - n_default) for i, a in enumerate(args)]
            found[prefix + node.name] = names
        elif prefix and isinstance(node, ast.AnnAssign):
            found[f"{prefix}{ast.unparse(node.target)}"] = []
    return found


def is_own(module, thing):
    return callable(thing) and getattr(thing, "__module__", None) == module.__name__


@pytest.mark.parametrize("name", MODULES)
def test_stub_has_the_functions_and_parameters_of_the_module(name):
    module = importlib.import_module(f"cnn_core._ext.{name}")
    stub = stub_signatures(ast.parse((EXT / f"{name}.pyi").read_text()).body)
    there = {key for key, thing in vars(module).items() if is_own(module, thing)}
    for cls in [key for key in there if inspect.isclass(getattr(module, key))]:
        there |= {f"{cls}.{key}" for key in vars(getattr(module, cls))}
    public = [{key for key in keys if not PRIVATE.search(key)} for keys in (there, stub)]
    assert public[0] == public[1]
    for key, parameters in stub.items():
        thing = module
        for part in key.split("."):
            thing = getattr(thing, part)
        if key.endswith("__") or inspect.isclass(thing) or not callable(thing):
            continue  # Cython keeps no signature of a class, and a property has none
        signature = inspect.signature(thing).parameters.values()
        assert parameters == [(p.name, p.default is not p.empty) for p in signature], key
