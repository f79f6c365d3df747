"""Losses of numbers: of outputs close to their targets, or that describe their distribution."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, pi
from typing import Any

import numpy as np

from cnn_core import ops, options
from cnn_core.errors import OptionError, ShapeError
from cnn_core.ir.node import BATCH, Constant, Input, Node
from cnn_core.nn.losses.base import Loss, mean_of_row
from cnn_core.nn.meaning import LOGARITHMS, PARAMETERS, REAL, VALUES, Meaning


class MSE(Loss):
    """l = (p - t)^2, averaged over a row's outputs; p and t (B, ...).

    (torch.nn.MSELoss; Keras' MeanSquaredError.)

    >>> net = cnn.Sequential([cnn.Dense(1)], inputs=1, seed=0)
    >>> trainer = cnn.Trainer(net, loss=cnn.MSE(), optimizer=cnn.Adam(lr=0.1))
    >>> x = np.linspace(-1, 1, 20)[:, None]
    >>> history = trainer.fit(x, 2 * x + 1, epochs=200, progress=False)
    >>> net.predict([[0.0], [1.0]]).round(2)
    array([[1.],
           [3.]], dtype=float32)
    """

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return self.over_rows(ops.mse(output, target, reduction="none"), weight)


class MAE(Loss):
    """l = |p - t|, averaged over a row's outputs; p and t (B, ...).  The subgradient at 0 is 0.

    Its minimum is the median, which a wrong target moves little.  (torch.nn.L1Loss.)

    >>> p, t = cnn.Input("p", (cnn.BATCH, 1)), cnn.Input("t", (cnn.BATCH, 1))
    >>> graph = cnn.Graph(cnn.MAE().build(p, t, None))
    >>> graph.forward(p=[[1], [2]], t=[[1], [5]])
    1.5
    >>> graph.backward()["p"].tolist()
    [[0.0], [-0.5]]
    """

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return self.over_rows(ops.mae(output, target, reduction="none"), weight)


class Huber(Loss):
    """l = e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2), of e = p - t; p and t (B, ...).

    The mean over a row's outputs.  Large errors count as in `MAE`, small ones as in `MSE`;
    ``delta`` is above 0.  (torch.nn.HuberLoss.)  Source: Huber 1964.

    >>> p, t = cnn.Input("p", (cnn.BATCH, 1)), cnn.Input("t", (cnn.BATCH, 1))
    >>> graph = cnn.Graph(cnn.Huber(delta=1.0).build(p, t, None))
    >>> graph.forward(p=[[0.5], [3.0]], t=[[0], [0]])            # (0.125 + 2.5) / 2
    1.3125
    >>> graph.backward()["p"].tolist()
    [[0.25], [0.5]]
    """

    def __init__(self, delta: float = 1.0, *, reduction: str = "weighted_mean") -> None:
        super().__init__(reduction=reduction)
        self.delta = options.number("Huber", delta, 0, open_at="low", option="delta")

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return self.over_rows(ops.huber(output, target, delta=self.delta, reduction="none"), weight)


class Pinball(Loss):
    """l = max(q e, (q - 1) e) of e = t - p: its minimum is the q-quantile; p and t (B, ...).

    The mean over a row's outputs.  ``q`` is in (0, 1), by default 0.5: the median.  Source:
    Koenker, Bassett 1978.

    >>> net = cnn.Sequential([cnn.Dense(1, init="zeros")], inputs=1, seed=0)
    >>> trainer = cnn.Trainer(net, loss=cnn.Pinball(q=0.9), optimizer=cnn.SGD(lr=0.5))
    >>> x, y = np.zeros((100, 1)), np.arange(100.0)[:, None]
    >>> history = trainer.fit(x, y, epochs=2000, batch_size=100, progress=False)
    >>> 88 < net.predict([[0]])[0, 0] < 91                       # nine of ten targets are below
    np.True_
    """

    def __init__(self, q: float = 0.5, *, reduction: str = "weighted_mean") -> None:
        super().__init__(reduction=reduction)
        self.q = options.number("Pinball", q, 0, 1, open_at="low high", option="q")

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return self.over_rows(ops.pinball(output, target, q=self.q, reduction="none"), weight)


class Poisson(Loss):
    """l = e^z - t z of the logarithm z of the rate; counts t >= 0; z and t (B, ...).

    The mean over a row's outputs; negative targets raise `DataError`.  `Trainer.evaluate`'s metrics
    such as mae see e^z.  (torch.nn.PoissonNLLLoss.)

    >>> net = cnn.Sequential([cnn.Dense(1, init="zeros")], inputs=1, seed=0)
    >>> trainer = cnn.Trainer(net, loss=cnn.Poisson(), optimizer=cnn.SGD(lr=0.1))
    >>> history = trainer.fit(np.zeros((3, 1)), [[1], [4], [1]], epochs=200, progress=False)
    >>> np.exp(net.predict([[0]])).round(3)                      # the mean count
    array([[2.]], dtype=float32)
    """

    outputs_are = LOGARITHMS
    twice = ("exp", "softplus")
    applies = "takes the logarithm of the rate and applies exp itself"
    target_range = (0.0, np.inf)
    targets_are = "counts"

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return self.over_rows(ops.poisson(output, target, reduction="none"), weight)


class LogCosh(Loss):
    """l = log(cosh(p - t)), averaged over a row's outputs; p and t (B, ...).

    Close to e^2 / 2 for small errors e, to |e| - log 2 for large ones, of any size.

    >>> p, t = cnn.Input("p", (cnn.BATCH, 1)), cnn.Input("t", (cnn.BATCH, 1))
    >>> graph = cnn.Graph(cnn.LogCosh().build(p, t, None))
    >>> round(graph.forward(p=[[0.1]], t=[[0]]), 6), round(graph.forward(p=[[1000]], t=[[0]]), 4)
    (0.004992, 999.3069)
    """

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        e = ops.abs(output - target)
        return self.over_rows(mean_of_row(e + ops.softplus(e * -2.0) - log(2)), weight)


class Tweedie(Loss):
    """l = e^((2 - p) z) / (2 - p) - t e^((1 - p) z) / (1 - p), averaged over a row's outputs.

    Of the logarithm z of the mean; targets t >= 0, of which many may be 0.  p, the ``power`` of the
    mean that the variance grows by, is between 1 (`Poisson`) and 2.  Half the deviance but for
    what does not depend on z (scikit-learn's mean_tweedie_deviance; LightGBM's "tweedie").

    >>> net = cnn.Sequential([cnn.Dense(1, init="zeros")], inputs=1, seed=0)
    >>> trainer = cnn.Trainer(net, loss=cnn.Tweedie(power=1.5), optimizer=cnn.SGD(lr=0.1))
    >>> history = trainer.fit(np.zeros((4, 1)), [[0], [0], [0], [8]], epochs=300, progress=False)
    >>> np.exp(net.predict([[0]])).round(2)                      # the mean claim, most being 0
    array([[2.]], dtype=float32)
    """

    outputs_are = LOGARITHMS
    twice = ("exp", "softplus")
    applies = "takes the logarithm of the mean and applies exp itself"
    target_range = (0.0, np.inf)

    def __init__(self, power: float = 1.5, *, reduction: str = "weighted_mean") -> None:
        super().__init__(reduction=reduction)
        self.power = options.number("Tweedie", power, 1, 2, open_at="low high", option="power")

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        a, b = 2 - self.power, self.power - 1
        # Where t is 0 its term is 0, also where e^(-b z) is not finite.
        drawn = ops.where(ops.greater(target, 0.0), target * ops.exp(output * -b), 0.0)
        return self.over_rows(
            mean_of_row(ops.exp(output * a) * (1 / a) + drawn * (1 / b)), weight
        )


class CosineDistance(Loss):
    """l = 1 - cos(p, t), of the angle between the rows p and t, (B, N).

    Rows of zeros count as at right angles to all others.  (1 - torch's cosine_similarity; Keras'
    CosineSimilarity is less by 1.)

    >>> p, t = cnn.Input("p", (cnn.BATCH, 2)), cnn.Input("t", (cnn.BATCH, 2))
    >>> graph = cnn.Graph(cnn.CosineDistance().build(p, t, None))
    >>> graph.forward(p=[[1, 0]], t=[[5, 0]]), graph.forward(p=[[1, 0]], t=[[0, 2]])
    (0.0, 1.0)
    """

    def target_input(self, output: Node, y: Any) -> Input:
        if len(output.shape) != 2:
            raise ShapeError(f"CosineDistance: need an output (B, N); got {output.shape}")
        return Input("y", output.shape)

    def meaning(self, output: Node, target: Input, y: np.ndarray) -> Meaning:
        return Meaning(REAL, VALUES)

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        return self.over_rows(1.0 - ops.cosine_similarity(output, target), weight)


class GaussianNLL(Loss):
    """l = (log v + (m - t)^2 / v) / 2, averaged over a row's targets, with v = e^s + eps.

    The network has two outputs for each target: of 2 N columns the first N are the means m, the
    others the logarithms s of the variances.  Metrics such as mae see the means.  ``full`` adds
    log(2 pi) / 2.  (torch.nn.GaussianNLLLoss, which takes v itself and lets it be no less than
    eps.)  Source: Nix, Weigend 1994.

    >>> rng = np.random.default_rng(0)
    >>> x, y = np.zeros((1000, 1)), rng.normal(3.0, 0.5, (1000, 1))
    >>> net = cnn.Sequential([cnn.Dense(2, init="zeros")], inputs=1, seed=0)
    >>> trainer = cnn.Trainer(net, loss=cnn.GaussianNLL(), optimizer=cnn.Adam(lr=0.05))
    >>> history = trainer.fit(x, y, batch_size=100, epochs=100, progress=False)
    >>> mean, log_variance = net.predict([0])
    >>> round(float(mean), 1), round(float(np.exp(log_variance / 2)), 1)
    (3.0, 0.5)
    """

    outputs_are = PARAMETERS
    twice = ("exp", "softplus")
    applies = "takes logarithms of variances and applies exp itself"

    def __init__(
        self, full: bool = False, eps: float = 1e-6, *, reduction: str = "weighted_mean"
    ) -> None:
        super().__init__(reduction=reduction)
        self.full = options.flag("GaussianNLL", full, option="full")
        self.eps = options.epsilon("GaussianNLL: eps", eps)

    def target_input(self, output: Node, y: Any) -> Input:
        if len(output.shape) != 2 or output.shape[1] % 2:
            raise ShapeError(
                f"GaussianNLL: need an output (B, 2 N), means and logarithms of variances; got "
                f"{output.shape}"
            )
        return Input("y", (BATCH, output.shape[1] // 2))

    def prediction(self, output: Node) -> Node:
        return output[:, : output.shape[1] // 2]

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        low = log(self.eps)
        log_v = ops.softplus(output[:, output.shape[1] // 2 :] - low) + low  # log(e^s + eps)
        terms = log_v + ops.square(self.prediction(output) - target) * ops.exp(-log_v)
        if self.full:
            terms = terms + log(2 * pi)
        return self.over_rows(mean_of_row(terms) * 0.5, weight)


class Quantiles(Loss):
    """l = mean_j max(q_j e_j, (q_j - 1) e_j) of e_j = t - p_j: `Pinball` for several quantiles.

    The network has one output for each of the rising ``quantiles``, in (0, 1), and each row one
    target.  Metrics such as mae see the quantile closest to the median.  Nothing keeps quantiles
    of a row in order.  The subgradient at e = 0 is 1/2 - q_j.  Source: Koenker, Bassett 1978.

    >>> x, y = np.zeros((100, 1)), np.arange(100.0)[:, None]
    >>> net = cnn.Sequential([cnn.Dense(3, init="zeros")], inputs=1, seed=0)
    >>> trainer = cnn.Trainer(net, loss=cnn.Quantiles((0.1, 0.5, 0.9)), optimizer=cnn.SGD(lr=1))
    >>> history = trainer.fit(x, y, batch_size=100, epochs=3000, progress=False)
    >>> np.abs(net.predict([0]) - [10, 50, 90]).max() < 2
    np.True_
    """

    outputs_are = PARAMETERS

    def __init__(
        self, quantiles: Sequence[float] = (0.1, 0.5, 0.9), *, reduction: str = "weighted_mean"
    ) -> None:
        super().__init__(reduction=reduction)
        who, found = "Quantiles", options.items("Quantiles", quantiles, "numbers in (0, 1)")
        self.quantiles = tuple(
            options.number(who, q, 0, 1, open_at="low high", option="quantiles") for q in found
        )
        if not found or list(found) != sorted(set(found)):
            raise OptionError(f"{who}: need rising quantiles, one or more; got {quantiles!r}")

    def target_input(self, output: Node, y: Any) -> Input:
        if output.shape[1:] != (len(self.quantiles),):
            raise ShapeError(
                f"Quantiles: need an output (B, {len(self.quantiles)}), one for each of "
                f"{self.quantiles}; got {output.shape}"
            )
        return Input("y", (BATCH, 1))

    def prediction(self, output: Node) -> Node:
        middle = int(np.argmin(np.abs(np.array(self.quantiles) - 0.5)))
        return output[:, middle : middle + 1]

    def build(self, output: Node, target: Node, weight: Node | None) -> Node:
        e = target - output
        slope = Constant(np.array(self.quantiles) - 0.5)
        return self.over_rows(mean_of_row(ops.abs(e) * 0.5 + e * slope), weight)
