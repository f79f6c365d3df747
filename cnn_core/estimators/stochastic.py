"""Training by minibatches: scikit-learn's iterations, each an epoch of one `Trainer.fit`."""

from __future__ import annotations

import copy
import warnings
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from cnn_core._ext.core import shuffle_like_numpy
from cnn_core.errors import NotFiniteError, OptionError
from cnn_core.estimators import losses, solvers
from cnn_core.estimators.network import Network
from cnn_core.estimators.tasks import Tasks
from cnn_core.optim import Optimizer
from cnn_core.train.callbacks import Callback
from cnn_core.train.trainer import Trainer


class Rows(NamedTuple):
    """Features, encoded targets and weights of the same rows."""

    x: Any
    y: np.ndarray
    w: np.ndarray | None

    def picked(self, rows: np.ndarray) -> Rows:
        return Rows(self.x[rows], self.y[rows], None if self.w is None else self.w[rows])

    @property
    def n(self) -> int:
        return self.x.shape[0]


class Training:
    """What trains a network: a trainer, and what a next call of ``partial_fit`` goes on with."""

    def __init__(
        self, network: Network, loss: Any, optimizer: Optimizer, alpha: float, seed: int
    ) -> None:
        self.network, self.loss, self.optimizer, self.alpha = network, loss, optimizer, alpha
        self.trainer = Trainer(network.net, loss=loss, optimizer=optimizer, seed=seed,
                               check_finite=False)  # fmt: skip
        self.trainer._by_rows = True  # nobody asks for their norm

    def again(self) -> Training:
        """Return one that begins its iterations anew, with the same optimizer."""
        seed = self.trainer.seed
        return Training(self.network, self.loss, self.optimizer, self.alpha, seed)

    def kept(self) -> tuple[Any, ...]:
        """Return copies of what makes it again for a network of the same numbers."""
        optimizer = copy.deepcopy(self.optimizer)
        return copy.deepcopy(self.loss), optimizer, self.alpha, self.trainer.seed


def run(
    estimator: Any, training: Training, rows: Rows, held: Rows | None, rng: np.random.RandomState,
    *, incremental: bool, tasks: Tasks,
) -> None:  # fmt: skip
    """Train for ``max_iter`` iterations at most, or for one."""
    e = estimator
    if held is not None and e._best is None:
        e._best = training.network.numbers()
    iterations = Iterations(e, training, rows, held, incremental=incremental, tasks=tasks)
    e.n_iter_ = 0
    try:
        training.trainer.fit(
            rows.x, rows.y, sample_weight=rows.w, batch_size=batch_size(e, rows.n),
            epochs=1 if incremental else int(e.max_iter),
            shuffle=Shuffled(rng, rows.n).order if e.shuffle else False,
            callbacks=[iterations], progress=False if incremental else e.progress,
        )  # fmt: skip
    except KeyboardInterrupt:
        e._training = training.again()  # a next iteration is a whole one
        warnings.warn(f"training interrupted after {e.n_iter_} iterations", stacklevel=6)
    except NotFiniteError as error:
        e._training = training.again()
        what, _, _ = str(error).partition("; no parameter was changed")
        hint = "scale the data, or take a smaller learning_rate_init"
        if held is None:
            raise NotFiniteError(f"{what}: {hint}") from None
        iterations.diverge()
        warnings.warn(f"training diverged, the weights of the best score are kept: {what}: {hint}",
                      ConvergenceWarning, stacklevel=6)  # fmt: skip
    else:
        if not incremental and not iterations.done:
            warnings.warn(
                f"{e.solver}: max_iter={e.max_iter} iterations were made and the optimization "
                f"has not converged yet: allow more, or scale the data",
                ConvergenceWarning, stacklevel=6,
            )  # fmt: skip
    if held is not None:
        if incremental:
            e.stopped_ = iterations.done
            if e.stopped_:
                e._no_improvement_count = 0
        if iterations.done or not incremental:
            training.network.net.set_params(e._best)
            e._best = None


class Shuffled:
    """The order of rows of each epoch: that of the one before, shuffled, as scikit-learn does."""

    def __init__(self, rng: np.random.RandomState, n: int) -> None:
        self._rng, self._rows = rng, np.arange(n)

    def order(self, epoch: int, n: int) -> np.ndarray:
        shuffle_like_numpy(self._rng, self._rows)
        return self._rows


