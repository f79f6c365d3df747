"""Node: one vertex of a computational graph.  Knows operands and shapes, never numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cnn_core import options
from cnn_core.errors import DtypeError, GraphError, ShapeError
from cnn_core.ir.group import groups, plain
from cnn_core.ir.lengths import BATCH, MAX_ELEMENTS, Shape, as_array, check_shape
from cnn_core.ir.operators import Operators
from cnn_core.options import shown

if TYPE_CHECKING:
    from cnn_core.state.blocks import Place


class _Registry(dict[str, "type[Node]"]):
    """The node class of an operation; its file in ``cnn_core/ops`` is read when first needed."""

    def __missing__(self, op: str) -> type[Node]:
        import_module(f"cnn_core.ops.{op}")
        return dict.__getitem__(self, op)


_NEEDS = {
    "real": "real numbers",
    "int32": "int32 labels or indices, such as Input(name, shape, 'int32')",
    "any": "real or int32 numbers",
}

class Node(Operators):
    """One operation and its operands: a vertex of a graph, which knows shapes and holds no numbers.

    Operators (+, -, *, /, **, @, comparisons, slices) and the functions of `cnn_core.ops` make
    nodes; a number or an array among the operands becomes a `Constant`.  ``shape`` may begin with
    `BATCH`, ``dtype`` is "real", that of the graph, or "int32", ``inputs`` are the operands,
    ``name`` is what it was called.  A node does not change once made.  Operands that do not fit
    raise `ShapeError` or `DtypeError`, which name them, at the line that makes the node.

    A subclass is one file in ``cnn_core/ops``; it sets the class attributes below and
    defines `infer_shape`.  The kernel in ``src_c/ops/<op>.c`` does the arithmetic.

    >>> x = cnn.Input("x", (cnn.BATCH, 3))
    >>> y = cnn.ops.sum(2.0 * x[:, 1:] + 1.0, axis=1)
    >>> y.shape, y.dtype, y.op
    ((B,), 'real', 'sum')
    >>> cnn.Graph(y).forward(x=[[1, 2, 3]])
    array([12.])
    """

    op: ClassVar[str] = ""
    """Stem of the C file, and the name of the function in `cnn_core.ops`."""

    differentiable: ClassVar[tuple[bool, ...]] = (True,)
    """Per input: has it a gradient?  The last entry holds for all further inputs."""

    operand_dtypes: ClassVar[tuple[str, ...]] = ("real",)
    """Per input: "real", "int32", or "any" of the two.  The last entry holds for all further ones.

    The kernels read memory as what this says: any other operand is refused when the node is made.
    """

    grad_reads: ClassVar[str] = "xy"
    """What the gradient kernels read besides dy and saved values: 'x' the inputs, 'y' the value."""

    rowwise: ClassVar[bool] = True
    """Row r of the value depends on row r of the batched inputs only."""

    is_map: ClassVar[bool] = False
    """The C operation has a `map`: one input, one element at a time, possible in place."""
    grad_in_place: ClassVar[bool] = False
    """The gradient may be written over dy: one input, of the same shape."""
    training_only: ClassVar[bool] = False
    """In inference the value is that of the only input."""

    by_rows: ClassVar[bool] = False
    """The kernel takes the first axis of all operands for rows, also where it is no batch axis."""

    draws: ClassVar[bool] = False
    """The value depends on random numbers: the seed, the step and the node's ``key``."""

    joint_gradient: ClassVar[bool] = False
    """One gradient step makes the gradients of all inputs; it has the wanted ones' numbers."""

    statistics: ClassVar[bool] = False
    """A step of its own makes the saved values, of the whole batch or, in inference, of the states
    that `updates` names; with them the value is row-wise.  See `cnn_core.compile.whole_batch`."""

    gradient_alone: ClassVar[bool] = False
    """Gradient steps get y, dy and dx alone, for the operands may be many; see `grad_attrs`."""

    inputs: tuple[Node, ...]
    name: str
    group: tuple[str, ...]
    """The groups that it is in, outermost first."""
    shape: Shape = ()
    dtype: str = "real"
    """The dtype of the program, or "int32", "float64"."""
    saved: Mapping[str, Shape] = MappingProxyType({})
    """What forward keeps for the gradients, of `saved_dtype`."""
    saved_dtype: str = "real"
    places: int = 1
    """How many numbers of a row of the batch count in each of its `statistics`."""
    sums: Mapping[str, Shape] = MappingProxyType({})
    """Sums over the batch that the gradients share; those of all inputs but the first read them
    alone.  A step of its own makes them or, where its `n_unit` is 0, the first gradient."""
    updates: tuple[int, ...] = ()
    """The inputs, each a `State`, that change once a step has learnt."""
    _made = False

    symbol: ClassVar[str] = ""
    """What pictures write into the gate, such as ``+{c:g}`` with a field; else its name."""

    registry: ClassVar[dict[str, type[Node]]] = _Registry()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.op:
            Node.registry[cls.op] = cls

    def __init__(self, inputs: tuple[Node, ...] = (), *, name: str = "", **fields: Any) -> None:
        own = self.__dict__  # past __setattr__, as graphs have many nodes
        own["inputs"], own["name"], own["group"] = tuple(inputs), name, groups.get()
        own.update(fields)
        if not isinstance(name, str):
            who = self.op or type(self).__name__
            raise GraphError(f"{who}: need name, a string; got {options.shown(name)}")
        self._check_operands()
        self.infer_shape()
        if self.shape:
            need_possible(self, self.shape)
        own["_made"] = True

    def __setattr__(self, name: str, value: Any) -> None:
        """Nodes do not change: the steps of all programs are compiled from their shapes."""
        if self._made:
            raise options.refuse(f"{self.label}: {name}", "a new node for another value", value)
        self.__dict__[name] = value

    def _check_operands(self) -> None:
        """Raise `DtypeError` unless the inputs are of the `operand_dtypes`."""
        dtypes = self.operand_dtypes
        for i, x in enumerate(self.inputs):
            need = dtypes[i if i < len(dtypes) else -1]
            if x.dtype != need and (need != "any" or x.dtype == "float64"):
                raise DtypeError(
                    f"{self.label}: need {_NEEDS[need]}; got {x.label} with dtype {x.dtype}"
                )

    def infer_shape(self) -> None:
        """Set `shape`, and `dtype` and `saved` where they differ from the default."""
        raise GraphError(f"{self.label}: the class {type(self).__name__} defines no infer_shape")

    def attrs(self) -> tuple[float | int, ...]:
        """Return the numbers that the C kernel finds in ``step.attr``."""
        return ()

    def grad_attrs(self, i: int) -> tuple[float | int, ...]:
        """Return what the gradient's kernel of input ``i`` finds there: by default the same."""
        return self.attrs()

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return of what `made_of` makes such a node: operands, and options by name."""
        from inspect import signature  # takes longer to import than this package

        known = signature(_function(self.op)).parameters
        own = {k: v for k, v in vars(self).items() if k in known and k not in ("name", "shape")}
        return self.inputs, own

    @classmethod
    def made_of(cls, operands: Sequence[Any], given: Mapping[str, Any], name: str) -> Node:
        """Return a node by the function `cnn_core.ops.<op>`, which checks what it is given."""
        return _function(cls.op)(*operands, **given, name=name)

    def view_start(self) -> int | None:
        """Return the element of the input's row where the value begins, if it is a run of it."""
        return None

    def n_unit(self, wrt: int) -> int:
        """Return into how many units the gradient of an unbatched input (-1: the `statistics`,
        -2: the `sums`) divides; 0: none."""
        return 0

    def n_column(self, which: int) -> int:
        """Return the columns by which a step that divides by rows may be divided too; 0: none.

        ``which`` is -1 for the value, else the number of the input whose gradient it is.
        """
        return 0

    def sum_state(self, wrt: int) -> int:
        """Return what an unbatched input's gradient keeps from block to block (`Step.state`)."""
        return -1

    @property
    def label(self) -> str:
        """The name that messages use: the given one, else the operation's."""
        return plain(self.name) or self.op or type(self).__name__.lower()

    @property
    def batched(self) -> bool:
        """Whether the leading axis is `BATCH`."""
        return bool(self.shape) and self.shape[0] is BATCH

    def is_differentiable(self, i: int) -> bool:
        """Tell whether the value has a gradient with respect to input ``i``."""
        flags = self.differentiable
        return bool(flags) and flags[min(i, len(flags) - 1)] and self.inputs[i].dtype == "real"

    @property
    def has_gradient(self) -> bool:
        """Whether the value depends differentiably on anything, or is a leaf."""
        return not self.inputs or any(map(self.is_differentiable, range(len(self.inputs))))

    def __repr__(self) -> str:
        operands = ", ".join(i.label for i in self.inputs)
        return f"<{type(self).__name__} {self.label!r} ({operands}) shape={self.shape}>"

    @classmethod
    def _make(cls, op: str, *operands: Any, **fields: Any) -> Node:
        return Node.registry[op](tuple([as_node(x) for x in operands]), **fields)

    def __bool__(self) -> bool:
        raise GraphError(
            f"{self.label}: need a value to be true or false, and a node has none before its graph "
            f"runs; got bool() of a node (choose by value with ops.where)"
        )

    # Without this, iteration would call x[0], x[1], ... and end in an error about an index.
    __iter__ = None

    # NumPy arrays on the left must leave the operator to the node.
    __array_ufunc__ = None

    def __array__(self, *args: Any, **options: Any) -> np.ndarray:
        raise GraphError(
            f"{self.label}: need numbers for NumPy, and a node has none before its graph runs; got "
            f"a node (its own functions are cnn.ops.mean, cnn.ops.exp ...)"
        )


