"""The one door for arrays: what is refused wherever it comes in, and what is named."""

from __future__ import annotations

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core import BATCH, Graph, Input, Parameter, ops
from cnn_core._ext.core import first_beyond
from cnn_core.arrays import REACH, as_numbers, find_beyond
from cnn_core.errors import CnnCoreError, DataError, DtypeError

LONG = np.dtype(np.longdouble).itemsize > 8


def net(dtype="float32", **options):
    return cnn.Sequential([cnn.Dense(4, "tanh"), cnn.Dense(2)], 3, dtype=dtype, **options)


def trainer(dtype="float32", **options):
    return cnn.Trainer(net(dtype), loss=cnn.MSE(), **options)


def graph(dtype="float32"):
    x = Input("x", (BATCH, 3))
    return Graph(ops.sum(x * Parameter("w", np.ones(3)), axis=1), dtype=dtype)


def backward(dtype, a):
    g = graph(dtype)
    g.forward(x=np.ones((5, 3)))
    g.backward(a)


class Give(cnn.Gate):
    def __init__(self, value):
        self.value = value

    def forward(self, x):
        return self.value


X, Y, W = np.arange(15.0).reshape(5, 3), np.ones((5, 2)), np.ones(5)
DOORS = {  # what each takes: the shape, and the call
    "fit's features": ((5, 3), lambda t, a: trainer(t).fit(a, Y, progress=False)),
    "fit's targets": ((5, 2), lambda t, a: trainer(t).fit(X, a, progress=False)),
    "step's features": ((5, 3), lambda t, a: trainer(t).step(a, Y)),
    "step's targets": ((5, 2), lambda t, a: trainer(t).step(X, a)),
    "evaluate's features": ((5, 3), lambda t, a: trainer(t).evaluate(a, Y)),
    "evaluate's targets": ((5, 2), lambda t, a: trainer(t).evaluate(X, a)),
    "predict": ((5, 3), lambda t, a: net(t).predict(a)),
    "predict, one row": ((3,), lambda t, a: net(t).predict(a)),
    "set_params": ((3, 4), lambda t, a: net(t).set_params({"dense_0.w": a})),
    "initialisers": (
        (3, 4), lambda t, a: cnn.Sequential([cnn.Dense(4, init=lambda s, r: a)], 3, dtype=t)
    ),
    "a graph's input": ((5, 3), lambda t, a: graph(t).forward(x=a)),
    "a graph's step": ((5, 3), lambda t, a: step(t, a)),
    "a seed": ((5,), backward),
    "Parameter": ((3,), lambda t, a: Graph(ops.sum(Parameter("w", a)), dtype=t).forward()),
    "Constant": (
        (3,), lambda t, a: Graph(cnn.Constant(a) * Input("x"), dtype=t).forward(x=1.0)
    ),
    "an operand": ((3,), lambda t, a: Graph(Input("x", (3,)) + a, dtype=t).forward(x=np.ones(3))),
}  # fmt: skip
OTHERS = {  # which convert nothing to float32
    "weights": ((5,), lambda t, a: trainer(t).fit(X, Y, sample_weight=a, progress=False)),
    "indices": ((3,), lambda t, a: ops.take(Parameter("v", np.ones(9)), a)),
    "a gate's value": ((3,), lambda t, a: Graph(Give(a)(Input("x", (3,)))).forward(x=np.ones(3))),
    "stratify": ((5,), lambda t, a: cnn.data.train_test_split(X, test_size=2, seed=0, stratify=a)),
}  # fmt: skip


def step(dtype, a):
    w, x = Parameter("w", np.ones(3)), Input("x", (BATCH, 3))
    Graph(ops.sum(x * w), dtype=dtype).step(cnn.SGD(), x=a)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("door", [*DOORS, *OTHERS])
def test_a_mask_is_refused_at_every_door(door, dtype):
    shape, use = {**DOORS, **OTHERS}[door]
    mask = np.arange(np.prod(shape)).reshape(shape) == 1
    values = np.ma.masked_array(np.ones(shape, int if door == "indices" else float), mask)
    for given in (values, list(values)):
        with pytest.raises(DtypeError, match="without a mask; got a masked array: fill it"):
            use(dtype, given)


@pytest.mark.skipif(not LONG, reason="long double is float64 here")
@pytest.mark.parametrize("door", [d for d in (*DOORS, *OTHERS) if d != "stratify"])
def test_extended_precision_is_refused_at_every_door(door):
    shape, use = {**DOORS, **OTHERS}[door]
    with pytest.raises(DtypeError, match=r"got dtype (float128|longdouble)"):
        use("float64", np.ones(shape, np.longdouble))


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("value", [1e39, -1.7e308])
def test_a_number_beyond_float32_is_named_where_it_would_become_infinite(door, value):
    shape, use = DOORS[door]
    values = np.ones(shape)
    values[(-1,) * len(shape)] = value
    if door == "predict, one row":
        shape = (1, *shape)
    at = f" at row {shape[0] - 1}" + (f", column {shape[1] - 1}" if len(shape) == 2 else "")
    text = rf": need .*within float32, up to 3.403e\+38 .*; got {value:g}{at}: scale it".replace(
        "e+", r"e\+"
    )
    with pytest.raises(DataError, match=text):
        use("float32", values)
    if value < -1e300 and door in ("fit's targets", "step's targets"):
        with pytest.raises(DataError, match="need finite numbers"):  # of its square, past the door
            use("float64", values)
    else:
        use("float64", values)


