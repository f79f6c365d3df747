"""Blocks: flat pieces of memory, and the places of parameters in them."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any, ClassVar

import numpy as np

from cnn_core import options
from cnn_core.arrays import as_real
from cnn_core.errors import StateError
from cnn_core.ir.node import Parameter
from cnn_core.options import shown

LINE = 64
"""Bytes: every buffer starts on such a boundary."""

SPAN = 16
"""Elements: every parameter starts at a multiple of this within its block."""

TRAINABLE, FROZEN, STATE = "trainable", "frozen", "state"
"""Roles: what learns, what could but shall not, and what is no parameter, such as running means."""


def aligned_zeros(n: int, dtype: Any) -> np.ndarray:
    """Return ``n`` zeros of ``dtype`` that start on a 64-byte boundary."""
    dtype = np.dtype(dtype)
    raw = np.zeros(n * dtype.itemsize + LINE, np.uint8)
    start = -raw.ctypes.data % LINE
    return raw[start : start + n * dtype.itemsize].view(dtype)


def spanned(shape: tuple[int, ...]) -> int:
    """Return the elements that a parameter of this shape takes up in a block."""
    return -(-prod(shape) // SPAN) * SPAN


def layout(shapes: Iterable[tuple[int, ...]]) -> tuple[list[int], int]:
    """Return where parameters of these shapes begin, one after the other, and the end."""
    begins, at = [], 0
    for shape in shapes:
        begins.append(at)
        at += spanned(shape)
    return begins, at


class Block:
    """A flat buffer of numbers, and one of the gradients of the first of them.

    What has the role `STATE` comes last, and has no gradient.
    """

    __slots__ = ("grad", "value")

    def __init__(self, n: int, n_grad: int, dtype: Any) -> None:
        self.value, self.grad = aligned_zeros(n, dtype), aligned_zeros(n_grad, dtype)

    @property
    def dtype(self) -> np.dtype:
        return self.value.dtype

    def __getstate__(self) -> tuple[np.ndarray, int]:
        """The values; gradients are passing."""
        return self.value, len(self.grad)

    def __setstate__(self, state: tuple[np.ndarray, int]) -> None:
        value, n_grad = state if isinstance(state, tuple) and len(state) == 2 else (None, 0)
        if not isinstance(value, np.ndarray) or value.ndim != 1 or (
            value.dtype not in (np.float32, np.float64)
            or not options.is_whole(n_grad) or not 0 <= n_grad <= len(value)
        ):  # fmt: skip
            raise StateError(f"ParamStore: need the state of a block; got {shown(state)}")
        self.__init__(len(value), n_grad, value.dtype)  # type: ignore[misc]
        self.value[:] = value


class Place:
    """Where a parameter lies: at element ``begin`` of a ``block``, and in which ``role``."""

    __slots__ = ("begin", "block", "node", "role")

    changes: ClassVar[int] = 0
    """How many times roles have changed in this process: what is compiled depends on them."""

    def __init__(self, node: Parameter, block: Block, begin: int, role: str) -> None:
        self.node, self.block, self.begin, self.role = node, block, begin, role

    @property
    def shape(self) -> tuple[int, ...]:
        return self.node.shape

    @property
    def value(self) -> np.ndarray:
        return part(self.block.value, self.begin, self.shape)

    @property
    def grad(self) -> np.ndarray:
        return part(self.block.grad, self.begin, self.shape)

    @property
    def key(self) -> tuple:
        """Where it is, for comparing."""
        return id(self.block), self.begin

    def is_whole(self) -> bool:
        """Tell whether the place is one within its block; a pickle may hold anything."""
        return (
            isinstance(self.node, Parameter) and isinstance(self.block, Block)
            and self.role in (TRAINABLE, FROZEN, STATE) and options.is_whole(self.begin)
            and self.begin >= 0 and self.begin % SPAN == 0
            and self.begin + spanned(self.shape)
            <= min(len(self.block.value),
                   len(self.block.value if self.role == STATE else self.block.grad))
        )  # fmt: skip


def new_places(parameters: Iterable[Parameter], dtype: Any) -> list[Place]:
    """Return places in a new block, with the parameters' values of now."""
    ordered = sorted(parameters, key=lambda p: p.is_state)
    begins, end = layout(p.shape for p in ordered)
    _, n_grad = layout(p.shape for p in ordered if not p.is_state)
    block = Block(end, n_grad, dtype)
    places = []
    for p, begin in zip(ordered, begins, strict=True):
        places.append(Place(p, block, begin, STATE if p.is_state else TRAINABLE))
        places[-1].value[...] = as_real(p.value, block.dtype, who=f"Parameter {p.name!r}")
    return places


def part(flat: np.ndarray, begin: int, shape: tuple[int, ...]) -> np.ndarray:
    return flat[begin : begin + prod(shape)].reshape(shape)
