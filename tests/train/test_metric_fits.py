"""Which outputs a metric fits, what it sees of them, and losses and metrics of any nodes."""

from __future__ import annotations

import re

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.errors import CnnCoreError, DataError, DtypeError, LabelError, OptionError
from cnn_core.train.build import build_loss, build_metric, target_input
from cnn_core.train.metrics import METRICS

RNG = np.random.default_rng(0)
N = 700  # two runs of an evaluation
Z, W = RNG.standard_normal((N, 3)), np.where(RNG.random(N) < 0.3, 0, RNG.random(N))
MULTI, LABELS = (RNG.random((N, 3)) < 0.4) * 1.0, RNG.integers(0, 3, N)
ROWS, COUNTS = RNG.dirichlet(np.ones(3), N), RNG.poisson(3.0, (N, 3)) * 1.0


def trainer_of(loss, z, metrics, end="linear") -> cnn.Trainer:
    """Return a trainer whose network's outputs are ``end`` of its inputs."""
    n = z.shape[1]
    net = cnn.Sequential([cnn.Dense(n, end, use_bias=False)], n, dtype="float64")
    net.set_params({"dense_0.w": np.eye(n)})
    return cnn.Trainer(net, loss=loss, metrics=metrics)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


PREDICTED = {
    "yes or no": (cnn.BinaryCrossEntropy(), MULTI, sigmoid),
    "classes": (cnn.SoftmaxCrossEntropy(), ROWS, softmax),
    "counts": (cnn.Poisson(), COUNTS, np.exp),
    "numbers": (cnn.MSE(), COUNTS, lambda z: z),
    "quantiles": (cnn.Pinball(0.9), COUNTS, lambda z: z),
}


@pytest.mark.parametrize("case", PREDICTED)
def test_closeness_is_that_of_what_outputs_predict(case):
    loss, y, predicted = PREDICTED[case]
    found = trainer_of(loss, Z, ["mae", "mse", "rmse", "r2"]).evaluate(Z, y, W)
    e = predicted(Z) - y
    mean = np.average(y, axis=0, weights=W)
    assert found["mae"] == pytest.approx(np.abs(e).mean(axis=1) @ W / W.sum(), rel=1e-12)
    assert found["mse"] == pytest.approx((e**2).mean(axis=1) @ W / W.sum(), rel=1e-12)
    assert found["rmse"] == pytest.approx(found["mse"] ** 0.5, rel=1e-12)
    r2 = 1 - (W @ e**2) / (W @ (y - mean) ** 2)
    assert found["r2"] == pytest.approx(r2.mean(), rel=1e-10)


MEANINGS = {
    "labels": (cnn.SoftmaxCrossEntropy(), Z, LABELS, "linear"),
    "probable classes": (cnn.SoftmaxCrossEntropy(), Z, ROWS, "linear"),
    "questions": (cnn.BinaryCrossEntropy(), Z, MULTI, "linear"),
    "one question": (cnn.BinaryCrossEntropy(), Z[:, :1], MULTI[:, :1], "linear"),
    "margins": (cnn.Hinge(), Z, MULTI, "linear"),
    "margins of one question": (cnn.Hinge(), Z[:, :1], MULTI[:, :1], "linear"),
    "margins of classes": (cnn.Hinge(), Z, LABELS, "linear"),
    "numbers": (cnn.Huber(), Z, COUNTS, "linear"),
    "counts": (cnn.Poisson(), Z, COUNTS, "linear"),
    "numbers near 0 and 1": (cnn.MSE(), Z, MULTI, "linear"),
    "probabilities": (cnn.MAE(), Z, MULTI, "sigmoid"),
    "a softmax": (cnn.MSE(), Z, ROWS, "softmax"),
}


@pytest.mark.parametrize("metric", [*METRICS, "top_2"])
@pytest.mark.parametrize("case", MEANINGS)
def test_a_metric_fits_or_is_refused_before_a_step_for_others_that_do(case, metric):
    loss, z, y, end = MEANINGS[case]
    trainer = trainer_of(loss, z, [metric], end)
    assert type(trainer.metrics[0].higher_is_better) is bool
    try:
        value = trainer.evaluate(z, y)[metric]
    except CnnCoreError as error:
        text = str(error)
        assert re.match(rf"{metric}: need .*; got .*the output dense_0.* \(B, [13]\)", text)
        for other in re.split(", | or ", text.rsplit(": use ", 1)[1]):
            kept = trainer_of(loss, z, [other.replace("<k>", "2")], end)
            assert np.isfinite([*kept.evaluate(z, y).values()]).all()
        with pytest.raises(type(error)):
            trainer.fit(z, y, progress=False)
        assert trainer.optimizer.step_count == 0
    else:
        assert np.isfinite(value)


