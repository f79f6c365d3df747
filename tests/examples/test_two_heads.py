"""examples/two_heads.py finds what its flats were made of."""

from __future__ import annotations

import re
from pathlib import Path

from lecture_scripts import ROOT, run_python


def test_two_heads_learn_what_was_put_in(tmp_path: Path):
    out = run_python([str(ROOT / "examples/two_heads.py"), "--rows", "6000"], tmp_path)
    (r2,) = map(float, re.findall(r"R2 ([\d.]+)", out))
    sold, always = map(float, *re.findall(r"accuracy ([\d.]+); ([\d.]+) for who", out))
    (r,) = map(float, re.findall(r"r = ([\d.]+)", out))
    (dear,) = map(float, re.findall(r"dear: accuracy ([\d.]+)", out))
    assert r2 > 0.9
    assert sold > always + 0.15
    assert r > 0.98
    assert dear > 0.8
    assert out.endswith("predicted prices are the same\n")