class Iterations(Callback):
    """Counts and judges the iterations of one call; keeps the fitted attributes up to date."""

    def __init__(
        self, estimator: Any, training: Training, rows: Rows, held: Rows | None, *,
        incremental: bool, tasks: Tasks,
    ) -> None:  # fmt: skip
        self._estimator, self._training = estimator, training
        self._n, self._held, self._incremental = rows.n, held, incremental
        self._divisor = losses.divisor(training.loss, estimator.n_outputs_)
        self._tasks = tasks
        self.done = False
        """Whether it was ended before the last iteration that was allowed."""

    def on_epoch_begin(self, trainer: Trainer, epoch: int) -> None:
        self._tasks.begin_iteration()

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: dict[str, float]) -> None:
        e = self._estimator
        e.n_iter_ += 1
        e.t_ += self._n
        loss, penalty = trainer.batch_sums
        e.loss_ = (loss / self._divisor + penalty) / self._n
        e.loss_curve_.append(e.loss_)
        if e.verbose:
            print(f"Iteration {e.n_iter_}, loss = {e.loss_:.8f}")
        self._count()
        solvers.end_iteration(e, self._training.optimizer)
        if e._no_improvement_count > e.n_iter_no_change:
            self._stop(trainer)
        if self._tasks.end_iteration():
            self.done = trainer.stop = True

    def diverge(self) -> None:
        """Note an iteration that broke off since numbers were not finite any more."""
        e, self.done = self._estimator, True
        e.n_iter_ += 1
        e.loss_ = np.nan
        e.loss_curve_.append(np.nan)
        e.validation_scores_.append(np.nan)

    def _count(self) -> None:
        """Note whether the loss, or the score of rows held out, got better by ``tol``."""
        e = self._estimator
        if self._held is None:
            worse = e.loss_ > e.best_loss_ - e.tol
            e.best_loss_ = min(e.best_loss_, e.loss_)
        else:
            score = e._score_of(self._held)
            e.validation_scores_.append(score)
            if e.verbose:
                print(f"Validation score: {score:f}")
            worse = score < e.best_validation_score_ + e.tol
            if score > e.best_validation_score_:
                e.best_validation_score_ = score
                e._best = self._training.network.numbers()
        e._no_improvement_count = e._no_improvement_count + 1 if worse else 0

    def _stop(self, trainer: Trainer) -> None:
        e, optimizer = self._estimator, self._training.optimizer
        slower = solvers.slow_down(e, optimizer)
        if e.verbose:
            what = "Training loss" if self._held is None else "Validation score"
            then = f"Setting learning rate to {optimizer.lr:f}" if slower else "Stopping"
            print(f"{what} did not improve by more than tol={e.tol:f} for {e.n_iter_no_change} "
                  f"iterations. {then}.")  # fmt: skip
        if slower:
            e._no_improvement_count = 0
        else:
            self.done = trainer.stop = True


def batch_size(estimator: Any, n: int) -> int:
    """Return the rows of a minibatch of ``n``."""
    asked = estimator.batch_size
    if asked != "auto":
        if asked > n:
            warnings.warn(f"batch_size={asked} is more than there are rows: {n} are taken",
                          stacklevel=7)  # fmt: skip
        return int(min(asked, n))
    size = min(200, n)
    while estimator.batch_norm and n % size == 1 and size > 2:  # it takes the variance of a batch
        size -= 1
    return size


def hold_out(
    estimator: Any, rows: Rows, rng: Any, stratify: np.ndarray | None
) -> tuple[Rows, Rows]:
    """Return the rows to train with and those that are held out, drawn as scikit-learn does."""
    train, held = train_test_split(
        np.arange(rows.n), random_state=rng, test_size=estimator.validation_fraction,
        stratify=stratify,
    )  # fmt: skip
    if len(held) < 2:
        raise OptionError(
            f"validation_fraction: need a share that holds out 2 rows or more of {rows.n}; got "
            f"{estimator.validation_fraction}, which holds out {len(held)}"
        )
    return rows.picked(train), rows.picked(held)
