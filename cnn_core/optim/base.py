"""Optimizer: options, the step count, and the learner that updates.  The arithmetic is in C."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core._ext.core import Learner
from cnn_core.errors import OptionError, StateError
from cnn_core.naming import Keywords
from cnn_core.optim import schedules
from cnn_core.optim.groups import Groups, Kind
from cnn_core.optim.schedules import MAX_STEPS, Rate
from cnn_core.optim.state import N_SCALARS, Part, Stateful, check_fit, parts_of, ranges_of
from cnn_core.options import shown
from cnn_core.state.params import ParamStore

AHEAD = 64
"""How many single steps' rates are made at once."""

NONE_AHEAD: tuple[int, list[tuple[float, ...]]] = (0, [])
"""No rates of the steps from 0 on."""


class Optimizer(Keywords, Stateful, ABC):
    """Base of the optimizers.  A subclass names its C kernel, its options and its slots.

    ``lr`` is a positive number or a schedule (see `cnn_core.optim.schedules`) and may be
    replaced at any time; all other options are fixed.  ``weight_decay`` reaches every parameter
    but those that ``no_decay`` names, exactly or by a pattern such as ``"*.b"``.  Before an
    update, gradients are limited to [-clip_value, clip_value], then scaled so that their norm
    over all parameters is at most ``clip_norm`` (torch.nn.utils.clip_grad_norm_).

    ``groups`` gives parameters options of their own, by names or patterns::

        groups={"*.b": dict(lr_factor=0.1, weight_decay=0.0), "head*": dict(lr=CosineDecay(...))}

    A parameter belongs to the first that matches its name.  ``lr_factor``, from 0 on, multiplies
    the optimizer's rate at every step; ``lr``, a number or a schedule, takes its place;
    ``weight_decay`` takes the place of the optimizer's, but what ``no_decay`` names has none in
    any group.  Norms are clipped over all groups together.

    Penalties per layer: ``l1`` and ``l2`` add l1 sum |p| + l2 sum p^2 to what is made small, of
    which the gradient l1 sign(p) + 2 l2 p (0 at p = 0) is added before anything is clipped; the
    losses that are reported are those without it.  ``l2_per_row`` c adds c sum p^2 / W to the loss
    of a step, W being the sum of its rows' weights, or their number, which the mean loss is divided
    by too: what scikit-learn's ``alpha`` is twice of.  ``max_norm`` limits, after each update, the
    Euclidean norm of each column of a matrix (I, O), the weights into one unit (Srivastava et al.
    2014; Keras' MaxNorm over axis 0)::

        groups={"dense_0.w": dict(l1=1e-4), "*.w": dict(l2=1e-4, max_norm=3.0)}

    Bad options raise `OptionError`; so does, when the parameters are known, a pattern that
    matches none of them.

    What is common to all of them:

    >>> net = cnn.Sequential([cnn.Dense(4, "relu"), cnn.Dense(1)], inputs=2, seed=0)
    >>> optimizer = cnn.Adam(lr=cnn.optim.CosineDecay(0.1, steps=1000), clip_norm=1.0,
    ...                      groups={"*.b": dict(lr_factor=0.1)})
    >>> optimizer.lr_at(0), optimizer.lr_at(500)
    (0.1, 0.05)
    >>> optimizer.rates_at(500)                                  # of the weights, of the biases
    (0.05, 0.005000000000000001)
    >>> trainer = cnn.Trainer(net, loss="mse", optimizer=optimizer)
    >>> loss = trainer.step(np.ones((8, 2)), np.ones((8, 1)))
    >>> optimizer.step_count
    1
    """

    lr: Rate
    weight_decay: float
    no_decay: tuple[str, ...]
    clip_norm: float | None
    clip_value: float | None

    def __init__(
        self,
        lr: Rate,
        own: Mapping[str, float | bool],
        weight_decay: float,
        no_decay: Iterable[str],
        clip_norm: float | None,
        clip_value: float | None,
        groups: Mapping[str, Mapping[str, Any]] | None,
    ) -> None:
        name = type(self).__name__
        found = {
            "lr": schedules.rate(f"{name}: lr", lr),
            **own,
            "weight_decay": options.amount(f"{name}: weight_decay", weight_decay),
            "no_decay": options.names(f"{name}: no_decay", no_decay),
            "clip_norm": options.limit(f"{name}: clip_norm", clip_norm),
            "clip_value": options.limit(f"{name}: clip_value", clip_value),
        }
        for option, value in found.items():
            object.__setattr__(self, option, value)
        self._groups = Groups(name, groups)
        self._single = self._groups.n_columns == 1
        self._option_names = (*found, "groups")
        self.reset()

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "lr":
            value = schedules.rate(f"{type(self).__name__}: lr", value)
            self.__dict__["_ahead"] = NONE_AHEAD
        elif name == "step_count":
            value = options.whole(f"{type(self).__name__}: step_count", value, 0, MAX_STEPS)
        elif name in self.__dict__.get("_option_names", ()):
            raise OptionError(
                f"{type(self).__name__}: {name}: need a new optimizer for other options "
                f"(only lr may change); got {shown(value)}"
            )
        object.__setattr__(self, name, value)

    @property
    def groups(self) -> dict[str, dict[str, Any]]:
        """A copy of the groups, ``{pattern: {option: value}}``."""
        return self._groups.options()

    @property
    def _by_rows(self) -> bool:
        """Whether a parameter without a gradient and without weight decay stays as it is."""
        return False

    @abstractmethod
    def hyper(self) -> tuple[float, ...]:
        """Return the options in the order that the C file documents."""

    @abstractmethod
    def named_slots(self) -> dict[str, float]:
        """Return name and starting value of each state buffer that these options call for."""

    def slot_starts(self) -> tuple[float, ...]:
        """Return the starting value of each state buffer that these options call for."""
        return tuple(self.named_slots().values())

    def lr_at(self, step: int) -> float:
        """Return the learning rate of ``step``, counted from 0, of parameters in no group.

        Raises `OptionError` if the schedule gives anything but a finite number >= 0, or for a step
        that is no whole number from 0 on.
        """
        return schedules.rate_at(type(self).__name__, self.lr, self._counted_step(step))

    def rates_at(self, step: int) -> tuple[float, ...]:
        """Return what `lr_at` does, then the rate of each group that has one of its own."""
        lr = self.lr  # this comes before every single step, so the likeliest is looked at first
        if type(lr) is float and self._single:
            return (lr,)
        first, ahead = self._ahead
        if type(step) is int and 0 <= step - first < len(ahead):
            return ahead[step - first]
        who, step = type(self).__name__, self._counted_step(step)
        if schedules.is_pure(lr) and self._groups.are_pure:
            try:
                columns = self._groups.rates(who, lr, step, AHEAD).T.tolist()
            except OptionError:  # of a later step, perhaps
                columns = []
            self.__dict__["_ahead"] = step, (made := list(zip(*columns, strict=True)))
            if made:
                return made[0]
        return self._groups.rates_at(who, lr, step)

    def rates(self, first: int, n: int) -> np.ndarray:
        """Return the `rates_at` of ``n`` steps from ``first`` on, to the bit, one step a row."""
        first = self._counted_step(first)
        if type(n) is not int or not 0 <= n <= MAX_STEPS:
            n = options.whole(f"{type(self).__name__}: n", n, 0, MAX_STEPS)
        if type(self.lr) is float and self._single:
            rates = np.empty((n, 1))
            rates.fill(self.lr)
            return rates
        return self._groups.rates(type(self).__name__, self.lr, first, n)

    def _counted_step(self, step: int) -> int:
        if type(step) is int and 0 <= step <= MAX_STEPS:
            return step
        return options.whole(f"{type(self).__name__}: step", step, 0, MAX_STEPS)

    def options(self) -> dict[str, Any]:
        """Return all options by name, in the order of the constructor."""
        return {name: getattr(self, name) for name in self._option_names}

    described = options

    def bind(self, store: ParamStore) -> None:
        """Allocate the state for ``store``; binding to the same store again keeps the state.

        Raises `StateError` if bound to another store, or if the state that was loaded before is
        that of other parameters; `OptionError` if an entry of ``no_decay`` or ``groups`` matches
        no parameter.
        """
        if self._store is store:
            return
        if not isinstance(store, ParamStore):
            raise options.refuse(type(self).__name__, "a ParamStore", store)
        if self._store is not None:
            raise StateError(
                f"{type(self).__name__}: need the parameters that it was bound to first; got "
                f"others (call reset() to start afresh, or make one optimizer per network)"
            )
        parts = parts_of(store)
        self._kinds(parts)
        if self._loaded is not None:
            check_fit(self._who("load_state_dict"), self._loaded, parts, store.dtype)
        slots = [store.like() for _ in self.slot_starts()]
        for slot, start in zip(slots, self.slot_starts(), strict=True):
            if start != 0:
                slot.fill(start)
        self._parts, self.slots, self._store = parts, slots, store
        if self._loaded is not None:
            self._write(self._loaded)
            self._loaded = None

    def reset(self) -> None:
        """Forget the parameters, the state and the step count; keep the options."""
        self._store, self._parts, self._loaded = None, [], None
        self.slots, self.scalars = [], np.zeros(N_SCALARS)
        self.step_count = 0
        self._ahead = NONE_AHEAD
        self._forget_learners()

    def _forget_learners(self) -> None:
        self._learners: dict[tuple, Learner] = {}  # by what they update
        self._learner: Learner | None = None  # the last one, and what it updates
        self._only: frozenset[str] | None = None
        self._rows: tuple[str, ...] = ()
        self._counted = 0  # what was last taken over of its steps

    def apply(self, store: ParamStore, only: Iterable[str] | None = None) -> None:
        """Update the parameters once from their gradients, in place, and count the step.

        Binds to ``store`` first if needed.  ``clip_value`` clips ``store.grads`` themselves.
        ``only`` are the names of the parameters to update; all others, those that are frozen,
        their state and their part of the norm are left out.  There is one count of steps for all:
        a parameter that is first updated at step t has the bias correction and the rate of step t.

        Raises `DataError`, and changes no parameter, where a gradient is NaN or infinite.
        """
        names = None if only is None else options.names("apply: only", only)
        self.bind(store)
        learning = store.learning
        if names is not None:
            frozen = () if learning is None else set(store) - learning
            learning = frozenset(names).difference(frozen)
        self.learner(store, learning).learn(self.rates_at(self.step_count))
        self.count_steps()

    def left_alone(self, store: ParamStore) -> frozenset[str]:
        """Return the parameters of which an update leaves rows without a gradient as they are."""
        kinds = self._kinds(parts_of(store)) if self._by_rows else {}
        plain = [name for name, kind in kinds.items()
                 if not (kind.weight_decay or any(kind[2:]))]  # fmt: skip
        return frozenset(plain)

    def learner(
        self, store: ParamStore, only: frozenset[str] | None = None, rows: tuple[str, ...] = (), *,
        every_row: bool = False,
    ) -> Learner:  # fmt: skip
        """Return this optimizer, bound to ``store``, as the C core sees it.

        ``only`` names the parameters that it updates; None: all.  Of those in ``rows`` it
        takes the gradient from a batch of sparse rows, and updates what that touches; they must be
        `left_alone`, unless ``every_row`` says that all other rows may be updated besides.  The
        learner counts the steps that it makes; call `count_steps` after them.  A `step_count` that
        somebody else has set since, such as `load_state_dict`, counts.
        """
        self.bind(store)
        last = self._learner
        if last is not None and self.step_count == self._counted:
            if self._only == only and self._rows == rows:
                return last
            self.count_steps()
        else:
            self._learners.clear()
        found = self._learners.get((only, rows))
        if found is None:
            alone = self.left_alone(store) if rows else frozenset()
            if not (every_row or alone.issuperset(rows)):
                raise OptionError(
                    f"{type(self).__name__}: need an optimizer that leaves rows without a gradient "
                    f"alone, for {', '.join(rows)}, as the one that training began with; got {self}"
                )
            kinds = self._kinds(self._parts, only)
            found = self._learners[only, rows] = Learner(
                self.kernel, ranges_of(self._parts, self.slots, kinds, rows), self.scalars,
                self.hyper(), self.clip_norm or 0.0, self.clip_value or 0.0,
                n_group=self._groups.n_columns, rows=rows, left_alone=alone,
            )  # fmt: skip
        found.step = self.step_count
        self.__dict__.update(_learner=found, _only=only, _rows=rows, _counted=found.step)
        return found

    def count_steps(self) -> None:
        """Take over the number of steps that the learner has made."""
        if self._learner is not None:
            # Past __setattr__: this happens at every step.
            self.__dict__["step_count"] = self.__dict__["_counted"] = self._learner.step

    def _kinds(
        self, parts: list[Part], only: frozenset[str] | None = None
    ) -> dict[str, Kind]:
        """Return how all parameters, or ``only`` these, are updated."""
        who = type(self).__name__
        kinds = self._groups.kinds([p.name for p in parts], who, self.weight_decay, self.no_decay)
        for p in parts:
            if kinds[p.name].max_norm and len(p.shape) < 2:
                raise OptionError(
                    f"{who}: groups: max_norm: need matrices (I, O); got {p.name} {p.shape} (a "
                    f"pattern such as '*.w' leaves biases out)"
                )
        if only is None:
            return kinds
        if not only <= kinds.keys():
            unknown, known = ", ".join(sorted(only - kinds.keys())), ", ".join(kinds)
            raise OptionError(f"{who}: need names among {known}; got {unknown}")
        return {name: kinds[name] for name in only}

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self.options().items())
        return f"{type(self).__name__}({inside})"
