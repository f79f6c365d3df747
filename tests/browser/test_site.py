"""The documentation site as a reader sees it: nothing sticks out, everybody can read and reach it.

Looks at what `python -m sphinx -W --keep-going -b html docs docs/_build/html` has made.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "docs" / "_build" / "html"
WIDTHS = (1280, 400)

KINDS = ["index", "jobs/table", "coming_from/keras", "tabular", "metrics", "performance",
         "architecture", "explanation/numbers", "lecture/README", "lecture/03-small-circuit",
         "gallery/index", "gallery/train_digits", "gallery/lecture/08_update_rules",
         "generated/figures", "reference/operations", "_modules/cnn_core/nn/layers", "search",
         "genindex"]  # fmt: skip
"""A page of each kind."""

STICKS_OUT = """
const width = document.documentElement.clientWidth, found = [];
const held = e => {
  for (let p = e.parentElement; p && p.tagName != "ARTICLE"; p = p.parentElement)
    if (getComputedStyle(p).overflowX != "visible" && p.getBoundingClientRect().right <= width + 1)
      return true;
  return false;
};
if (document.documentElement.scrollWidth > width) found.push("the page itself");
for (const e of document.querySelectorAll("article *"))
  if (e.getBoundingClientRect().right > width + 1 && !held(e))
    found.push(`${e.tagName} ${e.className}: ${e.textContent.trim().slice(0, 40)}`);
return found.slice(0, 5);
"""


@pytest.fixture(scope="session")
def site() -> Path:
    built = SITE / "index.html"
    if not built.exists():
        pytest.skip("the site is not built: python -m sphinx -b html docs docs/_build/html")
    pages = (p for p in (ROOT / "docs").rglob("*.md") if SITE.parent not in p.parents)
    if max(p.stat().st_mtime for p in pages) > (SITE / "searchindex.js").stat().st_mtime:
        pytest.skip("the site is older than its pages: build it again")
    return SITE


def pages(site: Path) -> list[Path]:
    """Return the pages that have an article, those that only show a module's source left out."""
    left_out = {"_static", "_modules"}
    found = sorted(p for p in site.rglob("*.html") if not left_out & {*p.parts})
    return [p for p in found if "<article" in p.read_text("utf-8")]


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_is_wider_than_the_window_or_complains(browser, site: Path, width: int) -> None:
    found = {}
    for page in pages(site):
        browser.look(width)
        if out := browser.open(page).execute_script(STICKS_OUT) + browser.problems():
            found[str(page.relative_to(site))] = out
    assert found == {}
    assert len(pages(site)) > 30


def test_every_page_has_a_heading_of_the_first_level(site: Path) -> None:
    without = [str(p.relative_to(site)) for p in pages(site) if "<h1" not in p.read_text("utf-8")]
    assert without == []


def test_what_sticks_out_is_found(browser, tmp_path: Path) -> None:
    row = "<table><tr>" + "<td>a_long_name</td>" * 9 + "</tr></table>"
    page = tmp_path / "wide.html"
    browser.look(400)
    for held, expected in [("visible", True), ("auto", False)]:
        page.write_text(f"<article><div style='overflow-x: {held}'>{row}</div></article>")
        assert bool(browser.open(page).execute_script(STICKS_OUT)) is expected


@pytest.mark.parametrize(("name", "dark", "width"), [
    *((name, False, 400) for name in KINDS), *((name, True, 1280) for name in KINDS),
    ("index", True, 400), ("index", False, 1280)])  # fmt: skip
def test_everybody_can_read_and_reach_a_page(browser, axe, site: Path, name, dark, width) -> None:
    browser.look(width, dark=dark)
    assert axe(browser.open(site / f"{name}.html")) == []


def test_light_and_dark_differ(browser, site: Path) -> None:
    seen = set()
    for dark in (False, True):
        browser.look(dark=dark)
        driver = browser.open(site / "index.html")
        seen.add(driver.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert len(seen) == 2


def test_search_finds_a_page(browser, site: Path) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    driver = browser.open(f"{(site / 'search.html').as_uri()}?q=checkpoint")
    WebDriverWait(driver, 20).until(lambda d: d.find_elements(By.CSS_SELECTOR, "ul.search li a"))
    found = [a.get_attribute("href") for a in driver.find_elements(By.CSS_SELECTOR, "ul.search a")]
    assert any("saving.html" in link for link in found)


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loaded = re.compile(r"""<(?:script|img|iframe|source)\b[^>]*\bsrc="(?:https?:)?//[^"]*"""
                        r"""|<link\b[^>]*rel="(?:stylesheet|preload)"[^>]*href="(?:https?:)?//""")
    text = {str(page): page.read_text("utf-8") for page in pages(site)}
    assert {name: m[0] for name in text if (m := loaded.search(text[name]))} == {}
