"""cnn_core.kernels: what is refused, with which words, and that nothing was written."""

from __future__ import annotations

import math

import numpy as np
import pytest
from kernel_cases import ARRAYS, LABELS, OUTPUTS, calls, numbers

from cnn_core import kernels
from cnn_core.errors import DtypeError, LabelError, OptionError, ShapeError


def refuse(call, error, message, **changes):
    """Check that a call fails so, and that the outputs stay as they were."""
    outs = {key: np.full_like(a, 7) for key, a in calls()[call].results().items()}
    with pytest.raises(error, match=message) as caught:
        calls()[call](**{**outs, **changes})
    for key, array in outs.items():
        assert (array == 7).all(), key
    assert calls()[call].function.__name__ in str(caught.value)


@pytest.mark.parametrize(("name", "array"), ARRAYS)
def test_other_layouts_are_refused_with_the_fix(name, array):
    good = calls()[name].arrays[array]
    wide = np.repeat(good, 2, axis=-1)[..., ::2]
    odd = [wide, good[::-1]] + ([np.asfortranarray(good)] if good.ndim == 2 else [])
    for a in odd:
        message = rf"need {array} C-contiguous.*strides.*pass np.ascontiguousarray\({array}\)"
        refuse(name, ShapeError, message, **{array: a})
    unaligned = np.frombuffer(b"\0" + good.tobytes(), good.dtype, offset=1).reshape(good.shape)
    refuse(name, ShapeError, rf"unaligned array: pass {array}.copy\(\)", **{array: unaligned})


@pytest.mark.parametrize(("name", "array"), ARRAYS)
@pytest.mark.parametrize("dtype", ["i8", "?", "c16", "O", "f2", "g", ">f8", "f4"])
def test_other_dtypes_are_refused(name, array, dtype):
    call = calls()[name]
    if dtype == "f4" and len(call.arrays) == 1:
        return
    if array == "t" and dtype in ("i8", ">f8"):
        dtype = "?"
    with np.errstate(all="ignore"):
        wrong = call.arrays[array].astype(dtype)
    refuse(name, DtypeError, "need .* of dtype", **{array: wrong})


@pytest.mark.parametrize(("name", "array"), ARRAYS)
def test_what_is_no_plain_array_is_refused(name, array):
    good = calls()[name].arrays[array]
    for wrong in (good.tolist(), np.ma.array(good), None, 3.0):
        if wrong is None and array in ("b", "weight"):
            continue
        refuse(name, DtypeError, f"need {array} as a NumPy array", **{array: wrong})


@pytest.mark.parametrize(("name", "array"), ARRAYS)
def test_empty_arrays_are_refused(name, array):
    good = calls()[name].arrays[array]
    refuse(name, ShapeError, "got", **{array: good[:0]})
    only = {key: a[:0] for key, a in calls()[name].arrays.items()}
    with pytest.raises(ShapeError, match="at least one element"):
        calls()[name](**only)


@pytest.mark.parametrize(("name", "output"), OUTPUTS)
def test_unfit_outputs_are_refused(name, output):
    good = calls()[name].results()[output]
    read_only = good.copy()
    read_only.flags.writeable = False
    refuse(name, OptionError, f"need a writable {output}", **{output: read_only})
    refuse(name, DtypeError, "float32: allocate it", **{output: good.astype("float32")})
    refuse(name, DtypeError, f"need {output} as a NumPy array", **{output: good.tolist()})
    refuse(name, ShapeError, f"need {output} of shape", **{output: np.zeros((9, 9))})
    if good.ndim == 2:
        odd = np.asfortranarray(good)
        refuse(name, ShapeError, f"need {output} C-contiguous.*allocate it", **{output: odd})


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("dense_forward", {"x": np.ones((6, 3))},
         r"need x \(B, I\), w \(I, O\), b \(O,\); got x \(6, 3\), w \(5, 4\), b \(4,\)"),
        ("dense_forward", {"x": np.ones(5)}, r"got x \(5,\), w \(5, 4\), b \(4,\)"),
        ("dense_forward", {"b": np.ones((1, 4))}, r"b \(1, 4\)"),
        ("dense_forward", {"w": np.ones((5, 4, 1))}, r"w \(5, 4, 1\)"),
        ("dense_backward", {"dy": np.ones((6, 5))},
         r"need x \(B, I\), w \(I, O\), dy \(B, O\); got x \(6, 5\), w \(5, 4\), dy \(6, 5\)"),
        ("relu_backward", {"dy": np.ones((4, 6))},
         r"y and dy of one shape; got y \(6, 4\), dy \(4, 6\)"),
        ("gelu_backward", {"x": np.ones(24)}, r"x and dy of one shape; got x \(24,\), dy \(6, 4\)"),
        ("softmax", {"x": np.array(1.0)}, r"one axis or more; got shape \(\)"),
        ("cross_entropy", {"z": np.ones(6)}, r"need z \(B, C\); got z \(6,\)"),
        ("cross_entropy", {"weight": np.ones((6, 1))}, r"got z \(6, 4\), weight \(6, 1\)"),
        ("cross_entropy", {"t": np.zeros(5, int)},
         r"one label per row of z, t \(6,\).*got t \(5,\)"),
        ("cross_entropy", {"t": np.zeros((6, 4), int)}, r"target rows of the dtype.*with int64"),
        ("cross_entropy_rows", {"t": np.ones((6, 3))},
         r"one shape \(B, C\); got z \(6, 4\), t \(6, 3\)"),
    ],
)  # fmt: skip
def test_shape_error_gives_all_shapes(name, changes, message):
    refuse(name, ShapeError, message, **changes)


