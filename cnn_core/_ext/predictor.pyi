from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from cnn_core._ext.binding import Binding

class Predictor:
    def _set_plan(
        self,
        binding: Binding,
        input: int,
        output: int,
        row_shape: tuple[int, ...],
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
    def _predict_direct(self, x: int, out: int, n: int, item: int) -> None: ...
    def predict(
        self, x: ArrayLike, out: NDArray[np.floating[Any]] | None = None
    ) -> NDArray[np.floating[Any]]: ...
