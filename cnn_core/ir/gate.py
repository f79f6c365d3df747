"""Gate: a node whose forward and backward a user writes in Python."""

from __future__ import annotations

import copyreg
from collections.abc import Sequence
from itertools import islice
from types import NoneType
from typing import Any

import numpy as np

from cnn_core.arrays import as_numbers
from cnn_core.errors import GraphError, ShapeError
from cnn_core.ir.node import Node, Shape, as_node, check_shape, label_of
from cnn_core.ir.shapes import broadcast
from cnn_core.options import shown

Arrays = Sequence[np.ndarray]
Shapes = Sequence[tuple[int, ...]]

MAX_INPUTS = 31
"""A step has one bit per gradient to say that it is added."""


class Gate:
    """The base of gates in Python: a subclass defines `forward` and `backward` on NumPy arrays.

    ``MultiplyGate(x, y)``, with a node among its arguments, makes the node z = x y.  A gate with
    options is made first and then applied: ``Power(2.0)(x)``, also as a layer of a network.  A
    gate applied a second time works as a copy, so that each node keeps what it needs.

    Scalars arrive as NumPy scalars, all else as arrays that belong to the gate, of the graph's
    dtype; batches have their rows first.  Calls happen on the thread that runs the graph.  What
    a gate raises reaches the caller, with a note that names the node; so does `ShapeError` for a
    value or a gradient of another shape.

    Attributes that `forward` and `backward` add pass: a copied or pickled gate lacks them.  What
    is to last, such as running sums, gets its first value in the class or in ``__init__``.

    >>> class MultiplyGate(cnn.Gate):
    ...     def forward(self, x, y):
    ...         self.x, self.y = x, y
    ...         return x * y
    ...     def backward(self, dz):
    ...         return [self.y * dz, self.x * dz]
    >>> graph = cnn.Graph(MultiplyGate(cnn.Input("x"), cnn.Input("y")))
    >>> graph.forward(x=3.0, y=-4.0)
    -12.0
    >>> graph.backward()
    {'x': -4.0, 'y': 3.0}
    """

    _used = False
    _passing: frozenset[str] = frozenset()  # attributes that forward and backward have added

    def __new__(cls, *args: Any, **options: Any) -> Any:
        if len(args) == 1 and isinstance(args[0], (tuple, list)):
            args = tuple(args[0])
        if not any(isinstance(a, Node) for a in args):
            return super().__new__(cls)
        name = options.pop("name", "")
        return cls(**options)(*args, name=name)

    def __init__(self) -> None:
        """Make a gate that is not applied yet; a subclass with options has its own."""

    def __getstate__(self) -> Any:
        kept = {k: v for k, v in vars(self).items() if k not in self._passing and k != "_passing"}
        names = copyreg._slotnames(type(self))  # type: ignore[attr-defined]
        slots = {name: getattr(self, name) for name in names if hasattr(self, name)}
        return (kept, slots) if slots else kept

    def _call(self, function: str, *arrays: Any) -> Any:
        """Call ``function``, forward or backward, and note the attributes that it adds."""
        state, before = vars(self), len(vars(self))
        try:
            return getattr(self, function)(*arrays)
        finally:
            if len(state) > before:
                added = islice(reversed(state), len(state) - before)  # the last ones
                passing = {name for name in added if not hasattr(type(self), name)}
                self._passing = self._passing | passing

    def __call__(self, *inputs: Any, name: str = "") -> Node:
        """Return the node of this gate applied to ``inputs``: nodes, numbers or arrays."""
        who = label_of(name, type(self).__name__)
        if not 0 < len(inputs) <= MAX_INPUTS:
            raise GraphError(f"{who}: need 1 to {MAX_INPUTS} inputs; got {len(inputs)}")
        gate = _copy_of(self) if self._used else self
        gate._used = True
        return GateNode(tuple(as_node(x) for x in inputs), name=name, gate=gate)

    def forward(self, *inputs: Any) -> Any:
        """Return the value for the values of the inputs."""
        raise GraphError(
            f"{type(self).__name__}: need a method forward(self, *inputs); got a gate without one"
        )

    def backward(self, dy: Any) -> Any:
        """Return one gradient per input, None for zero; ``dy`` is that at the value.

        A gate with one input may return that gradient alone.
        """
        raise GraphError(
            f"{type(self).__name__}: need a method backward(self, dy), to let gradients through; "
            f"got a gate without one"
        )

    def infer_shape(self, *shapes: Shape) -> Shape | None:
        """Return the shape of the value for the shapes of the inputs.

        None, unless overridden: that of the inputs broadcast together by NumPy's rule.
        """
        return None


