"""Stubs, of compiled modules and of operations, name what is there, with the same parameters."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import pytest

import cnn_core
from cnn_core import ops

OPS = Path(ops.__path__[0]) / "__init__.pyi"
EXT = Path(cnn_core.__file__).parent / "_ext"
PRIVATE = re.compile(r"(^|\.)_")
MODULES = sorted(path.stem for path in EXT.glob("*.pyi"))


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
            by_name = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            found[prefix + node.name] = names + [(a.arg, d is not None) for a, d in by_name]
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


def test_the_stub_of_operations_has_each_with_the_signature_of_its_function():
    """It is made by the build: build again if an operation has changed."""
    body = ast.parse(OPS.read_text(encoding="utf-8")).body
    stub = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
    assert sorted(stub) == ops.__all__
    for name, node in stub.items():
        source = ast.parse(inspect.getsource(getattr(ops, name))).body[0]
        source.body = node.body
        assert ast.unparse(node) == ast.unparse(source)
        found = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        assert found == list(inspect.signature(getattr(ops, name)).parameters)


USES = """
import cnn_core as cnn
from cnn_core import ops
from cnn_core.ops import tanh

x = cnn.Input("x", (cnn.BATCH, 3))
y: cnn.Node = ops.softmax(tanh(ops.exp(x)), axis=1)
z: cnn.Node = ops.row_mean(ops.mse(y, x, reduction="none"), reduction="sum_over_batch", name="z")
parts: list[cnn.Node] = list(ops.split(y, 3, axis=1))
loss: cnn.Loss = cnn.MSE(reduction="sum_over_batch")
layer: cnn.Layer = cnn.Dense(3)
metric: cnn.Metric = cnn.TopK(2)
"""
MISUSES = ["ops.expp(x)", "ops.exp(x, axis=1)", "ops.huber(x)", "a: int = ops.abs(x)",
           "ops.clip(x, 'low')", "tanh()", "cnn.Huber(dleta=1)",
           "cnn.Adam(learning_rate=1)"]  # fmt: skip


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_type_checkers_see_operations(checker, tmp_path):
    if checker == "mypy":
        if find_spec("mypy") is None:
            pytest.skip("mypy is not installed")
        command = [sys.executable, "-m", "mypy", "--follow-imports=silent",
                   f"--cache-dir={tmp_path}"]  # fmt: skip
    elif (found := which("pyright")) is None:
        pytest.skip("pyright is not installed")
    else:
        command = [found, f"--pythonpath={sys.executable}"]
    (tmp_path / "uses.py").write_text(USES)
    (tmp_path / "misuses.py").write_text("\n".join([*USES.split("\n")[1:], *MISUSES]))
    folder = str(Path(cnn_core.__file__).parents[1])
    done = {name: subprocess.run([*command, f"{name}.py"], cwd=tmp_path, text=True,
                                 capture_output=True, env={**os.environ, "MYPYPATH": folder,
                                                           "PYTHONPATH": folder})
            for name in ("uses", "misuses")}  # fmt: skip
    assert done["uses"].returncode == 0, done["uses"].stdout
    wrong = set(map(int, re.findall(r"misuses\.py:(\d+)(?::\d+)?.* error", done["misuses"].stdout)))
    first = len(USES.split("\n"))
    assert wrong == set(range(first, first + len(MISUSES))), done["misuses"].stdout
