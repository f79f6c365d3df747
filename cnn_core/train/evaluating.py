"""Evaluating: the part of a `Trainer` that measures without learning."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core import options
from cnn_core.data.split import split_rows
from cnn_core.errors import CnnCoreError, OptionError, StateError
from cnn_core.nn.meaning import (
    LOGITS,
    MARGINS,
    PROBABILITIES,
    Meaning,
    last_operation,
    scale_of,
)
from cnn_core.nn.model import Model
from cnn_core.optim import Optimizer
from cnn_core.options import shown
from cnn_core.run.threads import get_num_threads
from cnn_core.train.averages import Averages, WeightAverage
from cnn_core.train.batches import EVALUATE_ROWS, LossProgram
from cnn_core.train.build import ignored_label
from cnn_core.train.checked import Data, check_data, weighted_by_class
from cnn_core.train.metric import evaluate_rows, rows_of
from cnn_core.train.objective import Objective, Term
from cnn_core.train.target_scale import TargetScale

if TYPE_CHECKING:
    from cnn_core.train.diagnosis import Diagnosis
    from cnn_core.train.lr_find import RangeTest


class Evaluating:
    """What a loss and metrics are over rows, with dropout and noise off."""

    net: Model
    check_finite: bool | None
    optimizer: Optimizer
    _objective: Objective
    _scale: TargetScale
    _meanings: dict[tuple, dict[str, Meaning | None]]
    _programs: dict[tuple, LossProgram]
    weight_average: WeightAverage | None
    _averages: Averages | None
    _by_rows = False
    """Whether a gradient that sparse rows make is nowhere as a whole even where all rows move: less
    memory to go through, and no norm of it that callbacks could see."""
    _probable: Model | None
    """The network with probabilities as its outputs."""

    def evaluate(
        self, x: Any, y: Any = None, sample_weight: Any = None, *, averaged: bool = False
    ) -> dict[str, float]:
        """Return the mean loss and the metrics over all rows, as ``{'loss': ..., ...}``.

        Dropout and noise are off.  Memory does not grow with the number of rows.  ``averaged``
        evaluates the averages of the parameters, see `averaged`.

        Raises what `fit` raises for data.

        >>> x = np.random.default_rng(0).normal(size=(200, 2))
        >>> y = (x[:, 0] > x[:, 1]).astype(int)
        >>> net = cnn.Sequential([cnn.Dense(8, "relu"), cnn.Dense(2)], inputs=2, seed=0)
        >>> trainer = cnn.Trainer(net, loss="softmax_cross_entropy", metrics=["accuracy", "auc"])
        >>> list(trainer.evaluate(x, y))
        ['loss', 'accuracy', 'auc']
        """
        if options.flag("evaluate", averaged, option="averaged"):
            other: Any = copy.deepcopy(self)
            other.net.set_params(self.averaged.params)
            return other.evaluate(x, y, sample_weight)
        data = self._data(x, y, sample_weight, "evaluate", finite=bool(self.check_finite))
        return self._evaluate(self._understood(data))

    @property
    def averaged(self) -> Model:
        """A copy of the network with the averages that ``weight_average`` asks for as its numbers.

        Raises `OptionError` where it asks for none, `StateError` before the first step.
        """
        if self.weight_average is None:
            need = "a Trainer with weight_average='ema' or 'swa'"
            raise OptionError(f"averaged: need {need}; got None")
        if self._averages is None:
            raise StateError("averaged: need a step first, of which there are averages; got none")
        return self._averages.network(self.net)

    def lr_find(
        self,
        x: Any,
        y: Any = None,
        *,
        low: float = 1e-6,
        high: float = 1.0,
        steps: int = 200,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        class_weight: Mapping[Any, float] | str | None = None,
    ) -> RangeTest:
        """Find a learning rate: train a copy while the rate rises from ``low`` to ``high``.

        It rises by the same factor at each of so many ``steps``, in place of the optimizer's rate
        or schedule; groups with a rate of their own keep it.  It ends where the loss explodes.
        This trainer stays as it is, to the bit.  Returns a `RangeTest`: rates, losses, a suggestion
        and a picture.  Source: Smith 2017.

        Raises `OptionError` unless 0 < low < high, and what `fit` raises for data.

        >>> net = cnn.Sequential([cnn.Dense(8, "tanh"), cnn.Dense(1)], inputs=2, seed=0)
        >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.Adam(lr=0.05))
        >>> x = np.random.default_rng(0).normal(size=(100, 2))
        >>> y = x[:, :1] * x[:, 1:]
        >>> found = trainer.lr_find(x, y, low=1e-5, high=10.0, steps=100)
        >>> 1e-4 < found.suggestion < 1.0
        True
        >>> trainer.optimizer.lr = found.suggestion
        """
        from cnn_core.train.lr_find import find, rates_of  # which only few trainings need

        rates = rates_of(low, high, steps)
        batch_size = options.whole("lr_find: batch_size", batch_size)
        shuffle = options.flag("lr_find: shuffle", shuffle)
        weights = weighted_by_class(self._objective, class_weight, y, sample_weight, "lr_find")
        data = self._understood(self._data(x, y, weights, "lr_find"))
        return find(self, data, rates, min(batch_size, data.n_rows), shuffle=shuffle)

    def diagnose(self, x: Any, y: Any = None, sample_weight: Any = None) -> Diagnosis:
        """Return, layer by layer, what the network makes of these rows, and how it would learn.

        The range of values, the share of dead units (a relu that gives 0 for every row) and of
        saturated values (where a sigmoid or tanh has less than a hundredth of its steepest slope),
        the norm of the gradients, and what a step of the optimizer with all rows as its minibatch
        would change, over the size of the weights.  Printed it is a table, with a word on what is
        odd; `Diagnosis.plot` draws it.  The trainer stays as it is.

        >>> net = cnn.Sequential([cnn.Dense(8, "tanh"), cnn.Dense(1)], inputs=2, seed=0)
        >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.Adam(lr=0.05))
        >>> x = np.random.default_rng(0).normal(size=(100, 2))
        >>> y = x[:, :1] * x[:, 1:]
        >>> net.params["dense_0.w"] = 100 * net.params["dense_0.w"]
        >>> report = trainer.diagnose(x, y)
        >>> report["dense_0"].saturated > 0.5, report["dense_0"].words
        (True, '96% saturated')
        """
        from cnn_core.train.diagnosis import diagnosed  # which only few trainings need

        data = self._understood(self._data(x, y, sample_weight, "diagnose"))
        program = self._program(data, data.n_rows, training=True)
        program.need_rows("diagnose", data.n_rows)
        return diagnosed(self, program, data)  # type: ignore[arg-type]

    def predict_proba(self, x: Any) -> Any:
        """Return what the outputs for ``x`` say of probabilities, as the loss reads them.

        The softmax of the logits of classes, (N, C); the sigmoid of the logits of yes-or-no
        questions; probabilities as they are.  By output where there are several losses.  Raises
        `OptionError` for losses whose outputs stand for none, such as margins and numbers.

        >>> x = np.random.default_rng(0).normal(size=(200, 2))
        >>> y = (x[:, 0] > x[:, 1]).astype(int)
        >>> net = cnn.Sequential([cnn.Dense(8, "relu"), cnn.Dense(2)], inputs=2, seed=0)
        >>> trainer = cnn.Trainer(net, loss="softmax_cross_entropy")
        >>> trainer.predict_proba(x).sum(axis=1).round(5)[:3]
        array([1., 1., 1.], dtype=float32)
        """
        return self._predicting("predict_proba", x)

    def predict_classes(self, x: Any) -> Any:
        """Return the class of each row of ``x``: the most probable, or yes where p > 1/2.

        Of margins, as `Hinge` has them, the largest, or yes where they are above 0.  Labels from 0
        on, int64 (N,), where there are several to choose from; 0 and 1 for yes-or-no questions, one
        to a row (N,), several (N, questions).  Where the network has names for its classes, see
        `Model.classes`, these.

        >>> x = np.random.default_rng(0).normal(size=(200, 2))
        >>> y = (x[:, 0] > x[:, 1]).astype(int)
        >>> net = cnn.Sequential([cnn.Dense(8, "relu"), cnn.Dense(2)], inputs=2, seed=0)
        >>> trainer = cnn.Trainer(net, loss="softmax_cross_entropy")
        >>> bool((trainer.predict_classes(x) == net.predict(x).argmax(axis=1)).all())
        True
        """
        found = self._predicting("predict_classes", x)
        if not isinstance(found, dict):
            decided = self._decided(found, self._objective.terms[0])
            names = self.net.classes
            return decided if names is None else np.array(names)[decided]
        return {t.key: self._decided(found[t.key], t) for t in self._objective.terms}

    def _decided(self, p: np.ndarray, term: Term) -> np.ndarray:
        """Return the class of each row of probabilities or margins."""
        assert self._probable is not None
        outputs = self._probable.outputs
        node = outputs.get(term.key, next(iter(outputs.values())))
        margins, one = term.loss.outputs_are == MARGINS, node.shape[1:] in ((), (1,))
        # Of several margins each is a question where the targets of a training were numbers.
        asked = any(isinstance(part, tuple) and part[:2] == (term.target, "real")
                    for key in self._programs for part in key)  # fmt: skip
        if last_operation(node).op == "softmax" or (margins and not one and not asked):
            return p.argmax(axis=-1)
        found = (p > (0.0 if margins else 0.5)).astype(np.int64)
        return found[..., 0] if node.shape[1:] == (1,) else found

    def _predicting(self, who: str, x: Any) -> Any:
        known = (LOGITS, PROBABILITIES, MARGINS) if who == "predict_classes" else (
            LOGITS, PROBABILITIES)  # fmt: skip
        terms = self._objective.terms
        for term in terms:
            if (term.loss.outputs_are or scale_of(self._objective.output(term))) not in known:
                what = "tell classes" if MARGINS in known else "stand for probabilities"
                raise OptionError(
                    f"{who}: need a loss whose outputs {what}, such as SoftmaxCrossEntropy; got "
                    f"{shown(term.loss)}"
                )
        if not terms:
            raise OptionError(f"{who}: need a loss by name; got a function of nodes")
        if self._probable is None:
            made = {t.key: t.loss.prediction(self.net.outputs[t.key]) for t in terms}
            single = self.net.is_single
            self._probable = Model(next(iter(made.values())) if single else made,
                                   inputs=self.net.inputs.values())  # fmt: skip
        return self._probable.predict(x)

    def _evaluate(self, data: Data) -> dict[str, float]:
        values = self._evaluation_program(data).evaluate(data)
        asked = [(term, rows) for term in data.terms if (rows := rows_of(term.metrics))]
        found: Any = self.net.predict(data.features) if asked else None
        for term, rows in asked:
            outputs = found if self.net.is_single else found[term.key]
            ignored = ignored_label(term.loss, data.inputs[term.target])
            own = evaluate_rows(rows, outputs, data.targets[term.target], data.w, ignored,
                                data.meanings.get(term.target))  # fmt: skip
            values |= {f"{term.prefix}{name}": value for name, value in own.items()}
        return {name: values[name] for name in self._objective.names(data.terms, rows=True)
                if name in values}  # fmt: skip

    def _evaluation_program(self, data: Data) -> LossProgram:
        return self._program(data, min(EVALUATE_ROWS, data.n_rows), training=False)

    def _reported(self, *, with_validation: bool) -> list[str]:
        names = self._objective.names(rows=False)
        known = self._objective.names(rows=True)
        return names + [f"val_{name}" for name in known] if with_validation else names

    def _split(self, data: Data, share: Any, given: Any) -> tuple[Data, Data | None]:
        """Return the data to train with, and those to validate with."""
        if share is None:
            return data, self._validation(given)
        if given is not None:
            raise OptionError("fit: need validation_data or validation_split; got both")
        labels = [a for name, a in data.targets.items() if data.inputs[name].dtype == "int32"]
        label = labels[0] if len(labels) == len(data.targets) == 1 else None
        rows, held = split_rows("fit: validation_split", data.n_rows, share, self.seed, label)
        return data._replace(rows=np.sort(rows)), data.picked(np.sort(held))

    def _validation(self, given: Sequence[Any] | None) -> Data | None:
        if given is None:
            return None
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            got = type(given).__name__
            got += f" of length {len(given)}" if isinstance(given, (tuple, list)) else ""
            raise OptionError(f"fit: need validation_data (x, y) or (x, y, weights); got {got}")
        x, y, *w = given
        try:
            return self._understood(self._data(x, y, w[0] if w else None, "validation_data"))
        except CnnCoreError as error:  # of the loss, which does not know whose targets it looks at
            if not str(error).startswith("validation_data"):
                error.args = (f"validation_data: {error}", *error.args[1:])
            raise

    # -- what training needs too --------------------------------------------------------------

    def _data(self, x: Any, y: Any, w: Any, who: str, *, finite: bool | None = None) -> Data:
        finite = self.check_finite if finite is None else finite
        return check_data(self.net, self._objective, x, y, w, who=who, finite=finite,
                          scale=self._scale)  # fmt: skip

    def _understood(self, data: Data, *, anew: bool = False) -> Data:
        """Return ``data`` with what it means, where a metric asks for it.

        What the targets of the last `fit` meant goes on: of a few rows it is less certain.
        """
        asking = [t for t in data.terms if any(m.asks for m in t.metrics)]
        if not asking:
            return data
        known = None if anew else self._meanings.get(data.target_key)
        if known is None:
            known = {
                t.target: t.loss.meaning(self._objective.output(t), data.inputs[t.target],
                                         data.targets[t.target])
                for t in asking
            }  # fmt: skip
        return data._replace(meanings=known)

    def _program(self, data: Data, max_batch: int, *, training: bool) -> LossProgram:
        """Return a program that takes ``max_batch`` rows; compile one where there is none."""
        store = self.net.store
        key = (training, *data.key, store.learning if training else None)
        alone: frozenset[str] = frozenset()
        if training and data.sparse:
            alone = frozenset(store.grads) if self._by_rows else self.optimizer.left_alone(store)
        key = (*key, alone) if alone else key
        found = self._programs.get(key)
        if found is None or found.program.max_batch < max_batch:
            if found is not None:  # one that grows row by row is not compiled for each
                max_batch = max(max_batch, 2 * found.program.max_batch)
            found = LossProgram(
                self.net, self._objective, data, max_batch, training=training,
                scale=self._scale, alone=alone,
            )  # fmt: skip
            self._programs[key] = found
        found.use_threads(get_num_threads())
        return found