class GateNode(Node):
    """The node of a `Gate`.  Any shapes; its steps call Python."""

    op = "gate"
    operand_dtypes = ("any",)
    rowwise = False
    joint_gradient = True
    gate: Gate
    last_run: GateRun | None = None  # whose forward the gate's state is of

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "last_run"}

    def infer_shape(self) -> None:
        shape = self.gate.infer_shape(*(x.shape for x in self.inputs))
        if not isinstance(shape, (tuple, list, NoneType)):
            raise ShapeError(
                f"{self.label}: need infer_shape to return a tuple or None; got {shown(shape)}"
            )
        self.shape = broadcast(self) if shape is None else check_shape(self.label, shape)

    @property
    def label(self) -> str:
        return self.name or type(self.gate).__name__

    def run_forward(self, gate: Gate, inputs: Arrays, shapes: Shapes) -> Arrays:
        """Return [value], of the first of ``shapes``."""
        value = gate._call("forward", *map(_plain, inputs))
        hint = "define infer_shape(self, *shapes) for a shape that is not that of the inputs"
        return [self._checked("forward to return", value, shapes[0], f" ({hint})")]

    def run_backward(self, gate: Gate, wanted: Sequence[int], dy: Arrays, shapes: Shapes) -> Arrays:
        """Return the gradients of the inputs ``wanted``, of these ``shapes``, for [dy]."""
        found, n = gate._call("backward", _plain(dy[0])), len(self.inputs)
        if n == 1 and not isinstance(found, (list, tuple)):
            found = [found]
        if not isinstance(found, (list, tuple)) or len(found) != n:
            got = len(found) if isinstance(found, (list, tuple)) else repr(found)[:60]
            raise ShapeError(
                f"{self._who}: need backward to return a list of {n}, a gradient per input; "
                f"got {got}"
            )
        return [
            np.zeros(shape) if found[i] is None
            else self._checked(f"backward to return, for {self.inputs[i].label},", found[i], shape)
            for i, shape in zip(wanted, shapes, strict=True)
        ]  # fmt: skip

    @property
    def _who(self) -> str:
        kind = type(self.gate).__name__
        return f"{kind} {self.name!r}" if self.name else kind

    def _checked(self, what: str, value: Any, shape: tuple[int, ...], hint: str = "") -> np.ndarray:
        array = as_numbers(value, who=self._who, need=f"{what} real numbers")
        if array.shape != shape:
            raise ShapeError(f"{self._who}: need {what} shape {shape}; got {array.shape}{hint}")
        return array if array.dtype.kind == "f" else array.astype(np.float64)


class GateRun:
    """The gate of ``node`` as one program runs it; several programs may run the same gate.

    The backward of a program finds the state that its own forward left, even where another
    program's forward came between.  A ``passing`` program only predicts: it leaves no state.
    """

    def __init__(self, node: GateNode, *, passing: bool) -> None:
        self._node, self._passing = node, passing
        self._state: dict[str, Any] = {}

    def forward(self, inputs: Arrays, shapes: Shapes) -> Arrays:
        node = self._node
        if self._passing:
            return node.run_forward(_twin(node.gate, vars(node.gate)), inputs, shapes)
        node.__dict__["last_run"] = self
        values = node.run_forward(node.gate, inputs, shapes)
        self._state = dict(vars(node.gate))
        return values

    def backward(self, wanted: Sequence[int], dy: Arrays, shapes: Shapes) -> Arrays:
        gate = self._node.gate
        if self._node.last_run is not self:
            gate = _twin(gate, self._state)
        return self._node.run_backward(gate, wanted, dy, shapes)


def _copy_of(gate: Gate) -> Gate:
    from copy import copy  # which a program without gates does without

    return copy(gate)


def _twin(gate: Gate, state: dict[str, Any]) -> Gate:
    """Return a copy of ``gate`` with all of a state, also what passes."""
    twin = _copy_of(gate)
    vars(twin).update(state)
    return twin


def _plain(array: np.ndarray) -> Any:
    return array[()] if array.shape == () else array
