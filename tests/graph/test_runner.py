"""The short way into a small graph and the long one: the same bits, whatever is fed."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_core import BATCH, Constant, Graph, Input, Parameter, ParamStore, ops
from cnn_core.errors import DataError, DtypeError, GraphError, LabelError, ShapeError

FLT_MAX = float(np.finfo(np.float32).max)
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
RNG = np.random.default_rng(17)


def pair(outputs, dtype="float64", **options):
    """Return a graph, and its like without the short way."""
    short, long = Graph(outputs, dtype=dtype, **options), Graph(outputs, dtype=dtype, **options)
    assert short._runner is not None
    compile_ = long._compile

    def without(max_batch):
        compile_(max_batch)
        long._runner = None

    long._compile = without
    long._runner = None
    return short, long


def flat(value):
    values = value if isinstance(value, tuple) else (value,)
    return [(type(v), np.asarray(v).dtype, np.shape(v), np.asarray(v).tobytes()) for v in values]


def assert_equal_runs(short, long, feed):
    numbers = [abs(v) for v in feed.values() if np.ndim(v) == 0]
    if short.dtype == "float32" and any(FLT_MAX < v < np.inf for v in numbers):
        for graph in (short, long):
            with pytest.raises(DataError, match=r"need numbers within float32, .*; got"):
                graph.forward(**feed)
        return
    assert flat(short.forward(**feed)) == flat(long.forward(**feed))
    assert short.program.n_rows == long.program.n_rows
    if short._no_gradient or not short._scalar_seeds:
        return
    one, other = short.backward(), long.backward()
    assert list(one) == list(other)
    for name in one:
        assert flat(one[name]) == flat(other[name]), name
        assert flat(short.grad(name)) == flat(one[name])


SCALARS = [
    2.5, -0.0, 3, True, np.float64(2.5), np.float32(1.1), np.float16(1.5), np.int8(-3), np.bool_(1),
    np.array(2.5), np.array(1.1, np.float32), np.array(3), np.array(1.1, ">f8"),
    np.array(2.5).view(np.ndarray)[()], 2**53, 2**53 + 1, -(2**53) - 1, 2**63, 2**64 - 1, -(2**63),
    float("inf"), float("-inf"), float("nan"), 5e-324, 1e300, 1e-310, 1.7976931348623157e308,
]  # fmt: skip


@DTYPES
@pytest.mark.parametrize("value", SCALARS, ids=lambda v: f"{type(v).__name__}-{v!r}")
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_a_scalar_of_any_kind(value, dtype):
    x, y = Input("x"), Input("y")
    graphs = pair([x * y + x, x], dtype)
    assert_equal_runs(*graphs, {"x": value, "y": 2.0})
    assert_equal_runs(*graphs, {"x": 1.0, "y": value})


@given(st.floats(width=64) | st.integers(-(2**64) + 1, 2**64 - 1) | st.floats(width=32))
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_any_number(value):
    try:
        np.asarray(value).astype(np.float64)
    except OverflowError:
        return
    if np.asarray(value).dtype.kind == "O":
        with pytest.raises(DtypeError, match="'x': need real numbers"):
            Graph(Input("x") * 1.0).forward(x=value)
        return
    for dtype in ("float32", "float64"):
        assert_equal_runs(*pair(Input("x") * 1.0, dtype), {"x": value})


BASE = np.arange(48.0).reshape(8, 6) / 7


def _readonly(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def _unaligned(a):
    memory = np.zeros(a.nbytes + 1, np.uint8)[1:]
    found = memory.view(a.dtype).reshape(a.shape)
    found[...] = a
    return found


class Subclass(np.ndarray):
    pass


LAYOUTS = {
    "plain": lambda a: a, "strided": lambda a: np.repeat(a, 2, 0)[::2], "read-only": _readonly,
    "fortran": np.asfortranarray, "backwards": lambda a: a[::-1, ::-1],
    "list": lambda a: a.tolist(), "unaligned": _unaligned,
    "swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "float32": lambda a: a.astype("f4"), "float64": lambda a: a.astype("f8"),
    "int64": lambda a: a.astype("i8"), "uint8": lambda a: a.astype("u1"), "bool": lambda a: a > 3,
    "subclass": lambda a: a.view(Subclass),
}  # fmt: skip


@DTYPES
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_an_array_of_any_layout(layout, dtype):
    x, w = Input("x", (BATCH, 6)), Parameter("w", RNG.standard_normal((6, 2)))
    graphs = pair(ops.sum(ops.tanh(ops.dense(x, w))), dtype)
    for rows in (1, 3, 8, 2):  # 3 and 8 are too many for the plan at hand
        given_array = layout(BASE[:rows].astype(dtype))
        before = np.array(given_array)
        assert_equal_runs(*graphs, {"x": given_array})
        np.testing.assert_array_equal(given_array, before)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8, np.float64, np.float16, bool])
def test_whole_numbers_of_any_dtype(dtype):
    z, t = Input("z", (BATCH, 3)), Input("t", (BATCH,), "int32")
    graphs = pair([ops.row_mean(ops.softmax_cross_entropy(z, t, reduction="none")), t])
    labels = np.array([1, 0, 1, 1]).astype(dtype)
    for rows in (4, 2):
        assert_equal_runs(*graphs, {"z": BASE[:rows, :3], "t": labels[:rows]})


def test_unbatched_arrays_and_int_scalars():
    x, k = Input("x", (2, 3)), Input("k", (), "int32")
    graphs = pair([ops.sum(x), k, x])
    for value in (np.int32(2), np.array(2, np.int32), 2, 2.0):
        assert_equal_runs(*graphs, {"x": BASE[:2, :3].copy(), "k": value})


def test_outputs_without_gradient_and_unreached_inputs():
    x, y, w = Input("x"), Input("y", (BATCH, 2)), Parameter("w", np.ones(2))
    graphs = pair([ops.greater(x, 1.0), x * 2.0, Constant(np.ones(3)), ops.greater(y, w)])
    for value in (0.5, 2):
        assert_equal_runs(*graphs, {"x": value, "y": BASE[:2, :2].copy()})


def test_a_parameter_that_no_gradient_reaches_gets_zero_in_the_store_too():
    w, v = Parameter("w", 2.0), Parameter("v", 3.0)
    store = ParamStore([w, v], "float64")
    whole = Graph(w * v, params=store)
    for part in pair(w * 1.0 + ops.greater(v, 0.0), params=store):
        whole.forward()
        whole.backward()
        part.forward()
        assert part.backward() == {"w": 1.0, "v": 0.0}
        assert store.grads["v"] == 0


def test_dropout_draws_the_same_masks():
    x = Input("x", (BATCH, 40))
    graphs = pair(ops.sum(ops.dropout(x, 0.5)), training=True, seed=3)
    for _ in range(3):
        assert_equal_runs(*graphs, {"x": RNG.random((1, 40))})


def test_an_input_left_out_keeps_its_value():
    x, y = Input("x"), Input("y")
    graphs = pair(x * y)
    for feed in ({"x": 2.0, "y": 3.0}, {"y": 5.0}, {"x": 7.0, "y": 1.0}, {}):
        assert_equal_runs(*graphs, feed)


WRONG = {
    "unknown": {"x": BASE[:2, :3], "q": 1.0}, "missing": {"x": BASE[:2, :3]},
    "width": {"x": BASE[:2, :4], "y": 1.0}, "axes": {"x": BASE[0], "y": 1.0},
    "empty": {"x": BASE[:0, :3], "y": 1.0}, "scalar": {"x": BASE[:2, :3].copy(), "y": np.ones(1)},
    "huge": {"x": BASE[:2, :3].copy(), "y": 10**30}, "text": {"x": BASE[:2, :3].copy(), "y": "1"},
    "none": {"x": None, "y": 1.0}, "rows": {"x": BASE[:1, :3].copy(), "y": 2.0, "z": BASE[:2, :1]},
}  # fmt: skip


@pytest.mark.parametrize("feed", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_alike_and_changes_nothing(feed):
    outputs = ops.sum(Input("x", (BATCH, 3)) * Input("y") + Input("z", (BATCH, 1)))
    right = {"x": BASE[:2, :3].copy(), "y": 3.0, "z": BASE[:2, :1].copy()}
    words = []
    for graph in pair(outputs):
        if feed is not WRONG["missing"]:
            graph.forward(**right)
            graph.backward()
        with pytest.raises((GraphError, ShapeError, DtypeError)) as caught:
            graph.forward(**feed)
        words.append((type(caught.value), str(caught.value)))
        if feed is not WRONG["missing"]:
            assert graph.has_gradients
            np.testing.assert_array_equal(graph.value("x"), right["x"])
            assert graph.value("y") == 3.0
            assert graph.grad("y") == right["x"].sum()
    assert words[0] == words[1]


@pytest.mark.parametrize("labels", [[0, 3], [0, -1]])
def test_a_failed_run_leaves_the_same_state(labels):
    z, t = Input("z", (BATCH, 3)), Input("t", (BATCH,), "int32")
    states = []
    for graph in pair(ops.softmax_cross_entropy(z, t)):
        with pytest.raises(LabelError) as caught:
            graph.forward(z=np.zeros((2, 3)), t=np.array(labels, np.int32))
        states.append((graph.has_values, graph.program.n_rows, str(caught.value)))
        np.testing.assert_array_equal(graph.value("t"), labels)
    assert states[0] == states[1]
    assert not states[0][0]


@DTYPES
def test_results_are_new_arrays_that_nothing_overwrites(dtype):
    x, w = Input("x", (BATCH, 2)), Parameter("w", np.ones(2))
    graph = Graph([ops.sum(x * w), x * w, x], dtype=dtype)
    first = BASE[:1, :2].astype(dtype)
    total, product, same = graph.forward(x=first)
    gradient = graph.backward({graph.outputs[0]: 1.0})["w"]
    assert isinstance(total, float)
    kept = [a.copy() for a in (product, same, gradient)]
    graph.params["w"][...] = 5
    graph.forward(x=first + 1)
    graph.backward({graph.outputs[0]: 2.0})
    for now, before in zip((product, same, gradient), kept, strict=True):
        assert now.tobytes() == before.tobytes()
        assert now.flags.owndata
        assert now.flags.writeable
    assert not np.shares_memory(same, first)


@pytest.mark.parametrize("kind", ["short", "mixed", "node"])
def test_threads_on_one_graph_each_get_their_own_result(kind):
    """Also while others take the long way, with other rows and dtypes, or go node by node."""
    x = Input("x", (BATCH, 4))
    graph = Graph([ops.sum(ops.exp(x) * 0.0 + x), x])
    graph.forward(x=np.zeros((64, 4)))
    wrong, start = [], threading.Barrier(4)

    def work(key):
        dtype = np.float32 if kind == "mixed" and key % 2 else np.float64
        value = np.full((key + 1, 4), float(key), dtype)
        start.wait(60)
        for _ in range(400):
            if kind == "node" and key == 3:
                graph.forward_node(x)
                continue
            total, same = graph.forward(x=value)
            if total != value.sum() or same.shape != value.shape or (same != value).any():
                wrong.append((key, total, same.shape))

    workers = [threading.Thread(target=work, args=(key,), daemon=True) for key in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not any(worker.is_alive() for worker in workers)
    assert not wrong