class Input(Node):
    """A value that is fed from outside, by its name.

    ``shape`` may start with `BATCH`; ``()`` is a scalar.  ``dtype`` is "real" (the dtype of
    the graph) or "int32" (labels, indices).  Raises `GraphError` for what is no name, `ShapeError`
    and `DtypeError`.

    >>> x, k = cnn.Input("x", (cnn.BATCH, 3)), cnn.Input("k", (cnn.BATCH, 1), dtype="int32")
    >>> cnn.Graph(cnn.ops.take_along_axis(x, k, axis=1)).forward(x=[[5, 6, 7]], k=[[2]])
    array([[7.]])
    """

    def __init__(self, name: str, shape: Shape = (), dtype: str = "real") -> None:
        if not isinstance(name, str) or not name:
            raise GraphError(f"Input: need a name; got {shown(name)}")
        if not isinstance(dtype, str) or dtype not in ("real", "int32"):
            raise DtypeError(f"Input {name!r}: need dtype 'real' or 'int32'; got {shown(dtype)}")
        super().__init__(name=name, shape=check_shape(name, shape), dtype=dtype)

    def infer_shape(self) -> None:
        """It is given."""


class Parameter(Node):
    """A trained value.  ``value`` gives the shape and the starting numbers.

    In place of a value there may be a ``shape`` and ``init``, a function of (shape, rng): whoever
    first gives it a place draws the numbers.  All networks and graphs with it share that place, and
    ``value`` is a copy of what lies there, float64.  Raises `GraphError` for what is no name,
    `ShapeError`, and `DtypeError` for what is no numbers.

    >>> w = cnn.Parameter("w", [1.0, 2.0])
    >>> graph = cnn.Graph(cnn.ops.sum(cnn.ops.square(w)))
    >>> loss = graph.step(cnn.SGD(lr=0.25))                      # the gradient is 2 w
    >>> w.value
    array([0.5, 1. ])
    >>> v = cnn.Parameter("v", shape=(3,), init=lambda shape, rng: rng.normal(size=shape))
    """

    is_state: ClassVar[bool] = False  # such as a running mean, which steps keep up to date

    _start: np.ndarray | None
    _init: Callable[..., Any] | None
    place: Place | None
    """Where its numbers lie, in the store that owns them."""

    def __init__(
        self, name: str, value: Any = None, *, shape: Any = None,
        init: Callable[[tuple[int, ...], np.random.Generator], Any] | None = None,
    ) -> None:  # fmt: skip
        if not isinstance(name, str) or not name:
            raise GraphError(f"Parameter: need a name; got {shown(name)}")
        start = None
        if init is None:
            start = as_array(value, f"Parameter {name!r}")
            shape = start.shape
        elif value is not None or not callable(init):
            raise options.refuse(f"Parameter {name!r}", "a value, or a shape and init", init)
        shape = check_shape(name, shape)
        super().__init__(name=name, shape=shape, _start=start, _init=init, place=None)

    def infer_shape(self) -> None:
        """It is that of the value."""

    def draw(self, rng: np.random.Generator) -> None:
        """Draw the starting numbers, unless there are numbers already."""
        if self._init is not None:
            who, need = f"Parameter {self.name!r}", "an initialiser f(shape, rng)"
            made = as_array(options.call(who, need, self._init, self.shape, rng), who)
            if made.shape != self.shape:
                raise ShapeError(f"{who}: need init to return shape {self.shape}; got {made.shape}")
            self.__dict__.update(_start=made, _init=None)

    @property
    def value(self) -> np.ndarray:
        """The numbers as they are, float64."""
        self.draw(np.random.default_rng())
        return self._start if self.place is None else np.array(self.place.value, np.float64)

    def settle(self, place: Place) -> None:
        """Let the numbers lie at ``place``, which holds them already, and nowhere else."""
        self.__dict__.update(_start=None, place=place)


