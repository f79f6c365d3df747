"""ParamStore: who owns the numbers of a model, its parameters and their gradients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core.arrays import as_numbers, as_real
from cnn_core.errors import DtypeError, GraphError, OptionError, ShapeError, StateError
from cnn_core.ir.node import Parameter
from cnn_core.naming import hint
from cnn_core.options import matching, shown
from cnn_core.state.blocks import (
    FROZEN,
    STATE,
    TRAINABLE,
    Block,
    Place,
    aligned_zeros,
    new_places,
    part,
    spanned,
)


class ParamStore(Mapping[str, np.ndarray]):
    """The parameters of a model: a mapping from names to views of their numbers.

    ``ParamStore(parameters, dtype)`` holds numbers of its own, which begin as those that the
    parameters have at present.  They lie in one flat buffer, ``value``, and their gradients in
    another, ``grad``; ``spans`` gives each name its (begin, end) in elements there.  Each span
    starts on a multiple of 16 elements; what lies between the end of a parameter and the next
    span is zero and stays zero.  Programs and optimizers share a store.

    Writing into a view changes the parameter: ``store["w"][...] = array``; ``store["w"] = array``
    checks its shape and dtype first, and raises `ShapeError` or `DtypeError`.  Raises `KeyError`
    for unknown names.

    >>> w, b = cnn.Parameter("w", [[1.0], [2.0]]), cnn.Parameter("b", [0.5])
    >>> store = cnn.ParamStore([w, b], "float64")
    >>> x = cnn.Input("x", (cnn.BATCH, 2))
    >>> graph = cnn.Graph(cnn.ops.dense(x, w, b), params=store)
    >>> store["b"] = [0.0]
    >>> graph.forward(x=[1, 1]), dict(store.spans)
    (array([3.]), {'w': (0, 16), 'b': (16, 32)})
    """

    dtype: np.dtype
    spans: Mapping[str, tuple[int, int]]
    grads: Mapping[str, np.ndarray]
    blocks: tuple[Block, ...]

    def __init__(self, parameters: Iterable[Parameter], dtype: Any) -> None:
        dtype = options.real_dtype("ParamStore", dtype)
        found = options.items("ParamStore", parameters, "parameters", "list")
        for p in found:
            if not isinstance(p, Parameter):
                raise GraphError(f"ParamStore: need parameters; got {options.shown(p)}")
        _check_names(found)
        self._hold(dtype, new_places(found, dtype), {p: p.name for p in found})

    def _hold(self, dtype: np.dtype, places: list[Place], names: Mapping[Parameter, str]) -> None:
        by_name = {names[place.node]: place for place in places}
        blocks = tuple(dict.fromkeys(place.block for place in places)) or (Block(0, 0, dtype),)
        spans, at = {}, 0
        for name, place in by_name.items():
            begin = place.begin if len(blocks) == 1 else at
            at = begin + spanned(place.shape)
            spans[name] = (begin, at)
        # Past __setattr__: programs run in this memory from now on.
        self.__dict__.update(
            dtype=dtype, blocks=blocks, _places=by_name,
            spans=MappingProxyType(spans), _by_node={p.node: p for p in places},
            _names={place: name for name, place in by_name.items()},
            _views={name: place.value for name, place in by_name.items()},
            grads=MappingProxyType({name: place.grad for name, place in by_name.items()
                                    if place.role != STATE}),
        )  # fmt: skip

    @property
    def value(self) -> np.ndarray:
        """The flat buffer of the numbers."""
        return self._only().value

    @value.setter
    def value(self, new: np.ndarray) -> None:
        self._refuse_other("value", new)

    @property
    def grad(self) -> np.ndarray:
        """The flat buffer of the gradients."""
        return self._only().grad

    @grad.setter
    def grad(self, new: np.ndarray) -> None:
        self._refuse_other("grad", new)

    def _only(self) -> Block:
        if len(self.blocks) > 1:
            raise StateError(
                f"ParamStore: need parameters in one block, for a flat buffer of all; got "
                f"{len(self.blocks)} blocks, those of networks within networks"
            )
        return self.blocks[0]

    def _refuse_other(self, name: str, new: Any) -> None:
        if new is not getattr(self._only(), name):  # store.grad *= 2 puts the array back
            need = "it as it is, for programs run in this memory: write into store[name][...]"
            raise options.refuse(f"ParamStore: {name}", need, new)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("value", "grad"):
            object.__setattr__(self, name, value)
            return
        need = "it as it is, for programs run in this memory: write into store[name][...]"
        raise options.refuse(f"ParamStore: {name}", need, value)

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def __getstate__(self) -> dict[str, Any]:
        """The places, whose blocks hold the numbers; gradients are passing."""
        return {"dtype": self.dtype, "places": self._places}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Raise `StateError` unless names, places and type agree."""
        _check_state(state)
        places = state["places"]
        self._hold(np.dtype(state["dtype"]), list(places.values()),
                   {place.node: name for name, place in places.items()})  # fmt: skip

    # -- parameters by node ---------------------------------------------------------------

    def name_of(self, parameter: Parameter) -> str:
        """Return the name of a parameter here: in a network within another it has a longer one.

        Raises what `find` raises.
        """
        return self._names[self.find(parameter, "ParamStore")]

    def find(self, parameter: Parameter, who: str) -> Place:
        """Return where the numbers of a parameter lie.

        That is its own place if it has one here, else that of the parameter of its name, so that
        several graphs may share a store.  Raises `GraphError` where there is none, `ShapeError`
        where that has another shape: a program reads and writes memory as its nodes say.
        """
        if not isinstance(parameter, Parameter):
            raise options.refuse(who, "parameters", parameter)
        place = self._by_node.get(parameter)
        if place is not None:
            return place
        place = self._places.get(parameter.name)
        if place is None:
            held = ", ".join(self) or "none"
            raise GraphError(f"{who}: need params that hold {parameter.name}; got {held}")
        if place.shape != parameter.shape:
            raise ShapeError(
                f"{who}: need params in which {parameter.name} has its shape {parameter.shape}; "
                f"got one of shape {place.shape}"
            )
        return place

    def need(self, parameters: Iterable[Parameter], who: str) -> None:
        """Raise what `find` raises unless all ``parameters`` are here, in their shapes."""
        for p in options.items(who, parameters, "parameters", "list"):
            self.find(p, who)

    # -- roles ----------------------------------------------------------------------------

    @property
    def learning(self) -> frozenset[str] | None:
        """The names of the parameters that learn; None: all do."""
        names = [name for name, place in self._places.items() if place.role == TRAINABLE]
        return None if len(names) == len(self._places) else frozenset(names)

    def learns(self, parameter: Parameter) -> bool:
        """Tell whether a parameter learns."""
        return self.find(parameter, "ParamStore").role == TRAINABLE

    def place(self, name: str) -> Place:
        """Return where a parameter lies."""
        self[name]
        return self._places[name]

    def role(self, name: str) -> str:
        """Return "trainable", "frozen" or "state".

        >>> net = cnn.Sequential([cnn.BatchNorm(), cnn.Dense(1)], inputs=2)
        >>> net.freeze("dense_0.*")
        >>> [net.params.role(name) for name in ("dense_0.w", "batchnorm_0.s", "batchnorm_0.mean")]
        ['frozen', 'trainable', 'state']
        """
        return self.place(name).role

    def freeze(self, pattern: str) -> None:
        """Let the parameters of a name or pattern, such as ``"dense_0.*"``, not learn.

        Raises `OptionError` for one that matches none.
        """
        self._set_role("freeze", pattern, TRAINABLE, FROZEN)

    def unfreeze(self, pattern: str) -> None:
        """Let the parameters of a name or pattern learn again.

        Raises `OptionError` for one that matches none.
        """
        self._set_role("unfreeze", pattern, FROZEN, TRAINABLE)

    def _set_role(self, who: str, pattern: str, before: str, after: str) -> None:
        names = [name for name, place in self._places.items() if place.role != STATE]
        for name in matching(who, pattern, names):
            place = self._places[name]
            place.role = after if place.role == before else place.role
        Place.changes += 1

    # -- numbers --------------------------------------------------------------------------

    def view(self, flat: np.ndarray, name: str) -> np.ndarray:
        """Return the part of a flat buffer that belongs to ``name``, in its shape.

        Raises `OptionError` for an unknown name, `ShapeError` for a buffer of another length.
        """
        if not isinstance(name, str) or name not in self.spans:
            raise options.refuse("view", f"one of {', '.join(self.spans)}", name)
        if not isinstance(flat, np.ndarray) or flat.shape != (self._length(),):
            raise ShapeError(
                f"view: need a flat buffer of shape {(self._length(),)}; got "
                f"{flat.shape if isinstance(flat, np.ndarray) else shown(flat)}"
            )
        return part(flat, self.spans[name][0], self._places[name].shape)

    def _length(self) -> int:
        return max((end for _, end in self.spans.values()), default=0)

    def like(self) -> np.ndarray:
        """Return a new flat buffer of zeros, as long as the parameters.

        >>> store = cnn.ParamStore([cnn.Parameter("w", [1.0, 2.0])], "float64")
        >>> flat = store.like()
        >>> store.view(flat, "w")
        array([0., 0.])
        """
        return aligned_zeros(self._length(), self.dtype)

    def assign(
        self, values: Mapping[str, Any], who: str = "set_params", *, strict: bool = False
    ) -> None:
        """Overwrite the named parameters; all are checked before the first is changed.

        ``strict`` asks for all of them.  Raises `OptionError` for unknown or missing names,
        `ShapeError`, `DtypeError`, and `DataError` for what the dtype cannot hold.
        """
        if not isinstance(values, Mapping):
            raise options.refuse(who, "a mapping from names to arrays", values)
        missing = [name for name in self if name not in values] if strict else []
        if missing:
            raise OptionError(f"{who}: need all parameters; got none for {', '.join(missing)}")
        checked = {}
        for name, value in values.items():
            if name not in self.spans:
                known = ", ".join(self.spans)
                raise OptionError(
                    f"{who}: need one of {known}; got {options.shown(name)}{hint(name, self.spans)}"
                )
            array = as_numbers(value, who=f"{who}: {name}")
            shape = self._places[name].shape
            if array.shape != shape:
                raise ShapeError(f"{who}: {name}: need shape {shape}; got {array.shape}")
            array = as_real(array, self.dtype, who=f"{who}: {name}")
            shared = any(np.may_share_memory(array, block.value) for block in self.blocks)
            checked[name] = array.copy() if shared else array
        for name, array in checked.items():
            self._views[name][...] = array

    def __getitem__(self, name: str) -> np.ndarray:
        try:
            return self._views[name]
        except (KeyError, TypeError):  # TypeError: a name that cannot be hashed
            known = ", ".join(self.spans) or "none"
            raise KeyError(
                f"no parameter {shown(name)}; the parameters are {known}{hint(name, self.spans)}"
            ) from None

    def __setitem__(self, name: str, value: Any) -> None:
        """Overwrite the numbers of one parameter, as `assign` does."""
        if value is not self[name]:  # store[name] += 1 puts the view back
            self.assign({name: value}, "params")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._views

    def __iter__(self) -> Iterator[str]:
        return iter(self.spans)

    def __len__(self) -> int:
        return len(self.spans)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name} {place.shape}" for name, place in self._places.items())
        return f"<ParamStore {self.dtype}: {inside}>"

    def _repr_html_(self) -> str:
        from cnn_core import notebook  # seldom asked for

        rows = [(name, place.role, place.shape, f"{place.value.size:,}")
                for name, place in self._places.items()]  # fmt: skip
        size = sum(place.value.size for place in self._places.values())
        more = f"{len(rows):,} parameters, {size:,} numbers, {self.dtype}"
        head = ("parameter", "role", "shape", "numbers")
        return notebook.shown("ParamStore", more, notebook.table(head, rows, numbers=1))


