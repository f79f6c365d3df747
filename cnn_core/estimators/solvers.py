"""Solvers: the optimizers of an estimator, as its parameters ask for them."""

from __future__ import annotations

from typing import Any

from cnn_core import options
from cnn_core.optim import SGD, Adagrad, Adam, AdamW, NAdam, Optimizer, RMSProp

WEIGHTS = "dense_*.w"
"""The parameters that ``alpha`` keeps small: no biases."""

SLOWEST = 1e-6
"""An adaptive rate below which training ends."""

SLOWER_BY = 5.0
"""What an adaptive rate is divided by."""


def make(estimator: Any) -> Optimizer:
    """Return a new optimizer.

    The penalty is scikit-learn's, alpha / 2 sum p^2 over the sum of a batch's weights; of "adamw"
    alpha is the decay, apart from the gradient.
    """
    e = estimator
    alpha, rate, eps, beta1, beta2, momentum = (
        options.amount(name, float(getattr(e, name)))  # scikit-learn takes True for 1
        for name in ("alpha", "learning_rate_init", "epsilon", "beta_1", "beta_2", "momentum")
    )
    given: dict[str, Any] = {"lr": rate}
    if alpha and e.solver == "adamw":
        given["groups"] = {WEIGHTS: {"weight_decay": alpha}}
    elif alpha:
        given["groups"] = {WEIGHTS: {"l2_per_row": alpha / 2}}
    betas = {"beta1": beta1, "beta2": beta2}
    if e.solver == "sgd":
        nesterov = bool(e.nesterovs_momentum and momentum > 0)
        return SGD(momentum=momentum, nesterov=nesterov, velocity=True, **given)
    if e.solver == "adam":
        return Adam(eps=eps, eps_hat=True, **betas, **given)
    if e.solver == "adamw":
        return AdamW(eps=eps, weight_decay=0.0, **betas, **given)
    if e.solver == "nadam":
        return NAdam(eps=eps, **betas, **given)
    return (RMSProp if e.solver == "rmsprop" else Adagrad)(eps=eps, **given)


def end_iteration(estimator: Any, optimizer: Optimizer) -> None:
    """Set the rate of the next iteration where it falls with the rows seen."""
    e = estimator
    if e.solver == "sgd" and e.learning_rate == "invscaling":
        optimizer.lr = float(e.learning_rate_init) / (e.t_ + 1) ** e.power_t


def slow_down(estimator: Any, optimizer: Optimizer) -> bool:
    """Lower an adaptive rate; tell whether that was possible, so that training goes on."""
    e = estimator
    if e.solver != "sgd" or e.learning_rate != "adaptive" or optimizer.lr <= SLOWEST:
        return False
    optimizer.lr = optimizer.lr / SLOWER_BY
    return True
