"""ProgressBar: what ``fit(progress=True)`` shows, as a callback with options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

from cnn_core import options
from cnn_core.naming import Described
from cnn_core.train.callbacks import Callback, Chunk
from cnn_core.train.progress import Progress, make_progress

if TYPE_CHECKING:
    from cnn_core.train.trainer import Trainer


class ProgressBar(Described, Callback):
    """Show the bar of ``fit(progress=True)``, in whose place it comes.

    ``always`` shows lines of text where there is neither a terminal nor a notebook, such as in a
    log.  ``every_epoch`` leaves a line for each epoch, not for the fit alone; ``leave=False``
    takes the last line away at the end.  ``file`` is where to draw: by default the standard error
    stream, in a notebook its output.

    Raises `OptionError` for bad options.

    >>> import sys
    >>> net = cnn.Sequential([cnn.Dense(1)], inputs=2, seed=0)
    >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.Adam(lr=0.05))
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> y = x.sum(axis=1, keepdims=True)
    >>> bar = cnn.ProgressBar(always=True, every_epoch=True, file=sys.stdout)
    >>> history = trainer.fit(x, y, epochs=2, callbacks=[bar])
    epoch 1/2 ... rows/s, loss=2.6770
    epoch 2/2 ... rows/s, loss=1.7436
    """

    shows_progress = True

    def __init__(
        self, *, always: bool = False, every_epoch: bool = False, leave: bool = True,
        file: TextIO | None = None,
    ) -> None:  # fmt: skip
        who = "ProgressBar"
        self.always = options.flag(who, always, option="always")
        self.every_epoch = options.flag(who, every_epoch, option="every_epoch")
        self.leave = options.flag(who, leave, option="leave")
        if file is not None and not (hasattr(file, "write") and hasattr(file, "isatty")):
            raise options.refuse(who, "a text file that is open", file, option="file")
        self.file = file
        self._bar = Progress()

    def on_train_begin(self, trainer: Trainer) -> None:
        loop = trainer._loop
        assert loop is not None
        self._bar = make_progress(
            "always" if self.always else True, loop.last_epoch, loop.data.n_rows, self.file,
            every_epoch=self.every_epoch, leave=self.leave,
        )  # fmt: skip

    def on_epoch_begin(self, trainer: Trainer, epoch: int) -> None:
        rest = trainer._rest
        self._bar.start_epoch(epoch, 0 if rest is None else rest.rows)

    def on_chunk_end(self, trainer: Trainer, chunk: Chunk) -> None:
        self._bar.update(chunk.rows, lambda: chunk.values)

    def on_epoch_kept(self, trainer: Trainer, epoch: int) -> None:
        history = trainer.history
        self._bar.end_epoch({name: series[-1] for name, series in history.items()})

    def on_train_end(self, trainer: Trainer) -> None:
        self._bar.close()
        self._bar = Progress()

    def __getstate__(self) -> dict[str, Any]:
        """A copy draws its own bar, at the usual place."""
        return {**self.__dict__, "_bar": Progress(), "file": None}
