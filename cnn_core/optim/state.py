"""An optimizer's state, named by parameter: where it lies, what is saved, what may be loaded."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cnn_core import options
from cnn_core.arrays import refuse_mask
from cnn_core.errors import OptionError, StateError
from cnn_core.naming import hint
from cnn_core.optim.groups import Kind
from cnn_core.optim.schedules import MAX_STEPS
from cnn_core.state.blocks import part
from cnn_core.state.params import ParamStore

if TYPE_CHECKING:
    from cnn_core._ext.core import Learner

N_SCALARS = 4
"""CNN_MAX_SLOT of cnn_core.h: numbers that live from step to step beside the slots."""


class Part:
    """A parameter as an optimizer sees it, and where it lies.

    In its block it takes up the elements from ``begin`` to ``end``, the last of which may be a
    gap; in the optimizer's buffers it starts at ``at``.
    """

    __slots__ = ("at", "begin", "block", "end", "name", "shape")

    def __init__(self, store: ParamStore, name: str) -> None:
        place, (self.at, end) = store.place(name), store.spans[name]
        self.name, self.shape, self.block = name, place.shape, place.block
        self.begin, self.end = place.begin, place.begin + end - self.at

    def of(self, slot: np.ndarray) -> np.ndarray:
        """Return its part of an optimizer's buffer, in its shape."""
        return part(slot, self.at, self.shape)

    def follows(self, other: Part) -> bool:
        """Tell whether it is the next in all memory."""
        return (
            self.block is other.block and self.begin == other.end
            and self.at - other.at == other.end - other.begin
        )  # fmt: skip


def parts_of(store: ParamStore) -> list[Part]:
    """Return the parameters that learn, or could, in the order of memory."""
    order = {id(block): i for i, block in enumerate(store.blocks)}
    found = [Part(store, name) for name in store.grads]
    return sorted(found, key=lambda p: (order[id(p.block)], p.begin))


def ranges_of(
    parts: Iterable[Part], slots: list[np.ndarray], kinds: Mapping[str, Kind],
    alone: Collection[str] = (),
) -> list[tuple]:  # fmt: skip
    """Return the ranges of a `Learner`; neighbours of equal kind become one, unless norms of theirs
    are limited or they are ``alone``.

    ``kinds`` are those of the parameters that are to be updated.
    """
    runs: list[list[Part]] = []
    for p in parts:
        if p.name not in kinds:
            continue
        last = runs[-1][-1] if runs else None
        kind = kinds[p.name]
        joins = last is not None and p.name not in alone and last.name not in alone
        if joins and p.follows(last) and kind == kinds[last.name] and not kind.max_norm:
            runs[-1].append(p)
        else:
            runs.append([p])
    ranges = []
    for run in runs:
        begin, end, at, block = run[0].begin, run[-1].end, run[0].at, run[0].block
        own = [slot[at : at + end - begin] for slot in slots]
        names = [(p.name, p.begin - begin, p.end - begin) for p in run]
        decay, column, *penalties = kinds[run[0].name]
        n_unit = run[0].shape[-1] if run[0].shape else 1
        ranges.append((block.value[begin:end], block.grad[begin:end], own, decay, column, names,
                       (*penalties, n_unit)))  # fmt: skip
    return ranges


def check_state(who: str, state: Any, kernel: str, slots: Iterable[str]) -> None:
    """Raise `StateError` unless ``state`` is a `state_dict` of ``kernel`` with these slots."""
    kinds = {"kernel": str, "step_count": (int, np.integer), "scalars": np.ndarray,
             "slots": Mapping}  # fmt: skip
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
    if state["kernel"] != kernel:
        raise StateError(f"{who}: need the state of {kernel!r}; got {state['kernel']!r}")
    if set(state["slots"]) != set(slots):
        raise StateError(f"{who}: need the slots {list(slots)}; got {list(state['slots'])}")
    scalars = state["scalars"]
    refuse_mask(scalars, who=f"{who}: scalars", name="an array")
    if scalars.dtype != np.float64 or scalars.shape != (N_SCALARS,):
        raise StateError(
            f"{who}: scalars: need float64 of shape ({N_SCALARS},); got {scalars.dtype} of shape "
            f"{scalars.shape}"
        )
    for slot, arrays in state["slots"].items():
        if not isinstance(arrays, Mapping):
            got = options.shown(arrays)
            raise StateError(f"{who}: {slot}: need arrays by names of parameters; got {got}")
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray):
                got = options.shown(array)
                raise StateError(f"{who}: {slot}: {name}: need an array; got {got}")
            refuse_mask(array, who=f"{who}: {slot}: {name}", name="an array")


