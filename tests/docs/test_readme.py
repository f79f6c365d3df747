"""What the README says beside its blocks of Python holds."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from page_blocks import ROOT, blocks

import cnn_core as cnn
from cnn_core._ext import core

README = (ROOT / "README.md").read_text(encoding="utf-8")
SHELL = [b.text for b in blocks(ROOT / "README.md") if b.language == "sh"]


def test_start_is_two_lines_that_use_a_virtual_environment() -> None:
    assert len(SHELL) == 2
    for text in SHELL:
        (line,) = text.splitlines()
        assert line.startswith("python3 -m venv .venv && .venv/bin/pip install -e '.[")


def test_error_is_the_one_that_is_raised() -> None:
    (shown,) = [b.text for b in blocks(ROOT / "README.md") if not b.language]
    net = cnn.Sequential([cnn.Dense(10)], inputs=4)
    trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy())
    with pytest.raises(cnn.errors.LabelError, match=re.escape(shown.strip())):
        trainer.step([[0.0] * 4] * 4, [0, 1, 2, 10])


def test_names_exist() -> None:
    start, end = README.index("## What there is"), README.index("## Figures")
    names = re.findall(r"`([A-Z]\w+)`", README[start:end])
    assert len(names) > 15
    for name in names:
        assert hasattr(cnn, name), name


@pytest.mark.parametrize("variable", re.findall(r"^\| `(CNN_CORE_\w+)`", README, re.MULTILINE))
def test_settings_are_read(variable: str) -> None:
    env = {**os.environ, variable: "no such setting"}
    done = subprocess.run([sys.executable, "-c", "import cnn_core"], env=env, capture_output=True,
                          text=True)  # fmt: skip
    assert variable in done.stderr
    assert "no such setting" in done.stderr


def test_instruction_sets_and_products_are_named() -> None:
    for name in [*core.simd_names(), *core.GEMM_MODES]:
        assert f"`{name}`" in README
