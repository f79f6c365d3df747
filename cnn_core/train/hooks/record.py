"""Record: learning rate and gradient norm as figures of the history."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import TYPE_CHECKING, Any

from cnn_core import options
from cnn_core.errors import OptionError
from cnn_core.naming import Described
from cnn_core.train.callbacks import Callback, Chunk

if TYPE_CHECKING:
    from cnn_core.train.trainer import Trainer


class Record(Described, Callback):
    """Add ``history["lr"]`` and ``history["grad_norm"]``: the rate and the gradients' norm.

    The rate is that of the last step of each epoch, for parameters in no group.  The norm, over
    all that learns and before it is clipped, is that of the last step; with ``every`` the mean
    over every so many steps and the last one, and ``history["grad_norm_max"]`` the largest.  It is
    NaN where a layer's gradient is made of sparse rows as it is used, and nowhere as a whole.  A
    callback that goes by these figures comes after this one.

    Raises `OptionError` for bad options.

    >>> net = cnn.Sequential([cnn.Dense(1)], inputs=2, seed=0)
    >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.Adam(lr=0.05))
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> y = x.sum(axis=1, keepdims=True)
    >>> history = trainer.fit(x, y, epochs=20, callbacks=[cnn.Record()], progress=False)
    >>> history["lr"][0], history["grad_norm"][-1] < history["grad_norm"][0]
    (0.05, True)
    """

    def __init__(
        self, *, lr: bool = True, grad_norm: bool = True, every: int | None = None
    ) -> None:
        who = "Record"
        self.lr = options.flag(who, lr, option="lr")
        self.grad_norm = options.flag(who, grad_norm, option="grad_norm")
        if every is not None and not self.grad_norm:
            raise OptionError(f"{who}: need grad_norm=True for every; got False")
        self.every = None if every is None else options.whole(who, every, option="every")
        self.every_steps = self.every
        self._reset()

    def _reset(self) -> None:
        self._lr, self._sum, self._most, self._n = nan, 0.0, nan, 0

    def on_train_begin(self, trainer: Trainer) -> None:
        self._reset()

    def on_chunk_end(self, trainer: Trainer, chunk: Chunk) -> None:
        self._lr = chunk.lr
        last = chunk.rows == chunk.n_rows
        if self.grad_norm and (last or (self.every is not None and chunk.step % self.every == 0)):
            norm = chunk.grad_norm
            self._sum, self._n = self._sum + norm, self._n + 1
            self._most = norm if self._n == 1 else max(self._most, norm)

    def on_epoch_end(self, trainer: Trainer, epoch: int, values: dict[str, float]) -> None:
        if self.lr:
            values["lr"] = self._lr
        if self.grad_norm:
            values["grad_norm"] = self._sum / self._n if self._n else nan
        if self.every is not None:
            values["grad_norm_max"] = self._most
        self._reset()

    def state_dict(self) -> dict[str, Any]:
        return {"lr": self._lr, "sum": self._sum, "most": self._most, "n": self._n}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._lr, self._sum = float(state["lr"]), float(state["sum"])
        self._most, self._n = float(state["most"]), int(state["n"])
