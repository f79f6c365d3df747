"""Averages of weights: running means that follow the parameters, or the mean of epochs' ends."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core._ext.core import Average
from cnn_core.errors import OptionError, StateError
from cnn_core.naming import Described, hint
from cnn_core.nn.model import Model
from cnn_core.options import shown
from cnn_core.state.blocks import aligned_zeros, part
from cnn_core.state.params import ParamStore


class WeightAverage(Described):
    """The base of the two kinds."""


class EMA(WeightAverage):
    """mean += w (p - mean) after each step t = 1, 2 ..., from the parameters p of the start.

    w = max(1 - decay, 9 / (10 + t)), so that a short training does not keep its start.  Running
    statistics are followed alike.  Source: Polyak, Juditsky 1992; the start as in TensorFlow's
    ExponentialMovingAverage with num_updates.

    For `Trainer`'s ``weight_average``.  ``decay`` is in [0, 1), else `OptionError`.

    >>> net = cnn.Sequential([cnn.Dense(1, init="zeros")], inputs=1, seed=0, dtype="float64")
    >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.SGD(lr=0.1),
    ...                       weight_average=cnn.EMA(decay=0.99))
    >>> x = np.random.default_rng(0).normal(size=(320, 1))
    >>> history = trainer.fit(x, x, epochs=3, progress=False)
    >>> trainer.evaluate(x, x, averaged=True)["loss"] < history["loss"][0]
    True
    >>> trainer.averaged.predict([1.0]).shape                    # a network, to predict and to save
    (1,)
    """

    def __init__(self, decay: float = 0.999) -> None:
        self.decay = options.fraction("EMA", decay, option="decay")


class SWA(WeightAverage):
    """The mean of the parameters after each epoch from number ``start`` on.

    Of running statistics too.  Source: Izmailov et al. 2018.

    For `Trainer`'s ``weight_average``.  ``start`` is from 1 on, else `OptionError`.

    >>> w = cnn.Sequential([cnn.Dense(1, init="zeros", use_bias=False)], inputs=1, dtype="float64")
    >>> trainer = cnn.Trainer(w, loss="mse", optimizer=cnn.SGD(lr=0.25), weight_average=cnn.SWA())
    >>> ends = []
    >>> history = trainer.fit([[1.0]], [[1.0]], epochs=3, progress=False,
    ...                       callbacks=[lambda epoch, values: ends.append(w.predict([1]).item())])
    >>> ends, trainer.averaged.predict([1.0]).item()
    ([0.5, 0.75, 0.875], 0.7083333333333334)
    """

    def __init__(self, start: int = 1) -> None:
        self.start = options.whole("SWA", start, option="start")


KINDS: dict[str, type[WeightAverage]] = {"ema": EMA, "swa": SWA}


def get(kind: Any) -> WeightAverage | None:
    """Return what a name stands for; an object comes back as it is."""
    if kind is None or isinstance(kind, WeightAverage):
        return kind
    if not isinstance(kind, str) or kind not in KINDS:
        raise OptionError(
            f"Trainer: need weight_average 'ema', 'swa', EMA(...), SWA(...) or None; got "
            f"{shown(kind)}{hint(kind, KINDS)}"
        )
    return KINDS[kind]()


class Averages:
    """The averages of one training: a copy of each block of the network's numbers."""

    def __init__(self, kind: WeightAverage, store: ParamStore) -> None:
        self.kind, self._store = kind, store
        self.means = [aligned_zeros(len(b.value), b.dtype) for b in store.blocks]
        for mean, block in zip(self.means, store.blocks, strict=True):
            mean[:] = block.value
        self._follow(0)

    def _follow(self, count: int) -> None:
        pairs = [(b.value, mean) for b, mean in zip(self._store.blocks, self.means, strict=True)]
        least = 1 - self.kind.decay if isinstance(self.kind, EMA) else 0.0
        self.followed = Average(pairs, least)
        self.followed.count = count

    def __getstate__(self) -> tuple[Any, ...]:
        return self.kind, self._store, self.means, self.followed.count

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.kind, self._store, self.means, count = state
        self._follow(count)

    @property
    def by_step(self) -> Average | None:
        """What moves after each step."""
        return self.followed if isinstance(self.kind, EMA) else None

    def end_epoch(self, epoch: int) -> None:
        """Take the end of an epoch into the mean of those."""
        if isinstance(self.kind, SWA) and epoch >= self.kind.start:
            self.followed.count += 1
            for mean, block in zip(self.means, self._store.blocks, strict=True):
                mean += (block.value - mean) / mean.dtype.type(self.followed.count)

    def params(self) -> dict[str, np.ndarray]:
        """Return the averages by the names of parameters, views."""
        blocks = {id(b): mean for b, mean in zip(self._store.blocks, self.means, strict=True)}
        places = {name: self._store.place(name) for name in self._store}
        return {name: part(blocks[id(p.block)], p.begin, p.shape) for name, p in places.items()}

    def state_dict(self) -> dict[str, Any]:
        params = {name: value.copy() for name, value in self.params().items()}
        kind = type(self.kind).__name__
        return {"kind": kind, "count": self.followed.count, "params": params}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there; raise `StateError`, and change nothing, where it is another's."""
        own, found = self.params(), state["params"]
        if state["kind"] != type(self.kind).__name__ or {k: v.shape for k, v in own.items()} != {
            k: v.shape for k, v in found.items()
        }:
            raise StateError(f"weight_average: need the state of {self.kind!r}; got another")
        self.followed.count = options.whole("weight_average: count", state["count"], 0)
        for name, value in own.items():
            value[...] = found[name]

    def network(self, net: Model) -> Model:
        """Return a copy of the network with the averages as its numbers."""
        made = copy.deepcopy(net)
        made.set_params(self.params())
        return made
