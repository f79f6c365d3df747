"""Pages of graphs that can be stepped through: those that scripts of the lecture write with --page.

In a checkout the lecture's pages say how to make them.  Here they are made with the site, and shown
behind the paragraph that says so.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "lecture/pages"
MACHINE = "neural-turing-machine"


def commands() -> dict[str, list[str]]:
    """Return how each page is made, without the path, by its name; see `name_of`."""
    found = {}
    for script in sorted((ROOT / "examples/lecture").glob("[0-9]*.py")):
        if '"--page"' in script.read_text("utf-8"):
            found[script.stem.replace("_", "-")] = [str(script), "--page"]
    return {**found, MACHINE: ["-m", "neural_turing_machine.page"]}


def name_of(docname: str) -> str:
    return MACHINE if docname == "generated/ntm" else docname.removeprefix("lecture/")


def shown(name: str, docname: str) -> str:
    """Return the markup that shows a page within another."""
    address = "../" * docname.count("/") + f"{FOLDER}/{name}.html"
    return (
        f'\n\n<iframe class="living-page" src="{address}" loading="lazy" '
        f'title="The graph of this page, to step through"></iframe>\n\n'
        f'<p><a href="{address}">The graph by itself</a></p>\n\n'
    )


def add_page(app: Any, docname: str, source: list[str]) -> None:
    name = name_of(docname)
    if name not in commands() or app.builder.format != "html":
        return
    mark = "`page` writes" if name == MACHINE else "--page "
    begin = source[0].index(mark)
    end = source[0].find("\n\n", begin)
    end = len(source[0]) if end < 0 else end
    source[0] = source[0][:end] + shown(name, docname) + source[0][end:]


def make_pages(app: Any, error: Exception | None) -> None:
    if error is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as elsewhere:  # for what scripts write besides
        for name, command in commands().items():
            where = ROOT / "examples" if command[0] == "-m" else elsewhere
            done = subprocess.run([sys.executable, *command, str(folder / f"{name}.html")],
                                  cwd=where, capture_output=True, text=True)  # fmt: skip
            if done.returncode:
                raise RuntimeError(f"{' '.join(command)}: {done.stderr}")


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", add_page)
    app.connect("build-finished", make_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
