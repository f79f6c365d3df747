"""Cases of matmul, weight_grad, cosine_similarity, circular_convolution, and along any axis."""

from __future__ import annotations

import numpy as np
from activation_cases import log_softmax
from op_case import OpCase, Spec

from cnn_core import ops

_U = "unbatched"
_MATRICES: dict[str, tuple[Spec, Spec]] = {
    "": ((2, 3), (3, 4)),
    "_rows": ((3,), (_U, (3, 4))),
    "_rows_by_vector": ((5,), (_U, (5,))),
    "_sequence": ((2, 3), (_U, (3, 4))),
    "_shared_left": ((_U, (2, 3)), (3, 4)),
    "_matrices_by_vector": ((2, 3), (_U, (3,))),
    "_vector_by_matrices": ((_U, (3,)), (3, 4)),
    "_vectors": ((_U, (4,)), (_U, (4,))),
    "_unbatched": ((_U, (2, 3)), (_U, (3, 2))),
    "_heads": ((2, 3, 4), (2, 4, 2)),
    "_lead_repeated": ((2, 1, 2, 3), (_U, (3, 3, 2))),
    "_lead_of_one": ((1, 2, 3), (4, 3, 2)),
    "_lead_middle": ((_U, (2, 1, 2, 3)), (_U, (3, 3, 2))),
    "_ones": ((1, 1), (1, 1)),
    "_wide": ((17,), (_U, (17, 49))),
    "_deep": ((2, 300), (300, 2)),
}
MATMUL = {
    f"matmul{k}": OpCase(lambda a, b: ops.matmul(a, b), {"a": a, "b": b}, lambda a, b: a @ b)
    for k, (a, b) in _MATRICES.items()
}

# The gradient of a weight that several products share: pairs of x_t and dy_t.
_PAIRS: dict[str, list[tuple[tuple[int, ...], int, int]]] = {
    "": [((3,), 4, 2), ((1,), 4, 2), ((5,), 4, 2)],
    "_one_row": [((1,), 9, 17)],
    "_rows_of_one": [((1,), 3, 5)] * 7,
    "_axes": [((2, 3), 8, 3), ((6,), 8, 3), ((1, 1, 2), 8, 3)],
    "_ones": [((1,), 1, 1)] * 2,
    "_deep": [((300,), 5, 20), ((280,), 5, 20)],
}


def _weight_grad(**arrays):
    parts = [a.reshape(-1, a.shape[-1]) for a in arrays.values()]
    return sum(x.T @ dy for x, dy in zip(parts[::2], parts[1::2], strict=True))


def _weight_grad_node(**nodes):
    parts = list(nodes.values())
    return ops.weight_grad(zip(parts[::2], parts[1::2], strict=True))


WEIGHT_GRAD = {
    f"weight_grad{k}": OpCase(
        _weight_grad_node,
        {key: (_U, (*lead, n)) for i, (lead, n_in, n_out) in enumerate(pairs)
         for key, n in ((f"x{i}", n_in), (f"dy{i}", n_out))},
        _weight_grad, gradient=False, adds=True)
    for k, pairs in _PAIRS.items()
}  # fmt: skip

# -- vectors along the last axis ----------------------------------------------------------------

_VECTORS: dict[str, tuple[Spec, Spec]] = {
    "": ((5,), (5,)),
    "_memory": ((6, 5), (1, 5)),
    "_key_first": ((1, 5), (6, 5)),
    "_shared_key": ((6, 5), (_U, (5,))),
    "_shared_memory": ((_U, (6, 20)), (1, 20)),
    "_unbatched": ((_U, (5,)), (_U, (5,))),
    "_lead": ((2, 1, 4), (_U, (3, 4))),
    # More pairs along an axis than a block of the kernel holds.
    "_long_memory": ((_U, (260, 3)), (_U, (1, 3))),
    "_long_pairs": ((_U, (130, 2)), (_U, (130, 2))),
}


def _cosine(a, b):
    return (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))


def _convolution(x, k, center):
    n, size = x.shape[-1], k.shape[-1]
    return sum(k[..., j : j + 1] * np.roll(x, (j - center) % n, axis=-1) for j in range(size))


