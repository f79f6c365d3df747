"""Solvers: the optimizers of an estimator, as its parameters ask for them."""

from __future__ import annotations

from typing import Any

from cnn_core.optim import SGD, Adagrad, Adam, AdamW, NAdam, Optimizer, RMSProp

WEIGHTS = "dense_*.w"
"""The parameters that ``alpha`` keeps small: no biases."""

SLOWEST = 1e-6
"""An adaptive rate below which training ends."""

FAST_ENOUGH = 5.0
"""What an adaptive rate is divided by."""


def make(estimator: Any) -> Optimizer:
    """Return a new optimizer.

    The penalty is scikit-learn's, alpha / 2 sum p^2 over the sum of a batch's weights; of "adamw"
    alpha is the decay, apart from the gradient.
    """
    e, alpha = estimator, float(estimator.alpha)
    rate: dict[str, Any] = {"lr": float(e.learning_rate_init)}
    if alpha and e.solver == "adamw":
        rate["groups"] = {WEIGHTS: {"weight_decay": alpha}}
    elif alpha:
        rate["groups"] = {WEIGHTS: {"l2_per_row": alpha / 2}}
    betas = {"beta1": float(e.beta_1), "beta2": float(e.beta_2)}
    eps = float(e.epsilon)
    if e.solver == "sgd":
        nesterov = bool(e.nesterovs_momentum and e.momentum > 0)
        return SGD(momentum=float(e.momentum), nesterov=nesterov, velocity=True, **rate)
    if e.solver == "adam":
        return Adam(eps=eps, eps_hat=True, **betas, **rate)
    if e.solver == "adamw":
        return AdamW(eps=eps, weight_decay=0.0, **betas, **rate)
    if e.solver == "nadam":
        return NAdam(eps=eps, **betas, **rate)
    return (RMSProp if e.solver == "rmsprop" else Adagrad)(eps=eps, **rate)


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
    optimizer.lr = optimizer.lr / FAST_ENOUGH
    return True
