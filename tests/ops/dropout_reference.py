"""The mask of dropout in NumPy; it depends on seed and step, so dropout is no OpCase."""

from __future__ import annotations

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


def dropout_mask(n: int, rate: float, *, seed: int, step: int, key: int) -> np.ndarray:
    """Return which of ``n`` elements dropout keeps: the numbers stand in blocks of 4 x 16."""
    blocks = -(-n // 64)
    at = np.arange(blocks * 16, dtype=np.uint64)
    counter = np.zeros((len(at), 4), np.uint64)
    counter[:, 0], counter[:, 1] = at & np.uint64(0xFFFFFFFF), at >> np.uint64(32)
    counter[:, 2] = step & 0xFFFFFFFF
    counter[:, 3] = (key & 0xFFFFFFFF) ^ (step >> 32)
    words = philox(counter, (seed & 0xFFFFFFFF, seed >> 32))
    numbers = words.reshape(blocks, 16, 4).transpose(0, 2, 1).reshape(-1)[:n]
    return numbers >= int(rate * 2**32)
