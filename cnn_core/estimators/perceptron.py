"""Perceptron: what classifier and regressor have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from cnn_core import options
from cnn_core.arrays import REACH, find_beyond
from cnn_core.errors import DataError, OptionError, ShapeError
from cnn_core.estimators import compat, lbfgs, losses, parameters, solvers, stochastic
from cnn_core.estimators.network import Architecture, Network
from cnn_core.estimators.stochastic import Rows, Training
from cnn_core.estimators.tasks import Tasks
from cnn_core.run.threads import Using, spare_threads

SEEDS = 2**31 - 1


def is_stochastic(estimator: Any) -> bool:
    """Tell whether it trains by minibatches; raise AttributeError where it does not."""
    if estimator.solver not in parameters.SOLVERS:
        raise AttributeError(
            f"partial_fit is there with solver {', '.join(parameters.SOLVERS)}; got "
            f"{estimator.solver!r}"
        )
    return True


class Perceptron(compat.CallbackSupportMixin, BaseEstimator, ABC):
    """Checks data, fits, predicts, and keeps the attributes; subclasses say what y is."""

    _parameter_constraints = parameters.CONSTRAINTS

    _network: Network
    _training: Training | None = None
    _best: dict[str, np.ndarray] | None = None
    """The numbers of the best score of validation, while training goes on."""
    _target_options: dict[str, Any] = {}
    """How scikit-learn's door for data takes y."""

    # -- what subclasses say --------------------------------------------------------------

    @abstractmethod
    def _loss_of(self, dtype: np.dtype, y: np.ndarray) -> Any:
        """Return the loss for the targets at hand."""

    @abstractmethod
    def _encoded(
        self, y: Any, *, incremental: bool, first: bool, classes: Any = None
    ) -> np.ndarray:
        """Return checked targets as the network takes them; note what is fitted of them.

        ``classes`` are those that `partial_fit` was told of.
        """

    @abstractmethod
    def _score_of(self, rows: Rows) -> float:
        """Return the score of encoded rows."""

    def _row_weights(self, w: np.ndarray | None, y: Any, incremental: bool) -> np.ndarray | None:
        """Return the weights of rows with all that counts."""
        return w

    # -- fitting --------------------------------------------------------------------------

    @compat.fit_context
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Any:  # fmt: skip
        """Train with all rows of X, shape (n_samples, n_features), and y; return the estimator.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Features.  CSR is read where it lies; no sparse matrix is ever made dense as a whole.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, or columns of 0 and 1 for several questions; numbers for the regressor.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, no less than 0.
        X_val, y_val : array-like, default=None
            Rows to validate with after each iteration, in place of those that
            ``validation_fraction`` would hold out.  Need ``early_stopping=True``.
        sample_weight_val : array-like of shape (n_samples_val,), default=None
            Their weights.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        held = (X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, held, incremental=False)

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, held: tuple[Any, Any, Any], *, incremental: bool,
        classes: Any = None,
    ) -> Any:  # fmt: skip
        parameters.check(self)
        sizes = parameters.hidden_sizes(self)
        names = parameters.activations(self, len(sizes))
        threads = parameters.n_threads(self.n_jobs) or spare_threads()
        first = "_network" not in vars(self) or not (incremental or self.warm_start)
        self._check_held(held)
        tasks = Tasks(self)
        with Using(threads), compat.unchanged_if_refused(self, tasks):
            X, given = self._checked_data(X, y, self._dtypes(first=first), first=first)
            weights = compat.checked_weights(sample_weight, X)
            y = self._encoded(given, incremental=incremental, first=first, classes=classes)
            rows = Rows(X, y, self._row_weights(weights, given, incremental))
            kept = None if held[0] is None else self._held_rows(*held, rows)
            loss = self._loss_of(X.dtype, y)
            architecture = Architecture(
                (X.shape[1], *sizes, self._n_outputs_of(y)), names, losses.end_of(loss),
                float(self.dropout), bool(self.batch_norm), str(X.dtype),
            )  # fmt: skip
            rng = check_random_state(self.random_state)
            if first:
                self._begin(architecture, rng)
            else:
                self._go_on(architecture)
            if not incremental:
                tasks.begin(X, given, sample_weight, self.max_iter)
            if self.solver == "lbfgs":
                lbfgs.fit(self, self._network, rows, loss, tasks)
            else:
                self._fit_stochastic(rows, kept, loss, rng, tasks, incremental=incremental)
            tasks.end()
        return self

    def _check_held(self, held: tuple[Any, Any, Any]) -> None:
        """Raise `OptionError` unless rows for validation have targets and are used."""
        X, y, w = held
        if (X is None) != (y is None) or (X is None and w is not None):
            raise OptionError(
                "fit: need X_val and y_val together, and both for sample_weight_val; got one alone"
            )
        if X is not None and not (self.early_stopping and self.solver in parameters.SOLVERS):
            raise OptionError(
                "fit: need early_stopping=True, and a solver that goes by minibatches, for X_val "
                f"and y_val; got {self.early_stopping} and {self.solver!r}"
            )

    def _dtypes(self, *, first: bool) -> Any:
        """Return what the network may compute in."""
        if not first:
            return self._network.dtype
        if self.dtype is None:
            return np.float64, np.float32
        return options.real_dtype("dtype", self.dtype)

    def _checked_data(self, X: Any, y: Any, dtype: Any, *, first: bool) -> tuple[Any, Any]:
        """Return features as the network reads them, and y as it came but looked through."""
        return compat.validate_data(self, X, y, accept_sparse="csr", multi_output=True, dtype=dtype,
                                    reset=first, **self._target_options)  # fmt: skip

    def _n_outputs_of(self, y: np.ndarray) -> int:
        return y.shape[1]

    def _begin(self, architecture: Architecture, rng: np.random.RandomState) -> None:
        """Start afresh, with numbers drawn."""
        self._training = None
        self._adopt(Network(architecture))
        given, names = self.activation, architecture.activations
        last = parameters.ACTIVATIONS[given] if isinstance(given, str) else ("linear", *names)[-1]
        self._network.draw(rng, last)
        self.n_iter_ = self.t_ = 0
        if self.solver in parameters.SOLVERS:
            self.loss_curve_: list[float] = []
            self._begin_counting()
        self._best = None

    def _begin_counting(self) -> None:
        """Start the count of iterations without an improvement."""
        self._no_improvement_count = 0
        self.best_loss_ = None if self.early_stopping else np.inf
        self.validation_scores_ = [] if self.early_stopping else None
        self.best_validation_score_ = -np.inf if self.early_stopping else None

    def _go_on(self, architecture: Architecture) -> None:
        """Go on with the numbers that are there."""
        former = self._network.architecture
        if architecture.units != former.units:
            raise ShapeError(
                f"{type(self).__name__}: need the features, layers and outputs of the former fit, "
                f"{former.units}, to go on from it; got {architecture.units}"
            )
        self._network.follow(self.coefs_, self.intercepts_)
        if architecture != former:
            numbers, self._training = self._network.numbers(), None
            self._adopt(Network(architecture))
            params = self._network.net.params
            params.assign({name: a for name, a in numbers.items() if name in params})
        else:
            self._adopt(self._network)  # in place of arrays that somebody has set
        if self.solver in parameters.SOLVERS:
            if "loss_curve_" not in vars(self):
                self.loss_curve_ = []
            if (getattr(self, "best_loss_", None) is None) != bool(self.early_stopping):
                self._begin_counting()

    def _adopt(self, network: Network) -> None:
        """Let a network be this estimator's, and its attributes those of it."""
        self._network = network
        self.coefs_, self.intercepts_ = list(network.coefs), list(network.intercepts)
        units = network.architecture.units
        self.n_layers_, self.n_outputs_ = len(units), units[-1]
        self.out_activation_ = network.architecture.end

    def _fit_stochastic(
        self, rows: Rows, held: Rows | None, loss: Any, rng: np.random.RandomState, tasks: Tasks,
        *, incremental: bool,
    ) -> None:  # fmt: skip
        training = self._training
        if training is None or not incremental or training.alpha != self.alpha:
            optimizer = solvers.make(self)
            if training is not None and incremental:
                optimizer.load_state_dict(training.optimizer.state_dict())
                optimizer.lr = training.optimizer.lr
            seed = int(rng.randint(SEEDS)) if self.dropout else 0
            training = self._training = Training(self._network, loss, optimizer, self.alpha, seed)
        if held is None and self.early_stopping:
            if incremental:  # with the same rows in each call, those held out stay the same
                self._split_seed = self.__dict__.get("_split_seed", int(rng.randint(SEEDS)))
                rng = np.random.RandomState(self._split_seed)
            rows, held = stochastic.hold_out(self, rows, rng, self._strata(rows.y))
        stochastic.run(self, training, rows, held, rng, incremental=incremental, tasks=tasks)

    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        """Return what rows held out are drawn in the proportions of."""
        return None

    def _held_rows(self, X: Any, y: Any, w: Any, rows: Rows) -> Rows:
        """Return rows for validation, of the same form as those to train with."""
        try:
            X, y = self._checked_data(X, y, rows.x.dtype, first=False)
            y = self._encoded(y, incremental=True, first=False)
            w = compat.checked_weights(w, X, "sample_weight_val")
        except (ValueError, TypeError) as error:
            raise DataError(f"X_val and y_val: {error}") from None
        if y.shape[1:] != rows.y.shape[1:]:
            need, got = rows.y.shape[1], y.shape[1]
            raise ShapeError(f"y_val: need {need} columns, as many as y has; got {got}")
        return Rows(X, y, w)

    # -- predicting -----------------------------------------------------------------------

    def _checked_rows(self, X: Any) -> Any:
        """Return features as the network reads them: at once, where they are so already."""
        network = self._network
        if (
            type(X) is np.ndarray and X.ndim == 2 and X.dtype == network.dtype
            and X.shape[1] == self.n_features_in_ and len(X) > 0
            and "feature_names_in_" not in self.__dict__
            and find_beyond(X, REACH[network.dtype]) < 0
        ):  # fmt: skip
            return X
        return compat.validate_data(self, X, accept_sparse="csr", dtype=network.dtype, reset=False)

    def _predictions(self, X: Any, *, end: bool = True) -> np.ndarray:
        """Return what the network predicts, (n_samples, n_outputs); or what it makes that of."""
        if "_network" not in self.__dict__:
            check_is_fitted(self, "_network")
        network = self._network
        network.follow(self.coefs_, self.intercepts_)
        X = self._checked_rows(X)
        with Using(parameters.n_threads(self.n_jobs) or spare_threads()):
            return network.predict(X) if end else network.net.predict(X)

    # -- copies ---------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """Plain values and arrays: the network is made again of its architecture."""
        state = dict(super().__getstate__())
        network, training = state.pop("_network", None), state.pop("_training", None)
        if network is not None:
            network.follow(state.pop("coefs_"), state.pop("intercepts_"))
            kept = None if training is None else training.kept()
            state["_saved"] = tuple(network.architecture), network.numbers(), kept
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        saved = state.pop("_saved", None)
        super().__setstate__(state)
        if saved is not None:
            architecture, numbers, kept = saved
            self._adopt(Network(Architecture(*architecture)))
            self._network.net.set_params(numbers)
            self._training = None if kept is None else Training(self._network, *kept)

    # -- tags -----------------------------------------------------------------------------

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
