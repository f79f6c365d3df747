"""The scale of targets, and warnings about scales and activations that do not fit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from training_cases import blobs

import cnn_core as cnn
from cnn_core.errors import OptionError

PIXELS = np.random.default_rng(0).integers(0, 256, (90, 12)).astype(np.uint8)
SHARE = PIXELS.astype(np.float32) * np.float32(1 / 255)


def make(scale=None, shift=None, *, loss=None, end="sigmoid", **options) -> cnn.Trainer:
    net = cnn.Sequential([cnn.Dense(5, "tanh"), cnn.Dense(12, end)], 12, input_scale=1 / 255,
                         **options)  # fmt: skip
    return cnn.Trainer(net, loss=loss or cnn.MSE(), target_scale=scale, target_shift=shift,
                       optimizer=cnn.SGD(lr=0.1), metrics=["mae"])  # fmt: skip


@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.float64, np.int64])
@pytest.mark.parametrize("loss", [cnn.MSE(), cnn.BinaryCrossEntropy()])
def test_targets_at_a_scale_train_like_scaled_targets(loss, kind):
    end = "linear" if isinstance(loss, cnn.BinaryCrossEntropy) else "sigmoid"
    found, expected = make(1 / 255, loss=loss, end=end), make(loss=loss, end=end)
    y = PIXELS.astype(kind)
    a = found.fit(PIXELS, y, validation_data=(PIXELS, y), epochs=2, progress=False)
    b = expected.fit(PIXELS, SHARE, validation_data=(PIXELS, SHARE), epochs=2, progress=False)
    x = PIXELS.astype(np.float32)
    for _ in range(3):
        assert found.step(x, y) == pytest.approx(expected.step(x, SHARE), rel=1e-6)
    tolerance = {"rtol": 1e-6, "atol": 1e-7} if kind == np.float64 else {"rtol": 0, "atol": 0}
    for name in a:
        np.testing.assert_allclose(a[name], b[name], **tolerance)
    np.testing.assert_allclose(found.net.store.value, expected.net.store.value, **tolerance)
    assert found.evaluate(PIXELS, y) == pytest.approx(expected.evaluate(PIXELS, SHARE), rel=1e-6)


def test_a_shift_moves_targets_and_the_given_arrays_stay():
    y = SHARE.copy()
    found = make(2.0, -1.0, end="tanh").evaluate(PIXELS, y)
    assert found == make(end="tanh").evaluate(PIXELS, 2 * SHARE - 1)
    assert np.array_equal(y, SHARE)


def test_a_step_of_arrays_that_need_no_conversion_takes_the_short_way():
    trainer = make(2.0, -1.0)
    trainer.step(SHARE, SHARE)
    trainer._data = None  # only the long way asks
    assert trainer.step(SHARE, SHARE) > 0


def test_functions_see_targets_as_the_loss_does():
    def largest(targets, outputs):
        return targets.max()

    net = make().net
    trainer = cnn.Trainer(net, loss=cnn.MSE(), metrics=[largest], target_scale=1 / 255)
    assert trainer.evaluate(PIXELS, PIXELS)["largest"] == SHARE.max()


def test_labels_have_no_scale():
    x, y = blobs(10)
    net = cnn.Sequential([cnn.Dense(3)], 7)
    trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), target_scale=0.5)
    for call in (trainer.fit, trainer.step, trainer.evaluate):
        with pytest.raises(OptionError, match="need targets that are real numbers for target_sc"):
            call(x, y)


@pytest.mark.parametrize("name", ["target_scale", "target_shift"])
@pytest.mark.parametrize("value", [np.nan, np.inf, "1", True, [1]])
def test_a_scale_is_a_finite_number(name, value):
    net = cnn.Sequential([cnn.Dense(3)], 7)
    with pytest.raises(OptionError, match=f"Trainer: need {name}, a finite number; got"):
        cnn.Trainer(net, loss=cnn.MSE(), **{name: value})


def test_the_scale_is_fixed():
    trainer = make(0.5)
    with pytest.raises(OptionError, match="target_scale: need a new Trainer"):
        trainer.target_scale = 1.0
    assert trainer.target_scale == 0.5


def test_pixels_that_are_scaled_as_inputs_only_are_warned_of():
    trainer = make()
    for call in (trainer.fit, trainer.evaluate, trainer.step):
        with pytest.warns(UserWarning, match=r"y are taken as 0 to 255, .* target_scale") as caught:
            call(PIXELS, PIXELS)
        assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="^validation_data: the targets y are") as caught:
        trainer.fit(PIXELS / 255, PIXELS / 255, validation_data=(PIXELS, PIXELS))
    assert [w.filename for w in caught] == [__file__]


@pytest.mark.parametrize("case", ["scale", "scale of 1", "floats", "no scale", "another shape"])
def test_nothing_is_warned_of_where_scales_fit(case):
    x, y = PIXELS, PIXELS
    trainer = make({"scale": 1 / 255, "scale of 1": 1}.get(case))
    if case == "floats":
        y = SHARE
    if case == "no scale":
        trainer = cnn.Trainer(cnn.Sequential([cnn.Dense(12)], 12), loss=cnn.MSE())
    if case == "another shape":
        net = cnn.Sequential([cnn.Dense(1)], 12, input_scale=1 / 255)
        trainer, y = cnn.Trainer(net, loss=cnn.MSE()), PIXELS[:, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer.evaluate(x, y)


@pytest.mark.parametrize(("loss", "end"), [
    ("softmax_cross_entropy", "softmax"), ("softmax_cross_entropy", "sigmoid"),
    ("binary_cross_entropy", "sigmoid"), ("hinge", "sigmoid"), ("poisson", "softplus"),
    ("poisson", cnn.ops.exp), ("softmax_cross_entropy", cnn.ops.log_softmax),
])  # fmt: skip
@pytest.mark.parametrize("tail", [[], [cnn.Dropout(0.5)]])
def test_an_activation_that_the_loss_applies_itself_is_warned_of(loss, end, tail):
    op = end if isinstance(end, str) else end.__name__
    made = [
        cnn.Sequential([cnn.Dense(4, "sigmoid"), cnn.Dense(3, end), *tail], 7),
        cnn.Sequential([cnn.Dense(4, "sigmoid"), cnn.Activation(end), *tail], 7),
    ]
    for net, layer in zip(made, ["dense_1", "activation_0"], strict=True):
        with pytest.warns(UserWarning, match=rf" network ends in a {op} \({layer}\)") as caught:
            cnn.Trainer(net, loss=loss)
        assert len(caught) == 1
        assert caught[0].filename == __file__


@pytest.mark.parametrize(("loss", "end"), [
    ("softmax_cross_entropy", "linear"), ("binary_cross_entropy", "tanh"), ("mse", "sigmoid"),
    ("mse", "softmax"), ("poisson", "linear"),
])  # fmt: skip
def test_an_activation_that_the_loss_leaves_to_the_network_is_not(loss, end):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cnn.Trainer(cnn.Sequential([cnn.Dense(4, "sigmoid"), cnn.Dense(3, end)], 7), loss=loss)


def test_losses_have_names():
    net = cnn.Sequential([cnn.Dense(3)], 7)
    for name, kind in cnn.nn.losses.LOSSES.items():
        assert type(cnn.Trainer(net, loss=name).loss) is kind


@pytest.mark.parametrize(("loss", "text"), [
    ("crossentropy", "got 'crossentropy': did you mean 'softmax_cross_entropy'?"),
    ("bce", "did you mean 'binary_cross_entropy'?"), ("quantile", "did you mean 'pinball'?"),
    (cnn.Huber, r": write Huber\(...\)"), (None, "got None"), (3, "got 3"),
])  # fmt: skip
def test_an_unknown_loss_is_refused_with_what_was_meant(loss, text):
    with pytest.raises(OptionError, match=f"Trainer: need a loss such as cnn.MSE.*{text}"):
        cnn.Trainer(cnn.Sequential([cnn.Dense(3)], 7), loss=loss)


def test_an_unknown_option_of_a_trainer_is_refused_with_what_was_meant():
    with pytest.raises(OptionError, match=r"Trainer: need options among .*mean 'optimizer'"):
        cnn.Trainer(cnn.Sequential([cnn.Dense(3)], 7), loss="mse", optimiser="adam")
