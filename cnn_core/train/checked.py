"""Checked data: features, targets and weights as the C core takes them, and the order of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from cnn_core import options
from cnn_core.arrays import REACH, as_numbers, check_finite, check_range, is_mapped
from cnn_core.data.arrays import as_features, as_indices, check_lengths
from cnn_core.data.class_weighting import class_weights
from cnn_core.data.mapped import find_beyond
from cnn_core.data.sparse import SparseRows
from cnn_core.data.targets import NOT_FINITE, as_weights
from cnn_core.errors import DataError, LabelError, OptionError
from cnn_core.frames import is_sparse
from cnn_core.ir.node import Input, Node
from cnn_core.nn.losses import Loss
from cnn_core.nn.meaning import Meaning
from cnn_core.nn.model import Model
from cnn_core.train.build import check_targets, ignored_label, target_input
from cnn_core.train.objective import Objective, Term
from cnn_core.train.target_scale import TargetScale

_HINT = f"{NOT_FINITE}, or pass check_finite=False"

FIRST_ROWS = 256
"""So many rows, from the first on, are looked at to tell data from other data."""

RowOrder: TypeAlias = Callable[[int, int], Any]
"""What gives the order of rows of an epoch: see `Trainer.fit`."""

_BLOCK = 1 << 20  # elements of rows picked out at a time


class Data(NamedTuple):
    """Features, targets and weights of the same rows, checked and ready for the C core."""

    features: dict[str, Any]
    """By the names of the network's inputs: arrays, or `SparseRows`."""
    targets: dict[str, np.ndarray]
    """By the names of the inputs that they are fed to: y, or y:<output>."""
    w: np.ndarray | None
    terms: list[Term]
    inputs: dict[str, Input]
    """Those of the targets."""
    meanings: dict[str, Meaning | None] = {}
    """What outputs and targets mean, where metrics ask for it."""
    rows: np.ndarray | None = None
    """Those that are meant; None: all."""

    @property
    def n_rows(self) -> int:
        return len(next(iter(self.features.values())) if self.rows is None else self.rows)

    def index(self, order: np.ndarray | None) -> np.ndarray | None:
        """Return the numbers of its rows in an order; None: as they come."""
        if self.rows is None or order is None:
            return self.rows if order is None else order
        return self.rows[order]

    def picked(self, rows: np.ndarray) -> Data:
        """Return a copy of some rows."""
        return self._replace(
            features={name: a[rows] for name, a in self.features.items()},
            targets={name: a[rows] for name, a in self.targets.items()},
            w=None if self.w is None else self.w[rows],
        )

    @property
    def target_key(self) -> tuple:
        """What tells targets of one kind from others."""
        return tuple([(name, node.dtype, node.shape) for name, node in self.inputs.items()])

    @property
    def key(self) -> tuple:
        """What a program for this data depends on."""
        return *self.target_key, self.w is not None, self.sparse, *self.meanings.items()

    @property
    def sparse(self) -> tuple[str, ...]:
        """The inputs of sparse rows."""
        return tuple([k for k, a in self.features.items() if isinstance(a, SparseRows)])

    def first(self, n: int) -> Data:
        """Return the first ``n`` rows."""
        return self._replace(
            features={name: a[:n] for name, a in self.features.items()},
            targets={name: a[:n] for name, a in self.targets.items()},
            w=None if self.w is None else self.w[:n],
        )

    @property
    def arrays(self) -> dict[str, Any]:
        """All arrays, by the inputs that they are fed to."""
        weights = {} if self.w is None else {"w": self.w}
        return {**self.features, **self.targets, **weights}


def fingerprint(data: Data) -> dict[str, dict[str, Any]]:
    """Return what tells data from other data: rows, columns, dtype, a hash of the first rows."""
    from hashlib import sha256  # which not all trainings need

    return {name: {"shape": list(a.shape), "dtype": str(a.dtype),
                   "first rows": sha256(np.ascontiguousarray(a[:FIRST_ROWS])).hexdigest()[:16]}
            for name, a in data.arrays.items()}  # fmt: skip


