"""What the tests of checkpoints share: a training, and all that it ends with."""

from __future__ import annotations

import numpy as np

import cnn_core as cnn

RNG = np.random.default_rng(8)
X = RNG.standard_normal((203, 6)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
VALIDATION = X[:50], Y[:50]
BATCH, EPOCHS = 16, 4
STEPS = -(-len(X) // BATCH)


def make(seed: int = 0, width: int = 24) -> cnn.Trainer:
    layers = [cnn.Dense(width, "relu"), cnn.BatchNorm(), cnn.Dropout(0.2), cnn.Dense(2)]
    optimizer = cnn.Adam(
        cnn.optim.Warmup(cnn.optim.CosineDecay(3e-2, EPOCHS * STEPS), 5), clip_norm=0.5,
        groups={"*.b": {"lr_factor": 0.5}},
    )  # fmt: skip
    return cnn.Trainer(
        cnn.Sequential(layers, 6, seed=seed), loss="softmax_cross_entropy", optimizer=optimizer,
        metrics=["accuracy", "auc"], seed=seed,
    )  # fmt: skip


def fit(trainer: cnn.Trainer, *callbacks, **options) -> cnn.History:
    given = {"batch_size": BATCH, "epochs": EPOCHS, "validation_data": VALIDATION,
             "progress": False} | options  # fmt: skip
    stopping = cnn.EarlyStopping("val_auc", patience=2)
    return trainer.fit(X, Y, callbacks=[stopping, *callbacks], **given)


def bits(trainer: cnn.Trainer) -> dict[str, bytes]:
    state = trainer.state_dict()
    slots = {f"{s}/{k}": a for s, of in state["optimizer"]["slots"].items() for k, a in of.items()}
    found = {**state["params"], **slots, "scalars": state["optimizer"]["scalars"]}
    return {name: array.tobytes() for name, array in found.items()}


def figures(history: cnn.History) -> dict:
    return {**history.to_dict(), "seconds": 0}
