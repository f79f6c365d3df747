"""Random graphs find faults of every stage: what lowering, memory, threads and kernels do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fuzz_check import check_all

from cnn_core import Graph, Input, ops
from cnn_core.compile import compiled, lowering, memory, schedule, shared_weights, stretches
from cnn_core.compile.aliases import Aliases
from cnn_core.compile.compiled import Compiled
from cnn_core.compile.steps import FORWARD, Lowered

MOST = 600

FROM = {"block memory that all buffers share": 290,
        "gradients shared by views that leave gaps": 60}  # fmt: skip
"""Few graphs show these; the search begins where the next is not far."""


@pytest.fixture(autouse=True)
def _warnings(recwarn):
    """More threads than cores warn."""


@pytest.fixture(autouse=True)
def _compiled_anew():
    """What was compiled with a fault is not used by the next test, nor the other way round."""
    _forget_compiled()
    yield
    _forget_compiled()


def _forget_compiled() -> None:
    compiled._recent.clear()
    compiled._shared.clear()


def kernel_of(op: str, dtype: str) -> int:
    """Return the address of the forward kernel of an operation on one operand."""
    graph = Graph(getattr(ops, op)(Input("x")), dtype=dtype)
    graph.forward(x=1.0)
    return graph.program.plan.replace_kernel(0, 0)


def replaced(where: Callable[[Compiled, int], bool], op: str):
    """Plans call another kernel in the steps that ``where`` picks."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        build = Compiled.build_plan
        address = {dtype: kernel_of(op, dtype) for dtype in ("float32", "float64")}

        def build_wrong(self):
            build(self)
            for at in range(self.n_steps):
                if where(self, at):
                    self.plan.replace_kernel(at, address[str(self.dtype)])

        patch.setattr(Compiled, "build_plan", build_wrong)

    return plant


def _forward_of(op):
    return lambda p, at: p.steps[at].op == op and p.steps[at].which == FORWARD


def _accumulate(change: Callable[[int], int]):
    def plant(patch):
        in_order = Lowered.in_order

        def wrong(self, *, apart):
            steps = in_order(self, apart=apart)
            for step in steps:
                if step.grads:
                    step.accumulate = change(step.accumulate)
            return steps

        patch.setattr(Lowered, "in_order", wrong)

    return plant


def _alias_start(patch):
    right = Aliases.__init__

    def wrong(self, *args):
        right(self, *args)
        self.start = dict.fromkeys(self.start, 0)

    patch.setattr(Aliases, "__init__", wrong)


def _alias_of_parts_that_overlap(patch):
    patch.setattr(Aliases, "_divide", lambda self, x, users, flows: all(
        node in self.start and node in flows for node in users))  # fmt: skip


def _memory_freed_too_early(patch):
    right = memory.lifetimes

    def wrong(steps):
        return {b: (first, max(first, last - 1)) for b, (first, last) in right(steps).items()}

    patch.setattr(memory, "lifetimes", wrong)


def _last_tile_left_out(patch):
    right = schedule._tiles

    def wrong(steps, wave, n_threads, max_batch):
        return [(i, begin, end - (end > begin + 1)) for i, begin, end in
                right(steps, wave, n_threads, max_batch)]  # fmt: skip

    patch.setattr(schedule, "_tiles", wrong)


def _columns_left_out(patch):
    right = schedule._column_tiles

    def wrong(i, step, n_threads):
        tiles = right(i, step, n_threads)
        return [*tiles[:-1], (i, tiles[-1][1], tiles[-1][2] - 1)] if len(tiles) > 1 else tiles

    patch.setattr(schedule, "_column_tiles", wrong)


def _late_steps_in_one_wave(patch):
    right = schedule._waves
    patch.setattr(schedule, "_waves", lambda steps, first, last: [
        [i for wave in reversed(right(steps, first, last)) for i in wave]
    ] if first < last else [])  # fmt: skip


def _activation_forgets_its_options(patch):
    right = lowering.Lowering._forward_step

    def wrong(self, node, value, op, attrs):
        if op == "dense" and len(attrs) > 1:
            attrs = (attrs[0], *(2 * a for a in attrs[1:]))
        return right(self, node, value, op, attrs)

    patch.setattr(lowering.Lowering, "_forward_step", wrong)


def _shared_weight_left_out(patch):
    right = shared_weights._joined
    patch.setattr(shared_weights, "_joined", lambda w, grad, steps: right(w, grad, steps[1:]))


def _block_memory_for_what_others_need(patch):
    def wrong(self, outputs):
        self.local = [b for b in self._parts if not b.keep]

    patch.setattr(stretches._Run, "find_local", wrong)


def _block_memory_that_all_share(patch):
    right = stretches.plan_rows
    patch.setattr(stretches, "plan_rows", lambda steps, buffers, dtype, n_row: (
        dict.fromkeys(buffers, 0), right(steps, buffers, dtype, n_row)[1]))  # fmt: skip


FAULTS = {
    "a kernel of another operation": replaced(_forward_of("tanh"), "sigmoid"),
    "a copy where a sign was to change": replaced(_forward_of("neg"), "abs"),
    "gradients written that were to be added": _accumulate(lambda bits: 0),
    "gradients added to what was there": _accumulate(lambda bits: bits | 1),
    "views that all begin at 0": _alias_start,
    "gradients shared by views that leave gaps": _alias_of_parts_that_overlap,
    "memory given away one step too early": _memory_freed_too_early,
    "weight rows left out at the end of a tile": _last_tile_left_out,
    "columns left out": _columns_left_out,
    "late steps before what they wait for": _late_steps_in_one_wave,
    "options of what joins a product forgotten": _activation_forgets_its_options,
    "a step of time left out of a shared weight": _shared_weight_left_out,
    "block memory for what others need": _block_memory_for_what_others_need,
    "block memory that all buffers share": _block_memory_that_all_share,
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name, monkeypatch):
    FAULTS[name](monkeypatch)
    with pytest.raises(AssertionError, match=r"^AssertionError: .*\n\nseed \d"):
        check_all(FROM.get(name, 0), MOST)
