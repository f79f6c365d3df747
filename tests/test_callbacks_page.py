"""What docs/callbacks.md shows works as shown."""

from __future__ import annotations

import re
from pathlib import Path

import cnn_core as cnn

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "callbacks.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)


def test_every_block_runs_and_prints_what_its_comments_say(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shared: dict = {}
    for block in BLOCKS:
        exec(compile(block, "callbacks.md", "exec"), shared)
        said = [line.split("    # ")[1] for line in block.splitlines() if "print(" in line]
        assert capsys.readouterr().out.splitlines() == said
    assert len(BLOCKS) == 3


def test_the_page_names_every_callback_and_every_method():
    for name in cnn.__all__:
        found = getattr(cnn, name)
        if isinstance(found, type) and issubclass(found, cnn.Callback) and found != cnn.Callback:
            assert f"`{name}(" in PAGE
    for method in [m for m in vars(cnn.Callback) if m.startswith("on_")]:
        assert f"`{method}(" in PAGE
