"""Batches: minibatches of arrays, in an order that can be weighted, from a place that is saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core._ext.core import shuffled
from cnn_core.arrays import as_numbers, as_plain
from cnn_core.data.arrays import check_lengths
from cnn_core.data.mapped import MappedPages
from cnn_core.data.targets import as_weights
from cnn_core.errors import OptionError, StateError
from cnn_core.frames import is_sparse
from cnn_core.naming import Keywords


class Batches(Keywords):
    """Yields minibatches (x, y) or (x, y, weights) of arrays, an epoch each time it is iterated.

    ``x`` and ``y`` are arrays, also memory-mapped, tables or sparse matrices, or dictionaries or
    tuples of them; only the rows of a batch are read.  ``shuffle`` puts the rows of each epoch in
    the order that `Trainer.fit` takes, of ``seed`` and the epoch.  ``sampling`` draws as many rows
    as there are, with replacement, instead: with weights (N,), in proportion to them; "balanced",
    all classes of the labels ``y`` alike.

    `state_dict` is the place between two batches: another one of the same data goes on from
    there, in the same order.

    >>> x, y = np.zeros((5, 3)), np.arange(5)
    >>> batches = cnn.data.Batches(x, y, batch_size=2, shuffle=False)
    >>> [labels.tolist() for rows, labels in batches]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self, x: Any, y: Any, sample_weight: Any = None, *, batch_size: int = 32,
        shuffle: bool = True, sampling: Any = None, seed: int = 0,
    ) -> None:  # fmt: skip
        self.batch_size = options.whole("Batches: batch_size", batch_size)
        self.shuffle = options.flag("Batches: shuffle", shuffle)
        self.seed = options.seed("Batches: seed", seed)
        lengths: dict[str, int] = {}
        self._x, self._y = _arrays(x, "x", lengths), _arrays(y, "y", lengths)
        check_lengths("Batches", **lengths)
        self.n_rows = next(iter(lengths.values()))
        if self.n_rows == 0:
            raise OptionError("Batches: need at least one row; got none")
        self._w = sample_weight
        if sample_weight is not None:
            self._w = as_weights(sample_weight, self.n_rows, who="Batches")
        self._share = None if sampling is None else self._shares(sampling)
        self._pages = MappedPages(_each(self._x, self._y), in_order=not shuffle)
        self._epoch = self._row = 0

    def _shares(self, sampling: Any) -> np.ndarray:
        """Return the sums of the weights by which rows are drawn."""
        if isinstance(sampling, str):
            options.choice("Batches", sampling, ("balanced",), option="sampling")
            labels = as_numbers(self._y, who="Batches", need="labels y (N,) to balance")
            if labels.ndim != 1:
                need = "labels y (N,) for sampling='balanced'"
                raise OptionError(f"Batches: need {need}; got shape {labels.shape}")
            _, code, counts = np.unique(labels, return_inverse=True, return_counts=True)
            return np.cumsum(1 / counts[code])
        weights = as_weights(sampling, self.n_rows, who="Batches", name="sampling")
        return np.cumsum(weights, dtype=np.float64)

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return -(-self.n_rows // self.batch_size)

    def __iter__(self) -> Iterator[tuple]:
        """Yield what is left of the epoch; of a new one where nothing is."""
        epoch, order = self._epoch, self._order()
        while self._epoch == epoch:
            rows = order[self._row : self._row + self.batch_size]
            parts = [_rows(self._x, rows), _rows(self._y, rows)]
            parts += [] if self._w is None else [self._w[rows]]
            self._pages.give_back()
            self._row += len(rows)
            if self._row >= self.n_rows:
                self._epoch, self._row = epoch + 1, 0
            yield tuple(parts)

    def _order(self) -> np.ndarray:
        if self._share is not None:
            draws = np.random.default_rng([self.seed, self._epoch]).random(self.n_rows)
            return np.searchsorted(self._share, draws * self._share[-1], "right")
        if self.shuffle:
            return shuffled(self.n_rows, self.seed, self._epoch)
        return np.arange(self.n_rows)

    def state_dict(self) -> dict[str, int]:
        """Return the place: the epoch, and how many of its rows have been yielded."""
        return {"epoch": self._epoch, "row": self._row, "n_rows": self.n_rows,
                "batch_size": self.batch_size, "seed": self.seed}  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a place; `StateError` for that of other rows, batches or another seed."""
        own = self.state_dict()
        if not isinstance(state, Mapping) or set(state) != set(own):
            raise StateError(f"Batches: need a state_dict; got {options.shown(state)}")
        for key in ("n_rows", "batch_size", "seed"):
            if state[key] != own[key]:
                raise StateError(f"Batches: need the state of {key} {own[key]}; got {state[key]}")
        epoch = options.whole("Batches: epoch", state["epoch"], 0)
        self._row = options.whole("Batches: row", state["row"], 0, self.n_rows - 1)
        self._epoch = epoch


def _each(*given: Any) -> Iterator[Any]:
    """Yield the arrays of dictionaries and tuples of them."""
    for one in given:
        parts = one.values() if isinstance(one, dict) else one if isinstance(one, tuple) else [one]
        yield from parts


def _arrays(given: Any, name: str, lengths: dict[str, int]) -> Any:
    """Return arrays of which rows can be picked, and note their lengths."""
    if isinstance(given, Mapping):
        return {key: _arrays(a, f"{name}[{key!r}]", lengths) for key, a in given.items()}
    if isinstance(given, tuple):
        return tuple([_arrays(a, f"{name}[{i}]", lengths) for i, a in enumerate(given)])
    array = given.tocsr() if is_sparse(given) else as_plain(given, who="Batches", name=name)
    if len(array.shape) == 0:
        raise OptionError(f"Batches: need {name}, an array with rows; got a single value")
    lengths[name] = array.shape[0]
    return array


def _rows(given: Any, rows: np.ndarray) -> Any:
    if isinstance(given, dict):
        return {key: _rows(a, rows) for key, a in given.items()}
    if isinstance(given, tuple):
        return tuple([_rows(a, rows) for a in given])
    return given[rows]
