"""Graph.record: the numbers of some steps of a training, which goes on as if nobody looked."""

from __future__ import annotations

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
from gates import Multiply, Square

from cnn_core import BATCH, Graph, Input, Parameter, ops
from cnn_core.errors import OptionError, ShapeError, StateError
from cnn_core.graph.recording import Recording
from cnn_core.ir.node import State
from cnn_core.optim import SGD, Adam

X = np.random.default_rng(0).standard_normal((6, 3))
Y = np.random.default_rng(1).standard_normal((6, 2))


def network():
    """Dropout, running statistics, gates, a weight used twice, and outputs that are not learnt."""
    rng = np.random.default_rng(2)
    x, y = Input("x", (BATCH, 3)), Input("y", (BATCH, 2))
    w, v = Parameter("w", rng.standard_normal((3, 4))), Parameter("v", rng.standard_normal((4, 2)))
    states = State("mean", np.zeros(4)), State("variance", np.ones(4))
    hidden = ops.batch_norm(ops.dense(x, w), None, None, *states, name="norm")
    hidden = ops.dropout(ops.tanh(Square()(hidden)), 0.4)
    out = ops.dense(hidden, v) + ops.mean(Multiply(w, w))
    return [ops.mse(out, y, name="loss"), out, ops.random_normal((2,), name="noise")]


def feed(i):
    return {"x": X * (1 + i % 3), "y": Y}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", [lambda: SGD(lr=0.05, momentum=0.9), Adam])
def test_a_recorded_training_is_the_same_to_the_bit(dtype, optimizer):
    found = []
    for every in (0, 1, 3):
        graph, by = Graph(network(), dtype=dtype, seed=3), optimizer()
        recording = graph.record(every) if every else None
        outputs = [np.concatenate([np.ravel(a) for a in graph.step(by, **feed(i))])
                   for i in range(8)]  # fmt: skip
        found.append([*outputs, *graph.params.values(), *graph.params.grads.values()])
        assert recording is None or len(recording) == len(range(0, 8, every))
    for other in found[1:]:
        for one, same in zip(found[0], other, strict=True):
            assert one.tobytes() == same.tobytes()


def test_what_a_graph_shows_stays_but_for_the_parameters():
    graph = Graph(network(), seed=3)
    graph.forward(**feed(1))
    graph.backward({"loss": 1.0})
    before = graph.value("x"), graph.value("norm"), graph.grad("norm"), graph.has_gradients
    with graph.record():
        graph.step(SGD(lr=0.1), **feed(0))
    after = graph.value("x"), graph.value("norm"), graph.grad("norm"), graph.has_gradients
    for one, same in zip(before, after, strict=True):
        assert np.array_equal(one, same)


def test_frames_hold_what_the_step_has_computed_before_its_update():
    """With plain gradient descent, each frame's parameters follow from the frame before."""
    graph, optimizer = Graph(network(), seed=3), SGD(lr=0.125)
    nodes = graph.nodes_topologically_sorted()
    at = {graph.name_of(node): i for i, node in enumerate(nodes)}
    with graph.record() as recording:
        outputs = [graph.step(optimizer, **feed(i)) for i in range(5)]
    assert [f.step for f in recording.frames] == [0, 1, 2, 3, 4]
    for frame, (loss, out, noise) in zip(recording.frames, outputs, strict=True):
        assert frame.loss == loss
        assert frame.values[at["loss"]] == pytest.approx(loss, rel=1e-14)
        found = [frame.values[nodes.index(n)] for n in graph.outputs[1:]]
        np.testing.assert_allclose(found[0], out, rtol=1e-13)
        assert np.array_equal(found[1], noise)
        assert frame.gradients[at["loss"]] == 1
    frames = recording.frames
    for one, following in pairwise(frames):
        for name in ("w", "v"):
            stepped = one.values[at[name]] - 0.125 * one.gradients[at[name]]
            np.testing.assert_allclose(following.values[at[name]], stepped, rtol=1e-12, atol=1e-14)
    assert not np.array_equal(frames[0].values[at["mean"]], frames[1].values[at["mean"]])


def test_what_the_paths_add_makes_the_gradient():
    graph = Graph(network(), seed=3)
    with graph.record() as recording:
        graph.step(SGD(lr=0.1), **feed(0))
    nodes, (frame,) = graph.nodes_topologically_sorted(), recording.frames
    for i, node in enumerate(nodes):
        parts = [frame.contributions[k][j] for k, user in enumerate(nodes)
                 for j, x in enumerate(user.inputs) if x is node]  # fmt: skip
        parts = [p for p in [*parts, frame.given.get(i)] if p is not None]
        if frame.gradients[i] is not None and parts:
            np.testing.assert_allclose(sum(parts), frame.gradients[i], rtol=1e-12, atol=1e-15)


