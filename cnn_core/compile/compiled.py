"""Compiled: what the programs of equal graphs share, the steps and the layout of their memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from cnn_core._ext.core import PRODUCTS, Division, GateCall, Plan, blas_loaded, grow_pool
from cnn_core.arrays import as_real
from cnn_core.compile.lowering import Lowering
from cnn_core.compile.memory import n_bytes, plan_memory
from cnn_core.compile.schedule import Schedule, divide, flop, pieces
from cnn_core.compile.steps import FORWARD, Buffer, Step, needed
from cnn_core.compile.stretches import find_stretches
from cnn_core.ir.gate import GateNode, GateRun
from cnn_core.ir.node import Constant, Node, Parameter
from cnn_core.ir.shapes import with_rows
from cnn_core.state.blocks import aligned_zeros

ARENA, CONSTANT, KEPT, FIRST_BLOCK = range(4)
"""Spaces that offsets count in: what a run makes, constants, what outlives a run that borrows its
arena, and for each block of parameters two, of values and of gradients."""

LARGE = 4096
"""Bytes of a constant up to which graphs with an equal one are equal; beyond, with the same."""

RECENT = 64
"""How many compiled graphs are kept although nobody uses them at present."""

Placing = Mapping[Parameter, tuple[int, int]]  # number of the block, element where it begins


class Options:
    """What a graph is compiled for: see `Program`."""

    __slots__ = ("by_rows", "dtype", "guard", "keep_all", "lean", "learning", "lent", "max_batch",
                 "sparse", "training")  # fmt: skip

    def __init__(
        self, *, dtype: np.dtype, max_batch: int, keep_all: bool, training: bool, learning: bool,
        guard: int, lent: bool, lean: str, sparse: tuple[int, ...], by_rows: tuple[int, ...],
    ) -> None:  # fmt: skip
        self.dtype, self.max_batch, self.keep_all, self.lean = dtype, max_batch, keep_all, lean
        self.training, self.learning, self.guard, self.lent = training, learning, guard, lent
        self.sparse, self.by_rows = sparse, by_rows  # nodes by number

    @property
    def key(self) -> tuple:
        return tuple(getattr(self, name) for name in self.__slots__)


class Compiled:
    """Steps, offsets of all tensors, and the plan; no address and no number of any parameter."""

    def __init__(
        self, nodes: list[Node], names: dict[Node, str], outputs: list[Node],
        placing: Placing, options: Options, seeds: Collection[Node], targets: Collection[Node],
    ) -> None:  # fmt: skip
        self.options = options
        self.dtype, self._real = options.dtype, str(options.dtype)
        self.max_batch = options.max_batch
        keep_all, apart = options.keep_all, options.keep_all and not options.lean
        if options.lean and seeds:
            outputs = []  # they are there already
        self.lowered = low = Lowering(
            nodes, names, outputs, seeds=list(seeds), targets=set(targets), keep_all=keep_all,
            training=options.training, learning=options.learning, lean=options.lean,
            sparse=[nodes[i] for i in options.sparse], by_rows=[nodes[i] for i in options.by_rows],
        ).run()  # fmt: skip
        self.steps = low.in_order(apart=apart)
        if options.lean:
            last = [*low.forward, *low.backward] if options.lean == "run" else low.backward
            self.steps = needed(self.steps, set(last))
        self.updates = low.updates  # behind the steps of a run
        self.n_steps = len(self.steps)
        self.n_forward = len(low.forward) if apart else self.n_steps
        self.gate_runs = {n: GateRun(n, passing=not (keep_all or seeds))
                           for n in nodes if isinstance(n, GateNode)}  # fmt: skip
        self.calls_python = bool(self.gate_runs)
        self._place(names, placing)
        self.tensor = {b: i for i, b in enumerate(self.buffers)}
        self.step_index = {step: i for i, step in enumerate(self.steps)}
        self.build_plan()
        of_rows = [b for pair in low.by_rows.values() for b in pair]
        self._use_blocks([*[low.value[n] for n in outputs], *of_rows])
        self.flop = sum(flop(step, self.max_batch) for step in self.steps)
        found = pieces(self.steps, self.max_batch, self.flop)
        if found is not None:
            self.plan.use_pieces(found)
        self._divided: dict[int, tuple[Schedule | None, Division | None]] = {}
        # By the number of the node, which graphs that share this have in common.
        self.value_of = [low.value[n] for n in nodes]
        self.grad_of = [low.grad.get(n) for n in nodes]
        self.saved_of = [low.saved.get(n, []) for n in nodes]
        self.rows_of = [low.by_rows.get(n) for n in nodes]
        self._large = [n.value for n in nodes if isinstance(n, Constant)]  # whose id is in the key

    # -- memory ---------------------------------------------------------------------------

    def _place(self, names: dict[Node, str], placing: Placing) -> None:
        """Give every buffer a space, and an offset in it in bytes."""
        low, steps, options = self.lowered, [*self.steps, *self.updates], self.options
        found = dict.fromkeys(b for b in [*low.value.values(), *low.grad.values()]
                              if b.keep or not options.lean)  # fmt: skip
        found.update(dict.fromkeys(b for step in steps for b in step.operands))
        found.update(dict.fromkeys([b.root for b in found]))
        self.buffers: list[Buffer] = list(found)
        roots = [b for b in self.buffers if b.root is b]
        kept = self._kept(roots) if options.lent else []
        arena = [b for b in roots if b.home == "arena" and b not in kept]
        offsets, self.arena_bytes = plan_memory(
            steps, arena, self._real, self.max_batch, options.guard, set(kept)
        )
        self.places = {b: (ARENA, at) for b, at in offsets.items()}
        self.kept_bytes = self._in_a_row(KEPT, kept)
        self._fill_constants(names, [b for b in roots if b.home == "constant"])
        for b in roots:
            if b.home in ("param", "grad"):
                block, begin = placing[b.source]  # type: ignore[index]
                space = FIRST_BLOCK + 2 * block + (b.home == "grad")
                self.places[b] = space, begin * self.dtype.itemsize

    def _kept(self, roots: list[Buffer]) -> list[Buffer]:
        """Return what outlives a run although the arena is borrowed: sums, and gradients given.

        Of a lean program, also what lies in that of another.
        """
        given, lean = {self.lowered.grad[n].root for n in self.lowered.given}, self.options.lean
        return [b for b in roots if b.home == "arena"
                and (b.dtype == "float64" or b in given or (b.keep and lean))]  # fmt: skip

    def _in_a_row(self, space: int, buffers: list[Buffer]) -> int:
        """Place buffers in a space, each on a line of its own; return its size."""
        at = 0
        for b in buffers:
            self.places[b] = space, at
            at += n_bytes(b, self._real, self.max_batch)
        return at

    def _fill_constants(self, names: dict[Node, str], buffers: list[Buffer]) -> None:
        """Put all constants into one array."""
        self.constants = aligned_zeros(self._in_a_row(CONSTANT, buffers), np.uint8)
        for b in buffers:
            value = b.source.value  # type: ignore[union-attr]
            if b.dtype == "real":
                who = f"constant {names[b.source]!r}"  # type: ignore[index]
                value = as_real(value, self.dtype, who=who)
            value = np.asarray(value, self.dtype_name(b))
            at = self.places[b][1]
            self.constants[at : at + value.nbytes] = value.reshape(-1).view(np.uint8)

    def place(self, buffer: Buffer) -> tuple[int, int]:
        """Return a buffer's space, and the byte where it starts there."""
        space, start = self.places[buffer.root]
        if buffer.start:
            start += buffer.start * np.dtype(self.dtype_name(buffer)).itemsize
        return space, start

    def dtype_name(self, buffer: Buffer) -> str:
        return self._real if buffer.dtype == "real" else buffer.dtype

    # -- the plan -------------------------------------------------------------------------

    def build_plan(self) -> None:
        """Make the plan from the steps."""
        steps = [self._plan_step(s) for s in (*self.steps, *self.updates)]
        self.plan = Plan([self._plan_tensor(b) for b in self.buffers], steps, self.arena_bytes,
                         len(self.updates))  # fmt: skip

    def _use_blocks(self, outputs: list[Buffer]) -> None:
        """Let large batches go through runs of row-wise steps block by block."""
        self.stretches = None
        if blas_loaded() and any(step.op in PRODUCTS for step in self.steps):
            return  # the bits of BLAS depend on the rows of a call; all ways to run have the same
        # A test watches the whole arena.
        found = self.stretches = find_stretches(
            self.steps, outputs, self._real, self.max_batch, n_forward=self.n_forward,
            sums=not blas_loaded(), local=not self.options.guard,
        )  # fmt: skip
        if found is not None:
            numbered = [(self.tensor[b], *rest) for b, *rest in found.locals]
            self.plan.use_blocks(found.stretches, numbered, found.states, found.n_bytes)

    def _plan_tensor(self, b: Buffer) -> tuple:
        return (*self.place(b), self.dtype_name(b), b.batched, with_rows(b.shape, self.max_batch))

    def _plan_step(self, s: Step) -> tuple:
        operands = tuple([self.tensor[b] for b in s.operands])
        real = int(self.dtype == np.float64)
        user = self._gate_call(s, s.node) if isinstance(s.node, GateNode) else s.activation
        return (s.op, s.which, real, operands, s.attrs, s.split, s.n_unit, s.accumulate, user,
                s.label)  # fmt: skip

    def _gate_call(self, s: Step, node: GateNode) -> GateCall:
        run, n = self.gate_runs[node], len(node.inputs)
        if s.which == FORWARD:
            return GateCall(run.forward, tuple(range(n)), (n,))
        gradients = tuple(range(n + 2, len(s.operands)))
        return GateCall(partial(run.backward, s.attrs), (n + 1,), gradients)

    def divided(self, n_threads: int) -> tuple[Schedule | None, Division | None]:
        """Return how up to ``n_threads`` divide the plan; None where one thread is better.

        Where the system refuses threads, there are fewer.
        """
        if n_threads not in self._divided:
            schedule = divide(self.steps, n_threads, self.max_batch, self.n_forward)
            division = None
            if schedule is not None:
                division = Division(*schedule, grow_pool(n_threads))
            if division is not None and division.n_thread < n_threads:
                return schedule, division  # next time there may be more
            self._divided[n_threads] = schedule, division
        return self._divided[n_threads]

    def release(self) -> None:
        """Let go of the nodes: they are those of one graph, which may go before the others."""
        for step in (*self.steps, *self.updates):
            step.node, step.grads = None, (None,) * len(step.grads)
        for buffer in self.buffers:
            buffer.source = None
        self.gate_runs = {}
        del self.lowered


