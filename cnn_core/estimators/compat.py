"""What differs between releases of scikit-learn, from 1.5 on, and what is private there."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import _check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands for scikit-learn's, where there are no callbacks."""


try:
    from sklearn.utils.validation import validate_data
except ImportError:  # before 1.6

    def validate_data(  # type: ignore[no-redef]
        estimator: BaseEstimator, /, X: Any = "no_validation", y: Any = "no_validation",
        **options: Any,
    ) -> Any:  # fmt: skip
        """Check X, and y where it is given, as scikit-learn's own estimators do."""
        return estimator._validate_data(X, y, **options)


fit_context = _fit_context(prefer_skip_nested_validation=True)
"""Looks through the parameters before a method fits, and ends the callbacks of its call."""

is_first_call = _check_partial_fit_first_call
"""Tells whether a call of `partial_fit` is the first; checks and keeps ``classes``."""


def checked_weights(sample_weight: Any, X: Any, name: str = "sample_weight") -> np.ndarray | None:
    """Return the weights of the rows of ``X``, which are no less than 0; None as it is."""
    if sample_weight is None:
        return None
    found = _check_sample_weight(sample_weight, X)
    if (found < 0).any():
        row = int(np.argmax(found < 0))
        raise ValueError(f"{name}: need weights >= 0; got {found[row]} in row {row}")
    if not found.any():
        raise ValueError(f"{name}: need at least one non-zero number; got zeros")
    return found
