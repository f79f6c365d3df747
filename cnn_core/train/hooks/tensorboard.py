"""TensorBoard: the figures of a training as event files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cnn_core import options
from cnn_core.errors import LibraryError
from cnn_core.naming import Described
from cnn_core.train.callbacks import Callback, Chunk

if TYPE_CHECKING:
    from cnn_core.train.trainer import Trainer

FLUSH_SECONDS = 1
"""The writer is a thread: so much of what a killed process has reported may be missing."""


class TensorBoard(Described, Callback):
    """Write event files to ``folder``, for ``tensorboard --logdir``.

    After each epoch the figures of the history, under their names, and ``epoch``; after each call
    into C, of about 50 ms, or every ``every_steps``, ``chunk/loss``, the mean of the epoch so far,
    ``chunk/lr`` and ``chunk/grad_norm``.  All stand over the optimizer's count of steps.  A
    training that is resumed goes on in the same folder, and TensorBoard drops what had been
    written after the checkpoint.

    The files are written by tensorboardX, of the extra ``cnn-core[tensorboard]``; without it
    `LibraryError` says so.

    >>> net = cnn.Sequential([cnn.Dense(1)], inputs=2, seed=0)
    >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.Adam(lr=0.05))
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> y = x.sum(axis=1, keepdims=True)
    >>> board = cnn.TensorBoard("runs/first")                    # for tensorboard --logdir runs
    >>> history = trainer.fit(x, y, epochs=2, callbacks=[board], progress=False)
    >>> import os
    >>> len(os.listdir("runs/first"))
    1
    """

    def __init__(
        self, folder: str | os.PathLike[str] = "runs", *, every_steps: int | None = None
    ) -> None:
        who = "TensorBoard"
        self.folder = options.path(who, folder)
        if every_steps is not None:
            every_steps = options.whole(who, every_steps, option="every_steps")
        self.every_steps = every_steps
        self._writer: Any = None
        _writer_class()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_writer": None}

    def on_train_begin(self, trainer: Trainer) -> None:
        os.makedirs(self.folder, exist_ok=True)
        self._writer = None

    def on_epoch_begin(self, trainer: Trainer, epoch: int) -> None:
        if self._writer is None:
            # What had been written of steps from here on was made by a training that was broken
            # off, or by a former one.
            step = trainer.optimizer.step_count + 1
            # Files of one second need different names, or the later one would replace the other.
            ending = f".{step:010d}.{os.urandom(4).hex()}"
            self._writer = _writer_class()(
                os.fspath(self.folder), purge_step=step, flush_secs=FLUSH_SECONDS,
                filename_suffix=ending,
            )  # fmt: skip

    def on_chunk_end(self, trainer: Trainer, chunk: Chunk) -> None:
        if self.every_steps is not None and chunk.step % self.every_steps:
            return
        self._write(chunk.step, {"chunk/loss": chunk.values["loss"], "chunk/lr": chunk.lr,
                                 "chunk/grad_norm": chunk.grad_norm})  # fmt: skip

    def on_epoch_kept(self, trainer: Trainer, epoch: int) -> None:
        figures = {name: series[-1] for name, series in trainer.history.items()}
        self._write(trainer.optimizer.step_count, {**figures, "epoch": epoch})
        self._writer.flush()

    def on_train_end(self, trainer: Trainer) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _write(self, step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)


def _writer_class() -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise LibraryError(
            'TensorBoard: need tensorboardX; install it with: pip install "cnn-core[tensorboard]"'
        ) from error
    return SummaryWriter
