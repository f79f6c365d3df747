"""`Recipe`: how a network for tables is made and trained; and what it is told of the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from cnn_core.errors import OptionError
from cnn_core.ir.node import BATCH, Input
from cnn_core.naming import Described
from cnn_core.nn.model import Model
from cnn_core.train.trainer import Trainer

LEAST_SMOOTHING = 1e-9
"""Label smoothing up to this leaves no trace, and the squares of its inverse may be infinite."""


class Rows(NamedTuple):
    """The encoded rows that a network is trained with, and their targets.

    >>> from cnn_core.tabular.recipes import Rows
    >>> numbers, codes = np.zeros((4, 2), np.float32), np.zeros((4, 1), np.int32)
    >>> rows = Rows(numbers, codes, 2, [5], y=np.zeros(4, np.int32), weight=None)
    >>> rows.nodes()["codes"].shape
    (B, 1)
    """

    numbers: np.ndarray
    """float32 (N, F): the first ``n_real`` columns are scaled numbers, the others flags."""
    codes: np.ndarray
    """int32 (N, C): rows of one table of ``sum(code_sizes)`` places, in which those of each column
    follow upon those of the one before."""
    n_real: int
    code_sizes: list[int]
    y: np.ndarray
    """Classes: int32 (N,).  Numbers: float32 (N, 1), of mean 0 and standard deviation 1."""
    weight: np.ndarray | None
    """float32 (N,), of mean 1."""
    target: np.ndarray | None = None
    """``y`` as predictions are compared with it, (N,): classes, or numbers in double precision."""

    @property
    def widths(self) -> dict[str, int]:
        """How many numbers and codes a row has."""
        return {"numbers": self.numbers.shape[1], "codes": self.codes.shape[1]}

    def inputs(self) -> dict[str, np.ndarray]:
        """Return what the network reads: an input of width 0 is not there."""
        found = {"numbers": self.numbers, "codes": self.codes}
        return {name: array for name, array in found.items() if array.shape[1]}

    def nodes(self) -> dict[str, Input]:
        """Return an input node for each of `inputs`: numbers (BATCH, F), codes (BATCH, C)."""
        kinds = {"numbers": "real", "codes": "int32"}
        return {name: Input(name, (BATCH, array.shape[1]), dtype=kinds[name])
                for name, array in self.inputs().items()}  # fmt: skip


def first_places(code_sizes: list[int]) -> np.ndarray:
    """Return where the places of each column begin in `Rows.codes`, int32 (C,)."""
    return np.cumsum([0, *code_sizes], dtype=np.int32)[: len(code_sizes)]


class Task(NamedTuple):
    """What is to be learned.

    >>> from cnn_core.tabular.recipes import Task
    >>> Task("quantiles", 2, (0.1, 0.9)).n_outputs
    2
    """

    kind: str
    """ "classes"; "mean", by squared errors; "quantiles", by pinball losses."""
    n_outputs: int
    """The number of classes; 1; the number of quantiles."""
    quantiles: tuple[float, ...] = ()


class Recipe(Described):
    """How a network for tables is made and trained.

    A recipe's options are parameters of its constructor, with published defaults.  It has one
    output: logits, or standardised numbers, (B, O), or with k members (B, k, O).

    >>> from cnn_core.tabular import Recipe, TabularClassifier
    >>> class Tiny(Recipe):
    ...     keeps, epochs, batch_size, patience = {"classes": "error"}, 30, 8, None
    ...     def network(self, rows, task, seed):
    ...         nodes = rows.nodes()
    ...         y = cnn.Dense(task.n_outputs)(nodes["numbers"])
    ...         return cnn.Model(y, inputs=nodes.values(), seed=seed)
    ...     def trainer(self, net, rows, task, *, n_steps, seed):
    ...         return cnn.Trainer(net, loss="softmax_cross_entropy", seed=seed)
    ...
    >>> rows = [{"size": i % 9} for i in range(90)]
    >>> model = TabularClassifier(Tiny()).fit(rows, [row["size"] > 4 for row in rows])
    >>> model.predict({"size": 8})
    array([ True])
    """

    name: ClassVar[str]
    keeps: ClassVar[Mapping[str, str]] = {
        "classes": "calibrated_loss", "mean": "rmse", "quantiles": "pinball"}  # fmt: skip
    """The figure of the validation part whose best epoch is kept, by the kind of `Task`: less is
    better.  See `cnn_core.tabular.fitting.figures`."""
    clamps: ClassVar[bool] = True
    """Whether predicted numbers are kept within the range of the targets of training."""
    epochs: Any
    batch_size: Any
    """Rows of a minibatch; this or ``epochs`` may be None where `for_rows` goes by the table."""
    patience: int | None = None
    """Training ends where so many epochs have not been better than the best; None: never."""

    def for_rows(self, n_rows: int) -> Any:
        """Return this recipe with the options that go by the number of training rows."""
        return self

    def network(self, rows: Rows, task: Task, seed: int) -> Model:
        """Return a new network, which reads what `Rows.nodes` returns."""
        raise NotImplementedError

    def trainer(self, net: Model, rows: Rows, task: Task, *, n_steps: int, seed: int) -> Trainer:
        """Return what trains it: the loss, and an optimizer whose rates end after ``n_steps``."""
        raise NotImplementedError

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the options by name."""
        from inspect import signature

        return {name: getattr(self, name) for name in signature(type(self)).parameters}


def smoothing_of(recipe: Recipe) -> float:
    """Return how far a recipe smooths labels in training; 0 where it leaves no trace."""
    found = getattr(recipe, "label_smoothing", None) or 0.0
    return found if found > LEAST_SMOOTHING else 0.0


def check_network(
    net: Model, names: list[str], widths: Mapping[str, int], n_outputs: int, recipe: Recipe,
    who: str,
) -> None:  # fmt: skip
    """Raise `OptionError` unless a recipe's network is one that `Recipe` describes and the short
    way into prediction takes.

    ``names`` are its inputs, in order, which all networks of a learner have; ``widths`` are those
    of numbers and codes.
    """
    fits = (
        net.dtype == np.float32 and net.is_single and net.input_scale == 1 and net.input_shift == 0
        and len(net.output.shape) in (2, 3) and net.output.shape[-1] == n_outputs
        and list(net.inputs) == names
        and all(node.shape[1:] == (widths.get(name),) and
                node.dtype == ("int32" if name == "codes" else "real")
                for name, node in net.inputs.items())
    )  # fmt: skip
    if not fits:
        raise OptionError(
            f"{who}: need networks of float32 that read numbers (B, {widths['numbers']}) and codes "
            f"(B, {widths['codes']}) and say (B, {n_outputs}), or (B, k, {n_outputs}); got another "
            f"of {recipe!r}"
        )
