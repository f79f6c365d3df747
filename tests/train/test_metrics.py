"""Metrics against scikit-learn, over several batches, weighted or not."""

from __future__ import annotations

import numpy as np
import pytest
from training_cases import blobs, make_net

import cnn_core as cnn
from cnn_core.errors import OptionError
from cnn_core.train.metrics import METRICS, get

sk = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")

N = 1300  # three runs of the evaluation program, the last one short


def weights(weighted: bool) -> np.ndarray | None:
    return np.random.default_rng(2).random(N) if weighted else None


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 3, 12])
def test_classification_metrics_equal_scikit_learn(classes, weighted):
    x, y = blobs(N, classes=classes)
    w = weights(weighted)
    names = ["accuracy", "top_2", "log_loss"] + ["top_5"] * (classes > 5)
    net = make_net(outputs=classes, dtype="float64")
    found = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), metrics=names).evaluate(x, y, w)
    z, labels = net.predict(x), np.arange(classes)
    assert found["accuracy"] == pytest.approx(
        sk.accuracy_score(y, z.argmax(1), sample_weight=w), rel=1e-12
    )
    expected = sk.log_loss(y, softmax(z), sample_weight=w, labels=labels)
    assert found["log_loss"] == pytest.approx(expected, rel=1e-10)
    assert found["loss"] == pytest.approx(expected, rel=1e-10)
    for k in (2, 5):
        if k < classes:
            expected = sk.top_k_accuracy_score(y, z, k=k, sample_weight=w, labels=labels)
            assert found[f"top_{k}"] == pytest.approx(expected, rel=1e-12)
    if classes == 2:
        assert found["top_2"] == 1.0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("outputs", [1, 4])
def test_regression_metrics_equal_scikit_learn(outputs, weighted):
    rng = np.random.default_rng(3)
    x, w = rng.standard_normal((N, 7)), weights(weighted)
    y = 1e3 + rng.standard_normal((N, outputs)) * [1, 10, 100, 1000][:outputs]
    net = make_net(outputs=outputs, dtype="float64")
    net.params["dense_2.b"][:] = 1e3
    metrics = ["mae", "mse", "rmse", "r2"]
    trainer = cnn.Trainer(net, loss=cnn.MSE(), metrics=metrics)
    found = trainer.evaluate(x, y[:, 0] if outputs == 1 else y, w)
    p = net.predict(x)
    mse = sk.mean_squared_error(y, p, sample_weight=w)
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(y, p, sample_weight=w), rel=1e-11)
    assert found["mse"] == pytest.approx(mse, rel=1e-11)
    assert found["rmse"] == pytest.approx(np.sqrt(mse), rel=1e-11)
    assert found["r2"] == pytest.approx(sk.r2_score(y, p, sample_weight=w), rel=1e-8)


@pytest.mark.parametrize("weighted", [False, True])
def test_binary_metrics_of_one_output_equal_scikit_learn(weighted):
    x, y = blobs(N, classes=2)
    w = weights(weighted)
    net = make_net(outputs=1, dtype="float64")
    trainer = cnn.Trainer(net, loss=cnn.BinaryCrossEntropy(), metrics=["accuracy", "log_loss"])
    found = trainer.evaluate(x, y, w)
    z = net.predict(x)[:, 0]
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(y, z > 0, sample_weight=w))
    expected = sk.log_loss(y, 1 / (1 + np.exp(-z)), sample_weight=w)
    assert found["log_loss"] == pytest.approx(expected, rel=1e-10)


def test_accuracy_of_probability_rows_compares_the_largest():
    x, _ = blobs(N)
    rows = np.random.default_rng(0).dirichlet(np.ones(3), N)
    net = make_net(dtype="float64")
    trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), metrics=["accuracy", "log_loss"])
    found = trainer.evaluate(x, rows)
    z = net.predict(x)
    assert found["accuracy"] == pytest.approx((z.argmax(1) == rows.argmax(1)).mean())
    assert found["log_loss"] == pytest.approx(-(rows * np.log(softmax(z))).sum(1).mean())


def test_log_loss_knows_no_smoothing():
    x, y = blobs(N)
    net = make_net(dtype="float64")
    loss = cnn.SoftmaxCrossEntropy(label_smoothing=0.3)
    found = cnn.Trainer(net, loss=loss, metrics=["log_loss"]).evaluate(x, y)
    expected = sk.log_loss(y, softmax(net.predict(x)))
    assert found["log_loss"] == pytest.approx(expected, rel=1e-10)
    assert found["loss"] != pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignored", [-1, 1])
def test_ignored_rows_count_in_no_metric(ignored, weighted):
    x, y = blobs(N)
    y[::3] = ignored
    kept = y != ignored
    w = weights(weighted)
    net = make_net(dtype="float64")
    metrics = ["accuracy", "top_2", "log_loss"]
    loss = cnn.SoftmaxCrossEntropy(ignore_index=ignored)
    found = cnn.Trainer(net, loss=loss, metrics=metrics).evaluate(x, y, w)
    plain = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), metrics=metrics)
    expected = plain.evaluate(x[kept], y[kept], None if w is None else w[kept])
    assert found == pytest.approx(expected, rel=1e-12)


