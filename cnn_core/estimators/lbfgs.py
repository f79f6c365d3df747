"""L-BFGS: SciPy's solver over all rows at once; loss and gradient come of one call into C."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from cnn_core._ext.core import Average, Learner
from cnn_core.errors import NotFiniteError
from cnn_core.estimators import losses
from cnn_core.nn.model import Model
from cnn_core.optim.state import N_SCALARS
from cnn_core.train.trainer import Trainer

if TYPE_CHECKING:
    from cnn_core.estimators.network import Network
    from cnn_core.estimators.stochastic import Rows
    from cnn_core.estimators.tasks import Tasks

PART_BYTES, LEAST_ROWS = 1 << 26, 512
"""What the values of a part of the rows may take up, and how many are worth a part at the least."""


class Result(NamedTuple):
    """What a minimisation came to."""

    loss: float
    n_iter: int
    n_calls: int
    """Of loss and gradient."""
    converged: bool
    message: str
    """SciPy's words for why it ended."""


def minimise(
    function: Function, *, max_iter: int, max_fun: int, tol: float, verbose: bool = False,
    after: Callable[[], bool] | None = None,
) -> Result:  # fmt: skip
    """Make the loss of all rows, and an L2 penalty, small: scikit-learn's ``solver="lbfgs"``.

    SciPy's L-BFGS-B begins with the numbers that the network has and ends, at the latest, after
    ``max_iter`` iterations or ``max_fun`` calls, or where no |gradient| is above ``tol``.  It
    counts in float64; the network in its own type.

    ``after`` is called after each iteration, when the network has its numbers; the minimisation
    ends where it returns True.  ``verbose`` prints the loss of each.  Whatever is raised on the
    way, such as KeyboardInterrupt, the network has the numbers of the last whole iteration.

    Source: Byrd, Lu, Nocedal, Zhu 1995.
    """
    from scipy.optimize import minimize

    best = function.numbers()
    n_iter = 0

    def end_iteration(x: np.ndarray) -> None:
        nonlocal best, n_iter
        best, n_iter = x.copy(), n_iter + 1
        if verbose:
            print(f"Iteration {n_iter}, loss = {function.loss:.8f}")
        if after is not None:
            function.put(best)
            if after():
                raise StopIteration

    options = {"maxfun": max_fun, "maxiter": max_iter, "gtol": tol}
    try:
        found = minimize(function, best, method="L-BFGS-B", jac=True, options=options,
                         callback=end_iteration)  # fmt: skip
    except StopIteration:  # SciPy before 1.11 does not take it
        function.put(best)
        return Result(function(best)[0], n_iter, function.n_calls, False, "a callback asked for it")
    except BaseException:
        function.put(best)
        raise
    function.put(found.x)
    message = found.message if isinstance(found.message, str) else found.message.decode()
    return Result(float(found.fun), min(int(found.nit), max_iter), function.n_calls,
                  found.status == 0, message)  # fmt: skip


def fit(estimator: Any, network: Network, rows: Rows, loss: Any, tasks: Tasks) -> None:
    """Train an estimator's network with all rows at once."""
    e, divisor = estimator, losses.divisor(loss, estimator.n_outputs_)
    function = Function(network.net, loss, rows, alpha=float(e.alpha), divisor=divisor)
    tasks.begin_iteration()
    found = minimise(
        function, max_iter=int(e.max_iter), max_fun=int(e.max_fun), tol=float(e.tol),
        verbose=bool(e.verbose), after=tasks.next_iteration if tasks.begun else None,
    )  # fmt: skip
    e.loss_, e.n_iter_ = found.loss, found.n_iter
    if not all(np.isfinite(w).all() for w in (*network.coefs, *network.intercepts)):
        raise NotFiniteError("lbfgs: need finite weights; got others: scale the data")
    if not found.converged and not tasks.stopped:
        warnings.warn(
            f"lbfgs has not converged after {found.n_iter} iterations ({found.message}): allow "
            f"more, or scale the data", ConvergenceWarning, stacklevel=5,
        )  # fmt: skip


