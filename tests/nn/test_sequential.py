"""Sequential: construction, parameters, prediction, copies."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import weakref

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.errors import DtypeError, OptionError, ShapeError
from cnn_core.nn.prediction import BLOCK_ROWS

DTYPES = ["float32", "float64"]


def make(dtype: str = "float32", inputs: int = 13, seed: int = 0, **options) -> cnn.Sequential:
    layers = [cnn.Dense(33, "relu"), cnn.Dropout(0.3), cnn.Dense(17, "tanh"), cnn.Dense(5)]
    return cnn.Sequential(layers, inputs, dtype=dtype, seed=seed, **options)


def reference(net: cnn.Sequential, x: np.ndarray) -> np.ndarray:
    p = {name: value.astype(np.float64) for name, value in net.params.items()}
    h = np.maximum(x.astype(np.float64) @ p["dense_0.w"] + p["dense_0.b"], 0)
    h = np.tanh(h @ p["dense_1.w"] + p["dense_1.b"])
    return h @ p["dense_2.w"] + p["dense_2.b"]


def rows(n: int, dtype: str = "float32", inputs: int = 13, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, inputs)).astype(dtype)


# -- construction -------------------------------------------------------------------------


def test_names_shapes_and_counts():
    net = make()
    assert {k: v.shape for k, v in net.params.items()} == {
        "dense_0.w": (13, 33), "dense_0.b": (33,), "dense_1.w": (33, 17), "dense_1.b": (17,),
        "dense_2.w": (17, 5), "dense_2.b": (5,),
    }  # fmt: skip
    assert net.n_params == 13 * 33 + 33 + 33 * 17 + 17 + 17 * 5 + 5
    assert net.layer_names == ["dense_0", "dropout_0", "dense_1", "dense_2"]
    expected = (
        "Sequential([Dense(33, activation='relu'), Dropout(0.3), Dense(17, activation='tanh'), "
        "Dense(5)], inputs=13, dtype='float32', seed=0)"
    )
    assert repr(net) == expected


def test_same_seed_gives_the_same_weights_and_another_seed_others():
    a, b, c = make(seed=1), make(seed=1), make(seed=2)
    assert np.array_equal(a.store.value, b.store.value)
    assert not np.array_equal(a.params["dense_0.w"], c.params["dense_0.w"])


def test_global_random_state_does_not_matter():
    np.random.seed(1)  # noqa: NPY002
    a = make()
    np.random.seed(2)  # noqa: NPY002
    assert np.array_equal(a.store.value, make().store.value)


def test_summary_names_every_layer_and_adds_up(capsys):
    make().summary()
    out = capsys.readouterr().out
    for text in ("dense_0 (relu)", "dropout_0", "dense_2", "(B, 33)", "462", "578", "90"):
        assert text in out
    assert "1,130 parameters, float32, 4.4 KiB" in out


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        (([], 3), {}, OptionError, "Sequential: need at least one layer; got none"),
        ((cnn.Dense(3), 3), {}, OptionError, r"Sequential: need a list of layers; got Dense\(3"),
        ((["dense"], 3), {}, OptionError, "Sequential: need layers; got 'dense'"),
        (([cnn.Dense], 3), {}, OptionError, "Sequential: need layers; got <class"),
        (([cnn.Dropout(0.5)], 3), {}, OptionError, "Sequential: need a layer that computes; got"),
        (([cnn.Activation("linear")], 3), {}, OptionError, "need a layer that computes"),
        (([cnn.Dense(3)], 0), {}, ShapeError, r"inputs: need positive lengths.*got shape \(B, 0\)"),
        (([cnn.Dense(3)], -1), {}, ShapeError, "inputs: need positive lengths"),
        (([cnn.Dense(3)], (3, 0)), {}, ShapeError, "inputs: need positive lengths"),
        (([cnn.Dense(3)], ()), {}, ShapeError, r"dense_0: need an input \(B, I\)"),
        (([cnn.Dense(3)], 2.5), {}, OptionError, "Sequential: need inputs, a length or the shape"),
        (([cnn.Dense(3)], True), {}, OptionError, "Sequential: need inputs, a length or the shape"),
        (([cnn.Dense(3)], None), {}, OptionError, "Sequential: need inputs, a length or the shape"),
        (([cnn.Dense(3)], "3"), {}, OptionError, "Sequential: need inputs, a length or the shape"),
        (([cnn.Dense(3)], 3), {"dtype": "int32"}, DtypeError, "need dtype .*; got int32"),
        (([cnn.Dense(3)], 3), {"dtype": "f3"}, DtypeError, "need dtype .*; got 'f3'"),
        (([cnn.Dense(3)], 3), {"seed": -1}, OptionError, "Sequential: need a seed, .*; got -1"),
        (([cnn.Dense(3)], 3), {"seed": "a"}, OptionError, "Sequential: need a seed, .*; got 'a'"),
        (([cnn.Dense(3)], 3), {"seed": 1.0}, OptionError, "Sequential: need a seed, .*; got 1.0"),
        (([cnn.Dense(3)], 3), {"input_scale": np.nan}, OptionError, "need input_scale, a finite"),
        (([cnn.Dense(3)], 3), {"input_shift": "1"}, OptionError, "need input_shift, a finite"),
        (([cnn.Dense(3, name="a"), cnn.Dense(3, name="a")], 3), {}, OptionError, "got a twice"),
        (([cnn.Dense(3, name="loss")], 3), {}, OptionError, "other than loss, w, x, y.*got loss"),
        (([cnn.Dense(3, name="x")], 3), {}, OptionError, "other than loss, w, x, y.*got x"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(arguments, options, error, text):
    with pytest.raises(error, match=text):
        cnn.Sequential(*arguments, **options)


# -- parameters ---------------------------------------------------------------------------


def test_parameters_are_views():
    net = make()
    net.params["dense_2.b"][:] = 7
    net.params["dense_2.w"][:] = 0
    assert (net.predict(rows(4)) == 7).all()


@pytest.mark.parametrize(
    ("values", "error", "text"),
    [
        ({"dense_9.w": 1}, OptionError, "set_params: need one of dense_0.w, .*; got 'dense_9.w'"),
        ({"dense_2.b": np.ones(4)}, ShapeError, r"dense_2.b: need shape \(5,\); got \(4,\)"),
        ({"dense_2.b": np.ones(5, complex)}, DtypeError, "dense_2.b: need real numbers; got"),
        ({"dense_2.b": ["a"] * 5}, DtypeError, "dense_2.b: need real numbers; got dtype <U1"),
    ],
)  # fmt: skip
def test_set_params_changes_nothing_unless_all_fit(values, error, text):
    net = make()
    before = net.store.value.copy()
    with pytest.raises(error, match=text):
        net.set_params({"dense_0.w": np.zeros((13, 33)), **values})
    assert np.array_equal(net.store.value, before)


def test_set_params_may_swap():
    net = cnn.Sequential([cnn.Dense(4), cnn.Dense(4)], 4)
    first, second = net.params["dense_0.w"].copy(), net.params["dense_1.w"].copy()
    net.set_params({"dense_0.w": net.params["dense_1.w"], "dense_1.w": net.params["dense_0.w"]})
    assert np.array_equal(net.params["dense_0.w"], second)
    assert np.array_equal(net.params["dense_1.w"], first)


def test_unknown_parameter_error_lists_the_known_ones():
    with pytest.raises(KeyError, match=r"no parameter 'w'; the parameters are dense_0\.w, "):
        make().params["w"]


# -- prediction ---------------------------------------------------------------------------

SIZES = [1, 2, 15, 16, 17, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 5000]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", SIZES)
def test_prediction_equals_numpy(n, dtype):
    net, x = make(dtype), rows(n, dtype)
    found, expected = net.predict(x), reference(net, x)
    assert found.shape == (n, 5)
    assert found.dtype == dtype
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    assert found == pytest.approx(expected, rel=tolerance, abs=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
def test_result_of_a_row_does_not_depend_on_the_batch(dtype):
    net, x = make(dtype), rows(600, dtype)
    whole = net.predict(x)
    for n in SIZES[:-1]:
        assert np.array_equal(net.predict(x[:n]), whole[:n])
        assert np.array_equal(net.predict(x[-n:]), whole[-n:])


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_row_equals_its_place_in_a_batch(dtype):
    """One row has kernels of its own, which may add up in another order."""
    net, x = make(dtype), rows(50, dtype)
    whole = net.predict(x)
    for i in (0, 7, 49):
        single = net.predict(x[i])
        assert single.shape == (5,)
        tolerance = 1e-5 if dtype == "float32" else 1e-13
        assert single == pytest.approx(whole[i], rel=tolerance, abs=tolerance)
        assert np.array_equal(single, net.predict(x[i : i + 1])[0])


@pytest.mark.parametrize("n", [None, 1, 40, 3000])
@pytest.mark.parametrize("dtype", DTYPES)
def test_out_is_overwritten_and_returned(n, dtype):
    net = make(dtype)
    x = rows(1, dtype)[0] if n is None else rows(n, dtype)
    out = np.full((5,) if n is None else (n, 5), np.nan, dtype)
    assert net.predict(x, out=out) is out
    assert np.array_equal(out, net.predict(x))
    again = net.predict(2 * x, out=out)
    assert again is out
    assert not np.array_equal(out, net.predict(x))


def test_fresh_results_do_not_share_memory():
    net, x = make(), rows(20)
    a, b = net.predict(x), net.predict(x[::-1].copy())
    kept = a.copy()
    net.predict(3 * x)
    assert np.array_equal(a, kept)
    assert not np.shares_memory(a, b)


@pytest.mark.parametrize("n", [1, 30, 1000])
@pytest.mark.parametrize("dtype", DTYPES)
def test_out_may_overlap_the_input(n, dtype):
    net = cnn.Sequential([cnn.Dense(20, "relu"), cnn.Dense(6)], 6, dtype=dtype)
    x = rows(n, dtype, inputs=6)
    expected = net.predict(x)
    same = x.copy()
    assert net.predict(same, out=same) is same
    assert np.array_equal(same, expected)
    memory = np.empty((n + 1) * 6, dtype)
    for first, second in ((0, 1), (1, 0)):
        source = memory[first * 6 : (first + n) * 6].reshape(n, 6)
        target = memory[second * 6 : (second + n) * 6].reshape(n, 6)
        source[...] = x
        net.predict(source, out=target)
        assert np.array_equal(target, expected)


LAYOUTS = {
    "fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
    "list": lambda a: a.tolist(),
    "float64": lambda a: a.astype(np.float64),
    "big-endian": lambda a: a.astype(">f4"),
    "read-only": lambda a: np.frombuffer(a.tobytes(), np.float32).reshape(a.shape),
    "misaligned": lambda a: np.frombuffer(b"\0" + a.tobytes(), "f", offset=1).reshape(a.shape),
    "matrix": lambda a: a.view(np.matrix),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_does_not_matter(layout):
    net, x = make(), rows(700)
    out = np.empty((700, 5), np.float32)
    assert np.array_equal(net.predict(LAYOUTS[layout](x)), net.predict(x))
    net.predict(LAYOUTS[layout](x), out=out)
    assert np.array_equal(out, net.predict(x))


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "float16"])
def test_other_dtypes_predict_like_their_values(dtype):
    net = make()
    x = np.random.default_rng(0).integers(0, 2, (30, 13)).astype(dtype)
    assert np.array_equal(net.predict(x), net.predict(x.astype(np.float32)))
    assert np.array_equal(net.predict(x[3]), net.predict(x[3].astype(np.float32)))


def test_scaled_input_of_every_kind():
    net = make(input_scale=0.5, input_shift=-1.0)
    plain = make()
    x = np.random.default_rng(0).integers(0, 255, (600, 13)).astype(np.uint8)
    expected = plain.predict(x.astype(np.float32) * np.float32(0.5) + np.float32(-1.0))
    for dtype in (np.uint8, np.float32, np.float64, np.int32):
        assert np.array_equal(net.predict(x.astype(dtype)), expected)
    assert np.array_equal(net.predict(x[4]), plain.predict(x[4] * np.float32(0.5) - np.float32(1)))


def test_memory_does_not_grow_with_the_batch():
    if not sys.platform.startswith("linux"):
        pytest.skip("reads the largest resident size from Linux")
    resource = pytest.importorskip("resource")
    net = cnn.Sequential([cnn.Dense(256, "relu"), cnn.Dense(2)], 8)
    x = np.zeros((400_000, 8), np.uint8)  # hidden values of all rows would take 400 MB
    out = np.zeros((400_000, 2), np.float32)
    net.predict(x[:5000], out=out[:5000])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    net.predict(x, out=out)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8_000


def test_nan_and_infinity_stay_in_their_rows():
    net, x = make(), rows(40)
    expected = net.predict(x)
    x[7, 3], x[19, 0] = np.nan, np.inf
    found = net.predict(x)
    assert np.isnan(found[7]).all()
    others = np.delete(np.arange(40), [7, 19])
    assert np.array_equal(found[others], expected[others])


@pytest.mark.parametrize("widths", [(1, 1, 1), (1, 40, 1), (129, 1, 3)])
@pytest.mark.parametrize("n", [1, 5, 300])
def test_layers_of_width_one(widths, n):
    net = cnn.Sequential([cnn.Dense(w, "tanh") for w in widths], 1, dtype="float64")
    x = rows(n, "float64", inputs=1)
    h = x
    for i in range(3):
        h = np.tanh(h @ net.params[f"dense_{i}.w"] + net.params[f"dense_{i}.b"])
    assert net.predict(x) == pytest.approx(h, rel=1e-11)


def test_calling_a_network_predicts():
    net, x = make(), rows(3)
    assert np.array_equal(net(x), net.predict(x))


def test_rows_of_several_axes():
    net = cnn.Sequential([cnn.Dense(4, "relu"), cnn.Dense(2)], (3, 6))
    x = np.random.default_rng(0).standard_normal((300, 3, 6)).astype(np.float32)
    whole = net.predict(x)
    assert whole.shape == (300, 3, 2)
    assert net.predict(x[5]) == pytest.approx(whole[5], rel=1e-5, abs=1e-6)
    with pytest.raises(ShapeError, match=r"predict: need x of shape \(N, 3, 6\); got \(300, 18\)"):
        net.predict(x.reshape(300, 18))


# -- copies -------------------------------------------------------------------------------

COPIES = {
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),
    "old pickle": lambda net: pickle.loads(pickle.dumps(net, protocol=2)),
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_copies_predict_the_same_and_share_nothing(way, used, dtype):
    net, x = make(dtype, input_scale=0.5), rows(30, dtype)
    y = np.zeros(30, int)
    if used:
        cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy()).step(x, y)
        net.predict(x)
    other = COPIES[way](net)
    assert repr(other) == repr(net)
    assert np.array_equal(other.predict(x), net.predict(x))
    assert not np.shares_memory(other.store.value, net.store.value)
    before = net.store.value.copy()
    cnn.Trainer(other, loss=cnn.SoftmaxCrossEntropy()).fit(x, y, epochs=2, progress=False)
    assert np.array_equal(net.store.value, before)
    cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy()).fit(x, y, epochs=2, progress=False)
    assert np.array_equal(net.store.value, other.store.value)
    assert np.array_equal(net.predict(x), other.predict(x))


def test_networks_are_freed():
    net = make()
    net.predict(rows(3))
    trainer = cnn.Trainer(net, loss=cnn.MSE())
    trainer.step(rows(3), np.ones((3, 5)))
    seen = weakref.ref(net)
    del net, trainer
    gc.collect()
    assert seen() is None
