"""This package: `Trainer.fit`, one epoch per run, with all that surrounds the steps."""

from __future__ import annotations

from peers import cnn_core


class Adapter(cnn_core.Adapter):
    predicts = False

    def _prepare_chunks(self) -> None:
        # Instead of an order of its own it takes everybody's.
        self.trainer._row_order = lambda n: self.rows.index

    def run(self, n_steps: int) -> None:
        x, y, index = self.rows
        n = n_steps * self.batch
        whole = n == len(x)
        if not whole:
            x, y = x[index[:n]], y[index[:n]]
        self.trainer.fit(x, y, batch_size=self.batch, epochs=1, shuffle=whole, progress=False)