def test_nothing_counted_gives_nan_and_no_warning(recwarn):
    x, _ = blobs(20)
    loss = cnn.SoftmaxCrossEntropy(ignore_index=-1)
    trainer = cnn.Trainer(make_net(), loss=loss, metrics=["accuracy", "top_2", "log_loss"])
    found = trainer.evaluate(x, np.full(20, -1))
    assert all(np.isnan(v) for v in found.values())
    before = trainer.net.store.value.copy()
    history = trainer.fit(x, np.full(20, -1), progress=False)
    assert np.isnan(history["loss"]).all()
    assert np.array_equal(trainer.net.store.value, before)
    assert not recwarn.list


def test_metrics_start_afresh_with_each_epoch_and_call():
    x, y = blobs(200)
    trainer = cnn.Trainer(make_net(), loss=cnn.SoftmaxCrossEntropy(), metrics=["accuracy"],
                          optimizer=cnn.SGD(lr=1e-20))  # fmt: skip
    history = trainer.fit(x, y, epochs=3, batch_size=32, progress=False)
    again = trainer.fit(x, y, epochs=1, batch_size=32, progress=False)
    assert history["accuracy"] == [pytest.approx(again["accuracy"][0])] * 3
    assert trainer.evaluate(x, y)["accuracy"] == pytest.approx(again["accuracy"][0])


def test_nan_in_outputs_is_never_right():
    x, y = blobs(50)
    x[:20] = np.nan
    trainer = cnn.Trainer(make_net(), loss=cnn.SoftmaxCrossEntropy(), metrics=["accuracy", "top_2"])
    found = trainer.evaluate(x, y)
    rest = trainer.evaluate(x[20:], y[20:])
    assert np.isnan(found["loss"])
    assert found["accuracy"] == pytest.approx(rest["accuracy"] * 0.6)
    assert found["top_2"] == pytest.approx(rest["top_2"] * 0.6)


def test_names_and_objects_mean_the_same():
    assert [m.name for m in get([*METRICS, "top_3", cnn.TopK(7)])] == [*METRICS, "top_3", "top_7"]
    assert [m.name for m in get("accuracy")] == ["accuracy"]
    assert repr(get([cnn.TopK(2)])) == "[TopK(2)]"


@pytest.mark.parametrize("metrics", [["accurate"], ["top_x"], ["top_"], ["top_²"], [3], [None],
                                     [["mae"]], "acc", cnn.TopK])  # fmt: skip
def test_unknown_metric_error_lists_the_known_ones(metrics):
    with pytest.raises(OptionError, match=r"metrics: need .*"):
        get(metrics)
    if isinstance(metrics, list):
        with pytest.raises(OptionError, match=r"accuracy, log_loss, mae, .*top_<k>"):
            get(metrics)


@pytest.mark.parametrize("metrics", [["mae", "mae"], ["top_3", cnn.TopK(3)]])
def test_metric_given_twice_is_refused(metrics):
    with pytest.raises(OptionError, match="metrics: need each once; got"):
        get(metrics)


@pytest.mark.parametrize("k", [0, -1, 2.0, True, "3"])
def test_top_k_needs_a_whole_number(k):
    with pytest.raises(OptionError, match=r"TopK: need k, a whole number of at least 1; got"):
        cnn.TopK(k)


def test_metric_that_does_not_fit_the_targets_is_refused_before_training():
    x, y = blobs(20)
    for metrics, error, text in [
        (["mae"], cnn.errors.DtypeError, "mae: need real numbers; got y"),
        (["top_9"], OptionError, "need k <= 3, the classes; got 9"),
    ]:
        trainer = cnn.Trainer(make_net(), loss=cnn.SoftmaxCrossEntropy(), metrics=metrics)
        before = trainer.net.store.value.copy()
        with pytest.raises(error, match=text):
            trainer.fit(x, y)
        assert np.array_equal(trainer.net.store.value, before)
        assert trainer.optimizer.step_count == 0


class Bias(cnn.Metric):
    """The mean of p - t, as a user would write it."""

    name = "bias"

    def build(self, output, target, weight, ignore):
        ones = cnn.Constant(np.ones(1))
        difference = cnn.ops.add(output, cnn.ops.mul(target, cnn.Constant(-np.ones(1))))
        del ones
        return cnn.ops.metric_mean(cnn.ops.mse(difference, difference, reduction="none"), weight)


def test_metric_of_the_user_s_own():
    x = blobs(50)[0]
    trainer = cnn.Trainer(make_net(outputs=1), loss=cnn.MSE(), metrics=["mae", Bias()])
    assert trainer.evaluate(x, np.ones(50))["bias"] == 0.0
