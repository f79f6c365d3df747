"""Links of pages to files of this repository, and to headings in them, lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from page_blocks import ROOT, pages

PAGES = {str(page.relative_to(ROOT)): page for page in pages()}
ELSEWHERE = ("http://", "https://", "mailto:")


def prose(text: str) -> str:
    """Return a page without its code and comments, lines kept."""
    blank = lambda found: re.sub(r"[^\n]", " ", found[0])  # noqa: E731
    text = re.sub(r"^( *)(```+|~~~+)(?!\{).*?^ *\2[`~]* *$", blank, text, flags=re.M | re.S)
    text = re.sub(r"<!--.*?-->", blank, text, flags=re.S)
    return re.sub(r"(`+)[^`].*?\1", blank, text)


def links(text: str) -> list[str]:
    found = re.findall(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)", text)
    found += re.findall(r"^ *\[[^\]]+\]: +<?([^\s>]+)", text, re.M)
    found += re.findall(r"(?:src|href)=\"([^\"]+)\"", text)
    return [link for link in found if not link.startswith(ELSEWHERE)]


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the site make them."""
    text = re.sub(r"^( *)(```+).*?^ *\2 *$", "", path.read_text("utf-8"), flags=re.M | re.S)
    found: set[str] = set(re.findall(r"^\(([\w-]+)\)= *$", text, re.M))
    for heading in re.findall(r"^#{1,6} +(.*?) *#*$", text, re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        again = sum(f == slug or f.startswith(f"{slug}-") for f in found)
        found.add(f"{slug}-{again}" if slug in found else slug)
    return found


def wrong(page: Path, link: str) -> str | None:
    """Return what is wrong with a link, if anything."""
    name, _, anchor = unquote(link).partition("#")
    path = (page.parent / name).resolve() if name else page
    if not path.exists():
        return f"{link}: there is no {path}"
    if anchor and path.suffix == ".md" and anchor not in anchors(path):
        return f"{link}: no heading of {path.name} is #{anchor}"
    return None


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    found = links(prose(PAGES[name].read_text(encoding="utf-8")))
    assert [told for link in found if (told := wrong(PAGES[name], link))] == []


def test_links_are_found_and_may_be_wrong(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# One `two`, three!\n```sh\n# no heading\n```\n")
    page = tmp_path / "page.md"
    text = """[a](other.md) ![b](no.png "c") `[d](e.md)` [f](https://g.h)
```python
[i](j.md)
```
[k](other.md#one-two-three) [l](other.md#no-heading)
[m]: gone.md
<img src="x.svg">
"""
    found = links(prose(text))
    assert found == ["other.md", "no.png", "other.md#one-two-three", "other.md#no-heading",
                     "gone.md", "x.svg"]  # fmt: skip
    assert [link for link in found if wrong(page, link)] == [
        "no.png", "other.md#no-heading", "gone.md", "x.svg"]  # fmt: skip
