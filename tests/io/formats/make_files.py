"""Makes the files of the present format, which later versions must read.

    python tests/io/formats/make_files.py 1        writes tests/io/formats/1

Run it when a format is released, and never again for that one: its files stay as they are.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import cnn_core as cnn
from cnn_core.tabular import TabularClassifier

FOLDER = Path(__file__).parent
N, BATCH, EPOCHS, STOP = 16, 5, 4, 6

# Multiples of 1/8, which every machine makes alike.
ROW, COLUMN = np.arange(N)[:, None], np.arange(3)
X = (((5 * ROW + 3 * COLUMN**2 + ROW * COLUMN) % 17 - 8) / 8).astype(np.float32)
KINDS = (np.arange(N) % 3).astype(np.int32)
PRICE, SOLD = X[:, :1] - X[:, 1:2] * X[:, 2:3], KINDS % 2


def network() -> cnn.Sequential:
    """Nested, residual and shared layers, statistics, a frozen parameter, input scaling, names of
    classes."""
    trunk = cnn.Sequential([cnn.Dense(4, "relu", init=cnn.init.constant(0.25)), cnn.BatchNorm()],
                           3, seed=1)  # fmt: skip
    shared = cnn.Dense(4, cnn.ops.silu)
    again = cnn.Residual([cnn.LayerNorm()], name="again")
    net = cnn.Sequential([trunk, shared, again, shared, cnn.Dense(3, use_bias=False)], 3,
                         input_scale=0.5, input_shift=0.125, seed=3)  # fmt: skip
    net.classes = ["low", "middle", "high"]
    cnn.Trainer(net, loss="softmax_cross_entropy", seed=0).fit(X, KINDS, batch_size=8, epochs=3,
                                                               progress=False)  # fmt: skip
    net.freeze("dense_0.b")
    return net


def trainer() -> cnn.Trainer:
    """Two inputs and outputs, nodes of one's own in a group, constants; an optimizer with slots,
    scalars, groups and a schedule; a moving average."""
    x, kind = cnn.Input("x", (cnn.BATCH, 3)), cnn.Input("kind", (cnn.BATCH,), dtype="int32")
    h = cnn.Concat()([cnn.Dense(3, "gelu", use_bias=False)(x), cnn.Embedding(3, 2)(kind)])
    with cnn.group("tail"):
        mixed = cnn.ops.clip(h[..., ::2] * 2.5 + np.arange(3.0), -np.inf, 4.0)
    net = cnn.Model({"price": cnn.Dense(1, use_bias=False)(mixed), "sold": cnn.Dense(2)(h)},
                    dtype="float64", seed=2)  # fmt: skip
    optimizer = cnn.Adam(cnn.optim.Warmup(cnn.optim.CosineDecay(0.05, 20), 3), clip_norm=0.5,
                         groups={"*.b": {"lr_factor": 0.5, "weight_decay": 0.0}})  # fmt: skip
    return cnn.Trainer(
        net, loss={"price": cnn.Huber(0.75), "sold": cnn.Focal(1.5)}, loss_weights={"sold": 0.5},
        metrics={"sold": ["accuracy", "auc"]}, optimizer=optimizer, seed=4, guard="skip",
        weight_average=cnn.EMA(0.9),
    )  # fmt: skip


ROWS = [{"size": 0.125 * (i * 7 % 11) if i % 6 else None, "kind": "abcde"[i % 5], "wide": i % 4 > 0,
         "day": f"2020-{1 + i % 12:02}-0{1 + i % 7}", "pair": "no" if i % 3 else "yes"}
        for i in range(60)]  # fmt: skip
LEVEL = ["low" if i % 2 else "high" if i % 5 else "middle" for i in range(60)]


def learner() -> TabularClassifier:
    """Every kind of column, a code, two networks, temperatures."""
    options = {"epochs": 2, "hidden": (3,), "width": 2}
    return TabularClassifier("mlp", options=options, n_models=2, validation_fraction=0.4,
                             encoder={"max_one_hot": 3}, seed=6).fit(ROWS, LEVEL)  # fmt: skip


def probabilities(model: TabularClassifier) -> dict[str, list]:
    return {"probabilities": model.predict_proba(ROWS[:20]).round(9).tolist()}


class Stop(cnn.Callback):
    """Ends the training at a step, as Ctrl-C does."""

    every_steps = 1

    def on_chunk_end(self, trainer: cnn.Trainer, chunk: Any) -> None:
        if chunk.step == STOP:
            self.seen = answers(trainer.net)
            raise KeyboardInterrupt


def fit(one: cnn.Trainer, path: Path, stop: Stop, **more: Any) -> cnn.History:
    x, y = {"x": X, "kind": KINDS}, {"price": PRICE, "sold": SOLD}
    some = {k: a[:6] for k, a in x.items()}, {k: a[:6] for k, a in y.items()}
    hooks = [cnn.EarlyStopping("val_loss", patience=9), cnn.Checkpoint(path), stop]
    return one.fit(x, y, batch_size=BATCH, epochs=EPOCHS, validation_data=some, callbacks=hooks,
                   progress=False, **more)  # fmt: skip


def answers(net: cnn.Model) -> dict[str, list]:
    """Return what a network predicts for the rows here."""
    found = net.predict(X if net.is_single else {"x": X, "kind": KINDS})
    found = {"output": found} if net.is_single else found
    return {name: np.asarray(y, np.float64).round(9).tolist() for name, y in found.items()}


def finished(path: Path) -> dict[str, Any]:
    """Let the script whose checkpoint this is run again; return where it ends."""
    one = trainer()
    history = fit(one, path, Stop(), resume=path).to_dict()
    del history["seconds"]
    return {"end": answers(one.net), "averaged": answers(one.averaged), "history": history}


def main(version: str) -> None:
    folder = FOLDER / version
    folder.mkdir()
    net, one, stop = network(), trainer(), Stop()
    net.save(folder / "network.safetensors")
    table = learner()
    table.save(folder / "table.safetensors")
    path = folder / "training.safetensors"
    with suppress(KeyboardInterrupt):
        fit(one, path, stop)
    with TemporaryDirectory() as other:
        recorded = {"network": answers(net), "table": probabilities(table), "stopped": stop.seen,
                    **finished(Path(shutil.copy(path, other)))}  # fmt: skip
    text = re.sub(r"\n {3,}| *\n {2,}(?=\])", "", json.dumps(recorded, indent=1))
    (folder / "recorded.json").write_text(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
