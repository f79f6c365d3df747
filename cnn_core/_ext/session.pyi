from collections.abc import Callable
from typing import Any, final

from numpy.typing import DTypeLike

from cnn_core._ext.binding import Binding
from cnn_core._ext.lock import Lock
from cnn_core._ext.optim import Learner

@final
class Stepper:
    def __init__(
        self,
        binding: Binding,
        inputs: tuple[str, ...],
        targets: tuple[str, ...] | None,
        listed: bool,
        feeds: list[tuple[int, str, float, float, float, float, int, str]],
        loss: int,
        total: int,
        dtype: DTypeLike,
        max_rows: int,
    ) -> None: ...
    def step(
        self,
        x: Any,
        y: Any,
        w: Any,
        learner: Learner,
        lr: tuple[float, ...],
        seed: int,
        n_thread: int,
    ) -> float | None: ...
@final
class Runner:
    def __init__(
        self,
        program: Any,
        binding: Binding,
        guard: Lock,
        inputs: dict[str, int],
        outputs: list[int],
        seeds: list[int],
        gradients: dict[str, int],
        unreached: dict[str, Callable[[int], Any]],
        n_forward: int,
        seed: int,
    ) -> None: ...
    def feed(self, inputs: dict[str, Any]) -> int: ...
    def read(self, n_row: int) -> list[Any]: ...
    def forward(self, inputs: dict[str, Any], counter: int) -> list[Any] | None: ...
    def backward(self, n_row: int, counter: int) -> dict[str, Any] | None: ...
