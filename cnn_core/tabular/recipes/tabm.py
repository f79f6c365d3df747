"""The recipe "tabm": many perceptrons that share most of their weights."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from cnn_core import ops, options
from cnn_core.ir.node import BATCH, Node
from cnn_core.nn import init
from cnn_core.nn.layers import Activation, Dense, Dropout, Layer
from cnn_core.nn.model import Model
from cnn_core.nn.norms import Embedding
from cnn_core.optim import AdamW, CosineDecay
from cnn_core.tabular.pieces import Pieces, edges_of, width_of
from cnn_core.tabular.recipes.recipe import Recipe, Rows, Task
from cnn_core.train.trainer import Trainer

SIZES = ((100_000, 32, 32), (400_000, 64, 16), (inf, 128, 8))
"""Rows of a table, of which there are less, the rows of a minibatch, and how many epochs."""

STEPS, EPOCHS = 5_000, 128
"""Steps that a training has at least, if these are no more than so many epochs."""


class TabM(Recipe):
    """k perceptrons that differ in little but the scales r of their inputs, trained side by side.

    With e, what is made of a row's F numbers, C codes and flags, member i of k predicts

        h_i0 = r_i * e,   h_ij = dropout(relu(h_i,j-1 W_j + b_j)),   y_i = h_iJ V_i + c_i

    where r_i, V_i and c_i are its own (the mini form), or with ``full`` also the scales r_ij, s_ij
    and the biases b_ij of each layer, relu((r_ij * h) W_j * s_ij + b_ij).  What is made small is
    the mean of the members' losses, each of its own output; predictions are the mean of their
    probabilities, or of their numbers.

    A number x has ``d_embedding`` numbers in e: x u + c + sum_t p_t w_t, with its pieces

        p_t = min(max((x - b_t) / (b_t+1 - b_t), 0), 1)

    of which the first has no lower, the last no upper end.  The b are ``n_bins + 1`` quantiles of
    the training rows or, where a value would be several of them, that value and quantiles of the
    other rows; w starts at zeros.  A code has as many numbers, from a table of its own.  A flag
    stays as it is.  So does a number with ``n_bins=0``, or where embeddings would be wider than
    4,096 for 2 numbers each.

    r starts at N(0, 1), without embeddings at -1 or 1; what belongs to one number or one code
    starts with the same.  All other scales start at 1.

    Parameters
    ----------
    k
        Members.  The work of a step is that of one perceptron on k times as many rows.
    n_blocks
        Hidden layers: by default 2 with embeddings, else 3.
    d_block
        Their width.
    epochs, batch_size
        By default minibatches of 32 rows and 32 epochs, of short tables up to 128; from 100,000
        rows on of 64 and 16, from 400,000 on of 128 and 8.
    dropout, lr, weight_decay, clip_norm
        Of AdamW, whose rate falls along half a cosine, and whose gradients have a norm of at most
        ``clip_norm``.
    patience
        Epochs after which training ends where the figure of the validation part has not become
        better.

    Source: Gorishniy, Kotelnikov, Babenko 2024, "TabM: Advancing tabular deep learning with
    parameter-efficient ensembling"; embeddings: Gorishniy, Rubachev, Babenko 2022, "On embeddings
    for numerical features in tabular deep learning", in the form that the former has; scales of
    members: Wen, Tran, Ba 2020, "BatchEnsemble".  Starting values are those of the authors'
    package.  It has k 32, d_block 512, minibatches of 256 rows, a constant rate and a patience of
    16.  Here a step may not take long, and narrow layers with more steps were better in equal time.

    >>> rows = [{"size": i % 7, "good": i % 7 > 3} for i in range(90)]
    >>> model = cnn.tabular.TabularClassifier("tabm", options=dict(epochs=20, k=8))
    >>> model.fit(rows, "good").score(rows) > 0.9
    True
    """

    name = "tabm"

    def __init__(
        self, *, k: int = 16, full: bool = False, n_blocks: int | None = None, d_block: int = 96,
        dropout: float = 0.1, n_bins: int = 48, d_embedding: int = 16, epochs: int | None = None,
        batch_size: int | None = None, lr: float = 3e-3, weight_decay: float = 3e-4,
        clip_norm: float = 1.0, patience: int | None = None,
    ) -> None:  # fmt: skip
        who = "tabm"
        self.k = options.whole(who, k, option="k")
        self.full = options.flag(who, full, option="full")
        self.d_block = options.whole(who, d_block, option="d_block")
        self.dropout = options.fraction(who, dropout, option="dropout")
        self.n_bins = options.whole(who, n_bins, 0, option="n_bins")
        self.d_embedding = options.whole(who, d_embedding, option="d_embedding")
        self.lr = options.amount(who, lr, open_at="low", option="lr")
        self.weight_decay = options.amount(who, weight_decay, option="weight_decay")
        self.clip_norm = options.amount(who, clip_norm, open_at="low", option="clip_norm")
        self.n_blocks, self.patience = n_blocks, patience
        self.epochs, self.batch_size = epochs, batch_size
        for name in ("n_blocks", "epochs", "batch_size", "patience"):
            if getattr(self, name) is not None:
                setattr(self, name, options.whole(who, getattr(self, name), option=name))

    def for_rows(self, n_rows: int) -> TabM:
        _, batch_size, least = next(size for size in SIZES if n_rows < size[0])
        batch_size = self.batch_size or batch_size
        enough = -(-STEPS // -(-n_rows // batch_size))
        epochs = self.epochs or max(least, min(enough, EPOCHS))
        return type(self)(**{**self.get_params(), "batch_size": batch_size, "epochs": epochs})

    def network(self, rows: Rows, task: Task, seed: int) -> Model:
        nodes = rows.nodes()
        width = width_of(rows.n_real, self.n_bins, self.d_embedding)
        parts, sizes = self._parts(rows, nodes, width)
        h = ops.concat(parts, axis=1) if len(parts) > 1 else parts[0]
        h = _Members(self.k, _start(sizes, signs=not width), name="members")(h)
        for i in range(self.n_blocks or (2 if width else 3)):
            h = self._block(h, i)
        return Model(_Heads(task.n_outputs, name="heads")(h), inputs=nodes.values(), seed=seed)

    def _parts(
        self, rows: Rows, nodes: dict[str, Any], width: int
    ) -> tuple[list[Node], list[int]]:
        """Return what is made of a row, and how many numbers of that belong together."""
        parts, sizes = [], []
        n_real = rows.n_real if width else 0
        if "numbers" in nodes:
            x, n_plain = nodes["numbers"], rows.numbers.shape[1] - n_real
            if width:
                edges = edges_of(rows.numbers[:, :n_real], self.n_bins)
                parts.append(Pieces(edges, width, name="pieces")(x[:, :n_real]))
                sizes += [width] * n_real
            if n_plain:
                parts.append(x[:, n_real:])
                sizes += [1] * n_plain
        if "codes" in nodes:
            n, places = len(rows.code_sizes), sum(rows.code_sizes)
            start = init.uniform(self.d_embedding**-0.5)
            found = Embedding(places, self.d_embedding, init=start, name="levels")(nodes["codes"])
            parts.append(ops.reshape(found, (BATCH, n * self.d_embedding)))
            sizes += [self.d_embedding] * n
        return parts, sizes

    def _block(self, h: Node, i: int) -> Node:
        if not self.full:
            h = Dense(self.d_block, "relu", init="fan_in_uniform", name=f"block_{i}")(h)
        else:
            bias = h.shape[-1] ** -0.5
            h = _Members(self.k, "ones", name=f"r_{i}")(h) if i else h
            h = Dense(self.d_block, use_bias=False, init="fan_in_uniform", name=f"block_{i}")(h)
            h = Activation("relu")(_Members(self.k, "ones", bias, name=f"s_{i}")(h))
        return Dropout(self.dropout)(h) if self.dropout else h

    def trainer(self, net: Model, rows: Rows, task: Task, *, n_steps: int, seed: int) -> Trainer:
        optimizer = AdamW(lr=CosineDecay(self.lr, n_steps), weight_decay=self.weight_decay,
                          clip_norm=self.clip_norm)  # fmt: skip
        return Trainer(net, loss=loss_of(task), optimizer=optimizer, seed=seed)


def loss_of(task: Task) -> Callable[[Any, Any], Node]:
    """Return the mean of the members' losses of a row, (B,), as a function of nodes.

    Of outputs (B, k, C) and labels (B,): the cross-entropy; of outputs (B, k, Q) and numbers
    (B, 1): the squared error, or the mean pinball loss of the quantiles.
    """
    if task.kind == "classes":
        return lambda z, y: -ops.mean(ops.take(ops.log_softmax(z), y, axis=2), axis=1)

    def of_numbers(found: Node, y: Node) -> Node:
        off = ops.reshape(y, (BATCH, 1, 1)) - found
        if task.kind == "mean":
            return ops.mean(ops.square(off), axis=(1, 2))
        q = np.array(task.quantiles)
        return ops.mean(ops.maximum(off * q, off * (q - 1)), axis=(1, 2))

    return of_numbers


# -- members ----------------------------------------------------------------------------------


class _Members(Layer):
    """(B, I) or (B, k, I) to (B, k, I): y_i = r_i * x, + b_i with ``bias``, which all start with.
    """

    def __init__(self, k: int, start: Any, bias: float = 0.0, *, name: str) -> None:
        super().__init__(name)
        self.k, self.start, self.bias = k, start, bias

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        shape = (self.k, x.shape[-1])
        x = x if len(x.shape) == 3 else ops.reshape(x, (BATCH, 1, shape[1]))
        y = x * self.add_parameter("r", shape, self.start)
        if not self.bias:
            return y
        return y + self.add_parameter("b", shape, _same(init.uniform(self.bias)))


class _Heads(Layer):
    """(B, k, I) to (B, k, O): a linear layer for each member."""

    def __init__(self, n_outputs: int, *, name: str) -> None:
        super().__init__(name)
        self.n_outputs = n_outputs

    def build(self, x: Node, name: str, rng: np.random.Generator) -> Node:
        k, n_in = x.shape[1:]
        start = init.uniform(n_in**-0.5)
        w = self.add_parameter("w", (k, n_in, self.n_outputs), start)
        return ops.grouped_dense(x, w) + self.add_parameter("b", (k, self.n_outputs), start)


def _start(sizes: list[int], *, signs: bool) -> Any:
    """Return what draws (k, I): one number, or sign, for each run of so many ``sizes``."""

    def draw(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        found = rng.standard_normal((shape[0], len(sizes)))
        return np.repeat(np.sign(found) if signs else found, sizes, axis=1)

    return draw


def _same(start: Any) -> Any:
    """Return what draws (k, I) with the same row for each member."""
    return lambda shape, rng: np.tile(start(shape[1:], rng), (shape[0], 1))
