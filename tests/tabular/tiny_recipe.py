"""A recipe of few numbers, for tests of what all recipes have in common."""

from __future__ import annotations

import cnn_core as cnn
from cnn_core.tabular.recipes import Recipe


class Tiny(Recipe):
    """One hidden layer beside embeddings, and `cnn_core.Adam`."""

    name = "tiny"
    keeps = {"classes": "log_loss", "mean": "rmse", "quantiles": "pinball"}

    def __init__(self, epochs=20, batch_size=16, lr=0.02, breaks_off=None):
        self.epochs, self.batch_size, self.lr = epochs, batch_size, lr
        self.breaks_off = breaks_off

    def network(self, rows, task, seed):
        nodes = rows.nodes()
        parts = [nodes["numbers"]] if "numbers" in nodes else []
        if "codes" in nodes:
            found = cnn.Embedding(sum(rows.code_sizes), 2)(nodes["codes"])
            parts.append(cnn.Flatten()(found))
        h = cnn.Concat()(parts) if len(parts) > 1 else parts[0]
        out = cnn.Dense(task.n_outputs)(cnn.Dense(8, activation="tanh")(h))
        return cnn.Model(out, inputs=nodes.values(), seed=seed)

    def trainer(self, net, rows, task, *, n_steps, seed):
        loss = "softmax_cross_entropy" if task.kind == "classes" else "mse"
        made = BreaksOff(net, loss=loss, seed=seed,
                         optimizer=cnn.Adam(lr=cnn.optim.CosineDecay(self.lr, n_steps)))
        made.breaks_off = self.breaks_off
        return made


class BreaksOff(cnn.Trainer):
    """Ctrl-C comes when an epoch begins."""

    breaks_off = None

    def _row_order(self, n):
        if self.breaks_off is not None and self.epochs_done + 1 == self.breaks_off:
            raise KeyboardInterrupt
        return super()._row_order(n)
