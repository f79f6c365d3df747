"""The recipe "realmlp": its network and its steps against NumPy, how it starts, what it learns."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_rows import drawn_rows

import cnn_core as cnn
from cnn_core.errors import OptionError
from cnn_core.optim import CosLog4
from cnn_core.tabular import TabularClassifier, TabularRegressor
from cnn_core.tabular.pieces import edges_of
from cnn_core.tabular.recipes import Task, recipe_of

CLASSES, MEAN = Task("classes", 3), Task("mean", 1)
SMALL = {"epochs": 3, "hidden": (9, 7), "width": 4, "embedding": "waves", "n_waves": 5, "n_bins": 6}


def rows(n=90, n_real=3, n_flags=2, sizes=(4, 7), seed=0, task=MEAN):
    return drawn_rows(n, n_real, n_flags, sizes, task, seed)


def selu(z):
    return 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(np.minimum(z, 0)))


def mish(z):
    return z * np.tanh(np.logaddexp(0, z))


def reference(net, given, f):
    """The z of each dense layer, in double precision."""
    p = {name: np.asarray(value, np.float64) for name, value in net.params.items()}
    x, parts = given.numbers.astype(np.float64), []
    if "pieces.w" in p:
        for k, edges in enumerate(edges_of(given.numbers[:, : given.n_real], SMALL["n_bins"])):
            share = (x[:, k, None] - edges[:-1]) / np.diff(edges)
            share[:, 1:] = np.maximum(share[:, 1:], 0)
            share[:, :-1] = np.minimum(share[:, :-1], 1)
            made = x[:, k, None] * p["pieces.u"][k] + p["pieces.c"][k]
            parts.append(made + share @ p["pieces.w"][k])
    elif "waves.u" in p:
        each = x[:, : given.n_real, None]
        waves = np.cos(each * p["waves.u"] + p["waves.c"])  # u has the factor 2 pi
        parts.append(np.einsum("bfn,fnk->bfk", waves, p["waves.v"]) + p["waves.d"])
    parts.append(x)
    if given.code_sizes:
        parts.append(p["levels.table"][given.codes])
    h = np.concatenate([part.reshape(len(x), -1) for part in parts], axis=1) * p["scale.s"]
    found = []
    for i in range(3):
        z = h @ p[f"dense_{i}.w"] + p[f"dense_{i}.b"]
        found.append(z)
        if i < 2:
            h = z + p[f"activation_{i}.a"] * (f(z) - z)
    return found


@pytest.mark.parametrize(("task", "f"), [(CLASSES, selu), (MEAN, mish)])
@pytest.mark.parametrize("shape", [{}, {"n_real": 0}, {"n_flags": 0, "sizes": ()}])
@pytest.mark.parametrize("embedding", ["pieces", "waves", None])
def test_network_is_that_of_the_formulas(task, f, shape, embedding):
    given = rows(task=task, **shape)
    net = recipe_of("realmlp", {**SMALL, "embedding": embedding}).network(given, task, 1)
    numbers = given.n_real and embedding
    assert (f"{embedding}.u" in net.params) == bool(numbers)
    rng = np.random.default_rng(7)
    net.set_params({name: rng.normal(0, 0.7, p.shape) for name, p in net.params.items()})
    want = reference(net, given, f)[-1]
    np.testing.assert_allclose(net.predict(given.inputs()), want, rtol=2e-5, atol=2e-5)


def test_layers_start_with_spread_1_and_kinks_among_the_rows():
    given = rows(700)
    recipe = recipe_of("realmlp", SMALL)
    net = recipe.network(given, MEAN, 3)
    for i, z in enumerate(reference(net, given, mish)):
        np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-4)
        middle = -z.mean(axis=0)  # of the mixture, from the mean of the rows
        low, high = (z - z.mean(axis=0)).min(axis=0), (z - z.mean(axis=0)).max(axis=0)
        assert ((low < middle) & (middle < high)).all()
        if i < 2:  # (1 + 5) / (5 * 6) squared weights of five: a spread of 0.58 or so
            assert 0.15 < middle.std() < 1.2
    again, other = recipe.network(given, MEAN, 3), recipe.network(given, MEAN, 4)
    assert again.store.value.tobytes() == net.store.value.tobytes()
    assert (other.params["dense_0.b"] != net.params["dense_0.b"]).all()


def test_columns_that_say_nothing_start_as_they_were_drawn():
    given = rows(n_real=1, n_flags=0, sizes=())
    net = recipe_of("realmlp", SMALL).network(given._replace(numbers=0 * given.numbers), MEAN, 0)
    assert all(np.isfinite(p).all() and abs(p).max() < 9 for p in net.params.values())


def test_steps_are_those_of_the_ntk_form_with_rates_and_decay_of_each_kind():
    given, rate, decay = rows(task=CLASSES), 0.01, 0.5
    recipe = recipe_of("realmlp", {**SMALL, "weight_decay": decay, "dropout": 0.0})
    net = recipe.network(given, CLASSES, 0)
    trainer = recipe.trainer(net, given, CLASSES, n_steps=100, seed=0)
    assert trainer.optimizer.lr == CosLog4(0.04, 100)
    assert (trainer.optimizer.beta1, trainer.optimizer.beta2) == (0.9, 0.95)
    trainer.optimizer.lr = rate
    before = {name: np.array(p, np.float64) for name, p in net.params.items()}
    trainer.step(given.inputs(), given.y)
    factors = {"scale.s": 6.0, "levels.table": 1.0, "waves.u": 0.1, "dense_0.b": 0.1}
    for name, p in net.params.items():
        size, factor = 1.0, factors.get(name, 0.1)
        if name.startswith("dense") and name.endswith(".w"):
            size, factor = len(p) ** 0.5, 1.0
        size = 1 / (2 * np.pi) if name == "waves.u" else size  # what the form of the paper has
        kept = 1 - rate * decay * factor**2 * (not name.endswith(".b"))
        moved = np.abs(p * size - before[name] * size * kept)  # Adam's first step: the sign alone
        np.testing.assert_allclose(moved.max(), rate * factor, rtol=1e-3, err_msg=name)


def test_labels_are_smoothed_in_training_and_dropout_ends_with_it():
    given = rows(task=CLASSES)
    recipe = recipe_of("realmlp", {**SMALL, "epochs": 3, "batch_size": 32})
    net = recipe.network(given, CLASSES, 0)
    trainer = recipe.trainer(net, given, CLASSES, n_steps=9, seed=0)
    z = net.predict(given.inputs()).astype(np.float64)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    want = -(0.9 * log_p[np.arange(90), given.y] + 0.1 * log_p.mean(axis=1)).mean()
    assert trainer.evaluate(given.inputs(), given.y)["loss"] == pytest.approx(want, rel=1e-5)
    trainer.optimizer.lr = 1e-12  # the numbers stay
    drops = []
    for step in (0, 4, 8, 9):
        trainer.optimizer.step_count = step
        drops.append(abs(trainer.step(given.inputs(), given.y) - want))
    assert min(drops[:3]) > 1e-4 > 1e-6 > drops[3]


def wavy(n, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(-1, 1, n), rng.uniform(-1, 1, n)
    kind = rng.choice([f"level {i}" for i in range(12)], n)
    return {"a": a, "b": b, "kind": kind, "y": np.sin(7 * a) * b + (kind < "level 5")}


def test_it_learns_more_than_a_plain_perceptron_does():
    scores = []
    for recipe, more in (("realmlp", {"embedding": "waves"}), ("mlp", {"n_bins": 0})):
        options = {"epochs": 64, "hidden": (64, 64), "batch_size": 64, **more}
        model = TabularRegressor(recipe, options=options).fit(wavy(800), "y")
        scores.append(model.score(wavy(400, 1), "y"))
    assert scores[0] > 0.98 > 0.8 > scores[1]


def test_bits_follow_from_the_seed_whatever_the_threads():
    data, found = wavy(600), []
    y = data.pop("y") > 0.5
    for seed, n_threads in ((0, 1), (0, 2), (1, 1)):
        options = {"epochs": 2, "hidden": (70, 70), "batch_size": 130}
        model = TabularClassifier("realmlp", options=options, seed=seed, n_threads=n_threads)
        found.append(model.fit(data, y).fitted_[0].network.store.value.tobytes())
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("options", [{"hidden": (0,)}, {"lr": 0.0}, {"dropout": 1.0}, {"width": 0},
                                     {"activation": "relu"}, {"n_waves": 0}, {"n_bins": 0},
                                     {"embedding": "bins"}, {"frequency": 0.0},
                                     {"label_smoothing": 1.5}])  # fmt: skip
def test_options_that_cannot_be_are_named(options):
    with pytest.raises(OptionError, match=f"realmlp: need.*{next(iter(options))}"):
        recipe_of("realmlp", options)


def test_saved_networks_come_back(tmp_path):
    given = rows()
    net = recipe_of("realmlp", SMALL).network(given, MEAN, 0)
    net.save(tmp_path / "net.safetensors")
    again = cnn.load(tmp_path / "net.safetensors").predict(given.inputs())
    assert again.tobytes() == net.predict(given.inputs()).tobytes()
