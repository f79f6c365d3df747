"""Losses: what `Trainer` makes small.

Each is a mean over the rows of a batch.  A loss knows which targets it takes, what outputs and
targets mean to it, and the node that computes it.
"""

from __future__ import annotations

from cnn_core import options
from cnn_core.errors import OptionError
from cnn_core.naming import hint
from cnn_core.nn.losses.base import Loss
from cnn_core.nn.losses.decisions import (
    BinaryCrossEntropy,
    BinaryFocal,
    Focal,
    Hinge,
    KLDivergence,
    MultiMargin,
    SoftmaxCrossEntropy,
    SquaredHinge,
)
from cnn_core.nn.losses.numbers import (
    MAE,
    MSE,
    CosineDistance,
    GaussianNLL,
    Huber,
    LogCosh,
    Pinball,
    Poisson,
    Quantiles,
    Tweedie,
)
from cnn_core.nn.losses.triplet import OfOutputs, Triplet

LOSSES: dict[str, type[Loss]] = {
    "softmax_cross_entropy": SoftmaxCrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "focal": Focal,
    "binary_focal": BinaryFocal,
    "kl_divergence": KLDivergence,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "multi_margin": MultiMargin,
    "mse": MSE,
    "mae": MAE,
    "huber": Huber,
    "log_cosh": LogCosh,
    "pinball": Pinball,
    "quantiles": Quantiles,
    "poisson": Poisson,
    "tweedie": Tweedie,
    "gaussian_nll": GaussianNLL,
    "cosine_distance": CosineDistance,
}
"""The losses of one output by name."""

__all__ = [
    "LOSSES",
    "MAE",
    "MSE",
    "BinaryCrossEntropy",
    "BinaryFocal",
    "CosineDistance",
    "Focal",
    "GaussianNLL",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MultiMargin",
    "OfOutputs",
    "Pinball",
    "Poisson",
    "Quantiles",
    "SoftmaxCrossEntropy",
    "SquaredHinge",
    "Triplet",
    "Tweedie",
    "get",
]


def get(loss: str | Loss, who: str = "Trainer") -> Loss:
    """Return ``loss``, or a new one with default options for a name such as "mse"."""
    if isinstance(loss, Loss):
        if type(loss).build is Loss.build:
            raise options.refuse(who, "a loss whose class defines build", loss)
        return loss
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]()
    meant = hint(loss, LOSSES)
    if isinstance(loss, type) and issubclass(loss, Loss):
        meant = f": write {loss.__name__}(...)"
    raise OptionError(
        f"{who}: need a loss such as cnn.MSE() or one of {', '.join(LOSSES)}; "
        f"got {options.shown(loss)}{meant}"
    )
