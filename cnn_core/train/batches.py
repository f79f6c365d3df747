"""Batches: the program that turns rows of data into a loss."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from math import nan
from typing import Any

import numpy as np

from cnn_core._ext.core import Learner, Stepper, row_bytes
from cnn_core.arrays import REACH
from cnn_core.compile.schedule import flop
from cnn_core.data.mapped import MappedPages
from cnn_core.errors import DataError, GraphError, OptionError
from cnn_core.ir.node import BATCH, Input, Parameter
from cnn_core.ir.order import parameters_of
from cnn_core.nn.model import Model
from cnn_core.run.pace import Pace
from cnn_core.run.program import Program, what_stops_gradients
from cnn_core.state.blocks import aligned_zeros
from cnn_core.train.build import SHARE, build_metric, check_metric, ignored_label
from cnn_core.train.checked import Data
from cnn_core.train.metric import Metric, RowMetric
from cnn_core.train.objective import Objective, Term, running_mean
from cnn_core.train.target_scale import PLAIN, ScaledStepper, TargetScale

EVALUATE_ROWS = 512
"""Rows that one run of an evaluation takes; memory does not grow with the data, ..."""

DTYPE_NAMES = {np.dtype(name): name for name in ("float32", "float64", "uint8", "int32", "int64")}
"""What rows are gathered from.  NumPy puts such a name together anew each time it is asked."""

EVALUATE_FLOP, LEAST_ROWS = 2e9, 16
"""... fewer where Ctrl-C would have to wait: this takes a twentieth of a second or so."""

MOST_ENTRIES = 2**31 - 1
"""Of a batch of sparse rows: they are counted as int32."""

INT32 = (-(2.0**31), 2.0**31 - 1)
"""The range of what is fed to an input of whole numbers."""


class LossProgram:
    """The network with its loss and metrics, compiled for batches of up to ``max_batch`` rows.

    Where sparse rows meet the parameters ``alone``, of which the optimizer leaves rows without a
    gradient as they are, or goes through all of them, `rows` names those whose gradient is made row
    by row, as it is used.
    """

    def __init__(
        self, net: Model, objective: Objective, data: Data, max_batch: int, *, training: bool,
        scale: TargetScale = PLAIN, alone: Collection[str] = (),
    ) -> None:  # fmt: skip
        weight = Input("w", (BATCH,)) if data.w is not None else None
        self.net, self.training = net, training
        self.loss, losses = objective.build(data.terms, data.inputs, weight)
        self._weights = {f"{t.prefix}loss": t.weight for t in data.terms} if losses else {}
        self._figures: list[tuple[str, Metric | None, Any]] = []
        for name, node in losses.items():
            rows = running_mean(node)
            if rows is not None:
                self._figures.append((name, None, rows))
        for term in data.terms:
            self._add_metrics(objective, term, data, weight, training)
        self._sums = [node for _, _, node in self._figures]
        found = parameters_of([self.loss])
        learning = [p for p in found if net.store.learns(p)]
        if training and not learning:
            frozen = f"all {len(found)} frozen (net.unfreeze(pattern) lets some learn)"
            raise OptionError(
                f"training: need a loss that a parameter that learns reaches; got "
                f"{frozen if found else 'one without parameters'}"
            )
        self.program = Program(
            [self.loss, *self._sums], net.store, max_batch=max_batch, training=training,
            learning=training,
            seeds=[self.loss] if training else (), targets=learning, lent=True,
            sparse=[net.inputs[name] for name in data.sparse],
            by_rows=[p for p in learning if net.store.name_of(p) in alone],
        )  # fmt: skip
        self._by_rows = [p for p in learning if self.program.row_tensors(p) is not None]
        self.rows = tuple([net.store.name_of(p) for p in self._by_rows])
        self._memory: dict[str, np.ndarray] = {}  # for those gradients, and how many entries it
        self._entries: dict[str, int] = {}  # ... has room for
        self._row_grads: list[tuple] = []
        if training and learning and not any(map(self.program.moves, learning)):
            reason = what_stops_gradients(self.program, learning, "training")
            raise GraphError(
                reason or "training: need a loss that depends on what learns; got none"
            )
        reached = frozenset(net.store.name_of(p) for p in learning
                            if self.program.moves(p))  # fmt: skip
        self._reached = None if len(reached) == len(net.store) else reached
        self._loss_tensor = self.program.value_tensor(self.loss)
        # The two sums of a mean over rows; any other scalar counts by the rows of its step.
        means = self.loss.op == "row_mean"
        self._total_tensor = self.program.saved_tensor(self.loss, 0) if means else -1
        self._loss_sums = np.zeros(4)  # of w l, of w; see `batch_sums`
        self._metric_sums = [self.program.value(node) for node in self._sums]
        scaling = dict.fromkeys(net.inputs, (net.input_scale, net.input_shift))
        scaling |= dict.fromkeys(data.sparse, (1.0, 0.0))  # which are scaled already
        self._fed = [(name, self.program.input_tensor(name), *scaling.get(name, (1.0, 0.0)))
                     for name in (*net.inputs, *data.inputs, "w") if name in self.program.inputs]
        self._run_rows = EVALUATE_ROWS if training else _run_rows(self.program)
        self.pace = Pace(1)
        self._allowed = 1
        self.last_loss = nan
        """That of the last batch, also where it is not finite."""
        self.stepper: Stepper | ScaledStepper | None = None
        if training and not data.sparse:
            self.stepper = self._make_stepper(objective, data, max_batch, scale)

    def _add_metrics(
        self, objective: Objective, term: Term, data: Data, weight: Input | None, training: bool
    ) -> None:
        """Add the nodes that sum up the metrics of a term; check those of all rows at once."""
        output, target = objective.output(term), data.inputs[term.target]
        meaning = data.meanings.get(term.target)
        for metric in term.metrics:
            if isinstance(metric, RowMetric):
                check_metric(metric, term.loss, output, meaning)
                if weight is not None and not training:
                    metric.check_weights()
                continue
            node = build_metric(metric, term.loss, output, target, weight, meaning)
            self._figures.append((f"{term.prefix}{metric.name}", metric, node))

    def _make_stepper(
        self, objective: Objective, data: Data, max_batch: int, scale: TargetScale
    ) -> Stepper | ScaledStepper | None:
        """Return the short way for single steps; None where a loss checks its targets more."""
        program, net, terms, only = self.program, self.net, data.terms, objective.only
        bare = [t.target for t in terms] == ["y"]
        if (scale.changes and only is None) or SHARE in data.inputs:
            return None
        most = net.input_reach
        feeds: dict[str, tuple] = {}
        for name, node in net.inputs.items():
            scaled = net.input_scale, net.input_shift
            feeds[name] = (("indices", *INT32, 1.0, 0.0, 0, "") if node.dtype == "int32" else
                           ("features", -most, most, *scaled, 0, ""))  # fmt: skip
        for term in terms:
            node = data.inputs[term.target]
            if not term.loss.takes_plain(node):
                return None
            feeds[term.target] = _target_feed(net, objective, term, node, scale)
        if data.w is not None:
            feeds["w"] = ("weights", 0.0, 0.0, 1.0, 0.0, 0, "")
        if any(name not in program.inputs for name in feeds):
            return None
        stepper = Stepper(
            program.binding, tuple(net.inputs), None if bare else tuple(t.key for t in terms),
            objective.function is None, [(program.input_tensor(k), *f) for k, f in feeds.items()],
            self._loss_tensor, self._total_tensor, program.dtype, max_batch,
        )  # fmt: skip
        if not scale.changes:
            return stepper
        kinds = "biuf" if terms[0].loss.goes_by_shape else "f"
        return ScaledStepper(stepper, scale, net.dtype, kinds)

    @property
    def updated(self) -> frozenset[str] | None:
        """The names of the parameters that a step updates: those that learn and whose gradient it
        makes; in memory of others there may be one of another loss.  None: all."""
        learning, reached = self.net.store.learning, self._reached
        return learning if reached is None else reached if learning is None else reached & learning

    def need_rows(self, who: str, n: int, batch: int | None = None) -> None:
        """Raise `DataError` where the last of the batches of ``n`` rows is a single one, and some
        node takes the mean and variance of the batch; they have as many rows as an evaluation's."""
        batch = (n if self.training else self._run_rows) if batch is None else batch
        if n % batch != 1 and min(n, batch) > 1:
            return
        for node in self.program.nodes:
            of_batch = node.statistics and (self.training or not node.updates)
            if of_batch and node.batched and node.places == 1:
                name = self.program.names[node]
                got = f"1 in the last of {n} rows, {batch} at a time" if n > 1 else "1"
                fix = "another batch_size, or leave a row out" if self.training else (
                    "or give it running ones, mean and variance")  # fmt: skip
                raise DataError(
                    f"{who}: need at least 2 rows in each batch, for the mean and variance that "
                    f"{name} takes; got {got} ({fix})"
                )

    def use_threads(self, n_threads: int) -> None:
        """Let runs use up to ``n_threads`` where the work is worth it.

        Another thread may be in the middle of a call: it asks and tells one `pace`.
        """
        with self.program.lock:
            if n_threads != self._allowed:
                self._allowed = n_threads
                self.pace = Pace(self.program.use_threads(n_threads))

    def sources(self, data: Data) -> list[tuple]:
        """Return where the C core finds each input's rows; the arrays must stay alive."""
        arrays = data.arrays
        self._row_grads = [self._row_grad(p, name, data)
                           for p, name in zip(self._by_rows, self.rows, strict=True)]  # fmt: skip
        return [(number, arrays[name].ctypes.data, DTYPE_NAMES[arrays[name].dtype], scale, shift)
                for name, number, scale, shift in self._fed]  # fmt: skip

    def _row_grad(self, parameter: Parameter, name: str, data: Data) -> tuple:
        """Return what a gradient that is made by rows comes of, with memory for a batch."""
        x, dy = self.program.row_tensors(parameter)  # type: ignore[misc]
        (rows,) = [data.features[key] for key in data.sparse if self.program.input_tensor(key) == x]
        n_in, n = parameter.shape[0], rows.entries(self.program.max_batch)
        if n > MOST_ENTRIES:
            raise DataError(f"training: need at most {MOST_ENTRIES} entries in a batch of sparse "
                            f"rows; got {n}: take smaller batches")  # fmt: skip
        if n > self._entries.get(name, -1):
            n_bytes = row_bytes(n_in, n, str(self.program.dtype))
            self._memory[name], self._entries[name] = aligned_zeros(n_bytes, np.uint8), n
        memory = self._memory[name]
        return x, dy, n_in, rows.most, self._entries[name], memory.ctypes.data

    def reset(self, sums: Sequence[np.ndarray] | None = None) -> None:
        """Start the sums of loss and metrics afresh, or from `sums`."""
        for i, total in enumerate(self._totals()):
            total[...] = 0 if sums is None else sums[i]

    @property
    def total(self) -> tuple[float, float]:
        """The sum of the losses of rows since `reset`, and that of their weights."""
        loss_sum, weight_sum = self._loss_sums[:2].tolist()
        return loss_sum, weight_sum

    @property
    def batch_sums(self) -> tuple[float, float]:
        """Sums over steps since `reset` of their rows times their mean loss, and times what
        ``l2_per_row`` adds to it."""
        loss, penalty = self._loss_sums[2:].tolist()
        return loss, penalty

    def sums(self) -> list[np.ndarray]:
        """Return copies of what loss and metrics have added up."""
        return [total.copy() for total in self._totals()]

    def _totals(self) -> list[np.ndarray]:
        return [self._loss_sums, *self._metric_sums]

    def run(
        self, sources: list[tuple], index: np.ndarray | None, first: int, n: int, batch: int, *,
        learner: Learner | None = None, lr: np.ndarray | None = None, seed: int = 0,
        n_threads: int = 1,
    ) -> float:  # fmt: skip
        """Make the steps for ``n`` rows, ``batch`` at a time; return the loss of the last one.

        The rows are ``index[:n]``, or from ``first`` on in order.  With a ``learner`` each step
        updates the parameters, at the rates ``lr``.
        """
        # The sums go on in C, step by step: their bits do not depend on the length of calls.
        last, error = self.program.binding.train(
            sources, index, first, n, batch, self._loss_tensor,
            self._total_tensor, learner, lr, seed, n_threads, self._loss_sums,
            self._row_grads,
        )  # fmt: skip
        self.last_loss = last
        if error is not None:
            raise error
        return last

    def evaluate(self, data: Data) -> dict[str, float]:
        """Return the mean loss and the metrics over all rows, in calls that `Pace` chooses."""
        n, at, batch = data.n_rows, 0, self._run_rows
        self.need_rows("evaluate", n)
        sources = self.sources(data)
        mapped = MappedPages(data.arrays.values(), in_order=True)
        with self.program.lock:
            self.reset()
            while at < n:
                pace = self.pace
                steps, n_threads = pace.next()
                rows = min(mapped.most_steps(steps, batch) * batch, n - at)
                begin = time.perf_counter()
                self.run(sources, None, at, rows, batch, n_threads=n_threads)
                pace.record(-(-rows // batch), n_threads, time.perf_counter() - begin)
                at += rows
                mapped.give_back()
            return self.results()

    def results(self) -> dict[str, float]:
        """Return the mean loss and the metrics since `reset`."""
        loss_sum, weight_sum = self.total
        mean = loss_sum / weight_sum if weight_sum else float("nan")
        values = {"loss": mean}
        for (name, metric, node), sums in zip(self._figures, self._metric_sums, strict=True):
            value = node.finish(sums)
            values[name] = value if metric is None else metric.finish(value)
        if self._weights and all(name in values for name in self._weights):
            # Of all rows, however the batches were cut.
            values["loss"] = sum(w * values[name] for name, w in self._weights.items() if w)
        return values


def _target_feed(
    net: Model, objective: Objective, term: Term, node: Input, scale: TargetScale
) -> tuple:
    """Return how the short way takes the targets of a term: see `Stepper`."""
    loss = term.loss
    if node.dtype == "int32":
        n_classes = objective.output(term).shape[1]
        return "labels", 0.0, n_classes - 1.0, 1.0, 0.0, ignored_label(loss, node) or 0, ""
    (low, high), most = loss.target_range, REACH[net.dtype]
    taken = "" if loss.goes_by_shape else str(net.dtype)
    if not taken and not scale.given and (net.input_scale != 1 or net.input_shift != 0):
        taken = "-"  # of pixels that are not scaled as inputs are, the long way warns
    return "targets", max(low, -most), min(high, most), 1.0, 0.0, 0, taken


def _run_rows(program: Program) -> int:
    """Return the rows of a run: by the network alone, since sums depend on them in the last bit."""
    per_row = sum(flop(step, EVALUATE_ROWS) for step in program.steps) / EVALUATE_ROWS
    return max(min(EVALUATE_ROWS, int(EVALUATE_FLOP / per_row)), LEAST_ROWS)