@pytest.mark.parametrize("dtype", LABELS)
@pytest.mark.parametrize("c", [4, 40])
def test_label_error_names_row_and_value(dtype, c):
    z = numbers((6, c))
    dz = np.full_like(z, 7)
    t = np.array([0, 1, 2, c, 0, 99]).astype(dtype)
    message = f"need labels from 0 to {c - 1}; got {c} at row 3 of the batch"
    with pytest.raises(LabelError, match=message):
        kernels.softmax_cross_entropy(z, t, dz=dz)
    if np.dtype(dtype).kind == "i":
        with pytest.raises(LabelError, match="got -1 at row 1 "):
            kernels.softmax_cross_entropy(z, np.array([0, -1, 2, 3, 0, 0]).astype(dtype), dz=dz)
    if np.dtype(dtype).itemsize == 8:
        t = np.array([0, 1, 2**32, 0, 0, 0]).astype(dtype)
        with pytest.raises(LabelError, match="got 4294967296 at row 2 "):
            kernels.softmax_cross_entropy(z, t, dz=dz, ignore_index=0)
    assert (dz == 7).all()


def test_targets_that_are_neither_labels_nor_rows_are_refused():
    for t in (np.zeros(6), np.zeros(6, bool), np.zeros(6, "f4")):
        refuse("cross_entropy", DtypeError, r"integer labels \(B,\) or target rows", t=t)
    for t in ([0] * 6, np.ma.zeros(6, int)):
        refuse("cross_entropy", DtypeError, "need t as a NumPy array", t=t)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("dense_forward", {"activation": "softmax"}, "need an activation among relu, .*'softmax'"),
        ("leaky_relu", {"negative_slope": -0.1}, "negative_slope, .*least 0; got -0.1"),
        ("leaky_relu_backward", {"negative_slope": math.nan}, "negative_slope, .*; got nan"),
        ("elu", {"alpha": math.inf}, "alpha, .*; got inf"),
        ("elu_backward", {"alpha": "1"}, "alpha, .*; got '1'"),
        ("gelu", {"approximate": "erf"}, "approximate 'none' or 'tanh'; got 'erf'"),
        ("gelu_backward", {"approximate": None}, "got None"),
        ("cross_entropy", {"label_smoothing": 1.5}, "label_smoothing, .* 1\\]; got 1.5"),
        ("cross_entropy", {"ignore_index": 0.5}, "ignore_index"),
        ("cross_entropy", {"ignore_index": 2**31}, "within int32; got 2147483648"),
        ("cross_entropy_rows", {"ignore_index": 1}, "need integer labels for ignore_index"),
    ],
)
def test_option_error_names_option_and_value(name, changes, message):
    refuse(name, OptionError, message, **changes)


def test_allocation_failure_is_a_memory_error():
    n = 2**26  # neither operand is ever touched; the result would take 2**54 bytes
    x, w = np.empty((n, 1), np.float32), np.empty((1, n), np.float32)
    with pytest.raises(MemoryError):
        kernels.dense_forward(x, w)
