"""What random graphs are made of: values with their reference, and rules that draw them.

A graph is a list of `Value`s, leaves and results of operations.  Each holds its node and its
numbers, computed in float64 NumPy by the rule of its operation, four times: once as exactly as
that goes, and three times with noise as large as what rounding in the graph's type can do.  How
far the four part says how precisely a right graph must agree; so no tolerance is written anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cnn_core import BATCH, Input, Node, Parameter, ops
from cnn_core.ir.node import Constant
from cnn_core.ir.shapes import with_rows

SEED, STEP = 11, 1
"""Every run has this seed and counter, from which dropout masks follow."""

RUNS = 4
"""The reference itself, and those with noise: so many that hardly ever all of it cancels."""

NOISE = 4.0
"""Units in the last place by which noise moves an operand and a result."""

LARGEST = 1e4
"""Values beyond are not drawn, so that nothing overflows later."""

Call = tuple[Sequence["Value"], dict[str, Any], dict[str, Any]]  # operands, options, hidden


class Unfit(Exception):
    """A rule finds nothing that fits, or what it makes is no fair test."""


@dataclass(frozen=True)
class Rule:
    """How an operation is drawn, and what it must give.

    ``draw`` chooses operands and options, once or several times.  ``value(*arrays, **options)``
    is the reference, ``grads(dy, y, *arrays, **options)`` its gradients, one per operand, None
    where there is none.  Both get the hidden options too, which are not the operation's own.
    ``kinks`` gives arrays that are 0 where the slope jumps.  ``exact``: rounds nothing.
    ``chain``: sums in the type of the graph, one by one.  ``saturates``: what it rounds on the way
    to a result or gradient is of the size of 1, or of dy, however small these are.
    ``slack(dy, y, *arrays, **options)`` gives the size of what it rounds on the way to each
    gradient, where that is larger than the gradient itself.
    ``build`` makes the node where that is more than ``ops.<op>(*operands, **options)``; ``text``
    says how that is written.
    """

    op: str
    draw: Callable[[Any], list[Call]]
    value: Callable[..., Any]
    grads: Callable[..., Any] | None = None
    kinks: Callable[..., list] | None = None
    exact: bool = False
    chain: bool = False
    saturates: bool = False
    slack: Callable[..., Any] | None = None
    build: Callable[..., Node] | None = None
    text: str = "{call}({args})"
    written: Callable[[dict[str, Any]], dict[str, Any]] = lambda options: options

    def node(self, nodes: Sequence[Node], options: dict[str, Any]) -> Node:
        if self.build:
            return self.build(nodes, options)
        return getattr(ops, self.op)(*nodes, **options)


RULES: dict[str, Rule] = {}


def rule(op: str, *parts: Any, **options: Any) -> None:
    """Register the rule of an operation; a second one of the same is another way to draw it."""
    name = op
    while name in RULES:
        name += "'"
    RULES[name] = Rule(op, *parts, **options)


@dataclass(eq=False)
class Value:
    """A leaf or a result: its node, and its numbers in each run."""

    name: str
    node: Node
    runs: list[np.ndarray]
    rule: Rule | None = None
    operands: tuple[Value, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    hidden: dict[str, Any] = field(default_factory=dict)
    kind: str = ""

    @property
    def shape(self) -> tuple[Any, ...]:
        return self.node.shape

    @property
    def batched(self) -> bool:
        return self.node.batched

    @property
    def row(self) -> tuple[int, ...]:
        return self.shape[1:] if self.batched else self.shape

    @property
    def is_product(self) -> bool:
        return self.rule is not None and self.rule.op == "dense"

    @property
    def is_target(self) -> bool:
        return isinstance(self.node, (Input, Parameter)) and self.node.dtype == "real"

    def __str__(self) -> str:
        if self.rule is None:
            shape = "(" + "".join(f"{n}, " for n in self.shape) + ")"
            return f"{self.name} = {type(self.node).__name__}{shape}  # {self.kind}"
        options = [f"{k}={v!r}" for k, v in self.rule.written(self.options).items()]
        args = ", ".join([*(v.name for v in self.operands), *options])
        call = self.rule.text.format(call=f"ops.{self.rule.op}", args=args)
        return f"{self.name} = {call}  # {self.shape}"


class Draw:
    """A graph while it is drawn: the values so far, and ways to choose among them."""

    def __init__(self, seed: int | list[int], noise: int = 1) -> None:
        self.rng = rng = np.random.default_rng(seed)
        # Apart, so that what the noise is like makes no other graph.
        self._noise = np.random.default_rng([noise, *(seed if isinstance(seed, list) else [seed])])
        self.dtype = str(rng.choice(["float32", "float64"]))
        self.training = bool(rng.random() < 0.6)
        self.large = bool(rng.random() < 0.02)  # few operations, products among them
        self.rows = self.size(int(rng.choice([8, 130, 1000, 3000], p=[0.62, 0.3, 0.06, 0.02])))
        if self.large:
            self.rows = self.size(20_000, least=500)
        self.limit = 1_000_000 if self.large else 20_000  # elements of a value
        self.values: list[Value] = []
        self.next: Value | None = None  # what the next operation is to take, if it can

    def size(self, most: int, least: int = 1) -> int:
        """Return a length from ``least`` to ``most``, of every order of magnitude alike."""
        return min(most, int(np.exp(self.rng.uniform(np.log(least), np.log(most + 1)))))

    def flip(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def choose(self, things: Sequence[Any]) -> Any:
        if not things:
            raise Unfit
        return things[int(self.rng.integers(len(things)))]

    def eighths(self, low: float, high: float) -> float:
        """Return an option's value that both types hold."""
        return float(self.rng.integers(round(8 * low), round(8 * high) + 1)) / 8

    # -- leaves ---------------------------------------------------------------------------

    def new_shape(self, n_dim: int | None = None, *, rows: int | None = None) -> tuple[int, ...]:
        """Return lengths whose product leaves room for the batch."""
        n = int(self.rng.choice([0, 1, 2, 3, 4], p=[0.1, 0.35, 0.35, 0.15, 0.05]))
        room = max(1, self.limit // (self.rows if rows is None else rows))
        shape = []
        for _ in range(n if n_dim is None else n_dim):
            most = 700 if self.flip(0.02) or self.large else 130 if self.flip(0.1) else 9
            shape.append(self.size(min(room, most)))
            room //= shape[-1]
        return tuple(shape)

    def leaf(self, row: tuple[int, ...], kind: str = "normal", *, batched: bool | None = None,
             of: Any = None) -> Value:  # fmt: skip
        """Return a new leaf; ``of`` is what a kind counts, see `numbers`."""
        batched = self.flip(0.65) if batched is None else batched
        shape = (BATCH, *row) if batched else tuple(row)
        name = f"v{len(self.values)}"
        array = numbers(kind, with_rows(shape, self.rows), of, self.rng)
        if array.dtype == np.float64:
            array = array.astype(self.dtype).astype(np.float64)
            makers = [lambda: Input(name, shape)]
            if not batched:
                makers += [lambda: Parameter(name, array)] * 3 + [lambda: Constant(array)]
            node = makers[int(self.rng.integers(len(makers)))]()
        elif batched or self.flip(0.5):
            node = Input(name, shape, "int32")
        else:
            node = Constant(array, dtype="int32")
        self.values.append(Value(name, node, [array] * RUNS, kind=kind))
        return self.values[-1]

    # -- choosing among what is there -----------------------------------------------------

    def real(self, accept: Callable[[Value], bool] = lambda v: True, *, kind: str = "normal",
             new: Callable[[], tuple[int, ...]] | None = None,
             batched: bool | None = None) -> Value:  # fmt: skip
        """Return a real value that ``accept`` takes: mostly the last, or one not used yet."""
        fits = [v for v in self.values if v.node.dtype == "real" and accept(v)]
        if self.next in fits:
            return self.next
        if fits and self.flip(0.85):
            used = {x for v in self.values for x in v.operands}
            idle = [v for v in fits if v not in used]
            return fits[-1] if self.flip(0.3) else self.choose(idle or fits)
        leaf = self.leaf(new() if new else self.new_shape(), kind, batched=batched)
        if not accept(leaf):
            raise Unfit
        return leaf

    def like(self, shape: tuple[Any, ...], kind: str = "normal") -> Value:
        """Return a real value of exactly this shape, with BATCH where it is batched."""
        batched = bool(shape) and shape[0] is BATCH
        row = tuple(shape[1:] if batched else shape)
        if kind == "normal":
            return self.real(lambda v: v.shape == tuple(shape), new=lambda: row, batched=batched)
        return self.leaf(row, kind, batched=batched)

    def partner(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a shape that broadcasts with ``shape``: fewer axes, and some of length 1."""
        if self.flip(0.4):
            return tuple(shape)
        kept = shape[int(self.rng.integers(len(shape) + 1)) :]
        return tuple(1 if n is not BATCH and self.flip(0.25) else n for n in kept)

    # -- applying a rule ------------------------------------------------------------------

    def amplitude(self, used: Rule, *arrays: np.ndarray) -> float:
        """Return how far noise moves numbers, relative to them."""
        terms = 1
        if used.chain or self.dtype == "float64":
            terms = max((n for a in arrays for n in a.shape), default=1)
        return NOISE * float(np.finfo(self.dtype).eps) * terms**0.5

    def noisy(self, array: np.ndarray, amplitude: float, size: Any = 0.0) -> np.ndarray:
        """Return numbers moved relative to themselves, and to ``size``."""
        if array.dtype.kind != "f" or amplitude == 0:
            return array
        moved = array * (1 + amplitude * self._noise.uniform(-1, 1, array.shape))
        if not np.any(size):
            return moved
        return moved + size * amplitude * self._noise.uniform(-1, 1, array.shape)

    def apply(self, used: Rule) -> None:
        """Let a rule add values; raise `Unfit` where it cannot."""
        for operands, options, hidden in used.draw(self):
            self.add(used, operands, options, hidden)

    def add(self, used: Rule, operands: Sequence[Value], options: dict[str, Any],
            hidden: dict[str, Any]) -> None:  # fmt: skip
        self.values.append(self._result(used, tuple(operands), options, hidden))

    def _result(self, used: Rule, operands: tuple[Value, ...], options: dict[str, Any],
                hidden: dict[str, Any]) -> Value:  # fmt: skip
        runs = []
        for k in range(RUNS):
            xs = [v.runs[k] for v in operands]
            amplitude = self.amplitude(used, *xs) if k and not used.exact else 0.0
            xs = [self.noisy(x, amplitude) for x in xs]
            with np.errstate(all="ignore"):
                y = np.asarray(used.value(*xs, **options, **hidden), np.float64)
            runs.append(self.noisy(y, amplitude, float(used.saturates)))
        self._need_fair(used, operands, options, runs)
        node = used.node([v.node for v in operands], options)
        assert with_rows(node.shape, self.rows) == runs[0].shape, (
            f"{used.op} of {[v.shape for v in operands]}, {options}: the node says {node.shape}, "
            f"the reference {runs[0].shape}"
        )
        return Value(f"v{len(self.values)}", node, runs, used, operands, options, hidden)

    def _need_fair(self, used: Rule, operands: tuple[Value, ...], options: dict[str, Any],
                   runs: list[np.ndarray]) -> None:  # fmt: skip
        """Raise `Unfit` unless the result is finite, not too large or noisy, and off its kinks."""
        y = runs[0]
        least = np.abs(y[y != 0]).min(initial=1) if y.dtype.kind == "f" else 1
        if least < 1e6 * np.finfo(self.dtype).tiny:  # what is smaller still becomes 0 on the way
            raise Unfit
        if y.ndim > 6 or y.size > self.limit or not all(np.isfinite(r).all() for r in runs):
            raise Unfit
        if np.abs(y).max() > LARGEST or parted(runs).mean() > 1e-5 + 1e-3 * np.abs(y).mean():
            raise Unfit
        if used.kinks is None:
            return
        found = [used.kinks(*(v.runs[k] for v in operands), **options) for k in range(RUNS)]
        for distances in zip(*found, strict=True):
            d = parted(distances)
            if np.any((np.abs(distances[0]) <= 20 * (d + d.mean())) & (d.mean() > 0)):
                raise Unfit


def parted(runs: Sequence[np.ndarray]) -> np.ndarray:
    """Return how far the runs with noise lie from the first, element by element."""
    return np.max([np.abs(r - runs[0]) for r in runs[1:]], axis=0)


def numbers(kind: str, shape: tuple[int, ...], of: Any, rng: np.random.Generator) -> np.ndarray:
    """Return float64 numbers, or int32 ones for labels and indices.

    ``normal`` are often multiples of 1/4, so that ties and exact zeros come up.
    """
    if kind == "normal":
        x = rng.standard_normal(shape)
        return np.round(4 * x) / 4 if rng.random() < 0.3 else x
    if kind == "positive":
        return rng.uniform(0.25, 2, shape)
    if kind == "unit":
        return rng.random(shape)
    if kind == "sign":
        return rng.choice([-1.0, 1.0], shape)
    if kind == "counts":
        return rng.integers(0, 6, shape).astype(float)
    if kind == "weight":
        return np.where(rng.random(shape) < 0.25, 0.0, rng.uniform(0.25, 2, shape))
    if kind == "distribution":
        x = rng.uniform(0.1, 1, shape)
        return x / x.sum(axis=-1, keepdims=True)
    if kind == "labels":
        return rng.integers(0, of, shape).astype(np.int32)
    if kind == "index":
        return rng.integers(-of, of, shape).astype(np.int32)
    raise ValueError(f"unknown kind of leaf {kind!r}")


def summed_to(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the gradient of an operand of ``shape`` that was broadcast."""
    gradient = np.asarray(gradient)
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    ones = tuple(i for i, n in enumerate(shape) if n == 1 and gradient.shape[i] != 1)
    return gradient.sum(axis=ones, keepdims=True) if ones else gradient