def check_fit(who: str, state: Mapping[str, Any], parts: list[Part], dtype: Any) -> None:
    """Raise `StateError` unless a checked state is that of these parameters; all faults named."""
    known = {p.name: p.shape for p in parts}
    for slot, arrays in state["slots"].items():
        faults = [f"no {name}" for name in known if name not in arrays]
        faults += [f"an unknown {options.shown(name)}{hint(name, known)}"
                   for name in arrays if name not in known]  # fmt: skip
        faults += [f"{name} as {arrays[name].dtype} {arrays[name].shape}"
                   for name, shape in known.items() if name in arrays
                   and (arrays[name].dtype != dtype or arrays[name].shape != shape)]  # fmt: skip
        if faults:
            need = ", ".join(f"{name} {shape}" for name, shape in known.items())
            raise StateError(f"{who}: {slot}: need {dtype} for {need}; got {', '.join(faults)}")


class Stateful:
    """The part of an `Optimizer` that saves and loads its state."""

    kernel: ClassVar[str] = ""
    """Stem of the C file, and the name that `cnn_core.optim.get` knows."""

    slots: list[np.ndarray]
    scalars: np.ndarray
    step_count: int
    _store: ParamStore | None
    _parts: list[Part]
    _loaded: Mapping[str, Any] | None
    """A state that waits for the parameters."""
    _learner: Learner | None

    if TYPE_CHECKING:  # what an `Optimizer` has
        def named_slots(self) -> dict[str, float]: ...
        def options(self) -> dict[str, Any]: ...
        def reset(self) -> None: ...

    def __getstate__(self) -> dict[str, Any]:
        """Options and state; the parameters are not the optimizer's, which finds them again."""
        kept = {k: v for k, v in vars(self).items() if k not in PASSING}
        known = self._store is not None or self._loaded is not None
        return {**kept, "step_count": self.step_count, "state": self._saved() if known else None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Wait for parameters of the same names; raise `StateError` where this is no state."""
        who = type(self).__name__
        try:
            kept = {k: v for k, v in state.items() if k not in ("step_count", "state")}
            self.__dict__.update(kept)
            self.reset()
            self.options()
            if state["state"] is not None:
                self.load_state_dict(state["state"])
            self.step_count = state["step_count"]
        except (AttributeError, KeyError, TypeError, OptionError) as error:
            need = "need the state of an optimizer; got another"
            raise StateError(f"{who}: {need}: {error}") from error

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all that a continued training needs, and the options for the record.

        ``{"kernel": name, "options": {...}, "step_count": steps made, "scalars": 4 float64,
        "slots": {slot: {parameter: array of its shape}}}``.
        """
        if self._store is None and self._loaded is None:
            raise StateError(
                f"{self._who('state_dict')}: need bind(store) first, or a first step; got an "
                f"unbound optimizer"
            )
        from copy import deepcopy  # read here: what only predicts does without

        return {"kernel": self.kernel, "options": self.options(), **deepcopy(self._saved())}

    def _saved(self) -> dict[str, Any]:
        """Return the state, not copied: that of the buffers, or the one that waits for them."""
        if self._store is None and self._loaded is not None:
            return {**self._loaded, "step_count": self.step_count}
        slots = zip(self.named_slots(), self.slots, strict=True)
        return {
            "kernel": self.kernel,
            "step_count": self.step_count,
            "scalars": self.scalars,
            "slots": {slot: {p.name: p.of(flat) for p in self._parts} for slot, flat in slots},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Overwrite the state with that of `state_dict`; the options stay as they are.

        Before the optimizer knows its parameters, as in a new `Trainer`, a copy of the state waits
        until it does (`bind`, or the first step), and only then is compared with them.  Raises
        `StateError`, and changes nothing, unless kernel and slots are the same, and the parameters
        in name, shape and dtype; in which order they lie in memory does not matter.
        """
        who = self._who("load_state_dict")
        check_state(who, state, self.kernel, self.named_slots())
        if self._store is None:
            from copy import deepcopy

            kept = ("kernel", "step_count", "scalars", "slots")
            self._loaded = deepcopy({key: state[key] for key in kept})
        else:
            check_fit(who, state, self._parts, self._store.dtype)
            self._write(state)
        self.step_count = state["step_count"]
        self._learner = None  # it may have made steps that nobody has counted

    def _write(self, state: Mapping[str, Any]) -> None:
        """Copy a state that fits into the buffers."""
        np.copyto(self.scalars, state["scalars"])
        for name, flat in zip(self.named_slots(), self.slots, strict=True):
            for p in self._parts:
                p.of(flat)[...] = state["slots"][name][p.name]

    def _who(self, method: str) -> str:
        return f"{type(self).__name__}.{method}"


PASSING = frozenset((
    "_store", "_parts", "_loaded", "slots", "scalars", "step_count",
    "_ahead", "_learners", "_learner", "_only", "_rows", "_counted",
))  # fmt: skip
"""What `Optimizer.reset` sets: no part of a pickle, which has the state by names instead."""
