"""Trainer: a network, a loss and an optimizer, and what can be done with the three."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cnn_core import optim, options
from cnn_core._ext.core import Lock, shuffled
from cnn_core.errors import OptionError
from cnn_core.naming import Keywords
from cnn_core.nn.meaning import Meaning
from cnn_core.nn.model import Model
from cnn_core.options import shown
from cnn_core.run.threads import recompile_on_change
from cnn_core.train import averages
from cnn_core.train import callbacks as callback_module
from cnn_core.train.averages import Averages, WeightAverage
from cnn_core.train.batches import LossProgram
from cnn_core.train.checked import RowOrder, checked_shuffle, weighted_by_class
from cnn_core.train.evaluating import Evaluating
from cnn_core.train.history import History
from cnn_core.train.loop import Loop, Part
from cnn_core.train.objective import Objective
from cnn_core.train.progress import make_progress
from cnn_core.train.savable import Savable
from cnn_core.train.showing import Shown
from cnn_core.train.stepping import Stepping
from cnn_core.train.target_scale import TargetScale

FIXED = frozenset({"net", "loss", "loss_weights", "metrics", "target_scale", "target_shift",
                   "weight_average"})  # fmt: skip
"""What programs are compiled from."""

PASSING = frozenset({"_lock", "_programs", "_last", "_loop", "_probable", "_source"})
"""What is no part of a copy."""

CHECKED = FIXED | {"optimizer", "seed", "check_finite", "guard", "epochs_done"}
"""What is looked at when it is set."""


class Trainer(Evaluating, Stepping, Savable, Shown, Keywords):
    """Trains ``net`` to make ``loss`` small, with minibatches and an ``optimizer``.

    ``loss`` is a `Loss` or a name such as "mse"; for several outputs a dictionary of them by
    output (None: not trained), of which the sum is taken with ``loss_weights``; or any scalar, as a
    function of nodes ``f(outputs, targets)``: both are dictionaries, or the node where there is
    one.  Of one number per row, (B,), the mean is taken.  ``optimizer`` is an
    `cnn_core.optim.Optimizer` or a name such as "adam".  ``metrics``, by output where there are
    several, are names (accuracy, top_5, log_loss, auc, average_precision,
    balanced_accuracy, f1, mae, mse, rmse, mape, r2), `cnn_core.Metric` objects, or functions of
    (targets, outputs); those that need all rows, such as auc and functions, are reported by
    `evaluate` and for validation data only.  The loss sees ``y * target_scale + target_shift``: an
    autoencoder of uint8 pixels takes the network's ``input_scale``.

    ``seed`` decides the order of rows, dropout masks and noise: same seed, data and machine, same
    parameters to the bit.  ``net``, ``loss``, ``metrics`` and the scale stay as they are;
    the optimizer and its rate, the seed, ``check_finite`` and ``epochs_done`` may be set.

    NaN and infinity in data raise `DataError`, which names the first row and column: in targets
    and weights always; in features, unless ``check_finite`` says otherwise, where looking costs
    little next to the work: in `fit` and `step`, for arrays in memory.  True: also in memory-mapped
    files, which are read once for that, and in `evaluate`.  False: never.  Rows that count
    nothing, of weight 0 or with an ignored label, may hold anything.

    A step whose loss or a gradient of which is NaN or infinite updates nothing.  ``guard="raise"``
    raises `NotFiniteError`, which names the first node whose value or gradient is not finite, its
    layer, and the rows of data that it comes from; "skip" goes on with the next batch, counts the
    step as one without an update, and adds to `skipped`; None does not look, and the parameters
    become what the arithmetic makes of them.

    ``weight_average`` "ema" or "swa", or `cnn_core.EMA` and `cnn_core.SWA` with options, keeps
    averages of the parameters: `averaged` is the network with them, to evaluate and to save.

    Warns where ``net`` ends in what ``loss`` applies itself, such as a softmax.

    Raises `OptionError` for bad options, and what a loss or metric raises that does not fit
    ``net``.

    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = (x[:, 0] > x[:, 1]).astype(int)
    >>> net = cnn.Sequential([cnn.Dense(8, "relu"), cnn.Dense(2)], inputs=2, seed=0)
    >>> trainer = cnn.Trainer(net, loss="softmax_cross_entropy", optimizer=cnn.Adam(lr=0.01),
    ...                       metrics=["accuracy"], seed=0)
    >>> history = trainer.fit(x, y, epochs=20, validation_split=0.2, progress=False)
    >>> history["val_accuracy"][-1] > 0.9
    True

    An objective of one's own is a scalar node, or one number for each row:

    >>> def objective(output, target):
    ...     return cnn.ops.mean(cnn.ops.abs(output - target)) + 0.01 * cnn.ops.mean(output * output)
    >>> net = cnn.Sequential([cnn.Dense(1)], inputs=2, seed=0)
    >>> loss = cnn.Trainer(net, loss=objective).step(x, x[:, :1])
    """

    def __init__(
        self,
        net: Model,
        *,
        loss: Any,
        loss_weights: Mapping[str, float] | None = None,
        optimizer: optim.Optimizer | str = "adam",
        metrics: Any = (),
        seed: int = 0,
        check_finite: bool | None = None,
        guard: str | None = "raise",
        weight_average: WeightAverage | str | None = None,
        target_scale: float | None = None,
        target_shift: float | None = None,
    ) -> None:
        if not isinstance(net, Model):
            raise OptionError(f"Trainer: need a net, a Model or Sequential; got {shown(net)}")
        self.net = net
        self._objective = Objective(net, loss, loss_weights, metrics)
        self.loss, self.metrics = self._objective.loss, self._objective.metrics
        self.loss_weights = loss_weights
        self.target_scale = 1.0 if target_scale is None else target_scale
        self.target_shift = 0.0 if target_shift is None else target_shift
        given = (target_scale, target_shift) != (None, None)
        self._scale = TargetScale(self.target_scale, self.target_shift, given)
        self.optimizer = optim.get(optimizer)
        self.seed = seed
        self.check_finite = check_finite
        self.guard = guard
        self.weight_average = averages.get(weight_average)
        self._averages: Averages | None = None
        self.batch_sums = (0.0, 0.0)
        """Of the last whole epoch of `fit`, summed over its steps: their rows times their mean
        loss, and times what the option ``l2_per_row`` of the optimizer's groups adds to it, of the
        parameters before each update.  Their sum over the rows is the loss that scikit-learn
        reports."""
        self.skipped = 0
        """How many steps the guard has passed over."""
        self.epochs_done = 0
        self.stop = False
        self.reports = self._reported(with_validation=False)
        """The keys of the history that the present or last `fit` returns."""
        self.history = History()
        """That history, also where `fit` raised."""
        self._rest: Part | None = None  # of an epoch that was broken off
        self._told: dict[str, Any] | None = None  # what tells its data from others
        self._place: Mapping[str, Any] | None = None  # of a stream, in that epoch, ...
        self._source: Any = None  # ... if an iterator, which
        self._paused = False  # by a callback, within an epoch
        self._loop: Loop | None = None  # of the fit under way
        self._probable = None
        self._lock = Lock()  # programs share the gradients: one trains at a time
        self._programs: dict[tuple, LossProgram] = {}
        self._meanings: dict[tuple, dict[str, Meaning | None]] = {}  # of the last fit's targets
        self._last: LossProgram | None = None  # of the last step
        self._only: frozenset[str] | None = None  # what it updated
        self._roles = 0  # when the roles of parameters were looked at
        recompile_on_change(self)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in CHECKED:
            self.__dict__[name] = value
            return
        if name in FIXED and name in self.__dict__:
            raise options.refuse(f"Trainer: {name}", "a new Trainer for another value", value)
        if name == "optimizer":
            value = optim.get(value)
        elif name == "seed":
            value = options.seed("Trainer: seed", value)
        elif name in ("target_scale", "target_shift"):
            value = options.number("Trainer", value, option=name)
        elif name == "check_finite" and value is not None:
            value = options.flag("Trainer: check_finite", value)
        elif name == "guard" and value is not None:
            value = options.choice("Trainer", value, ("raise", "skip"), option="guard None or")
        elif name == "epochs_done":
            value = options.whole("Trainer: epochs_done", value, 0)
        self.__dict__[name] = value

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is compiled; a copy goes on where this trainer is, to the same bits."""
        return {k: v for k, v in vars(self).items() if k not in PASSING}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=Lock(), _programs={}, _last=None, _loop=None,
                             _probable=None, _source=None)  # fmt: skip
        recompile_on_change(self)

    # -- training -------------------------------------------------------------------------

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        batch_size: int = 32,
        accumulate: int = 1,
        mixup: float | None = None,
        epochs: int = 1,
        shuffle: bool | RowOrder = True,
        validation_data: Sequence[Any] | None = None,
        validation_split: float | None = None,
        sample_weight: Any = None,
        class_weight: Mapping[Any, float] | str | None = None,
        callbacks: Iterable[Any] = (),
        progress: bool | str = True,
        on_interrupt: str = "raise",
        resume: Any = None,
        same_data: bool = True,
        steps_per_epoch: int | None = None,
        prefetch: int = 0,
    ) -> History:
        """Train for ``epochs`` passes over the rows of ``x`` and ``y``; return their `History`.

        ``x`` is an array (N, I), also memory-mapped, of float32, float64 or uint8 (others, and
        tables, are converted once) or, where dense layers alone read it, a sparse matrix of SciPy
        (CSR as it is, others are converted once), ``y`` the targets that the loss takes; of
        several inputs or outputs dictionaries, or tuples in their order; None for a function of
        outputs alone and for `cnn_core.Triplet`.  ``sample_weight`` (N,)
        weighs the rows; the loss's ``reduction`` says how, see `cnn_core.Loss`.  ``class_weight``,
        {class: weight} or "balanced", multiplies it by that of each row's label, see
        `cnn_core.data.class_weights`; validation data keep their own weights.
        ``validation_data`` is (x, y) or (x, y, weights), evaluated after each epoch;
        ``validation_split``, in its place, a share of the rows, such as 0.2, drawn by the seed and
        held back, of labels in the proportions of their classes.
        ``accumulate`` minibatches make one step, with the mean of their gradients as their rows
        weigh: what a batch of all their rows would give, but that batch statistics are those of
        each, of which the last moves the running ones, and working memory is that of one.
        ``shuffle`` True takes the rows in an order drawn by the seed, anew in each epoch, False as
        they come, and a function f(epoch, N) as the N row numbers say that it returns for an epoch,
        counted from 1: a permutation, or rows drawn again and again.  An epoch that was broken off
        goes on where the function returns the same order for it; ``resume`` refuses another.
        ``mixup`` alpha > 0, such as 0.2, trains with mixed rows in place of those of the data: each
        becomes s x + (1 - s) x', where x' is another row of its minibatch and s, one for each step,
        is drawn from Beta(alpha, alpha).  Targets that are numbers are mixed in the same way; of
        labels, and -1 and +1, the loss is s l(y) + (1 - s) l(y'), and metrics ask for the one of
        the greater share.  With weights of rows that becomes s w l(y) + (1 - s) w' l(y').  Rows
        that count nothing are mixed with none.  Source: Zhang et al. 2018.
        ``callbacks`` are `Callback` objects or functions ``f(epoch, values)``.  ``progress`` shows
        a bar on a terminal and in a notebook ("always": lines of text elsewhere).

        Everything is checked before the first step.  Ctrl-C ends the training after the current
        chunk of steps: the parameters are those of the last whole step, callbacks have ended,
        and `history` holds the whole epochs.  Then KeyboardInterrupt is raised again, or, with
        ``on_interrupt="return"``, the history returned with a warning.

        A second call continues: optimizer state, epoch count and row order go on.  An epoch that
        was broken off, by Ctrl-C, an error or ``trainer.stop``, is finished first and counts as its
        first epoch, if rows, batch size and order are the same and nothing else was trained or
        loaded since; otherwise it starts over.

        ``resume`` is the file of a `Checkpoint`, or of `save`: where there is one, the training in
        it goes on until there are ``epochs`` in all, and ends with the bits of one that was never
        interrupted, whatever the number of threads; where there is none, it begins.  So the same
        script, run again, goes on.  Refused, unless ``same_data=False``, where the rows, columns,
        dtype or first rows of the data are others.

        In place of ``x`` and ``y`` there may be a stream: an iterable of batches (x, y) or (x, y,
        weights), such as `cnn_core.data.Batches`, or a function that returns one.  An epoch is
        one pass, or ``steps_per_epoch`` batches; a thread makes ``prefetch`` of them ahead.  To go
        on where it was, a stream with `state_dict` and `load_state_dict` is put into its place, and
        any other wound forward by the batches that were taken: to the same bits if it yields the
        same ones again, else the epoch starts over, with a warning.

        Other threads may predict meanwhile: each weight that they see is one that some step has
        left, but they need not be all of the same step, since a step changes them in place.

        Raises `OptionError` for bad options, `ShapeError`, `DtypeError`, `LabelError` or
        `DataError` for data, naming the row; then nothing has changed.  Raises `NotFiniteError` as
        ``guard`` says.

        >>> net = cnn.Sequential([cnn.Dense(8, "tanh"), cnn.Dense(1)], inputs=2, seed=0)
        >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.Adam(lr=0.05))
        >>> x = np.random.default_rng(0).normal(size=(100, 2))
        >>> y = x[:, :1] * x[:, 1:]
        >>> trainer.fit(x, y, epochs=2, batch_size=20, progress=False).epochs
        2
        >>> history = trainer.fit(x, y, epochs=3, batch_size=20, progress=False)    # epochs 3 to 5
        >>> history.first, trainer.epochs_done, trainer.optimizer.step_count
        (2, 5, 25)
        >>> batches = lambda: ((x[i : i + 50], y[i : i + 50]) for i in (0, 50))     # a stream
        >>> trainer.fit(batches, epochs=1, progress=False).epochs
        1
        """
        batch_size = options.whole("fit: batch_size", batch_size)
        epochs = options.whole("fit: epochs", epochs, 0)
        accumulate = options.whole("fit: accumulate", accumulate, option="accumulate")
        shuffle = checked_shuffle(shuffle)
        options.choice("fit", on_interrupt, ("raise", "return"), option="on_interrupt")
        stream = None
        if y is None or steps_per_epoch is not None or prefetch:
            from cnn_core.train.stream import stream_of  # which not all trainings need
            from cnn_core.train.stream_loop import StreamLoop

            beside = (sample_weight, class_weight, validation_split)
            stream = stream_of(x, steps_per_epoch, prefetch, beside)
            if stream is not None and callable(shuffle):
                raise options.refuse("fit: shuffle", "True or False beside a stream", shuffle)
        if stream is not None:
            x, y, sample_weight = stream.first()
        weights = weighted_by_class(self._objective, class_weight, y, sample_weight, "fit")
        data = self._understood(self._data(x, y, weights, "fit"), anew=True)
        data, validation = self._split(data, validation_split, validation_data)
        if validation is not None and validation.target_key == data.target_key:
            validation = validation._replace(meanings=data.meanings)
        hooks = callback_module.get(callbacks)
        going_on = self._going_on(resume, data, options.flag("fit: same_data", same_data))
        n_rows = data.n_rows * (1 if stream is None else stream.batches or 0)
        silent = n_rows == 0 or any(hook.shows_progress for hook in hooks)
        bar = make_progress(progress, epochs + self.epochs_done, n_rows, silent=silent)
        batch_size = data.n_rows if stream is not None else min(batch_size, data.n_rows)
        mixed = None
        if mixup is not None and options.amount("fit: mixup", mixup) > 0:
            from cnn_core.train.mixup import Mixup  # which not all trainings need

            if stream is not None:
                raise OptionError("fit: need arrays, x and y, for mixup; got a stream")
            mixed = Mixup(self, mixup, data)
        program = self._program(data if mixed is None else mixed.like, batch_size, training=True)
        program.need_rows("fit", data.n_rows, batch_size)
        if validation is not None:
            self._evaluation_program(validation).need_rows("validation_data", validation.n_rows)
        self._meanings[data.target_key] = data.meanings
        if accumulate > 1 and (data.sparse or stream is not None):
            got = "a stream" if stream is not None else f"sparse rows for {data.sparse[0]}"
            raise OptionError(f"fit: need dense arrays to accumulate gradients of; got {got}")
        loop = Loop(self, program, data, validation, batch=batch_size, shuffle=shuffle,
                    callbacks=hooks, bar=bar, accumulate=accumulate, mixup=mixed)  # fmt: skip
        if stream is not None:
            loop = StreamLoop(self, program, data, validation, stream, callbacks=hooks, bar=bar)
        try:
            loop.run(epochs, going_on)
        except KeyboardInterrupt:
            if on_interrupt == "raise":
                raise
            warnings.warn(
                f"training interrupted in epoch {self.epochs_done + 1}, "
                f"after {self.optimizer.step_count} steps",
                stacklevel=2,
            )
        finally:
            if stream is not None:
                stream.close()
        return loop.history

    def _forget_plan(self) -> None:
        """Let the next step look at the number of threads again."""
        self._last = None

    def _row_order(self, n: int) -> np.ndarray:
        """Return this epoch's order of rows: a function of seed and epoch alone."""
        return shuffled(n, self.seed, self.epochs_done)
