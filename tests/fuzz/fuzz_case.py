"""A random graph: drawn from a seed, printed, cut down, and its gradients by the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import fuzz_elementwise
import fuzz_losses
import fuzz_norms
import fuzz_products
import fuzz_shapes
import numpy as np
from fuzz_values import RULES, RUNS, Draw, Unfit, Value

from cnn_core import Input, Node, Parameter

FAMILIES = (fuzz_elementwise, fuzz_losses, fuzz_norms, fuzz_products, fuzz_shapes)

PRODUCTS = ["dense", "dense", "dense", "matmul", "matmul'"]
"""What a large graph begins with, and others have more of than of the rest."""

JOINING = ["relu", "leaky_relu", "elu", "tanh", "gelu", "softplus"]
"""What a product often goes into: such are computed in one step with it."""

PARTS = 6 * ["slice", "concat", "stack", "reshape"]
"""Others have more of these too: of what lies in the memory of something else."""

Gradients = dict[Value, list[np.ndarray]]


@dataclass(frozen=True)
class Case:
    """A drawn graph: all values in order, and which of them are outputs."""

    seed: int
    dtype: str
    rows: int
    training: bool
    values: Sequence[Value]
    outputs: Sequence[Value]

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, {self.dtype}, {self.rows} rows, training={self.training}"]
        lines += [str(v) for v in self.values]
        return "\n".join([*lines, "outputs: " + ", ".join(v.name for v in self.outputs)])

    @property
    def nodes(self) -> list[Node]:
        return [v.node for v in self.outputs]

    @property
    def feed(self) -> dict[str, np.ndarray]:
        return {v.name: self._typed(v.runs[0]) for v in self.values if isinstance(v.node, Input)}

    @property
    def parameters(self) -> list[Parameter]:
        return [v.node for v in self.values if isinstance(v.node, Parameter)]

    def _typed(self, array: np.ndarray) -> np.ndarray:
        return array if array.dtype.kind == "i" else array.astype(self.dtype)

    def other_rows(self, rows: int) -> dict[str, np.ndarray]:
        """Return inputs for another number of rows, the same ones again and again."""
        batched = {v.name for v in self.values if v.rule is None and v.batched}
        return {k: np.resize(a, (rows, *a.shape[1:])) if k in batched else a
                for k, a in self.feed.items()}  # fmt: skip

    def ending_at(self, outputs: Sequence[Value]) -> Case:
        """Return the part that ``outputs`` depend on, and an input that says how many rows."""
        needed = set(outputs)
        for v in reversed(self.values):
            if v in needed:
                needed.update(v.operands)
        given = [v for v in self.values if v.batched and v.rule is None]
        if any(v.batched for v in needed) and needed.isdisjoint(given):
            return self.ending_at([*outputs, given[0]])
        return replace(self, outputs=outputs, values=[v for v in self.values if v in needed])


def draw_case(seed: int) -> Case:
    """Return the graph of a seed: the same on every machine."""
    d = Draw(seed)
    names, wanted = [*RULES, *PRODUCTS, *PARTS], d.size(3) if d.large else d.size(40, least=3)
    for _ in range(4 * wanted):
        among = names if d.values or not d.large else PRODUCTS
        joins = bool(d.values) and d.values[-1].is_product and d.flip(0.4)
        d.next = d.values[-1] if joins else None
        try:
            d.apply(RULES[d.choose(JOINING if joins else among)])
        except Unfit:
            continue
        if sum(v.rule is not None for v in d.values) >= wanted:
            break
    d.next = None
    if d.flip(0.5):
        _end_in_a_scalar(d)
    results = [v for v in d.values if v.rule is not None] or d.values
    used = {x for v in results for x in v.operands}
    ends = [v for v in results if v not in used]
    outputs = ends[-1:] if d.flip(0.6) and not d.large else ends[::-1]
    if d.flip(0.25):
        outputs = [*outputs, d.choose(results)]
    case = Case(seed, d.dtype, d.rows, d.training, d.values, outputs)
    return case.ending_at(outputs)


def _end_in_a_scalar(d: Draw) -> None:
    """Make what a step can minimise of the last value: most training ends so."""
    last = next(v for v in reversed(d.values) if v.node.dtype == "real")
    try:
        # That of classes twice: its targets are no numbers, so it is often fused with its gradient.
        for name in d.choose([("mse",), ("huber",), *[("softmax_cross_entropy",)] * 2, ()]):
            d.next = last
            d.apply(RULES[name])
            d.next = d.values[-1]
            d.apply(RULES["row_mean"])
            return
        d.add(RULES[d.choose(["mean", "sum"])], [last], {"axis": None, "keepdims": False}, {})
    except Unfit:
        return


def differentiable(v: Value) -> bool:
    real = any(x.node.dtype == "real" for x in v.operands)
    return v.rule is not None and v.rule.grads is not None and real


def gradients(case: Case, seeds: Mapping[Value, np.ndarray]) -> Gradients:
    """Return the gradients of every value that one reaches, in each run."""
    noise = Draw(case.seed, noise=2)
    noise.dtype = case.dtype
    found: Gradients = {v: [dy] * RUNS for v, dy in seeds.items()}
    for v in reversed(case.values):
        if v not in found or not differentiable(v):
            continue
        parts = [_parts(v, found[v][k], k, noise) for k in range(RUNS)]
        for i, x in enumerate(v.operands):
            if parts[0][i] is None or x.node.dtype != "real":
                continue
            new = [part[i] for part in parts]
            found[x] = [a + b for a, b in zip(found[x], new, strict=True)] if x in found else new
    return found


def _parts(v: Value, dy: np.ndarray, k: int, noise: Draw) -> list[np.ndarray | None]:
    """Return what the gradient at ``v`` gives its operands in run ``k``.

    Each gradient is a kernel of its own, which rounds on its own, so each has noise of its own:
    noise in common could cancel where two of them meet again.
    """
    assert v.rule is not None
    assert v.rule.grads is not None
    xs, y = [x.runs[k] for x in v.operands], v.runs[k]

    def grads(amplitude: float) -> list[np.ndarray | None]:
        inexact = 0.0 if v.rule.exact else amplitude
        near = [noise.noisy(y, inexact, float(v.rule.saturates)),
                *(noise.noisy(x, inexact) for x in xs)]  # fmt: skip
        with np.errstate(all="ignore"):
            found = v.rule.grads(noise.noisy(dy, amplitude), *near, **v.options, **v.hidden)
            size = np.abs(dy).max(initial=0) if v.rule.saturates else 0.0
            sizes = [size] * len(found)
            if v.rule.slack is not None:
                sizes = v.rule.slack(dy, y, *xs, **v.options, **v.hidden)
        return [g if g is None else noise.noisy(np.asarray(g), amplitude, size)
                for g, size in zip(found, sizes, strict=True)]  # fmt: skip

    amplitude = noise.amplitude(v.rule, *xs, y) if k else 0.0
    if k == 0 or v.rule.exact:
        return grads(amplitude)
    return [grads(amplitude)[i] for i in range(len(xs))]
