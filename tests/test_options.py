"""Rules for single options: NumPy's scalars count as Python's, nothing but a flag is a flag."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core import options
from cnn_core.errors import OptionError

X = np.arange(12.0, dtype=np.float32).reshape(6, 2)
HUGE = [2**64, 10**400, -(10**400), 10**5000]


def trainer() -> cnn.Trainer:
    net = cnn.Sequential([cnn.Dense(1)], inputs=2)
    return cnn.Trainer(net, loss=cnn.MSE(), optimizer="sgd")


def fit(**changes):
    return trainer().fit(X, X[:, 0], **{"progress": False, **changes})


def graph(**changes) -> cnn.Graph:
    return cnn.Graph(cnn.ops.sum(cnn.ops.dropout(cnn.Input("x", (3,)))), **changes)


WHOLE = {
    "Dense units": lambda v: cnn.Dense(v),
    "batch_size": lambda v: fit(batch_size=v),
    "epochs": lambda v: fit(epochs=v),
    "patience": lambda v: cnn.EarlyStopping(patience=v),
    "top k": lambda v: cnn.TopK(v),
    "threads": lambda v: (cnn.set_num_threads(v), cnn.set_num_threads(None)),
    "trainer seed": lambda v: cnn.Trainer(trainer().net, loss=cnn.MSE(), seed=v),
    "net seed": lambda v: cnn.Sequential([cnn.Dense(1)], 2, seed=v),
    "graph seed": lambda v: graph(seed=v).forward(x=np.ones(3)),
    "row length": lambda v: cnn.Sequential([cnn.Dense(1)], v),
    "length of an axis": lambda v: cnn.Input("x", (v,)),
    "axis": lambda v: cnn.ops.sum(cnn.Input("x", (2, 2, 2)), v),
    "split sections": lambda v: cnn.ops.split(cnn.Input("x", (1,)), v),
    "split seed": lambda v: cnn.data.train_test_split(X, test_size=0.5, seed=v),
    "test rows": lambda v: cnn.data.train_test_split(X, test_size=v, seed=0),
    "decay every": lambda v: cnn.optim.StepDecay(0.1, v),
    "dropout key": lambda v: cnn.ops.dropout(cnn.Input("x"), key=v),
    "noise key": lambda v: cnn.ops.gaussian_noise(cnn.Input("x"), 1.0, key=v),
    "ignore_index": lambda v: cnn.SoftmaxCrossEntropy(ignore_index=v),
}
REAL = {
    "min_delta": lambda v: cnn.EarlyStopping(min_delta=v),
    "lr": lambda v: cnn.SGD(lr=v),
    "momentum": lambda v: cnn.SGD(momentum=v),
    "clip_norm": lambda v: cnn.Adam(clip_norm=v),
    "dropout rate": lambda v: cnn.Dropout(v),
    "std of noise": lambda v: cnn.GaussianNoise(v),
    "label_smoothing": lambda v: cnn.SoftmaxCrossEntropy(v),
    "quantile": lambda v: cnn.Pinball(v),
    "Huber delta": lambda v: cnn.Huber(v),
    "input_scale": lambda v: cnn.Sequential([cnn.Dense(1)], 2, input_scale=v),
    "constant": lambda v: cnn.init.constant(v),
    "clip": lambda v: cnn.ops.clip(cnn.Input("x"), v, None),
    "scale": lambda v: cnn.ops.scale(cnn.Input("x"), v),
    "test share": lambda v: cnn.data.train_test_split(X, test_size=v, seed=0),
    "elu alpha": lambda v: cnn.kernels.elu(X, v),
}
FLAGS = {
    "shuffle": lambda v: fit(shuffle=v),
    "progress": lambda v: fit(progress=v),
    "restore_best": lambda v: cnn.EarlyStopping(restore_best=v),
    "use_bias": lambda v: cnn.Dense(1, use_bias=v),
    "training": lambda v: graph(training=v),
    "forward's check_finite": lambda v: graph().forward(x=np.ones(3), check_finite=v),
    "keepdims": lambda v: cnn.ops.sum(cnn.Input("x", (3,)), keepdims=v),
    "nesterov": lambda v: cnn.SGD(momentum=0.5, nesterov=v),
    "amsgrad": lambda v: cnn.Adam(amsgrad=v),
    "centered": lambda v: cnn.RMSProp(centered=v),
}


@pytest.mark.parametrize("use", WHOLE.values(), ids=WHOLE)
def test_a_whole_number_may_come_from_numpy_and_be_nothing_else(use):
    for kind in (int, np.int8, np.uint16, np.int32, np.int64, np.uint64):
        use(kind(1))
    for wrong in (True, np.True_, 1.5, np.float64(1.5), "1", [1.5], np.array([1]), 1j, *HUGE):
        with pytest.raises(cnn.errors.CnnCoreError):
            use(wrong)


@pytest.mark.parametrize("use", REAL.values(), ids=REAL)
def test_a_number_may_come_from_numpy_and_is_finite(use):
    for kind in (float, np.float16, np.float32, np.float64, np.longdouble, Fraction):
        use(kind(0.5))
    wrong = (True, np.True_, "0.5", [0.5], np.array([0.5]), 1j, np.nan, np.float32("inf"))
    for value in (*wrong, *HUGE[1:]):
        with pytest.raises(cnn.errors.CnnCoreError):
            use(value)


@pytest.mark.parametrize("use", FLAGS.values(), ids=FLAGS)
def test_a_flag_is_true_or_false_and_nothing_that_counts_as_one(use):
    for value in (True, False, np.True_, np.False_):
        use(value)
    for value in (1, 0, "False", "", None, [], [1], np.array(True), object()):
        with pytest.raises(OptionError, match=r"need .*(True or False|True, False or 'always')"):
            use(value)


def test_what_has_no_repr_is_shown_by_its_type():
    class Shy:
        def __repr__(self):
            raise RuntimeError("no")

    for value, text in ((Shy(), "got a Shy"), (10**5000, "got an int"), ("a" * 999, r"a \.\.\.$")):
        with pytest.raises(OptionError, match=text):
            options.whole("who", value)


def test_no_dtype_is_none():
    with pytest.raises(cnn.errors.DtypeError, match="need dtype float32 or float64; got None"):
        cnn.ParamStore([], None)


@pytest.mark.parametrize("function", [lambda: 0, lambda x: 3.0, int, lambda x: None],
                         ids=["takes nothing", "gives a number", "a type", "gives None"])
def test_an_activation_makes_a_node_of_a_node(function):
    for layer in (cnn.Dense(1, activation=function), cnn.Activation(function)):
        with pytest.raises(OptionError, match="need an activation that makes a node of a node"):
            cnn.Sequential([cnn.Dense(2), layer], 2)


def test_what_a_function_of_the_user_raises_passes_as_it_is():
    def broken(x):
        return x + len(3)

    with pytest.raises(TypeError, match="has no len") as caught:
        cnn.Sequential([cnn.Dense(2, activation=broken)], 2)
    assert not isinstance(caught.value, cnn.errors.CnnCoreError)