def check_data(
    net: Model, objective: Objective, x: Any, y: Any, w: Any, *, who: str, finite: bool | None,
    scale: TargetScale,
) -> Data:  # fmt: skip
    """Return ``x``, ``y`` and the weights ``w`` as `Data`; raise what is wrong with them.

    ``finite`` asks for finite features; None: for those that are in memory, not in a mapped file.
    Numbers that the network's dtype cannot hold are refused always.  Rows that count nothing may
    hold anything: where a sum would take it up, a copy holds other numbers there.
    """
    given = net.by_input(x, who)
    features = {name: a if is_sparse(a) else _features(net, name, a, who)
                for name, a in given.items()}  # fmt: skip
    n = next(iter(features.values())).shape[0]
    parts = objective.parts(y, who)
    terms = [term for term, _ in parts]
    inputs: dict[str, Input] = {}
    targets: dict[str, np.ndarray] = {}
    weights = None
    if w is not None and not terms:
        weights = as_weights(w, n, who=who, dtype=net.dtype, ratios=objective.of_ratios)
    for term, raw in parts:
        output = objective.output(term)
        node = inputs[term.target] = target_input(term.loss, output, raw, term.target)
        if objective.only is not None and len(features) == 1:
            scale.check(net, next(iter(features.values())), raw, node, who)
        if scale.changes:
            raw = scale.apply(raw, net.dtype, type(term.loss).__name__)
        if w is not None and weights is None:
            weights = as_weights(w, n, who=who, dtype=net.dtype, ratios=objective.of_ratios)
        targets[term.target] = _targets(net, term.loss, node, output, raw, weights)
        check_targets(term.loss, node, targets[term.target])
    lengths = {name: a.shape[0] for name, a in {**features, **targets}.items()}
    if len(set(lengths.values())) > 1:
        check_lengths(who, **lengths)
    only = terms[0] if len(terms) == 1 else None
    ignored = None if only is None else ignored_label(only.loss, inputs[only.target])
    idle = _Idle(ignored, next(iter(targets.values()), None), weights)
    for name, array in features.items():
        label = "features x" if len(features) == 1 else f"features {name}"
        if is_sparse(array):
            asked = finite is None or finite
            features[name] = net.sparse_rows(name, array, who=who, label=label, finite=asked,
                                             idle=idle.rows, hint=_HINT)  # fmt: skip
        elif array.dtype.kind == "f":
            asked = not is_mapped(array) if finite is None else finite
            features[name] = _finite_rows(net, array, given[name], idle, who=who, finite=asked,
                                          label=label)  # fmt: skip
    return Data(features, targets, weights, terms, inputs)


def checked_shuffle(shuffle: Any) -> bool | RowOrder:
    """Return whether rows are shuffled, or the function that gives their order."""
    if not callable(shuffle):
        return options.flag("fit: shuffle", shuffle)
    taken = options.other_arguments(shuffle, ("epoch", "n_rows"))
    if taken is not None or isinstance(shuffle, type):
        need = "True, False or a function of (epoch, number of rows)"
        raise options.refuse("fit: shuffle", need, shuffle)
    return shuffle  # type: ignore[no-any-return]


def checked_order(order: Any, n: int, who: str) -> np.ndarray:
    """Return the numbers of ``n`` rows, int64; raise `OptionError` where they are none."""
    if type(order) is np.ndarray and order.dtype == np.int64 and order.shape == (n,):
        found = order.copy()
        if found.view(np.uint64).max() < n:  # where less than 0 is large
            return found
    array = as_numbers(order, who=who, name="the order of rows")
    got = ""
    if array.dtype.kind not in "iu" or array.shape != (n,):
        got = f"{array.dtype} of shape {array.shape}"
    elif array.astype(np.uint64, copy=False).max() >= n:  # where less than 0 is large
        at = int(((array < 0) | (array >= n)).argmax())
        got = f"{array[at]} at place {at}"
    if got:
        raise OptionError(f"{who}: need {n} whole numbers from 0 to {n - 1}, the order of rows; "
                          f"got {got}")  # fmt: skip
    return np.array(array, np.int64)


