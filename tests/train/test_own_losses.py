"""Losses and metrics of the user's own: what build may return."""

from __future__ import annotations

import numpy as np
import pytest
from training_cases import blobs, make_net

import cnn_core as cnn
from cnn_core.errors import OptionError

RNG = np.random.default_rng(0)
X, Y, W = RNG.standard_normal((1100, 7)), RNG.standard_normal((1100, 2)), RNG.random(1100)


def own(function) -> cnn.nn.losses.Loss:
    class Own(cnn.nn.losses.Loss):
        def build(self, output, target, weight):
            return function(output, target, weight)

    return Own()


def squares(p, t, w=None):
    return cnn.ops.square(p - t)


def trainer(function, **options) -> cnn.Trainer:
    return cnn.Trainer(make_net(outputs=2, dtype="float64"), loss=own(function),
                       optimizer=cnn.SGD(lr=0.01), **options)  # fmt: skip


def plain() -> cnn.Trainer:
    return cnn.Trainer(make_net(outputs=2, dtype="float64"), loss=cnn.MSE(),
                       optimizer=cnn.SGD(lr=0.01))  # fmt: skip


def short(trainer: cnn.Trainer) -> tuple:
    """Return what the short way of a step needs beside the rows."""
    return trainer.optimizer.learner(trainer.net.store), (0.01,), 0, 1


def assert_alike(a: cnn.Trainer, b: cnn.Trainer) -> None:
    np.testing.assert_allclose(a.net.store.value, b.net.store.value, rtol=1e-11, atol=1e-13)


def test_any_scalar_is_a_loss():
    found, expected = trainer(lambda p, t, w: cnn.ops.mean(squares(p, t))), plain()
    a = found.fit(X, Y, epochs=3, batch_size=64, progress=False)
    b = expected.fit(X, Y, epochs=3, batch_size=64, progress=False)
    np.testing.assert_allclose(a["loss"], b["loss"], rtol=1e-12)
    assert_alike(found, expected)
    for _ in range(2):  # the long way, then the short one
        assert found.step(X[:9], Y[:9]) == pytest.approx(expected.step(X[:9], Y[:9]), rel=1e-12)
    assert_alike(found, expected)
    assert found._last.stepper.step(X[:9], X[:9], None, *short(found)) is None  # another shape
    assert found._last.stepper.step(X[:9], Y[:9], None, *short(found)) == pytest.approx(
        expected._last.stepper.step(X[:9], Y[:9], None, *short(expected)), rel=1e-12
    )
    value = found.evaluate(X, Y)["loss"]
    assert value == pytest.approx(expected.evaluate(X, Y)["loss"], rel=1e-12)


