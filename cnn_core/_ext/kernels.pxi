"""One-call kernels: check the arrays, then run a plan of a few steps without the GIL.

`cnn_core.kernels` documents what each of them computes.  The steps are those of a compiled
graph, on the same executor, so the numbers are equal to the last bit.
"""
cimport numpy as cnp
import numpy as np

from libc.stdint cimport INT64_MIN, int64_t
from libc.math cimport NAN
from libc.string cimport memset

from cnn_core._ext cimport capi

from cnn_core.errors import DtypeError, LabelError, OptionError, ShapeError

cdef object F32 = np.dtype(np.float32), F64 = np.dtype(np.float64), I32 = np.dtype(np.int32)
cdef object ndarray = np.ndarray, empty = np.empty
cdef int64_t NO_LABEL = INT64_MIN       # to ignore no label: no int32 equals it


# -- the door ---------------------------------------------------------------------------------

cdef object _check(str who, str name, array, dtype=None, bint written=False):
    """Return the dtype of an array that C can read; ``dtype`` is the one it must have."""
    if type(array) is not ndarray and not _is_plain(array):
        raise DtypeError(f"{who}: need {name} as a NumPy array without a mask; "
                         f"got {type(array).__name__}")
    given = array.dtype
    if given is not dtype and given != dtype:
        fix = _fix(written, f"{name}.astype(np.{dtype if dtype is not None else 'float64'})")
        if dtype is not None:
            raise DtypeError(f"{who}: need {name} of dtype {dtype}, that of the first array; "
                             f"got {given}: {fix}")
        if given != F32 and given != F64:
            raise DtypeError(f"{who}: need {name} of dtype float32 or float64; got {given}: {fix}")
    if array.size == 0:
        raise ShapeError(f"{who}: need {name} with at least one element; got shape {array.shape}")
    flags = array.flags
    if not flags.c_contiguous:
        raise ShapeError(
            f"{who}: need {name} C-contiguous, one row after the other; got shape {array.shape} "
            f"with strides {array.strides} in bytes: "
            + _fix(written, f"np.ascontiguousarray({name})"))
    if not flags.aligned:
        raise ShapeError(f"{who}: need {name} aligned to its elements in memory; got an unaligned "
                         f"array: " + _fix(written, f"{name}.copy()"))
    return F64 if given == F64 else F32


cdef bint _is_plain(array):
    return isinstance(array, ndarray) and not isinstance(array, np.ma.MaskedArray)


cdef str _fix(bint written, str copy):
    return "allocate it with np.empty" if written else f"pass {copy}"


cdef object _output(str who, str name, array, shape, dtype):
    """Return ``array`` if C can write a result of ``shape`` there, or a new one for None."""
    if array is None:
        return empty(shape, dtype)
    if isinstance(array, ndarray) and array.shape != shape:
        raise ShapeError(f"{who}: need {name} of shape {shape}; got {array.shape}")
    _check(who, name, array, dtype, True)
    if not array.flags.writeable:
        raise OptionError(f"{who}: need a writable {name}; got a read-only array")
    return array


cdef object _wrong_shapes(str who, str need, dict arrays):
    got = ", ".join([f"{name} {a.shape}" for name, a in arrays.items() if a is not None])
    return ShapeError(f"{who}: need {need}; got {got}")


cdef int _code(dtype):
    return capi.CNN_F32 if dtype is F32 else capi.CNN_F64


cdef object _labels(str who, t, int64_t n_row):
    """Return integers (B,) as an int32 copy, which no other thread can change.

    C looks for labels out of range; here only for those that int32 cannot hold.
    """
    if t.shape != (n_row,):
        raise ShapeError(f"{who}: need one label per row of z, t ({n_row},), or target rows of "
                         f"the dtype and shape of z; got t {t.shape} with {t.dtype}")
    labels = np.array(t, I32, order="C", subok=False)
    if t.dtype.itemsize >= 4 and t.dtype != I32:
        lost = labels != t
        if lost.any():
            row = int(lost.argmax())
            raise LabelError(f"{who}: need labels within int32; got {t[row]} at row {row} "
                             f"of the batch")
    return labels


# -- dense ------------------------------------------------------------------------------------

