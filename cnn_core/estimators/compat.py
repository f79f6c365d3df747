"""What differs between releases of scikit-learn, from 1.5 on, and what is private there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils.multiclass import _check_partial_fit_first_call
from sklearn.utils.validation import _check_sample_weight

from cnn_core.errors import DataError
from cnn_core.estimators.tasks import Tasks

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


@contextmanager
def unchanged_if_refused(estimator: BaseEstimator, tasks: Tasks) -> Iterator[None]:
    """Put all attributes back where anything is raised before the first iteration."""
    now, before = vars(estimator), vars(estimator).copy()
    try:
        yield
    except BaseException:
        if not tasks.iterating:  # the callbacks of this call are still to be taken down
            before |= {name: value for name, value in now.items() if "callback" in name}
            now.clear()
            now.update(before)
        raise


def checked_weights(sample_weight: Any, X: Any, name: str = "sample_weight") -> np.ndarray | None:
    """Return the weights of the rows of ``X``, which are no less than 0; None as it is."""
    if sample_weight is None:
        return None
    found = _check_sample_weight(sample_weight, X)
    if (found < 0).any():
        row = int(np.argmax(found < 0))
        raise DataError(f"{name}: need weights >= 0; got {found[row]} in row {row}")
    if not found.any():
        raise DataError(f"{name}: need at least one non-zero number; got zeros")
    return found
