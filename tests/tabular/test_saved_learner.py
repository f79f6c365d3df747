"""A learner in a file is the one that was saved: the same bits in any process, and all it knows."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings
from datetime import date, timedelta

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.errors import DataError, OptionError, StateError
from cnn_core.io import files
from cnn_core.tabular import Recipe, TabularClassifier, TabularRegressor
from cnn_core.tabular.recipes.mlp import MLP

RNG = np.random.default_rng(3)
N = 160
ROWS = [{
    "size": float(RNG.normal()) if i % 9 else None, "count": int(RNG.integers(1, 5)),
    "kind": "pqrs"[int(RNG.integers(4))], "place": f"place {RNG.integers(12)}",
    "new": bool(RNG.integers(2)), "day": (date(2020, 1, 1) + timedelta(i * 5)).isoformat(),
} for i in range(N)]  # fmt: skip
NUMBERS = np.array([3 + (r["size"] or 0) + r["count"] * RNG.normal() for r in ROWS])
SMALL = {"epochs": 4, "hidden": (8,), "batch_size": 32}
TABM = {"epochs": 3, "k": 4}
LABELS = {"texts": [["no", "yes", "so"][int(v)] for v in np.digitize(NUMBERS, [2, 4])],
          "numbers": np.digitize(NUMBERS, [2, 4]) * 7 - 7, "flags": NUMBERS > 3}  # fmt: skip

MAKE = {
    **{name: lambda name=name: TabularClassifier(
        "mlp", options=SMALL, n_models=2, class_weight="balanced").fit(ROWS, LABELS[name])
       for name in LABELS},
    "members": lambda: TabularClassifier("tabm", options=TABM, seed=5).fit(ROWS, LABELS["texts"]),
    "smoothed": lambda: TabularClassifier("realmlp", options={"epochs": 2}).fit(
        ROWS, LABELS["texts"]),
    "mean": lambda: TabularRegressor(
        "mlp", options=SMALL, kinds={"count": "category"}, encoder={"max_one_hot": 3},
    ).fit([{**row, "y": y} for row, y in zip(ROWS, NUMBERS, strict=True)], "y"),
    "quantiles": lambda: TabularRegressor(
        MLP(**SMALL), quantiles=(0.05, 0.5, 0.95), n_models=2,
    ).fit(ROWS, NUMBERS, sample_weight=RNG.uniform(0.5, 2, N)),
    "given part": lambda: TabularRegressor("mlp", options=SMALL, n_models=2).fit(
        ROWS[:99], NUMBERS[:99], X_val=ROWS[99:], y_val=NUMBERS[99:]),
    "no part": lambda: TabularClassifier("mlp", options=SMALL, calibrate=False).fit(
        ROWS[:30], LABELS["texts"][:30]),
    "an array": lambda: TabularRegressor("mlp", options=SMALL).fit(
        RNG.normal(0, 1, (60, 3)), np.arange(60)),
}  # fmt: skip


@pytest.fixture(scope="module", params=MAKE)
def model(request):
    return MAKE[request.param]()


@pytest.fixture(scope="module")
def loaded(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "m.safetensors"
    model.save(path)
    return cnn.load(path)


def table(model):
    return RNG.normal(0, 1, (5, 3)) if model.n_features_in_ == 3 else ROWS


def answers(model, x):
    """Return what every method says that has something to say."""
    found = {}
    for name in ("predict", "predict_proba", "predict_quantiles", "predict_interval",
                 "predict_std"):  # fmt: skip
        try:
            found[name] = getattr(model, name)(x)
        except (AttributeError, StateError) as error:
            found[name] = np.array(str(error))
    return found


def check_same(one, other, x):
    for name, value in answers(one, x).items():
        found = answers(other, x)[name]
        assert found.dtype == value.dtype
        if value.dtype == object:
            found, value = (a.astype(str) for a in (found, value))
        assert found.tobytes() == value.tobytes(), name


def test_it_predicts_the_same_bits(model, loaded):
    x = table(model)
    check_same(model, loaded, x)
    check_same(model, loaded, x[:1])
    if x is ROWS:
        for row in ROWS[::40]:
            check_same(model, loaded, row)


def test_all_that_is_known_is_there(model, loaded):
    assert type(loaded) is type(model)
    assert repr(loaded) == repr(model)
    # Lists among the parameters come back as tuples, arrays as well.
    assert str(loaded.get_params()) == str(model.get_params())
    assert str(loaded.columns_) == str(model.columns_)
    assert repr(loaded.recipe_) == repr(model.recipe_)
    assert loaded.history_.to_dict() == model.history_.to_dict()
    assert str(loaded.validation_) == str(model.validation_)
    assert dict(loaded.validation_) == dict(model.validation_)
    for name in ("n_rows_", "notes_", "target_name_", "fit_seconds_", "n_features_in_"):
        assert getattr(loaded, name) == getattr(model, name), name
    assert loaded.feature_names_in_.tolist() == model.feature_names_in_.tolist()
    if isinstance(model, TabularClassifier):
        assert loaded.classes_.dtype == model.classes_.dtype
        assert loaded.classes_.tolist() == model.classes_.tolist()
        assert loaded.temperatures_ == model.temperatures_
        assert loaded._smoothing == model._smoothing
    for one, other in zip(model.fitted_, loaded.fitted_, strict=True):
        assert one.best_epoch == other.best_epoch
        assert np.array_equal(one.validation_rows, other.validation_rows)


def test_it_is_saved_again_and_learns_again(model, loaded, tmp_path):
    for path, one in ((tmp_path / "a", model), (tmp_path / "b", loaded)):
        one.save(path)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    again = copy.deepcopy(loaded)
    again.fit(ROWS, LABELS["texts"] if isinstance(model, TabularClassifier) else NUMBERS)
    assert again.n_rows_ == N


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_pickle_and_copies_do_the_same(model, copied):
    model.predict(table(model))
    check_same(model, copied(model), table(model))


OTHER = """
import pickle, sys
import cnn_core as cnn
model = cnn.load(sys.argv[1])
rows = pickle.load(open(sys.argv[2], "rb"))
found = [model.predict_proba(rows), *[model.predict_proba(row) for row in rows[:5]]]
sys.stdout.buffer.write(b"".join(p.tobytes() for p in found))
"""


def test_another_process_predicts_the_same_bits(tmp_path):
    model = MAKE["texts"]()
    model.save(tmp_path / "m.safetensors")
    (tmp_path / "rows").write_bytes(pickle.dumps(ROWS))
    found = subprocess.run([sys.executable, "-c", OTHER, tmp_path / "m.safetensors",
                            tmp_path / "rows"], capture_output=True, check=True).stdout  # fmt: skip
    p = model.predict_proba(ROWS)
    assert found == p.tobytes() + p[:5].tobytes()


def test_a_network_is_loaded_without_what_is_for_tables(tmp_path):
    cnn.Sequential([cnn.Dense(2)], inputs=3).save(tmp_path / "net")
    code = ("import sys, cnn_core; cnn_core.load(sys.argv[1]); "
            "print('cnn_core.tabular' in sys.modules)")  # fmt: skip
    found = subprocess.run([sys.executable, "-c", code, tmp_path / "net"], capture_output=True,
                           check=True, text=True).stdout  # fmt: skip
    assert found == "False\n"


class Own(MLP):
    name = "own"


class Also(TabularRegressor):
    pass


def test_what_a_file_cannot_hold_is_refused(tmp_path):
    path = tmp_path / "m"
    path.write_text("as it was")
    cases = [
        (TabularRegressor(Own(**SMALL)).fit(ROWS, NUMBERS), "got .?own"),
        (Also("mlp", options=SMALL).fit(ROWS, NUMBERS), "got Also, which pickle keeps"),
        (TabularClassifier("mlp", options=SMALL).fit(ROWS, [b"a", b"b"] * (N // 2)), "got b'a'"),
    ]
    for model, text in cases:
        with pytest.raises(OptionError, match=rf"^save: .*{text}"):
            model.save(path)
        check_same(model, pickle.loads(pickle.dumps(model)), ROWS)
    with pytest.raises(StateError, match="save: need a TabularRegressor that has learned"):
        TabularRegressor().save(path)
    assert path.read_text() == "as it was"
    assert isinstance(MAKE["mean"]().recipe_, Recipe)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    path = tmp_path_factory.mktemp("parts") / "m"
    MAKE["quantiles"]().save(path)
    return files.read(path, "test")


@pytest.mark.parametrize(("text", "damage"), [
    ("shifts", lambda a, c: c.update(shifts=[0.0])),
    ("recipe", lambda a, c: c["recipe"].update(recipe="os")),
    ("learner", lambda a, c: c.update(learner="Model")),
    ("numbers", lambda a, c: c["encoder"]["steps"].pop()),
    (r"say \(B, 2\)", lambda a, c: c.update(quantiles=[0.1, 0.9], shifts=[0.0, 0.0])),
    ("held rows", lambda a, c: a.update({"held/target": a["held/target"][1:]})),
    ("held rows", lambda a, c: a.update({"held/predicted": a["held/target"]})),
    ("rows/1", lambda a, c: a.update({"rows/1": a["rows/1"].astype(np.int32)})),
    ("best_epoch", lambda a, c: c["networks"][0].update(best_epoch=5)),
    ("KeyError", lambda a, c: c.pop("notes")),
    ("target", lambda a, c: c.update(target=[0.0, None, 1.0, 2.0])),
    ("IndexError|one network", lambda a, c: c.update(networks=[])),
])  # fmt: skip
def test_a_damaged_file_ends_in_one_clear_error(parts, text, damage, tmp_path):
    arrays, content = dict(parts.arrays), copy.deepcopy(parts.content)
    damage(arrays, content)
    del content["format"]
    path = tmp_path / "m.safetensors"
    files.write(path, arrays, content)
    with pytest.raises(DataError, match=rf"^load: {path}: need .*{text}") as caught:
        cnn.load(path)
    assert "\n" not in str(caught.value)


def test_files_with_the_target_are_predicted_without_a_word(tmp_path):
    model = MAKE["mean"]()
    names = [*ROWS[0], "y"]
    lines = [",".join(names)] + [
        ",".join("" if row[k] is None else str(row[k]) for k in ROWS[0]) + f",{y}"
        for row, y in zip(ROWS, NUMBERS, strict=True)]  # fmt: skip
    (tmp_path / "all.csv").write_text("\n".join(lines) + "\n")
    model.save(tmp_path / "m")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = cnn.load(tmp_path / "m").predict(tmp_path / "all.csv")
    assert np.array_equal(found, model.predict(ROWS))
