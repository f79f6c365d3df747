from collections.abc import Collection, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

_Flat: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
_Range: TypeAlias = tuple[
    _Flat, _Flat, list[_Flat], float, int, Sequence[tuple[str, int, int]],
    tuple[float, float, float, float, int],
]  # fmt: skip

class Average:
    def __new__(cls, pairs: list[tuple[_Flat, _Flat]], least: float) -> Average: ...
    count: int

class Learner:
    def __new__(
        cls,
        kernel: str,
        ranges: list[_Range],
        scalars: NDArray[np.float64],
        hyper: tuple[float, ...],
        clip_norm: float = 0.0,
        clip_value: float = 0.0,
        *,
        n_group: int = 1,
        rows: tuple[str, ...] = (),
        left_alone: Collection[str] = (),
    ) -> Learner: ...
    step: int
    guarded: bool
    def follow(self, average: Average | None) -> None: ...
    def gather(self, sums: Average | None, part: int) -> None: ...
    def learn(self, lr: tuple[float, ...]) -> None: ...
    def grad_norm(self) -> float: ...

def curve(kind: int, a: float, b: float, length: float, d: float, step: int) -> float: ...
def curves(
    kind: int, a: float, b: float, length: float, d: float, first: int, out: NDArray[np.float64]
) -> None: ...
