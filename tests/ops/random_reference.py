"""What dropout and the random operations draw, in NumPy and Python's standard library."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np


def philox(counter: np.ndarray, key: tuple[int, int], rounds: int = 7) -> np.ndarray:
    """Return Philox4x32 of counters (N, 4), as uint32 (N, 4).

    With 10 rounds, counter 0 and key 0 it gives 6627e8d5 e169c58d bc57ac4c 9b00dbd8, the
    known answer of the authors' own implementation.
    """
    x = counter.astype(np.uint64).T.copy()
    k = [np.uint64(key[0]), np.uint64(key[1])]
    low = np.uint64(0xFFFFFFFF)
    for _ in range(rounds):
        p, q = np.uint64(0xD2511F53) * x[0], np.uint64(0xCD9E8D57) * x[2]
        x = np.stack([(q >> np.uint64(32)) ^ x[1] ^ k[0], q & low,
                      (p >> np.uint64(32)) ^ x[3] ^ k[1], p & low])  # fmt: skip
        k = [(k[0] + np.uint64(0x9E3779B9)) & low, (k[1] + np.uint64(0xBB67AE85)) & low]
    return x.T.astype(np.uint32)


def blocks_of_bits(blocks: int, *, seed: int, step: int, key: int) -> np.ndarray:
    """Return uint32 (blocks, 64): each block holds four words of each of 16 counters."""
    at = np.arange(blocks * 16, dtype=np.uint64)
    counter = np.zeros((len(at), 4), np.uint64)
    counter[:, 0], counter[:, 1] = at & np.uint64(0xFFFFFFFF), at >> np.uint64(32)
    counter[:, 2] = step & 0xFFFFFFFF
    counter[:, 3] = (key & 0xFFFFFFFF) ^ (step >> 32)
    words = philox(counter, (seed & 0xFFFFFFFF, seed >> 32))
    return words.reshape(blocks, 16, 4).transpose(0, 2, 1).reshape(blocks, 64)


def dropout_mask(n: int, rate: float, **run: int) -> np.ndarray:
    """Return which of ``n`` elements dropout keeps."""
    return blocks_of_bits(-(-n // 64), **run).reshape(-1)[:n] >= int(rate * 2**32)


def falling(rate: float, steps: int | None, step: int) -> float:
    """Return the rate of dropout at a step: all of it up to half of the steps, then less."""
    at = 0.0 if steps is None else np.clip(2 * step / steps - 1, 0, 1)
    return rate * (1 + np.cos(np.pi * at)) / 2


def _pairs(n: int, **run: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the high and the low 32 bits of ``n`` elements."""
    bits = blocks_of_bits(-(-n // 32), **run).astype(np.int64)
    return bits[:, :32].reshape(-1)[:n], bits[:, 32:].reshape(-1)[:n]


def uniform_numbers(n: int, **run: int) -> np.ndarray:
    """Return what `random_uniform` draws from [0, 1) in float64."""
    high, low = _pairs(n, **run)
    return (high * 2**21 + (low >> 11)) / 2**53


def normal_numbers(n: int, **run: int) -> np.ndarray:
    """Return what `random_normal` draws from N(0, 1)."""
    high, low = _pairs(n, **run)
    p = ((high % 2**31) * 2**21 + (low >> 11) + 0.5) / 2**53
    z = -np.array([NormalDist().inv_cdf(float(each)) for each in p])
    return np.where(high >> 31, -z, z)
