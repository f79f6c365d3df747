"""Bad input to training and prediction: a message that names the fault, and nothing changed."""

from __future__ import annotations

import re

import numpy as np
import pytest
from training_cases import assert_same_state, blobs, make_net, make_trainer, state

import cnn_core as cnn
from cnn_core.errors import (
    CnnCoreError,
    DataError,
    DtypeError,
    LabelError,
    OptionError,
    ShapeError,
    StateError,
)

N = 40
X, Y = blobs(N)
T = np.random.default_rng(0).standard_normal((N, 3))


def put(array, at, value, dtype=None):
    """Return a copy of ``array`` with one value replaced, far from the start."""
    changed = np.array(array, dtype or np.asarray(array).dtype)
    changed[at] = value
    return changed


LABELS, REGRESSION = cnn.SoftmaxCrossEntropy(), cnn.MSE()

FEATURES = {
    "wrong width": (np.ones((N, 8)), ShapeError, r"{who}: need x of shape \(N, 7\); got \(40, 8\)"),
    "one row": (np.ones(7), ShapeError, r"{who}: need x .*; got \(7,\): for a single row pass"),
    "too many axes": (np.ones((N, 7, 1)), ShapeError, r"got \(40, 7, 1\): reshape with x.reshape"),
    "a number": (3.0, ShapeError, r"{who}: need x of shape \(N, 7\); got \(\)"),
    "nothing": (None, DtypeError, r"{who}: need x of real numbers .*; got None"),
    "no rows": (np.ones((0, 7)), ShapeError, r"{who}: need x with at least one row; got"),
    "empty": ([], ShapeError, r"{who}: need x of shape \(N, 7\); got \(0,\)"),
    "ragged": ([[1.0] * 7, [1.0] * 6], ShapeError, r"{who}: need x with rows of equal length; got"),
    "objects": (np.full((N, 7), None), DtypeError, r"{who}: need x of real .*; got dtype object"),
    "complex": (np.ones((N, 7), complex), DtypeError, r"{who}: need x of real .*; got dtype comp"),
    "text": (np.full((N, 7), "a"), DtypeError, r"{who}: need x of real numbers .*; got dtype <U1"),
    "dates": (np.zeros((N, 7), "M8[s]"), DtypeError, r"{who}: need x of real .*; got dtype dat"),
    "masked": (np.ma.ones((N, 7)), DtypeError, r"{who}: need x without a mask; got a masked array"),
    "fewer rows": (X[:-1], ShapeError, r"{who}: need the same number of rows .*; got x 39, y 40"),
}  # fmt: skip

CLASS_LABELS = {
    "none": (None, OptionError, "{who}: need targets y; got None"),
    "too large": (put(Y, 29, 3), LabelError, r"need labels 0 .. 2 in y; got 3 in row 29"),
    "huge": (put(Y, 29, 2**40), LabelError, r"need labels 0 .. 2 in y; got 1099511\d* in row 29"),
    "negative": (put(Y, 30, -1), LabelError, r"need labels 0 .. 2 in y; got -1 in row 30"),
    "fraction": (put(Y, 31, 1.5, float), LabelError, r"need integral labels .* got 1.5 in row 31"),
    "nan": (put(Y, 32, np.nan, float), LabelError, r"need integral labels in y; got nan in row 32"),
    "inf": (put(Y, 33, np.inf, float), LabelError, r"need integral labels in y; got inf in row 33"),
    "large float": (put(Y, 9, 1e30, float), LabelError, r"need labels 0 .. 2 in y; got .* row 9$"),
    "text": (Y.astype(str), DtypeError, r"need y of real numbers .*; encode labels as 0 .. 2"),
    "objects": (Y.astype(object), DtypeError, r"need y of real numbers .*; got dtype object"),
    "complex": (Y.astype(complex), DtypeError, r"need y of real numbers .*; got dtype complex"),
    "empty": ([], ShapeError, r"need y with at least one row; got shape \(0,\)"),
    "wrong width": (np.ones((N, 4)), ShapeError, r"need y of shape .*; got \(40, 4\)"),
    "fewer": (Y[:-1], ShapeError, r"{who}: need the same number of rows in each; got x 40, y 39"),
    "probability above one": (
        put(np.eye(3)[Y], (25, 1), 1.5), DataError,
        r"need probabilities in \[0, 1\]; got 1.5 in row 25",
    ),
    "probability nan": (put(np.eye(3)[Y], (25, 1), np.nan), DataError, "nan at row 25, column 1"),
}  # fmt: skip

