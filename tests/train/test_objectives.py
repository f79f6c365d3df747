"""Networks of several inputs and outputs, and objectives that users write as nodes."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core import BATCH, Input, Model, ops
from cnn_core.errors import GraphError, LabelError, OptionError, ShapeError
from cnn_core.nn.layers import Layer

RNG = np.random.default_rng(0)
N = 200
X, C = RNG.standard_normal((N, 6)), RNG.integers(0, 9, N)
PRICE = X[:, :1] * 2 + C[:, None] / 4
SOLD = (X[:, 1] > 0).astype(int)
FED, TARGETS = {"x": X, "c": C}, {"price": PRICE, "sold": SOLD}


class Codes(Layer):
    def build(self, x, name, rng):
        return ops.take(self.add_parameter("table", (9, 3), "glorot_uniform"), x, axis=0)


class Join(Layer):
    n_inputs = None

    def build(self, x, name, rng):
        return ops.concat(x, axis=1)


def heads(dtype="float64"):
    x, c = Input("x", (BATCH, 6)), Input("c", (BATCH,), dtype="int32")
    h = cnn.Dense(12, activation="tanh")(Join()([x, Codes()(c)]))
    return Model({"price": cnn.Dense(1)(h), "sold": cnn.Dense(2)(h)}, dtype=dtype, seed=1)


LOSSES = {"price": cnn.Huber(), "sold": "softmax_cross_entropy"}


def trainer(net=None, loss=None, **options):
    options = {"optimizer": cnn.SGD(0.1), "loss_weights": {"sold": 0.5}, **options}
    return cnn.Trainer(net or heads(), loss=dict(LOSSES) if loss is None else loss, **options)


def parts(net, x=X, c=C, price=PRICE, sold=SOLD, w=None):
    """Return the two losses, each the weighted mean over the rows."""
    w = np.ones(len(x)) if w is None else w
    out = net.predict((x, c))
    d = np.abs(out["price"] - price)[:, 0]
    huber = np.where(d <= 1, d * d / 2, d - 0.5)
    z = out["sold"] - out["sold"].max(axis=1, keepdims=True)
    ce = np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), sold]
    return {"price_loss": huber @ w / w.sum(), "sold_loss": ce @ w / w.sum()}


@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_is_the_weighted_sum_of_those_of_the_outputs(weighted):
    w = RNG.uniform(0, 2, N) if weighted else None
    metrics = {"price": ["mae", "r2"], "sold": ["accuracy", "auc"]}
    t = trainer(metrics=metrics)
    values = t.evaluate(FED, TARGETS, w)
    right = parts(t.net, w=w)
    assert list(values) == ["loss", "price_loss", "sold_loss", "price_mae", "price_r2",
                            "sold_accuracy", "sold_auc"]  # fmt: skip
    for name, value in right.items():
        assert values[name] == pytest.approx(value, rel=1e-12)
    assert values["loss"] == pytest.approx(right["price_loss"] + 0.5 * right["sold_loss"])
    before = values["loss"]
    history = t.fit(FED, TARGETS, batch_size=17, epochs=30, sample_weight=w, progress=False,
                    validation_data=(FED, TARGETS))  # fmt: skip
    assert history["val_loss"][-1] < 0.5 * before
    assert history["val_sold_accuracy"][-1] > 0.8
    assert {"price_mae", "val_price_r2", "val_sold_auc"} <= set(history.to_dict())
    assert "sold_auc" not in history.to_dict()


def test_a_step_is_that_of_the_graph():
    net = heads()
    twin = copy.deepcopy(net)
    loss = trainer(net).step(FED, TARGETS)
    right = parts(twin)
    assert loss == pytest.approx(right["price_loss"] + 0.5 * right["sold_loss"], rel=1e-12)
    price, sold = Input("price", (BATCH, 1)), Input("sold", (BATCH,), dtype="int32")
    rows = ops.huber(twin.outputs["price"], price, reduction="none")
    ce = ops.softmax_cross_entropy(twin.outputs["sold"], sold)
    graph = cnn.Graph(ops.row_mean(rows) + 0.5 * ce)
    graph.step(cnn.SGD(0.1), x=X, c=C, price=PRICE, sold=SOLD)
    for name, a in net.params.items():
        np.testing.assert_allclose(a, twin.params[name], rtol=1e-10, atol=1e-14)


def test_features_and_targets_come_by_name_or_in_order_and_bits_do_not_depend_on_threads():
    made = []
    for x, y, n in ((FED, TARGETS, 1), ((X, C.astype(np.int16)), (PRICE, SOLD), 2)):
        cnn.set_num_threads(n)
        try:
            t = trainer(heads("float32"), optimizer=cnn.Adam(0.01))
            t.fit(x, y, batch_size=32, epochs=3, progress=False)
        finally:
            cnn.set_num_threads(None)
        made.append(b"".join(a.tobytes() for a in t.net.params.values()))
    assert made[0] == made[1]


def test_an_output_may_go_untrained():
    t = trainer(loss={"price": "mse", "sold": None}, loss_weights=None)
    before = t.net.params["dense_2.w"].copy()
    t.fit(FED, {"price": PRICE}, epochs=2, progress=False)
    np.testing.assert_array_equal(t.net.params["dense_2.w"], before)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_a_copied_trainer_goes_on_to_the_same_bits(again):
    one = trainer(optimizer=cnn.Adam(0.01))
    one.fit(FED, TARGETS, progress=False)
    other = again(one)
    for t in (one, other):
        t.fit(FED, TARGETS, progress=False)
    for name, a in one.net.params.items():
        np.testing.assert_array_equal(a, other.net.params[name])


# -- functions of nodes ------------------------------------------------------------------------


def absolute(outputs, targets):
    return ops.mean(ops.square(outputs - targets)) + 0.01 * ops.mean(ops.abs(outputs))


def test_an_objective_of_ones_own_is_minimised():
    net = cnn.Sequential([cnn.Dense(8, "tanh"), cnn.Dense(1)], 6, dtype="float64")
    t = cnn.Trainer(net, loss=absolute, optimizer=cnn.SGD(0.1), metrics=["mae"])
    p = net.predict(X)
    right = ((p - PRICE) ** 2).mean() + 0.01 * np.abs(p).mean()
    assert t.evaluate(X, PRICE)["loss"] == pytest.approx(right)
    assert t.evaluate(X, PRICE)["mae"] == pytest.approx(np.abs(p - PRICE).mean())
    assert t.step(X, PRICE) == pytest.approx(right)
    history = t.fit(X, PRICE, epochs=20, progress=False)
    assert history["loss"][-1] < right / 2


def test_an_objective_of_several_outputs_takes_targets_of_any_name():
    def policy_and_value(outputs, targets):
        chosen = ops.softmax_cross_entropy(outputs["sold"], targets["action"], reduction="none")
        error = ops.mse(outputs["price"], targets["returns"], reduction="none")
        return chosen * ops.reshape(targets["returns"], (BATCH,)) + 0.5 * error

    net = heads()
    t = cnn.Trainer(net, loss=policy_and_value, optimizer=cnn.Adam(0.01))
    given = {"action": SOLD, "returns": PRICE}
    out = parts(net)
    first = t.evaluate(FED, given)["loss"]
    z = net.predict((X, C))
    ce = np.log(np.exp(z["sold"]).sum(axis=1)) - z["sold"][np.arange(N), SOLD]
    right = ce * PRICE[:, 0] + 0.5 * ((z["price"] - PRICE) ** 2)[:, 0]
    assert out["sold_loss"] == pytest.approx(ce.mean())
    assert first == pytest.approx(right.mean())
    w = RNG.uniform(0, 1, N)
    assert t.evaluate(FED, given, w)["loss"] == pytest.approx(right @ w / w.sum())
    t.fit(FED, given, epochs=3, progress=False)
    assert t.evaluate(FED, given)["loss"] < first


# -- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "error", "text"), [
    ({"loss": "mse"}, OptionError, "need a loss for each of the outputs price, sold; got 'mse'"),
    ({"loss": {"price": "mse"}}, OptionError, "need a loss for each output; got none for sold"),
    ({"loss": {**LOSSES, "prise": "mse"}}, OptionError, "for 'prise': did you mean 'price'"),
    ({"loss": {"price": None, "sold": None}}, OptionError, "need a loss for at least one output"),
    ({"loss_weights": {"prise": 1}}, OptionError, "got 'prise': did you mean 'price'"),
    ({"loss_weights": {"price": -1}}, OptionError, r"loss_weights\['price'\]"),
    ({"loss_weights": [1, 2]}, OptionError, "loss_weights: need a dictionary by output"),
    ({"metrics": ["mae"]}, OptionError, "need metrics by output, as in"),
    ({"metrics": {"prise": ["mae"]}}, OptionError, "need metrics for outputs among price, sold"),
    ({"metrics": {"sold": ["made"]}}, OptionError, "got 'made': did you mean 'mae'"),
    ({"loss": {"price": "mse", "sold": 3}}, OptionError, r"Trainer: loss\['sold'\]: need a loss"),
    ({"loss": {"price": "mse", "sold": None}}, OptionError,
     "loss_weights of outputs that have a loss; got those of 'sold', which has none"),
    ({"loss": {"price": None, "sold": "mse"}, "metrics": {"price": ["mae"]}}, OptionError,
     "metrics of outputs that have a loss; got those of 'price', which has none"),
    ({"loss_weights": {"price": 0, "sold": 0}}, OptionError, "need loss_weights above 0"),
])  # fmt: skip
def test_losses_and_metrics_that_fit_no_output_are_refused(options, error, text):
    with pytest.raises(error, match=text):
        trainer(**options)


@pytest.mark.parametrize(("x", "y", "error", "text"), [
    (FED, {"price": PRICE}, OptionError, "fit: need targets for price, sold; got those for price"),
    (FED, PRICE, OptionError, "fit: need targets for price, sold; got"),
    (FED, None, OptionError, "fit: need targets y; got None"),
    (X, TARGETS, OptionError, "fit: need arrays for x, c; got one"),
    ({"x": X}, TARGETS, OptionError, "fit: need arrays for x, c; got none for c"),
    ({**FED, "c": C + 0.25}, TARGETS, LabelError, r"need whole numbers of 32 bits in c; got"),
    ({**FED, "c": C[:9]}, TARGETS, ShapeError, "got x 200, c 9, y:price 200, y:sold 200"),
    (FED, {**TARGETS, "sold": SOLD[:9]}, ShapeError, "y:sold 9"),
    (FED, {**TARGETS, "sold": SOLD + 1}, LabelError, "row"),
    ({**FED, "x": np.where(np.arange(6) == 2, np.nan, X)}, TARGETS, ValueError, "features x"),
])  # fmt: skip
def test_data_that_does_not_fit_is_refused_and_changes_nothing(x, y, error, text):
    t = trainer()
    before = {name: a.copy() for name, a in t.net.params.items()}
    with pytest.raises(error, match=text):
        t.fit(x, y, progress=False)
    assert t.optimizer.step_count == 0
    for name, a in t.net.params.items():
        np.testing.assert_array_equal(a, before[name])


def test_indices_beyond_a_table_are_refused_naming_row_and_value():
    t, c = trainer(), C.copy()
    c[37] = 9
    before = [a.tobytes() for a in t.net.params.values()]
    for call in (t.step, t.evaluate, lambda x, y: t.fit(x, y, batch_size=16, progress=False)):
        with pytest.raises(LabelError, match=r"-9 to 8 in c, for take_0; got 9 in row 37"):
            call({"x": X, "c": c}, TARGETS)
    assert [a.tobytes() for a in t.net.params.values()] == before
    t.step({"x": X, "c": C}, TARGETS)
    before = [a.tobytes() for a in t.net.params.values()]
    with pytest.raises(LabelError, match="got 9"):
        t.step({"x": X, "c": c.astype(np.int32)}, TARGETS)
    assert [a.tobytes() for a in t.net.params.values()] == before


@pytest.mark.parametrize(("function", "error", "text"), [
    (lambda o, t: o, OptionError, r"objective: need a scalar node, or one number per row, \(B,\)"),
    (lambda o, t: 3.0, OptionError, "objective: need a scalar node"),
    (lambda o: o, OptionError, r"need a function of \(outputs, targets\)"),
    (lambda o, t: ops.mean(t), OptionError, "need a loss that depends on the output"),
    (lambda o, t: ops.mean(o * Input("z", (BATCH, 1))), OptionError, "got another input, 'z'"),
    (lambda o, t: ops.mean(o * cnn.Parameter("p", 1.0)), OptionError, "got another parameter, 'p'"),
    (lambda o, t: ops.mean(ops.greater(o, t)), GraphError, "greater"),
    (lambda o, t: np.mean(o), GraphError, "dense_0: need numbers for NumPy, and a node has none"),
    (lambda o, t: ops.mean(cnn.Dense(1)(o)), OptionError, "got another parameter, 'dense.w'"),
])  # fmt: skip
def test_objectives_that_cannot_be_trained_are_refused(function, error, text):
    net = cnn.Sequential([cnn.Dense(1)], 6)
    with pytest.raises(error, match=text):
        cnn.Trainer(net, loss=function).fit(X, PRICE, progress=False)


def test_an_unknown_name_in_an_objective_is_refused_naming_those_that_there_are():
    for function in (lambda o, t: ops.mean(o["prise"]), lambda o, t: ops.mean(t["prise"])):
        with pytest.raises(OptionError, match="need one of price, sold; got 'prise': did"):
            cnn.Trainer(heads(), loss=function).step(FED, TARGETS)


@pytest.mark.parametrize("how", ["step", "fit"])
def test_what_the_loss_does_not_reach_stays_as_it_is(how):
    """It has a gradient of the loss before, which must not move it, nor count in a norm."""
    net, options = heads(), {"momentum": 0.9, "weight_decay": 0.1, "clip_norm": 0.05}
    trainer(net).step(FED, TARGETS)
    assert net.store.grads["dense_1.w"].any()
    alone = Model({"sold": copy.deepcopy(net).outputs["sold"]})
    kept = net.params["dense_1.w"].copy(), net.params["dense_1.b"].copy()
    losses = {"price": None, "sold": "softmax_cross_entropy"}
    ts = [cnn.Trainer(n, loss=one, optimizer=cnn.SGD(0.1, **options))
          for n, one in ((net, losses), (alone, "softmax_cross_entropy"))]  # fmt: skip
    for t, y in zip(ts, ({"sold": SOLD}, SOLD), strict=True):
        if how == "fit":
            t.fit(FED, y, progress=False)
        for _ in range(2):
            t.step(FED, y)
    np.testing.assert_array_equal(net.params["dense_1.w"], kept[0])
    np.testing.assert_array_equal(net.params["dense_1.b"], kept[1])
    for name in ("codes_0.table", "dense_0.w", "dense_2.w", "dense_2.b"):
        np.testing.assert_allclose(net.params[name], alone.params[name], rtol=1e-12)


def test_the_targets_of_one_output_are_an_array_or_go_by_its_name():
    net = cnn.Model({"price": cnn.Dense(1)(Input("x", (BATCH, 6)))}, dtype="float64", seed=0)
    found = []
    for loss in ("mse", {"price": "mse"}):
        t = cnn.Trainer(net, loss=loss)
        found += [t.evaluate(x, y)["loss"]
                  for x in (X, {"x": X}) for y in (PRICE, {"price": PRICE})]  # fmt: skip
        with pytest.raises(OptionError, match="step: need targets for price; got those for prise"):
            t.step(X, {"prise": PRICE})
        t.fit(X, {"price": PRICE}, epochs=0, progress=False)
    assert len(set(found)) == 1


def test_an_objective_that_no_parameter_reaches_is_refused():
    net = cnn.Sequential([cnn.Dense(1)], 6)
    trainer = cnn.Trainer(net, loss=lambda o, t: ops.mean(net.input))
    for call in (trainer.step, trainer.fit):
        with pytest.raises(OptionError, match="a parameter that learns reaches; got one without"):
            call(X, PRICE)


def test_an_objective_of_several_outputs_takes_targets_in_their_order():
    net = heads()
    losses = [cnn.Trainer(net, loss=lambda o, t: ops.mean(ops.square(o["price"] - t["price"])))
              .evaluate(FED, y)["loss"] for y in ((PRICE, SOLD), {"price": PRICE})]  # fmt: skip
    assert losses[0] == losses[1]


def test_a_scalar_objective_takes_no_sample_weights():
    net = cnn.Sequential([cnn.Dense(1)], 6)
    with pytest.raises(OptionError, match="need one number per row"):
        cnn.Trainer(net, loss=absolute).fit(X, PRICE, sample_weight=np.ones(N), progress=False)
