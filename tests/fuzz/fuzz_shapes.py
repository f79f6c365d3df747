"""Rules of views, joins, lookups, and of what works along axes."""

from __future__ import annotations

from math import prod

import numpy as np
from activation_cases import log_softmax
from fuzz_values import Draw, rule

from cnn_core import BATCH, ops

# -- views ------------------------------------------------------------------------------------


def view(op, draw, value, **more):
    """A view picks numbers: its gradient goes back to where they came from."""

    def grads(dy, y, x, **options):
        place = value(np.arange(x.size).reshape(x.shape), **options)
        dx = np.zeros(x.size)
        dx[place.ravel()] = np.ravel(dy)
        return [dx.reshape(x.shape)]

    rule(op, draw, value, grads, exact=True, **more)


def _transpose(d: Draw):
    x = d.real()
    if d.flip(0.3):
        return [([x], {"axes": None}, {"first": int(x.batched)})]
    first = int(x.batched)
    order = [*range(first), *(first + d.rng.permutation(len(x.row)))]
    axes = tuple(int(i) - len(order) * int(i > 0 and d.flip(0.2)) for i in order)
    return [([x], {"axes": axes}, {"first": first})]


def _transposed(x, axes, first):
    order = (*range(first), *reversed(range(first, x.ndim))) if axes is None else axes
    return np.transpose(x, order)


def _reshape(d: Draw):
    x = d.real()
    left, shape = prod(x.row), []
    while left > 1 and len(shape) < 4:
        n = d.choose([k for k in range(1, left + 1) if left % k == 0][:40])
        shape.append(int(n))
        left //= n
    shape += [left] if left > 1 else []
    if shape and d.flip(0.3):
        shape[int(d.rng.integers(len(shape)))] = -1
    elif len(shape) < 4 and d.flip(0.3):
        shape.insert(int(d.rng.integers(len(shape) + 1)), 1)
    return [([x], {"shape": (BATCH, *shape) if x.batched else tuple(shape)}, {})]


def _reshaped(x, shape):
    return x.reshape(tuple(len(x) if n is BATCH else n for n in shape))


def _slice(d: Draw):
    x = d.real(lambda v: bool(v.shape))
    key: list = [slice(None)] if x.batched else []
    for n in x.row:
        kind = d.rng.random()
        if kind < 0.25:
            key.append(slice(None))
        elif kind < 0.45:
            key.append(int(d.rng.integers(-n, n)))
        else:
            a, b = sorted(d.rng.integers(0, n + 1, 2).tolist())
            a, b = (a, b) if a < b else (0, n)
            by = int(d.choose([1, 1, 2, 3]))
            backwards = slice(b - 1, a - 1 if a else None, -by)
            key.append(backwards if d.flip(0.3) else slice(a, b, by))
        if d.flip(0.08) and len(x.shape) < 5:
            key.append(None)
    if d.flip(0.2) and all(k == slice(None) for k in key[1:]):
        key[1:] = [...]
    return [([x], {"key": tuple(key)}, {})]


def _split(d: Draw):
    """All parts, or some: those of all divide the gradient of x among themselves."""
    x = d.real(lambda v: any(n > 1 for n in v.row))
    first = len(x.shape) - len(x.row)
    axis = d.choose([first + i for i, n in enumerate(x.row) if n > 1])
    n = x.shape[axis]
    even = [k for k in (2, 3, 4) if n % k == 0]
    if even and d.flip(0.5):
        sections = d.choose(even)
    else:
        cuts = d.rng.choice(np.arange(1, n), min(n - 1, d.choose([1, 2, 3])), replace=False)
        sections = tuple(sorted(cuts.tolist()))
    n_part = sections if isinstance(sections, int) else len(sections) + 1
    parts = range(n_part) if d.flip(0.7) else [int(d.rng.integers(n_part))]
    axis -= len(x.shape) * int(d.flip(0.3))
    return [([x], {"sections": sections, "axis": axis, "part": i}, {}) for i in parts]


def _part_node(nodes, options):
    given = dict(options)
    return ops.split(*nodes, **{k: v for k, v in given.items() if k != "part"})[given["part"]]