def test_a_sum_of_terms_is_a_loss_counted_by_rows():
    def penalised(p, t, w):
        return cnn.ops.mse(p, t, weight=w) + 0.5 * cnn.ops.mean(cnn.ops.abs(p))

    found = trainer(penalised)
    p = found.net.predict(X)
    expected = ((p - Y) ** 2).mean() + 0.5 * np.abs(p).mean()
    assert found.evaluate(X, Y)["loss"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("weights", [None, W])
def test_of_a_loss_per_row_the_weighted_mean_is_taken(weights):
    found, expected = trainer(lambda p, t, w: cnn.ops.mean(squares(p, t), axis=1)), plain()
    options = {"sample_weight": weights, "batch_size": 64, "progress": False}
    a, b = found.fit(X, Y, **options), expected.fit(X, Y, **options)
    assert a["loss"] == pytest.approx(b["loss"], rel=1e-12)
    assert_alike(found, expected)


REFUSED = {
    "elements": (squares, r"a scalar or one number per row, \(B,\); got <Square"),
    "None": (lambda p, t, w: None, "got None"),
    "a number": (lambda p, t, w: 1.0, "got 1.0"),
    "labels": (lambda p, t, w: cnn.Input("y", (), dtype="int32"), "got <Input 'y'"),
    "without the output": (lambda p, t, w: cnn.ops.mean(t), "that depends on the output"),
    "another input": (lambda p, t, w: cnn.ops.mean(p * cnn.Input("z")), "got another input, 'z'"),
    "another parameter": (lambda p, t, w: cnn.ops.mean(p * cnn.Parameter("k", 2.0)),
                          "got another parameter, 'k'"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_loss_that_cannot_be_trained_is_refused_before_the_first_step(case):
    function, text = REFUSED[case]
    found = trainer(function)
    before = found.net.store.value.copy()
    for call in (found.fit, found.step, found.evaluate):
        with pytest.raises(OptionError, match=rf"Own: need .*{text}"):
            call(X, Y)
    assert np.array_equal(found.net.store.value, before)
    assert found.optimizer.step_count == 0


def test_weights_that_a_scalar_leaves_out_are_refused():
    found = trainer(lambda p, t, w: cnn.ops.mean(squares(p, t)))
    with pytest.raises(OptionError, match="Own: need build to use the weights of rows"):
        found.fit(X, Y, sample_weight=W, progress=False)


def test_a_loss_may_leave_out_the_targets():
    found = trainer(lambda p, t, w: cnn.ops.mean(cnn.ops.square(p)))
    history = found.fit(X, Y, epochs=3, progress=False)
    assert history["loss"][2] < history["loss"][0]
    assert found.step(X, Y) == pytest.approx(found.evaluate(X, Y)["loss"], rel=0.1)


METRICS = {
    "rows": lambda p, t, w: cnn.ops.mean(squares(p, t), axis=1),
    "a scalar": lambda p, t, w: cnn.ops.mse(p, t, weight=w),
    "None": lambda p, t, w: None,
}


@pytest.mark.parametrize("case", METRICS)
def test_a_metric_that_adds_up_no_sums_is_refused_by_name(case):
    class Plain(cnn.Metric):
        name = "plain"

        def build(self, output, target, weight, ignore):
            return METRICS[case](output, target, weight)

    found = cnn.Trainer(make_net(outputs=2), loss=cnn.MSE(), metrics=[Plain()])
    text = r"metric 'plain': need build to return a node that adds up sums, such as ops\.metric_me"
    with pytest.raises(OptionError, match=text):
        found.fit(X, Y, progress=False)
    assert found.optimizer.step_count == 0


def test_a_metric_that_asks_for_it_is_told_what_outputs_mean():
    seen = []

    class Asking(cnn.Metric):
        name = "asking"
        needs_meaning = True

        def build(self, output, target, weight, ignore, meaning):
            seen.append(meaning)
            return cnn.ops.metric_top_k(output, target, 1, weight=weight)

    x, y = blobs(10)
    cnn.Trainer(make_net(), loss=cnn.SoftmaxCrossEntropy(), metrics=[Asking()]).evaluate(x, y)
    assert (seen[0].kind, seen[0].scale) == ("classes", "logits")


@pytest.mark.parametrize("made", [
    lambda y: None, lambda y: y.tolist(), lambda y: y.astype(np.int32), lambda y: y[:, :1],
    lambda y: np.asfortranarray(y), lambda y: y[0, 0],
])  # fmt: skip
def test_targets_that_the_core_cannot_read_are_refused(made):
    class Own(cnn.Loss):
        def targets(self, target, output, y, dtype):
            return made(y)

        def build(self, output, target, weight):
            return cnn.ops.mse(output, target, weight=weight)

    found = cnn.Trainer(make_net(outputs=2), loss=Own())
    for call in (found.fit, found.step, found.evaluate):
        with pytest.raises(OptionError, match="Own: need targets to return a C-contiguous array"):
            call(X, Y)


def test_a_target_input_of_another_name_is_refused():
    class Own(cnn.Loss):
        def target_input(self, output, y):
            return cnn.Input("t", output.shape)

        def build(self, output, target, weight):
            return cnn.ops.mse(output, target, weight=weight)

    with pytest.raises(OptionError, match="Own: need target_input to return an Input named 'y'"):
        cnn.Trainer(make_net(outputs=2), loss=Own()).fit(X, Y, progress=False)
