"""The tasks of the paper as streams of random sequences.

A task yields pairs: inputs (T, n_in) of the input phase and targets (L, n_out) of the output
phase, all of them 0 and 1 but for the normalised count of repeat-copy.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Copy:
    """Section 4.1: give a sequence back.  The last channel marks its end."""

    shortest: int = 1
    longest: int = 20
    bits: int = 8

    @property
    def n_in(self):
        return self.bits + 1

    @property
    def n_out(self):
        return self.bits

    @property
    def longest_kind(self):
        return {"length": self.longest}

    def draw(self, rng, length=None):
        n = rng.integers(self.shortest, self.longest + 1) if length is None else length
        target = rng.integers(0, 2, (n, self.bits)).astype(np.float32)
        x = np.zeros((n + 1, self.n_in), np.float32)
        x[:n, : self.bits] = target
        x[n, self.bits] = 1
        return x, target


@dataclass(frozen=True)
class RepeatCopy:
    """Section 4.2: give a sequence back several times, then a mark on the last output channel.

    The last two input channels mark the end of the sequence and hold the number of copies,
    scaled to mean 0 and variance 1 over the numbers that are trained.
    """

    longest: int = 10
    most: int = 10
    bits: int = 8

    @property
    def n_in(self):
        return self.bits + 2

    @property
    def n_out(self):
        return self.bits + 1

    @property
    def longest_kind(self):
        return {"length": self.longest, "copies": self.most}

    def draw(self, rng, length=None, copies=None):
        n = rng.integers(1, self.longest + 1) if length is None else length
        k = rng.integers(1, self.most + 1) if copies is None else copies
        sequence = rng.integers(0, 2, (n, self.bits)).astype(np.float32)
        x = np.zeros((n + 1, self.n_in), np.float32)
        x[:n, : self.bits] = sequence
        deviation = np.sqrt((self.most**2 - 1) / 12) or 1.0  # of a uniform 1 ... most
        x[n, self.bits :] = 1, (k - (self.most + 1) / 2) / deviation
        target = np.zeros((n * k + 1, self.n_out), np.float32)
        target[:-1, : self.bits] = np.tile(sequence, (k, 1))
        target[-1, self.bits] = 1
        return x, target


@dataclass(frozen=True)
class AssociativeRecall:
    """Section 4.3: items of three vectors each; asked for one, answer with the next.

    The last two input channels mark the start of an item, and both ends of the question.
    """

    fewest: int = 2
    most: int = 6
    bits: int = 6
    rows: int = 3

    @property
    def n_in(self):
        return self.bits + 2

    @property
    def n_out(self):
        return self.bits

    @property
    def longest_kind(self):
        return {"length": self.most}

    def draw(self, rng, length=None):
        n = rng.integers(self.fewest, self.most + 1) if length is None else length
        items = rng.integers(0, 2, (n, self.rows, self.bits)).astype(np.float32)
        asked = rng.integers(0, n - 1)
        per_item = self.rows + 1
        x = np.zeros((n * per_item + self.rows + 2, self.n_in), np.float32)
        for i, item in enumerate(items):
            x[i * per_item, self.bits] = 1
            x[i * per_item + 1 : (i + 1) * per_item, : self.bits] = item
        question = x[n * per_item :]
        question[[0, -1], self.bits + 1] = 1
        question[1:-1, : self.bits] = items[asked]
        return x, items[asked + 1]


TASKS = {"copy": Copy, "repeat-copy": RepeatCopy, "associative-recall": AssociativeRecall}
