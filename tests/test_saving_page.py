"""What docs/saving.md shows works as shown, also where the process is killed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cnn_core as cnn

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "saving.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
(RESUMING,) = [text for text in BLOCKS if "resume=" in text]


def run(text: str, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", text], cwd=folder, capture_output=True, text=True)


def test_blocks_run_one_after_the_other_and_print_what_they_say(tmp_path: Path) -> None:
    assert len(BLOCKS) == 7
    for text in BLOCKS:
        done = run(text, tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["True"] or "# True" not in text


DYING = """
import os
replace, calls = os.replace, []

def dying(old, new):
    calls.append(new)
    if len(calls) == 4 and {before}:
        os._exit(3)
    replace(old, new)
    if len(calls) == 4:
        os._exit(3)

os.replace = dying
"""


@pytest.mark.parametrize("before", [True, False])
def test_killed_run_goes_on_to_the_same_bits(tmp_path: Path, before: bool) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    for folder in (straight, killed):
        folder.mkdir()
    expected = run(RESUMING, straight)
    assert run(DYING.replace("{before}", str(before)) + RESUMING, killed).returncode == 3
    steps = cnn.Trainer.resume(killed / "run.safetensors").optimizer.step_count
    assert steps == (60 if before else 80)
    found = run(RESUMING, killed)
    assert found.returncode == 0, found.stderr
    assert found.stdout == expected.stdout
    whole, resumed = (cnn.Trainer.resume(f / "run.safetensors").state_dict()
                      for f in (straight, killed))  # fmt: skip
    assert resumed["epochs_done"] == 10
    for state in (whole, resumed):
        state["history"]["seconds"] = []
    np.testing.assert_equal(resumed, whole)


def test_joblib_saves_a_network_exactly(tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    run(BLOCKS[0], tmp_path)
    net = cnn.load(tmp_path / "net.safetensors")
    joblib.dump(net, tmp_path / "net.joblib")
    kept = np.load(tmp_path / "expected.npz")
    again = joblib.load(tmp_path / "net.joblib")
    assert np.array_equal(again.predict(kept["x"]), kept["outputs"])
