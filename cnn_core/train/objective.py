"""Objective: what a trainer makes small, and what it measures, output by output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from cnn_core import ops, options
from cnn_core.arrays import as_numbers
from cnn_core.data.arrays import as_indices
from cnn_core.errors import CnnCoreError, OptionError
from cnn_core.ir.node import BATCH, Input, Node
from cnn_core.naming import hint
from cnn_core.nn import losses
from cnn_core.nn.losses import Loss, OfOutputs
from cnn_core.nn.model import Model
from cnn_core.options import shown
from cnn_core.train import metrics as metric_module
from cnn_core.train.build import (
    build_loss,
    check_objective,
    of_two_targets,
    warn_of_twice_applied,
)
from cnn_core.train.metric import Metric, RowMetric


class Term(NamedTuple):
    """What belongs to one array of targets."""

    key: str
    """The output whose targets they are; of a function of nodes, whatever its caller calls them."""
    target: str
    """The name of the input that they are fed to."""
    loss: Loss
    weight: float
    metrics: tuple[Metric, ...]
    prefix: str
    """What stands before the names of its figures."""


class Given(Loss):
    """What targets are to a function of nodes: whole numbers (N,) are labels, all else numbers."""

    @property
    def who(self) -> str:
        return "objective"

    def target_input(self, output: Node, y: Any) -> Input:
        array = as_numbers(y, who="objective", name="y")
        if array.dtype.kind in "iu" and array.ndim == 1:
            return Input("y", (BATCH,), dtype="int32")
        return Input("y", (BATCH, *array.shape[1:]))

    def targets(self, target: Input, output: Node, y: Any, dtype: np.dtype) -> np.ndarray:
        if target.dtype == "int32":
            return as_indices(y, (), who="objective", name=target.name)
        return super().targets(target, output, y, dtype)

    def takes_plain(self, target: Input) -> bool:
        return target.dtype == "real"


class Nodes(dict[str, Node]):
    """Nodes by name; an unknown name is an error that says which there are."""

    def __missing__(self, name: Any) -> Node:
        known = ", ".join(self)
        raise OptionError(f"objective: need one of {known}; got {shown(name)}{hint(name, self)}")


class Objective:
    """The loss of a network, as `Trainer` takes it, with weights and metrics.

    ``loss`` is a `Loss` or its name, a dictionary of them by output, or a function of nodes
    ``f(outputs, targets)``: both are dictionaries, or the node itself where there is one.  Where
    there are no targets, that dictionary is empty.
    """

    def __init__(self, net: Model, loss: Any, loss_weights: Any, metrics: Any) -> None:
        self.net, self.loss, self.function = net, loss, None
        names = list(net.outputs)
        several = isinstance(loss, Mapping)
        if isinstance(loss, OfOutputs):
            self.function = loss.of_outputs
            loss.fix()
        elif callable(loss) and not isinstance(loss, (Loss, type)):
            self.function = loss
        elif not several and len(names) > 1:
            raise OptionError(
                f"Trainer: need a loss for each of the outputs {', '.join(names)}; got "
                f"{shown(loss)}"
            )
        if several:
            self.loss = loss = self._losses_of(loss, names)
        weights = _by_name("loss_weights", loss_weights, names, 1.0, several)
        for name, weight in weights.items():
            options.amount(f"Trainer: loss_weights[{name!r}]", weight)
        found = self._metrics_of(metrics, names)
        self.given_metrics: Any = found if isinstance(metrics, Mapping) else found[names[0]]
        """As a trainer takes them again."""
        self._refuse_idle(loss if several else {}, weights, loss_weights, found)
        self.terms: tuple[Term, ...] = ()
        if several:
            self.terms = tuple(
                Term(k, f"y:{k}", one, weights[k], tuple(found[k]), f"{k}_")
                for k, one in loss.items() if one is not None
            )  # fmt: skip
        elif self.function is None:
            self.loss = losses.get(loss)
            self.terms = (Term(names[0], "y", self.loss, 1.0, tuple(found[names[0]]), ""),)
        self._found = found
        for term in self.terms:
            term.loss.fix()
            warn_of_twice_applied(term.loss, net.core[term.key])
        self.metrics = tuple(m for one in found.values() for m in one)
        for metric in self.metrics:
            metric.fix()

    @staticmethod
    def _refuse_idle(
        loss: Mapping[str, Any], weights: Mapping[str, float], given: Any,
        metrics: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """Raise `OptionError` for weights and metrics of outputs without a loss; for no weight."""
        for name in (name for name, one in loss.items() if one is None):
            for option, there in (("loss_weights", given and name in given),
                                  ("metrics", metrics[name])):  # fmt: skip
                if there:
                    need = f"Trainer: need {option} of outputs that have a loss"
                    raise OptionError(f"{need}; got those of {name!r}, which has none")
        if loss and not any(weights[name] for name, one in loss.items() if one is not None):
            raise OptionError("Trainer: need loss_weights above 0 for an output; got none")

    def _losses_of(self, loss: Mapping[str, Any], names: list[str]) -> dict[str, Loss | None]:
        for key in loss:
            if key not in names:
                raise OptionError(
                    f"Trainer: need losses for outputs among {', '.join(names)}; got one for "
                    f"{shown(key)}{hint(key, names)}"
                )
        left = [name for name in names if name not in loss]
        if left:
            raise OptionError(
                f"Trainer: need a loss for each output; got none for {', '.join(left)} (None for "
                f"an output that is not trained)"
            )
        found = {n: None if loss[n] is None else losses.get(loss[n], f"Trainer: loss[{n!r}]")
                 for n in names}  # fmt: skip
        if not any(found.values()):
            raise OptionError("Trainer: need a loss for at least one output; got None for each")
        return found

    def _metrics_of(self, metrics: Any, names: list[str]) -> dict[str, list[Metric]]:
        if isinstance(metrics, Mapping):
            given = _by_name("metrics", metrics, names, (), True)
            return {name: metric_module.get(one) for name, one in given.items()}
        found = metric_module.get(metrics)
        if found and len(names) > 1:
            raise OptionError(
                f"Trainer: need metrics by output, as in metrics={{{names[0]!r}: ['mae']}}; got "
                f"{shown(metrics)}"
            )
        return {names[0]: found, **{name: [] for name in names[1:]}}

    @property
    def only(self) -> Term | None:
        """The term of a network of one output with one named loss."""
        return self.terms[0] if len(self.terms) == 1 and self.terms[0].target == "y" else None

    @property
    def of_ratios(self) -> bool:
        """Whether only the ratios of rows' weights matter."""
        one = [self.loss] if isinstance(self.loss, Loss) else [t.loss for t in self.terms]
        return all(loss.reduction == "weighted_mean" for loss in one)

    # -- targets --------------------------------------------------------------------------

    def parts(self, y: Any, who: str) -> list[tuple[Term, Any]]:
        """Return each term with its targets."""
        if self.function is not None and y is None:
            if self.metrics:
                raise OptionError(f"{who}: need targets y for metrics; got None")
            return []
        if y is None:
            raise OptionError(f"{who}: need targets y; got None")
        if self.function is not None:
            return self._parts_of_function(y)
        names = [term.key for term in self.terms]
        if len(names) == 1 and not isinstance(y, Mapping):
            return [(self.terms[0], y)]
        if isinstance(y, (tuple, list)) and len(y) == len(names):
            y = dict(zip(names, y, strict=True))
        if not isinstance(y, Mapping) or set(y) != set(names):
            got = f"those for {', '.join(map(str, y))}" if isinstance(y, Mapping) else shown(y)
            raise OptionError(f"{who}: need targets for {', '.join(names)}; got {got}")
        return [(term, y[term.key]) for term in self.terms]

    def _parts_of_function(self, y: Any) -> list[tuple[Term, Any]]:
        outputs = list(self.net.outputs)
        if isinstance(y, tuple) and len(y) == len(outputs) > 1:
            y = dict(zip(outputs, y, strict=True))
        many = isinstance(y, Mapping)
        given = y if isinstance(y, Mapping) else {outputs[0]: y}
        parts = []
        for key, array in given.items():
            key = options.name("targets", key)
            own = tuple(self._found.get(key, ()))
            prefix = f"{key}_" if many and len(outputs) > 1 else ""
            parts.append((Term(key, f"y:{key}" if many else "y", Given(), 1.0, own, prefix), array))
        return parts

    def output(self, term: Term) -> Node:
        """Return the output that a term is about; of a function of nodes perhaps just the first."""
        return self.net.core.get(term.key, next(iter(self.net.core.values())))

    # -- nodes ----------------------------------------------------------------------------

    def build(
        self, terms: list[Term], targets: Mapping[str, Input], weight: Input | None
    ) -> tuple[Node, dict[str, Node]]:
        """Return the scalar to make small, and the losses of the outputs where there are several.
        """
        if self.function is not None:
            return of_two_targets(list(targets), targets,
                                  lambda of: self._of_function(terms, of, weight)), {}  # fmt: skip
        found = {t: of_two_targets([t.target], targets, lambda of, t=t: build_loss(
                     t.loss, self.output(t), of[t.target], weight)) for t in terms}  # fmt: skip
        if self.only is not None:
            return found[terms[0]], {}
        total: Node | None = None
        for term, node in found.items():
            scaled = node if term.weight == 1 else ops.scale(node, term.weight)
            total = scaled if total is None else total + scaled
        assert total is not None
        return total, {f"{term.prefix}loss": node for term, node in found.items()}

    def _of_function(
        self, terms: list[Term], targets: Mapping[str, Input], weight: Input | None
    ) -> Node:
        who, core = "objective", self.net.core
        outputs: Any = next(iter(core.values())) if self.net.is_single else Nodes(core)
        given: Any = Nodes({t.key: targets[t.target] for t in terms})
        if [t.target for t in terms] == ["y"]:
            given = targets["y"]
        need = "a function of (outputs, targets), nodes or dictionaries of nodes"
        assert self.function is not None
        try:
            node: Any = options.call(who, need, self.function, outputs, given)
        except (CnnCoreError, LookupError, TypeError, AttributeError) as error:
            if terms or isinstance(self.loss, OfOutputs):
                raise
            raise OptionError(f"{who}: need targets y if it asks for some; got None") from error
        if not isinstance(node, Node) or node.dtype != "real" or node.shape not in ((), (BATCH,)):
            raise OptionError(
                f"{who}: need a scalar node, or one number per row, (B,); got {shown(node)}"
            )
        if node.shape == (BATCH,):
            own = self.loss if isinstance(self.loss, Loss) else Given()
            node = own.over_rows(node, weight)
        elif weight is not None:
            raise OptionError(
                f"{who}: need one number per row, (B,), for sample weights; got a scalar, {node!r}"
            )
        check_objective(who, node, list(core.values()), [*targets.values(), weight])
        return node

    # -- figures --------------------------------------------------------------------------

    def names(self, terms: list[Term] | None = None, *, rows: bool) -> list[str]:
        """Return the names of all figures; without ``rows`` those of single batches only."""
        terms = list(self.terms or self._fitting()) if terms is None else terms
        found = ["loss"]
        if self.only is None and self.function is None:
            found += [f"{t.prefix}loss" for t in terms]
        return found + [f"{t.prefix}{m.name}" for t in terms for m in t.metrics
                        if rows or not isinstance(m, RowMetric)]  # fmt: skip

    def directions(self) -> dict[str, bool | None]:
        """Return whether more is better, of each metric by its name."""
        terms = self.terms or self._fitting()
        return {f"{t.prefix}{m.name}": m.higher_is_better for t in terms for m in t.metrics}

    def _fitting(self) -> list[Term]:
        """Return what the terms of a function of nodes are called, before there are targets."""
        many = len(self.net.outputs) > 1
        return [Term(k, "", Given(), 1.0, tuple(m), f"{k}_" if many else "")
                for k, m in self._found.items() if m]  # fmt: skip


def _by_name(
    option: str, given: Any, names: list[str], default: Any, several: bool
) -> dict[str, Any]:
    """Return what was given for each output."""
    if given is None or (isinstance(given, Mapping) and not given):
        return dict.fromkeys(names, default)
    if not several:
        raise OptionError(f"Trainer: need {option} with losses by output only; got {shown(given)}")
    if not isinstance(given, Mapping):
        raise options.refuse(f"Trainer: {option}", "a dictionary by output", given)
    for key in given:
        if key not in names:
            raise OptionError(
                f"Trainer: need {option} for outputs among {', '.join(names)}; got {shown(key)}"
                f"{hint(key, names)}"
            )
    return {name: given.get(name, default) for name in names}


def running_mean(loss: Node) -> Node | None:
    """Return the node that sums up a mean over rows, so as to give that of all batches' rows."""
    if loss.op != "row_mean":
        return None
    rows, *weight = loss.inputs
    if getattr(loss, "over_batch", False) and weight:
        rows, weight = rows * weight[0], []
    return ops.metric_mean(rows, *weight)
