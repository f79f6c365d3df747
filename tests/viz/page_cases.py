"""Single operations for the page's scripts, and what Python makes of them.

They are drawn by the rules of tests/fuzz.  Each is a graph of its own, whose inputs hold the
numbers of its operands; so a gradient is what one path adds.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from fuzz_case import FAMILIES
from fuzz_values import NOISE, RULES, SEED, Draw, Unfit, Value

from cnn_core import Graph, Input, Node
from cnn_core.viz.page.given import options_of

ASSETS = Path(__file__).resolve().parents[2] / "cnn_core" / "viz" / "page" / "assets"
DRIVER = Path(__file__).with_name("page_driver.js")
NODE = shutil.which("node")
SLOW = ("gaussian_noise",)
"""The references of these take long, and the page does not compute them."""
LARGEST = 4000
"""Elements of a case: what a page carries whole."""


@dataclass
class Single:
    """One operation: its operands, its value, the gradient given at it and what each path adds."""

    op: str
    dtype: str
    value: Value
    node: Any
    feed: list[np.ndarray]
    training: bool
    y: np.ndarray = field(init=False)
    dy: np.ndarray = field(init=False)
    dx: list[np.ndarray | None] = field(init=False)

    def run(self, rng: np.random.Generator, zeros: float = 0.2) -> None:
        """Let Python compute; of the gradient given at the value such a share is 0, or -0."""
        graph = Graph(self.node, dtype=self.dtype, training=self.training, seed=SEED)
        fed = {n.name: a for n, a in zip(self.node.inputs, self.feed, strict=True)}
        self.y = np.asarray(graph.forward(**fed))
        dy = rng.standard_normal(self.y.shape) * (rng.random(self.y.shape) >= zeros)
        self.dy = dy.astype(self.dtype)
        self.dx = [None] * len(self.feed)
        if any(self.node.is_differentiable(i) for i in range(len(self.feed))):
            found = graph.backward({self.node: self.dy})
            self.dx = [np.asarray(found[n.name]) if self.node.is_differentiable(i) else None
                       for i, n in enumerate(self.node.inputs)]  # fmt: skip

    def json(self, runs: int) -> dict[str, Any]:
        real = "f4" if self.dtype == "float32" else "f8"
        terms = max((n for a in self.feed for n in a.shape), default=1)
        exact = self.value.rule is not None and self.value.rule.exact
        near = NOISE * float(np.finfo(self.dtype).eps) * terms**0.5
        node = {**told(self.node), "shape": list(self.y.shape), "real": real}
        return {"node": node, "x": [packed(a) for a in self.feed], "y": packed(self.y),
                "dy": packed(self.dy), "amplitude": 0.0 if exact else near, "runs": runs}


def singles(most: int) -> Iterator[Single]:
    """Yield ``most`` cases of each rule and type."""
    assert FAMILIES, "the rules are read"
    for name, rule in RULES.items():
        seen: Counter = Counter()
        for seed in range(0 if rule.op in SLOW or rule.op == "gate" else 60 * most):
            draw = Draw([seed, *name.encode()])
            if seen.total() == 2 * most:
                break
            if seen[draw.dtype] == most or draw.rows > 130:
                continue
            try:
                draw.apply(rule)
            except Unfit:
                continue
            v = draw.values[-1]
            if v.operands and sum(x.runs[0].size for x in (v, *v.operands)) <= LARGEST:
                seen[draw.dtype] += 1
                yield single(v, draw)


def single(v: Value, case: Draw) -> Single:
    assert v.rule is not None
    kinds = ["int32" if x.node.dtype == "int32" else "real" for x in v.operands]
    inputs = [Input(f"x{i}", x.node.shape, kind)
              for i, (x, kind) in enumerate(zip(v.operands, kinds, strict=True))]  # fmt: skip
    feed = [x.runs[0].astype("int32" if kind == "int32" else case.dtype)
            for x, kind in zip(v.operands, kinds, strict=True)]  # fmt: skip
    node = v.rule.node(inputs, v.options)
    return Single(v.rule.op, case.dtype, v, node, feed, case.training)


def told(node: Node) -> dict[str, Any]:
    """Return what the scripts are told of a node of scalars in float64."""
    return {"op": node.op, "options": options_of(node), "batched": node.batched, "shape": [],
            "real": "f8", "inputs": list(range(len(node.inputs)))}  # fmt: skip


def packed(array: np.ndarray) -> dict[str, Any]:
    kind = {"float64": "f8", "float32": "f4", "int32": "i4"}[str(array.dtype)]
    text = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"shape": list(array.shape), kind: text}


def unpacked(made: dict[str, Any] | None) -> np.ndarray | None:
    if made is None:
        return None
    return np.frombuffer(base64.b64decode(made["f8"])).reshape(made["shape"])


def scripts() -> list[Path]:
    """Return the scripts that compute, in the order in which the page has them."""
    return [ASSETS / "tensor.js", ASSETS / "operations.js", *sorted(ASSETS.glob("op_*.js"))]


def in_node(given: dict[str, Any]) -> dict[str, Any]:
    """Return what the scripts answer, all of it in one process."""
    assert NODE is not None
    paths = map(str, (*scripts(), ASSETS / "state.js"))
    done = subprocess.run([NODE, str(DRIVER), *paths], input=json.dumps(given),
                          capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)
