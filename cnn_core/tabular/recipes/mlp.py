"""The recipe "mlp": a plain perceptron."""

from __future__ import annotations

from typing import Any

from cnn_core import ops, options
from cnn_core.ir.node import BATCH
from cnn_core.nn.layers import Dense, Dropout
from cnn_core.nn.losses import MSE, SoftmaxCrossEntropy
from cnn_core.nn.model import Model
from cnn_core.nn.norms import Embedding
from cnn_core.optim import AdamW, CosineDecay
from cnn_core.tabular.recipes.recipe import Recipe, Rows, Task
from cnn_core.train.trainer import Trainer


class MLP(Recipe):
    """Embeddings of codes beside the numbers, then dense layers with ReLU and dropout.

    Trained by AdamW at a rate that falls along half a cosine.
    """

    name = "mlp"

    def __init__(
        self, *, epochs: int = 64, batch_size: int = 256, hidden: Any = (256, 256, 256),
        lr: float = 1e-3, weight_decay: float = 1e-2, dropout: float = 0.1, width: int = 8,
    ) -> None:  # fmt: skip
        who = "mlp"
        self.epochs = options.whole(who, epochs, option="epochs")
        self.batch_size = options.whole(who, batch_size, option="batch_size")
        self.hidden = options.lengths(who, hidden, option="hidden")
        self.lr = options.amount(who, lr, open_at="low", option="lr")
        self.weight_decay = options.amount(who, weight_decay, option="weight_decay")
        self.dropout = options.fraction(who, dropout, option="dropout")
        self.width = options.whole(who, width, option="width")

    def network(self, rows: Rows, task: Task, seed: int) -> Model:
        nodes = rows.nodes()
        parts = [nodes["numbers"]] if "numbers" in nodes else []
        if "codes" in nodes:
            found = Embedding(sum(rows.code_sizes), self.width)(nodes["codes"])
            parts.append(ops.reshape(found, (BATCH, self.width * len(rows.code_sizes))))
        h = ops.concat(parts, axis=1) if len(parts) > 1 else parts[0]
        for units in self.hidden:
            h = Dense(units, activation="relu")(h)
            h = Dropout(self.dropout)(h) if self.dropout else h
        return Model(Dense(task.n_outputs)(h), inputs=nodes.values(), seed=seed)

    def trainer(self, net: Model, rows: Rows, task: Task, *, n_steps: int, seed: int) -> Trainer:
        loss: Any = SoftmaxCrossEntropy() if task.kind == "classes" else MSE()
        if task.kind == "quantiles":
            loss = pinballs(task.quantiles)
        optimizer = AdamW(lr=CosineDecay(self.lr, n_steps), weight_decay=self.weight_decay,
                          no_decay=("*.b",))  # fmt: skip
        return Trainer(net, loss=loss, optimizer=optimizer, seed=seed)


def pinballs(quantiles: tuple[float, ...]) -> Any:
    """Return the sum of the pinball losses of outputs (B, Q), as a function of nodes."""

    def loss(outputs: Any, targets: Any) -> Any:
        each = [ops.pinball(outputs[:, i : i + 1], targets, q, reduction="none")
                for i, q in enumerate(quantiles)]  # fmt: skip
        return sum(each[1:], each[0])

    return loss
