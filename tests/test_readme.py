"""What the README shows works as shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cnn_core as cnn
from cnn_core._ext import core

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]
SHELL = [text for language, text in BLOCKS if language == "sh"]


@pytest.mark.parametrize("text", PYTHON, ids=lambda text: text.splitlines()[-1][:30])
def test_python_blocks_run_alone_and_print_what_they_say(text: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", text], cwd=tmp_path, capture_output=True,
                          text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    for promised in re.findall(r"# (-?[\d.]+|\{'x'.*\})$", text, flags=re.MULTILINE):
        assert promised in done.stdout
    for least in re.findall(r"# above ([\d.]+)$", text, flags=re.MULTILINE):
        assert float(done.stdout.split()[0]) > float(least)


def test_there_are_python_blocks() -> None:
    assert len(PYTHON) >= 2


def test_start_is_two_lines_that_use_a_virtual_environment() -> None:
    assert len(SHELL) == 2
    for text in SHELL:
        (line,) = text.splitlines()
        assert line.startswith("python3 -m venv .venv && .venv/bin/pip install -e '.[")


def test_error_is_the_one_that_is_raised() -> None:
    (shown,) = [text for language, text in BLOCKS if not language]
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


def test_links_and_commands_name_files_that_exist() -> None:
    paths = re.findall(r"\]\(([\w./]+)\)", README)
    paths += re.findall(r"(?<![\w/.])((?:tests|examples|benchmarks|\.ci)/[\w./]+)", README)
    assert len(paths) > 8
    for path in paths:
        assert (ROOT / path).exists(), path
