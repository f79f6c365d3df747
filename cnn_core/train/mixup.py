"""Mixup: rows of a minibatch mixed two and two, with their targets (Zhang et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cnn_core._ext.core import shuffled
from cnn_core.errors import OptionError
from cnn_core.ir.node import BATCH, Input
from cnn_core.nn.meaning import MARGINS
from cnn_core.train.build import OTHER, SHARE, ignored_label

if TYPE_CHECKING:
    from cnn_core.train.checked import Data
    from cnn_core.train.objective import Term
    from cnn_core.train.trainer import Trainer

DRAWN = 256
"""The shares of so many steps are drawn at once."""

BLOCK = 1 << 15
"""Elements that are mixed at a time, in the caches."""

MOST = 1 << 21
"""Elements of the rows of one call, unless one step has more."""

_STREAM = 0x6D6978  # of random numbers: apart from those of row order and dropout


class Mixup:
    """Makes the minibatches of a training with ``mixup``: see `Trainer.fit`.

    The share of a step is a function of (seed, step), and so is the order of its rows, in which
    the partners of the same rows stand: how steps are put into calls changes no bit.
    """

    def __init__(self, trainer: Trainer, alpha: float, data: Data) -> None:
        self.alpha, self._seed, self._data = alpha, trainer.seed, data
        self._block, self._shares = -1, np.zeros(0)
        self._refuse(data)
        self._apart = [t.target for t in data.terms if _decides(t, data.inputs[t.target])]
        inputs = dict(data.inputs)
        if self._apart:
            inputs |= {f"{OTHER}{name}": Input(f"{OTHER}{name}", inputs[name].shape,
                                               inputs[name].dtype) for name in self._apart}
            inputs[SHARE] = Input(SHARE, (BATCH,))
        self.like = data._replace(inputs=inputs)
        """Data of the kind that `rows` returns."""
        net = trainer.net
        arrays = {**data.features, **data.targets}
        self._dtype = {name: a.dtype if a.dtype.kind == "i" else
                       np.result_type(net.dtype, a.dtype) if a.dtype.kind == "f" else net.dtype
                       for name, a in arrays.items()}  # fmt: skip
        self._row = sum(a[0].size for a in arrays.values())
        self._idle = self._idle_rows(data)

    @staticmethod
    def _refuse(data: Data) -> None:
        need = "fit: need inputs of numbers, in dense arrays, and targets y for mixup"
        if data.sparse:
            raise OptionError(f"{need}; got sparse rows for {data.sparse[0]}")
        for name, a in data.features.items():
            if a.dtype.kind == "i":
                raise OptionError(f"{need}; got whole numbers, for a lookup, for {name}")
        if not data.terms:
            raise OptionError(f"{need}; got none")

    @staticmethod
    def _idle_rows(data: Data) -> np.ndarray | None:
        """Return which rows of the data count nothing; None: none of them."""
        idle = np.zeros(len(next(iter(data.features.values()))), bool)
        if data.w is not None:
            idle |= data.w == 0
        for term in data.terms:
            ignored = ignored_label(term.loss, data.inputs[term.target])
            if ignored is not None:
                idle |= data.targets[term.target] == ignored
        return idle if idle.any() else None

    def most_steps(self, steps: int, batch: int) -> int:
        """Return how many of ``steps`` to make in one call, lest their rows take much memory."""
        return min(steps, max(1, MOST // (self._row * batch)))

    def rows(self, own: np.ndarray, batch: int, step: int) -> tuple[Data, np.ndarray]:
        """Return the rows ``own`` of the data, mixed, ``batch`` to a step, from ``step`` on, and
        the numbers (n, 2) of which rows each is made."""
        data, n = self._data, len(own)
        others, share = own.copy(), np.ones(n)
        for at in range(0, n, batch):
            counting = np.arange(at, min(at + batch, n))
            if self._idle is not None:
                counting = counting[~self._idle[own[counting]]]
            order = shuffled(len(counting), self._seed ^ _STREAM, step)
            others[counting] = own[counting[order]]
            share[counting] = self._share(step)
            step += 1
        made = {name: self._mixed(name, a, own, others, share) for name, a in data.features.items()}
        w = None
        if data.w is not None:  # a mixed row counts as much as its parts
            parts = share * data.w[own], (1 - share) * data.w[others]
            total = parts[0] + parts[1]
            share = np.divide(parts[0], total, out=np.ones(n), where=total > 0)
            w = total.astype(data.w.dtype)
        mixed = self.like._replace(features=made, targets=self._targets(own, others, share), w=w,
                                   rows=None)  # fmt: skip
        return mixed, np.stack([own, others], 1)

    def _share(self, step: int) -> float:
        """Return the share of a row itself in a step, of the distribution Beta(alpha, alpha)."""
        if step // DRAWN != self._block:
            self._block = step // DRAWN
            rng = np.random.default_rng([self._seed, self._block, _STREAM])
            self._shares = rng.beta(self.alpha, self.alpha, DRAWN)
        return float(self._shares[step % DRAWN])

    def _targets(
        self, own: np.ndarray, others: np.ndarray, share: np.ndarray
    ) -> dict[str, np.ndarray]:  # fmt: skip
        # Metrics look at the first of two targets: the one of the greater share.
        first, second = np.where(share >= 0.5, (own, others), (others, own))
        made = {}
        for name, array in self._data.targets.items():
            if name in self._apart:
                made[name], made[f"{OTHER}{name}"] = array[first], array[second]
            else:
                made[name] = self._mixed(name, array, own, others, share)
        if self._apart:
            made[SHARE] = np.maximum(share, 1 - share)
        return made

    def _mixed(
        self, name: str, array: np.ndarray, own: np.ndarray, others: np.ndarray,
        share: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        n, dtype = len(own), self._dtype[name]
        made = np.empty((n, *array.shape[1:]), dtype)
        size = max(1, made.size // n)
        share = share.reshape(n, *[1] * (array.ndim - 1))
        rest = (1 - share).astype(dtype)
        share, block = share.astype(dtype), max(1, BLOCK // size)
        for at in range(0, n, block):
            part = slice(at, at + block)
            np.multiply(array[own[part]], share[part], out=made[part])
            made[part] += array[others[part]] * rest[part]
        return made


def _decides(term: Term, target: Input) -> bool:
    """Tell whether a loss asks for one of several targets, and none in between."""
    return target.dtype == "int32" or term.loss.outputs_are == MARGINS