REFUSED = [
    ("labels", "mae", DtypeError, r"mae: need real numbers; got y, the labels of the output d"),
    ("margins", "r2", OptionError, r"r2: need outputs that are close to their targets; got .*marg"),
    ("questions", "top_2", OptionError, r"top_2: need one of several classes; got the output d"),
    ("questions", "balanced_accuracy", OptionError, "need classes or one yes-or-no question to a"),
    ("counts", "accuracy", OptionError, "accuracy: need labels, or .* got others for the output d"),
    ("numbers near 0 and 1", "log_loss", OptionError, "log_loss: need probabilities, from a soft"),
]


@pytest.mark.parametrize(("case", "metric", "error", "text"), REFUSED)
def test_what_does_not_fit_is_refused(case, metric, error, text):
    loss, z, y, end = MEANINGS[case]
    with pytest.raises(error, match=text):
        trainer_of(loss, z, [metric], end).evaluate(z, y)


class Near(cnn.Metric):
    name = "near"
    higher_is_better = True
    scales = ("values", "probabilities")

    def build(self, output, target, weight, ignore):
        return cnn.ops.metric_mean(cnn.ops.mean(cnn.ops.abs(output - target) < 0.3, axis=1), weight)


def test_a_metric_of_ones_own_says_what_it_fits_and_whether_weights_count():
    class Alike(Near):
        name = "alike"
        weighted = False

    class Forgets(Near):
        name = "forgets"

        def build(self, output, target, weight, ignore):
            return super().build(output, target, None, ignore)

    class Binary(Near):
        name = "binary"
        kinds = ("binary",)

    found = trainer_of(cnn.BinaryCrossEntropy(), Z, [Near(), Alike()]).evaluate(Z, MULTI, W)
    rows = (np.abs(sigmoid(Z) - MULTI) < 0.3).mean(axis=1)
    assert found["near"] == pytest.approx(rows @ W / W.sum(), rel=1e-12)
    assert found["alike"] == pytest.approx(rows[W > 0].mean(), rel=1e-12)
    with pytest.raises(OptionError, match="metric 'forgets': need build to use the weights of row"):
        trainer_of(cnn.MSE(), Z, [Forgets()]).evaluate(Z, MULTI, W)
    with pytest.raises(OptionError, match="near: need outputs that are close to their targets"):
        trainer_of(cnn.Hinge(), Z, [Near()]).evaluate(Z, MULTI)
    with pytest.raises(OptionError, match=r"binary: need one yes-or-no question .* got the output"):
        trainer_of(cnn.BinaryCrossEntropy(), Z, [Binary()]).evaluate(Z, MULTI)


def test_a_loss_of_ones_own_says_what_outputs_are():
    class Logistic(cnn.Loss):
        outputs_are = "logits"

        def build(self, output, target, weight):
            return cnn.ops.binary_cross_entropy(output, target, reduction="none")

    names = ["accuracy", "log_loss", "mse", "auc"]
    own, known = (trainer_of(loss, Z, names) for loss in (Logistic(), cnn.BinaryCrossEntropy()))
    assert own.evaluate(Z, MULTI, W) == known.evaluate(Z, MULTI, W)


def test_what_defines_no_arithmetic_is_refused_when_it_is_given():
    class Idle(cnn.Loss):
        """Without build."""

    class Sums(cnn.Metric):
        name = "sums"

    class All(cnn.train.RowMetric):
        name = "all"

    class Blank(cnn.Layer):
        """Without build."""

    with pytest.raises(OptionError, match="Blank: need a layer that defines build; got none"):
        cnn.Sequential([Blank()], 3)
    net = cnn.Sequential([cnn.Dense(3)], 3)
    with pytest.raises(OptionError, match="Trainer: need a loss whose class defines build; got I"):
        cnn.Trainer(net, loss=Idle())
    with pytest.raises(OptionError, match="Trainer: need a loss whose class defines build; got L"):
        cnn.Trainer(net, loss=cnn.Loss())
    for metric, method in [(Sums(), "build"), (All(), "compute"), (cnn.Metric(), "build")]:
        need = f"metrics: need a metric whose class defines {method}; got"
        with pytest.raises(OptionError, match=need):
            cnn.Trainer(net, loss="mse", metrics=[metric])


