from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

_T = TypeVar("_T", np.float32, np.float64)

def dense_forward(
    x: NDArray[_T],
    w: NDArray[_T],
    b: NDArray[_T] | None,
    activation: tuple[str, tuple[float | int, ...]] | None,
    out: NDArray[_T] | None,
) -> NDArray[_T]: ...
def dense_backward(
    x: NDArray[_T],
    w: NDArray[_T],
    dy: NDArray[_T],
    dx: NDArray[_T] | None,
    dw: NDArray[_T] | None,
    db: NDArray[_T] | None,
) -> tuple[NDArray[_T], NDArray[_T], NDArray[_T]]: ...
def unary(
    op: str,
    x: NDArray[_T],
    out: NDArray[_T] | None,
    attrs: tuple[float | int, ...] = (),
    along: bool = False,
) -> NDArray[_T]: ...
def unary_backward(
    op: str,
    name: str,
    x: NDArray[_T],
    dy: NDArray[_T],
    out: NDArray[_T] | None,
    attrs: tuple[float | int, ...] = (),
    along: bool = False,
) -> NDArray[_T]: ...
def softmax_cross_entropy(
    z: NDArray[_T],
    t: NDArray[np.integer[Any]] | NDArray[_T],
    weight: NDArray[_T] | None,
    label_smoothing: float,
    ignore_index: int | None,
    dz: NDArray[_T] | None,
) -> tuple[float, NDArray[_T]]: ...