def store_of(
    parameters: Mapping[Parameter, str], dtype: Any, who: str, seed: int | None = None
) -> ParamStore:
    """Return a store of the numbers that ``parameters`` have, wherever they lie, under these names.

    Those that lie nowhere yet are drawn, from ``seed``, and placed in a new block and nowhere
    else.  ``dtype`` None is that of the placed ones, or float64.  Raises `DtypeError` where they
    are of others.
    """
    found = list(parameters)
    for p in found:
        if p.place is None:
            continue
        own = p.place.block.dtype
        dtype = own if dtype is None else dtype
        if own != dtype:
            raise DtypeError(
                f"{who}: need parameters of {dtype}; got {p.name!r}, whose numbers are {own} "
                f"(params=ParamStore(parameters, dtype) makes copies)"
            )
    dtype = np.dtype("float64" if dtype is None else dtype)
    rng = np.random.default_rng(seed)
    for p in found:
        p.draw(rng)
    for place in new_places([p for p in found if p.place is None], dtype):
        place.node.settle(place)
    store = ParamStore.__new__(ParamStore)
    store._hold(dtype, [p.place for p in found], parameters)
    return store


def _check_names(parameters: list[Parameter]) -> None:
    names = set()
    for p in parameters:
        if p.name in names:
            raise GraphError(f"parameter {p.name!r}: need different names; got it twice")
        names.add(p.name)


def _check_state(state: Any) -> None:
    """Raise `StateError` unless ``state`` is one that `ParamStore.__getstate__` may have made."""
    places = state.get("places") if isinstance(state, Mapping) else None
    if not isinstance(places, Mapping) or state.get("dtype") not in (np.float32, np.float64):
        raise StateError(f"ParamStore: need the state of a store; got {options.shown(state)}")
    ends: dict[int, int] = {}  # of the last parameter in each block
    for name, place in places.items():
        if not isinstance(name, str) or not isinstance(place, Place) or not place.is_whole():
            raise StateError(
                f"ParamStore: need a place within its block for each parameter; got "
                f"{options.shown(place)} for {options.shown(name)}"
            )
        if place.block.dtype != state["dtype"]:
            raise StateError(
                f"ParamStore: need numbers of {state['dtype']}; got those of {name!r} in "
                f"{place.block.dtype}"
            )
    for name, place in sorted(places.items(), key=lambda item: item[1].key):
        if place.begin < ends.get(id(place.block), 0):
            raise StateError(f"ParamStore: need a place for each parameter; got {name!r} on others")
        ends[id(place.block)] = place.begin + spanned(place.shape)
