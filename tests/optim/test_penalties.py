"""Penalties of groups: l1 and l2 in the gradient, norms of columns after the update."""

from __future__ import annotations

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.errors import DataError, OptionError
from cnn_core.ir.node import Parameter
from cnn_core.optim import SGD, Adam
from cnn_core.state.params import ParamStore

RNG = np.random.default_rng(0)


def store_of(shapes, dtype, scale=1.0):
    return ParamStore([Parameter(name, (RNG.standard_normal(shape) * scale).astype(dtype))
                       for name, shape in shapes.items()], dtype)  # fmt: skip


def shortened(w: np.ndarray, most: float) -> np.ndarray:
    norm = np.sqrt((w.astype(np.float64) ** 2).reshape(-1, w.shape[-1]).sum(axis=0))
    return w * np.where(norm > most, most / norm, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("clip", [{}, {"clip_norm": 0.7}, {"clip_value": 0.3},
                                  {"clip_norm": 0.7, "clip_value": 0.3}], ids=str)  # fmt: skip
def test_penalties_are_added_before_anything_is_clipped(dtype, clip):
    """With rows of any width, ranges longer than a block, matrices next to each other."""
    shapes = {"a": (331, 65), "b": (65, 1), "c": (1, 130), "d": (17, 3), "e": (9,), "f": (2, 3, 5)}
    store = store_of(shapes, dtype)
    store["a"][:7] = 0
    groups = {"a": {"l1": 0.03, "l2": 0.01, "max_norm": 0.9}, "b": {"max_norm": 0.5},
              "c": {"max_norm": 0.5}, "d": {"l2": 0.2}, "e": {"l1": 0.1, "lr_factor": 0.5},
              "f": {"max_norm": 1e9}}  # fmt: skip
    optimizer = SGD(lr=0.1, groups=groups, **clip)
    rel = 1e-12 if dtype == "float64" else 2e-6
    for _ in range(2):
        store.grad[:] = 0
        grads, before = {}, {}
        for name, shape in shapes.items():
            store.grads[name][...] = RNG.standard_normal(shape) * 0.02
            p, own = store[name].astype(np.float64), groups[name]
            before[name] = p.copy()
            grads[name] = (store.grads[name].astype(np.float64)
                           + own.get("l1", 0) * np.sign(p) + 2 * own.get("l2", 0) * p)  # fmt: skip
            if "clip_value" in clip:
                grads[name] = np.clip(grads[name], -0.3, 0.3)
        norm = np.sqrt(sum((g**2).sum() for g in grads.values()))
        scale = min(1, 0.7 / (norm + 1e-6)) if "clip_norm" in clip else 1
        optimizer.apply(store)
        for name, own in groups.items():
            found = before[name] - 0.1 * own.get("lr_factor", 1) * scale * grads[name]
            if "max_norm" in own:
                found = shortened(found, own["max_norm"])
            np.testing.assert_allclose(store[name], found, rtol=rel, atol=rel)
    for name in "abc":
        norms = np.linalg.norm(store[name].astype(np.float64), axis=0)
        assert 0 < norms.max() <= groups[name]["max_norm"] * (1 + 1e-6)
    used = sum(store[name].size for name in shapes)
    assert np.count_nonzero(store.value) <= used  # gaps stay zero


def test_columns_that_are_short_enough_keep_their_bits():
    plain = store_of({"w": (40, 200)}, "float32", 0.1)
    limited = ParamStore([Parameter("w", plain["w"].copy())], "float32")
    for store in (plain, limited):
        store["w"][:, 77] *= 50
        store.grads["w"][...] = 0.01
    SGD(lr=0.1).apply(plain)
    SGD(lr=0.1, groups={"w": {"max_norm": 3.0}}).apply(limited)
    others = np.arange(200) != 77
    np.testing.assert_array_equal(plain["w"][:, others], limited["w"][:, others])
    assert np.linalg.norm(limited["w"][:, 77].astype(float)) == pytest.approx(3.0, rel=1e-6)


def fitted(n_threads: int, groups):
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((600, 37)), rng.integers(0, 5, 600)
    net = cnn.Sequential([cnn.Dense(301, "relu", use_bias=False), cnn.Dense(5, use_bias=False)], 37,
                         seed=1)  # fmt: skip
    trainer = cnn.Trainer(net, loss="softmax_cross_entropy", optimizer=Adam(groups=groups))
    cnn.set_num_threads(n_threads)
    try:
        trainer.fit(x, y, batch_size=64, epochs=3, progress=False)
    finally:
        cnn.set_num_threads(None)
    return trainer


def test_bits_do_not_depend_on_threads():
    groups = {"*": {"l1": 1e-4, "l2": 1e-4, "max_norm": 1.0}}
    one, two = fitted(1, groups), fitted(2, groups)
    assert one.net.store.value.tobytes() == two.net.store.value.tobytes()
    for w in one.net.params.values():
        assert np.linalg.norm(w, axis=0).max() <= 1.0 + 1e-6


def test_the_losses_that_are_reported_are_those_without_penalties():
    x, y = np.eye(3), np.eye(3)
    net = cnn.Sequential([cnn.Dense(3, use_bias=False)], 3, dtype="float64")
    net.set_params({"dense_0.w": np.eye(3)})
    trainer = cnn.Trainer(net, loss="mse", optimizer=SGD(lr=0.1, groups={"*": {"l2": 0.5}}))
    assert trainer.step(x, y) == 0.0
    np.testing.assert_allclose(net.params["dense_0.w"], 0.9 * np.eye(3), rtol=1e-15)
    assert trainer.evaluate(x, y)["loss"] == pytest.approx(0.01 / 3)


def test_a_step_that_is_refused_changes_no_parameter():
    for clip in ({}, {"clip_norm": 1.0}):
        store = store_of({"w": (4, 3)}, "float64")
        before = store.value.copy()
        store.grads["w"][1, 2] = np.nan
        with pytest.raises(DataError, match="need a finite gradient of 'w'"):
            SGD(groups={"w": {"l1": 0.1, "max_norm": 0.1}}, **clip).apply(store)
        np.testing.assert_array_equal(store.value, before)


@pytest.mark.parametrize(("group", "words"), [
    ({"l1": -1}, r"SGD: groups\['\*'\]: l1: need a number in \[0, 1e\+18\]; got -1"),
    ({"l2": np.nan}, r"SGD: groups\['\*'\]: l2: need a number in"),
    ({"max_norm": 0}, r"SGD: groups\['\*'\]: max_norm: need a number in \(0"),
    ({"l3": 0.1}, r"need lr, lr_factor, weight_decay, l1, l2, l2_per_row, max_norm; got 'l3'"),
    ({"max_norm": 1.0}, r"SGD: groups: max_norm: need matrices \(I, O\); got dense_0.b \(3,\) "),
])  # fmt: skip
def test_bad_penalties_are_refused(group, words):
    net = cnn.Sequential([cnn.Dense(3)], 3)
    before = net.store.value.copy()
    with pytest.raises(OptionError, match=words):
        cnn.Trainer(net, loss="mse", optimizer=SGD(groups={"*": group})).step(np.eye(3), np.eye(3))
    np.testing.assert_array_equal(net.store.value, before)