class Function:
    """f(x) -> (loss, gradient) of all rows, which `minimise` makes small.

    x are the parameters in one array: the matrices first, then all others, each in the order of the
    layers.  f = L / divisor + alpha / 2 sum w^2 / W with its gradient, in which L is divided by
    nothing: L is the mean of ``loss`` over the rows as they weigh, w the matrices, and W the sum of
    the rows' weights, or their number.  (scikit-learn reports the mean over several outputs and
    follows the gradient of their sum: `losses.divisor`.)

    Loss and gradient of all rows are one call into C, on as many threads as are allowed.  Where
    there are so many rows that their values would take up more than 64 MB, their gradients are
    added up part by part.  ``rows`` has x, dense or CSR, y as ``loss`` takes it, and w or None.
    """

    def __init__(
        self, net: Model, loss: Any, rows: Rows, alpha: float, divisor: int = 1
    ) -> None:
        self.alpha, self.divisor, self._n, store = alpha, divisor, rows.n, net.store
        self.loss, self.n_calls = np.nan, 0
        names = sorted(store.grads, key=lambda name: store[name].ndim != 2)
        self._params = [store[name] for name in names]
        self._grads = [store.grads[name] for name in names]
        ends = np.cumsum([p.size for p in self._params]).tolist()
        self._slices = [slice(b, e) for b, e in zip([0, *ends], ends)]  # noqa: B905
        self._size = ends[-1]
        self._n_weights = sum(p.size for p in self._params if p.ndim == 2)

        trainer = Trainer(net, loss=loss, optimizer="adam", check_finite=False)
        data = trainer._understood(trainer._data(rows.x, rows.y, rows.w, "fit"), anew=True)
        part = min(self._n, part_rows(net))
        self._program = trainer._program(data, part, training=True)
        self._program.need_rows("fit", self._n, part)
        self._data, self._sources = data, self._program.sources(data)
        nothing = (store.value[:0], store.grad[:0], [], 0.0, 0, [], (0.0, 0.0, 0.0, 0.0, 0))
        self._learner = Learner("sgd", [nothing], np.zeros(N_SCALARS), (0.0, 0.0, 0.0))
        self._learner.guarded = False
        if part < self._n:
            grads = [block.grad for block in store.blocks]
            self._learner.gather(Average([(g, np.zeros_like(g)) for g in grads], 0.0), part)

    def numbers(self) -> np.ndarray:
        """Return the parameters in one array of float64."""
        return self._flat(self._params)

    def put(self, x: np.ndarray) -> None:
        """Let the network have other parameters."""
        with np.errstate(over="ignore"):  # in float32 they may be infinite, as the loss is then
            for p, at in zip(self._params, self._slices, strict=True):
                p.reshape(-1)[:] = x[at]

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        self.put(x)
        loss, weight = self._run()
        gradient, w = self._flat(self._grads), x[: self._n_weights]
        gradient[: self._n_weights] += self.alpha / weight * w
        self.loss = loss / self.divisor + 0.5 * self.alpha * float(w @ w) / weight
        self.n_calls += 1
        return self.loss, gradient

    def _run(self) -> tuple[float, float]:
        """Make the gradients; return the mean loss and what it was divided by."""
        program, learner = self._program, self._learner
        program.reset()
        learner.step = 0  # a mask of dropout is the same in every call
        n_threads, begin = program.pace.next()[1], time.perf_counter()
        program.run(self._sources, None, 0, self._n, self._n, learner=learner,
                    lr=np.zeros((1, 1)), n_threads=n_threads)  # fmt: skip
        program.pace.record(1, n_threads, time.perf_counter() - begin)
        total, weight = program.total
        return total / weight, weight

    def _flat(self, arrays: list[np.ndarray]) -> np.ndarray:
        found = np.empty(self._size)
        for a, at in zip(arrays, self._slices, strict=True):
            found[at] = a.reshape(-1)
        return found


def part_rows(net: Model) -> int:
    """Return how many rows are taken at once."""
    width = sum(v.shape[-1] for v in net.params.values() if v.ndim == 2)
    return max(LEAST_ROWS, PART_BYTES // (2 * net.dtype.itemsize * width))  # with their gradients