WEIGHTS = {
    "negative": (put(np.ones(N), 27, -0.5), DataError, "sample_weight >= 0; got -0.5 in row 27"),
    "nan": (put(np.ones(N), 28, np.nan), DataError, "finite sample_weight >= 0; got nan in row 28"),
    "inf": (put(np.ones(N), 29, np.inf), DataError, "finite sample_weight >= 0; got inf in row 29"),
    "all zero": (np.zeros(N), DataError, "need one sample_weight above 0 or more; got 40 zeros"),
    "fewer": (np.ones(N - 1), ShapeError, r"sample_weight of shape \(40,\), .*; got \(39,\)"),
    "column": (np.ones((N, 1)), ShapeError, r"sample_weight of shape \(40,\), .*; got \(40, 1\)"),
    "number": (1.0, ShapeError, r"sample_weight of shape \(40,\), one per row; got \(\)"),
    "complex": (np.ones(N, complex), DtypeError, "need sample_weight of real numbers"),
}

CALLS = {
    "fit": lambda t, x, y, w: t.fit(x, y, sample_weight=w, progress=False),
    "step": lambda t, x, y, w: t.step(x, y, w),
    "evaluate": lambda t, x, y, w: t.evaluate(x, y, w),
    "validation_data": lambda t, x, y, w: t.fit(X, Y, validation_data=(x, y, w), progress=False),
}


def refused(trainer: cnn.Trainer, call, error: type[Exception], text: str) -> None:
    """Assert that the call raises, and that it changes nothing."""
    before = state(trainer)
    with pytest.raises(error, match=text) as caught:
        call()
    assert isinstance(caught.value, CnnCoreError)
    assert_same_state(state(trainer), before)


def started() -> cnn.Trainer:
    """Return a trainer that has made a step: its short way is open."""
    trainer = make_trainer(metrics=["accuracy"])
    trainer.step(X, Y)
    return trainer


@pytest.mark.parametrize("who", CALLS)
@pytest.mark.parametrize("case", FEATURES)
def test_bad_features_are_refused(case, who):
    x, error, text = FEATURES[case]
    trainer = started()
    refused(trainer, lambda: CALLS[who](trainer, x, Y, None), error, text.replace("{who}", who))


@pytest.mark.parametrize("who", CALLS)
@pytest.mark.parametrize("case", CLASS_LABELS)
def test_bad_labels_are_refused(case, who):
    y, error, text = CLASS_LABELS[case]
    trainer = started()
    refused(trainer, lambda: CALLS[who](trainer, X, y, None), error, text.replace("{who}", who))


@pytest.mark.parametrize("who", CALLS)
@pytest.mark.parametrize("case", WEIGHTS)
def test_bad_weights_are_refused(case, who):
    w, error, text = WEIGHTS[case]
    trainer = started()
    refused(trainer, lambda: CALLS[who](trainer, X, Y, w), error, text)


TARGETS = {
    "wrong width": (REGRESSION, T[:, :2], ShapeError, r"MSE: need y of .*; got \(40, 2\)"),
    "one axis": (REGRESSION, T[:, 0], ShapeError, r"MSE: need y of shape \(N, 3\); got \(40,\)"),
    "nan": (REGRESSION, put(T, (35, 2), np.nan), DataError, "MSE: .* got nan at row 35, column 2"),
    "inf": (REGRESSION, put(T, (35, 2), -np.inf), DataError, "MSE: .* -inf at row 35, column 2"),
    "mae nan": (cnn.MAE(), put(T, (35, 2), np.nan), DataError, "MAE: .* nan at row 35, column 2"),
    "binary": (
        cnn.BinaryCrossEntropy(), put(T * 0, (36, 1), 1.1), DataError,
        r"BinaryCrossEntropy: need targets in \[0, 1\]; got 1.1\d* in row 36 of y",
    ),
    "poisson": (
        cnn.Poisson(), put(T * 0, (37, 1), -1.0), DataError,
        "Poisson: need counts >= 0; got -1.0 in row 37 of y",
    ),
    "hinge labels": (cnn.Hinge(), put(Y, 38, 3), LabelError, "Hinge: need labels .* in row 38"),
    "hinge rows": (
        cnn.Hinge(), put(np.ones((N, 3)), (38, 1), 0.5), DataError,
        "Hinge: need targets -1 and 1, or 0 and 1; got .* in row 38 of y",
    ),
}  # fmt: skip


