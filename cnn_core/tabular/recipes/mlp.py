"""The recipe "mlp": a small perceptron, for those in a hurry."""

from __future__ import annotations

from typing import Any

from cnn_core import ops, options
from cnn_core.ir.node import BATCH
from cnn_core.nn import init
from cnn_core.nn.layers import Dense, Dropout
from cnn_core.nn.losses import MSE, Quantiles, SoftmaxCrossEntropy
from cnn_core.nn.model import Model
from cnn_core.nn.norms import Embedding
from cnn_core.optim import AdamW, CosineDecay
from cnn_core.tabular.pieces import embedded
from cnn_core.tabular.recipes.recipe import Recipe, Rows, Task
from cnn_core.train.trainer import Trainer

BATCHES = ((20_000, 32), (100_000, 64), (400_000, 128))
"""Rows of a table below which a minibatch has so many; of longer ones it has 256."""

STEPS, EPOCHS = 8_000, (12, 64)
"""Steps that a training has at least, if that does not take more epochs than the second number; it
has as many as the first in any case."""


class MLP(Recipe):
    """Dense layers with ReLU and dropout, over the numbers, flags and embeddings of a row.

    A number stands there itself, and with the ``width`` numbers of `cnn_core.tabular.pieces`: a
    piecewise linear function of it, with the ends of its pieces at quantiles of the training rows.
    A code has as many.  AdamW, whose rate falls along half a cosine, makes the cross-entropy, the
    squared error or the mean pinball loss small.

    Parameters
    ----------
    epochs, batch_size
        By default minibatches of 32 to 256 rows, the more the longer the table, and 12 epochs, of
        short tables up to 64.
    hidden
        Widths of the hidden layers.
    lr, weight_decay, dropout
        Of AdamW, and the rate of dropout.  Biases do not decay.
    width, n_bins
        Of embeddings, and pieces of a number; 0: it stands there alone.

    >>> rows = [{"size": i % 7, "good": i % 7 > 3} for i in range(90)]
    >>> model = cnn.tabular.TabularClassifier("mlp", options=dict(epochs=20))
    >>> model.fit(rows, "good").score(rows) > 0.9
    True
    """

    name = "mlp"

    def __init__(
        self, *, epochs: int | None = None, batch_size: int | None = None,
        hidden: Any = (128, 128), lr: float = 1e-3, weight_decay: float = 1e-2,
        dropout: float = 0.1, width: int = 8, n_bins: int = 48,
    ) -> None:  # fmt: skip
        who = "mlp"
        self.epochs, self.batch_size = epochs, batch_size
        for name in ("epochs", "batch_size"):
            if getattr(self, name) is not None:
                setattr(self, name, options.whole(who, getattr(self, name), option=name))
        self.hidden = tuple([options.whole(who, n, option="hidden")
                             for n in options.items(who, hidden, "widths")])  # fmt: skip
        self.lr = options.amount(who, lr, open_at="low", option="lr")
        self.weight_decay = options.amount(who, weight_decay, option="weight_decay")
        self.dropout = options.fraction(who, dropout, option="dropout")
        self.width = options.whole(who, width, option="width")
        self.n_bins = options.whole(who, n_bins, 0, option="n_bins")

    def for_rows(self, n_rows: int) -> MLP:
        batch_size = self.batch_size or next((n for most, n in BATCHES if n_rows < most), 256)
        per_epoch = -(-n_rows // batch_size)
        epochs = self.epochs or min(max(-(-STEPS // per_epoch), EPOCHS[0]), EPOCHS[1])
        return type(self)(**{**self.get_params(), "batch_size": batch_size, "epochs": epochs})

    def network(self, rows: Rows, task: Task, seed: int) -> Model:
        nodes, parts = rows.nodes(), []
        if "numbers" in nodes:
            parts += embedded(rows, nodes["numbers"], self.n_bins, self.width)
            parts.append(nodes["numbers"])
        if "codes" in nodes:
            start = init.uniform(self.width**-0.5)
            found = Embedding(sum(rows.code_sizes), self.width, init=start)(nodes["codes"])
            parts.append(ops.reshape(found, (BATCH, self.width * len(rows.code_sizes))))
        h = ops.concat(parts, axis=1) if len(parts) > 1 else parts[0]
        for units in self.hidden:
            h = Dense(units, activation="relu")(h)
            h = Dropout(self.dropout)(h) if self.dropout else h
        return Model(Dense(task.n_outputs)(h), inputs=nodes.values(), seed=seed)

    def trainer(self, net: Model, rows: Rows, task: Task, *, n_steps: int, seed: int) -> Trainer:
        optimizer = AdamW(lr=CosineDecay(self.lr, n_steps), weight_decay=self.weight_decay,
                          no_decay=("*.b",))  # fmt: skip
        return Trainer(net, loss=loss_of(task), optimizer=optimizer, seed=seed)


def loss_of(task: Task, label_smoothing: float = 0.0) -> Any:
    """Return the cross-entropy, the squared error, or the mean pinball loss of quantiles."""
    if task.kind == "classes":
        return SoftmaxCrossEntropy(label_smoothing=label_smoothing)
    return Quantiles(task.quantiles) if task.kind == "quantiles" else MSE()
