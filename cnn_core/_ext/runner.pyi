from collections.abc import Callable
from typing import Any, final

from cnn_core._ext.binding import Binding
from cnn_core._ext.lock import Lock

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
        zeros: dict[str, Callable[[int], Any]],
        n_forward: int,
        seed: int,
    ) -> None: ...
    def feed(self, inputs: dict[str, Any]) -> int: ...
    def read(self, n_row: int) -> list[Any]: ...
    def forward(self, inputs: dict[str, Any], counter: int) -> list[Any] | None: ...
    def backward(self, n_row: int, counter: int) -> dict[str, Any] | None: ...
