from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

_Flat: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
_Range: TypeAlias = tuple[
    _Flat, _Flat, list[_Flat], float, int, Sequence[tuple[str, int, int]]
]  # fmt: skip

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
    ) -> Learner: ...
    step: int
    def learn(self, lr: tuple[float, ...]) -> None: ...

def cosine(lr: float, floor: float, steps: int, step: int) -> float: ...
def cosines(
    lr: float, floor: float, steps: int, first: int, out: NDArray[np.float64]
) -> None: ...
def power(lr: float, factor: float, every: int, smooth: bool, step: int) -> float: ...
def powers(
    lr: float, factor: float, every: int, smooth: bool, first: int, out: NDArray[np.float64]
) -> None: ...
