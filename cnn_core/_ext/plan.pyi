from collections.abc import Sequence
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from cnn_core._ext.optim import Learner
from cnn_core.errors import CnnCoreError

FORWARD: int
FUSED_LOSS: int
JOINT: int

_Source: TypeAlias = tuple[int, int, str, float, float]

@final
class Plan:
    def __new__(
        cls,
        tensors: list[tuple[int, str, bool, tuple[int, ...]]],
        steps: list[tuple[Any, ...]],
        keep: object,
    ) -> Plan: ...
    @property
    def labels(self) -> list[str]: ...
    @property
    def n_steps(self) -> int: ...
    @property
    def scratch_bytes(self) -> int: ...
    def use_threads(
        self,
        n_thread: int,
        schedule: tuple[Sequence[tuple[int, ...]], Sequence[tuple[int, ...]], bool, int] | None,
    ) -> int: ...
    def bind(self, tensor: int, address: int) -> None: ...
    def replace_kernel(self, step: int, address: int) -> int: ...
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
    def gather(self, sources: list[_Source], first_row: int, n_row: int) -> None: ...
    def train(
        self,
        n_step: int,
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
    ) -> tuple[float, CnnCoreError | None]: ...