@pytest.mark.parametrize("who", CALLS)
@pytest.mark.parametrize("case", TARGETS)
def test_bad_targets_are_refused(case, who):
    loss, y, error, text = TARGETS[case]
    trainer = make_trainer(loss=loss)
    good = Y if case == "hinge labels" else np.abs(np.sign(T)) if loss != REGRESSION else T
    trainer.step(X, good)
    valid = {**CALLS, "validation_data": lambda t, x, y, w: t.fit(X, good, validation_data=(x, y))}
    refused(trainer, lambda: valid[who](trainer, X, y, None), error, text)


@pytest.mark.parametrize(("of", "case"), [
    *(("x", c) for c in FEATURES), *(("y", c) for c in CLASS_LABELS), *(("w", c) for c in WEIGHTS),
])  # fmt: skip
def test_errors_in_validation_data_say_that_they_are_its(of, case):
    given = {"x": X, "y": Y, "w": None}
    given[of], error, _ = {"x": FEATURES, "y": CLASS_LABELS, "w": WEIGHTS}[of][case]
    trainer = started()
    call = CALLS["validation_data"]
    refused(trainer, lambda: call(trainer, *given.values()), error, r"^validation_data: \S.*; got")


@pytest.mark.parametrize(("given", "got"), [
    (X, "ndarray"), ((X,), "tuple of length 1"), ([X, Y, None, 1], "list of length 4"),
    (0.2, "float"), ({"x": X}, "dict"),
])  # fmt: skip
def test_bad_validation_data_say_what_came(given, got):
    text = rf"fit: need validation_data \(x, y\) or \(x, y, weights\); got {got}$"
    trainer = started()
    refused(trainer, lambda: trainer.fit(X, Y, validation_data=given), OptionError, text)


