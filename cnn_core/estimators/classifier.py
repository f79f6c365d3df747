"""MLPClassifier: a network that decides for classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import column_or_1d

from cnn_core.errors import OptionError
from cnn_core.estimators import compat, losses
from cnn_core.estimators.documentation import described
from cnn_core.estimators.parameters import keep
from cnn_core.estimators.perceptron import Perceptron, is_stochastic
from cnn_core.estimators.stochastic import Rows
from cnn_core.estimators.targets import BINARY, MULTICLASS, MULTILABEL, Classes, classes_of


def answers_questions(estimator: Any) -> bool:
    """Tell whether it was fitted to several questions of yes or no."""
    fitted = vars(estimator).get("_classes")
    return fitted is not None and fitted.kind == MULTILABEL


class MLPClassifier(ClassifierMixin, Perceptron):
    __doc__ = described(
        """A multi-layer perceptron that makes the log-loss small: scikit-learn's class, faster.

With the same parameters and the same ``random_state`` it starts from the same weights, takes the
same minibatches and reports the same losses as `sklearn.neural_network.MLPClassifier`.
""",
        first="",
        more="""\
class_weight : dict, list of dict or "balanced", default=None
    Weights of the classes, which multiply those of the rows.
""",
        attributes="""\
classes_ : ndarray
    The classes, in the order of the columns of `predict_proba`.
""",
        example="""\
>>> from cnn_core.estimators import MLPClassifier
>>> from sklearn.datasets import load_iris
>>> X, y = load_iris(return_X_y=True)
>>> MLPClassifier(solver="lbfgs", max_iter=500, random_state=0).fit(X, y).predict(X[:2])
array([0, 0])
""",
    )

    _parameter_constraints = {
        **Perceptron._parameter_constraints,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    _classes: Classes

    def __init__(
        self,
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
        class_weight: Any = None,
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
        if incremental and compat.is_first_call(self, classes):
            labelled = type_of_target(y).startswith("multilabel")
            self._set_classes(classes_of(y if labelled else np.asarray(classes)))
        if first and not incremental:
            self._set_classes(classes_of(y))
        else:
            self._classes.need_known(y, all_of_them=not incremental)
        return self._classes.encode(y)

    def _set_classes(self, found: Classes) -> None:
        self._classes, self.classes_ = found, found.labels

    def _n_outputs_of(self, y: np.ndarray) -> int:
        return self._classes.n_outputs

    def _loss_of(self, dtype: np.dtype, y: np.ndarray) -> Any:
        return losses.of_classes(self._classes.kind, dtype)

    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        return self._classes.labels.take(y[:, 0]) if self._classes.kind == BINARY else None

    def _row_weights(self, w: np.ndarray | None, y: Any, incremental: bool) -> np.ndarray | None:
        if self.class_weight is None:
            return w
        if incremental and self.class_weight == "balanced":
            raise OptionError(
                "partial_fit: need class_weight as a dictionary, since no call sees all rows; got "
                "'balanced'"
            )
        own = self._classes.weights(self.class_weight, y)
        return own if w is None else own * w

    def _score_of(self, rows: Rows) -> float:
        decided = self._classes.decide(self._network.predict(rows.x))
        right = decided == rows.y
        if self._classes.kind != MULTICLASS:
            right = right.all(axis=1)
        if rows.w is None:
            return float(np.mean(right))
        return float(np.average(right, weights=rows.w)) if rows.w.any() else np.nan

    # -- the interface --------------------------------------------------------------------

    @available_if(is_stochastic)
    @compat.fit_context
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None, *,
        X_val: Any = None, y_val: Any = None, sample_weight_val: Any = None,
    ) -> MLPClassifier:  # fmt: skip
        """Make one iteration over the rows given; return the estimator.

        With ``early_stopping=True`` each call is scored on the rows for validation.  Once there
        were more than ``n_iter_no_change`` calls without an improvement, the best weights are put
        back and ``stopped_`` is True; a further call goes on from them.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, no less than 0.
        classes : array-like of shape (n_classes,), default=None
            All classes that will come; needed in the first call.
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
        return self._fit(X, y, sample_weight, held, incremental=True, classes=classes)

    def predict(self, X: Any) -> Any:
        """Return the most probable class of each row; of several questions 0 or 1 for each.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The classes.
        """
        p = self._predictions(X)
        return self._classes.decode(p)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, in the order of ``classes_``, as float64.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            Each row adds up to 1; of several questions each column is that of a yes.
        """
        p = self._predictions(X)
        return self._classes.probabilities(p)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithm of `predict_proba`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            Its logarithm.
        """
        p = self.predict_proba(X)
        return np.log(p, out=p)

    @available_if(answers_questions)
    def decision_function(self, X: Any) -> np.ndarray:
        """Return what the logistic function makes probabilities of, as float64.

        Of several questions alone: of classes scikit-learn's own class has no such method, and its
        tools take the probabilities.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features.

        Returns
        -------
        z : ndarray of shape (n_samples, n_outputs)
            Logits.
        """
        return self._predictions(X, end=False).astype(np.float64, copy=False)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _more_tags(self) -> dict[str, Any]:  # before 1.6
        return {"multilabel": True}
