"""Gradients of weights that several dense steps share, as those of the steps of time do."""

from __future__ import annotations

from math import prod

from cnn_core.compile.steps import FORWARD, LATE, WHOLE, Buffer, Lowered, Step
from cnn_core.ir.node import Node, Parameter


def join_weight_gradients(out: Lowered) -> None:
    """Make one product of the gradients of each weight that several unbatched dense steps share.

    Unrolled over time, a network adds to few weights many times: this way it writes them once.
    """
    shared: dict[Node, list[Step]] = {}
    for step in out.backward:
        if step.op == "dense" and step.which == 1 and not step.operands[0].batched:
            shared.setdefault(step.grads[0], []).append(step)
    joined = {w: steps for w, steps in shared.items()
              if isinstance(w, Parameter) and len(steps) > 1}  # fmt: skip
    if not joined:
        return
    gone = {step for steps in joined.values() for step in steps}
    out.backward = [s for s in out.backward if s not in gone]
    for _, backward in out.node_steps.values():
        backward[:] = [s for s in backward if s not in gone]
    for w, steps in joined.items():
        step = _joined(w, out.grad[w], steps)
        out.backward.append(step)
        out.node_steps[w][1].append(step)


def _joined(w: Node, dw: Buffer, steps: list[Step]) -> Step:
    pairs = [(s.operands[0], s.operands[-2]) for s in steps]  # x and dy, in the order of the sums
    rows = sum(prod(x.shape[:-1]) for x, _ in pairs)
    name = f"{w.label}.grad"
    saved = [Buffer(f"{name}.{key}", (rows, n), False)
             for key, n in zip(("x", "dy"), w.shape, strict=True)]  # fmt: skip
    operands = [*(b for pair in pairs for b in pair), *saved, dw]
    return Step("weight_grad", FORWARD, operands, (), WHOLE, name, grads=(w,), stage=LATE,
                n_saved=2, node=w)  # fmt: skip