def dense_forward(x, w, b, activation, out):
    """Return ``x w + b``; ``activation`` is None or the name of a map and its attributes."""
    who = "dense_forward"
    dtype = _check(who, "x", x)
    _check(who, "w", w, dtype)
    if b is not None:
        _check(who, "b", b, dtype)
    if (x.ndim != 2 or w.ndim != 2 or x.shape[1] != w.shape[0]
            or (b is not None and b.shape != (w.shape[1],))):
        raise _wrong_shapes(who, "x (B, I), w (I, O), b (O,)", {"x": x, "w": w, "b": b})
    out = _output(who, "out", out, (x.shape[0], w.shape[1]), dtype)
    _dense_forward(_code(dtype), x, w, b, out, activation)
    return out


cdef int _dense_forward(int dtype, cnp.ndarray x, cnp.ndarray w, cnp.ndarray b, cnp.ndarray out,
                        tuple activation) except -1:
    cdef int64_t n_row = cnp.PyArray_DIM(x, 0), n_in = cnp.PyArray_DIM(x, 1)
    cdef int64_t n_out = cnp.PyArray_DIM(w, 1)
    cdef const capi.cnn_tensor *cb = NULL
    cdef const capi.cnn_op *dense = api().find_op(b"dense")
    cdef capi.cnn_step *step
    cdef Table t
    memset(&t, 0, sizeof(t))
    if b is not None:
        cb = add_tensor(&t, b"b", cnp.PyArray_DATA(b), dtype, False, 1, n_out)
    step = add_step(&t, dense, dense.forward[dtype], capi.CNN_ROWS,
                    add_tensor(&t, b"x", cnp.PyArray_DATA(x), dtype, True, n_row, n_in),
                    add_tensor(&t, b"w", cnp.PyArray_DATA(w), dtype, False, n_in, n_out), cb,
                    add_tensor(&t, b"out", cnp.PyArray_DATA(out), dtype, True, n_row, n_out, True))
    if activation is not None:
        name, attrs = activation
        step.user = api().find_op(name.encode())
        set_attrs(&t, 0, (int(name == "relu"), *attrs))
    need_blas()
    return run_table(&t, "dense_forward", n_row)


def dense_backward(x, w, dy, dx, dw, db):
    """Return the gradients of ``x w + b``."""
    who = "dense_backward"
    dtype = _check(who, "x", x)
    _check(who, "w", w, dtype)
    _check(who, "dy", dy, dtype)
    if (x.ndim != 2 or w.ndim != 2 or x.shape[1] != w.shape[0]
            or dy.shape != (x.shape[0], w.shape[1])):
        raise _wrong_shapes(who, "x (B, I), w (I, O), dy (B, O)", {"x": x, "w": w, "dy": dy})
    dx = _output(who, "dx", dx, x.shape, dtype)
    dw = _output(who, "dw", dw, w.shape, dtype)
    db = _output(who, "db", db, (w.shape[1],), dtype)
    _dense_backward(_code(dtype), x, w, dy, dx, dw, db)
    return dx, dw, db


