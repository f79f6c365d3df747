"""The page's scripts where numbers are at their edges: the sign of zero, rows that do not count,
several NaN, losses that are capped."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from page_cases import NODE, Single, in_node, packed, singles, told, unpacked

import cnn_core as cnn
from cnn_core import BATCH, Graph, Input, ops
from cnn_core.viz.page.build import page_of
from cnn_core.viz.page.recorded import frame_of

pytestmark = pytest.mark.skipif(NODE is None, reason="need node, which runs the page's scripts")

NAN = np.nan


def both(node, feed, dy, dtype="float64"):
    """Return value and gradients of one operation as Python has them, and as the scripts do."""
    feed = [np.asarray(a, None if np.asarray(a).dtype.kind == "i" else dtype) for a in feed]
    feed = [a.astype("int32") if a.dtype.kind == "i" else a for a in feed]
    graph = Graph(node, dtype=dtype)
    y = np.asarray(graph.forward(**{n.name: a for n, a in zip(node.inputs, feed, strict=True)}))
    dy = np.asarray(dy, dtype)
    given = graph.backward({node: dy})
    right = [np.asarray(given[n.name]) if node.is_differentiable(i) else None
             for i, n in enumerate(node.inputs)]  # fmt: skip
    case = {"node": {**told(node), "shape": list(y.shape)}, "amplitude": 0, "runs": 1,
            "x": [packed(a) for a in feed], "y": packed(y), "dy": packed(dy)}  # fmt: skip
    (made,) = in_node({"cases": [case]})["cases"]
    return [y, *right], [unpacked(made["y"][0]), *map(unpacked, made["dx"][0])]


def need_same(right, made):
    for a, b in zip(right, made, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(b, a, 1e-12, 1e-15)


# -- the sign of zero ------------------------------------------------------------------------------


def with_zeros(case: Single, rng: np.random.Generator) -> None:
    """Put zeros of both signs, or of one, in the place of some numbers or all.

    Of 0 and -0 in one group the maximum and the minimum are either: that depends on the lanes.
    """
    one_sign = rng.random() < 0.5 or case.op in ("max", "min")
    for i, a in enumerate(case.feed):
        if a.dtype.kind == "f":
            zeros = np.full(a.shape, rng.choice([0.0, -0.0]))
            if not one_sign:
                zeros = rng.choice([0.0, -0.0], a.shape)
            few = rng.choice([1.0, -1.0, 0.5], a.shape) if rng.random() < 0.5 else a
            share = rng.choice([0.5, 0.8, 1.0])
            case.feed[i] = np.where(rng.random(a.shape) < share, zeros, few).astype(a.dtype)
    with np.errstate(all="ignore"):
        case.run(rng, zeros=rng.choice([0.2, 0.6, 1.0]))


def test_zeros_have_the_signs_of_python():
    rng, compared = np.random.default_rng(2), {}
    found = list(singles(6))
    for case in found:
        with_zeros(case, rng)
    answers = in_node({"cases": [c.json(1) for c in found]})["cases"]
    for case, made in zip(found, answers, strict=True):
        if not made["known"]:
            continue
        pairs = [(made["y"][0], case.y), *zip(made["dx"][0], case.dx, strict=True)]
        for i, (one, right) in enumerate(pairs):
            if right is None:
                continue
            one = unpacked(one)
            zero = (one == 0) & (right == 0)
            wrong = zero & (np.signbit(one) != np.signbit(right))
            who = f"{case.op} of {case.dtype}, {case.value}, {'value' if i == 0 else i - 1}"
            assert not wrong.any(), f"{who}: {one[wrong][0]} instead of {right[wrong][0]}"
            signs = compared.setdefault((case.op, i == 0), set())
            signs |= set(np.signbit(right[zero]).tolist())
    # Enough of them have met a zero of each sign that a fault would be seen.
    assert sum(signs == {False, True} for signs in compared.values()) > 50, compared


def test_the_power_1_2_is_the_square_root():
    """That of -0 is -0 and of -inf NaN, which a power is not; its slope and that of 3/2 too."""
    for p in (0.5, 1.5):
        x = np.array([-0.0, 0.0, 4.0, -np.inf, np.inf, NAN])
        right, made = both(ops.power(Input("x", (6,)), p), [x], np.ones(6))
        need_same(right, made)
        assert np.array_equal(np.signbit(made[0][:3]), np.signbit(right[0][:3]))


def page_data(graph):
    return json.loads(re.search(r'id="graph">(.*?)</script>', page_of(graph), re.DOTALL)[1])


def shared(kind):
    """Return a graph of operands with several paths, in which zeros of both signs come up."""
    x, z = (Input(name, {"scalars": (), "rows": (BATCH, 3)}[kind]) for name in "xz")
    w = cnn.Parameter("w", np.array(-0.5)) if kind == "scalars" else x - z
    dead = ops.relu(x * z - 1.0)
    found = [-dead * x, ops.scale(dead, -2.0) + x, z - dead * w, ops.abs(z) - ops.maximum(x, z),
             ops.where(x, -z, z * dead), ops.clip(x, -1.0, 0.0) * w]  # fmt: skip
    if kind == "rows":
        b = cnn.Parameter("b", np.array([-0.0, 0.0, 0.5]))
        found += [ops.concat([x, -dead], axis=1)[:, :3], ops.sum(-dead, axis=1, keepdims=True),
                  ops.dense(-dead, cnn.Parameter("v", np.eye(3)), b), ops.softmax(x) * dead]
    total = found[0]
    for part in found[1:]:
        total = total + part
    return Graph(ops.sum(total) if kind == "rows" else total)


@pytest.mark.parametrize("kind", ["scalars", "rows"])
def test_a_page_that_computes_again_has_the_signs_of_python(kind):
    """Values, gradients and what paths add, also where several paths add to one gradient."""
    rng, graph = np.random.default_rng(3), shared(kind)
    nodes = graph.nodes_topologically_sorted()
    number = {n.name: i for i, n in enumerate(nodes)}
    pages, wanted = [], []
    for _ in range(12):
        old, new = ({name: rng.choice([0.0, -0.0, 1.0, -1.0], () if kind == "scalars" else (2, 3))
                     for name in "xz"} for _ in range(2))  # fmt: skip
        graph.forward(**old)
        graph.backward()
        edits = [[number[name], packed(np.asarray(a))] for name, a in new.items()]
        pages.append({"page": page_data(graph), "edits": edits})
        graph.forward(**new)
        graph.backward()
        wanted.append(frame_of(graph))
    for made, right in zip(in_node({"states": pages})["states"], wanted, strict=True):
        for i, node in enumerate(nodes):
            for one, array in [
                (made["values"][i], right.values[i]), (made["gradients"][i], right.gradients[i]),
                *zip(made["parts"][i], right.contributions[i], strict=True),
            ]:  # fmt: skip
                if array is not None:
                    one = unpacked(one)
                    assert np.array_equal(one, array), (node, one, array)
                    assert np.array_equal(np.signbit(one), np.signbit(array)), (node, one, array)


# -- rows that do not count ------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "sum_over_batch"])
@pytest.mark.parametrize("w", [[2.0, 0.0, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 2.0, 3.0]])
def test_a_row_of_weight_0_adds_nothing_whatever_it_holds(reduction, w):
    rows, weight = Input("rows", (BATCH,)), Input("weight", (BATCH,))
    node = ops.row_mean(rows, weight, reduction=reduction)
    held = np.array([1.0, NAN, -2.0, np.inf])
    need_same(*both(node, [held, w], np.inf))
    right, made = both(node, [held, w], 1.5)
    need_same(right, made)
    if w[1] == 0:
        assert made[1][1] == made[1][3] == 0
    if w[0] == 2.0:
        assert np.isfinite(made[0])


LOSSES = ["mse", "mae", "huber", "pinball", "poisson", "hinge", "binary_cross_entropy",
          "softmax_cross_entropy"]  # fmt: skip


@pytest.mark.parametrize("op", LOSSES)
def test_a_row_without_a_gradient_gives_none_whatever_it_holds(op):
    z, t = Input("z", (BATCH, 3)), Input("t", (BATCH, 3))
    given = {"q": 0.25} if op == "pinball" else {}
    node = getattr(ops, op)(z, t, reduction="none", **given)
    values = np.array([[0.5, -1.0, 2.0], [NAN, 1.0, NAN], [NAN, np.inf, -np.inf]])
    targets = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, NAN], [1.0, 0.0, 0.0]])
    right, made = both(node, [values, targets], [2.0, 0.0, 0.0])
    need_same(right, made)
    assert not made[1][1:].any()
    assert not made[2][1:].any()
    assert made[1][0].any()


# -- targets, NaN and the cap ----------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_target_rows_need_not_add_up_to_1(smoothing):
    """The gradient of z is the sum of the targets times softmax(z), less the targets."""
    z, t = Input("z", (BATCH, 3)), Input("t", (BATCH, 3))
    node = ops.softmax_cross_entropy(z, t, label_smoothing=smoothing, reduction="none")
    values = np.array([[0.5, -1.0, 2.0], [1.0, 1.0, 0.0], [0.0, 3.0, -2.0], [0.0, 1.0, 2.0]])
    targets = np.array([[0.5, 0.25, 0.0], [2.0, 1.0, 0.5], [0.0, 0.0, 0.0], [0.2, 0.3, 0.5]])
    right, made = both(node, [values, targets], [1.0, -0.5, 2.0, 1.0])
    need_same(right, made)
    e = np.exp(values)
    all_ = (1 - smoothing) * targets + smoothing / 3
    wanted = all_.sum(1, keepdims=True) * e / e.sum(1, keepdims=True) - all_
    np.testing.assert_allclose(made[1], wanted * [[1.0], [-0.5], [2.0], [1.0]], 1e-12, 1e-15)


@pytest.mark.parametrize("op", ["max", "min"])
@pytest.mark.parametrize("axis", [0, 1, (0, 1)])
def test_the_first_of_several_nan_takes_the_gradient(op, axis):
    x = np.array([[1.0, NAN, -3.0, NAN], [NAN, 5.0, 7.0, NAN], [2.0, NAN, 9.0, -1.0]])
    node = getattr(ops, op)(Input("x", (3, 4)), axis=axis)
    dy = np.arange(1.0, 1 + np.max(x, axis=axis).size).reshape(np.max(x, axis=axis).shape)
    right, made = both(node, [x], dy)
    need_same(right, made)
    groups = {0: x.T, 1: x, (0, 1): x.reshape(1, 12)}[axis]
    taken = {0: made[1].T, 1: made[1], (0, 1): made[1].reshape(1, 12)}[axis]
    for group, got in zip(groups, taken, strict=True):
        if np.isnan(group).any():
            assert np.flatnonzero(got).tolist() == [np.isnan(group).argmax()]


def test_nan_is_the_largest_score_of_another_class():
    z, t = Input("z", (BATCH, 4)), Input("t", (BATCH,), "int32")
    node = ops.hinge(z, t, reduction="none")
    values = np.array([[1.0, 5.0, NAN, 2.0], [1.0, NAN, 5.0, 2.0], [NAN, 1.0, 2.0, 3.0]])
    need_same(*both(node, [values, [0, 0, 0]], [1.0, 2.0, 3.0]))
    right, made = both(node, [np.array([[1.0, 5.0, 5.0, 2.0]]), [3]], [2.0])
    need_same(right, made)
    assert made[1].tolist() == [[0.0, 2.0, 0.0, -2.0]]


@pytest.mark.parametrize("labels", [True, False])
def test_a_loss_is_capped_and_its_gradient_is_not(labels):
    z = Input("z", (BATCH, 3))
    t = Input("t", (BATCH,), "int32") if labels else Input("t", (BATCH, 3))
    node = ops.softmax_cross_entropy(z, t, reduction="none", most=1.5)
    values = np.array([[5.0, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0, 0.0, 0.1]])
    targets = np.array([1, 1, 0]) if labels else np.eye(3)[[1, 1, 0]]
    right, made = both(node, [values, targets], [1.0, 1.0, 1.0])
    need_same(right, made)
    assert made[0][0] == 1.5
    assert made[0][1] < 0.1
    assert 1.0 < made[0][2] < 1.5
    assert made[1][0].max() > 0.9


def test_each_element_of_binary_cross_entropy_is_capped():
    z, t = Input("z", (BATCH, 2)), Input("t", (BATCH, 2))
    node = ops.binary_cross_entropy(z, t, reduction="none", most=1.5)
    right, made = both(node, [[[9.0, -9.0], [9.0, 0.0]], [[0.0, 0.0], [1.0, 1.0]]], [1.0, 1.0])
    need_same(right, made)
    assert made[0][0] == pytest.approx(0.75, abs=1e-3)
    assert made[1][0][0] > 0.4
