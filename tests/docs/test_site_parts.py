"""What the site adds to the pages, without making it: their order, links out of docs/, scripts."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from page_blocks import ROOT, blocks, pages

DOCS = ROOT / "docs"
IN_DOCS = {p.relative_to(DOCS).with_suffix("").as_posix(): p for p in pages("docs")
           if DOCS in p.parents}  # fmt: skip


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch):
    """Return a module of docs/_site by its name."""
    monkeypatch.syspath_prepend(str(DOCS / "_site"))
    yield lambda name: __import__(name)
    for name in ("outside", "scripts", "structure"):
        sys.modules.pop(name, None)


def test_every_page_stands_in_one_section(part) -> None:
    structure = part("structure")
    made = structure.sections({*IN_DOCS, *part("outside").PAGES.values(), "gallery/index"})
    listed = [page for found in made.values() for page in found]
    below = {d for p in structure.BELOW.values() for x in p for d in structure.found({*IN_DOCS}, x)}
    assert len(listed) == len({*listed})
    assert {*IN_DOCS} - {*listed} - below == {"index"}


def test_a_new_page_stands_behind_the_others_of_its_folder(part) -> None:
    made = part("structure").sections({"index", "saving", "new", "jobs/table", "jobs/new"})
    assert made["Guides"] == ["saving", "new"]
    assert made["Jobs"] == ["jobs/table", "jobs/new"]


def test_links_out_of_docs_have_an_address_in_the_site(part) -> None:
    outside = part("outside")
    found = 0
    for docname, page in IN_DOCS.items():
        for link in outside.LINK.finditer(page.read_text("utf-8")):
            path = Path(page.parent, link[2]).resolve()
            if path.exists() and not path.is_relative_to(DOCS):
                found += 1
                target = path.relative_to(ROOT).as_posix()
                assert outside.address(target, link[3] or "", docname), (docname, link[0])
    assert found > 9


@pytest.mark.parametrize(("link", "expected"), [
    ("../README.md", "/index.md"),
    ("../README.md#figures", "/generated/figures.md"),
    ("../CHANGELOG.md", "/generated/changelog.md"),
    ("../examples/two_heads.py", "/gallery/two_heads.rst"),
    ("../examples/lecture/03_small_circuit.py", "/gallery/lecture/03_small_circuit.rst"),
    ("../examples/neural_turing_machine/README.md#measured", "/generated/ntm.md#measured"),
    ("../examples/neural_turing_machine/model.py", "../examples/neural_turing_machine/model.py"),
    ("../benchmarks/graphs.py", "../benchmarks/graphs.py"),
    ("saving.md#pytorch", "saving.md#pytorch"),
    ("https://example.org/x.md", "https://example.org/x.md"),
])  # fmt: skip
def test_a_link_is_turned(part, link: str, expected: str) -> None:
    assert part("outside").translated(f"see [`it`]({link}).", DOCS, "page") == (
        f"see [`it`]({expected})."
    )


def test_a_section_of_another_page_is_a_page(part) -> None:
    outside = part("outside")
    text = "# All\n\n## First one\n\na\n\n### b\n\n## Second\n\nc\n"
    assert outside.section(text, "first one") == "# First one\n\na\n\n### b\n\n"
    with pytest.raises(ValueError, match="need a section 'third'"):
        outside.section(text, "third")
    for name in outside.PAGES:
        path, _, anchor = name.partition("#")
        page = (ROOT / path).read_text("utf-8")
        assert not anchor or outside.section(page, anchor).count("|") > 9


def test_comments_of_scripts_get_a_title_and_say_how_they_were_run(part) -> None:
    scripts = part("scripts")
    assert {*scripts.ARGUMENTS} <= {*scripts.names()}
    for name in scripts.names():
        text = re.search(r'"""(.*?)"""', (ROOT / "examples" / name).read_text("utf-8"), re.S)[1]
        title, line, *rest = scripts.restructured(text, name).split("\n")
        assert line == "=" * len(title), name
        assert title[-1] not in ".:", name
        assert any(said in "\n".join(rest) for said in ("Run here as", "Not run here")), name


def test_a_script_without_its_data_is_not_run_and_its_page_says_so(part, tmp_path) -> None:
    scripts = part("scripts")
    scripts.DATA = tmp_path
    assert scripts.missing("adult.py") == "adult"
    assert "no data set adult" in scripts.how_it_is_run("adult.py")
    (tmp_path / "adult").mkdir()
    assert scripts.missing("adult.py") == scripts.missing("two_heads.py") == ""
    assert scripts.arguments("adult.py")[0] == str(tmp_path / "adult")
    assert str(tmp_path) not in scripts.how_it_is_run("adult.py")


def test_the_first_page_starts_as_the_readme_does() -> None:
    lines = {name: [b.text for b in blocks(ROOT / name) if b.language == "sh"]
             for name in ("README.md", "docs/index.md")}  # fmt: skip
    assert lines["README.md"] == lines["docs/index.md"]