def test_the_largest_numbers_of_float32_pass():
    largest = np.nextafter(2.0**128 - 2.0**103, 0)  # rounds down
    n = net()
    n.set_params({"dense_0.b": [largest, -largest, np.inf, np.nan]})
    most = np.finfo(np.float32).max
    np.testing.assert_array_equal(n.params["dense_0.b"], [most, -most, np.inf, np.nan])
    with pytest.raises(DataError, match="at row 1"):
        n.set_params({"dense_0.b": [0, np.nextafter(largest, np.inf), 0, 0]})


def test_scaling_that_overflows_is_named():
    x = np.full((2, 3), 1e38, np.float32)
    scaled = cnn.Trainer(net(input_scale=10.0), loss=cnn.MSE())
    for call in (lambda: scaled.fit(x, Y[:2], progress=False), lambda: scaled.net.predict(x)):
        with pytest.raises(DataError, match=r"within float32.* got 9\.99\S*e\+37 at row 0"):
            call()
    with pytest.raises(DataError, match=r"Sequential: need input_scale .*within float32"):
        net(input_scale=1e39)


@pytest.mark.parametrize("given", [1e39, np.array(1e39), np.float64(1e39), [[1e39]]])
def test_a_scalar_beyond_float32_is_refused_by_a_graph(given):
    x = Input("x", np.shape(given))
    with pytest.raises(DataError, match=r"input 'x': need numbers within float32, .*got 1e\+39"):
        Graph(x * 2.0, dtype="float32").forward(x=given)


def test_a_refused_parameter_changes_nothing():
    n = net()
    before = n.store.value.copy()
    for bad in (np.full(4, 1e39), np.ma.ones(4), np.ones(4, complex)):
        with pytest.raises(CnnCoreError, match=r"set_params: dense_0\.b"):
            n.set_params({"dense_0.w": np.zeros((3, 4)), "dense_0.b": bad})
    assert np.array_equal(n.store.value, before)


def test_out_with_a_mask_is_refused():
    with pytest.raises(DtypeError, match="predict: need out without a mask"):
        net().predict(np.ones((5, 3), np.float32), out=np.ma.ones((5, 2), dtype=np.float32))


def test_a_split_refuses_masks_and_moves_anything_else():
    with pytest.raises(DtypeError, match="train_test_split: need array 1 without a mask"):
        cnn.data.train_test_split(X, np.ma.masked_array(W, W > 0), test_size=2, seed=0)
    words = np.array(["a", "b", "c", "d", "e"])
    train, test = cnn.data.train_test_split(words, test_size=2, seed=0)
    assert sorted([*train, *test]) == words.tolist()


def test_an_array_that_raises_is_the_callers_error():
    class Stubborn:
        def __array__(self, dtype=None, copy=None):
            raise KeyError("gone")

    for door, (_, use) in DOORS.items():
        with pytest.raises(CnnCoreError, match="Stubborn, which says: 'gone'"):
            use("float64", Stubborn())
        assert door


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_first_beyond_is_found_wherever_it_is(dtype):
    rng = np.random.default_rng(0)
    for n in (1, 2, 15, 16, 17, 1023, 1024, 1025, 5000):
        clean = rng.standard_normal(n).astype(dtype)
        assert first_beyond(clean, REACH[np.dtype(dtype)]) == -1
        for at in {0, n // 2, n - 1}:
            for odd in (np.nan, np.inf, -np.inf, 1e30, -1e30):
                x = clean.copy()
                x[at] = x[-1] = odd
                assert first_beyond(x, 1e29) == at
                assert first_beyond(x, REACH[np.dtype(dtype)]) == (-1 if abs(odd) == 1e30 else at)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", ">f8"])
def test_the_search_takes_any_layout(dtype):
    x = np.zeros((40, 6), dtype)
    x[29, 4] = np.nan
    unaligned = np.frombuffer(b"\0" + x.tobytes(), dtype, offset=1).reshape(x.shape)
    for given in (x, np.asfortranarray(x), np.repeat(x, 2, 0)[::2], unaligned):
        assert find_beyond(given, 1.0) == 29 * 6 + 4
    assert find_beyond(np.array(np.nan), 1.0) == 0
    assert find_beyond(np.zeros((0, 3)), 1.0) == -1
    assert find_beyond(np.full(3, 5), 1.0) == -1


def test_lists_of_numbers_pass_and_deep_ones_end():
    assert as_numbers([1, 2.5, True], who="w").tolist() == [1, 2.5, 1]
    loop: list = []
    loop.append(loop)
    with pytest.raises(CnnCoreError, match="w: need real numbers"):
        as_numbers(loop, who="w")
