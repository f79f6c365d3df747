"""Triplet, and objectives of outputs alone: no targets on any path."""

from __future__ import annotations

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.errors import OptionError, ShapeError

NAMES = ("anchor", "positive", "negative")
RNG = np.random.default_rng(0)
X = {name: RNG.standard_normal((40, 6)) for name in NAMES}
W = RNG.random(40)


def make_net(width: int = 4, names=NAMES) -> cnn.Model:
    trunk = cnn.Sequential([cnn.Dense(9, "tanh"), cnn.Dense(width)], 6, dtype="float64", seed=0)
    inputs = {name: cnn.Input(name, (cnn.BATCH, 6)) for name in names}
    return cnn.Model({name: trunk(x) for name, x in inputs.items()}, dtype="float64", seed=0)


def make_trainer(loss=None, **options) -> cnn.Trainer:
    return cnn.Trainer(make_net(), loss=loss or cnn.Triplet(0.7), optimizer=cnn.SGD(lr=0.1),
                       **options)  # fmt: skip


def rows_of(net: cnn.Model, margin: float = 0.7) -> np.ndarray:
    a, p, n = (net.predict(X)[name] for name in NAMES)
    near, far = (np.linalg.norm(a - b + 1e-6, axis=1) for b in (p, n))
    return np.maximum(0, near - far + margin)


def test_the_value_is_that_of_the_formula_under_either_reduction():
    for reduction, weighted in (("weighted_mean", 1 / W.sum()), ("sum_over_batch", 1 / 40)):
        trainer = make_trainer(cnn.Triplet(0.7, reduction=reduction))
        rows = rows_of(trainer.net)
        assert trainer.evaluate(X)["loss"] == pytest.approx(rows.mean(), rel=1e-12)
        assert trainer.evaluate(X, None, W)["loss"] == pytest.approx(rows @ W * weighted, rel=1e-12)
        assert trainer.step(X, sample_weight=W) == pytest.approx(rows @ W * weighted, rel=1e-12)
        assert make_trainer(cnn.Triplet(0.7, reduction=reduction)).step(X) == pytest.approx(
            rows.mean(), rel=1e-12
        )


def test_training_brings_positives_close_and_a_resumed_one_goes_on(tmp_path):
    trainer, again = make_trainer(), make_trainer()
    file = tmp_path / "run.safetensors"
    history = trainer.fit(X, batch_size=8, epochs=40, validation_data=(X, None), progress=False)
    assert history["val_loss"][-1] < 0.5 * history["loss"][0]
    again.fit(X, None, batch_size=8, epochs=20, callbacks=[cnn.Checkpoint(file)], progress=False)
    resumed = cnn.Trainer.resume(file)
    assert repr(resumed.loss) == "Triplet(margin=0.7)"
    resumed.fit(X, batch_size=8, epochs=20, progress=False)
    assert resumed.net.store.value.tobytes() == trainer.net.store.value.tobytes()
    single, fitted = make_trainer(), make_trainer()
    fitted.fit(X, batch_size=8, shuffle=False, progress=False)
    for at in range(0, 40, 8):
        single.step({k: a[at : at + 8] for k, a in X.items()})
    assert single.net.store.value.tobytes() == fitted.net.store.value.tobytes()


def test_single_steps_without_targets_take_the_short_way(monkeypatch):
    trainer = make_trainer()
    trainer.step(X)
    monkeypatch.setattr(trainer, "_data", lambda *a, **k: pytest.fail("the long way"))
    trainer.step(X)
    trainer.step(tuple(X.values()))


def test_rows_of_weight_0_may_hold_anything_and_weight_2_is_the_row_twice():
    times = np.arange(40) % 3
    rows = np.repeat(np.arange(40), times)
    odd = {k: np.where(times[:, None] == 0, np.nan, a) for k, a in X.items()}
    found, expected = make_trainer(), make_trainer()
    for _ in range(2):
        value = found.step(odd, None, times)
        again = expected.step({k: a[rows] for k, a in X.items()})
        assert value == pytest.approx(again, rel=1e-12)
    np.testing.assert_allclose(found.net.store.value, expected.net.store.value, rtol=1e-11)


def test_outputs_of_other_names_are_taken_in_their_order():
    net = make_net(names=("z", "b", "a"))
    x = dict(zip("zba", X.values(), strict=True))
    rows = rows_of(make_net())
    assert cnn.Trainer(net, loss=cnn.Triplet(0.7)).evaluate(x)["loss"] == pytest.approx(rows.mean())


def test_a_function_may_do_without_targets():
    trainer = make_trainer(lambda outputs, targets: cnn.ops.mean(outputs["anchor"] ** 2, axis=1))
    found = trainer.evaluate(X)["loss"]
    assert found == pytest.approx((trainer.net.predict(X)["anchor"] ** 2).mean())
    trainer.fit(X, epochs=30, progress=False)
    assert trainer.evaluate(X)["loss"] < 0.5 * found


@pytest.mark.parametrize(("make", "error", "words"), [
    (lambda: make_trainer(lambda o, t: cnn.ops.mean(o["anchor"] - t, axis=1)).fit(X),
     OptionError, "objective: need targets y if it asks for some; got None"),
    (lambda: make_trainer(lambda o, t: cnn.ops.mean(o["anchor"] - t["anchor"], axis=1)).step(X),
     OptionError, "objective: need targets y if it asks for some; got None"),
    (lambda: make_trainer(lambda o, t: cnn.ops.mean(o["anchor"] - t.y, axis=1)).evaluate(X),
     OptionError, "objective: need targets y if it asks for some; got None"),
    (lambda: make_trainer(metrics={"anchor": ["mae"]}).fit(X), OptionError, "y for metrics"),
    (lambda: cnn.Trainer(cnn.Sequential([cnn.Dense(3)], 6), loss=cnn.Triplet()).fit(X["anchor"]),
     OptionError, "Triplet: need a network with the outputs anchor, positive, .*; got output"),
    (lambda: cnn.Trainer(make_net(), loss={"anchor": cnn.Triplet(), "positive": None,
                                           "negative": None}), OptionError, "class defines build"),
    (lambda: cnn.Trainer(cnn.Sequential([cnn.Dense(3)], 6), loss="mse").fit(X["anchor"]),
     OptionError, "fit: need targets y; got None"),
    (lambda: cnn.Triplet(margin=0), OptionError, "Triplet: need margin, a number in"),
    (lambda: make_trainer().fit(X, class_weight="balanced"), OptionError, "need one output with a"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_outputs_of_different_widths_are_refused():
    x = cnn.Input("x", (cnn.BATCH, 6))
    net = cnn.Model({name: cnn.Dense(n + 2)(x) for n, name in enumerate(NAMES)}, seed=0)
    with pytest.raises(ShapeError, match=r"Triplet: need three outputs of one shape \(B, N\); got"):
        cnn.Trainer(net, loss=cnn.Triplet()).step(X["anchor"])
