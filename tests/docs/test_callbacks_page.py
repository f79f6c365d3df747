"""docs/callbacks.md names every callback and every method of one."""

from __future__ import annotations

from page_blocks import ROOT

import cnn_core as cnn

PAGE = (ROOT / "docs" / "callbacks.md").read_text(encoding="utf-8")


def test_the_page_names_every_callback_and_every_method():
    for name in cnn.__all__:
        found = getattr(cnn, name)
        if isinstance(found, type) and issubclass(found, cnn.Callback) and found != cnn.Callback:
            assert f"`{name}(" in PAGE
    for method in [m for m in vars(cnn.Callback) if m.startswith("on_")]:
        assert f"`{method}(" in PAGE
