"""What docs/estimators.md shows works as shown, and no parameter of the classes is left out."""

from __future__ import annotations

import inspect
import re
import warnings
from pathlib import Path

import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn import neural_network

from cnn_core import estimators

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "estimators.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)


def test_every_block_runs_and_prints_what_its_comments_say(capsys):
    shared: dict = {}
    for block in BLOCKS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(block, "estimators.md", "exec"), shared)
        said = [line.split("    # ")[1] for line in block.splitlines() if "print(" in line]
        assert capsys.readouterr().out.splitlines() == said
    assert len(BLOCKS) == 5


def test_the_page_names_what_is_added():
    for name in ("MLPClassifier", "MLPRegressor"):
        own, theirs = (set(inspect.signature(getattr(module, name)).parameters)
                       for module in (estimators, neural_network))  # fmt: skip
        assert theirs <= own
        for parameter in own - theirs:
            assert f"`{parameter}`" in PAGE, parameter
    for path in re.findall(r"(?:benchmarks|examples)/\w+\.py", PAGE):
        assert (ROOT / path).exists()
