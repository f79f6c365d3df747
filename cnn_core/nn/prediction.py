"""Predicting: from arrays to a network's outputs, in blocks of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cnn_core import ops, options
from cnn_core._ext.core import Predictor, convert_rows
from cnn_core.arrays import REACH, as_numbers, check_range, refuse_mask
from cnn_core.data.arrays import as_features, as_indices, check_lengths
from cnn_core.data.mapped import MappedPages, find_beyond
from cnn_core.data.sparse import SparseRows, as_sparse
from cnn_core.errors import DtypeError, LabelError, OptionError, ShapeError
from cnn_core.frames import is_sparse
from cnn_core.ir.node import Input, Node
from cnn_core.ir.order import topological_order
from cnn_core.ir.shapes import row_size
from cnn_core.naming import hint
from cnn_core.nn.meaning import last_operation
from cnn_core.options import shown
from cnn_core.run.threads import get_num_threads, recompile_on_change
from cnn_core.state.params import ParamStore

if TYPE_CHECKING:
    from cnn_core.run.program import Program

BLOCK_ROWS, BLOCK_BYTES = 1024, 1 << 19
"""A prediction runs in blocks of rows: of about BLOCK_BYTES, and at least BLOCK_ROWS rows, ...

Each block copies the weights of a large layer once more."""

THREAD_ROWS = 256
"""... and at least so many for each thread, which copies them too ..."""

BLOCK_FLOP, LEAST_ROWS = 4e9, 64
"""... but what a thread computes within a twentieth of a second or so, lest Ctrl-C have to wait."""


class _Plan(NamedTuple):
    """A network compiled for prediction, and how it is run."""

    program: Program
    outputs: list[int]
    """Their tensors."""
    rows: int
    """Of a block."""
    threads: int
    fewest: int
    """Rows for which threads are used."""
    work: float
    """Floating-point operations of a row."""


class Predicting(Predictor):
    """What predicts of a `Model`, which sets these."""

    inputs: dict[str, Input]
    outputs: dict[str, Node]
    core: dict[str, Node]
    store: ParamStore
    dtype: np.dtype
    is_single: bool
    lookups: dict[str, list[tuple[int, int, str]]]
    input_scale, input_shift = 1.0, 0.0
    input_reach: float
    _program: Program | None
    _plan: _Plan
    _sparse: dict[tuple, _Plan]
    """By the inputs that sparse rows come in for, and the number of threads."""

    def by_input(self, x: Any, who: str, what: str = "arrays") -> dict[str, Any]:
        """Return what was given for each input, by name or in their order."""
        names = list(self.inputs)
        if isinstance(x, Mapping):
            unknown = [key for key in x if key not in self.inputs]
            missing = [name for name in names if name not in x]
            if unknown or missing:
                got = f"none for {', '.join(missing)}"
                if unknown:
                    got = f"{shown(unknown[0])}{hint(unknown[0], names)}"
                raise OptionError(f"{who}: need {what} for {', '.join(names)}; got {got}")
            return {name: x[name] for name in names}
        if len(names) == 1:
            return {names[0]: x}
        if not isinstance(x, (tuple, list)) or len(x) != len(names):
            got = f"{len(x)}" if isinstance(x, (tuple, list)) else f"one, a {type(x).__name__}"
            raise OptionError(f"{who}: need {what} for {', '.join(names)}; got {got}")
        return dict(zip(names, x, strict=True))

    def check_indices(self, name: str, rows: np.ndarray, who: str) -> None:
        """Raise `LabelError` where an input of whole numbers holds what a lookup does not have."""
        for low, high, node in self.lookups.get(name, ()):
            if rows.size and (rows.min() < low or rows.max() > high):
                at = int(np.argmax((rows < low) | (rows > high)))
                raise LabelError(
                    f"{who}: need numbers from {low} to {high} in {name}, for {node}; got "
                    f"{rows.flat[at]} in row {at // (rows.size // len(rows))}"
                )

    def _prepare(self) -> None:
        """Compile the network for prediction of dense rows."""
        plan = self._plan = self._compile()
        self._program = plan.program
        recompile_on_change(self)
        result = next(iter(self.core.values())).shape[1:]
        direct = self.is_single and self.input_scale == 1 and self.input_shift == 0
        inputs = [(plan.program.input_tensor(name), node.shape[1:], node.dtype == "int32")
                  for name, node in self.inputs.items()]  # fmt: skip
        self._set_plan(
            plan.program.binding, inputs, plan.outputs[0], result, self.dtype, plan.rows,
            plan.work, direct, plan.threads, plan.fewest, plan.program.calls_python,
        )  # fmt: skip

    def _compile(self, sparse: Iterable[str] = ()) -> _Plan:
        """Compile the network, in blocks of rows that stay in the caches."""
        # Read when a network is first compiled: it takes as long as half of the import.
        from cnn_core.compile.schedule import MIN_FLOP
        from cnn_core.compile.steps import COLUMNS
        from cnn_core.run.program import Program

        ends: dict[str, Node] = {}
        for name, node in self.core.items():
            end = last_operation(node)
            if isinstance(end, Input) or end in ends.values():  # each is written where it stays
                end = ops.reshape(end, end.shape)
            ends[name] = end
        nodes = topological_order(ends.values())
        row_bytes = self.dtype.itemsize * sum(row_size(n.shape) for n in nodes if n.batched)
        rows = max(BLOCK_ROWS, min(BLOCK_BYTES // row_bytes, 4 * BLOCK_ROWS),
                   THREAD_ROWS * get_num_threads())  # fmt: skip
        program = Program(list(ends.values()), self.store, max_batch=rows, lent=True,
                          sparse=[self.inputs[name] for name in sparse])  # fmt: skip
        work = program.flop / rows
        threads = program.use_threads(get_num_threads())
        schedule = program.schedule
        by_columns = schedule is not None and any(s[0] == COLUMNS for s in schedule.segments)
        fewest = max(1 if by_columns else 2, int(MIN_FLOP / work) + 1)
        most = int(threads * BLOCK_FLOP * 4 / self.dtype.itemsize / work) // 16 * 16
        rows = min(rows, max(most, LEAST_ROWS))
        outputs = [program.value_tensor(node) for node in ends.values()]
        return _Plan(program, outputs, rows, threads, fewest, work)

    def _predict(self, x: Any, out: Any) -> Any:
        """Serve what `Predictor.predict` does not: conversions, other layouts, bad input."""
        given = self.by_input(x, "predict")
        rows, is_row = self._arrays(given)
        n = len(next(iter(rows.values())))
        shapes = {name: (n, *node.shape[1:]) for name, node in self.outputs.items()}
        outs = out if isinstance(out, Mapping) or not self.is_single else {"output": out}
        outs = dict.fromkeys(shapes) if out is None else outs
        if not isinstance(outs, Mapping) or set(outs) != set(shapes):
            raise options.refuse("predict", f"out, arrays for {', '.join(shapes)}", out)
        results = {}
        for name, shape in shapes.items():
            got = _check_out(outs[name], shape[1:] if is_row else shape, self.dtype)
            apart = n == 0 or not any(np.may_share_memory(got, a) for a in rows.values()
                                      if isinstance(a, np.ndarray))  # fmt: skip
            results[name] = got if apart else np.empty_like(got)
        if n:
            flat = [a.reshape(n, -1) for a in results.values()]
            self._run_blocks(rows, flat, n)
        for name, made in results.items():
            if outs[name] is not None and outs[name] is not made:
                outs[name][...] = made
                results[name] = outs[name]
        return next(iter(results.values())) if self.is_single else results

    def sparse_rows(
        self, name: str, x: Any, *, who: str, label: str = "", finite: bool = False,
        idle: Callable[[], np.ndarray] | None = None, hint: str = "", empty: bool = False,
    ) -> SparseRows:  # fmt: skip
        """Return a sparse matrix of SciPy as rows for an input: see `as_sparse`."""
        if isinstance(x, SparseRows):
            return x
        node, label = self.inputs[name], label or name
        if node.dtype == "int32" or len(node.shape) != 2:
            need = f"a dense array of shape {node.shape} for {name}"
            raise ShapeError(f"{who}: need {need}; got a sparse matrix {tuple(x.shape)}")
        if self.input_shift != 0:
            need = f"dense {label}, or a network without input_shift, which leaves no 0 as it is"
            raise OptionError(f"{who}: need {need}; got sparse ones, and {self.input_shift:g}")
        return as_sparse(x, node.shape[1], who=who, name=label, dtype=self.dtype,
                         reach=self.input_reach, scale=self.input_scale, finite=finite, idle=idle,
                         hint=hint, empty=empty)  # fmt: skip

    def _arrays(self, given: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Return the arrays of all inputs as rows, and whether each was a row without an axis."""
        rows: dict[str, Any] = {
            name: self.sparse_rows(name, a, who="predict", empty=True)
            for name, a in given.items() if isinstance(a, SparseRows) or is_sparse(a)
        }  # fmt: skip
        numbers = {name: as_numbers(a, who="predict", name=name) for name, a in given.items()
                   if name not in rows}  # fmt: skip
        is_row = not rows and all(
            a.shape == self.inputs[k].shape[1:] for k, a in numbers.items())  # fmt: skip
        for name, array in numbers.items():
            node = self.inputs[name]
            row, array = node.shape[1:], array[None] if is_row else array
            if node.dtype == "int32":
                rows[name] = as_indices(array, row, who="predict", name=name, empty=True)
                self.check_indices(name, rows[name], "predict")
                continue
            array, _ = as_features(array, row, who="predict", name=name, dtype=self.dtype,
                                   empty=True)  # fmt: skip
            reach = self.input_reach
            if array.dtype.kind == "f" and reach < REACH[array.dtype] and len(array) and (
                find_beyond(array, reach) >= 0
            ):
                check_range(array, name, who="predict", dtype=self.dtype, reach=reach,
                            source=given[name])  # fmt: skip
            rows[name] = array
        if len(rows) > 1:
            check_lengths("predict", **{name: len(a) for name, a in rows.items()})
        return rows, is_row

    def _run_blocks(self, rows: dict[str, Any], results: list[np.ndarray], n: int) -> None:
        """Run all rows, so many at a time as were planned, with a binding of this call's own."""
        sparse = tuple([name for name, a in rows.items() if isinstance(a, SparseRows)])
        plan = self._plan_for(sparse) if sparse else self._plan
        program, threads, fewest = plan.program, plan.threads, plan.fewest
        binding = program.binding if program.calls_python else program.binding.twin()
        block = min(n, plan.rows)
        mapped = MappedPages(rows.values(), in_order=True) if n > block else None
        converted = {
            name: np.empty((block, *a.shape[1:]), self.dtype) for name, a in rows.items()
            if name not in sparse and (a.dtype not in (self.dtype, np.int32) or self._scales)
        }  # fmt: skip
        with program.lock if program.calls_python else _NOBODY:
            for at in range(0, n, block):
                k = min(block, n - at)
                for name, a in rows.items():
                    part = a[at : at + k]
                    if name in converted:
                        part = converted[name][:k]
                        convert_rows(a[at : at + k], part, self.input_scale, self.input_shift)
                    binding.bind(program.input_tensor(name), part.ctypes.data)
                for tensor, result in zip(plan.outputs, results, strict=True):
                    binding.bind(tensor, result[at:].ctypes.data)
                binding.run(0, program.n_steps, k, n_thread=threads if k >= fewest else 1)
                if mapped is not None:
                    mapped.give_back()

    def _plan_for(self, sparse: tuple[str, ...]) -> _Plan:
        """Return the network compiled for sparse rows."""
        key = tuple(sorted(sparse)), get_num_threads()
        if key not in self._sparse:
            self._sparse[key] = self._compile(sparse)
        return self._sparse[key]

    @property
    def _scales(self) -> bool:
        return self.input_scale != 1 or self.input_shift != 0


class _Nobody:
    def __enter__(self) -> None: ...
    def __exit__(self, *error: object) -> None: ...


_NOBODY = _Nobody()


def _check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if out is None:
        return np.empty(shape, dtype)
    refuse_mask(out, who="predict", name="out")
    if not isinstance(out, np.ndarray) or out.dtype != dtype:
        got = out.dtype if isinstance(out, np.ndarray) else type(out).__name__
        raise DtypeError(f"predict: need out, an array of {dtype}; got {got}")
    if out.shape != shape or not out.flags.c_contiguous or not out.flags.writeable:
        raise ShapeError(
            f"predict: need out writable, C-contiguous, of shape {shape}; got {out.shape}, "
            f"strides {out.strides}, writable: {out.flags.writeable}"
        )
    return out
