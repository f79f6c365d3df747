"""Mixup: rows mixed two and two train as NumPy mixes them, to the bit however a fit is cut."""

from __future__ import annotations

import numpy as np
import pytest
from training_cases import set_threads

import cnn_core as cnn
from cnn_core._ext.core import shuffled
from cnn_core.data import Batches
from cnn_core.errors import NotFiniteError, OptionError
from cnn_core.train import mixup

RNG = np.random.default_rng(3)
N, WIDTH, C, BATCH, ALPHA = 53, 5, 4, 8, 0.4
X = RNG.standard_normal((N, WIDTH))
LABELS = RNG.integers(0, C, N)
W = RNG.random(N) + 0.1


def make(loss="softmax_cross_entropy", outputs: int = C, dtype: str = "float64", **options):
    net = cnn.Sequential([cnn.Dense(6, "tanh"), cnn.Dense(outputs)], WIDTH, dtype=dtype, seed=1)
    return cnn.Trainer(net, loss=loss, optimizer=cnn.SGD(lr=0.1), seed=5, **options)


def fit(trainer, x=X, y=LABELS, **options):
    given = {"batch_size": BATCH, "epochs": 2, "mixup": ALPHA, "progress": False} | options
    return trainer.fit(x, y, **given)


def mixed_steps(seed: int, epochs: int, counting: np.ndarray):
    """Yield, as the paper has it, the rows of each step, their partners, and the share of the
    former: all of the seed and the number of the step."""
    step = 0
    for epoch in range(epochs):
        order = shuffled(N, seed, epoch)
        for at in range(0, N, BATCH):
            own = order[at : at + BATCH]
            share = np.random.default_rng([seed, step // mixup.DRAWN, mixup._STREAM]).beta(
                ALPHA, ALPHA, mixup.DRAWN)[step % mixup.DRAWN]  # fmt: skip
            among = own[counting[own]]
            others = own.copy()
            others[counting[own]] = among[shuffled(len(among), seed ^ mixup._STREAM, step)]
            yield own, others, np.where(counting[own], share, 1.0)
            step += 1


def same_params(a, b, tolerance: float = 1e-12) -> None:
    for name, value in a.net.store.items():
        if tolerance:
            np.testing.assert_allclose(value, b.net.store[name], rtol=tolerance, atol=tolerance)
        else:
            assert np.array_equal(value, b.net.store[name]), name


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("loss", "outputs", "y"), [
    ("mse", 2, RNG.standard_normal((N, 2))),
    ("binary_cross_entropy", 1, (LABELS > 1).astype(float)[:, None]),
])  # fmt: skip
def test_numbers_are_mixed_as_their_rows_are(loss, outputs, y, weighted, monkeypatch) -> None:
    monkeypatch.setattr(mixup, "DRAWN", 5)
    made, expected = make(loss, outputs), make(loss, outputs)
    w = W if weighted else None
    fit(made, X, y, sample_weight=w)
    for own, others, share in mixed_steps(5, 2, np.ones(N, bool)):
        parts = [share * W[own], (1 - share) * W[others]] if weighted else [share, 1 - share]
        total = parts[0] + parts[1]
        s = share[:, None]
        x = s * X[own] + (1 - s) * X[others]
        t = (parts[0] / total)[:, None] * y[own] + (parts[1] / total)[:, None] * y[others]
        t = np.clip(t, *expected.loss.target_range)  # what rounding adds
        expected.step(x, t, total if weighted else None)
    same_params(made, expected)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("loss", "outputs", "y"), [
    (cnn.SoftmaxCrossEntropy(label_smoothing=0.1), C, LABELS),
    (cnn.SoftmaxCrossEntropy(ignore_index=2), C, LABELS),
    (cnn.SoftmaxCrossEntropy(reduction="sum_over_batch"), C, LABELS),
    (cnn.Focal(), C, LABELS), (cnn.MultiMargin(p=2), C, LABELS), (cnn.Hinge(), C, LABELS),
    (cnn.SquaredHinge(), 1, np.where(LABELS > 1, 1.0, -1.0)[:, None]),
])  # fmt: skip
def test_the_loss_of_labels_is_a_share_of_both(loss, outputs, y, weighted) -> None:
    counting = np.ones(N, bool)
    if getattr(loss, "ignore_index", None) is not None:
        counting = y != loss.ignore_index
    w = W if weighted else None
    made, expected = make(loss, outputs), make(loss, outputs)
    fit(made, X, y, sample_weight=w)
    for own, others, share in mixed_steps(5, 2, counting):
        s = share[:, None]
        x = s * X[own] + (1 - s) * X[others]
        # Both labels of a row, each with its share as a weight: the same sum of losses.
        each = np.ones(N) if w is None else w
        weights = np.concatenate([share * each[own], (1 - share) * each[others]])
        if loss.reduction == "sum_over_batch":
            weights *= 2
        expected.step(np.concatenate([x, x]), np.concatenate([y[own], y[others]]), weights)
    same_params(made, expected)


def test_rows_that_count_nothing_are_mixed_with_none() -> None:
    w = W * (np.arange(N) % 3 > 0)
    poisoned = X.copy()
    poisoned[::3] = np.nan
    made, expected = make(), make()
    fit(made, X, sample_weight=w)
    fit(expected, poisoned, sample_weight=w)
    same_params(made, expected, 0)


