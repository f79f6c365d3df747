"""Metrics of all rows: scikit-learn's values, functions of the user's, where they are reported."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from training_cases import blobs, make_net

import cnn_core as cnn
from cnn_core.errors import OptionError

N = 1300
NAMES = ["auc", "f1", "balanced_accuracy", "average_precision"]


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def rounded_net(outputs: int) -> cnn.Sequential:
    """Return a network whose outputs are few different numbers, so that there are ties."""
    net = make_net(outputs=outputs, dtype="float64", hidden=())
    net.params["dense_0.w"][...] = np.round(net.params["dense_0.w"])
    return net


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["one output", "two classes", "four classes", "multi-label"])
def test_metrics_of_decisions_equal_scikit_learn(kind, weighted):
    sk = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(1)
    x, y = blobs(N, classes=4 if kind == "four classes" else 2)
    x = np.round(x)
    w = rng.random(N) if weighted else None
    names = NAMES[:]
    if kind == "one output":
        net, loss = rounded_net(1), cnn.BinaryCrossEntropy()
        scores = net.predict(x)[:, 0]
        guess, many = scores > 0, {}
    elif kind == "multi-label":
        net, loss, y = rounded_net(3), cnn.BinaryCrossEntropy(), rng.integers(0, 2, (N, 3))
        scores = net.predict(x)
        guess, many = scores > 0, {"average": "macro"}
        names.remove("balanced_accuracy")
    else:
        outputs = 2 if kind == "two classes" else 4
        net, loss = rounded_net(outputs), cnn.SoftmaxCrossEntropy()
        scores, guess, many = softmax(net.predict(x)), net.predict(x).argmax(1), {}
        if outputs == 2:
            z = net.predict(x)
            scores = z[:, 1] - z[:, 0]
        else:
            many = {"average": "macro"}
    found = cnn.Trainer(net, loss=loss, metrics=names).evaluate(x, y, w)
    more = {"multi_class": "ovr"} if kind == "four classes" else {}
    expected = {
        "auc": sk.roc_auc_score(y, scores, sample_weight=w, **more, **many),
        "f1": sk.f1_score(y, guess, sample_weight=w, **many),
        "average_precision": sk.average_precision_score(y, scores, sample_weight=w, **many),
    }
    if kind != "multi-label":
        expected["balanced_accuracy"] = sk.balanced_accuracy_score(y, guess, sample_weight=w)
    assert {k: found[k] for k in expected} == pytest.approx(expected, rel=1e-12)
    assert list(found) == ["loss", *names]


@pytest.mark.parametrize("outputs", [1, 3])
def test_mape_equals_scikit_learn(outputs):
    sk = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(3)
    x, y, w = rng.standard_normal((N, 7)), rng.standard_normal((N, outputs)), rng.random(N)
    net = make_net(outputs=outputs, dtype="float64")
    trainer = cnn.Trainer(net, loss=cnn.MSE(), metrics=["mape"])
    expected = sk.mean_absolute_percentage_error(y, net.predict(x), sample_weight=w)
    assert trainer.evaluate(x, y, w)["mape"] == pytest.approx(expected, rel=1e-12)
    assert "mape" in trainer.fit(x, y, progress=False)


def test_ties_count_half_and_one_kind_alone_has_no_auc():
    net = cnn.Sequential([cnn.Dense(1, use_bias=False)], 1, dtype="float64")
    net.set_params({"dense_0.w": [[1.0]]})
    metrics = ["auc", "average_precision"]
    trainer = cnn.Trainer(net, loss=cnn.BinaryCrossEntropy(), metrics=metrics)
    x = np.array([[0.0], [0.0], [1.0], [2.0]])
    assert trainer.evaluate(x, [0, 1, 0, 1])["auc"] == (0.5 + 2) / 4
    found = trainer.evaluate(x, [0, 0, 0, 0])
    assert np.isnan(found["auc"])
    assert np.isnan(found["average_precision"])
    trainer.net.params["dense_0.w"][...] = np.nan
    assert np.isnan(trainer.evaluate(x, [0, 1, 0, 1])["auc"])


def test_rows_that_count_nothing_are_in_no_metric():
    x, y = blobs(200)
    w = np.random.default_rng(0).random(200)
    w[::5] = 0
    y[1::5] = -1
    x[w == 0] = np.nan
    counted = (w > 0) & (y != -1)
    net = make_net()
    loss = cnn.SoftmaxCrossEntropy(ignore_index=-1)
    trainer = cnn.Trainer(net, loss=loss, metrics=[*NAMES, outputs_seen])
    found = trainer.evaluate(x, y, w)
    expected = trainer.evaluate(x[counted], y[counted], w[counted])
    del found["loss"], expected["loss"]
    assert found == pytest.approx(expected, rel=1e-12)
    assert found["outputs_seen"] == counted.sum()
    y[:] = -1
    assert all(np.isnan(v) for k, v in trainer.evaluate(x, y).items() if k in NAMES)


def outputs_seen(targets, outputs, sample_weight=None):
    return len(outputs)


def largest_error(targets, outputs):
    return np.abs(targets - outputs).max()


largest_error.higher_is_better = False


def test_a_function_of_targets_and_outputs_is_a_metric():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((700, 7)), rng.standard_normal((700, 2))
    trainer = cnn.Trainer(make_net(outputs=2, dtype="float64"), loss=cnn.MSE(),
                          metrics=["mae", largest_error])  # fmt: skip
    history = trainer.fit(x, y, validation_data=(x, y), epochs=2, progress=False,
                          callbacks=[cnn.EarlyStopping("val_largest_error")])  # fmt: skip
    assert list(history) == ["loss", "mae", "val_loss", "val_mae", "val_largest_error"]
    expected = np.abs(y - trainer.net.predict(x)).max()
    assert trainer.evaluate(x, y)["largest_error"] == expected
    assert trainer.evaluate(x, y[:, :2].tolist())["largest_error"] == expected
    with pytest.raises(OptionError, match="data and monitor 'val_largest_error'"):
        trainer.fit(x, y, progress=False, callbacks=[cnn.EarlyStopping("largest_error")])


def test_a_function_gets_weights_by_name_or_is_refused():
    x, y = blobs(50)
    w = np.arange(50) + 1.0

    def weight(targets, outputs, sample_weight=None):
        return -1.0 if sample_weight is None else sample_weight.sum()

    def plain(targets, outputs):
        return len(targets) + len(outputs)

    trainer = cnn.Trainer(make_net(), loss=cnn.SoftmaxCrossEntropy(), metrics=[weight])
    assert trainer.evaluate(x, y, w)["weight"] == w.sum()
    assert trainer.evaluate(x, y)["weight"] == -1.0
    trainer = cnn.Trainer(make_net(), loss=cnn.SoftmaxCrossEntropy(), metrics=[plain])
    assert trainer.evaluate(x, y)["plain"] == 100
    with pytest.raises(OptionError, match="plain: need a function with a parameter sample_weight"):
        trainer.evaluate(x, y, w)


@pytest.mark.parametrize("result", [None, "1", np.ones(2), [1.0]])
def test_what_a_function_returns_must_be_a_number(result):
    def odd(targets, outputs):
        return result

    x, y = blobs(5)
    trainer = cnn.Trainer(make_net(), loss=cnn.SoftmaxCrossEntropy(), metrics=[odd])
    with pytest.raises(OptionError, match="odd: need a number from it; got"):
        trainer.evaluate(x, y)


def test_a_function_cannot_change_the_data():
    def spoil(targets, outputs):
        targets[...] = 0
        return 0.0

    x, y = blobs(5)
    y = y.astype(np.int32)
    trainer = cnn.Trainer(make_net(), loss=cnn.SoftmaxCrossEntropy(), metrics=[spoil])
    with pytest.raises(ValueError, match="read-only"):
        trainer.evaluate(x, y)


def test_balanced_accuracy_of_several_questions_is_refused():
    x = blobs(20)[0]
    trainer = cnn.Trainer(make_net(), loss=cnn.BinaryCrossEntropy(), metrics=["balanced_accuracy"])
    with pytest.raises(OptionError, match="balanced_accuracy: need classes or one yes-or-no"):
        trainer.fit(x, (x[:, :3] > 0) * 1.0, progress=False)
    assert trainer.optimizer.step_count == 0


def test_validation_reports_metrics_of_all_rows_and_training_does_not():
    x, y = blobs(60, classes=2)
    trainer = cnn.Trainer(make_net(outputs=1), loss=cnn.BinaryCrossEntropy(), metrics=["auc"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = trainer.fit(x, y, validation_data=(x, y), epochs=3, progress=False,
                              callbacks=[cnn.EarlyStopping("val_auc")])  # fmt: skip
    assert list(history) == ["loss", "val_loss", "val_auc"]
    assert list(trainer.fit(x, y, progress=False)) == ["loss"]


def test_functions_are_checked_before_the_first_step():
    def gini(targets, outputs):
        return 1.0

    def of_one(outputs):
        return 1.0

    x, y = blobs(40)
    refused = [(of_one, r"of_one, which takes \(outputs\)"), (cnn.Metric, r"write Metric\(\)")]
    for function, text in refused:
        with pytest.raises(OptionError, match=rf"metrics: need .*{text}"):
            cnn.Trainer(make_net(), loss="softmax_cross_entropy", metrics=[function])
    trainer = cnn.Trainer(make_net(), loss="softmax_cross_entropy", metrics=[gini])
    before = trainer.net.store.value.copy()
    with pytest.raises(OptionError, match="gini: need a function with a parameter sample_weight"):
        trainer.fit(x, y, validation_data=(x, y, np.ones(40)), progress=False)
    assert (trainer.net.store.value == before).all()
    assert trainer.optimizer.step_count == 0
    trainer.fit(x, y, sample_weight=np.ones(40), validation_data=(x, y), progress=False)
