"""Savable: the part of a `Trainer` that saves, loads and goes on.

What does the work is imported when it is asked for: most trainings are never saved.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from cnn_core import options
from cnn_core.train.checked import Data


class Savable:
    """A training that can be taken up again, to the same bits."""

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all that a training needs to go on to the same bits.

        Parameters, the optimizer's state and rate, the count of epochs, where an epoch was broken
        off and what its figures have added up, the history and, within a fit, what callbacks
        remember: numbers, texts, lists, dictionaries and arrays.

        >>> net = cnn.Sequential([cnn.Dense(8, "tanh"), cnn.Dense(1)], inputs=2, seed=0)
        >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.Adam(lr=0.05))
        >>> x = np.random.default_rng(0).normal(size=(100, 2))
        >>> y = x[:, :1] * x[:, 1:]
        >>> history = trainer.fit(x, y, epochs=1, progress=False)
        >>> state = trainer.state_dict()
        >>> later = trainer.fit(x, y, epochs=1, progress=False)["loss"]
        >>> trainer.load_state_dict(state)                           # back to where it was
        >>> trainer.fit(x, y, epochs=1, progress=False)["loss"] == later
        True
        """
        from cnn_core.train import train_state

        return train_state.state_of(self)  # type: ignore[arg-type]

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the state that `state_dict` gave.

        Raises `StateError`, and changes nothing, where it is that of another network, optimizer
        or seed: what is missing, unknown or of another shape is listed.
        """
        from cnn_core.train import train_state

        train_state.put(self, state, "load_state_dict")  # type: ignore[arg-type]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state to a file, whole or not at all, for `fit`'s ``resume`` and `resume`.

        It holds network, loss and optimizer too, unless they are of the user's own making.

        Raises `OSError` where writing fails; then the old file is as it was.
        """
        from cnn_core.train import train_state

        train_state.write(self, path)  # type: ignore[arg-type]

    @classmethod
    def resume(cls, path: str | os.PathLike[str]) -> Any:
        """Return the trainer that `save` or a `Checkpoint` has written, where it was.

        Its next `fit` first finishes the epoch that was broken off.  Raises `DataError` for a file
        that is damaged, newer or of another kind, `StateError` where it holds a state alone, since
        a loss, layer or schedule was a function or class of the user's own.

        >>> net = cnn.Sequential([cnn.Dense(8, "tanh"), cnn.Dense(1)], inputs=2, seed=0)
        >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.Adam(lr=0.05))
        >>> x = np.random.default_rng(0).normal(size=(100, 2))
        >>> y = x[:, :1] * x[:, 1:]
        >>> history = trainer.fit(x, y, epochs=1, progress=False)
        >>> trainer.save("run.safetensors")
        >>> other = cnn.Trainer.resume("run.safetensors")
        >>> other.step(x, y) == trainer.step(x, y)
        True
        """
        from cnn_core.train import train_state

        return train_state.resumed(cls, path)  # type: ignore[arg-type]

    def _going_on(self, path: Any, data: Data, same_data: bool) -> Callable[[], None] | None:
        """Return what brings the state of a file, which fits the data; None: there is no file."""
        if path is None or not os.path.exists(options.path("fit: resume", path)):
            return None
        from cnn_core.train import train_state

        state, _ = train_state.read(path, "resume")
        who = f"resume: {os.fspath(path)}"
        if same_data:
            train_state.check_data(state, data, who)
        return lambda: train_state.put(self, state, who)  # type: ignore[arg-type]