view("transpose", _transpose, _transposed)
view("reshape", _reshape, _reshaped)
view("slice", _slice, lambda x, key: x[key])
view("split", _split, lambda x, sections, axis, part: np.split(x, sections, axis)[part],
     build=_part_node, text="parts of {call}({args})")  # fmt: skip

# -- joins ------------------------------------------------------------------------------------


def _many(nodes, options):
    return getattr(ops, options["op"])(nodes, options["axis"])


def _concat(d: Draw):
    x = d.real(lambda v: bool(v.row))
    first = len(x.shape) - len(x.row)
    axis = first + int(d.rng.integers(len(x.row)))
    operands = [x]
    for _ in range(int(d.choose([0, 1, 1, 2, 3]))):
        length = x.shape[axis] if d.flip(0.5) else d.size(9)
        operands.append(d.like((*x.shape[:axis], length, *x.shape[axis + 1 :])))
    d.rng.shuffle(operands)
    return [(operands, {"op": "concat", "axis": axis - len(x.shape) * int(d.flip(0.3))}, {})]


def _concat_grads(dy, y, *xs, op, axis):
    cuts = np.cumsum([x.shape[axis] for x in xs])[:-1]
    return np.split(dy, cuts, axis)


def _stack(d: Draw):
    x = d.real(lambda v: len(v.shape) < 5)
    first = len(x.shape) - len(x.row)
    axis = int(d.rng.integers(first, len(x.shape) + 1))
    operands = [x, *(d.like(x.shape) for _ in range(int(d.choose([0, 1, 2]))))]
    back = (len(x.shape) + 1) * int(d.flip(0.3))
    return [(operands, {"op": "stack", "axis": axis - back}, {})]


for _op, _draw, _value, _grads in (
    ("concat", _concat, lambda *xs, op, axis: np.concatenate(xs, axis), _concat_grads),
    ("stack", _stack, lambda *xs, op, axis: np.stack(xs, axis),
     lambda dy, y, *xs, op, axis: list(np.moveaxis(dy, axis, 0))),
):  # fmt: skip
    rule(_op, _draw, _value, _grads, exact=True, build=_many, text="{call}([{args}])",
         written=lambda options: {"axis": options["axis"]})  # fmt: skip

# -- lookups ----------------------------------------------------------------------------------


def lookup(op, draw, value):
    """A lookup may pick a number several times: its gradient adds up where it came from."""

    def grads(dy, y, x, index, **options):
        place = value(np.arange(x.size).reshape(x.shape), index, **options)
        dx = np.zeros(x.size)
        np.add.at(dx, place.ravel(), np.ravel(dy))
        return [dx.reshape(x.shape), None]

    rule(op, draw, value, grads, exact=True)


def _picked_from(d: Draw):
    x = d.real(lambda v: bool(v.row), new=lambda: d.new_shape(2), batched=d.flip(0.5))
    first = len(x.shape) - len(x.row)
    return x, first + int(d.rng.integers(len(x.row)))


def _take(d: Draw):
    x, axis = _picked_from(d)
    batched = d.flip(0.5) and (x.batched or axis == 0)
    index = d.leaf(d.new_shape(int(d.choose([0, 1, 2]))), "index", of=x.shape[axis],
                   batched=batched)  # fmt: skip
    given = axis - len(x.shape) * int(d.flip(0.2))
    return [([x, index], {"axis": given}, {"by_row": x.batched and batched})]


def _taken(x, index, axis, by_row):
    if not by_row:
        return np.take(x, index, axis)
    axis = axis % x.ndim - 1
    return np.stack([np.take(row, at, axis) for row, at in zip(x, index, strict=True)])


def _take_along_axis(d: Draw):
    x, axis = _picked_from(d)
    shape = [1 if d.flip(0.2) else n for n in x.shape]
    shape[axis] = d.size(6)
    if not x.batched and axis == 0 and d.flip(0.3):
        shape[0] = BATCH
    batched = shape[0] is BATCH
    index = d.leaf(tuple(shape[1:] if batched else shape), "index", of=x.shape[axis],
                   batched=batched)  # fmt: skip
    return [([x, index], {"axis": axis - len(x.shape) * int(d.flip(0.2))}, {})]


lookup("take", _take, _taken)
lookup("take_along_axis", _take_along_axis, np.take_along_axis)

