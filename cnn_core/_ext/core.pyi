from collections.abc import Callable, Collection, Sequence
from types import TracebackType
from typing import Any, TypeAlias, TypeVar, final

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from cnn_core.errors import CnnCoreError

GEMM_MODES: tuple[str, ...]
PRODUCTS: frozenset[str]

def simd_names() -> list[str]: ...
def simd() -> str: ...
def operation_names(*, products: bool = False) -> list[str]: ...
def gemm_mode() -> str: ...
def blas_path() -> str: ...
def blas_loaded() -> bool: ...

class Lock:
    def __init__(self, refusal: str | None = None) -> None: ...
    def __enter__(self) -> None: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

_Flat: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
_Range: TypeAlias = tuple[
    _Flat, _Flat, list[_Flat], float, int, Sequence[tuple[str, int, int]],
    tuple[float, float, float, float, int],
]  # fmt: skip

class Average:
    def __new__(cls, pairs: list[tuple[_Flat, _Flat]], least: float) -> Average: ...
    count: int

class Learner:
    def __new__(
        cls,
        kernel: str,
        ranges: list[_Range],
        scalars: NDArray[np.float64],
        hyper: tuple[float, ...],
        clip_norm: float = 0.0,
        clip_value: float = 0.0,
        *,
        n_group: int = 1,
        rows: tuple[str, ...] = (),
        left_alone: Collection[str] = (),
    ) -> Learner: ...
    step: int
    guarded: bool
    def follow(self, average: Average | None) -> None: ...
    def gather(self, sums: Average | None, part: int) -> None: ...
    def learn(self, lr: tuple[float, ...]) -> None: ...
    def grad_norm(self) -> float: ...

def curve(kind: int, a: float, b: float, length: float, d: float, step: int) -> float: ...
def curves(
    kind: int, a: float, b: float, length: float, d: float, first: int, out: NDArray[np.float64]
) -> None: ...

class GateCall:
    def __new__(
        cls,
        function: Callable[[list[Any], list[tuple[int, ...]]], Sequence[Any]],
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> GateCall: ...

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

class Predictor:
    def _set_plan(
        self,
        binding: Binding,
        inputs: list[tuple[int, tuple[int, ...], bool]],
        output: int,
        result_shape: tuple[int, ...],
        dtype: DTypeLike,
        max_rows: int,
        flop: float,
        direct: bool,
        n_thread: int,
        parallel_rows: int,
        only: bool,
    ) -> None: ...
    def _forget_plan(self) -> None: ...
    def _outputs(self, arrays: tuple[NDArray[Any], ...]) -> NDArray[np.floating[Any]]: ...
    def predict(
        self, x: ArrayLike, out: NDArray[np.floating[Any]] | None = None
    ) -> NDArray[np.floating[Any]]: ...

def pool(
    raw: list[NDArray[np.float32]], scales: list[float], softmax: bool, smoothing: float = 0
) -> NDArray[np.float64]: ...
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

def first_beyond(array: NDArray[Any], limit: float) -> int: ...
def convert_rows(
    rows: NDArray[np.float32] | NDArray[np.float64] | NDArray[np.uint8],
    target: NDArray[np.float32] | NDArray[np.float64],
    scale: float,
    shift: float,
) -> None: ...
def row_bytes(n_in: int, n_entry: int, dtype: str) -> int: ...
def first_misplaced(
    start: NDArray[np.int64], column: NDArray[np.int32], n_columns: int
) -> int: ...
def shuffled(n: int, seed: int, epoch: int) -> NDArray[np.int64]: ...
def shuffle_like_numpy(rng: np.random.RandomState, index: NDArray[np.int64]) -> None: ...

_T = TypeVar("_T", np.float32, np.float64)

def dense_forward(
    x: NDArray[_T],
    w: NDArray[_T],
    b: NDArray[_T] | None,
    activation: tuple[str, tuple[float | int, ...]] | None,
    out: NDArray[_T] | None,
) -> NDArray[_T]: ...
def dense_backward(
    x: NDArray[_T],
    w: NDArray[_T],
    dy: NDArray[_T],
    dx: NDArray[_T] | None,
    dw: NDArray[_T] | None,
    db: NDArray[_T] | None,
) -> tuple[NDArray[_T], NDArray[_T], NDArray[_T]]: ...
def unary(
    op: str,
    x: NDArray[_T],
    out: NDArray[_T] | None,
    attrs: tuple[float | int, ...] = (),
    along: bool = False,
) -> NDArray[_T]: ...
def unary_backward(
    op: str,
    name: str,
    x: NDArray[_T],
    dy: NDArray[_T],
    out: NDArray[_T] | None,
    attrs: tuple[float | int, ...] = (),
    along: bool = False,
) -> NDArray[_T]: ...
def softmax_cross_entropy(
    z: NDArray[_T],
    t: NDArray[np.integer[Any]] | NDArray[_T],
    weight: NDArray[_T] | None,
    label_smoothing: float,
    ignore_index: int | None,
    dz: NDArray[_T] | None,
) -> tuple[float, NDArray[_T]]: ...
