"""The examples with raw tables, with some rows of Adult and Diamonds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from lecture_scripts import ROOT, run_python

DATA = Path(os.environ.get("CNN_CORE_DATA", ROOT.parent / "shared/data"))
FAST = ["--recipe", "mlp", "--epochs", "2"]


def some_rows(name: str, n: int) -> list[str]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    with open(path, encoding="utf-8") as file:
        return list(islice(file, n))


def test_adult(tmp_path: Path):
    (tmp_path / "adult.data").write_text("".join(some_rows("adult/adult-train.csv", 6000)))
    test = ["|1x3 Cross validator\n", *some_rows("adult/adult-test.csv", 2000), "\n"]
    (tmp_path / "adult.test").write_text("".join(test))
    out = run_python([str(ROOT / "examples/adult.py"), str(tmp_path), *FAST], tmp_path)
    accuracy, trivial = map(float, *re.findall(r"^accuracy +([\d.]+) +([\d.]+)$", out, re.M))
    assert accuracy > trivial + 0.04
    assert "2,000 people never seen" in out
    groups = re.findall(r"^ +(\d+)% +(\d+)% +([\d,]+) people$", out, re.M)
    assert sum(int(n.replace(",", "")) for *_, n in groups) == 2000
    assert re.search(r"^earns more with probability [01]\.\d{3}$", out, re.M)
    assert out.endswith("loaded, it says the same\n")


def test_diamonds(tmp_path: Path):
    head, *rows = some_rows("diamonds/diamonds.csv", 60_000)
    (tmp_path / "diamonds.csv").write_text("".join([head, *rows[::9]]))
    out = run_python([str(ROOT / "examples/diamonds.py"), "diamonds.csv", *FAST, "--epochs", "4"],
                     tmp_path)  # fmt: skip
    (r2,) = map(float, re.findall(r"^r2 +([\d.]+)", out, re.M))
    (inside,) = map(float, re.findall(r"intervals for 90%: ([\d.]+)%", out))
    assert r2 > 0.93
    assert 86 < inside < 94
    assert re.search(r"^is worth [\d,]+ dollars; with 90% between [\d,]+ and [\d,]+$", out, re.M)
    assert out.endswith("loaded, it says the same\n")


@pytest.mark.parametrize(("name", "said"), [
    ("adult.py", "archive.ics.uci.edu"), ("diamonds.py", "github.com/mwaskom/seaborn-data"),
])  # fmt: skip
def test_without_data_they_say_where_it_is(name: str, said: str, tmp_path: Path):
    done = subprocess.run([sys.executable, str(ROOT / "examples" / name), "none"], cwd=tmp_path,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
