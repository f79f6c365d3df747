"""What docs/tabular.md shows works as shown, and says what there is."""

from __future__ import annotations

import re
import shlex
import warnings
from pathlib import Path

import pytest

from cnn_core.cli import main
from cnn_core.tabular import recipes
from cnn_core.tabular.report import KINDS

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "tabular.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(python|console)\n(.*?)^```", PAGE, re.S | re.M)


def test_every_block_runs_and_prints_what_its_comments_say(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shared: dict = {}
    for language, block in BLOCKS:
        if language == "console":
            for line in block.splitlines():
                assert main(shlex.split(line)[1:]) == 0, line
            continue
        capsys.readouterr()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            exec(compile(block, "tabular.md", "exec"), shared)
        said = [line.split(" # ")[1].strip() for line in block.splitlines() if "print(" in line]
        assert capsys.readouterr().out.splitlines() == said
    assert [language for language, _ in BLOCKS].count("python") == len(BLOCKS) - 1
    assert {p.name for p in tmp_path.iterdir()} == {
        "flats.html", "flats.safetensors", "flats.csv", "let.safetensors", "let.html",
        "predictions.csv", "rent.safetensors", "rents.csv"}  # fmt: skip
    assert (tmp_path / "predictions.csv").read_text().count("\n") == 501


@pytest.mark.parametrize("name", [*KINDS, *(f'"{name}"' for name in recipes.names())])
def test_kinds_and_recipes_are_all_named(name):
    assert f"| `{name}` |" in PAGE