class State(Parameter):
    """A value among the parameters that is not trained: learning steps update it by themselves,
    as running statistics.  It has no gradient."""

    is_state: ClassVar[bool] = True


class Constant(Node):
    """A fixed value, such as the 2 in ``2 * x``: any shape of up to 6 axes; a copy is taken.

    ``dtype`` is "real" or "int32".  Raises `ShapeError`, and `DtypeError` for what is no numbers.

    >>> weights = cnn.Constant([0.2, 0.3, 0.5])
    >>> x = cnn.Input("x", (cnn.BATCH, 3))
    >>> cnn.Graph(cnn.ops.sum(x * weights, axis=1)).forward(x=[[10, 10, 10]])
    array([10.])
    """

    def __init__(self, value: Any, name: str = "", *, dtype: str = "real") -> None:
        fixed = as_array(value, "Constant")
        fixed.flags.writeable = False  # programs have copies
        super().__init__(name=name, value=fixed, dtype=dtype)

    def infer_shape(self) -> None:
        self.shape = self.value.shape


def label_of(name: Any, op: str) -> str:
    """Return what messages call a node that is yet to be made."""
    return name if isinstance(name, str) and name else op


def as_node(value: Any) -> Node:
    """Return ``value`` if it is a node, else a `Constant` that holds it."""
    return value if isinstance(value, Node) else Constant(value)


def need_possible(who: Node | str, shape: Shape) -> None:
    """Raise `ShapeError` where a row of ``shape`` has more than `MAX_ELEMENTS`."""
    if prod(shape[1:] if shape and shape[0] is BATCH else shape) > MAX_ELEMENTS:
        label = who.label if isinstance(who, Node) else who
        raise ShapeError(
            f"{label}: need at most {MAX_ELEMENTS} elements; got shape {options.shown(shape)}"
        )


def _function(op: str) -> Callable[..., Any]:
    return getattr(import_module(f"cnn_core.ops.{op}"), op)
