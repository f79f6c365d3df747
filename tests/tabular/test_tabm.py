"""The recipe "tabm": its network and its loss against NumPy, its bins, its members."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_rows import drawn_rows

import cnn_core as cnn
from cnn_core.errors import OptionError
from cnn_core.tabular import TabularClassifier, TabularRegressor
from cnn_core.tabular.recipes import Task, recipe_of
from cnn_core.tabular.recipes.tabm import edges_of, loss_of

CLASSES, MEAN = Task("classes", 3), Task("mean", 1)
QUANTILES = Task("quantiles", 2, (0.1, 0.75))
SMALL = {"k": 3, "d_block": 9, "n_bins": 5, "d_embedding": 4, "n_blocks": 2}


def rows(n=80, n_real=3, n_flags=2, sizes=(4, 7), seed=0, task=MEAN):
    made = drawn_rows(n, n_real, n_flags, sizes, task, seed)
    if n_real > 2:
        made.numbers[:, 1] = np.random.default_rng(seed).integers(0, 3, n)  # equal quantiles
        made.numbers[:, 2] = 0.5  # one value
    return made


def made(task=MEAN, given=None, **options):
    """A network all of whose parameters are random, and the rows that it was made for."""
    given = given or rows(task=task)
    net = recipe_of("tabm", {**SMALL, **options}).network(given, task, 1)
    rng = np.random.default_rng(7)
    net.set_params({name: rng.normal(0, 0.5, p.shape) for name, p in net.params.items()})
    return net, given


def pieces(x, edges):
    """What each bin counts, one value at a time, from the definition."""
    found = np.zeros((len(x), len(edges) - 1))
    for r, value in enumerate(x):
        for t in range(len(edges) - 1):
            share = (value - edges[t]) / (edges[t + 1] - edges[t])
            share = share if t == 0 else max(share, 0)
            found[r, t] = share if t == len(edges) - 2 else min(share, 1)
    return found


def reference(net, given, numbers, codes, *, full):
    """Outputs (B, k, O) in double precision."""
    p = {name: np.asarray(value, np.float64) for name, value in net.params.items()}
    n, parts = given.n_real, []
    for f, edges in enumerate(edges_of(given.numbers[:, :n], SMALL["n_bins"])):
        x = numbers[:, f].astype(np.float64)
        made = pieces(x, edges)
        parts.append(x[:, None] * p["pieces.u"][f] + p["pieces.c"][f]
                     + made @ p["pieces.w"][f, : made.shape[1]])  # fmt: skip
    e = np.concatenate([*parts, numbers[:, n:], p["levels.table"][codes].reshape(len(codes), -1)],
                       axis=1)  # fmt: skip
    members = []
    for i in range(SMALL["k"]):
        h = e * p["members.r"][i]
        for j in range(SMALL["n_blocks"]):
            if full:
                h = h * p[f"r_{j}.r"][i] if j else h
                h = h @ p[f"block_{j}.w"] * p[f"s_{j}.r"][i] + p[f"s_{j}.b"][i]
            else:
                h = h @ p[f"block_{j}.w"] + p[f"block_{j}.b"]
            h = np.maximum(h, 0)
        members.append(h @ p["heads.w"][i] + p["heads.b"][i])
    return np.stack(members, axis=1)


@pytest.mark.parametrize("full", [False, True])
def test_network_is_that_of_the_formulas_also_outside_the_bins(full):
    net, given = made(full=full)
    other = rows(33, seed=5)
    numbers = other.numbers * 3  # most rows have a number beyond the training ones
    found = net.predict({"numbers": numbers, "codes": other.codes})
    expected = reference(net, given, numbers, other.codes, full=full)
    assert found.shape == (33, 3, 1)
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())


def test_bins_are_quantiles_and_a_value_of_many_rows_is_one_end():
    x = np.array([[i, i // 25, 1.0, 1e-9 * (i % 2), max(i - 90, 0)] for i in range(101)])
    first, few, one, close, often = edges_of(x.astype(np.float32), 4)
    assert first.tolist() == [0, 25, 50, 75, 100]
    assert few.tolist() == [0, 1, 2, 3, 4]
    assert one.tolist() == [1.0]
    assert close.tolist() == [0.0]
    assert often.tolist() == [0, 1, 4, 7, 10]  # quantiles alone: 0, 10
    two = np.repeat([0.0, 5.0, 6, 7, 8, 9, 10, 11], [50, 30, 1, 1, 1, 1, 1, 1])
    assert edges_of(two[:, None].astype(np.float32), 4)[0].tolist() == [0, 5, 6, 8.5, 11]
    assert [len(e) for e in edges_of(x[:, 1:2], 48)] == [5]


@pytest.mark.parametrize("full", [False, True])
def test_members_begin_apart_by_their_first_scale_alone(full):
    given = rows()
    p = recipe_of("tabm", {**SMALL, "full": full}).network(given, MEAN, 3).params
    r = p["members.r"].reshape(3, -1)
    whole = np.array([4, 4, 4, 1, 1, 4, 4])  # numbers, flags, codes
    starts = np.cumsum([0, *whole[:-1]])
    assert np.array_equal(r, np.repeat(r[:, starts], whole, axis=1))
    assert len(np.unique(r[:, starts])) == 3 * len(whole)
    assert not p["pieces.w"].any()
    if full:
        assert all((p[name] == 1).all() for name in ("s_0.r", "r_1.r", "s_1.r"))
        assert (p["s_0.b"] == p["s_0.b"][0]).all()
        assert p["s_0.b"].std() > 0
    plain = recipe_of("tabm", {"k": 3, "n_bins": 0}).network(given, MEAN, 3).params
    assert set(np.unique(plain["members.r"])) == {-1, 1}
    assert "block_2.w" in plain
    assert "pieces.w" not in plain


def test_tables_of_thousands_of_numbers_have_none_embedded():
    recipe = recipe_of("tabm", {"k": 2, "d_block": 4})
    widths = [recipe.network(rows(5, n, 0, ()), MEAN, 0).params["members.r"].shape[1]
              for n in (100, 1000, 3000)]  # fmt: skip
    assert widths == [1600, 4000, 3000]


def losses(task, z, y):
    """The loss of each row and member, (B, k), and its slope in z."""
    if task.kind == "classes":
        p = np.exp(z - z.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        own = np.eye(z.shape[2])[y][:, None]
        return -np.log((p * own).sum(-1)), p - own
    off = y[:, None] - z
    if task.kind == "mean":
        return (off**2).mean(-1), -2 * off / z.shape[2]
    q = np.array(task.quantiles)
    slope = np.where(off > 0, -q, 1 - q) / len(q)
    return np.maximum(q * off, (q - 1) * off).mean(-1), slope


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("task", [CLASSES, MEAN, QUANTILES], ids=lambda task: task.kind)
def test_loss_is_the_mean_of_the_members_own_losses(task, weighted):
    net, given = made(task, dropout=0.0)
    w = np.random.default_rng(2).uniform(0.1, 2, 80).astype(np.float32) if weighted else None
    z = net.predict(given.inputs()).astype(np.float64)
    each, slope = losses(task, z, given.y)
    share = np.full(80, 1 / 80) if w is None else w / w.sum(dtype=np.float64)
    before = net.params["heads.b"].copy()
    trainer = cnn.Trainer(net, loss=loss_of(task), optimizer=cnn.SGD(lr=1.0))
    value = trainer.step(given.inputs(), given.y, sample_weight=w)
    assert value == pytest.approx(each.mean(1) @ share, rel=1e-5)
    expected = np.einsum("b,bko->ko", share, slope) / 3
    np.testing.assert_allclose(before - net.params["heads.b"], expected, atol=1e-6)


def table(n, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, n))
    kind = rng.choice([f"level {i}" for i in range(12)], n)
    return {"a": a, "b": b, "kind": kind, "y": a * b + (kind < "level 5")}


def test_members_learn_and_stay_apart():
    model = TabularRegressor("tabm", options={"k": 4, "d_block": 32, "epochs": 20, "lr": 4e-3})
    model.fit(table(600), "y")
    assert model.score(table(300, 1), "y") > 0.9
    outputs = model.fitted_[0].outputs
    assert outputs.shape == (120, 4, 1)
    apart = outputs[:, :, 0].std(axis=1).mean()
    assert 0.01 < apart < 0.5


def test_bits_do_not_depend_on_threads_and_a_row_alone_has_those_of_many(tmp_path):
    data, found = table(300), []
    y = data.pop("y") > 0.5
    options = {"k": 5, "d_block": 70, "epochs": 2, "batch_size": 130}
    for n_threads in (1, 2):
        model = TabularClassifier("tabm", options=options, n_threads=n_threads).fit(data, y)
        found.append(model.fitted_[0].network.store.value.tobytes())
    assert found[0] == found[1]
    net, given = model.fitted_[0].network, model.encoder_.transform(data)
    x = {"numbers": given.numbers, "codes": given.codes}
    outputs = net.predict(x)
    for i in (0, 17, 299):
        alone = net.predict({name: array[i : i + 1] for name, array in x.items()})
        assert alone.tobytes() == outputs[i].tobytes()
    net.save(tmp_path / "net.safetensors")
    assert cnn.load(tmp_path / "net.safetensors").predict(x).tobytes() == outputs.tobytes()


def test_training_ends_when_nothing_becomes_better():
    rng = np.random.default_rng(0)
    noise = {"a": rng.standard_normal(200), "y": rng.standard_normal(200)}
    options = {"k": 2, "d_block": 64, "patience": 3, "lr": 2e-2}
    model = TabularRegressor("tabm", options=options).fit(noise, "y")
    assert len(model.history_["loss"]) == model.fitted_[0].best_epoch + 3 < 100


def test_minibatches_and_epochs_go_by_the_table():
    sizes = (1, 700, 13_000, 30_000, 200_000, 10**6)
    found = [recipe_of("tabm").for_rows(n) for n in sizes]
    assert [r.batch_size for r in found] == [32, 32, 32, 32, 64, 128]
    assert [r.epochs for r in found] == [128, 128, 32, 32, 16, 8]
    assert [recipe_of("tabm").for_rows(n).epochs for n in (2000, 4000)] == [80, 40]
    own = recipe_of("tabm", {"batch_size": 7, "epochs": 2, "k": 5}).for_rows(10**5)
    assert (own.batch_size, own.epochs, own.k) == (7, 2, 5)


@pytest.mark.parametrize("options", [{"k": 0}, {"full": 1}, {"n_bins": -1}, {"dropout": 1.0},
                                     {"patience": 0}, {"batch_size": "large"}, {"n_blocks": 0},
                                     {"lr": 0.0}, {"clip_norm": None}])  # fmt: skip
def test_options_that_cannot_be_are_named(options):
    with pytest.raises(OptionError, match=f"tabm: need {next(iter(options))}"):
        recipe_of("tabm", options)
