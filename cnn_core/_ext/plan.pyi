from collections.abc import Sequence
from typing import Any, final

FORWARD: int
FUSED_LOSS: int
JOINT: int
STATISTICS: int
SUMS: int
UPDATE: int

def idle_memory() -> list[int]: ...
def grow_pool(n_thread: int) -> int: ...

@final
class Division:
    def __new__(
        cls,
        segments: Sequence[tuple[int, ...]],
        tiles: Sequence[tuple[int, ...]],
        rows_first: bool,
        n_forward: int,
        n_first: int,
        n_thread: int,
    ) -> Division: ...
    @property
    def n_thread(self) -> int: ...

@final
class Plan:
    def __new__(
        cls,
        tensors: list[tuple[int, int, str, bool, tuple[int, ...]]],
        steps: list[tuple[Any, ...]],
        arena_bytes: int,
        n_update: int = 0,
    ) -> Plan: ...
    @property
    def labels(self) -> list[str]: ...
    @property
    def n_steps(self) -> int: ...
    @property
    def n_scratch(self) -> int: ...
    def use_blocks(
        self,
        stretches: list[Any],
        local: list[Any],
        states: dict[int, int],
        n_byte: int,
    ) -> None: ...
    def use_pieces(self, pieces: list[int]) -> None: ...
    def replace_kernel(self, step: int, address: int) -> int: ...
