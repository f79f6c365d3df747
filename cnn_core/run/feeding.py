"""Feeding: what is asked of the arrays that go into a graph from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core.arrays import as_numbers, as_real, check_finite, place
from cnn_core.errors import DataError, GraphError, LabelError, OptionError, ShapeError
from cnn_core.ir.node import Constant, Input, Node, Parameter
from cnn_core.ir.shapes import row_or_rows, with_rows

if TYPE_CHECKING:
    from cnn_core.run.program import Program


def check_inputs(
    inputs: Mapping[str, Input], arrays: Mapping[str, Any], dtype: np.dtype
) -> tuple[dict[Node, np.ndarray], int | None]:
    """Return the arrays by node, and how many batch rows they have; None where none is batched.

    Raises `GraphError` for a name that is not among ``inputs``, `ShapeError`, `DtypeError`,
    `LabelError` for numbers that an int32 cannot hold, and `DataError` for finite ones that
    ``dtype``, the graph's, cannot.
    """
    checked: dict[Node, np.ndarray] = {}
    n_rows = None
    for name, value in arrays.items():
        if name not in inputs:
            known = ", ".join(inputs) or "none"
            raise GraphError(f"input {name!r}: need one of the inputs ({known}); got another")
        node, array = inputs[name], as_numbers(value, who=f"input {name!r}")
        rows = array.shape[0] if node.batched and array.ndim else 1
        if array.shape != with_rows(node.shape, rows) or rows == 0:
            raise ShapeError(f"input {name!r}: need shape {node.shape}; got {array.shape}")
        if node.batched:
            if n_rows not in (None, rows):
                raise ShapeError(f"input {name!r}: need {n_rows} rows; got {rows}")
            n_rows = rows
        checked[node] = (
            _fits_int32(name, array) if node.dtype == "int32"
            else as_real(array, dtype, who=f"input {name!r}")
        )  # fmt: skip
    return checked, n_rows


def as_rows(
    inputs: Mapping[str, Input], arrays: Mapping[str, Any]
) -> tuple[dict[str, Any], bool | None]:
    """Return the arrays, those of a single row with a batch axis, and whether it is one.

    It is where all batched inputs that are given come without their batch axis; None where none
    is given.  If only some do, they are left for `check_inputs` to refuse.
    """
    found = {name: as_numbers(value, who=f"input {name!r}") for name, value in arrays.items()
             if name in inputs and inputs[name].batched}  # fmt: skip
    single = [array.shape == inputs[name].shape[1:] for name, array in found.items()]
    if not found or not all(single):
        return dict(arrays), False if found else None
    return {**arrays, **{name: array[None] for name, array in found.items()}}, True


def plain(view: np.ndarray) -> Any:
    """Return a number as Python's, an array as a copy."""
    return view.item() if view.shape == () else view.copy()


def _fits_int32(name: str, array: np.ndarray) -> np.ndarray:
    """Return whole numbers as they are; raise where an int32 cannot hold one."""
    limits = np.iinfo(np.int32)
    if array.dtype.kind == "f":
        array = array.astype(np.float64, copy=False)  # a float16 has no such limits
    fine = (array >= limits.min) & (array <= limits.max)  # False for NaN
    if array.dtype.kind == "f":
        fine &= array == np.trunc(array)
    if not fine.all():
        at = np.unravel_index(int(np.argmin(fine)), array.shape)
        where = f" at {tuple(int(i) for i in at)}" if at else ""
        raise LabelError(f"input {name!r}: need whole numbers of 32 bits; got {array[at]}{where}")
    return array


def check_leaves(program: Program) -> None:
    """Raise `DataError` naming an input, a parameter or a constant that is not finite.

    An infinite constant passes: it may stand for a bound.
    """
    for node in program.nodes:
        if isinstance(node, (Input, Parameter)):
            kind = "input" if isinstance(node, Input) else "parameter"
            check_finite(program.value(node), "", who=f"{kind} {node.name!r}")
        elif isinstance(node, Constant) and np.isnan(node.value).any():
            at = int(np.isnan(node.value).argmax())
            raise DataError(
                f"constant {program.names[node]!r}: need numbers; got nan{place(node.value, at)}"
            )


def check_seeds(
    nodes: Mapping[Node, str], seed: Any, n_rows: int | None, find: Any, dtype: np.dtype
) -> dict[Node, np.ndarray | float]:
    """Return the gradient to start from at each of ``nodes``, the outputs with one and their names.

    ``seed`` is as `Graph.backward` takes it; ``find`` turns its keys into nodes.  ``n_rows`` is
    None where a single row without a batch axis was fed.
    """
    if seed is None:
        for node, name in nodes.items():
            if node.shape != ():
                raise ShapeError(
                    f"backward: need a seed for {name}, whose shape is {node.shape}; got none "
                    f"(only a scalar has the default 1)"
                )
        return dict.fromkeys(nodes, 1.0)
    if not isinstance(seed, Mapping):
        if len(nodes) > 1:
            raise OptionError(
                f"backward: need seeds by output name ({', '.join(nodes.values())}), for several "
                f"outputs; got one"
            )
        seed = dict.fromkeys(nodes, seed)
    values: dict[Node, np.ndarray | float] = dict.fromkeys(nodes, 0.0)
    for key, value in seed.items():
        node = find(key)
        if node not in nodes:
            raise GraphError(
                f"backward: need seeds for outputs with a gradient ({', '.join(nodes.values())}); "
                f"got one for {key if isinstance(key, str) else node.label}"
            )
        need = f"a seed of real numbers for {nodes[node]}"
        array = as_numbers(value, who="backward", need=need)
        shape = row_or_rows(node, n_rows)
        if array.shape != shape:
            raise ShapeError(
                f"backward: need a seed of shape {shape} for output {nodes[node]}; got "
                f"{array.shape}"
            )
        values[node] = as_real(array, dtype, who="backward", name=f"a seed for {nodes[node]}")
    return values
