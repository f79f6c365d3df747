"""Optimizer: options, state in flat buffers, and the step count.  The arithmetic is in C."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, ClassVar

import numpy as np

from cnn_core import options
from cnn_core._ext.optim import Learner
from cnn_core.arrays import refuse_mask
from cnn_core.errors import OptionError, StateError
from cnn_core.graph.params import ParamStore
from cnn_core.naming import Keywords
from cnn_core.optim import schedules
from cnn_core.optim.schedules import MAX_STEPS, Rate
from cnn_core.options import shown

N_SCALARS = 4
"""CNN_MAX_SLOT of cnn_core.h: numbers that live from step to step beside the slots."""


class Optimizer(Keywords, ABC):
    """Base of the optimizers.  A subclass names its C kernel, its options and its slots.

    ``lr`` is a positive number or a schedule (see `cnn_core.optim.schedules`) and may be
    replaced at any time; all other options are fixed.  ``weight_decay`` reaches every parameter
    but those that ``no_decay`` names, exactly or by a pattern such as ``"*.b"``.  Before an
    update, gradients are limited to [-clip_value, clip_value], then scaled so that their norm
    over all parameters is at most ``clip_norm`` (torch.nn.utils.clip_grad_norm_).

    Bad options raise `OptionError`.
    """

    kernel: ClassVar[str] = ""
    """Stem of the C file, and the name that `get` knows."""

    lr: Rate
    weight_decay: float
    no_decay: tuple[str, ...]
    clip_norm: float | None
    clip_value: float | None

    slots: list[np.ndarray]
    scalars: np.ndarray
    ranges: np.ndarray
    step_count: int

    def __init__(
        self,
        lr: Rate,
        own: Mapping[str, float | bool],
        weight_decay: float,
        no_decay: Iterable[str],
        clip_norm: float | None,
        clip_value: float | None,
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
        self._option_names = tuple(found)
        self.reset()

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "lr":
            value = schedules.rate(f"{type(self).__name__}: lr", value)
        elif name == "step_count":
            value = options.whole(f"{type(self).__name__}: step_count", value, 0, MAX_STEPS)
        elif name in self.__dict__.get("_option_names", ()):
            raise OptionError(
                f"{type(self).__name__}: {name}: need a new optimizer for other options "
                f"(only lr may change); got {shown(value)}"
            )
        object.__setattr__(self, name, value)

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
        """Return the learning rate of ``step``, counted from 0.

        Raises `OptionError` if the schedule gives anything but a finite number >= 0.
        """
        if type(step) is not int or not 0 <= step <= MAX_STEPS:
            step = options.whole(f"{type(self).__name__}: step", step, 0, MAX_STEPS)
        return schedules.rate_at(type(self).__name__, self.lr, step)

    def options(self) -> dict[str, Any]:
        """Return all options by name, in the order of the constructor."""
        return {name: getattr(self, name) for name in self._option_names}

    def bind(self, store: ParamStore) -> None:
        """Allocate the state for ``store``; binding to the same store again keeps the state.

        Raises `StateError` if bound to another store, or if the state that was loaded before is
        that of other parameters; `OptionError` if an entry of ``no_decay`` matches no parameter.
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
        ranges = self._ranges_of(store.spans)
        slots = [store.like() for _ in self.slot_starts()]
        for slot, start in zip(slots, self.slot_starts(), strict=True):
            if start != 0:
                slot.fill(start)
        if self._loaded is not None:
            self._overwrite(self._loaded, store, slots)
        self.ranges, self.slots, self._store, self._loaded = ranges, slots, store, None

    def reset(self) -> None:
        """Forget the parameters, the state and the step count; keep the options."""
        self._store: ParamStore | None = None
        self._loaded: Mapping[str, Any] | None = None  # a state that waits for the parameters
        self.slots = []
        self.scalars = np.zeros(N_SCALARS)
        self.ranges = np.zeros((0, 3))
        self.step_count = 0
        self._forget_learners()

    def _forget_learners(self) -> None:
        self._learners: dict[frozenset[str] | None, Learner] = {}  # by what they update
        self._learner: Learner | None = None  # the last one, and what it updates
        self._only: frozenset[str] | None = None
        self._counted = 0  # what was last taken over of its steps

    def apply(self, store: ParamStore, only: Iterable[str] | None = None) -> None:
        """Update ``store.value`` once from ``store.grad``, in place, and count the step.

        Binds to ``store`` first if needed.  ``clip_value`` clips ``store.grad`` itself.  ``only``
        are the names of the parameters to update; all others, their state and their part of the
        norm are left out.  There is one count of steps for all: a parameter that is first updated
        at step t has the bias correction and the rate of step t.

        Raises `DataError`, and changes no parameter, where ``clip_norm`` is to clip a NaN or an
        infinite gradient.
        """
        names = None if only is None else options.names("apply: only", only)
        self.learner(store, None if names is None else frozenset(names)).learn(
            self.lr_at(self.step_count)
        )
        self.count_steps()

    def learner(self, store: ParamStore, only: frozenset[str] | None = None) -> Learner:
        """Return this optimizer, bound to ``store``, as the C core sees it.

        ``only`` names the parameters that it updates; None: all.  The learner counts the steps
        that it makes; call `count_steps` after them.  A `step_count` that somebody else has set
        since, such as `load_state_dict`, counts.
        """
        self.bind(store)
        last = self._learner
        if last is not None and self.step_count == self._counted:
            if self._only == only:
                return last
            self.count_steps()
        else:
            self._learners.clear()
        found = self._learners.get(only)
        if found is None:
            found = self._learners[only] = Learner(
                self.kernel, store.value, store.grad, self.slots, self.scalars, self.hyper(),
                self.ranges if only is None else self._ranges_of(store.spans, only),
                self.clip_norm or 0.0, self.clip_value or 0.0, spans=store.spans,
            )  # fmt: skip
        found.step = self.step_count
        self.__dict__.update(_learner=found, _only=only, _counted=found.step)
        return found

    def count_steps(self) -> None:
        """Take over the number of steps that the learner has made."""
        if self._learner is not None:
            # Past __setattr__: this happens at every step.
            self.__dict__["step_count"] = self.__dict__["_counted"] = self._learner.step

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the learners, which hold addresses."""
        return {**self.__dict__, "_learners": {}, "_learner": None, "_only": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Raise `StateError` unless buffers, options and parameters fit together."""
        _check_pickled(type(self), state)
        self.__dict__.update(state)
        if self._store is not None:
            slots = [self._store.like() for _ in self.slots]  # where the C core wants them
            for slot, array in zip(slots, self.slots, strict=True):
                np.copyto(slot, array)
            self.slots = slots

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all that a continued training needs, and the options for the record."""
        if self._store is None and self._loaded is not None:
            return {**copy.deepcopy(self._loaded), "options": self.options()}
        store = self._bound("state_dict")
        slots = zip(self.named_slots(), self.slots, strict=True)
        return {
            "kernel": self.kernel,
            "options": self.options(),
            "step_count": self.step_count,
            "scalars": self.scalars.copy(),
            "slots": {name: slot.copy() for name, slot in slots},
            "spans": dict(store.spans),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Overwrite the state with that of `state_dict`; the options stay as they are.

        Before the optimizer knows its parameters, as in a new `Trainer`, a copy of the state waits
        until it does (`bind`, or the first step), and only then is compared with them.  Raises
        `StateError`, and changes nothing, unless kernel, state buffers and layout of the
        parameters are the same.
        """
        who = f"{type(self).__name__}.load_state_dict"
        _check_keys(who, state)
        _spans(who, state)
        if state["kernel"] != self.kernel:
            raise StateError(f"{who}: need the state of {self.kernel!r}; got {state['kernel']!r}")
        names = list(self.named_slots())
        if set(state["slots"]) != set(names):
            raise StateError(f"{who}: need the buffers {names}; got {list(state['slots'])}")
        _check_array(f"{who}: scalars", self.scalars, state["scalars"])
        if self._store is None:
            self._loaded = copy.deepcopy({k: v for k, v in state.items() if k != "options"})
        else:
            self._overwrite(state, self._store, self.slots)
        self.step_count = state["step_count"]
        self._learner = None  # it may have made steps that nobody has counted

    def _overwrite(
        self, state: Mapping[str, Any], store: ParamStore, slots: Sequence[np.ndarray]
    ) -> None:
        """Write a state into the buffers ``slots`` for ``store``, unless it is that of another."""
        who = f"{type(self).__name__}.load_state_dict"
        spans = _spans(who, state)
        if spans != store.spans:
            raise StateError(f"{who}: need parameters at {dict(store.spans)}; got {spans}")
        pairs = {"scalars": (self.scalars, state["scalars"])}
        for name, slot in zip(self.named_slots(), slots, strict=True):
            pairs[name] = (slot, state["slots"][name])
        for name, (target, array) in pairs.items():
            _check_array(f"{who}: {name}", target, array)
        for target, array in pairs.values():
            np.copyto(target, array)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self.options().items())
        return f"{type(self).__name__}({inside})"

    def _bound(self, method: str) -> ParamStore:
        if self._store is None:
            raise StateError(
                f"{type(self).__name__}.{method}: need bind(store) first, or a first step; got an "
                f"unbound optimizer"
            )
        return self._store

    def _ranges_of(
        self, spans: Mapping[str, tuple[int, int]], only: frozenset[str] | None = None
    ) -> np.ndarray:
        """Return rows of begin, end, weight decay; neighbours of equal decay become one.

        Rows of parameters that are not among ``only`` are left out.
        """
        if only is not None and not only <= spans.keys():
            unknown, known = ", ".join(sorted(only - spans.keys())), ", ".join(spans)
            raise OptionError(f"{type(self).__name__}: need names among {known}; got {unknown}")
        who = f"{type(self).__name__}: no_decay"
        spared = {name for pattern in self.no_decay for name in _matching(who, pattern, spans)}
        ranges: list[list[float]] = []
        for name, (begin, end) in sorted(spans.items(), key=lambda item: item[1]):
            if only is not None and name not in only:
                continue
            decay = 0.0 if name in spared else self.weight_decay
            if ranges and ranges[-1][1] == begin and ranges[-1][2] == decay:
                ranges[-1][1] = end
            else:
                ranges.append([begin, end, decay])
        return np.array(ranges, np.float64).reshape(-1, 3)


