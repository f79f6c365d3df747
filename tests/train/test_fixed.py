"""What programs are compiled from is fixed: training and evaluation never part."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from training_cases import assert_same_state, blobs, make_net, make_trainer, state

import cnn_core as cnn
from cnn_core.errors import OptionError
from cnn_core.train.metrics import TopK

X, Y = blobs(40)


def trained() -> cnn.Trainer:
    trainer = make_trainer(make_net(dropout=0.2), metrics=[TopK(2)])
    trainer.fit(X, Y, progress=False)
    return trainer


@pytest.mark.parametrize(("of", "name", "value"), [
    (lambda t: t, "loss", cnn.Hinge()),
    (lambda t: t, "net", make_net()),
    (lambda t: t, "metrics", ["accuracy"]),
    (lambda t: t.loss, "label_smoothing", 0.5),
    (lambda t: t.loss, "ignore_index", 1),
    (lambda t: t.metrics[0], "k", 1),
    (lambda t: t.net, "input_scale", 2.0),
    (lambda t: t.net, "input_shift", 2.0),
    (lambda t: t.net, "dtype", np.dtype("float64")),
    (lambda t: t.net, "store", make_net().store),
    (lambda t: t.net, "layers", []),
    (lambda t: t.net, "seed", 5),
    (lambda t: t.net.layers[0], "units", 3),
    (lambda t: t.net.layers[0], "activation", "tanh"),
    (lambda t: next(x for x in t.net.layers if isinstance(x, cnn.Dropout)), "rate", 0.9),
], ids=lambda v: v if isinstance(v, str) else "")  # fmt: skip
def test_what_is_compiled_is_fixed_and_the_error_says_what_to_make(of, name, value):
    trainer = trained()
    before, figures = state(trainer), trainer.evaluate(X, Y)
    with pytest.raises(OptionError, match=rf"\w+: {name}: need a new \w+ .*; got"):
        setattr(of(trainer), name, value)
    assert_same_state(state(trainer), before)
    assert trainer.evaluate(X, Y) == figures


def test_losses_may_change_until_a_trainer_has_them():
    loss = cnn.Huber(2.0)
    loss.delta = 0.5
    make_trainer(loss=loss)
    with pytest.raises(OptionError, match="Huber: delta: need a new one and a new Trainer"):
        loss.delta = 1.0
    assert loss.delta == 0.5
    assert repr(loss) == "Huber(delta=0.5)"


def test_own_losses_may_note_what_they_like_when_they_are_built():
    class Own(cnn.MSE):
        def __init__(self):
            self.power = 1
            self.power = 2

        def build(self, output, target, weight):
            self.last = super().build(output, target, weight)
            return self.last

    loss = Own()
    trainer = make_trainer(loss=loss)
    for _ in range(2):
        trainer.fit(X, np.zeros((40, 3)), validation_data=(X, np.zeros((40, 3))), progress=False)
    with pytest.raises(OptionError, match="Own: power: need a new one"):
        loss.power = 3


def test_optimizer_seed_and_epoch_count_may_be_set_and_are_checked():
    trainer = trained()
    trainer.optimizer = "sgd"
    assert isinstance(trainer.optimizer, cnn.SGD)
    trainer.seed, trainer.epochs_done = np.int64(3), 7
    for name, value in [("optimizer", "adma"), ("seed", -1), ("epochs_done", -1),
                        ("epochs_done", "2"), ("check_finite", "no")]:  # fmt: skip
        kept = getattr(trainer, name)
        with pytest.raises(OptionError, match=r"need .*; got"):
            setattr(trainer, name, value)
        assert getattr(trainer, name) == kept


def test_layers_may_change_until_a_network_has_them_and_copies_may_again():
    layer = cnn.Dropout(0.1)
    layer.rate = 0.2
    net = cnn.Sequential([layer, cnn.Dense(2)], inputs=3)
    for of in (net, pickle.loads(pickle.dumps(net))):
        with pytest.raises(OptionError, match="Dropout: rate: need a new one and a new network"):
            of.layers[0].rate = 0.3
        other = copy.deepcopy(of.layers[0])
        other.rate = 0.3
        assert (of.layers[0].rate, other.rate) == (0.2, 0.3)
    assert isinstance(net.layers, tuple)


def test_a_layer_of_ones_own_may_note_what_it_likes_when_it_is_built():
    class Own(cnn.Activation):
        def build(self, x, name, rng):
            self.seen = x.shape
            return super().build(x, name, rng)

    own = Own("relu")
    for inputs in (3, 4):
        cnn.Sequential([own, cnn.Dense(2)], inputs=inputs)
        assert own.seen == (cnn.BATCH, inputs)


def test_the_numbers_of_a_constant_are_fixed():
    constant = cnn.Constant([1.0, 2.0])
    with pytest.raises(ValueError, match="read-only"):
        constant.value[0] = 3
    assert (cnn.Graph(constant * 2.0).forward() == [2, 4]).all()