# -- how much is kept ------------------------------------------------------------------------------


def scalars():
    return Graph(ops.square(Parameter("w", 1.0) * Input("x") - 1))


def record(n_steps, **options):
    graph, optimizer = scalars(), SGD(lr=0.01)
    with graph.record(**options) as recording:
        for _ in range(n_steps):
            graph.step(optimizer, x=2.0)
    return recording


@pytest.mark.parametrize(
    ("n_steps", "every", "most", "steps", "now"),
    [(7, 3, 10, [0, 3, 6], 3), (9, 1, 4, [0, 4, 8], 4), (20, 3, 3, [0, 12], 12),
     (5, 1, 1, [0], 8), (1, 7, 2, [0], 7)],
)  # fmt: skip
def test_where_there_are_too_many_every_other_frame_is_let_go(n_steps, every, most, steps, now):
    recording = record(n_steps, every=every, most=most)
    assert [f.step for f in recording.frames] == steps
    assert (recording.every, recording.n_steps) == (now, n_steps)
    assert len(recording.losses) == len(recording) == len(steps)


def test_frames_stay_within_their_memory():
    one = record(1).nbytes
    recording = record(50, most_bytes=5 * one)
    assert recording.nbytes <= 5 * one
    assert [f.step for f in recording.frames] == [0, 16, 32, 48]


def test_a_step_whose_frame_is_too_large_changes_nothing():
    graph, optimizer = scalars(), Adam()
    graph.step(optimizer, x=2.0)
    w, grad = graph.params["w"].copy(), graph.params.grads["w"].copy()
    need = r"^record: need most_bytes of at least 128, .* got 100$"
    with graph.record(most_bytes=100) as recording, pytest.raises(OptionError, match=need):
        graph.step(optimizer, x=3.0)
    assert (graph.params["w"], graph.params.grads["w"], optimizer.step_count) == (w, grad, 1)
    assert len(recording) == recording.n_steps == 0


def test_a_step_that_is_refused_is_not_recorded():
    graph = Graph(network(), seed=3)
    with graph.record() as recording, pytest.raises(ShapeError):
        graph.step(SGD(lr=0.1), x=X[:, :2], y=Y)
    assert recording.n_steps == 0


# -- beginning and end -----------------------------------------------------------------------------


def test_a_recording_ends():
    graph = scalars()
    first = graph.record()
    graph.step(SGD(lr=0.1), x=2.0)
    with pytest.raises(StateError, match=r"^record: need the other recording stopped; got <Rec"):
        graph.record()
    first.stop()
    first.stop()
    graph.step(SGD(lr=0.1), x=2.0)
    second = graph.record()
    graph.step(SGD(lr=0.1), x=2.0)
    first.stop()  # not the one that runs
    graph.step(SGD(lr=0.1), x=2.0)
    assert (len(first), len(second)) == (1, 2)
    assert first.belongs_to(graph)
    assert not first.belongs_to(scalars())


def test_a_recording_ends_with_an_error_in_its_block():
    graph = scalars()
    with pytest.raises(ZeroDivisionError), graph.record():
        graph.step(SGD(lr=0.1), x=2.0 / 0)
    graph.record().stop()


@pytest.mark.parametrize("make", [copy.deepcopy, lambda graph: pickle.loads(pickle.dumps(graph))])
def test_a_copy_of_a_graph_is_not_recorded(make):
    graph = scalars()
    recording = graph.record()
    other = make(graph)
    other.step(SGD(lr=0.1), x=2.0)
    graph.step(SGD(lr=0.1), x=2.0)
    assert len(recording) == 1
    assert isinstance(other.record(), Recording)


def test_rows_may_differ_and_a_single_row_has_its_axis():
    x, y = Input("x", (BATCH, 3)), Input("y", (BATCH, 2))
    graph = Graph(ops.mse(ops.dense(x, Parameter("w", np.ones((3, 2)))), y))
    with graph.record() as recording:
        for rows in (2, 5, 1):
            graph.step(SGD(lr=0.1), x=X[:rows], y=Y[:rows])
        graph.step(SGD(lr=0.1), x=X[0], y=Y[0])
    nodes = graph.nodes_topologically_sorted()
    assert [f.values[nodes.index(x)].shape for f in recording.frames] == [
        (2, 3), (5, 3), (1, 3), (1, 3)
    ]  # fmt: skip


def test_what_a_recording_says_of_itself():
    assert repr(record(0)) == "<Recording of 0 of 0 steps, every step>"
    assert repr(record(3, every=2)).startswith("<Recording of 2 of 3 steps, every 2 steps, loss 1 ")
