"""The recipe "realmlp": a perceptron whose defaults were tuned over many tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnn_core import ops, options
from cnn_core.ir.node import BATCH, Node
from cnn_core.nn import init
from cnn_core.nn.layers import Dense, Layer
from cnn_core.nn.model import Model
from cnn_core.nn.norms import Embedding
from cnn_core.nn.structure import Scale
from cnn_core.optim import AdamW, CosLog4
from cnn_core.tabular.pieces import embedded
from cnn_core.tabular.recipes.mlp import loss_of
from cnn_core.tabular.recipes.recipe import Recipe, Rows, Task
from cnn_core.train.trainer import Trainer

STEPS, EPOCHS = 5_000, (32, 256)
"""Steps that a training has at least, if that does not take more epochs than the second number; it
has as many as the first in any case."""

START_ROWS = 4096
"""Rows of which weights are started, at most."""

CORNERS = 5
"""Rows whose mixtures biases start at."""

WAVE = 2 * np.pi

PIECES = 4
"""Numbers that stand beside a number."""

RATES = {"scale": 6.0, "levels": 1.0, "activation": 0.1, "pieces": 0.1, "waves": 0.1, "bias": 0.1}
"""Factors of the rates of parameters of these kinds."""


class RealMLP(Recipe):
    """Dense layers over the numbers, their embeddings and those of codes, and the flags.

    With e, what is made of a row, I the width of what a layer reads:

        h_0 = s * e,   z = h w / sqrt(I) + b,   h = dropout(z + a * (f(z) - z))

    and y the z of the last layer.  f is SELU for classes and Mish for numbers, s and a are learned.
    A number x stands in e itself, and with ``embedding``

    "pieces"
        four numbers, piecewise linear functions of x: see `cnn_core.tabular.pieces`;
    "waves"
        three numbers (PBLD), the form of the paper, of which high frequencies take many epochs:
        sum_k v_k cos(2 pi u_k x + c_k) + d, each with v_k and d of its own, k = 1 .. ``n_waves``.

    u starts at N(0, ``frequency``^2), c at U(-pi, pi), v and d at U(-n_waves^-1/2, n_waves^-1/2),
    embeddings of codes at N(0, 1), s and a at 1, and w at N(0, 1) divided by what makes each column
    of h w / sqrt(I) have the standard deviation 1 over training rows; b at minus a random mixture
    of five of these rows' values (He+5), so that the kinks lie among the rows.

    Adam, with beta2 0.95 and decoupled decay, has the rate of `cnn_core.optim.CosLog4`, times 6
    for s and 0.1 for a, b and all that belongs to pieces or waves.  Decay of a parameter is
    ``weight_decay`` times the square of that factor, as in the authors' package; biases have none.
    (There it falls in the second half of the steps, as dropout does, beside the rate that it is
    multiplied with; that has shown no difference here.)  Labels are smoothed in training.  The
    epoch with the least RMSE on validation data is kept; of classes, that with the least log-loss
    at its best temperature (of the authors, that with the least error: of few rows a coarse
    figure).

    The weights w are held divided by sqrt(I), where they have rates divided by sqrt(I) and
    decay times sqrt(I): the same steps, as Adam's do not depend on the size of gradients (but for
    its eps, which is relatively smaller).

    Parameters
    ----------
    epochs
        By default 32, of shorter tables as many as make 5,000 steps, up to the 256 of the paper.
    hidden
        Widths of the hidden layers.
    lr
        By default 0.04 for classes and 0.2 for numbers.
    dropout
        Its rate in the first half of the steps; then it falls to 0 along half a cosine.
    activation
        "selu" or "mish".
    width
        Of embeddings of codes.
    embedding, n_bins, frequency, n_waves
        Of numbers: "pieces", which are ``n_bins``, or "waves"; None: they stand there alone.
    weight_decay, label_smoothing
        See above; `cnn_core.tabular.calibration` takes the smoothing away from probabilities.

    Source: Holzmueller, Grinsztajn, Steinwart 2024, "Better by default: strong pre-tuned MLPs and
    boosted trees on tabular data", RealMLP-TD: appendix A and the authors' package.

    >>> rows = [{"size": i % 7, "good": i % 7 > 3} for i in range(90)]
    >>> model = cnn.tabular.TabularClassifier("realmlp", options=dict(epochs=20))
    >>> model.fit(rows, "good").score(rows) > 0.9
    True
    """

    name = "realmlp"

    def __init__(
        self, *, epochs: int | None = None, batch_size: int = 256, hidden: Any = (256, 256, 256),
        lr: float | None = None, dropout: float = 0.15, activation: str | None = None,
        width: int = 8, embedding: str | None = "pieces", n_bins: int = 48, frequency: float = 0.1,
        n_waves: int = 16, weight_decay: float = 0.02, label_smoothing: float = 0.1,
    ) -> None:  # fmt: skip
        who = "realmlp"
        self.epochs = epochs
        if epochs is not None:
            self.epochs = options.whole(who, epochs, option="epochs")
        self.batch_size = options.whole(who, batch_size, option="batch_size")
        self.hidden = tuple([options.whole(who, n, option="hidden")
                             for n in options.items(who, hidden, "widths")])  # fmt: skip
        self.lr = lr if lr is None else options.amount(who, lr, open_at="low", option="lr")
        self.dropout = options.fraction(who, dropout, option="dropout")
        self.activation = activation
        if activation is not None:
            options.choice(who, activation, ("selu", "mish"), option="activation")
        self.width = options.whole(who, width, option="width")
        self.frequency = options.amount(who, frequency, open_at="low", option="frequency")
        self.n_waves = options.whole(who, n_waves, option="n_waves")
        self.n_bins = options.whole(who, n_bins, option="n_bins")
        self.embedding = embedding
        if embedding is not None:
            options.choice(who, embedding, ("pieces", "waves"), option="embedding")
        self.weight_decay = options.amount(who, weight_decay, option="weight_decay")
        self.label_smoothing = options.fraction(who, label_smoothing, option="label_smoothing")

    def for_rows(self, n_rows: int) -> RealMLP:
        per_epoch = -(-n_rows // self.batch_size)
        epochs = self.epochs or min(max(-(-STEPS // per_epoch), EPOCHS[0]), EPOCHS[1])
        return type(self)(**{**self.get_params(), "epochs": epochs})

    def network(self, rows: Rows, task: Task, seed: int) -> Model:
        nodes = rows.nodes()
        parts = list(self._parts(rows, nodes))
        h = Scale(name="scale")(ops.concat(parts, axis=1) if len(parts) > 1 else parts[0])
        n_steps = -(-len(rows.y) // self.batch_size) * self.epochs
        function = self.activation or ("selu" if task.kind == "classes" else "mish")
        products = []
        for i, units in enumerate((*self.hidden, task.n_outputs)):
            name = f"dense_{i}"
            h = Dense(units, init="lecun_normal", bias_init="zeros", name=name)(h)
            products.append((name, h))
            if i < len(self.hidden):
                h = _Parametric(function, name=f"activation_{i}")(h)
                if self.dropout:
                    h = ops.dropout(h, self.dropout, steps=n_steps, name=f"dropout_{i}")
        net = Model(h, inputs=nodes.values(), seed=seed)
        _start(net, products, rows, np.random.default_rng([seed, 1]))
        return net

    def _parts(self, rows: Rows, nodes: dict[str, Any]) -> Any:
        if "numbers" in nodes:
            if self.embedding == "pieces":
                yield from embedded(rows, nodes["numbers"], self.n_bins, PIECES)
            elif self.embedding == "waves" and rows.n_real:
                waves = _Waves(self.n_waves, self.frequency, name="waves")
                yield waves(nodes["numbers"][:, : rows.n_real])
            yield nodes["numbers"]
        if "codes" in nodes:
            n, places = len(rows.code_sizes), sum(rows.code_sizes)
            found = Embedding(places, self.width, name="levels")(nodes["codes"])
            yield ops.reshape(found, (BATCH, n * self.width))

    def trainer(self, net: Model, rows: Rows, task: Task, *, n_steps: int, seed: int) -> Trainer:
        lr = self.lr or (0.04 if task.kind == "classes" else 0.2)
        optimizer = AdamW(lr=CosLog4(lr, n_steps), beta2=0.95, weight_decay=self.weight_decay,
                          groups={name: self._group(name, view) for name, view in
                                  net.params.items()})  # fmt: skip
        return Trainer(net, loss=loss_of(task, self.label_smoothing), optimizer=optimizer,
                       seed=seed)  # fmt: skip

    def _group(self, name: str, value: np.ndarray) -> dict[str, float]:
        layer, key = name.rsplit(".", 1)
        decay = self.weight_decay
        if layer.startswith("dense"):
            if key == "b":
                return {"lr_factor": RATES["bias"], "weight_decay": 0.0}
            root = len(value) ** 0.5
            return {"lr_factor": 1 / root, "weight_decay": decay * root}
        rate = RATES[layer.rstrip("_0123456789")]
        wide = WAVE if name == "waves.u" else 1.0  # which is held times 2 pi
        return {"lr_factor": rate * wide, "weight_decay": decay * rate / wide}


class _Waves(Layer):
    """(B, F) to (B, 3 F): v cos(u x + c) + d for each number x, see `RealMLP`."""

    def __init__(self, n: int, frequency: float, *, name: str) -> None:
        super().__init__(name)
        self.n, self.frequency = n, frequency

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        f, n, start = x.shape[1], self.n, init.uniform(self.n**-0.5)
        u = self.add_parameter("u", (f, n), self._draw)
        c = self.add_parameter("c", (f, n), init.uniform(np.pi))
        v, d = self.add_parameter("v", (f, n, 3), start), self.add_parameter("d", (f, 3), start)
        waves = ops.cos(ops.reshape(x, (BATCH, f, 1)) * u + c)
        return ops.reshape(ops.grouped_dense(waves, v) + d, (BATCH, 3 * f))

    def _draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return WAVE * self.frequency * rng.standard_normal(shape)


class _Parametric(Layer):
    """x + a (f(x) - x), a for each column."""

    def __init__(self, function: str, *, name: str) -> None:
        super().__init__(name)
        self.function = function

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        a = self.add_parameter("a", x.shape[1:], "ones")
        return ops.parametric_activation(x, a, self.function, name=name)


def _start(
    net: Model, products: list[tuple[str, Node]], rows: Rows, rng: np.random.Generator
) -> None:
    """Scale the weights of each dense layer, and move its biases, by what it makes of rows."""
    n = len(rows.y)
    some = np.sort(rng.permutation(n)[:START_ROWS])
    inputs = {name: array[some] for name, array in rows.inputs().items()}
    for name, node in products:
        z = np.asarray(Model(node).predict(inputs), np.float64)
        spread = z.std(axis=0)
        spread[spread <= 1e-6 * np.abs(z).max(axis=0)] = 1.0  # the same for all rows
        share = rng.standard_exponential((CORNERS, z.shape[1]))
        corner = rng.integers(0, len(z), share.shape)
        mixed = (np.take_along_axis(z, corner, axis=0) * share).sum(axis=0) / share.sum(axis=0)
        net.set_params({f"{name}.w": net.params[f"{name}.w"] / spread,
                        f"{name}.b": -mixed / spread})  # fmt: skip
