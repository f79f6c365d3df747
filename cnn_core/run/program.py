"""Program: a graph compiled for one purpose, bound to a store of parameters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from math import prod
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

from cnn_core._ext.core import Binding, Lock, Plan
from cnn_core.compile import schedule
from cnn_core.compile.compiled import ARENA, Options, compiled
from cnn_core.compile.schedule import Schedule
from cnn_core.compile.steps import Buffer, Lowered, Step
from cnn_core.errors import ShapeError
from cnn_core.ir.node import Constant, Input, Node, Parameter
from cnn_core.ir.order import topological_order, unique_names
from cnn_core.ir.shapes import with_rows
from cnn_core.run.feeding import check_inputs
from cnn_core.run.pace import Pace
from cnn_core.run.threads import get_num_threads, warn_once
from cnn_core.state.blocks import aligned_zeros
from cnn_core.state.params import ParamStore

T = TypeVar("T")


def what_stops_gradients(program: Program, targets: Sequence[Node], who: str = "backward") -> str:
    """Return why no gradient reaches any of ``targets``; empty if one does."""
    if not targets or any(program.has_grad(n) for n in targets):
        return ""
    stops = [n for n in program.nodes if n.inputs and not n.has_gradient]
    if not stops:
        return ""
    return (
        f"{who}: need an operation with a gradient between {targets[0].name!r} and the outputs; "
        f"got {program.names[stops[0]]}, and {stops[0].op!r} has none"
    )


class Program:
    """A compiled graph over the numbers of a store: what runs, and where.

    ``seeds`` are nodes whose gradient is given (1 for a scalar), ``targets`` those whose
    gradient is wanted.  ``keep_all`` keeps every value and gradient and fuses nothing;
    ``training`` keeps nodes such as dropout; ``learning`` says that an optimizer follows, after
    which states such as running statistics are updated.  ``guard`` bytes after every buffer are
    for tests.
    ``lent``: each run borrows its memory, in which nothing stays but the float64 sums; equal
    graphs, over whatever numbers, then share what is compiled.  ``lean``, with ``keep_all``, makes
    the numbers that it makes, to the bit, but keeps those alone that `Lowering` says: in one "run"
    of all steps, or of the "backward" steps over values that lie elsewhere.
    ``sparse`` are the inputs that take sparse rows, three int64 each (cnn_sparse.h), ``by_rows``
    the parameters whose gradient is not to be made where it comes of such rows alone:
    `row_tensors` says what it comes of.

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
        learning: bool = False,
        guard: int = 0,
        lent: bool = False,
        lean: str = "",
        sparse: Collection[Node] = (),
        by_rows: Collection[Node] = (),
    ) -> None:
        self.outputs, self.store, self.max_batch = list(outputs), store, int(max_batch)
        self.dtype = store.dtype
        self.nodes = topological_order(self.outputs)
        self.names = unique_names(self.nodes)
        self.inputs = {n.name: n for n in self.nodes if isinstance(n, Input)}
        self._number = {node: i for i, node in enumerate(self.nodes)}
        self._separate_random_streams()
        options = Options(dtype=self.dtype, max_batch=self.max_batch, keep_all=keep_all,
                          training=training, learning=learning, guard=guard, lent=lent,
                          lean=lean, sparse=self._numbers(sparse),
                          by_rows=self._numbers(by_rows))  # fmt: skip
        self.code = compiled(self.nodes, self.names, self.outputs, self._placing(), options,
                             seeds, targets)  # fmt: skip
        self.n_steps, self.n_forward = self.code.n_steps, self.code.n_forward
        self.calls_python = self.code.calls_python
        self.lock = Lock()
        self.n_rows = self.max_batch
        self.n_threads = self._threads_wanted = self._allowed = 1
        self._paces: dict[str, Pace] = {}
        self.schedule: Schedule | None = None
        self._allocate(lent)
        self.bind()
        for seed in seeds:
            if self.has_grad(seed):
                self.grad(seed)[...] = 1

    def _separate_random_streams(self) -> None:
        """Give each random node without a name or key a key of its own, once for all programs."""
        for node in self.nodes:
            if node.draws and node.key is None and not node.name:
                from zlib import crc32  # which a program without random numbers does without

                node.__dict__["key"] = crc32(self.names[node].encode())

    def _numbers(self, nodes: Collection[Node]) -> tuple[int, ...]:
        return tuple(sorted([self._number[n] for n in nodes if n in self._number]))

    def _placing(self) -> dict[Parameter, tuple[int, int]]:
        """Return where the numbers of each parameter lie: number of a block, element in it."""
        number = {block: i for i, block in enumerate(self.store.blocks)}
        places = {n: self.store.find(n, "program") for n in self.nodes if isinstance(n, Parameter)}
        return {p: (number[place.block], place.begin) for p, place in places.items()}

    def _allocate(self, lent: bool) -> None:
        """Get the memory of all spaces."""
        code, blocks = self.code, self.store.blocks
        self.arena = aligned_zeros(0 if lent else code.arena_bytes, np.uint8)
        kept = aligned_zeros(code.kept_bytes, np.uint8)
        flat = [array for block in blocks for array in (block.value, block.grad)]
        self._spaces = [self.arena, code.constants, kept, *flat]
        self._lent = lent

    def bind(self) -> None:
        """Tell the plan where its memory and the store's is."""
        first = 0 if self._lent else self.arena.ctypes.data
        bases = (first, *[a.ctypes.data for a in self._spaces[1:]])
        self.binding = Binding(self.code.plan, bases, (self._spaces, self.store))

    # -- what is compiled -----------------------------------------------------------------

    @property
    def plan(self) -> Plan:
        return self.code.plan

    @property
    def steps(self) -> list[Step]:
        return self.code.steps

    @property
    def lowered(self) -> Lowered:
        """What lowering made; programs that are lent their memory have none."""
        return self.code.lowered

    @property
    def flop(self) -> float:
        """An estimate of the floating-point operations of one run at the maximal batch."""
        return self.code.flop

    def has_grad(self, node: Node) -> bool:
        """Tell whether a gradient arrives at a node."""
        return self.code.grad_of[self._number[node]] is not None

    def row_tensors(self, node: Node) -> tuple[int, int] | None:
        """Return the tensors of the sparse rows and of the gradient that make that of a parameter
        in ``by_rows``; None for one whose gradient is made."""
        found = self.code.rows_of[self._number[node]]
        return None if found is None else (self.code.tensor[found[0]], self.code.tensor[found[1]])

    def moves(self, node: Node) -> bool:
        """Tell whether a parameter has a gradient, made or left to the optimizer."""
        return self.has_grad(node) or self.row_tensors(node) is not None

    def value_tensor(self, node: Node) -> int:
        """Return the number of the tensor that holds a node's value."""
        return self.code.tensor[self.code.value_of[self._number[node]]]

    def grad_tensor(self, node: Node) -> int:
        """Return the number of the tensor that holds the gradient at a node."""
        return self.code.tensor[self.code.grad_of[self._number[node]]]  # type: ignore[index]

    def saved_tensor(self, node: Node, i: int) -> int:
        """Return the number of the i-th tensor that a node keeps for its gradients."""
        return self.code.tensor[self.code.saved_of[self._number[node]][i]]

    def input_tensor(self, name: str) -> int:
        """Return the number of an input's tensor in the plan."""
        return self.value_tensor(self.inputs[name])

    def use_threads(self, n_threads: int) -> int:
        """Divide the plan among up to ``n_threads``; return how many it will use.

        A plan with little work uses one.
        """
        plan, division = self.code.divided(n_threads)
        wanted = n_threads if plan is not None else 1
        with self.lock:
            self.schedule = plan
            if wanted != self._threads_wanted:
                self._threads_wanted = wanted
                self.n_threads = 1 if division is None else division.n_thread
                self.binding.divide(division)
            given = self.n_threads
        if given < wanted:
            warn_once(
                f"cnn_core: wanted {wanted} threads; the system gave {given}, which are used"
            )
        return given

    def lie_with(
        self, other: Program, values: Collection[Node], grads: Collection[Node] = ()
    ) -> None:
        """Let values, with what is saved beside them, and gradients lie where they do in ``other``,
        which keeps all."""
        homes: dict[Buffer, np.ndarray] = {}
        mine, theirs = self.code, other.code
        for i in (self._number[n] for n in values if not isinstance(n, (Parameter, Constant))):
            homes[mine.value_of[i]] = other.view(theirs.value_of[i])
            homes |= {b: other.view(c) for b, c in zip(mine.saved_of[i], theirs.saved_of[i],
                                                       strict=True) if b.keep}  # fmt: skip
        for node in grads:
            buffer = mine.grad_of[self._number[node]]
            if buffer is not None and not isinstance(node, Parameter):
                homes[buffer] = other.grad(node)
        for buffer, tensor in mine.tensor.items():
            if buffer.root in homes:
                start = buffer.start * np.dtype(mine.dtype_name(buffer)).itemsize
                self.binding.bind(tensor, homes[buffer.root].ctypes.data + start)

    # -- data in and out ------------------------------------------------------------------

    def view(self, buffer: Buffer, n_rows: int | None = None) -> np.ndarray:
        """Return a buffer as an array of ``n_rows`` (default: the current) batch rows."""
        shape = with_rows(buffer.shape, self.n_rows if n_rows is None else n_rows)
        dtype = np.dtype(self.code.dtype_name(buffer))
        space, start = self.code.place(buffer)
        n = prod(shape) * dtype.itemsize
        return self._spaces[space].view(np.uint8)[start : start + n].view(dtype).reshape(shape)

    def feed(self, arrays: Mapping[str, Any]) -> None:
        """Copy arrays into the inputs; all are checked before the first is copied."""
        checked, n_rows = check_inputs(self.inputs, arrays, self.dtype)
        if n_rows is not None and n_rows > self.max_batch:
            raise ShapeError(f"feed: need at most {self.max_batch} rows; got {n_rows}")
        if n_rows is not None:
            self.n_rows = n_rows
        for node, array in checked.items():
            self.value(node)[...] = array

    def value(self, node: Node) -> np.ndarray:
        """Return a node's value, a view that the next run overwrites."""
        return self.view(self.code.value_of[self._number[node]])

    def grad(self, node: Node) -> np.ndarray:
        """Return the gradient at a node, a view that the next run overwrites."""
        return self.view(self.code.grad_of[self._number[node]])  # type: ignore[arg-type]

    def at_best_pace(self, which: str, run: Callable[[int], T]) -> T:
        """Call ``run`` with the number of threads that it is to use for the rows that were fed.

        They are one, or all that are allowed, whichever was faster for such calls: for those with
        the same ``which``.
        """
        allowed = get_num_threads()
        if allowed == 1 or self.flop * self.n_rows < schedule.MIN_FLOP * self.max_batch:
            return run(1)
        if allowed != self._allowed:
            self._allowed, self._paces = allowed, {}
            self.use_threads(allowed)
        pace = self._paces.get(which)
        if pace is None:
            pace = self._paces[which] = Pace(self.n_threads)
        n_threads, begin = pace.next()[1], perf_counter()
        found = run(n_threads)
        pace.record(1, n_threads, (perf_counter() - begin) * self.max_batch / self.n_rows)
        return found

    def run_all(self, **options: Any) -> None:
        """Run all steps."""
        self._run_steps("all", 0, self.n_steps, options)

    def run_forward(self, **options: Any) -> None:
        """Compute all values."""
        self._run_steps("forward", 0, self.n_forward, options)

    def run_backward(self, **options: Any) -> None:
        """Compute all gradients."""
        self._run_steps("backward", self.n_forward, self.n_steps, options)

    def _run_steps(self, which: str, first: int, last: int, options: dict[str, Any]) -> None:
        run = self.binding.run
        self.at_best_pace(which, lambda n: run(first, last, self.n_rows, n_thread=n, **options))

    def run_node(self, node: Node, *, backward: bool = False, **options: Any) -> None:
        """Run one node's own steps: its value, or what it adds to its inputs' gradients."""
        for step in self.lowered.node_steps[node][int(backward)]:
            at = self.code.step_index[step]
            self.binding.run(at, at + 1, self.n_rows, **options)

    def guards(self) -> list[tuple[str, np.ndarray]]:
        """Return (key, bytes that no kernel may write) for each buffer of the arena.

        These are the guard lines, the rest of a buffer's last line, and unused batch rows.
        """
        found = []
        starts = [(start, b) for b, (space, start) in self.code.places.items() if space == ARENA]
        starts.sort(key=lambda pair: pair[0])
        ends = [start for start, _ in starts[1:]] + [len(self.arena)]
        for (start, b), end in zip(starts, ends, strict=True):
            found.append((b.key, self.arena[start + self.view(b).nbytes : end]))
        return found
