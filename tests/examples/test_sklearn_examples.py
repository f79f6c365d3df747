"""The examples with scikit-learn find what they say, and say what lacks where it is missing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from lecture_scripts import ROOT, run_python


@pytest.mark.parametrize("name", ["drop_in.py", "sklearn_grid.py"])
def test_without_scikit_learn_they_say_how_to_get_it(tmp_path: Path, name: str):
    (tmp_path / "run.py").write_text(
        "import runpy, sys\nsys.modules['sklearn'] = None\nsys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "run.py", str(ROOT / "examples" / name)], cwd=tmp_path,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 1
    assert 'pip install "cnn-core[sklearn]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_the_import_switched_gives_the_same_scores(tmp_path: Path):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    out = run_python([str(ROOT / "examples/drop_in.py"), "--max-iter", "12"], tmp_path)
    lines = re.findall(r"(\d+) +(\d+) +([\d.-]+) +([\d.-]+)   ([\d.]+) times as fast", out)
    assert len(lines) == 4
    for n0, n1, theirs, own, _ in lines:
        assert n0 == n1
        assert abs(float(own) - float(theirs)) < 0.005


def test_a_search_finds_a_good_network_and_keeps_it(tmp_path: Path):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    out = run_python([str(ROOT / "examples/sklearn_grid.py"), "--quick", "--jobs", "1"],
                     tmp_path)  # fmt: skip
    assert len(re.findall(r"^0\.\d+ \+- ", out, re.M)) == 4
    (accuracy,) = re.findall(r"test accuracy of the best: ([\d.]+)", out)
    assert float(accuracy) > 0.95
    assert out.endswith("it predicts the same\n")