COSINE = {
    f"cosine_similarity{k}": OpCase(
        lambda a, b: ops.cosine_similarity(a, b), {"a": a, "b": b}, _cosine)
    for k, (a, b) in _VECTORS.items()
}  # fmt: skip
COSINE["cosine_similarity_one"] = OpCase(
    lambda a, b: ops.cosine_similarity(a, b), {"a": (3, 1), "b": (3, 1)}, _cosine,
    kinks={"a": (0.0,), "b": (0.0,)},
)  # fmt: skip
CONVOLUTION = {
    f"circular_convolution{k}": OpCase(
        lambda x, k, center=center: ops.circular_convolution(x, k, center), {"x": x, "k": w},
        lambda x, k, center=center: _convolution(x, k, center))
    for k, (x, w, center) in {
        "": ((6,), (3,), 1), "_full": ((5,), (5,), 0), "_one": ((4,), (1,), 0),
        "_shared": ((6,), (_U, (3,)), 2), "_heads": ((2, 7), (1, 3), 1),
        "_heads_shared": ((1, 7), (2, 2), 0), "_unbatched": ((_U, (128,)), (_U, (3,)), 1),
        "_longer_kernel": ((3,), (5,), 2), "_single": ((1,), (3,), 1),
    }.items()
}  # fmt: skip

# -- along any axis -----------------------------------------------------------------------------


def _softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _log_softmax(x, axis):
    return np.moveaxis(log_softmax(np.moveaxis(x, axis, -1)), -1, axis)


_ALONG: dict[str, tuple[Spec, int]] = {
    "_first": ((4, 3), 1), "_middle": ((2, 5, 3), -2), "_batch": ((3,), 0),
    "_only_batch": ((), 0), "_wide": ((3, 70), 1), "_long": ((70, 2), 1),
    "_unbatched_first": ((_U, (4, 6)), 0), "_single": ((1, 3), 1),
}  # fmt: skip
ALONG = {
    **{f"softmax{k}": OpCase(lambda x, a=a: ops.softmax(x, a), {"x": x},
                             lambda x, a=a: _softmax(x, a)) for k, (x, a) in _ALONG.items()},
    **{f"log_softmax{k}": OpCase(lambda x, a=a: ops.log_softmax(x, a), {"x": x},
                                 lambda x, a=a: _log_softmax(x, a))
       for k, (x, a) in _ALONG.items()},
    **{f"cumsum{k}": OpCase(lambda x, a=a: ops.cumsum(x, a), {"x": x},
                            lambda x, a=a: np.cumsum(x, a))
       for k, (x, a) in {**_ALONG, "": ((5,), 1), "_last": ((2, 3), -1)}.items()},
}  # fmt: skip



def _erase_add(*lead, n, m):
    shapes = {"x": (n, m), "w": (n,), "e": (m,), "a": (m,)}
    inputs = {k: (_U, s) if lead == (_U,) else (*lead, *s) for k, s in shapes.items()}
    return OpCase(
        lambda x, w, e, a: ops.erase_add(x, w, e, a), inputs,
        lambda x, w, e, a: x + w[..., None] * (a[..., None, :] - x * e[..., None, :]),
    )  # fmt: skip


ERASE_ADD = {
    "erase_add": _erase_add(n=4, m=3), "erase_add_one": _erase_add(n=1, m=1),
    "erase_add_heads": _erase_add(2, n=3, m=5), "erase_add_unbatched": _erase_add(_U, n=20, m=20),
    "erase_add_wide": _erase_add(n=3, m=150), "erase_add_long": _erase_add(n=70, m=9),
}  # fmt: skip


def _grouped(x, w):
    return OpCase(lambda x, w: ops.grouped_dense(x, w), {"x": x, "w": (_U, w)},
                  lambda x, w: np.einsum("...gi,gio->...go", x, w))  # fmt: skip


GROUPED = {
    "grouped_dense": _grouped((5, 4), (5, 4, 3)), "grouped_dense_one": _grouped((1, 6), (1, 6, 1)),
    "grouped_dense_axes": _grouped((2, 3, 4), (3, 4, 2)),
    "grouped_dense_unbatched": _grouped((_U, (3, 4)), (3, 4, 5)),
    "grouped_dense_wide": _grouped((3, 70), (3, 70, 33)),
}  # fmt: skip

PRODUCT = {**GROUPED, **MATMUL, **WEIGHT_GRAD, **COSINE, **CONVOLUTION, **ALONG, **ERASE_ADD}
