from numpy.typing import ArrayLike, DTypeLike

from cnn_core._ext.binding import Binding
from cnn_core._ext.optim import Learner

class Stepper:
    def __init__(
        self,
        binding: Binding,
        x: int,
        y: int,
        loss: int,
        total: int,
        dtype: DTypeLike,
        row: int,
        target_size: int,
        max_rows: int,
        labels: bool,
        scale: float,
        shift: float,
        reach: float,
    ) -> None: ...
    def step(
        self, x: ArrayLike, y: ArrayLike, learner: Learner, lr: float, seed: int, n_thread: int
    ) -> float | None: ...
