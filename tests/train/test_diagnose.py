"""diagnose: what it says of networks with planted faults; probabilities and classes of outputs."""

from __future__ import annotations

import re

import numpy as np
import pytest
from training_cases import blobs, make_net, make_trainer, state

import cnn_core as cnn
from cnn_core.errors import OptionError

X, Y = blobs(80)


def net_of(*activations: str) -> cnn.Sequential:
    layers = [cnn.Dense(12, a, name=f"layer_{i}") for i, a in enumerate(activations)]
    return cnn.Sequential([*layers, cnn.Dense(3, name="last")], 7, seed=0)


def test_figures_are_those_of_a_step_by_hand():
    net = net_of("relu", "tanh")
    trainer = make_trainer(net, optimizer=cnn.SGD(lr=0.1))
    found = trainer.diagnose(X, Y)
    graph = cnn.Graph(net.output)
    y = graph.forward(x=X)
    layer = found["last"]
    assert (layer.low, layer.high) == (y.min(), y.max())
    assert layer.mean == pytest.approx(y.mean(), rel=1e-6)
    before = {k: v.copy() for k, v in net.params.items()}
    assert trainer.step(X, Y) == pytest.approx(found.loss, rel=1e-6)
    for name in ("layer_0", "layer_1", "last"):
        own = [k for k in before if k.startswith(name)]
        grad = np.sqrt(sum(np.sum(net.params.grads[k].astype("f8") ** 2) for k in own))
        size = np.sqrt(sum(np.sum(before[k].astype("f8") ** 2) for k in own))
        assert found[name].grad_norm == pytest.approx(grad, rel=1e-5)
        assert found[name].update == pytest.approx(0.1 * grad / size, rel=1e-3)


def test_planted_faults_get_a_word():
    net = net_of("relu", "tanh", "sigmoid")
    net.params["layer_0.b"][:9] = -1e3
    net.params["layer_1.b"][...] = 9
    net.freeze("last*")
    trainer = make_trainer(net, optimizer=cnn.SGD(lr=1e-9))
    text = repr(found := trainer.diagnose(X, Y))
    assert found["layer_0"].dead == 0.75
    assert found["layer_1"].saturated == 1
    assert np.isnan(found["layer_2"].dead)
    assert re.search(r"layer_0 .*75% of its units are dead; hardly learns", text)
    assert re.search(r"layer_1 .*100% saturated", text)
    assert np.isnan(found["last"].grad_norm)
    assert found["last"].update == 0
    fast = make_trainer(net_of("relu"), optimizer=cnn.SGD(lr=50.0)).diagnose(X, Y)
    assert "changes by more than a tenth in one step" in fast["last"].words


def test_the_trainer_stays_as_it_is_and_pictures_are_made(tmp_path):
    pytest.importorskip("matplotlib")
    trainer = make_trainer(make_net(dropout=0.2))
    trainer.step(X, Y)
    before, grads = state(trainer), trainer.net.store.grad.copy()
    found = trainer.diagnose(X, Y)
    found.plot(tmp_path / "layers.png")
    assert (tmp_path / "layers.png").stat().st_size > 10_000
    after = state(trainer)
    assert all(np.array_equal(after[k], before[k]) for k in ("params", "scalars", "step_count"))
    assert np.array_equal(trainer.net.store.grad, grads)
    with pytest.raises(KeyError, match=r"need one of dense_0, dropout_0, .*; got 'dense_9'"):
        found["dense_9"]


def test_probabilities_and_classes():
    trainer = make_trainer()
    trainer.fit(X, Y, epochs=20, progress=False)
    z = trainer.net.predict(X).astype("f8")
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(trainer.predict_proba(X), p, rtol=1e-4)
    assert np.array_equal(trainer.predict_classes(X), p.argmax(axis=1))
    trainer.step(X, Y)  # the same numbers
    assert not np.allclose(trainer.predict_proba(X), p, rtol=1e-6)
    yes = cnn.Trainer(make_net(outputs=1), loss="binary_cross_entropy")
    q = yes.predict_proba(X)
    np.testing.assert_allclose(q, 1 / (1 + np.exp(-yes.net.predict(X).astype("f8"))), rtol=1e-5)
    assert np.array_equal(yes.predict_classes(X), (q[:, 0] > 0.5).astype(int))
    for made in (trainer, yes):
        assert made.predict_classes(X[3]) == made.predict_classes(X)[3]
    with pytest.raises(OptionError, match="predict_proba: need a loss whose outputs stand for"):
        cnn.Trainer(make_net(), loss="mse").predict_proba(X)


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "multi_margin"])
def test_margins_tell_classes_and_no_probabilities(loss):
    trainer = make_trainer(loss=loss)
    trainer.fit(X, Y, epochs=5, progress=False)
    z = trainer.net.predict(X)
    assert np.array_equal(trainer.predict_classes(X), z.argmax(axis=1))
    assert trainer.predict_classes(X[4]) == z[4].argmax()
    with pytest.raises(OptionError, match="predict_proba: need a loss whose outputs stand for"):
        trainer.predict_proba(X)
    if loss != "multi_margin":
        one = make_trainer(make_net(outputs=1), loss=loss)
        assert np.array_equal(one.predict_classes(X), one.net.predict(X)[:, 0] > 0)
        assert one.predict_classes(X[4]) == one.predict_classes(X)[4]
        several = make_trainer(loss=loss)
        several.fit(X, np.where(np.eye(3)[Y] > 0, 1.0, -1.0), progress=False)
        assert np.array_equal(several.predict_classes(X), several.net.predict(X) > 0)


def test_probabilities_by_output():
    x = cnn.Input("x", (cnn.BATCH, 7))
    h = cnn.Dense(4, "relu")(x)
    net = cnn.Model({"kind": cnn.Dense(3)(h), "flags": cnn.Dense(2)(h)}, seed=0)
    losses = {"kind": "softmax_cross_entropy", "flags": "binary_cross_entropy"}
    trainer = cnn.Trainer(net, loss=losses)
    found, classes = trainer.predict_proba(X), trainer.predict_classes(X)
    assert found["kind"].sum(axis=1) == pytest.approx(np.ones(80), rel=1e-5)
    assert (classes["kind"].shape, classes["flags"].shape) == ((80,), (80, 2))
    assert np.array_equal(classes["flags"], (found["flags"] > 0.5).astype(int))


def test_classes_have_names_that_are_kept(tmp_path):
    trainer = make_trainer()
    numbers = trainer.predict_classes(X)
    trainer.net.classes = ["cat", "dog", "bird"]
    assert trainer.predict_classes(X).tolist() == [["cat", "dog", "bird"][k] for k in numbers]
    trainer.net.save(tmp_path / "net")
    assert cnn.load(tmp_path / "net").classes == ("cat", "dog", "bird")
    yes = cnn.Trainer(make_net(outputs=1), loss="binary_cross_entropy")
    yes.net.classes = np.array([3, 7])
    assert set(yes.predict_classes(X)) <= {3, 7}
    for labels in (["a", "b"], "abc", ["a", "a", "b"], ["a", "b", 1.5], [True, False, "x"], 3):
        with pytest.raises(OptionError, match="Sequential: classes: need"):
            trainer.net.classes = labels
    assert trainer.net.classes == ("cat", "dog", "bird")
