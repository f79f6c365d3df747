"""Every error that cnn_core raises on purpose.

All derive from `CnnCoreError`, and each also from the built-in class that callers expect,
so ``except ValueError`` keeps working.
"""


class CnnCoreError(Exception):
    """Base of all errors of this package."""


class ShapeError(CnnCoreError, ValueError):
    """An array or node has the wrong number of axes or the wrong lengths."""


class DtypeError(CnnCoreError, TypeError):
    """An array has an element type that the operation cannot take."""


class LabelError(CnnCoreError, ValueError):
    """A class label or an index is not integral or outside its range."""


class OptionError(CnnCoreError, ValueError):
    """A hyperparameter, name or option has a value that is not allowed."""


class UnknownOptionError(OptionError, TypeError):
    """A call names an option that there is not; for Python, a `TypeError`."""


class GraphError(CnnCoreError, ValueError):
    """A graph is malformed: a cycle, a name used twice, a missing input."""


class DataError(CnnCoreError, ValueError):
    """A data file is damaged, or data holds values that were excluded (NaN, infinity)."""


class NotFiniteError(DataError):
    """A loss or a gradient of a training step is NaN or infinite; nothing was updated."""


class LibraryError(CnnCoreError, ImportError):
    """A library that this package calls is missing or cannot be loaded."""


class StateError(CnnCoreError, ValueError):
    """A call came in the wrong order, such as backward before forward."""
