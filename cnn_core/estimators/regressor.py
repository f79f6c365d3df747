"""MLPRegressor: a network that predicts numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from cnn_core.arrays import as_numbers
from cnn_core.estimators import compat, losses
from cnn_core.estimators.documentation import described
from cnn_core.estimators.parameters import keep
from cnn_core.estimators.perceptron import Perceptron, is_stochastic
from cnn_core.estimators.stochastic import Rows
from cnn_core.nn.losses import Loss


class MLPRegressor(RegressorMixin, Perceptron):
    __doc__ = described(
        """A multi-layer perceptron that predicts numbers: scikit-learn's class, faster.

With the same parameters and the same ``random_state`` it starts from the same weights, takes the
same minibatches and reports the same losses as `sklearn.neural_network.MLPRegressor`.
""",
        first=f"""\
loss : str, Loss or callable, default="squared_error"
    What is made small: {", ".join(losses.NAMED)}; one of `cnn_core`'s losses, such as
    ``cnn_core.Huber(2.0)``; or a function of nodes ``f(outputs, targets)``, see
    `cnn_core.Trainer`.  "squared_error" and "poisson" are half the squared error and half the
    deviance; of several outputs they follow the gradient of the sum.  "poisson" predicts the
    exponential of the outputs.
""",
        more="",
        attributes="",
        example="""\
>>> from cnn_core.estimators import MLPRegressor
>>> from sklearn.datasets import make_regression
>>> X, y = make_regression(200, 20, random_state=1)
>>> MLPRegressor(solver="lbfgs", max_iter=1000, random_state=1).fit(X, y).score(X, y) > 0.99
True
""",
    )

    _parameter_constraints = {
        **Perceptron._parameter_constraints,
        "loss": [StrOptions(set(losses.NAMED)), Loss, callable],
    }

    _target_options = {"y_numeric": True}

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        dropout: float = 0.0,
        batch_norm: bool = False,
        dtype: Any = None,
        n_jobs: int | None = None,
        progress: Any = False,
    ) -> None:
        keep(self, locals())

    # -- targets --------------------------------------------------------------------------

    def _encoded(
        self, y: Any, *, incremental: bool, first: bool, classes: Any = None
    ) -> np.ndarray:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if sparse.issparse(y):
            y = y.toarray()
        y = as_numbers(y, who="MLPRegressor", name="y")
        return y[:, None] if y.ndim == 1 else y

    def _loss_of(self, dtype: np.dtype, y: np.ndarray) -> Any:
        return losses.of_numbers(self.loss, y)

    def _score_of(self, rows: Rows) -> float:
        found = self._network.predict(rows.x)
        if not np.isfinite(found).all():
            return np.nan
        return float(r2_score(rows.y, found, sample_weight=rows.w))

    # -- the interface --------------------------------------------------------------------

    @available_if(is_stochastic)
    @compat.fit_context
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> MLPRegressor:  # fmt: skip
        """Make one iteration over the rows given; return the estimator.

        With ``early_stopping=True`` each call is scored on the rows for validation.  Once there
        were more than ``n_iter_no_change`` calls without an improvement, the best weights are put
        back and ``stopped_`` is True; a further call goes on from them.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, no less than 0.
        X_val, y_val : array-like, default=None
            Rows to validate with; by default a share of those given, see `validation_fraction`.
        sample_weight_val : array-like of shape (n_samples_val,), default=None
            Their weights.

        Returns
        -------
        self : object
            The estimator.
        """
        held = (X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, held, incremental=True)

    def predict(self, X: Any) -> np.ndarray:
        """Return what is predicted for each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Numbers, of the type that the network computes in.
        """
        found = self._predictions(X)
        return found[:, 0] if found.shape[1] == 1 else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _more_tags(self) -> dict[str, Any]:  # before 1.6
        return {"multioutput": True}
