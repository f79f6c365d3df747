from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Flat = NDArray[np.float32] | NDArray[np.float64]

class Learner:
    def __init__(
        self,
        kernel: str,
        value: _Flat,
        grad: _Flat,
        slots: Sequence[_Flat],
        scalars: NDArray[np.float64],
        hyper: Sequence[float],
        ranges: ArrayLike,
        clip_norm: float = 0.0,
        clip_value: float = 0.0,
        step: int = 0,
    ) -> None: ...
    @property
    def step(self) -> int: ...
    def learn(self, lr: float) -> None: ...

def apply_update(
    kernel: str,
    value: _Flat,
    grad: _Flat,
    slots: Sequence[_Flat],
    scalars: NDArray[np.float64],
    hyper: Sequence[float],
    lr: float,
    step: int,
    ranges: ArrayLike,
    clip_norm: float = 0.0,
    clip_value: float = 0.0,
) -> None: ...
