"""Options and operands of the wrong kind: refused at the line that made the node, in one form."""

from __future__ import annotations

import numpy as np
import pytest

from cnn_core import BATCH, Input, ops
from cnn_core.errors import CnnCoreError, DtypeError, LabelError, OptionError, ShapeError

FORM = r"^[^:]+: need .+; got .+$"
NAN, INF = np.nan, np.inf
X, V, S = Input("x", (BATCH, 3, 4)), Input("v", (3,)), Input("s")
I8, LABELS = Input("i", (BATCH,), "int32"), Input("labels", (BATCH,), "int32")

REFUSED = {
    # the axes
    "an axis too many": (lambda: ops.sum(V, 1), OptionError, r"from -1 to 0; got 1 for v \(3,\)"),
    "an axis of a scalar": (lambda: ops.sum(S, 0), OptionError, r"one axis; got axis=0 for s \(\)"),
    "an axis of a scalar, along": (lambda: ops.cumsum(S, 0), ShapeError, "at least one axis"),
    "an axis that is a float": (lambda: ops.mean(X, 1.0), OptionError, "got 1.0 for x"),
    "an axis that is a bool": (lambda: ops.max(X, True), OptionError, "got True for x"),
    "an axis that is a word": (lambda: ops.min(X, "all"), OptionError, "got 'all' for x"),
    "axes as an array": (lambda: ops.norm(X, np.array([1, 2])), OptionError, "got array"),
    "no axes": (lambda: ops.logsumexp(X, ()), OptionError, "at least one axis"),
    "no axis": (lambda: ops.softmax(X, None), OptionError, "got None for x"),
    # nothing to reduce
    "no elements": (lambda: ops.sum(np.zeros((0, 3)), 0), ShapeError, r"empty; got shape \(0, 3\)"),
    "an empty slice": (lambda: ops.max(V[3:]), ShapeError, r"at least one element of axis 0; got"),
    "an input without elements": (lambda: Input("e", (0,)), ShapeError, r"^e: need positive"),
    # numbers
    "a bound that is a word": (lambda: ops.clip(X, "a", 1), OptionError, "a_min, .*; got 'a'"),
    "a bound that is NaN": (lambda: ops.clip(X, NAN, 1), OptionError, "a_min, .*; got nan"),
    "a bound that is infinite": (lambda: ops.clip(X, INF, 1), OptionError, "a_min, .*; got inf"),
    "a bound that is a node": (lambda: ops.clip(X, V, 1), OptionError, "a_min, .*; got <Input 'v'"),
    "a factor that is a node": (lambda: ops.scale(X, V), OptionError, "a, .*; got <Input 'v'"),
    "a factor that is a bool": (lambda: ops.shift(X, True), OptionError, "got True"),
    "a power that is NaN": (lambda: V**NAN, OptionError, "p, .*; got nan"),
    # shapes
    "one axis to transpose": (lambda: ops.transpose(X, 1), OptionError, r"all 3 axes of x .* 1$"),
    "letters to transpose": (lambda: ops.transpose(V, "a"), OptionError, "got 'a' for v"),
    "an axis twice": (lambda: ops.transpose(X, (0, 1, 1)), OptionError, "every axis once"),
    "a shape of letters": (lambda: ops.reshape(V, "ab"), ShapeError, r"got \('a', 'b'\) for v"),
    "no shape": (lambda: ops.reshape(V, None), ShapeError, r"got \(None,\) for v"),
    "a length that is a float": (lambda: ops.reshape(V, (3.0,)), ShapeError, r"got \(3.0,\)"),
    "a length that is a bool": (lambda: ops.reshape(V, (True, 3)), ShapeError, r"got \(True, 3\)"),
    "a length of 0": (lambda: ops.reshape(V, (0, -1)), ShapeError, r"got \(0, -1\)"),
    "7 axes": (lambda: ops.reshape(V, (1, 1, 1, 1, 1, 1, 3)), ShapeError, "at most 6 axes"),
    "a node to concatenate": (lambda: ops.concat(X), CnnCoreError, "a sequence .* got <Input 'x'"),
    "a number to stack": (lambda: ops.stack(5), CnnCoreError, "a sequence .* got 5"),
    "half a part": (lambda: ops.split(V, 1.5), OptionError, "sections, a whole .* 1; got 1.5"),
    "no parts": (lambda: ops.split(V, 0), OptionError, "sections, a whole .* 1; got 0"),
    "a cut of letters": (lambda: ops.split(V, "ab"), OptionError, "cut, a whole .* 0; got 'a'"),
    "a cut beyond the end": (lambda: ops.split(V, [5]), ShapeError, r"from 1 to 2; got \(5,\)"),
    "parts of a scalar": (lambda: ops.split(S, 1), OptionError, r"one axis; got axis=0 for s \(\)"),
    # indices
    "an index too high": (lambda: V[3], LabelError, r"from -3 to 2 on axis 0; got 3 for v \(3,\)"),
    "an index too low": (lambda: V[-4], LabelError, r"from -3 to 2 on axis 0; got -4 for v"),
    "an index that is a float": (lambda: V[1.0], OptionError, "got 1.0 for v"),
    "an index that is a bool": (lambda: V[True], OptionError, "got True for v"),
    "a slice to a float": (lambda: V[:1.5], OptionError, r"got slice\(None, 1.5, None\) for v"),
    "a slice by 0": (lambda: V[::0], OptionError, r"got slice\(None, None, 0\) for v"),
    "a lookup too high": (lambda: ops.take(V, [0, 3]), LabelError, r"2; got 3 at \(1,\) for v"),
    "a lookup below 0": (lambda: ops.take(V, -4), LabelError, r"-3 to 2; got -4 for v \(3,\)"),
    "a lookup far off": (lambda: ops.take(V, [[2**40]]), LabelError, r"1099511627776 at \(0, 0\)"),
    "a lookup of floats": (lambda: ops.take(V, [0.0, 1.0]), DtypeError, "whole .* dtype float64"),
    "a lookup of bools": (lambda: ops.take(V, [True]), DtypeError, "whole .* got dtype bool"),
    "a lookup of nothing": (lambda: ops.take(V, []), ShapeError, "none empty"),
    "a lookup in a scalar": (lambda: ops.take(S, I8), ShapeError, r"x \(V, ...\); got s \(\)"),
    "a lookup by real numbers": (lambda: ops.take(V, S), DtypeError, "int32 .* got s with dtype"),
    "numbers along too few axes": (lambda: ops.take_along_axis(X, I8), ShapeError,
                                   r"as many axes .* got x \(B, 3, 4\) and i \(B,\)"),
    "numbers along the batch": (lambda: ops.take_along_axis(X, X, 0), CnnCoreError, "int32"),
    "numbers along other axes": (lambda: ops.take_along_axis(np.eye(3), [[0, 1]] * 2, 1),
                                 ShapeError, "all axes but the picked one that broadcast"),
    "a number too high along": (lambda: ops.take_along_axis(V, [0, 3]), LabelError,
                                r"-3 to 2; got 3 at \(1,\) for v"),
    # random numbers
    "random numbers of no shape": (lambda: ops.random_normal(5), CnnCoreError, "got 5"),
    "a negative spread": (lambda: ops.random_normal(X, 0, -1), OptionError, "std.*; got -1"),
    "a mean that is NaN": (lambda: ops.random_normal(X, NAN), OptionError, "mean.*; got nan"),
    "an empty range": (lambda: ops.random_uniform(X, 1, 1), OptionError, "low < .* got 1 and 1"),
    "a range too wide": (lambda: ops.random_uniform(X, -1e308, 1e308), OptionError, "low < high"),
    "a bound of a word": (lambda: ops.random_uniform(X, "a"), OptionError, "low.*; got 'a'"),
    "a key that is a half": (lambda: ops.random_normal(X, key=0.5), OptionError, "key.*; got 0.5"),
    # integers where real numbers are needed
    "labels to add": (lambda: LABELS + 1.0, DtypeError, "real .* labels with dtype int32"),
    "labels to compare": (lambda: LABELS > 0, DtypeError, "got labels with dtype int32"),
    "labels to choose by": (lambda: ops.where(LABELS, 1.0, 2.0), DtypeError, "got labels"),
    "labels to add up": (lambda: ops.sum(LABELS), DtypeError, "got labels"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_the_message_says_who_needs_what_and_what_came(name):
    build, error, text = REFUSED[name]
    with pytest.raises(error, match=text) as caught:
        build()
    with pytest.raises(error, match=FORM):
        raise caught.value


@pytest.mark.parametrize(
    "build",
    [
        lambda: ops.take(V, [3], name="mine"), lambda: ops.reshape(V, (2,), name="mine"),
        lambda: ops.transpose(V, 1, name="mine"), lambda: ops.split(V, 0, name="mine"),
        lambda: ops.take(V, [0.5], name="mine"), lambda: ops.sum(V, 1, name="mine"),
        lambda: ops.add(V, X[:, :, 0:2], name="mine"), lambda: ops.clip(V, "a", 1, name="mine"),
    ],
)  # fmt: skip
def test_a_node_with_a_name_is_refused_by_that_name(build):
    with pytest.raises(CnnCoreError, match=r"^mine(_0)?: need "):
        build()
