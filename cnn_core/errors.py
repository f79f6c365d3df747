"""Every error that cnn_core raises on purpose.

All derive from `CnnCoreError`, and each also from the built-in class that callers expect,
so ``except ValueError`` keeps working.
"""

__all__ = ["CnnCoreError", "DataError", "DtypeError", "GraphError", "LabelError", "LibraryError",
           "NotFiniteError", "OptionError", "ShapeError", "StateError",
           "UnknownOptionError"]  # fmt: skip


class CnnCoreError(Exception):
    """Base of all errors of this package.

    >>> try:
    ...     cnn.Dense(-1)
    ... except cnn.errors.CnnCoreError as error:
    ...     print(type(error).__name__, "-", error)
    OptionError - Dense: need units, a whole number of at least 1; got -1
    """


class ShapeError(CnnCoreError, ValueError):
    """An array or node has the wrong number of axes or the wrong lengths.

    >>> cnn.ops.dense(cnn.Input("x", (cnn.BATCH, 3)), cnn.Input("w", (2, 4)))
    Traceback (most recent call last):
        ...
    cnn_core.errors.ShapeError: dense: need x (..., I) and w (I, O); got x (B, 3) and w (2, 4)
    """


class DtypeError(CnnCoreError, TypeError):
    """An array has an element type that the operation cannot take.

    >>> cnn.ops.exp(cnn.Input("code", (cnn.BATCH,), "int32"))
    Traceback (most recent call last):
        ...
    cnn_core.errors.DtypeError: exp: need real numbers; got code with dtype int32
    """


class LabelError(CnnCoreError, ValueError):
    """A class label or an index is not integral or outside its range.

    >>> cnn.data.as_labels([0, 2, 7], 3)
    Traceback (most recent call last):
        ...
    cnn_core.errors.LabelError: labels: need labels 0 .. 2 in y; got 7 in row 2
    """


class OptionError(CnnCoreError, ValueError):
    """A hyperparameter, name or option has a value that is not allowed.

    >>> cnn.Dropout(2.0)
    Traceback (most recent call last):
        ...
    cnn_core.errors.OptionError: Dropout: need a rate, a number in [0, 1); got 2.0
    """


class UnknownOptionError(OptionError, TypeError):
    """A call names an option that there is not; for Python, a `TypeError`.

    >>> cnn.Dropout(p=0.1)
    Traceback (most recent call last):
        ...
    cnn_core.errors.UnknownOptionError: Dropout: need options among rate, name; got 'p'
    """


class GraphError(CnnCoreError, ValueError):
    """A graph is malformed: a cycle, a name used twice, a missing input.

    >>> cnn.Graph(cnn.Input("x") + cnn.Input("x"))
    Traceback (most recent call last):
        ...
    cnn_core.errors.GraphError: graph: need different names; got two nodes named 'x'
    """


class DataError(CnnCoreError, ValueError):
    """A data file is damaged, or data holds values that were excluded (NaN, infinity).

    >>> cnn.data.check_finite(np.array([0.5, np.nan]), "x", who="fit")
    Traceback (most recent call last):
        ...
    cnn_core.errors.DataError: fit: need finite values in x; got nan at row 1
    """


class NotFiniteError(DataError):
    """A loss or a gradient of a training step is NaN or infinite; nothing was updated.

    >>> net = cnn.Sequential([cnn.Dense(1)], inputs=1, seed=0)
    >>> trainer = cnn.Trainer(net, loss="mse", optimizer=cnn.SGD(lr=1e10))
    >>> try:
    ...     trainer.fit(1e10 * np.ones((4, 1)), np.ones(4), batch_size=2)
    ... except cnn.errors.NotFiniteError as error:
    ...     print(str(error)[:71])
    epoch 1, step 2: need finite numbers; got -inf in the value of 'dense_0
    """


class LibraryError(CnnCoreError, ImportError):
    """A library that this package calls is missing or cannot be loaded.

    >>> import sys
    >>> from unittest.mock import patch
    >>> class Frame:  # looks like one of pandas
    ...     columns, __array__ = ["size"], None
    ...
    >>> with patch.dict(sys.modules, {"narwhals.stable.v1": None}):  # as if it were not installed
    ...     try:
    ...         cnn.tabular.as_table(Frame())
    ...     except cnn.errors.LibraryError as error:
    ...         print(str(error).split("; ")[0])
    Table: need the package narwhals for frames of pandas, Polars and Arrow
    """


class StateError(CnnCoreError, ValueError):
    """A call came in the wrong order, such as backward before forward.

    >>> cnn.Graph(2 * cnn.Input("x")).backward()
    Traceback (most recent call last):
        ...
    cnn_core.errors.StateError: backward: need forward first; got nothing fed yet
    """
