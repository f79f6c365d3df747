"""Real data: the accuracies that the examples reach."""

from __future__ import annotations

import importlib.util
import math
import os
from pathlib import Path

import numpy as np
import pytest

import cnn_core as cnn

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("CNN_CORE_DATA", ROOT.parent / "shared" / "data"))
"""Where the folders mnist and fashion-mnist lie."""


def example(name: str):
    """Import an example by its file."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_digits_reach_their_accuracy():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    digits = example("train_digits")
    x, y = digits.load_digits()
    found = [digits.train(x, y, epochs=60, seed=s, show=False)[0] for s in range(5)]
    assert np.mean(found) >= 0.970
    assert min(found) >= 0.955


@pytest.mark.slow
@pytest.mark.parametrize(("name", "accuracy"), [("mnist", 0.978), ("fashion-mnist", 0.880)])
def test_images_reach_their_accuracy(name, accuracy):
    if not (DATA / name).is_dir():
        pytest.skip(f"no {DATA / name}: set CNN_CORE_DATA to the folder that holds {name}")
    data = cnn.data.load_idx_dataset(DATA / name)
    layers = [cnn.Dense(256, "relu"), cnn.Dense(128, "relu"), cnn.Dense(data.n_classes)]
    net = cnn.Sequential(layers, data.x_train.shape[1], input_scale=1 / 255)
    steps = 10 * math.ceil(len(data.x_train) / 128)
    trainer = cnn.Trainer(
        net, loss=cnn.SoftmaxCrossEntropy(), metrics=["accuracy"],
        optimizer=cnn.Adam(lr=cnn.optim.CosineDecay(1e-3, steps)),
    )  # fmt: skip
    trainer.fit(data.x_train, data.y_train, batch_size=128, epochs=10, progress=False)
    assert trainer.optimizer.step_count == steps
    assert trainer.evaluate(data.x_test, data.y_test)["accuracy"] >= accuracy
