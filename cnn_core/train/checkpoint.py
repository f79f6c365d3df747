"""Checkpoint: the state of a training in a file, now and then."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cnn_core import options
from cnn_core.errors import OptionError
from cnn_core.naming import Described
from cnn_core.train.callbacks import Callback, Chunk
from cnn_core.train.monitor import Monitor

if TYPE_CHECKING:
    from cnn_core.train.proof import Prover
    from cnn_core.train.trainer import Trainer


class Checkpoint(Described, Callback):
    """Write all that a training needs to go on to ``path``: for `fit`'s ``resume``.

    After ``every`` steps, counted over all fits, ``every_epochs`` or ``every_seconds``; with none
    of them after each epoch.  What ends the training, Ctrl-C and errors too, is written as well.
    ``best`` is a key of the history: then only epochs are written in which it is better than in
    all before, as ``mode`` says, "min" or "max" (see `EarlyStopping`).

    A file is replaced as a whole: a crash at any instant leaves the old one or the new one.  The
    last ``keep`` are kept, former ones with the number of their step: ``run-00002000.safetensors``.
    Where writing fails, as on a full disk, the training goes on with a warning, the former file
    is as it was, and `errors` has the error.

    With a ``proof`` the file holds up to 256 rows of the data besides, and what one step with them
    makes of the training, for `cnn_core.verify`.

    Raises `OptionError` for bad options.

    >>> net = cnn.Sequential([cnn.Dense(1)], inputs=2, seed=0)
    >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.Adam(lr=0.05))
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> y = x.sum(axis=1, keepdims=True)
    >>> history = trainer.fit(x, y, epochs=2, callbacks=[cnn.Checkpoint("run.safetensors")],
    ...                       progress=False, resume="run.safetensors")
    >>> again = cnn.Trainer.resume("run.safetensors")            # in another process, perhaps
    >>> again.epochs_done, bool((again.net.predict(x) == net.predict(x)).all())
    (2, True)
    """

    ends_first = True

    def __init__(
        self, path: str | os.PathLike[str], every: int | None = None, *,
        every_epochs: int | None = None, every_seconds: float | None = None, keep: int = 1,
        best: str | None = None, mode: str | None = None, proof: bool = True,
    ) -> None:  # fmt: skip
        who = "Checkpoint"
        self.path = options.path(who, path)
        self.every = None if every is None else options.whole(who, every, option="every")
        self.every_epochs, self.every_seconds = every_epochs, every_seconds
        if every_epochs is not None:
            self.every_epochs = options.whole(who, every_epochs, option="every_epochs")
        if every_seconds is not None:
            self.every_seconds = options.number(who, every_seconds, 0, option="every_seconds")
        self.every_steps = self.every
        given = [self.every, self.every_epochs, self.every_seconds]
        self.keep = options.whole(who, keep, option="keep")
        self.best, self.mode = best, mode
        if best is not None and any(each is not None for each in given):
            raise OptionError(f"{who}: need best alone, after whole epochs, or every; got both")
        self._monitor = None if best is None else Monitor(who, best, mode)
        self._each_epoch = 1 if all(each is None for each in given) else self.every_epochs
        self.proof = options.flag(who, proof, option="proof")
        self._prover: Prover | None = None
        self.errors: list[OSError] = []
        """Those of writing, in this fit."""

    def on_train_begin(self, trainer: Trainer) -> None:
        from cnn_core.io.files import clear  # which only few trainings need

        clear(self.path)
        self._prover = None
        self.errors, self._last = [], time.monotonic()
        self._begun = self._at(trainer)
        self._written = (-1, -1)  # steps and epochs of what is in the file
        self._former: list[tuple[int, str]] = []
        self._value = 0.0 if self._monitor is None else self._monitor.begin(trainer)

    def on_chunk_end(self, trainer: Trainer, chunk: Chunk) -> None:
        due = self.every is not None and chunk.step % self.every == 0
        if self.every_seconds is not None:
            due = due or time.monotonic() - self._last >= self.every_seconds
        if due:
            self._write(trainer)

    def on_epoch_kept(self, trainer: Trainer, epoch: int) -> None:
        if self._monitor is not None:
            history = trainer.history
            value = self._monitor.value(trainer, {name: history[name][-1] for name in history})
            if self._monitor.is_better(value, self._value):
                self._value = value
                self._write(trainer)
        elif self._each_epoch is not None and epoch % self._each_epoch == 0:
            self._write(trainer)

    def on_train_end(self, trainer: Trainer) -> None:
        trained = self._at(trainer) not in (self._begun, self._written)
        if self._monitor is None and trained:  # not where the state in the file was refused
            self._write(trainer)
        self._prover = None

    def state_dict(self) -> dict[str, Any]:
        return {"value": self._value, "former": [list(each) for each in self._former],
                "written": list(self._written)}  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        steps, epochs = state["written"]
        self._value, self._written = float(state["value"]), (int(steps), int(epochs))
        self._former = [(int(step), str(path)) for step, path in state["former"]]

    def _write(self, trainer: Trainer) -> None:
        now, path = self._at(trainer), os.fspath(self.path)
        try:
            former, gone = self._former, []
            step = self._written[0]
            if self.keep > 1 and 0 <= step < now[0] and os.path.exists(path):
                former = [*former, (step, self._keep_former(path, step))]
                former, gone = former[-(self.keep - 1) :], former[: -(self.keep - 1)]
            before = self._former, self._written
            self._former, self._written = former, now
            try:
                self._save(trainer, path)
            except BaseException:
                self._former, self._written = before
                raise
            for _, old in gone:
                with suppress(OSError):
                    os.unlink(old)
        except OSError as error:
            self.errors.append(error)
            warnings.warn(
                f"Checkpoint: {path} could not be written ({error}); the training goes on",
                stacklevel=2,
            )
        self._last = time.monotonic()

    def _save(self, trainer: Trainer, path: str) -> None:
        from cnn_core.train import proof, train_state

        if self.proof and self._prover is None:
            self._prover = proof.Prover()
        train_state.write(trainer, path, self._prover)

    @staticmethod
    def _at(trainer: Trainer) -> tuple[int, int]:
        return trainer.optimizer.step_count, trainer.epochs_done

    @staticmethod
    def _keep_former(path: str, step: int) -> str:
        """Give the file that is there a second name, with the number of its step."""
        stem, ending = os.path.splitext(path)
        kept = f"{stem}-{step:08d}{ending}"
        with suppress(FileNotFoundError):
            os.unlink(kept)
        try:
            os.link(path, kept)
        except OSError:  # a file system without links
            from shutil import copy2

            copy2(path, kept)
        return kept
