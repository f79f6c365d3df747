"""What docs/metrics.md shows works as shown."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "metrics.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)


def test_every_block_runs_and_prints_what_its_comments_say(capsys):
    shared: dict = {}
    for block in BLOCKS:
        exec(compile(block, "metrics.md", "exec"), shared)
        printed = capsys.readouterr().out.split("\n")[:-1]
        said = [line.split("    # ")[1] for line in block.splitlines() if "print(" in line]
        assert len(set(printed)) == len(said)  # a loop prints the same thing each time
        assert list(dict.fromkeys(printed)) == said


def test_the_page_names_every_metric_and_loss():
    import cnn_core as cnn

    for name, loss in cnn.nn.losses.LOSSES.items():
        assert f"`{name}`" in PAGE
        assert f"`{loss.__name__}(" in PAGE
    for name in cnn.train.metrics.METRICS:
        assert f"`{name}`" in PAGE
