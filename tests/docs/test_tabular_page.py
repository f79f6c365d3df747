"""docs/tabular.md says what there is."""

from __future__ import annotations

import pytest
from page_blocks import ROOT

from cnn_core.tabular import recipes
from cnn_core.tabular.report import KINDS

PAGE = (ROOT / "docs" / "tabular.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*KINDS, *(f'"{name}"' for name in recipes.names())])
def test_kinds_and_recipes_are_all_named(name):
    assert f"| `{name}` |" in PAGE
