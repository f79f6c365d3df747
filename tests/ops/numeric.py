"""Data for operation tests, and derivatives of their references by central differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from op_case import OpCase, Spec

Arrays = dict[str, np.ndarray]


def is_batched(spec: Spec) -> bool:
    return not spec or spec[0] != "unbatched"


def draw(spec: Spec, rows: int, scale: float, rng: np.random.Generator) -> np.ndarray:
    """Return data for one input; see `OpCase` for what ``spec`` says."""
    kind, *rest = spec if spec and isinstance(spec[0], str) else ("normal", spec)
    if kind in ("normal", "unbatched"):
        shape = rest[0] if kind == "unbatched" else (rows, *rest[0])
        return scale * rng.standard_normal(shape)
    if kind == "labels":
        labels = rng.integers(0, rest[0], rows).astype(np.int32)
        return np.where(rng.random(rows) < 0.25, np.int32(rest[1]), labels) if rest[1:] else labels
    if kind == "index":
        return rng.integers(-rest[0], rest[0], (rows, *rest[1])).astype(np.int32)
    if kind == "distribution":
        return rng.dirichlet(np.ones(rest[0]), rows) if rest[0] > 1 else np.ones((rows, 1))
    if kind == "weight":
        w = np.where(rng.random(rows) < 0.25, 0, rng.uniform(0.1, 2, rows))
        return w if w.any() else np.ones(rows)  # the mean of nothing is NaN
    shape = (rows, *rest[0])
    if kind == "unit":
        return rng.random(shape)
    if kind == "sign":
        return rng.choice([-1.0, 1.0], shape)
    if kind == "counts":
        return rng.integers(0, 10, shape).astype(float)
    raise ValueError(f"unknown kind of input {kind!r}")


def draw_inputs(case: OpCase, rows: int, scale: float, rng: np.random.Generator,
                dtype: Any) -> Arrays:  # fmt: skip
    """Return data for all inputs, rounded to ``dtype``, clear of the kinks of ``case``."""
    for _ in range(1000):
        x = {k: draw(spec, rows, scale, rng) for k, spec in case.inputs.items()}
        for name, places in case.kinks.items():
            for place in places:
                near = np.abs(x[name] - place) < 0.1
                x[name] = np.where(near, place + np.copysign(0.3, x[name] - place), x[name])
        x = {k: a if a.dtype == np.int32 else a.astype(dtype) for k, a in x.items()}
        point = as_reference(x)
        if all(np.abs(k).min() > 2e-4 / np.sqrt(k.size) for k in distances(case, point)):
            return x
    raise AssertionError("no data away from the kinks in 1000 draws")


def as_reference(x: Mapping[str, np.ndarray]) -> Arrays:
    """Return the arrays in the types that references take: float64 and int64."""
    return {k: a.astype(np.int64 if a.dtype.kind == "i" else np.float64) for k, a in x.items()}


def distances(case: OpCase, point: Arrays) -> list[np.ndarray]:
    """Return how far ``point`` is from each kink."""
    found = [point[name] - place for name, places in case.kinks.items() for place in places]
    return [*found, case.kink(**point)] if case.kink else found


def derivatives(case: OpCase, point: Arrays, name: str, v: np.ndarray,
                f: Callable[[Arrays], float]) -> Iterator[tuple[float, float]]:  # fmt: skip
    """Yield the derivative of f along ``v`` in input ``name``, of fourth order, and its step.

    All four points lie on one side of each kink.  The caller takes the best of the steps: where
    a higher derivative jumps, the smaller ones are better.
    """
    before = distances(case, point)
    for h in (1e-3, 1e-4, 1e-5, 1e-6):
        points = [{**point, name: point[name] + k * h * v} for k in (-2, -1, 1, 2)]
        if all(np.all(np.abs(now - then) < np.abs(then))
               for p in points for now, then in zip(distances(case, p), before, strict=True)):
            a, b, c, d = map(f, points)
            yield (a - 8 * b + 8 * c - d) / (12 * h), h