def weighted_by_class(objective: Objective, class_weight: Any, y: Any, w: Any, who: str) -> Any:
    """Return the weights ``w`` of rows, if any, times those of the classes of their labels."""
    if class_weight is None:
        return w
    if objective.only is None:
        raise OptionError(
            f"{who}: need one output with a named loss for class_weight; got "
            f"{'a function' if objective.function is not None else 'several'}: use sample_weight"
        )
    ignored = getattr(objective.only.loss, "ignore_index", None)
    found = class_weights(class_weight, y, who=f"{who}: class_weight", ignore_index=ignored)
    return found if w is None else found * as_weights(w, len(found), who=who, ratios=False)


def _features(net: Model, name: str, x: Any, who: str) -> np.ndarray:
    node = net.inputs[name]
    if node.dtype == "int32":
        rows = as_indices(x, node.shape[1:], who=who, name=name)
        net.check_indices(name, rows, who)
        return rows
    return as_features(x, node.shape[1:], who=who, name=name, dtype=net.dtype).array


def _targets(
    net: Model, loss: Loss, target: Input, output: Node, y: Any, weights: np.ndarray | None
) -> np.ndarray:
    """Return the targets; those of rows without weight are replaced where the loss refuses them."""
    try:
        return loss.targets(target, output, y, net.dtype)
    except (DataError, LabelError):
        if weights is None or weights.all():
            raise
        rows = np.array(as_numbers(y, who=type(loss).__name__, name="y"))
        if len(rows) != len(weights):
            raise
        rows[weights == 0] = rows[np.argmax(weights > 0)]
        return loss.targets(target, output, rows, net.dtype)


class _Idle:
    """Knows which rows count nothing."""

    def __init__(
        self, ignored: int | None, targets: np.ndarray | None, weights: np.ndarray | None
    ) -> None:
        self.ignored, self.targets, self.weights = ignored, targets, weights

    def rows(self) -> np.ndarray:
        """Return their numbers: those without weight, and those with an ignored label."""
        of = self.targets if self.weights is None else self.weights
        all_count = of is None or (self.weights is None and self.ignored is None)
        idle = np.zeros(0 if all_count else len(of), bool)  # type: ignore[arg-type]
        if self.weights is not None:
            idle |= self.weights == 0
        if self.ignored is not None:
            idle |= self.targets == self.ignored
        return np.flatnonzero(idle)


def _finite_rows(
    net: Model, x: np.ndarray, source: Any, idle: _Idle, *, who: str, finite: bool, label: str
) -> np.ndarray:
    """Return features ``x``, which came as ``source``, after looking through them.

    One pass over all rows where finite ones are asked for or a conversion may overflow; else over
    those that count nothing.
    """
    reach = net.input_reach
    whole = finite or reach < REACH[x.dtype]
    wrong = whole and find_beyond(x, reach) >= 0
    if wrong or not whole:
        x = _without_idle(x, idle.rows(), reach)
    if wrong and finite:
        check_finite(x, label, who=who, dtype=net.dtype, reach=reach, source=source,
                     hint=_HINT)  # fmt: skip
    elif wrong:
        check_range(x, label, who=who, dtype=net.dtype, reach=reach, source=source)
    return x


def _without_idle(x: np.ndarray, rows: np.ndarray, reach: float) -> np.ndarray:
    """Return ``x``, or where its ``rows`` hold NaN or infinity a copy with zeros in them."""
    n = max(1, _BLOCK * len(x) // x.size)
    blocks = (x[rows[at : at + n]] for at in range(0, len(rows), n))
    if any(find_beyond(block, reach) >= 0 for block in blocks):
        x = np.array(x)
        x[rows] = 0
    return x
