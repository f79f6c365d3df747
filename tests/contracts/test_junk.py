"""Whatever is passed to anything public: only the package's errors come out, nothing changes."""

from __future__ import annotations

import inspect
import pickle
import warnings
from contextlib import suppress
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from junk_cases import CALLS
from junk_parts import Call, Fresh

import cnn_core as cnn
from cnn_core.errors import CnnCoreError


class Raises:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no array")


class Shy:
    def __repr__(self):
        raise RuntimeError("no repr")


JUNK = {
    "None": lambda: None, "no letter": str, "a letter": lambda: "x", "bytes": lambda: b"x",
    "-1": lambda: -1, "0": lambda: 0, "1.5": lambda: 1.5, "nan": lambda: float("nan"),
    "inf": lambda: float("inf"), "10**400": lambda: 10**400, "10**5000": lambda: 10**5000,
    "2**63": lambda: 2**63, "True": lambda: True, "complex": lambda: 1j,
    "Decimal": lambda: Decimal("0.5"), "np.nan": lambda: np.float64("nan"),
    "np.uint64": lambda: np.uint64(2**64 - 1), "float128": lambda: np.longdouble(1) / 3,
    "no items": list, "ragged": lambda: [[1], [1, 2]], "a letter in a list": lambda: ["x"],
    "None in a tuple": lambda: (None,), "no keys": dict, "a key": lambda: {"x": None},
    "an odd key": lambda: {3: object()}, "object": object, "function": lambda: lambda: 0,
    "type": lambda: int, "set": lambda: {1, 2}, "generator": lambda: (i for i in (1, "x")),
    "no elements": lambda: np.array([]), "no axes": lambda: np.array(3.0),
    "letters": lambda: np.array(["x"]), "objects": lambda: np.array([None, 1], object),
    "dates": lambda: np.array(["2020-01-01"], "M8[D]"), "record": lambda: np.zeros(3, "f4,i4"),
    "seven axes": lambda: np.ones((1,) * 7), "huge numbers": lambda: np.array([1e300, -1e300]),
    "mask": lambda: np.ma.masked_array([1.0, 2.0, 3.0], [0, 1, 0]), "raises": Raises, "shy": Shy,
    "node": lambda: cnn.Input("junk", (2, 2)),
    "labels": lambda: cnn.Input("junk", (cnn.BATCH,), "int32"),
    "net": lambda: cnn.Sequential([cnn.Dense(1)], 2), "batch": lambda: cnn.BATCH,
}  # fmt: skip

# What is called by the package, or stands for such: bases, hooks, and records without rules.
NOT_CALLED = {
    "Callback", "Gate", "Layer", "Loss", "Metric", "Node", "data.Features", "data.IdxDataset",
    "Optimizer", "optim.Schedule", "tabular.Encoded", "tabular.Recipe",
}  # fmt: skip
WORDS = {"who", "name", "source", "hint"}  # for messages alone, of the doors for data
NO_ARGUMENTS = {"History", "get_num_threads", "show_config", "tabular.Classes", "tabular.Targets"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """A letter may be the name of a file, which is then written."""
    monkeypatch.chdir(tmp_path)


def public() -> set[str]:
    names = {n for n in cnn.__all__ if callable(getattr(cnn, n))}
    for module in ("data", "ops", "kernels", "optim", "tabular"):
        of = getattr(cnn, module)
        names |= {f"{module}.{n}" for n in of.__all__ if callable(getattr(of, n))}
    names |= {f"init.{n}" for n in dir(cnn.init)}
    return {n.removeprefix("optim.") if n.removeprefix("optim.") in cnn.__all__ else n
            for n in names}  # fmt: skip


def resolve(name: str) -> Any:
    found = cnn
    for part in name.split("."):
        found = getattr(found, part)
    return found


def test_every_public_callable_and_every_argument_is_called():
    assert public() - set(CALLS) == NOT_CALLED | NO_ARGUMENTS
    missing = []
    for name in public() & set(CALLS):
        for p in inspect.signature(resolve(name)).parameters.values():
            words = name.startswith(("data.", "tabular.")) and p.name in WORDS
            called = any(p.name in call.arguments for other, call in CALLS.items()
                         if other.split(",")[0] == name)  # fmt: skip
            if not called and not words:
                missing.append(f"{name}: {p.name}")
    assert missing == []


METHODS = {"Sequential": {"summary"}, "Model": {"apply", "summary"}, "Trainer": set(),
           "Graph": set(), "History": {"to_dict", "plot"}, "ParamStore": {"like"}}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_called(name):
    cls = getattr(cnn, name)
    there = {n for n, f in vars(cls).items() if n[0] != "_" and callable(getattr(cls, n))}
    assert {n for n in there if f"{name}.{n}" not in CALLS} == METHODS[name]


def arguments_of(call: Call) -> dict[str, Any]:
    return {k: v.make() if isinstance(v, Fresh) else v for k, v in call.arguments.items()}


def written(arguments: dict[str, Any]) -> dict[str, bytes]:
    return {k: v.tobytes() for k, v in arguments.items() if type(v) is np.ndarray}


@pytest.mark.parametrize("name", CALLS)
def test_junk_ends_in_an_error_of_the_package_and_changes_nothing(name):
    call = CALLS[name]
    subject, failures = call.make(), []
    for key in call.arguments:
        for label, junk in JUNK.items():
            arguments = {**arguments_of(call), key: junk()}
            before, arrays = pickle.dumps(call.state(subject)), written(arguments)
            what = f"{name}({key}={label})"
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    call.function(subject, **arguments)
            except (CnnCoreError, *call.also):
                if pickle.dumps(call.state(subject)) != before or written(arguments) != arrays:
                    failures.append(f"{what} has changed something")
                    subject = call.make()
            except Exception as error:
                failures.append(f"{what} raised {type(error).__name__}: {error}"[:200])
                subject = call.make()
            else:
                subject = call.make()
                cnn.set_num_threads(None)
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("name", CALLS)
def test_the_valid_call_is_valid(name):
    call = CALLS[name]
    with suppress(*call.also):
        call.function(call.make(), **arguments_of(call))
    cnn.set_num_threads(None)
