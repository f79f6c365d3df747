"""docs/estimators.md leaves out no parameter of the classes."""

from __future__ import annotations

import inspect

import pytest
from page_blocks import ROOT

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn import neural_network

from cnn_core import estimators

PAGE = (ROOT / "docs" / "estimators.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_the_page_names_what_is_added(name: str):
    own, theirs = (set(inspect.signature(getattr(module, name)).parameters)
                   for module in (estimators, neural_network))  # fmt: skip
    assert theirs <= own
    for parameter in own - theirs:
        assert f"`{parameter}`" in PAGE, parameter
