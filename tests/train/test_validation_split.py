"""A share of the rows is held back: which, and that training and validation see no other."""

from __future__ import annotations

import numpy as np
import pytest
from training_cases import blobs, make_net, make_trainer, state

import cnn_core as cnn
from cnn_core.errors import OptionError

X, Y = blobs(100)


def rows_of_batches(trainer, **options) -> list[int]:
    """Return the first column of all rows that a fit trains with, in their order."""
    seen: list[float] = []

    class Look(cnn.Gate):
        def forward(self, x):
            seen.extend(x[:, 0].tolist())
            return x

        def backward(self, dy):
            return dy

    net = cnn.Sequential([cnn.Activation(Look()), cnn.Dense(3)], 7, seed=0)
    own = cnn.Trainer(net, loss="softmax_cross_entropy", seed=trainer.seed)
    own.fit(X, Y, progress=False, **options)
    return [int(np.flatnonzero(X[:, 0] == value)[0]) for value in seen]


@pytest.mark.parametrize("shuffle", [True, False])
def test_it_is_training_with_the_rest_and_validation_data(shuffle):
    split, apart = (make_trainer(seed=5, metrics=["accuracy", "auc"]) for _ in range(2))
    history = split.fit(X, Y, batch_size=16, epochs=3, shuffle=shuffle, validation_split=0.2,
                        progress=False)  # fmt: skip
    found = rows_of_batches(split, batch_size=16, epochs=1, shuffle=shuffle, validation_split=0.2)
    kept = np.unique(found[:80])
    held = np.setdiff1d(np.arange(100), kept)
    assert (len(kept), len(held)) == (80, 20)
    counts = [np.bincount(Y[part], minlength=3) for part in (held, np.arange(100))]
    assert np.abs(counts[0] - counts[1] * 0.2).max() < 1
    rows = X[kept], Y[kept]
    again = apart.fit(*rows, batch_size=16, epochs=3, shuffle=shuffle, progress=False,
                      validation_data=(X[held], Y[held]))  # fmt: skip
    assert {**history.to_dict(), "seconds": 0} == {**again.to_dict(), "seconds": 0}
    assert np.array_equal(state(split)["params"], state(apart)["params"])


def test_numbers_weights_and_mapped_files(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    runs = []
    for x in (X, mapped):
        trainer = cnn.Trainer(make_net(outputs=2), loss="mse", seed=1)
        history = trainer.fit(x, X[:, :2], sample_weight=np.linspace(0, 1, 100), epochs=2,
                              validation_split=7, progress=False)  # fmt: skip
        runs.append((trainer.net.store.value.tobytes(), history["val_loss"]))
    assert runs[0] == runs[1]


def test_it_is_resumed_to_the_bit(tmp_path):
    def fit(epochs, resume=None):
        trainer = make_trainer(seed=3)
        trainer.fit(X, Y, batch_size=16, epochs=epochs, validation_split=0.3, progress=False,
                    callbacks=[cnn.Checkpoint(tmp_path / "run")], resume=resume)  # fmt: skip
        return trainer.net.store.value.tobytes(), trainer.history["val_loss"]

    whole = fit(4)
    fit(2)
    assert fit(4, tmp_path / "run") == whole


def test_what_is_wrong_is_said():
    for share in (0, 1.0, -0.2, 100, "0.2", True):
        with pytest.raises(OptionError, match="fit: validation_split: need a fraction in"):
            make_trainer().fit(X, Y, validation_split=share, progress=False)
    with pytest.raises(OptionError, match="need validation_data or validation_split; got both"):
        make_trainer().fit(X, Y, validation_split=0.2, validation_data=(X, Y), progress=False)
    with pytest.raises(OptionError, match="need 2 rows or more per class; got 1 of 2"):
        make_trainer().fit(X[:9], [0, 1] * 4 + [2], validation_split=3, progress=False)