def test_a_function_of_nodes_and_several_outputs() -> None:
    def rows(outputs, targets):
        return cnn.ops.softmax_cross_entropy(outputs, targets, reduction="none")

    named, own = make(), make(rows)
    fit(named), fit(own)
    same_params(named, own)
    x = cnn.Input("x", (cnn.BATCH, WIDTH))
    net = cnn.Model({"a": cnn.Dense(C)(x), "b": cnn.Dense(2)(x)}, dtype="float64", seed=0)
    t = cnn.Trainer(net, loss={"a": "softmax_cross_entropy", "b": "mse"}, seed=5,
                    loss_weights={"b": 0.5}, metrics={"a": ["accuracy"]})  # fmt: skip
    history = fit(t, X, {"a": LABELS, "b": X[:, :2]})
    np.testing.assert_allclose(
        history["loss"], np.add(history["a_loss"], 0.5 * np.array(history["b_loss"])), rtol=1e-12)


def test_pixels_mix_as_numbers_and_metrics_ask_for_the_greater_share() -> None:
    pixels = RNG.integers(0, 256, (N, WIDTH), dtype=np.uint8)
    trainers = []
    for x in (pixels, pixels.astype(np.float32)):
        net = cnn.Sequential([cnn.Dense(6, "tanh"), cnn.Dense(C)], WIDTH, input_scale=1 / 255)
        t = cnn.Trainer(net, loss="softmax_cross_entropy", metrics=["accuracy"], seed=5)
        fit(t, x)
        trainers.append(t)
    same_params(*trainers, 0)
    assert trainers[0].history["accuracy"] == trainers[1].history["accuracy"]
    one = make(metrics=["accuracy"])
    one.optimizer.lr = 1e-300
    found = fit(one, epochs=1)["accuracy"][0]
    right = 0
    for own, others, share in mixed_steps(5, 1, np.ones(N, bool)):
        s = share[:, None]
        z = one.net.predict(s * X[own] + (1 - s) * X[others])
        right += (z.argmax(1) == LABELS[np.where(share >= 0.5, own, others)]).sum()
    assert found == right / N


@pytest.mark.parametrize("accumulate", [1, 2])
def test_bits_depend_neither_on_threads_nor_calls_nor_where_it_was_broken_off(
    accumulate, tmp_path, monkeypatch
) -> None:
    class Stop(cnn.Callback):
        every_steps = 1

        def on_chunk_end(self, trainer, chunk):
            if chunk.step == 5:
                raise KeyboardInterrupt

    options = {"accumulate": accumulate, "batch_size": BATCH // accumulate, "epochs": 3}
    whole = make(dtype="float32")
    fit(whole, **options)
    path = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        fit(make(dtype="float32"), callbacks=[cnn.Checkpoint(path), Stop()], **options)
    set_threads(3)
    monkeypatch.setattr(mixup, "MOST", 1)
    monkeypatch.setattr(mixup, "BLOCK", 7)
    again = make(dtype="float32")
    fit(again, callbacks=[cnn.Checkpoint(path), Stop()], resume=path, **options)
    set_threads(1)
    same_params(whole, again, 0)
    assert whole.history["loss"] == again.history["loss"]


def test_an_epoch_that_was_broken_off_goes_on_with_the_same_mixup_only() -> None:
    class Stop(cnn.Callback):
        every_steps = 1

        def on_chunk_end(self, trainer, chunk):
            trainer.stop = chunk.step == 3

    trainer = make()
    fit(trainer, callbacks=[Stop()])
    assert trainer.optimizer.step_count == 3
    other = make()
    other.load_state_dict(trainer.state_dict())
    fit(other, mixup=0.3, epochs=1)
    fit(trainer, epochs=1)
    assert (other.optimizer.step_count, trainer.optimizer.step_count) == (3 + 7, 7)


def test_none_and_0_are_no_mixup() -> None:
    plain, zero = make(), make()
    fit(plain, mixup=None), fit(zero, mixup=0)
    same_params(plain, zero, 0)
    assert len(zero._programs) == 1


def test_a_poisoned_row_is_named_with_those_that_it_was_mixed_with() -> None:
    bad = X.copy()
    bad[17] = np.inf
    own, others = next((a, b) for a, b, _ in mixed_steps(5, 1, np.ones(N, bool)) if 17 in a)
    at = (own == 17) | (others == 17)
    rows = ", ".join(map(str, np.unique([own[at], others[at]])))
    with pytest.raises(NotFiniteError, match=f"of 'x', in rows {rows};"):
        fit(make(check_finite=False), bad)
    t = make(check_finite=False, guard="skip")
    fit(t, bad)
    assert t.skipped == 2
    assert np.isfinite(t.net.store.value).all()


def test_what_cannot_be_mixed_is_refused() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    c = cnn.Input("c", (cnn.BATCH,), dtype="int32")
    lookup = cnn.Trainer(cnn.Model(cnn.Dense(C)(cnn.Embedding(9, 3)(c)), seed=0),
                         loss="softmax_cross_entropy")  # fmt: skip

    def scalar(outputs, targets):
        return cnn.ops.softmax_cross_entropy(outputs, targets) * 2.0

    need = "need inputs of numbers, in dense arrays, and targets y for mixup; got"
    for trainer, x, y, match in [
        (make(), sparse.csr_matrix(X), LABELS, f"{need} sparse rows for x"),
        (lookup, LABELS, LABELS, f"{need} whole numbers, for a lookup, for c"),
        (make(lambda z, t: cnn.ops.mean(cnn.ops.square(z))), X, None, f"{need} none"),
        (make(), Batches(X, LABELS), None, "need arrays, x and y, for mixup; got a stream"),
        (make(scalar), X, LABELS, "need a loss of one number per row"),
    ]:
        before = trainer.net.store.value.copy()
        with pytest.raises(OptionError, match=match):
            fit(trainer, x, y)
        assert np.array_equal(before, trainer.net.store.value)
    for wrong in (-0.1, np.nan, "0.2", True):
        with pytest.raises(OptionError, match="fit: mixup"):
            fit(make(), mixup=wrong)