@pytest.mark.parametrize("who", CALLS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_check_finite_names_row_and_column(who, value, dtype):
    trainer = make_trainer(check_finite=True)
    trainer.step(X, Y)
    x = put(X, (34, 5), value, dtype)
    text = rf"{who}: need finite values in features x; got {value} at row 34, column 5"
    refused(trainer, lambda: CALLS[who](trainer, x, Y, None), DataError, text)


def test_without_check_finite_nan_stops_before_the_update():
    trainer = make_trainer(check_finite=False)
    trainer.step(X, Y)
    text = "step 2: need finite numbers; got nan"
    refused(trainer, lambda: trainer.step(put(X, (3, 3), np.nan), Y), DataError, text)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_label_that_goes_bad_during_training_stops_before_its_step(n_threads):
    """A callback spoils the labels: the C core sees it, and the steps before stay whole."""
    cnn.set_num_threads(n_threads)
    try:
        x, y = np.tile(X, (10, 40)), np.tile(Y, 10).astype(np.int32)
        trainer, expected = (make_trainer(make_net(280, hidden=(65, 130))) for _ in range(2))

        def spoil(epoch, values):
            y[250] = 3

        kept = y.copy()
        with pytest.raises(LabelError, match=r"need labels from 0 to 2; got 3 at row 50 of the"):
            trainer.fit(x, y, batch_size=100, epochs=3, shuffle=False, progress=False,
                        callbacks=[spoil])  # fmt: skip
        expected.fit(x, kept, batch_size=100, epochs=1, shuffle=False, progress=False)
        for at in (0, 100):
            expected.step(x[at : at + 100], kept[at : at + 100])
        assert_same_state(state(trainer), state(expected))
        trainer.step(x, kept)
        expected.step(x, kept)
        assert_same_state(state(trainer), state(expected))
    finally:
        cnn.set_num_threads(None)


# -- options ------------------------------------------------------------------------------

FIT_OPTIONS = {
    "batch_size": ([0, -1, 1.5, "8", True, None, np.nan], "fit: batch_size: need a whole number"),
    "epochs": ([-1, 1.5, "8", True, None, np.inf], "fit: epochs: need a whole number"),
    "progress": (["yes", 3, None], "progress: need True, False or 'always'"),
    "validation_data": ([X, (X,), (X, Y, None, 1), 3, {"x": X}], "need validation_data .x, y."),
    "callbacks": ([3, ["x"]], "callbacks: need"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("option", "value"), [(k, v) for k, (values, _) in FIT_OPTIONS.items() for v in values],
    ids=lambda v: v if isinstance(v, str) else type(v).__name__,
)  # fmt: skip
def test_bad_options_of_fit_are_refused(option, value):
    trainer = started()
    text = FIT_OPTIONS[option][1]
    refused(trainer, lambda: trainer.fit(X, Y, **{option: value}), OptionError, text)


@pytest.mark.parametrize("seed", [-1, 1.5, "1", True, None, 2**64, np.nan])
def test_bad_seed_is_refused(seed):
    with pytest.raises(OptionError, match=r"Trainer: seed: need a whole number .*; got"):
        make_trainer(seed=seed)


def test_largest_seed_works():
    trainer = make_trainer(make_net(dropout=0.5), seed=2**64 - 1)
    trainer.fit(X, Y, progress=False)
    assert trainer.optimizer.step_count == 2


def test_unknown_optimizer_error_lists_the_known_ones():
    known = "sgd, adagrad, adadelta, rmsprop, adam, adamw, nadam"
    with pytest.raises(OptionError, match=f"need an Optimizer or one of {known}; got 'adma'"):
        make_trainer(optimizer="adma")
    with pytest.raises(OptionError, match=r"got the class Adam: write Adam\(\)"):
        make_trainer(optimizer=cnn.Adam)
    for wrong in (None, 3, ["adam"]):
        with pytest.raises(OptionError, match=f"one of {known}"):
            make_trainer(optimizer=wrong)


def test_unknown_metric_error_lists_the_known_ones():
    with pytest.raises(OptionError, match=r"need some of accuracy, log_loss, .*; got 'acuracy'"):
        make_trainer(metrics=["acuracy"])


@pytest.mark.parametrize("loss", ["mes", None, cnn.MSE, 3])
def test_what_is_no_loss_is_refused(loss):
    with pytest.raises(OptionError, match=r"Trainer: need a loss such as cnn\.MSE"):
        make_trainer(loss=loss)


@pytest.mark.parametrize("net", ["net", 3, [cnn.Dense(3)]])
def test_what_is_no_network_is_refused(net):
    with pytest.raises(OptionError, match="Trainer: need a net, a Model or Sequential; got"):
        cnn.Trainer(net, loss=LABELS)


@pytest.mark.parametrize("lr", [0, -0.1, np.nan, np.inf, "0.1", None, 1 + 2j])
@pytest.mark.parametrize(
    "optimizer",
    [cnn.SGD, cnn.Adagrad, cnn.Adadelta, cnn.RMSProp, cnn.Adam, cnn.AdamW, cnn.NAdam],
)
def test_bad_learning_rate_is_refused(optimizer, lr):
    with pytest.raises(OptionError, match=f"{optimizer.__name__}: lr: need a positive number"):
        optimizer(lr=lr)


@pytest.mark.parametrize("rate", [np.nan, np.inf, -1.0, "x", None])
def test_schedule_that_fails_at_the_first_step_changes_nothing(rate):
    trainer = make_trainer(optimizer=cnn.SGD(lr=lambda step: rate))
    trainer.optimizer.bind(trainer.net.store)
    text = "SGD: lr of .* at step 0: need a number"
    refused(trainer, lambda: trainer.step(X, Y), OptionError, text)
    refused(trainer, lambda: trainer.fit(X, Y, progress=False), OptionError, text)


def test_schedule_that_fails_later_leaves_whole_steps():
    trainer, expected = (make_trainer(optimizer=cnn.SGD(lr=0.1)) for _ in range(2))
    trainer.optimizer.lr = lambda step: 0.1 if step < 3 else np.nan
    with pytest.raises(OptionError, match="at step 3: need a number"):
        trainer.fit(X, Y, batch_size=8, shuffle=False, epochs=2, progress=False)
    for i in range(trainer.optimizer.step_count):
        expected.step(X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8])
    assert_same_state(state(trainer), state(expected))


def test_optimizer_of_another_network_is_refused():
    first, second = started(), make_trainer()
    shared = first.optimizer
    second.optimizer = shared
    before = second.net.store.value.copy()
    for call in (second.fit, second.step):
        with pytest.raises(StateError, match="Adam: need the parameters that it was bound to"):
            call(X, Y)
    assert np.array_equal(second.net.store.value, before)
    assert shared.step_count == 1


def test_no_decay_that_matches_nothing_is_refused():
    trainer = make_trainer(optimizer=cnn.SGD(lr=0.1, weight_decay=0.1, no_decay=("bias",)))
    with pytest.raises(OptionError, match=r"no_decay: need .* among dense_0.w, .*; got 'bias'"):
        trainer.fit(X, Y)
    assert trainer.optimizer.step_count == 0


def test_one_output_with_cross_entropy_is_refused():
    trainer = make_trainer(make_net(outputs=1))
    text = re.escape("need an output (B, C) of at least 2 classes") + ".*BinaryCrossEntropy"
    with pytest.raises(ShapeError, match=text):
        trainer.fit(X, Y)


# -- prediction ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case", [c for c in FEATURES if c not in ("fewer rows", "one row", "no rows")]
)
def test_bad_features_are_refused_by_predict(case):
    x, error, text = FEATURES[case]
    with pytest.raises(error, match=text.replace("{who}", "predict")) as caught:
        make_net().predict(x)
    assert isinstance(caught.value, CnnCoreError)


