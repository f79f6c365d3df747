"""Learning-rate range test: a copy is trained while the rate rises, to see where it learns."""

from __future__ import annotations

import copy
import os
import time
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core import options
from cnn_core.errors import NotFiniteError, OptionError
from cnn_core.train.history import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cnn_core.train.checked import Data
    from cnn_core.train.trainer import Trainer

MEMORY = 0.9
"""What a smoothed loss keeps of the one before, ..."""

SKIPPED, SHORTEST = 10, 3
"""... which says little in the first steps, and nothing where no more than so many fall."""

HALF = 10
"""A fall is measured over so many steps to both sides: noise makes steeper ones between two."""

EXPLODED = 3.0
"""A loss has exploded above its best by this many times its size or what it has come down by."""


class RangeTest:
    """What `Trainer.lr_find` found: the loss of each step and the rate that it was made with.

    ``losses`` are those of the minibatches before each step, ``smoothed`` their running means,
    ``suggestion`` the rate where these fall most steeply over the logarithm of the rate, before
    they are lowest; None where they do not fall.  ``exploded`` tells whether it ended early.
    """

    def __init__(self, rates: np.ndarray, losses: np.ndarray, exploded: bool) -> None:
        self.rates, self.losses, self.exploded = rates, losses, exploded
        running = Running()
        self.smoothed = np.array([running.add(loss) for loss in losses.tolist()])
        self.suggestion = steepest(rates, self.smoothed)

    def __repr__(self) -> str:
        found = "none" if self.suggestion is None else f"{self.suggestion:.2g}"
        end = ", where the loss exploded" if self.exploded else ""
        return (f"RangeTest: {len(self.rates)} steps at rates {self.rates[0]:.2g} to "
                f"{self.rates[-1]:.2g}{end}; suggestion {found}")  # fmt: skip

    def _repr_html_(self) -> str:
        from cnn_core import notebook  # seldom asked for

        at = np.log10(self.rates).tolist()
        curves = {"smoothed": list(zip(at, self.smoothed.tolist(), strict=True))}
        title, more = repr(self).split(":", 1)
        figures = {"smoothed": "over log10 of the rate"}
        return notebook.shown(title, more, notebook.chart("loss", curves, figures))

    def plot(
        self, path: str | os.PathLike[str] | None = None, ax: Axes | None = None
    ) -> Figure:
        """Draw losses over rates, with the suggestion, and save the picture to ``path``, if given.

        ``ax`` are matplotlib axes to draw into instead of a new figure.  Returns the figure.
        Raises `ImportError` without matplotlib.
        """
        axis: Any = new_axes("RangeTest.plot", 1, shown=path is None)[0] if ax is None else ax
        axis.plot(self.rates, self.losses, color="#1f5fa8", alpha=0.3, linewidth=1, label="loss")
        axis.plot(self.rates, self.smoothed, color="#1f5fa8", linewidth=1.8, label="smoothed")
        if self.suggestion is not None:
            label = f"suggestion: {self.suggestion:.2g}"
            axis.axvline(self.suggestion, color="#d1662b", linestyle="--", label=label)
        low, high = self.smoothed.min(), self.smoothed[0]
        room = 0.3 * (high - low) or 1.0
        axis.set(xscale="log", xlabel="learning rate", ylabel="loss",
                 ylim=(low - room, high + 2 * room))  # fmt: skip
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False)
        if path is not None:
            axis.figure.savefig(path, dpi=150)
        return axis.figure


class Running:
    """A mean of losses, each of which counts by `MEMORY` less than the next."""

    def __init__(self) -> None:
        self._total = self._weight = 0.0

    def add(self, loss: float) -> float:
        """Return the mean with one loss more."""
        self._total, self._weight = MEMORY * self._total + loss, MEMORY * self._weight + 1
        return self._total / self._weight


def steepest(rates: np.ndarray, smoothed: np.ndarray) -> float | None:
    """Return the rate at which a smoothed loss falls most, before it is lowest; None: nowhere."""
    end = int(np.argmin(smoothed)) + 1
    begin = min(SKIPPED, len(rates) // 10)
    if end - begin < SHORTEST:
        return None
    half = min(HALF, (end - begin - 1) // 2)
    fall = smoothed[begin + 2 * half : end] - smoothed[begin : end - 2 * half]  # even in log(rate)
    at = int(np.argmin(fall))
    return float(rates[begin + at + half]) if fall[at] < 0 else None


def rates_of(low: float, high: float, steps: int) -> np.ndarray:
    """Return the rates of the steps, each larger than the one before by the same factor."""
    low = options.amount("lr_find", low, open_at="low", option="low")
    high = options.amount("lr_find", high, open_at="low", option="high")
    steps = options.whole("lr_find", steps, 2, 10**6, option="steps")
    if low >= high:
        raise OptionError(f"lr_find: need low < high; got {low:g} and {high:g}")
    return np.geomspace(low, high, steps)


def find(
    trainer: Trainer, data: Data, rates: np.ndarray, batch: int, *, shuffle: bool
) -> RangeTest:
    """Train a copy of ``trainer``, one step at each of the rates, until the loss explodes."""
    t = copy.deepcopy(trainer)
    program = t._program(data, batch, training=True)
    program.need_rows("lr_find", batch, batch)
    learner = t.optimizer.learner(t.net.store, program.updated, program.rows, every_row=t._by_rows)
    sources, n, at = program.sources(data), data.n_rows, 0
    order = t._row_order(n) if shuffle else None
    losses: list[float] = []
    exploded = False
    best, running = inf, Running()
    for rate in rates.tolist():
        if at + batch > n:
            at, t.epochs_done = 0, t.epochs_done + 1
            order = t._row_order(n) if shuffle else None
        index = None if order is None else order[at : at + batch]
        t.optimizer.lr = rate
        n_threads, begin = program.pace.next()[1], time.perf_counter()
        try:
            loss = program.run(sources, index, at, batch, batch, learner=learner,
                               lr=t.optimizer.rates(learner.step, 1), seed=t.seed,
                               n_threads=n_threads)  # fmt: skip
        except NotFiniteError:
            if not losses:
                raise
            exploded = True
            break
        program.pace.record(1, n_threads, time.perf_counter() - begin)
        losses.append(loss)
        at += batch
        mean = running.add(loss)
        best = min(best, mean)
        if mean > best + EXPLODED * max(abs(best), losses[0] - best):
            exploded = True
            break
    return RangeTest(rates[: len(losses)], np.array(losses), exploded)