# -- losses and metrics of any nodes --------------------------------------------------------------


def two_heads() -> tuple[cnn.Node, cnn.Node, cnn.Node]:
    """Return a hidden node and two outputs over two inputs."""
    a, b = cnn.Input("a", (cnn.BATCH, 4)), cnn.Input("b", (cnn.BATCH, 2))
    shapes = {"k0": (6, 5), "k1": (5, 1), "k2": (5, 3)}
    k = [cnn.Parameter(name, RNG.standard_normal(shape)) for name, shape in shapes.items()]
    h = cnn.ops.tanh(cnn.ops.concat([a, b], axis=1) @ k[0])
    return h, h @ k[1], h @ k[2]


def test_losses_and_metrics_of_several_outputs_with_targets_of_any_name():
    _, price, kind = two_heads()
    n = 20
    fed = {"a": RNG.random((n, 4)), "b": RNG.random((n, 2)), "w:price": RNG.random(n),
           "y:price": RNG.random((n, 1)), "y:kind": RNG.integers(0, 3, n)}  # fmt: skip
    huber, softmax = cnn.Huber(reduction="sum_over_batch"), cnn.SoftmaxCrossEntropy()
    y, t = (target_input(loss, node, fed[f"y:{name}"], f"y:{name}")
            for loss, node, name in [(huber, price, "price"), (softmax, kind, "kind")])  # fmt: skip
    w = cnn.Input("w:price", (cnn.BATCH,))
    found = build_loss(huber, price, y, w)
    total = found + 0.5 * build_loss(softmax, kind, t, None)
    accuracy = build_metric(cnn.train.metrics.Accuracy(), softmax, kind, t, None,
                            softmax.meaning(kind, t, fed["y:kind"]))  # fmt: skip
    mae = build_metric(cnn.train.metrics.MeanAbsoluteError(), huber, price, y, w, None)
    graph = cnn.Graph([total, found, price, kind, accuracy, mae])
    total, found, p, z, right, error = graph.forward(
        **{key: v.astype(np.int32) if key == "y:kind" else v for key, v in fed.items()}
    )
    e = np.abs(p - fed["y:price"])[:, 0]
    rows = fed["w:price"] * np.where(e <= 1, e**2 / 2, e - 0.5)
    labels = fed["y:kind"]
    cross = np.log(np.exp(z).sum(axis=1)) - z[np.arange(n), labels]
    assert found == pytest.approx(rows.mean(), rel=1e-12)
    assert total == pytest.approx(rows.mean() + 0.5 * cross.mean(), rel=1e-12)
    assert right[0] == (z.argmax(axis=1) == labels).sum()
    assert error[0] == pytest.approx(e @ fed["w:price"], rel=1e-12)


def test_errors_name_the_target_and_the_inputs_that_there_are():
    hidden, price, kind = two_heads()
    y = target_input(cnn.Poisson(), price, COUNTS[:, :1], "y:price")
    with pytest.raises(DataError, match=r"Poisson: need counts >= 0; got -1.0 in row 1 of y:price"):
        cnn.Poisson().targets(y, price, np.array([[1.0], [-1.0]]), np.dtype("float32"))
    t = target_input(cnn.SoftmaxCrossEntropy(), kind, LABELS, "y:kind")
    with pytest.raises(LabelError, match=r"labels 0 \.\. 2 in y:kind; got 7 in row 0"):
        cnn.SoftmaxCrossEntropy().targets(t, kind, np.array([7, 1]), np.dtype("float32"))

    class Own(cnn.Loss):
        def __init__(self, function):
            self.function = function

        def build(self, output, target, weight):
            return self.function(output, target)

    deep = Own(lambda p, y: cnn.ops.mse(p, y) + cnn.ops.mean(cnn.ops.square(hidden)))
    assert build_loss(deep, price, y, None).shape == ()
    for text, own in {
        "need only a, b, y:price as inputs, and parameters of the network; got another input, 'z'":
            Own(lambda p, y: cnn.ops.mse(p, y) * cnn.Input("z")),
        "got another parameter, 'other'":
            Own(lambda p, y: cnn.ops.mse(cnn.Parameter("other", 1) * p, y)),
        "need a loss that depends on the output": Own(lambda p, y: cnn.ops.mean(y)),
    }.items():  # fmt: skip
        with pytest.raises(OptionError, match=f"Own: .*{text}"):
            build_loss(own, price, y, None)
