from typing import TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from cnn_core._ext.optim import Learner
from cnn_core._ext.plan import Division, Plan
from cnn_core.errors import CnnCoreError

_Source: TypeAlias = tuple[int, int, str, float, float]

@final
class Binding:
    def __new__(cls, plan: Plan, bases: tuple[int, ...], keep: object) -> Binding: ...
    @property
    def plan(self) -> Plan: ...
    @property
    def bases(self) -> tuple[int, ...]: ...
    @property
    def tensors(self) -> list[int]: ...
    def twin(self) -> Binding: ...
    def divide(self, division: Division | None) -> None: ...
    def bind(self, tensor: int, address: int) -> None: ...
    def run(
        self,
        first: int,
        last: int,
        n_row: int,
        seed: int = 0,
        counter: int = 0,
        check_finite: bool = False,
        n_thread: int = 1,
    ) -> None: ...
    def train(
        self,
        sources: list[_Source],
        index: NDArray[np.int64] | None,
        first_row: int,
        n_total: int,
        batch: int,
        loss: int,
        total: int,
        learner: Learner | None,
        lr: NDArray[np.float64] | None,
        seed: int,
        n_thread: int = 1,
        sums: NDArray[np.float64] | None = None,
        rows: list[tuple[int, int, int, float, int, int]] | None = None,
    ) -> tuple[float, CnnCoreError | None]: ...
