"""What docs/saving.md shows works as shown, also where the process is killed."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "saving.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
(RESUMING,) = [text for text in BLOCKS if "os.replace" in text]


def run(text: str, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", text], cwd=folder, capture_output=True, text=True)


def test_blocks_run_one_after_the_other_and_print_what_they_say(tmp_path: Path) -> None:
    assert len(BLOCKS) == 5
    for text in BLOCKS:
        done = run(text, tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["True"] or "# True" not in text


@pytest.mark.parametrize("where", ["after the file is there", "while it is written"])
def test_killed_run_goes_on_to_the_same_bits(tmp_path: Path, where: str) -> None:
    kill = "os._exit(3) if trainer.epochs_done == 4 else None"
    if where == "while it is written":
        dump = "pickle.dump(state, file)\n"
        dying = RESUMING.replace(dump, f"{dump[:-1]}; file.flush(); {kill}\n")
    else:
        dying = RESUMING.replace("callbacks=[keep]", f"callbacks=[keep, lambda e, v: {kill}]")
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    for folder in (straight, killed):
        folder.mkdir()
    expected = run(RESUMING, straight)
    assert run(dying, killed).returncode == 3
    state = pickle.loads((killed / "run.pickle").read_bytes())
    assert state["epochs_done"] == (4 if where == "after the file is there" else 3)
    found = run(RESUMING, killed)
    assert found.returncode == 0, found.stderr
    assert found.stdout == expected.stdout
    whole, resumed = (pickle.loads((f / "run.pickle").read_bytes()) for f in (straight, killed))
    assert resumed["epochs_done"] == 10
    assert resumed["optimizer"]["step_count"] == whole["optimizer"]["step_count"] == 160
    for name, value in whole["params"].items():
        assert np.array_equal(resumed["params"][name], value)
    np.testing.assert_equal(resumed["optimizer"]["slots"], whole["optimizer"]["slots"])


def test_joblib_saves_a_network_exactly(tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    run(BLOCKS[0], tmp_path)
    net = pickle.loads((tmp_path / "net.pickle").read_bytes())
    joblib.dump(net, tmp_path / "net.joblib")
    kept = np.load(tmp_path / "expected.npz")
    again = joblib.load(tmp_path / "net.joblib")
    assert np.array_equal(again.predict(kept["x"]), kept["outputs"])
