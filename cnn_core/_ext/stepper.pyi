from numpy.typing import ArrayLike, DTypeLike

from cnn_core._ext.optim import Learner
from cnn_core._ext.plan import Plan

class Stepper:
    def __init__(
        self,
        plan: Plan,
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
