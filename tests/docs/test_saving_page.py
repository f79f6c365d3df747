"""What docs/saving.md says holds where the process is killed, and of joblib."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from page_blocks import ROOT, blocks

import cnn_core as cnn

PYTHON = [b.text for b in blocks(ROOT / "docs" / "saving.md") if b.language == "python"]
(RESUMING,) = [text for text in PYTHON if "resume=" in text]


def run(text: str, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", text], cwd=folder, capture_output=True, text=True)


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
    run(PYTHON[0], tmp_path)
    net = cnn.load(tmp_path / "net.safetensors")
    joblib.dump(net, tmp_path / "net.joblib")
    kept = np.load(tmp_path / "expected.npz")
    again = joblib.load(tmp_path / "net.joblib")
    assert np.array_equal(again.predict(kept["x"]), kept["outputs"])