@pytest.mark.parametrize("n", [6, 8, 0])
def test_row_of_the_wrong_length_is_refused(n):
    with pytest.raises(ShapeError, match=rf"predict: need x of shape \(N, 7\); got \({n},\)"):
        make_net().predict(np.ones(n, np.float32))


def wrong_outputs() -> dict:
    read_only = np.empty((N, 3), np.float32)
    read_only.setflags(write=False)
    return {
        "dtype": (np.empty((N, 3)), DtypeError, "need out, an array of float32; got float64"),
        "list": ([[0.0] * 3] * N, DtypeError, "need out, an array of float32; got list"),
        "rows": (np.empty((N + 1, 3), "f"), ShapeError, r"of shape \(40, 3\); got \(41, 3\)"),
        "columns": (np.empty((N, 4), "f"), ShapeError, r"of shape \(40, 3\); got \(40, 4\)"),
        "axes": (np.empty(N * 3, "f"), ShapeError, r"of shape \(40, 3\); got \(120,\)"),
        "read-only": (read_only, ShapeError, "need out writable, .*writable: False"),
        "fortran": (np.empty((3, N), "f").T, ShapeError, "C-contiguous, .*strides"),
        "strided": (np.empty((N, 6), "f")[:, ::2], ShapeError, "C-contiguous, .*strides"),
    }


@pytest.mark.parametrize("case", wrong_outputs())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bad_out_is_refused(case, dtype):
    out, error, text = wrong_outputs()[case]
    before = np.array(out)
    with pytest.raises(error, match=f"predict: {text}" if "need" in text else text):
        make_net().predict(X.astype(dtype), out=out)
    assert np.array_equal(np.array(out), before, equal_nan=True)


def test_out_for_one_row_needs_the_row_s_shape():
    net = make_net()
    with pytest.raises(ShapeError, match=r"of shape \(3,\); got \(1, 3\)"):
        net.predict(X[0], out=np.empty((1, 3), np.float32))
    with pytest.raises(ShapeError, match=r"of shape \(1, 3\); got \(3,\)"):
        net.predict(X[:1], out=np.empty(3, np.float32))
