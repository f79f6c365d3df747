"""Files outside docs/ that the pages link to: the README, scripts, benchmarks.

In a checkout such a link is a relative path.  Here a script leads to its page in the gallery, a
page, or a section of one, that is taken into the site (`PAGES`) to that, and any other file is
offered as a download.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import scripts

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
GENERATED = DOCS / "generated"

# Pages from elsewhere, and their names here.
PAGES = {
    "CHANGELOG.md": "generated/changelog",
    "examples/neural_turing_machine/README.md": "generated/ntm",
    "README.md#figures": "generated/figures",
    "README.md#settings": "generated/settings",
}
# What stands here for something else.
INSTEAD = {"README.md": "index.md", "examples": "gallery/index.rst",
           "examples/lecture": "gallery/index.rst"}  # fmt: skip

LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\[\]]*\])*\])\(([^)\s#]+)(#[^)\s]*)?\)")


def address(target: str, anchor: str, docname: str) -> str | None:
    """Return what stands for ``target``, a path in the repository, on the page ``docname``."""
    name = target.rstrip("/")
    if f"/{scripts.PACKAGE}/" not in name and name.startswith("examples/") and name.endswith(".py"):
        return f"/gallery/{name.removeprefix('examples/').removesuffix('.py')}.rst"
    if name + anchor in PAGES:
        return f"/{PAGES[name + anchor]}.md"
    if name in PAGES:
        return f"/{PAGES[name]}.md{anchor}"
    if name in INSTEAD:  # which has other headings
        return "/" + INSTEAD[name]
    if name.startswith("docs/"):
        return "/" + name.removeprefix("docs/") + anchor
    if (ROOT / name).is_file():
        return os.path.relpath(ROOT / name, (DOCS / docname).parent)
    return None


def translated(text: str, folder: Path, docname: str) -> str:
    """Return a page's text with links that lead out of docs/ turned; it lies in ``folder``."""

    def turned(link: re.Match[str]) -> str:
        label, path, anchor = link[1], link[2], link[3] or ""
        if ":" in path or path.startswith("/"):
            return link[0]
        full = Path(os.path.normpath(folder / path))
        if not full.is_relative_to(ROOT) or (full.is_relative_to(DOCS) and folder != ROOT):
            return link[0]
        new = address(full.relative_to(ROOT).as_posix(), anchor, docname)
        return link[0] if new is None else f"{label}({new})"

    return LINK.sub(turned, text)


def shown(folder: Path, docname: str) -> str:
    """Return a section that shows the files of a package."""
    lines = ["", "## The files", ""]
    for path in sorted(folder.glob("*.py")):
        place = os.path.relpath(path, (DOCS / docname).parent)
        lines += [f"### {path.name}", "", f"```{{literalinclude}} {place}", "```", ""]
    return "\n".join(lines)


def section(text: str, anchor: str) -> str:
    """Return the section of a page with that heading as a page."""
    found = re.search(rf"^#(# {anchor}\n.*?)(?=^## |\Z)", text, flags=re.M | re.S | re.I)
    if not found:
        raise ValueError(f"docs: need a section {anchor!r}; got none of that name")
    return found[1]


def take_pages(app: Any) -> None:
    """Write the pages from elsewhere into a folder of their own."""
    for name, docname in PAGES.items():
        path, _, anchor = name.partition("#")
        source = ROOT / path
        text = source.read_text("utf-8")
        text = translated(section(text, anchor) if anchor else text, source.parent, docname)
        if source.parent.name == scripts.PACKAGE:
            text += shown(source.parent, docname)
        scripts.write(DOCS / f"{docname}.md", text)


def turn_links(app: Any, docname: str, source: list[str]) -> None:
    path = Path(app.env.doc2path(docname))
    if path.suffix == ".md" and GENERATED not in path.parents:
        source[0] = translated(source[0], path.parent, docname)


def setup(app: Any) -> dict[str, bool]:
    app.connect("builder-inited", take_pages)
    app.connect("source-read", turn_links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