cdef int _dense_backward(int dtype, cnp.ndarray x, cnp.ndarray w, cnp.ndarray dy, cnp.ndarray dx,
                         cnp.ndarray dw, cnp.ndarray db) except -1:
    cdef int64_t n_row = cnp.PyArray_DIM(x, 0), n_in = cnp.PyArray_DIM(x, 1)
    cdef int64_t n_out = cnp.PyArray_DIM(w, 1)
    cdef const capi.cnn_op *dense = api().find_op(b"dense")
    cdef const capi.cnn_tensor *cx
    cdef const capi.cnn_tensor *cw
    cdef const capi.cnn_tensor *cdy
    cdef const capi.cnn_tensor *cdx
    cdef const capi.cnn_tensor *cdw
    cdef const capi.cnn_tensor *cdb
    cdef Table t
    memset(&t, 0, sizeof(t))
    cx = add_tensor(&t, b"x", cnp.PyArray_DATA(x), dtype, True, n_row, n_in)
    cw = add_tensor(&t, b"w", cnp.PyArray_DATA(w), dtype, False, n_in, n_out)
    cdy = add_tensor(&t, b"dy", cnp.PyArray_DATA(dy), dtype, True, n_row, n_out)
    cdx = add_tensor(&t, b"dx", cnp.PyArray_DATA(dx), dtype, True, n_row, n_in, True)
    cdw = add_tensor(&t, b"dw", cnp.PyArray_DATA(dw), dtype, False, n_in, n_out, True)
    cdb = add_tensor(&t, b"db", cnp.PyArray_DATA(db), dtype, False, 1, n_out, True)
    # In the places of b and y, which no gradient reads, stands an array that is there anyway.
    add_step(&t, dense, dense.grad[0][dtype], capi.CNN_ROWS, cx, cw, cdb, cdy, cdy, cdx)
    add_step(&t, dense, dense.grad[1][dtype], capi.CNN_UNITS, cx, cw, cdb, cdy, cdy,
             cdw).n_unit = n_in
    add_step(&t, dense, dense.grad[2][dtype], capi.CNN_WHOLE, cx, cw, cdb, cdy, cdy, cdb)
    need_blas()
    return run_table(&t, "dense_backward", n_row)


# -- activations ------------------------------------------------------------------------------

def unary(str op, x, out, tuple attrs=(), bint along=False):
    """Return ``op(x)``; ``along``: the last axis is one operand, and its length the attribute."""
    dtype = _check(op, "x", x)
    if along:
        attrs = _axis(op, "x", x)
    out = _output(op, "out", out, x.shape, dtype)
    _unary(_code(dtype), op, op, b"x", x, None, out, attrs, along)
    return out


def unary_backward(str op, str name, x, dy, out, tuple attrs=(), bint along=False):
    """Return dx of ``y = op(x)``; ``x`` is x or y, whichever the gradient reads: see ``name``."""
    who = op + "_backward"
    dtype = _check(who, name, x)
    _check(who, "dy", dy, dtype)
    if x.shape != dy.shape:
        raise _wrong_shapes(who, f"{name} and dy of one shape", {name: x, "dy": dy})
    if along:
        attrs = _axis(who, name, x)
    out = _output(who, "out", out, x.shape, dtype)
    label = b"x" if name == "x" else b"y"
    _unary(_code(dtype), op, who, label, x, dy, out, attrs, along)
    return out


cdef tuple _axis(str who, str name, x):
    if x.ndim == 0:
        raise ShapeError(f"{who}: need {name} with one axis or more; got shape ()")
    return (x.shape[x.ndim - 1], 1)


cdef int _unary(int dtype, str op, str who, const char *name, cnp.ndarray x, cnp.ndarray dy,
                cnp.ndarray out, tuple attrs, bint along) except -1:
    cdef const capi.cnn_op *found = api().find_op(op.encode())
    cdef int64_t n = cnp.PyArray_SIZE(x)
    cdef const capi.cnn_tensor *cx
    cdef const capi.cnn_tensor *cout
    cdef Table t
    memset(&t, 0, sizeof(t))
    cx = add_tensor(&t, name, cnp.PyArray_DATA(x), dtype, False, 1, n)
    cout = add_tensor(&t, b"out", cnp.PyArray_DATA(out), dtype, False, 1, n, True)
    if dy is None:
        add_step(&t, found, found.forward[dtype], capi.CNN_WHOLE, cx, cout)
    else:
        add_step(&t, found, found.grad[0][dtype], capi.CNN_WHOLE, cx, cx,
                 add_tensor(&t, b"dy", cnp.PyArray_DATA(dy), dtype, False, 1, n), cout)
    t.in_place = not along
    set_attrs(&t, 0, attrs)
    return run_table(&t, who, 1)


# -- softmax cross-entropy --------------------------------------------------------------------

