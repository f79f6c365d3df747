"""Is scikit-learn there?  Read before what imports it."""

from __future__ import annotations

from cnn_core.errors import LibraryError

OLDEST = (1, 5)

_NEED = "cnn_core.estimators: need scikit-learn 1.5 or newer (pip install 'cnn-core[sklearn]')"

try:
    import sklearn
except ImportError as error:
    raise LibraryError(f"{_NEED}; got none: {error}") from error
if tuple(map(int, sklearn.__version__.split(".")[:2])) < OLDEST:
    raise LibraryError(f"{_NEED}; got {sklearn.__version__}")
