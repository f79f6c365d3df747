"""What sphinx-gallery leaves out: a card for a script that saves no picture, and a table of times.

Such a card shows the first lines that the script prints.  And the script that a page offers for
download is the one in examples/, not the copy that was run.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import scripts

ROWS, COLUMNS = 7, 27
INTO = {"figsize": (4.0, 2.8), "facecolor": "white"}


def page_of(name: str) -> Path:
    return (scripts.GALLERY / name).with_suffix(".rst")


def printed(page: str) -> str:
    """Return what a script has printed, from its page."""
    found = re.search(r"sphx-glr-script-out\n\n \.\. code-block:: none\n\n((?:    .*\n|\n)*)", page)
    return re.sub(r"^    ", "", found[1], flags=re.M).strip() if found else ""


def draw(path: Path, text: str) -> None:
    """Write a card with the first lines of a text."""
    from matplotlib.figure import Figure

    lines = [line[:COLUMNS] for line in text.splitlines()[:ROWS]]
    figure = Figure(**INTO)
    figure.text(0.04, 0.95, "\n".join(lines), family="monospace", fontsize=12.5, color="#333",
                va="top", parse_math=False, linespacing=1.5)  # fmt: skip
    figure.savefig(path, dpi=100)


def seconds(name: str) -> float:
    return json.loads(page_of(name).with_suffix(".cost.json").read_text("utf-8"))["time"]


def table() -> str:
    """Return the table of times, the longest first, in reStructuredText."""
    run = [name for name in scripts.names() if not scripts.missing(name)]
    rows = [".. list-table:: Seconds that each script took when this site was built",
            "   :header-rows: 1", "", "   * - script", "     - seconds"]  # fmt: skip
    for name in sorted(run, key=seconds, reverse=True):
        address = f"/gallery/{name.removesuffix('.py')}"
        rows += [f"   * - :doc:`{name} <{address}>`", f"     - {seconds(name):.1f}"]
    return "\n".join(rows) + "\n"


def finish(app: Any) -> None:
    for name in scripts.names():
        page = page_of(name).read_text("utf-8")
        if "image-sg::" not in page:
            stem = f"sphx_glr_{Path(name).stem}_thumb.png"
            text = printed(page) or "Not run here."
            draw(page_of(name).parent / "images" / "thumb" / stem, text)
        shutil.copyfile(scripts.EXAMPLES / name, scripts.GALLERY / name)
    index = scripts.GALLERY / "index.rst"
    text = index.read_text("utf-8")
    index.write_text(text + "\n\nTimes\n-----\n\n" + table(), "utf-8")


def setup(app: Any) -> dict[str, bool]:
    app.connect("builder-inited", finish, priority=900)  # after sphinx-gallery's own
    return {"parallel_read_safe": True, "parallel_write_safe": True}