def softmax_cross_entropy(z, t, weight, double label_smoothing, ignore_index, dz):
    """Return the mean loss and its gradient at z; ``t`` holds labels (B,) or rows (B, C)."""
    who = "softmax_cross_entropy"
    dtype = _check(who, "z", z)
    if z.ndim != 2:
        raise _wrong_shapes(who, "z (B, C)", {"z": z})
    labels = rows = None
    if _is_plain(t) and t.dtype.kind in "iu":
        labels = _labels(who, t, z.shape[0])
    elif ignore_index is not None:
        raise OptionError(f"{who}: need integer labels for ignore_index; got target rows")
    else:
        if _is_plain(t) and t.ndim != 2:
            raise DtypeError(f"{who}: need t as integer labels (B,) or target rows (B, C); "
                             f"got shape {t.shape} with {t.dtype}")
        _check(who, "t", t, dtype)
        if t.shape != z.shape:
            raise _wrong_shapes(who, "z and target rows t of one shape (B, C)", {"z": z, "t": t})
        rows = t
    if weight is not None:
        _check(who, "weight", weight, dtype)
        if weight.shape != z.shape[:1]:
            raise _wrong_shapes(who, "z (B, C), weight (B,)", {"z": z, "weight": weight})
    dz = _output(who, "dz", dz, z.shape, dtype)
    work = empty((3, z.shape[0]), dtype)
    return _cross_entropy(_code(dtype), z, labels, rows, weight, dz, work, label_smoothing,
                          ignore_index), dz


cdef object _cross_entropy(int dtype, cnp.ndarray z, cnp.ndarray labels, cnp.ndarray rows,
                           cnp.ndarray weight, cnp.ndarray dz, cnp.ndarray work,
                           double label_smoothing, ignore_index):
    """The steps of a compiled mean loss: weights, coefficients, loss and gradient, mean."""
    cdef int64_t n_row = cnp.PyArray_DIM(z, 0), n_class = cnp.PyArray_DIM(z, 1)
    cdef int64_t n_byte = n_row * cnp.PyArray_ITEMSIZE(z)
    cdef char *room = <char *> cnp.PyArray_DATA(work)
    cdef double total[2]
    cdef double mean                    # room for a float too
    cdef const capi.cnn_tensor *target
    cdef const capi.cnn_tensor *w = NULL
    cdef const capi.cnn_tensor *kept
    cdef const capi.cnn_tensor *coef
    cdef const capi.cnn_tensor *loss
    cdef const capi.cnn_op *op
    cdef Table t
    memset(&t, 0, sizeof(t))
    if labels is None:
        target = add_tensor(&t, b"t", cnp.PyArray_DATA(rows), dtype, True, n_row, n_class)
    else:
        target = add_tensor(&t, NULL, cnp.PyArray_DATA(labels), capi.CNN_I32, True, n_row, 1)
    if weight is not None:
        w = add_tensor(&t, b"weight", cnp.PyArray_DATA(weight), dtype, True, n_row, 1)
    if ignore_index is not None:
        kept = add_tensor(&t, NULL, room + 2 * n_byte, dtype, True, n_row, 1)
        set_attrs(&t, t.n_step, (ignore_index,))
        op = api().find_op(b"label_weight")
        add_step(&t, op, op.forward[dtype], capi.CNN_ROWS, target, w, kept)
        w = kept
    coef = add_tensor(&t, NULL, room + n_byte, dtype, True, n_row, 1)
    loss = add_tensor(&t, NULL, room, dtype, True, n_row, 1)
    op = api().find_op(b"row_coef")
    add_step(&t, op, op.forward[dtype], capi.CNN_WHOLE, w, coef)
    set_attrs(&t, t.n_step, (label_smoothing, NO_LABEL if ignore_index is None else ignore_index))
    op = api().find_op(b"softmax_cross_entropy")
    add_step(&t, op, op.fused_loss[dtype], capi.CNN_ROWS,
             add_tensor(&t, b"z", cnp.PyArray_DATA(z), dtype, True, n_row, n_class), target, loss,
             coef, add_tensor(&t, b"dz", cnp.PyArray_DATA(dz), dtype, True, n_row, n_class, True))
    op = api().find_op(b"row_mean")
    add_step(&t, op, op.forward[dtype], capi.CNN_WHOLE, loss, w,
             add_tensor(&t, NULL, total, capi.CNN_F64, False, 1, 2),
             add_tensor(&t, NULL, &mean, dtype, False, 1, 1))
    run_table(&t, "softmax_cross_entropy", n_row, n_class)
    return total[0] / total[1] if total[1] != 0 else NAN
