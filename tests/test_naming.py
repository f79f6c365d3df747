"""Names that users write: what an unknown one meant, reprs, names that a trainer takes."""

from __future__ import annotations

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.errors import GraphError, OptionError, UnknownOptionError
from cnn_core.naming import ALIASES, hint

UNKNOWN = {
    "metric": (lambda: metrics("acc"), "got 'acc': did you mean 'accuracy'?"),
    "metric misspelt": (lambda: metrics("acuracy"), "did you mean 'accuracy'?"),
    "activation": (lambda: cnn.Dense(3, "swish"), "got 'swish': did you mean 'silu'?"),
    "activation in capitals": (lambda: cnn.Dense(3, "ReLU"), "did you mean 'relu'?"),
    "initialiser": (lambda: cnn.Dense(3, init="xavier"), "did you mean 'glorot_uniform'?"),
    "optimizer": (lambda: cnn.optim.get("adamm"), "got 'adamm': did you mean 'adam'?"),
    "option": (lambda: cnn.Adam(learning_rate=0.1), "got 'learning_rate': did you mean 'lr'?"),
    "option of a schedule": (lambda: cnn.optim.StepDecay(0.1, evry=3), "did you mean 'every'?"),
    "option of a layer": (lambda: cnn.Dense(3, activaton="relu"), "did you mean 'activation'?"),
    "choice": (lambda: cnn.EarlyStopping(mode="maxi"), "did you mean 'max'?"),
}


def net(*layers, **options):
    return cnn.Sequential(layers or [cnn.Dense(1)], 3, **options)


def metrics(*names):
    return cnn.Trainer(net(), loss=cnn.MSE(), metrics=names)


@pytest.mark.parametrize("case", UNKNOWN)
def test_an_unknown_name_is_refused_with_what_it_may_have_meant(case):
    make, text = UNKNOWN[case]
    with pytest.raises(OptionError) as error:
        make()
    assert str(error.value).endswith(text)


def test_a_name_like_no_other_gets_no_hint():
    assert hint("qqqq", ["relu", "silu"]) == hint(3, ["relu"]) == hint("acc", ["relu"]) == ""


def test_no_alias_is_a_name_of_ours_under_which_something_else_is_found():
    taken = {*cnn.optim.OPTIMIZERS, *cnn.nn.activations.ACTIVATIONS, *cnn.train.metrics.METRICS}
    assert not taken & set(ALIASES)


@pytest.mark.parametrize("make", [
    lambda: cnn.Adam(learning_rate=0.1), lambda: cnn.MSE(delta=1), lambda: cnn.MSE(1),
    lambda: cnn.Dropout(rat=0.1), lambda: cnn.TopK(5, of=3),
])  # fmt: skip
def test_an_unknown_option_is_a_type_error_too(make):
    with pytest.raises(UnknownOptionError) as error:
        make()
    assert isinstance(error.value, (TypeError, ValueError))


def test_classes_of_users_take_what_their_constructors_take():
    class Free(cnn.Callback, cnn.Metric):
        def __init__(self, *args, **options):
            self.options = args, options

    class Plain(cnn.Metric):
        name = "plain"

    assert Free(1, any_thing=2).options == ((1,), {"any_thing": 2})
    assert repr(Plain()) == "Plain()"


SHOWN = [
    cnn.Dense(8, use_bias=False),
    cnn.Dense(8, "relu", init="he_normal", bias_init="zeros", name="first"),
    cnn.Dense(8, init=cnn.init.constant(0.5)),
    cnn.Activation("tanh", name="second"),
    cnn.Dropout(0.25, name="third"),
    cnn.GaussianNoise(0.25, name="fourth"),
    cnn.TopK(3),
    cnn.EarlyStopping("loss", 3, min_delta=0.5, mode="min", restore_best=False),
    cnn.Huber(delta=0.5),
    cnn.SoftmaxCrossEntropy(0.1, ignore_index=-1),
    cnn.SGD(0.1, momentum=0.5, nesterov=True),
]


@pytest.mark.parametrize("thing", SHOWN, ids=lambda t: type(t).__name__)
def test_a_repr_makes_an_equal_object(thing):
    again = eval(repr(thing), {**vars(cnn), **vars(cnn.init)})
    assert type(again) is type(thing)
    assert repr(again) == repr(thing)
    state = ("slots", "scalars", "ranges")
    options = {k: v for k, v in vars(thing).items() if k[0] != "_" and k not in state}
    assert {k: getattr(again, k) for k in options} == options


def test_a_repr_leaves_out_the_defaults():
    assert repr(cnn.Dense(8)) == "Dense(8)"
    assert repr(cnn.Dense(8, use_bias=False)) == "Dense(8, use_bias=False)"
    assert repr(cnn.Dropout(0.25)) == "Dropout(0.25)"
    assert [repr(cnn.Flatten()), repr(cnn.Concat(0))] == ["Flatten()", "Concat(0)"]


def test_the_repr_of_a_network_makes_it_again():
    x = np.ones((2, 3), np.float32)
    for options in [{}, {"seed": 5, "input_scale": 1 / 255, "input_shift": -0.5}]:
        made = net(cnn.Dense(4, "tanh", use_bias=False), **options)
        again = eval(repr(made), vars(cnn))
        assert repr(again) == repr(made)
        assert np.array_equal(again.predict(x), made.predict(x))


class Named(cnn.nn.layers.Layer):
    """Multiplies by a parameter of a name that the user chose."""

    def __init__(self, node, parameter):
        super().__init__()
        self.node, self.parameter = node, parameter

    def build(self, x, name, rng):
        return cnn.ops.mul(x, cnn.Parameter(self.parameter, np.ones(3)), name=self.node)


@pytest.mark.parametrize("taken", ["x", "y", "w", "loss"])
def test_a_node_named_like_what_a_trainer_adds_is_refused_with_the_network(taken):
    for layer in (Named("", taken), Named(taken, "p")):
        with pytest.raises(OptionError, match=f"need names of nodes other than .*named '{taken}'"):
            net(layer)
    assert net(Named("v", "p")).n_params == 3

    class Gate(cnn.Gate):
        def forward(self, x):
            return x

    with pytest.raises(OptionError, match=f"got a GateNode named '{taken}'"):
        net(cnn.Activation(lambda x: Gate(x, name=taken)))


def test_two_nodes_of_one_name_are_refused_with_the_network():
    with pytest.raises(GraphError, match="two nodes named 'p'"):
        net(Named("p", "p"))


def test_an_input_within_the_layers_is_refused_with_the_network():
    with pytest.raises(OptionError, match="only input is 'x', the features; got the input 'z'"):
        net(cnn.Activation(lambda x: x + cnn.Input("z", (3,))))
