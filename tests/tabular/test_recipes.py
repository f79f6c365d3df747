"""Every recipe: options, files, and tables of every form."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_rows import drawn_rows
from tiny_recipe import Tiny

import cnn_core as cnn
from cnn_core.errors import OptionError, UnknownOptionError
from cnn_core.tabular import TabularClassifier, TabularRegressor
from cnn_core.tabular.recipes import Task, names, recipe_of

NAMES = names()
CLASSES, MEAN = Task("classes", 12), Task("mean", 1)
QUANTILES = Task("quantiles", 3, (0.1, 0.5, 0.75))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("task", [CLASSES, MEAN, QUANTILES], ids=lambda task: task.kind)
@pytest.mark.parametrize("shape", [(57, 3, 2, (4, 7)), (40, 4, 0, ()), (40, 0, 3, ()),
                                   (33, 0, 0, (9,)), (30, 1, 0, ()), (1, 2, 1, (3,))],
                         ids=lambda shape: "x".join(map(str, shape[:3])))  # fmt: skip
def test_every_form_of_table_is_learned_saved_and_predicted(name, task, shape, tmp_path):
    given = drawn_rows(*shape, task)
    recipe = recipe_of(name, {"epochs": 2}).for_rows(len(given.y))
    net = recipe.network(given, task, 5)
    assert set(net.inputs) == set(given.inputs())
    start = net.store.value.copy()
    trainer = recipe.trainer(net, given, task, n_steps=40, seed=5)
    for _ in range(3):
        assert np.isfinite(trainer.step(given.inputs(), given.y))
    assert not np.array_equal(net.store.value, start)
    found = net.predict(given.inputs())
    assert found.dtype == np.float32
    assert (len(found), found.shape[-1]) == (len(given.y), task.n_outputs)
    assert np.isfinite(found).all()
    net.save(tmp_path / "net.safetensors")
    again = cnn.load(tmp_path / "net.safetensors")
    assert again.predict(given.inputs()).tobytes() == found.tobytes()
    first = {key: array[:1] for key, array in given.inputs().items()}
    assert again.predict(first).tobytes() == found[:1].tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_networks_follow_from_the_seed(name):
    given = drawn_rows(50, 2, 1, (3,), MEAN)
    recipe = recipe_of(name, {"epochs": 1}).for_rows(50)
    made = [recipe.network(given, MEAN, seed).store.value for seed in (1, 1, 2)]
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


@pytest.mark.parametrize("name", NAMES)
def test_options_are_the_parameters_and_checked(name):
    recipe = recipe_of(name)
    assert recipe_of(name, recipe.get_params()).get_params() == recipe.get_params()
    assert recipe_of(name, {"epochs": 3}).get_params()["epochs"] == 3
    with pytest.raises(UnknownOptionError, match="did you mean 'epochs'"):
        recipe_of(name, {"epoch": 3})
    for option, value in (("epochs", 0), ("batch_size", 1.5), ("lr", -1.0), ("dropout", 1.0),
                          ("weight_decay", "no"), ("n_bins", -1)):  # fmt: skip
        with pytest.raises(OptionError, match=f"{name}: need {option}"):
            recipe_of(name, {option: value})


def test_a_recipe_that_is_not_there_is_named_with_a_hint():
    with pytest.raises(OptionError, match="did you mean 'realmlp'"):
        recipe_of("real_mlp")


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_learns_a_small_table(name):
    rng = np.random.default_rng(3)
    table = {"a": rng.normal(size=400), "b": rng.normal(size=400),
             "kind": rng.choice([*"uvw"], 400)}
    y = np.where(table["kind"] == "u", table["a"], -table["b"]) + 0.1 * rng.normal(size=400)
    options = {"epochs": 24, "batch_size": 32}
    model = TabularRegressor(name, options=options).fit(
        {k: v[:300] for k, v in table.items()}, y[:300])  # fmt: skip
    # A sum of what a, b and kind say by themselves reaches 0.55.
    assert model.score({k: v[300:] for k, v in table.items()}, y[300:]) > 0.7
    sign = TabularClassifier(name, options=options).fit(table, y > 0)
    assert sign.score(table, y > 0) > 0.9


@pytest.mark.parametrize("fault", ["dtype", "inputs", "outputs"])
def test_a_network_that_cannot_predict_rows_is_refused_before_it_is_trained(fault):
    trained = []

    class Odd(Tiny):
        def network(self, rows, task, seed):
            width = rows.numbers.shape[1]
            x = cnn.Input("x" if fault == "inputs" else "numbers", (cnn.BATCH, width))
            out = cnn.Dense(task.n_outputs + (fault == "outputs"))(x)
            return cnn.Model(out, dtype="float64" if fault == "dtype" else "float32", seed=seed)

        def trainer(self, *args, **options):
            trained.append(args)
            return super().trainer(*args, **options)

    x = np.random.default_rng(0).normal(size=(80, 2))
    with pytest.raises(OptionError, match=r"fit: need networks of float32 that read .*\(B, 2"):
        TabularRegressor(Odd()).fit(x, x[:, 0])
    assert not trained