# -- along axes -------------------------------------------------------------------------------


def _along(d: Draw):
    x = d.real(lambda v: bool(v.shape))
    axis = int(d.rng.integers(len(x.shape)))
    if not (x.batched and axis == 0) and d.flip(0.4):
        axis -= len(x.shape)
    return [([x], {"axis": axis}, {})]


def _softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _log_softmax(x, axis):
    return np.moveaxis(log_softmax(np.moveaxis(x, axis, -1)), -1, axis)


rule("softmax", _along, _softmax,
     lambda dy, y, x, axis: [y * (dy - (y * dy).sum(axis=axis, keepdims=True))], chain=True)
rule("log_softmax", _along, _log_softmax,
     lambda dy, y, x, axis: [dy - np.exp(y) * dy.sum(axis=axis, keepdims=True)], chain=True,
     saturates=True)  # fmt: skip
rule("cumsum", _along, lambda x, axis: np.cumsum(x, axis),
     lambda dy, y, x, axis: [np.flip(np.cumsum(np.flip(dy, axis), axis), axis)], chain=True)


def _reduction(d: Draw):
    x = d.real()
    n = len(x.shape)
    some = [i for i in range(n) if d.flip(0.5)]
    axes = [i - n * int(d.flip(0.2)) for i in some]
    axis = None if not axes or d.flip(0.2) else axes[0] if len(axes) == 1 else tuple(axes)
    return [([x], {"axis": axis, "keepdims": d.flip(0.3)}, {})]


def wide(array, x, axis, keepdims):
    """Return a reduced array with its axes back, so that it broadcasts with ``x``."""
    if keepdims:
        return array
    axes = range(x.ndim) if axis is None else np.atleast_1d(axis)
    return np.expand_dims(array, tuple(int(i) for i in axes))


def reduction(op, value, slope, **more):
    def grads(dy, y, x, **options):
        y, dy = wide(y, x, **options), wide(dy, x, **options)
        return [dy * slope(x, y, **options) + 0 * x]

    rule(op, _reduction, value, grads, **more)


def _groups(x, axis, keepdims):
    """Return the numbers of each group side by side, and where they stand in x."""
    axes = range(x.ndim) if axis is None else np.atleast_1d(axis)
    axes = sorted(int(i) % x.ndim for i in axes)
    kept = [i for i in range(x.ndim) if i not in axes]
    order = np.arange(x.size).reshape(x.shape).transpose(*kept, *axes)
    order = order.reshape(prod(x.shape[i] for i in kept), -1)
    return x.ravel()[order], order


def _first(find):
    """The gradient of a largest number goes to the first one, in row-major order."""

    def slope(x, y, **options):
        values, order = _groups(x, **options)
        at = order[np.arange(len(order)), find(values, axis=1)]
        found = np.zeros(x.size)
        found[at] = 1
        return found.reshape(x.shape)

    return slope


def _gap(x, **options):
    values = np.sort(_groups(x, **options)[0], axis=1)
    if values.shape[1] == 1:
        return [np.ones(1)]
    return [values[:, -1] - values[:, -2], values[:, 1] - values[:, 0]]


def _logsumexp(x, axis, keepdims):
    top = x.max(axis=axis, keepdims=True)
    y = top + np.log(np.exp(x - top).sum(axis=axis, keepdims=True))
    return y if keepdims else y.reshape(x.sum(axis=axis).shape)


def _norm(x, axis, keepdims):
    return np.sqrt((x * x).sum(axis=axis, keepdims=keepdims))


reduction("sum", lambda x, **o: x.sum(**o), lambda x, y, **o: 1.0)
reduction("mean", lambda x, **o: x.mean(**o), lambda x, y, **o: y.size / x.size)
reduction("max", lambda x, **o: x.max(**o), _first(np.argmax), kinks=_gap, exact=True)
reduction("min", lambda x, **o: x.min(**o), _first(np.argmin), kinks=_gap, exact=True)
reduction("logsumexp", _logsumexp, lambda x, y, **o: np.exp(x - y), chain=True, saturates=True)
reduction("norm", _norm, lambda x, y, **o: np.where(y > 0, x / np.where(y > 0, y, 1), 0),
          kinks=lambda x, **o: [_norm(x, **o)])  # fmt: skip