def key_of(
    nodes: list[Node], names: Mapping[Node, str], outputs: Sequence[Node], placing: Placing,
    options: Options, seeds: Collection[Node], targets: Collection[Node],
) -> tuple | None:  # fmt: skip
    """Return what tells graphs apart that are compiled differently; None: there is no telling."""
    number = {node: i for i, node in enumerate(nodes)}
    parts: list[Any] = [options.key]
    for some in (outputs, seeds, targets):
        parts.append(tuple(sorted([number[n] for n in some if n in number])))
    for node in nodes:
        operands = tuple([number[x] for x in node.inputs])
        parts.append((type(node), names[node], node.shape, operands, _fields(node, placing)))
    key = tuple(parts)
    try:
        hash(key)
    except TypeError:
        return None
    return key


_COMMON = frozenset({"inputs", "name", "group", "shape", "_made", "last_run"})


def _fields(node: Node, placing: Placing) -> Any:
    """Return what a node of its class is, besides its name, shape and operands."""
    if isinstance(node, Parameter):
        return placing[node], node.is_state
    if isinstance(node, Constant):
        value = node.value
        return node.dtype, value.tobytes() if value.nbytes <= LARGE else id(value)
    return tuple([(k, _hashable(v)) for k, v in vars(node).items() if k not in _COMMON])


def _hashable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(value.items())
    if isinstance(value, (tuple, list)):
        return tuple([_hashable(v) for v in value])
    if isinstance(value, slice):  # hashable from Python 3.12 on
        return slice, value.start, value.stop, value.step
    return value


_shared: WeakValueDictionary[tuple, Compiled] = WeakValueDictionary()
_recent: deque[Compiled] = deque(maxlen=RECENT)


def compiled(
    nodes: list[Node], names: dict[Node, str], outputs: list[Node], placing: Placing,
    options: Options, seeds: Collection[Node], targets: Collection[Node],
) -> Compiled:  # fmt: skip
    """Return a graph compiled, if it borrows its arena also one that an equal graph has made.

    Gates keep a state and are not shared; nor is where everything is kept and looked at.
    """
    arguments = (nodes, names, outputs, placing, options, seeds, targets)
    key = None
    if options.lent and not any(isinstance(n, GateNode) for n in nodes):
        key = key_of(*arguments)
    if key is None:
        return Compiled(*arguments)
    found = _shared.get(key)
    if found is None:
        found = Compiled(*arguments)
        found.release()
        _shared[key] = found
        _recent.append(found)
    return found
