from collections.abc import Callable, Sequence
from typing import Any

class GateCall:
    def __new__(
        cls,
        function: Callable[[list[Any], list[tuple[int, ...]]], Sequence[Any]],
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> GateCall: ...
