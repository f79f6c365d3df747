from typing import Any

import numpy as np
from numpy.typing import NDArray

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
