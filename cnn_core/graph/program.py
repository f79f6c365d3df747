"""Program: a graph compiled for one dtype, one maximal batch and one purpose."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any
from zlib import crc32

import numpy as np

from cnn_core._ext.gate import GateCall
from cnn_core._ext.lock import Lock
from cnn_core._ext.plan import Plan
from cnn_core.arrays import as_real
from cnn_core.errors import ShapeError
from cnn_core.graph.feeding import check_inputs
from cnn_core.graph.gate import GateNode, GateRun
from cnn_core.graph.lowering import Lowering
from cnn_core.graph.memory import plan_memory
from cnn_core.graph.node import Input, Node, Parameter
from cnn_core.graph.order import topological_order, unique_names
from cnn_core.graph.params import LINE, ParamStore, aligned_zeros
from cnn_core.graph.schedule import Schedule, divide, flop
from cnn_core.graph.shapes import row_size, with_rows
from cnn_core.graph.steps import FORWARD, Buffer, Step
from cnn_core.graph.threads import warn_once


def parameters_of(outputs: Collection[Node]) -> list[Parameter]:
    """Return the parameters that ``outputs`` depend on, in topological order."""
    return [n for n in topological_order(outputs) if isinstance(n, Parameter)]


def what_stops_gradients(program: Program, targets: Sequence[Node], who: str = "backward") -> str:
    """Return why no gradient reaches any of ``targets``; empty if one does."""
    if not targets or any(n in program.lowered.grad for n in targets):
        return ""
    stops = [n for n in program.nodes if n.inputs and not n.has_gradient]
    if not stops:
        return ""
    return (
        f"{who}: need an operation with a gradient between {targets[0].name!r} and the outputs; "
        f"got {program.names[stops[0]]}, and {stops[0].op!r} has none"
    )


class Program:
    """The steps, the memory and the plan of a compiled graph.

    ``seeds`` are nodes whose gradient is given (1 for a scalar), ``targets`` those whose
    gradient is wanted.  ``keep_all`` keeps every value and gradient and fuses nothing;
    ``training`` keeps nodes such as dropout.  ``guard`` bytes after every buffer are for tests.

    With ``keep_all`` the forward steps are ``[0, n_forward)``, the backward steps ``[n_forward,
    n_steps)``; otherwise one run makes them all, in stages that suit threads.  A program serves
    one caller at a time; take ``lock`` around feed, run and read.
    """

    def __init__(
        self,
        outputs: list[Node],
        store: ParamStore,
        *,
        max_batch: int = 1,
        seeds: Collection[Node] = (),
        targets: Collection[Node] = (),
        keep_all: bool = False,
        training: bool = False,
        guard: int = 0,
    ) -> None:
        self.outputs, self.store, self.max_batch = list(outputs), store, int(max_batch)
        self.dtype, self._real = store.dtype, str(store.dtype)
        self.nodes = topological_order(self.outputs)
        self.names = unique_names(self.nodes)
        store.need([n for n in self.nodes if isinstance(n, Parameter)], "program")
        self.inputs = {n.name: n for n in self.nodes if isinstance(n, Input)}
        self._separate_random_streams()
        self.lowered = Lowering(
            self.nodes, self.names, self.outputs, seeds=list(seeds), targets=set(targets),
            keep_all=keep_all, training=training,
        ).run()  # fmt: skip
        low = self.lowered
        self.steps = low.in_order(stages=not keep_all)
        self.n_steps = len(self.steps)
        self.n_forward = len(low.forward) if keep_all else self.n_steps
        self._gate_runs = {n: GateRun(n, passing=not (keep_all or seeds))
                           for n in self.nodes if isinstance(n, GateNode)}  # fmt: skip
        self.calls_python = bool(self._gate_runs)
        self.lock = Lock()
        self.n_rows = self.max_batch
        self._place(guard)
        self._build_plan()
        for seed in seeds:
            if seed in self.lowered.grad:
                self.grad(seed)[...] = 1

    def _separate_random_streams(self) -> None:
        """Give each random node without a name or key a key of its own, once for all programs."""
        for node in self.nodes:
            if node.draws and node.key is None and not node.name:
                node.__dict__["key"] = crc32(self.names[node].encode())

    # -- memory ---------------------------------------------------------------------------

    def _place(self, guard: int) -> None:
        """Give every buffer an address."""
        low, steps = self.lowered, self.steps
        found = dict.fromkeys(b for b in [*low.value.values(), *low.grad.values()])
        found.update(dict.fromkeys(b for step in steps for b in step.operands))
        found.update(dict.fromkeys([b.root for b in found]))
        self.buffers: list[Buffer] = list(found)
        arena = [b for b in self.buffers if b.home == "arena" and b.root is b]
        offsets, size = plan_memory(steps, arena, self._real, self.max_batch, guard)
        self.arena = aligned_zeros(size, np.uint8)
        self.constants = self._place_constants(offsets)
        self._offsets = offsets

    def _place_constants(self, offsets: dict[Buffer, int]) -> np.ndarray:
        """Put all constants into one array, each on a line of its own."""
        buffers = [b for b in self.buffers if b.home == "constant" and b.root is b]
        at = 0
        for b in buffers:
            offsets[b] = at
            at += -(-row_size(b.shape) * self.dtype.itemsize // LINE) * LINE
        memory = aligned_zeros(at, np.uint8)
        for b in buffers:
            value = b.source.value  # type: ignore[union-attr]
            if b.dtype == "real":
                who = f"constant {self.names[b.source]!r}"  # type: ignore[index]
                value = as_real(value, self.dtype, who=who)
            value = np.asarray(value, self._dtype_name(b))
            memory[offsets[b] : offsets[b] + value.nbytes] = value.reshape(-1).view(np.uint8)
        return memory

    def _home(self, buffer: Buffer) -> tuple[np.ndarray, int]:
        """Return the array that holds a buffer, and the byte where it starts there."""
        start = buffer.start * np.dtype(self._dtype_name(buffer)).itemsize if buffer.start else 0
        buffer = buffer.root
        if buffer.home == "arena":
            return self.arena, self._offsets[buffer] + start
        if buffer.home == "constant":
            return self.constants, self._offsets[buffer] + start
        flat = self.store.value if buffer.home == "param" else self.store.grad
        begin = self.store.spans[buffer.source.name][0]  # type: ignore[union-attr]
        return flat, begin * self.dtype.itemsize + start

    def _dtype_name(self, buffer: Buffer) -> str:
        return self._real if buffer.dtype == "real" else buffer.dtype

    def view(self, buffer: Buffer, n_rows: int | None = None) -> np.ndarray:
        """Return a buffer as an array of ``n_rows`` (default: the current) batch rows."""
        shape = with_rows(buffer.shape, self.n_rows if n_rows is None else n_rows)
        dtype = np.dtype(self._dtype_name(buffer))
        array, start = self._home(buffer)
        n = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        return array.view(np.uint8)[start : start + n].view(dtype).reshape(shape)

    # -- the plan -------------------------------------------------------------------------

    def _build_plan(self) -> None:
        base = {id(a): a.ctypes.data for a in (self.arena, self.constants, self.store.value,
                                               self.store.grad)}  # fmt: skip
        tensors = []
        for b in self.buffers:
            array, start = self._home(b)
            shape = with_rows(b.shape, self.max_batch)
            tensors.append((base[id(array)] + start, self._dtype_name(b), b.batched, shape))
        self.tensor = {b: i for i, b in enumerate(self.buffers)}
        self.step_index = {step: i for i, step in enumerate(self.steps)}
        keep = (self.arena, self.constants, self.store)
        self.plan = Plan(tensors, [self._plan_step(s) for s in self.steps], keep)
        self.n_threads = self._threads_wanted = 1
        self.schedule: Schedule | None = None

    @property
    def flop(self) -> float:
        """An estimate of the floating-point operations of one run at the maximal batch."""
        return sum(flop(step, self.max_batch) for step in self.steps)

    def use_threads(self, n_threads: int) -> int:
        """Divide the plan among up to ``n_threads``; return how many it will use.

        A plan with little work uses one.
        """
        schedule = divide(self.steps, n_threads, self.max_batch)
        wanted = n_threads if schedule is not None else 1
        with self.lock:
            self.schedule = schedule
            if wanted != self._threads_wanted:
                self._threads_wanted = wanted
                self.n_threads = self.plan.use_threads(wanted, schedule)
            given = self.n_threads
        if given < wanted:
            warn_once(
                f"cnn_core: wanted {wanted} threads; the system gave {given}, which are used"
            )
        return given

    def _plan_step(self, s: Step) -> tuple:
        operands = tuple([self.tensor[b] for b in s.operands])
        real = int(self.dtype == np.float64)
        user = self._gate_call(s, s.node) if isinstance(s.node, GateNode) else s.activation
        return (s.op, s.which, real, operands, s.attrs, s.split, s.n_unit, s.accumulate, user,
                s.label)  # fmt: skip

    def _gate_call(self, s: Step, node: GateNode) -> GateCall:
        run, n = self._gate_runs[node], len(node.inputs)
        if s.which == FORWARD:
            return GateCall(run.forward, tuple(range(n)), (n,))
        gradients = tuple(range(n + 2, len(s.operands)))
        return GateCall(partial(run.backward, s.attrs), (n + 1,), gradients)

    # -- data in and out ------------------------------------------------------------------

    def input_tensor(self, name: str) -> int:
        """Return the number of an input's tensor in the plan."""
        return self.tensor[self.lowered.value[self.inputs[name]]]

    def feed(self, arrays: Mapping[str, Any]) -> None:
        """Copy arrays into the inputs; all are checked before the first is copied."""
        checked, n_rows = check_inputs(self.inputs, arrays, self.dtype)
        if n_rows is not None and n_rows > self.max_batch:
            raise ShapeError(f"feed: need at most {self.max_batch} rows; got {n_rows}")
        if n_rows is not None:
            self.n_rows = n_rows
        for node, array in checked.items():
            self.view(self.lowered.value[node])[...] = array

    def value(self, node: Node) -> np.ndarray:
        """Return a node's value, a view that the next run overwrites."""
        return self.view(self.lowered.value[node])

    def grad(self, node: Node) -> np.ndarray:
        """Return the gradient at a node, a view that the next run overwrites."""
        return self.view(self.lowered.grad[node])

    def run_forward(self, **options: Any) -> None:
        self.plan.run(0, self.n_forward, self.n_rows, **options)

    def run_backward(self, **options: Any) -> None:
        self.plan.run(self.n_forward, self.n_steps, self.n_rows, **options)

    def run_node(self, node: Node, *, backward: bool = False, **options: Any) -> None:
        """Run one node's own steps: its value, or what it adds to its inputs' gradients."""
        for step in self.lowered.node_steps[node][int(backward)]:
            at = self.step_index[step]
            self.plan.run(at, at + 1, self.n_rows, **options)

    def guards(self) -> list[tuple[str, np.ndarray]]:
        """Return (key, bytes that no kernel may write) for each buffer of the arena.

        These are the guard lines, the rest of a buffer's last line, and unused batch rows.
        """
        found = []
        starts = sorted((start, b) for b, start in self._offsets.items() if b.home == "arena")
        ends = [start for start, _ in starts[1:]] + [len(self.arena)]
        for (start, b), end in zip(starts, ends, strict=True):
            found.append((b.key, self.arena[start + self.view(b).nbytes : end]))
        return found
