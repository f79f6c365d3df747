"""Estimators of scikit-learn's interface over this package's networks.

`MLPClassifier` and `MLPRegressor` take the place of scikit-learn's own::

    from cnn_core.estimators import MLPClassifier

    MLPClassifier(random_state=0).fit(x, y).predict(x)
"""

from cnn_core.estimators import installed as _installed  # noqa: F401 - first: it says what lacks
from cnn_core.estimators.classifier import MLPClassifier
from cnn_core.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
