"""The short way of a single step and the long one: the same bits, the same refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from training_cases import assert_same_state, make_net, state

import cnn_core as cnn
from cnn_core.errors import CnnCoreError

B = 13
RNG = np.random.default_rng(5)
X = RNG.standard_normal((B, 7)).astype(np.float32)
REAL = RNG.standard_normal(B).astype(np.float32)
COUNTS = RNG.integers(0, 4, B)
YES = RNG.integers(0, 2, B)
LABELS = RNG.integers(0, 3, B)
ROWS = RNG.dirichlet(np.ones(3), B).astype(np.float32)
W = RNG.uniform(0.1, 2, B).astype(np.float32)
W[4] = 0
PIXELS = RNG.integers(0, 256, (B, 7), dtype=np.uint8)


def swapped(a: np.ndarray) -> np.ndarray:
    return a.astype(a.dtype.newbyteorder())


def several(dtype: str = "float32", **options: Any) -> cnn.Trainer:
    x, c = cnn.Input("x", (cnn.BATCH, 7)), cnn.Input("c", (cnn.BATCH,), dtype="int32")
    h = cnn.ops.concat([cnn.Dense(5, "tanh")(x), cnn.Embedding(6, 3)(c)], axis=1)
    heads = {"price": cnn.Dense(1)(h), "sold": cnn.Dense(3)(h)}
    net = cnn.Model(heads, dtype=dtype, seed=0)
    loss = {"price": cnn.Huber(), "sold": cnn.SoftmaxCrossEntropy()}
    return cnn.Trainer(net, loss=loss, optimizer=cnn.Adam(lr=0.01), **options)


def one(loss: Any, outputs: int = 1, net: dict[str, Any] | None = None, **options: Any) -> Any:
    def make(dtype: str) -> cnn.Trainer:
        own = make_net(outputs=outputs, dtype=dtype, **(net or {}))
        return cnn.Trainer(own, loss=loss, optimizer=cnn.Adam(lr=0.01), **options)

    return make


def objective(p: Any, t: Any) -> Any:
    return cnn.ops.mean(cnn.ops.square(p - t)) + 0.01 * cnn.ops.mean(cnn.ops.abs(p))


SOFTMAX = one(cnn.SoftmaxCrossEntropy(ignore_index=-1), 3)
MSE, BCE, POISSON = one(cnn.MSE()), one(cnn.BinaryCrossEntropy()), one(cnn.Poisson())
TUPLE = ((X, COUNTS), (REAL, LABELS))
CASES: dict[str, tuple] = {  # a trainer, and rows, targets and weights of one step and more
    "targets (B,)": (MSE, X, REAL),
    "targets (B, 1)": (MSE, X, REAL[:, None]),
    "float64": (MSE, X.astype(np.float64), REAL.astype(np.float64)),
    "float16": (MSE, X.astype(np.float16), REAL.astype(np.float16)),
    "integers": (MSE, COUNTS[:, None] * np.arange(7), COUNTS),
    "uint8": (MSE, PIXELS, COUNTS.astype(np.uint8)),
    "pixels with a scale": (one(cnn.MSE(), net={"input_scale": 1 / 255, "input_shift": -0.5}),
                            PIXELS, REAL),
    "autoencoder": (one(cnn.MSE(), 7, target_scale=1 / 255), PIXELS, PIXELS),
    "scaled float64 targets": (one(cnn.MSE(), target_scale=0.3), X, REAL.astype(np.float64)),
    "Fortran order": (MSE, np.asfortranarray(X), REAL),
    "strides": (MSE, np.repeat(X, 2, axis=1)[:, ::2], np.repeat(REAL, 3)[::3]),
    "byte order": (MSE, swapped(X), swapped(REAL)),
    "weights": (MSE, X, REAL, W),
    "float64 weights": (MSE, X, REAL, W.astype(np.float64) * 1e17),
    "whole weights": (SOFTMAX, X, LABELS, COUNTS),
    "weights of sums": (one(cnn.MSE(reduction="sum_over_batch")), X, REAL, W),
    "yes or no": (BCE, X, YES.astype(bool)),
    "probabilities": (BCE, X.astype(np.float64), np.abs(np.tanh(REAL))[:, None]),
    "counts": (POISSON, X, COUNTS),
    "labels": (SOFTMAX, X, LABELS),
    "labels (B, 1)": (SOFTMAX, X, LABELS.astype(np.int32)[:, None]),
    "uint8 labels": (SOFTMAX, X, LABELS.astype(np.uint8)),
    "float labels": (SOFTMAX, X, LABELS.astype(np.float64)),
    "ignored labels": (SOFTMAX, X, np.where(LABELS == 1, -1, LABELS)),
    "rows of probabilities": (SOFTMAX, X, ROWS),
    "margins of labels": (one(cnn.Hinge(), 3), X, LABELS.astype(np.int32)),
    "function of nodes": (one(objective), X, REAL[:, None]),
    "dictionaries": (several, {"x": X.astype(np.float64), "c": COUNTS.astype(np.float32)},
                     {"price": REAL, "sold": LABELS}),
    "tuples": (several, *TUPLE),
    "weights of several": (several, *TUPLE, W),
}  # fmt: skip
EXACT = {"function of nodes"}  # takes targets of the network's dtype only


def step(trainer: cnn.Trainer, case: tuple, long: bool) -> float:
    if long:
        trainer._last = None
    return trainer.step(*case[1:])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_short_and_long_way_agree_to_the_bit(name, dtype, monkeypatch):
    case = CASES[name]
    short, long = case[0](dtype), case[0](dtype)
    assert step(short, case, long=True) == step(long, case, long=True)
    for _ in range(3):
        with monkeypatch.context() as m:
            if name not in EXACT or dtype == "float32":
                m.setattr(short, "_data", None)  # the long way would call it
            loss = step(short, case, long=False)
        assert loss == step(long, case, long=True)
        assert np.isfinite(loss)
    assert_same_state(state(short), state(long))


def changed(a: np.ndarray, value: Any) -> np.ndarray:
    a = np.array(a, np.result_type(a, type(value)) if np.issubdtype(a.dtype, np.integer) else None)
    a.flat[3] = value
    return a


WRONG: dict[str, tuple] = {  # what is right, and what is not
    "NaN in x": ((MSE, X, REAL), (changed(X, np.nan), REAL)),
    "beyond float32": ((MSE, X, REAL), (changed(X.astype(np.float64), 1e39), REAL)),
    "NaN in y": ((MSE, X, REAL), (X, changed(REAL, np.nan))),
    "a target beyond float32": ((MSE, X, REAL), (X, changed(REAL.astype(np.float64), -1e39))),
    "above 1": ((BCE, X, YES), (X, changed(REAL * 0, 1.001))),
    "2 for yes or no": ((BCE, X, YES), (X, changed(YES, 2))),
    "a count below 0": ((POISSON, X, COUNTS), (X, changed(COUNTS, -1))),
    "a row of no probabilities": ((SOFTMAX, X, ROWS), (X, changed(ROWS, -0.1))),
    "label C": ((SOFTMAX, X, LABELS), (X, changed(LABELS, 3))),
    "label below 0": ((SOFTMAX, X, LABELS), (X, changed(LABELS, -2))),
    "label beyond 32 bits": ((SOFTMAX, X, LABELS), (X, changed(LABELS, 2**32))),
    "label with a fraction": ((SOFTMAX, X, LABELS), (X, changed(LABELS.astype(float), 0.5))),
    "label that is no number": ((SOFTMAX, X, LABELS), (X, changed(LABELS.astype(float), np.nan))),
    "weight below 0": ((MSE, X, REAL, W), (X, REAL, changed(W, -1.0))),
    "weight that is no number": ((MSE, X, REAL, W), (X, REAL, changed(W, np.nan))),
    "infinite weight": ((MSE, X, REAL, W), (X, REAL, changed(W, np.inf))),
    "no weight": ((MSE, X, REAL, W), (X, REAL, 0 * W)),
    "a weight short": ((MSE, X, REAL, W), (X, REAL, W[1:])),
    "a target short": ((MSE, X, REAL), (X, REAL[1:])),
    "a column more": ((MSE, X, REAL), (X, np.stack([REAL, REAL], 1))),
    "complex": ((MSE, X, REAL), (X.astype(complex), REAL)),
    "index beyond 32 bits": ((several, *TUPLE), ((X, changed(COUNTS, 2**31)), TUPLE[1])),
    "index with a fraction": ((several, *TUPLE), ((X, changed(COUNTS + 0.0, 0.5)), TUPLE[1])),
    "an input short": ((several, *TUPLE), ((X, COUNTS[1:]), TUPLE[1])),
    "an output short": ((several, *TUPLE), (TUPLE[0], {"price": REAL})),
    "an output too many": ((several, *TUPLE), (TUPLE[0], {"price": REAL, "sold": LABELS, "z": 1})),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_in_the_words_of_the_long_way(name):
    case, wrong = WRONG[name]
    short, long = case[0]("float32"), case[0]("float32")
    step(short, case, long=True)
    step(long, case, long=True)
    before, words = state(short), []
    for trainer, is_long in ((short, False), (long, True)):
        with pytest.raises(CnnCoreError) as caught:
            step(trainer, (None, *wrong), long=is_long)
        words.append((type(caught.value), str(caught.value)))
    assert words[0] == words[1]
    assert_same_state(state(short), before)


@pytest.mark.parametrize("factor", [2.0**-90, 2.0**90])
def test_weights_that_need_a_scale_take_the_long_way(factor):
    plain, scaled = MSE("float32"), MSE("float32")
    for _ in range(3):
        assert plain.step(X, REAL, W) == scaled.step(X, REAL, W.astype(np.float64) * factor)
    assert_same_state(state(plain), state(scaled))


def test_steps_with_and_without_weights_take_turns():
    short, long = MSE("float32"), MSE("float32")
    for w in (None, W, None, None, W, W):
        assert step(short, (None, X, REAL, w), False) == step(long, (None, X, REAL, w), True)
    assert_same_state(state(short), state(long))


def test_a_loss_of_ones_own_sees_the_targets_that_it_looks_at():
    class Own(cnn.MSE):
        def target_input(self, output, y):
            shape = (cnn.BATCH,) if np.asarray(y).dtype == np.float64 else (cnn.BATCH, 1)
            return cnn.Input("y", shape)

    trainer = one(Own())("float32")
    for _ in range(2):
        trainer.step(X, REAL[:, None])
    trainer.step(X, REAL.astype(np.float64))
    shapes = [p.program.inputs["y"].shape for p in trainer._programs.values()]
    assert shapes == [(cnn.BATCH, 1), (cnn.BATCH,)]


def test_a_loss_of_ones_own_that_changes_labels_is_asked_for_each_step():
    class FromOne(cnn.SoftmaxCrossEntropy):
        def targets(self, target, output, y, dtype):
            return super().targets(target, output, y - 1, dtype)

    own, plain = one(FromOne(), 3)("float32"), SOFTMAX("float32")
    for _ in range(3):
        assert own.step(X, LABELS + 1) == plain.step(X, LABELS)
