"""The order of the pages: a page that is named nowhere here is put under its section's others.

Tables of contents would be noise where the Markdown is read as it is; they are added as it is read
in here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1]

# A section: its title, and the pages that come first, or any that match.
SECTIONS = {
    "Jobs": ["jobs/table", "jobs/scikit_learn", "jobs/images", "jobs/several_outputs",
             "jobs/own_parts", "jobs/saving_and_serving", "jobs/nan", "jobs/sweeps",
             "jobs/graphs", "jobs/*"],
    "Coming from": ["coming_from/*"],
    "Guides": ["tabular", "estimators", "saving", "callbacks", "metrics", "initialisers",
               "generated/settings", "*"],
    "Lecture": ["lecture/README"],
    "Gallery": ["gallery/index"],
    "Reference": ["reference/index"],
    "Explanation": ["architecture", "explanation/*", "performance", "generated/figures",
                    "generated/ntm", "generated/changelog"],
}  # fmt: skip
# What stands below a page, beside it in the side bar.
BELOW = {"lecture/README": ["lecture/*"], "reference/index": ["reference/*"]}


def found(docnames: set[str], pattern: str) -> list[str]:
    """Return the pages that ``pattern`` matches, in the order of their names."""
    if not pattern.endswith("*"):
        return [pattern] if pattern in docnames else []
    folder = pattern[:-1]
    return sorted(d for d in docnames if d.startswith(folder) and "/" not in d[len(folder) :])


def sections(docnames: set[str]) -> dict[str, list[str]]:
    """Return the pages of each section, every page in one."""
    named = {p for patterns in SECTIONS.values() for p in patterns if not p.endswith("*")}
    made: dict[str, list[str]] = {}
    for title, patterns in SECTIONS.items():
        pages: list[str] = []
        for pattern in patterns:
            taken = named if pattern.endswith("*") else set()
            new = [d for d in found(docnames, pattern) if d != "index" and d not in taken]
            pages += [d for d in new if d not in pages]
        made[title] = pages
    return made


def toctree(pages: list[str], caption: str = "") -> str:
    """Return a hidden table of contents, as MyST writes it."""
    options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
    return "\n".join(["", "```{toctree}", *options, "", *(f"/{p}" for p in pages), "```", ""])


def add_contents(app: Any, docname: str, source: list[str]) -> None:
    docnames = set(app.env.found_docs)
    if docname == "index":
        made = sections(docnames)
        source[0] += "".join(toctree(pages, title) for title, pages in made.items() if pages)
    elif docname in BELOW:
        pages = [d for p in BELOW[docname] for d in found(docnames, p) if d != docname]
        source[0] += toctree(pages)


def with_contents(app: Any, env: Any, added: set[str], changed: set[str], removed: set[str]):
    """Say which pages are read again in any case: those whose contents follow from all pages."""
    return ["index", *BELOW] if added or removed else []


def give_levels(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Say of which level the titles of the side bar are: the theme calls them headings only."""
    tree = context.get("furo_navigation_tree", "")
    levelled = tree.replace('role="heading"', 'role="heading" aria-level="2"')
    context["furo_navigation_tree"] = levelled


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", add_contents)
    app.connect("env-get-outdated", with_contents)
    app.connect("html-page-context", give_levels, priority=900)  # after the theme's own
    return {"parallel_read_safe": True, "parallel_write_safe": True}