def _matching(who: str, pattern: str, names: Iterable[str]) -> list[str]:
    found = [name for name in names if name == pattern or fnmatchcase(name, pattern)]
    if not found:
        known = ", ".join(names)
        raise OptionError(f"{who}: need a name or pattern among {known}; got {pattern!r}")
    return found


def _check_keys(who: str, state: Any) -> None:
    """Raise `StateError` unless ``state`` has the entries of a `state_dict`."""
    kinds = {"kernel": str, "step_count": (int, np.integer), "scalars": np.ndarray,
             "slots": Mapping, "spans": Mapping}  # fmt: skip
    if not isinstance(state, Mapping):
        raise StateError(f"{who}: need a state_dict; got {type(state).__name__}")
    for key, kind in kinds.items():
        if not isinstance(state.get(key), kind) or state[key] is True or state[key] is False:
            raise StateError(
                f"{who}: need {key!r} as in a state_dict; got {options.shown(state.get(key))}"
            )
    if not 0 <= state["step_count"] <= MAX_STEPS:
        got = options.shown(state["step_count"])
        raise StateError(f"{who}: need step_count from 0 to {MAX_STEPS}; got {got}")


def _spans(who: str, state: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the layout of the parameters; raise `OptionError` where it is none."""
    return {
        name: tuple(options.whole(f"{who}: spans", at, 0)
                    for at in options.items(f"{who}: spans", span, "begin and end"))
        for name, span in state["spans"].items()
    }  # fmt: skip


def _check_pickled(cls: type[Optimizer], state: Any) -> None:
    """Raise `StateError` unless an optimizer may have been pickled as ``state``."""
    who, made = cls.__name__, cls.__new__(cls)
    made.__dict__.update(state)
    try:
        starts, store = made.slot_starts(), made._store
        _check_array(f"{who}: scalars", np.zeros(N_SCALARS), made.scalars)
        options.whole(f"{who}: step_count", made.step_count, 0, MAX_STEPS)
        if len(made.slots) != (0 if store is None else len(starts)):
            raise StateError(f"{who}: need {len(starts)} buffers; got {len(made.slots)}")
        for slot in made.slots:
            _check_array(f"{who}: a buffer", store.value, slot)  # type: ignore[union-attr]
        if store is not None and not np.array_equal(made.ranges, made._ranges_of(store.spans)):
            raise StateError(f"{who}: need the ranges of {list(store)}; got {made.ranges.tolist()}")
    except (AttributeError, TypeError, OptionError) as error:
        raise StateError(f"{who}: need the state of an optimizer; got another: {error}") from error


def _check_array(who: str, target: np.ndarray, array: Any) -> None:
    if not isinstance(array, np.ndarray):
        raise StateError(f"{who}: need an array; got {options.shown(array)}")
    refuse_mask(array, who=who, name="an array")
    found = array
    if found.dtype != target.dtype or found.shape != target.shape:
        raise StateError(
            f"{who}: need {target.dtype} of shape {target.shape}; "
            f"got {found.dtype} of shape {found.shape}"
        )
