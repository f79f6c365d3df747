"""The memory planner: what lives at the same time shares no byte."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_core.compile.memory import lifetimes, n_bytes, plan_memory
from cnn_core.compile.steps import Buffer, Step
from cnn_core.ir.node import BATCH


@st.composite
def step_lists(draw):
    shapes = st.lists(st.integers(1, 20), max_size=2).map(tuple)
    buffers = []
    for i in range(draw(st.integers(1, 12))):
        batched = draw(st.booleans())
        shape = draw(shapes)
        buffers.append(
            Buffer(f"b{i}", (BATCH, *shape) if batched else shape, batched,
                   draw(st.sampled_from(["real", "int32", "float64"])),
                   draw(st.sampled_from(["arena", "arena", "arena", "param", "grad"])),
                   draw(st.booleans()) and draw(st.booleans()))
        )  # fmt: skip
    operands = st.lists(st.sampled_from(buffers), min_size=1, max_size=4, unique_by=id)
    steps = [Step("op", -1, draw(operands), (), 0, f"s{i}")
             for i in range(draw(st.integers(0, 15)))]  # fmt: skip
    return buffers, steps


def _places(buffers, steps, guard=0):
    arena = [b for b in buffers if b.home == "arena"]
    offsets, end = plan_memory(steps, arena, "float32", 5, guard)
    assert set(offsets) == set(arena)
    places = {b: (at, at + n_bytes(b, "float32", 5)) for b, at in offsets.items()}
    assert all(begin % 64 == 0 and begin >= 0 for begin, _ in places.values())
    assert all(stop + guard <= end for _, stop in places.values())
    return places, end


@given(step_lists())
def test_live_buffers_do_not_overlap(drawn):
    buffers, steps = drawn
    places, end = _places(buffers, steps)
    spans = lifetimes(steps)
    for b in places:
        spans.setdefault(b, (-1, len(steps)))
    for a, (a0, a1) in places.items():
        for b, (b0, b1) in places.items():
            alive = spans[a][0] <= spans[b][1] and spans[b][0] <= spans[a][1]
            assert a is b or not alive or a1 <= b0 or b1 <= a0
    assert end <= sum(stop - begin for begin, stop in places.values())


@given(step_lists())
def test_with_guards_nothing_is_shared(drawn):
    places, _ = _places(*drawn, guard=64)
    ordered = sorted(places.values())
    assert all(b[0] >= a[1] + 64 for a, b in pairwise(ordered))


def test_a_chain_needs_two_buffers():
    chain = [Buffer(f"b{i}", (BATCH, 16), True) for i in range(50)]
    steps = [Step("op", -1, [a, b], (), 1, "") for a, b in pairwise(chain)]
    _, size = plan_memory(steps, chain, "float32", 10)
    assert size == 2 * 16 * 10 * 4


@pytest.mark.parametrize(("dtype", "expected"), [("float32", 64), ("float64", 128)])
def test_sizes_are_whole_lines(dtype, expected):
    assert n_bytes(Buffer("b", (BATCH, 3), True), dtype, 5) == expected
