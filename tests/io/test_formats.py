"""Files of every format that there has been load, predict and go on as they did when written."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnn_core as cnn
from cnn_core.io import files
from cnn_core.io.values import SPECIAL
from cnn_core.train.train_state import KEYS

FOLDER = Path(__file__).with_name("formats")
sys.path.append(str(FOLDER))

import make_files  # noqa: E402

FORMATS = sorted((f for f in FOLDER.iterdir() if f.name.isdigit()), key=lambda f: int(f.name))


@pytest.fixture(scope="module", params=[*FORMATS, None], ids=lambda f: f.name if f else "now")
def folder(request, tmp_path_factory):
    """Each format's files; and some made now, so that the script stays fit for the next one."""
    if request.param is not None:
        return request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make_files, "FOLDER", tmp_path_factory.mktemp("formats"))
        make_files.main("now")
        return make_files.FOLDER / "now"


@pytest.fixture
def recorded(folder):
    return json.loads((folder / "recorded.json").read_text())


def check_near(found: Any, expected: Any) -> None:
    """Other instruction sets round otherwise."""
    assert found.keys() == expected.keys()
    for name, values in found.items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_network_predicts_what_it_did(folder, recorded):
    net = cnn.load(folder / "network.safetensors")
    check_near(make_files.answers(net), recorded["network"])
    assert list(net.classes) == ["low", "middle", "high"]
    assert net.params.role("dense_0.b") == "frozen"
    assert net.layers[1] is net.layers[3]
    assert repr(net) == repr(make_files.network())


def test_a_learner_predicts_what_it_did(folder, recorded):
    model = cnn.load(folder / "table.safetensors")
    check_near(make_files.probabilities(model), recorded["table"])
    assert str(model.columns_) == str(make_files.learner().columns_)
    assert model.classes_.tolist() == ["high", "low", "middle"]
    assert len(model.held_.target) == 48


def test_a_training_is_taken_up_and_ends_where_it_did(folder, recorded, tmp_path):
    path = Path(shutil.copy(folder / "training.safetensors", tmp_path))
    check_near(make_files.answers(cnn.load(path)), recorded["stopped"])
    one, fresh = cnn.Trainer.resume(path), make_files.trainer()
    check_near(make_files.answers(one.net), recorded["stopped"])
    assert one.optimizer.step_count == make_files.STOP
    for part in ("loss", "loss_weights", "optimizer", "weight_average", "guard", "seed"):
        assert repr(getattr(one, part)) == repr(getattr(fresh, part))
    found = cnn.verify(path)
    assert found or "other bits than the step had" in repr(found)  # a machine of another kind
    end = make_files.finished(path)
    for name in ("end", "averaged", "history"):
        check_near(end[name], recorded[name])


def test_there_are_files_of_the_present_format_and_they_hold_every_kind_of_thing():
    assert FORMATS[-1].name == str(files.FORMAT)
    network, training = (files.read(FORMATS[-1] / f"{name}.safetensors", "test").content
                         for name in ("network", "training"))  # fmt: skip
    values = {key for part in (network, training) for key in keys(part)}
    assert values >= {"node", "float", "slice", "map", "object", "function", "array", *SPECIAL}
    nodes = {node["op"] for part in (network, training["network"]) for node in part["nodes"]}
    assert nodes >= {"input", "parameter", "state", "constant", "dense", "clip"}
    nets = network["networks"]
    layers = [layer for net in nets for layer in net["layers"]]
    assert {kind for layer in layers for kind in layer} >= {"network", "residual", "object"}
    assert network["frozen"]
    assert (nets[-1]["scale"], nets[-1]["shift"]) == (0.5, 0.125)
    # Nothing of a state is empty, but for what nobody has: a rate of its own, skipped steps.
    assert {k for k in KEYS if not training["state"].get(k, True)} == {"skipped", "stop", "first"}
    assert {each["map"][0][1] for each in training["state"]["callbacks"]} == {
        "EarlyStopping", "Checkpoint", "Stop"}  # fmt: skip
    assert "missing" not in training["proof"]
    table = files.read(FORMATS[-1] / "table.safetensors", "test")
    steps = {step["op"]: step for step in table.content["encoder"]["steps"]}
    assert set(steps) == {"number", "category", "boolean", "date"}
    assert steps["number"]["marked"]
    assert all(t != 1 for t in table.content["temperatures"])
    assert {name.split("/")[0] for name in table.arrays} == {"0", "1", "rows", "held"}


def keys(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        yield from content
    for inner in content.values() if isinstance(content, dict) else content:
        if isinstance(inner, (dict, list)):
            yield from keys(inner)
