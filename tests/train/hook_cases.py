"""What the tests of callbacks share: a fit, a kill, and the lines of a log."""

from __future__ import annotations

import csv

from training_cases import blobs

import cnn_core as cnn

X, Y = blobs(80)


class Stop(cnn.Callback):
    """Raises at a step, as Ctrl-C would."""

    every_steps = 1

    def __init__(self, at: int) -> None:
        self.at = at

    def on_chunk_end(self, trainer, chunk):
        if chunk.step == self.at:
            raise KeyboardInterrupt


def fit(trainer, *callbacks, epochs=4, **options):
    options = {"batch_size": 8, "progress": False} | options
    return trainer.fit(X, Y, epochs=epochs, callbacks=callbacks, **options)


def lines(path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))
