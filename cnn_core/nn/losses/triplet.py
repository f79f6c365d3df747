"""Triplet: a loss of three outputs, which takes no targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from cnn_core import ops, options
from cnn_core.errors import OptionError, ShapeError
from cnn_core.ir.node import Node
from cnn_core.nn.losses.base import Loss


class OfOutputs(Loss):
    """The base of losses of all outputs of a network at once, which take no targets."""

    names: ClassVar[tuple[str, ...]] = ()
    """The outputs that it needs; those of other names are taken in their order."""

    def named(self, outputs: Any) -> list[Node]:
        """Return the outputs in the order of `names`."""
        given = dict(outputs) if isinstance(outputs, Mapping) else {"output": outputs}
        if set(given) == set(self.names):
            return [given[name] for name in self.names]
        if len(given) != len(self.names):
            raise OptionError(
                f"{type(self).__name__}: need a network with the outputs {', '.join(self.names)}; "
                f"got {', '.join(given)}"
            )
        return list(given.values())

    def of_outputs(self, outputs: Any, targets: Any) -> Node:
        """Return the loss of each row, (B,)."""
        raise NotImplementedError


class Triplet(OfOutputs):
    """l = max(0, d(a, p) - d(a, n) + margin), d(u, v) = |u - v + 1e-6|, of three outputs (B, N).

    The network has the outputs "anchor", "positive" and "negative", or three in this order, mostly
    of one trunk that is called three times; there are no targets.  ``margin`` is above 0.  Raises
    `ShapeError` for outputs of other shapes, `OptionError` for another number of them.
    (torch.nn.TripletMarginLoss with p=2.)  Source: Schroff, Kalenichenko, Philbin 2015.

    >>> trunk = cnn.Sequential([cnn.Dense(8, "relu"), cnn.Dense(2)], inputs=3, seed=0)
    >>> inputs = {k: cnn.Input(k, (cnn.BATCH, 3)) for k in ("anchor", "positive", "negative")}
    >>> net = cnn.Model({k: trunk(x) for k, x in inputs.items()})
    >>> trainer = cnn.Trainer(net, loss=cnn.Triplet(), optimizer=cnn.Adam(lr=0.01))
    >>> a = np.random.default_rng(0).normal(size=(64, 3))
    >>> rows = {"anchor": a, "positive": 1.1 * a, "negative": -a}
    >>> history = trainer.fit(rows, epochs=50, progress=False)
    >>> history["loss"][-1] < 0.2 < history["loss"][0]
    True
    """

    names = ("anchor", "positive", "negative")

    def __init__(self, margin: float = 1.0, *, reduction: str = "weighted_mean") -> None:
        super().__init__(reduction=reduction)
        self.margin = options.amount("Triplet", margin, open_at="low", option="margin")

    def of_outputs(self, outputs: Any, targets: Any) -> Node:
        anchor, positive, negative = found = self.named(outputs)
        shapes = {x.shape for x in found}
        if len(shapes) > 1 or len(anchor.shape) != 2:
            got = ", ".join(str(x.shape) for x in found)
            raise ShapeError(f"Triplet: need three outputs of one shape (B, N); got {got}")
        near, far = (ops.norm(anchor - x + 1e-6, axis=1) for x in (positive, negative))
        return ops.relu(near - far + self.margin)
