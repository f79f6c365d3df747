"""Rules of products of matrices and vectors."""

from __future__ import annotations

import numpy as np
from fuzz_values import Draw, Unfit, rule, summed_to

from cnn_core import BATCH, ops

# -- dense ------------------------------------------------------------------------------------


def _width(d: Draw) -> int:
    """Widths of every order up to 130; where all is large, mostly narrow ones."""
    if d.large and d.flip(0.6):
        return d.size(20, least=3)
    return d.size(130 if d.flip(0.3) else 9)


def _dense(d: Draw):
    def new():
        if d.large:
            return (d.size(min(700, d.limit // d.rows), least=8),)
        return d.new_shape(int(d.choose([1, 1, 2])))

    x = d.real(lambda v: bool(v.row), new=new, batched=d.large or None)
    w = d.like((x.shape[-1], _width(d)))
    if w.batched:
        raise Unfit
    bias = [d.like((w.shape[1],))] if d.flip(0.6) else []
    return [([x, w, *bias], {}, {})]


def _steps_of_time(d: Draw):
    """Unbatched products with one weight, whose gradients lowering makes in one."""
    w = d.leaf((d.size(9), _width(d)), batched=False)
    xs = [d.like((d.size(6), w.shape[0])) for _ in range(int(d.choose([2, 3])))]
    if d.flip(0.3):
        xs.append(xs[0])
    return [([x, w], {}, {}) for x in xs]


def _dense_grads(dy, y, x, w, b=None):
    rows, dys = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
    return [dy @ w.T, rows.T @ dys, *([] if b is None else [dys.sum(axis=0)])]


for _draw in (_dense, _steps_of_time):
    rule("dense", _draw, lambda x, w, b=None: x @ w + (0 if b is None else b), _dense_grads,
         chain=True)  # fmt: skip

# -- grouped_dense ----------------------------------------------------------------------------


def _grouped(d: Draw):
    x = d.real(lambda v: len(v.row) > 1, new=lambda: d.new_shape(2))
    w = d.like((*x.shape[-2:], _width(d)))
    if w.batched:
        raise Unfit
    return [([x, w], {}, {})]


def _grouped_grads(dy, y, x, w):
    rows, dys = x.reshape(-1, *x.shape[-2:]), dy.reshape(-1, *dy.shape[-2:])
    return [np.einsum("...go,gio->...gi", dy, w), np.einsum("bgi,bgo->gio", rows, dys)]


rule("grouped_dense", _grouped, lambda x, w: np.einsum("...gi,gio->...go", x, w), _grouped_grads,
     chain=True)  # fmt: skip

# -- matmul -----------------------------------------------------------------------------------


def _matmul(d: Draw):
    return [(_left(d) if d.flip(0.6) else _right(d), {}, {})]


def _left(d: Draw):
    """A value times something that fits: a vector, a matrix, or matrices with axes before."""
    a = d.real(lambda v: bool(v.row), new=lambda: d.new_shape(int(d.choose([1, 2, 2, 3]))))
    k = a.shape[-1]
    if d.flip(0.2):
        return [a, d.like((k,))]
    lead = () if len(a.shape) < 3 or d.flip(0.4) else d.partner(a.shape[:-2])
    if len(a.shape) == 1 and d.flip(0.5):
        lead = (BATCH,)
    return [a, d.like((*lead, k, _width(d)))]


def _right(d: Draw):
    """Something times a value; matrices of a batch may have a shared left operand."""
    b = d.real(lambda v: len(v.row) > 1, new=lambda: d.new_shape(2))
    k = b.shape[-2]
    if d.flip(0.2):
        return [d.like((k,)), b]
    lead = () if len(b.shape) < 3 or d.flip(0.4) else d.partner(b.shape[:-2])
    n = _width(d)
    if not lead and len(b.shape) == 2 and d.flip(0.4):
        return [d.like((BATCH, k)), b]
    return [d.like((*lead, n, k)), b]


def _deep(d: Draw):
    """Unbatched, a long inner axis and a narrow result."""
    n, m = d.size(130 if d.large else 9), d.size(20)
    k = d.size(min(60_000, d.limit // max(n, m)))
    return [([d.leaf((n, k), batched=False), d.leaf((k, m), batched=False)], {}, {})]


def _matmul_grads(dy, y, a, b):
    a2, b2 = (a[None] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b)
    if b.ndim == 1:
        dy = np.expand_dims(dy, -1)
    if a.ndim == 1:
        dy = np.expand_dims(dy, -2)
    da = summed_to(dy @ np.swapaxes(b2, -1, -2), a2.shape)
    db = summed_to(np.swapaxes(a2, -1, -2) @ dy, b2.shape)
    return [da.reshape(a.shape), db.reshape(b.shape)]


for _draw in (_matmul, _deep):
    rule("matmul", _draw, lambda a, b: a @ b, _matmul_grads, chain=True)


def _pairs(d: Draw):
    n_in, n_out, operands = d.size(40), _width(d), []
    for _ in range(int(d.choose([1, 2, 3]))):
        lead = d.new_shape(int(d.choose([1, 1, 2])), rows=max(n_in, n_out))
        operands += [d.like((*lead, n_in)), d.like((*lead, n_out))]
    return [(operands, {}, {})]


def _weight_grad(*xs):
    parts = [x.reshape(-1, x.shape[-1]) for x in xs]
    return sum(x.T @ dy for x, dy in zip(parts[::2], parts[1::2], strict=True))


rule("weight_grad", _pairs, _weight_grad, chain=True, text="{call}(pairs of [{args}])",
     build=lambda nodes, options: ops.weight_grad(zip(nodes[::2], nodes[1::2], strict=True)))

# -- vectors along the last axis --------------------------------------------------------------


def _vectors(d: Draw):
    """Two operands whose axes before the last broadcast together."""
    a = d.real(lambda v: bool(v.row), new=lambda: d.new_shape(int(d.choose([1, 1, 2, 3]))))
    return a, d.partner(a.shape[:-1])


def _outer(d: Draw):
    a, lead = _vectors(d)
    if len(a.shape) > 5:
        raise Unfit
    return [([a, d.like((*lead, _width(d)))], {}, {})]


def _cosine_pair(d: Draw):
    a, lead = _vectors(d)
    return [([a, d.like((*lead, a.shape[-1]))], {}, {})]


def _lengths(a, b):
    return [np.sqrt((x * x).sum(axis=-1)) - 0.05 for x in (a, b)]


def _cosine(a, b):
    """NaN, which is not drawn, where a vector is so short that the angle means little."""
    na, nb = (np.sqrt((x * x).sum(axis=-1)) for x in (a, b))
    short = min(na.min(), nb.min()) < 0.05
    return np.nan * na * nb if short else (a * b).sum(axis=-1) / (na * nb)


def _cosine_grads(dy, y, a, b):
    na, nb = (np.sqrt((x * x).sum(axis=-1, keepdims=True)) for x in (a, b))
    y, dy = y[..., None], dy[..., None]
    return [summed_to((b / nb - y * a / na) * dy / na, a.shape),
            summed_to((a / na - y * b / nb) * dy / nb, b.shape)]  # fmt: skip


rule("outer", _outer, lambda a, b: a[..., :, None] * b[..., None, :],
     lambda dy, y, a, b: [summed_to((dy * b[..., None, :]).sum(axis=-1), a.shape),
                          summed_to((dy * a[..., :, None]).sum(axis=-2), b.shape)], chain=True)
rule("cosine_similarity", _cosine_pair, _cosine, _cosine_grads, chain=True)


def _convolution_pair(d: Draw):
    x, lead = _vectors(d)
    k = d.like((*lead, d.size(7)))
    return [([x, k], {"center": int(d.rng.integers(4))}, {})]


def _convolution(x, k, center):
    n, size = x.shape[-1], k.shape[-1]
    return sum(k[..., j : j + 1] * np.roll(x, (j - center) % n, axis=-1) for j in range(size))


def _convolution_grads(dy, y, x, k, center):
    n, size = x.shape[-1], k.shape[-1]
    dx = sum(k[..., j : j + 1] * np.roll(dy, (center - j) % n, axis=-1) for j in range(size))
    dk = np.stack([(dy * np.roll(x, (j - center) % n, axis=-1)).sum(axis=-1)
                   for j in range(size)], axis=-1)  # fmt: skip
    return [summed_to(dx, x.shape), summed_to(dk, k.shape)]


rule("circular_convolution", _convolution_pair, _convolution, _convolution_grads, chain=True)


def _memory(d: Draw):
    x = d.real(lambda v: len(v.row) > 1, new=lambda: d.new_shape(2))
    *lead, n, m = x.shape
    return [([x, d.like((*lead, n)), d.like((*lead, m)), d.like((*lead, m))], {}, {})]


def _erase_add(x, w, e, a):
    return x * (1 - w[..., None] * e[..., None, :]) + w[..., None] * a[..., None, :]


def _erase_add_grads(dy, y, x, w, e, a):
    dx = dy * (1 - w[..., None] * e[..., None, :])
    dw = (dy * (a[..., None, :] - x * e[..., None, :])).sum(axis=-1)
    de = -(dy * x * w[..., None]).sum(axis=-2)
    da = (dy * w[..., None]).sum(axis=-2)
    return [dx, dw, de, da]


rule("erase_add", _memory, _erase_add, _erase_add_grads, chain=True)
