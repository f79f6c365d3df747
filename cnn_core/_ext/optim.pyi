from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Flat: TypeAlias = NDArray[np.float32] | NDArray[np.float64]

class Learner:
    def __new__(
        cls,
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
        *,
        spans: Mapping[str, tuple[int, int]] = ...,
    ) -> Learner: ...
    step: int
    def learn(self, lr: float) -> None: ...
