"""Every snippet of every page runs, and prints what the page says; `page_blocks` has the rules."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from page_blocks import ALONE, LANGUAGES, ROOT, Block, blocks, comments, keeps, pages, promises

RUNNER = ROOT / "tests" / "run_page.py"
DATA = Path(os.environ.get("CNN_CORE_DATA", ROOT.parent / "shared" / "data"))
SECONDS = 300
"""After which a page counts as one that hangs."""

PAGES = {str(page.relative_to(ROOT)): blocks(page) for page in pages()}
RUN = {name: [b for b in found if b.language in ("python", "console") and "not run" not in b.notes]
       for name, found in PAGES.items()}  # fmt: skip
LEFT_OUT = [b for found in PAGES.values() for b in found if "not run" in b.notes]


def ways(found: list[Block]) -> list[tuple[str, ...]]:
    """Return what a page can be run with: nothing, and each thing that some blocks need."""
    asked = {(*b.needs, *(["slow"] if "slow" in b.notes else [])) for b in found}
    return sorted(asked | {()}) if found else []


def ids_and_marks():
    for name, found in RUN.items():
        for way in ways(found):
            if way or any(not b.needs and "slow" not in b.notes for b in found):
                marks = [pytest.mark.slow] if "slow" in way else []
                yield pytest.param(name, way, id=" ".join([name, *way]), marks=marks)


def is_there(need: str) -> bool:
    """Tell whether there is a module, or a folder of data sets."""
    return (DATA / need[5:]).is_dir() if need.startswith("data/") else find_spec(need) is not None


def chosen(name: str, way: tuple[str, ...]) -> list[Block]:
    """Return the blocks of a page that run with what is there, in their order."""
    return [b for b in RUN[name]
            if set(b.needs) <= set(way) and ("slow" not in b.notes or "slow" in way)]  # fmt: skip


def run(found: list[Block], folder: Path) -> list[dict]:
    """Run blocks in one new process; return what became of each."""
    told = [{"line": b.line, "language": b.language, "text": b.text, "raises": "raises" in b.notes}
            for b in found]  # fmt: skip
    answer = folder.parent / f"{folder.name}.json"
    answer.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, str(RUNNER), str(answer)], cwd=folder, capture_output=True, text=True,
        input=json.dumps({"page": str(found[0].page), "blocks": told}), timeout=SECONDS,
        env={**os.environ, "MPLBACKEND": "Agg", "KERAS_BACKEND": "torch"},
    )  # fmt: skip
    assert answer.exists(), f"the process ended with status {done.returncode}\n{done.stderr}"
    return json.loads(answer.read_text(encoding="utf-8"))


def folder_of(page: Path, tmp_path: Path) -> Path:
    """Return an empty folder, or a copy of the one that the page asks for."""
    folder = tmp_path / "here"
    asked = [note.removeprefix("in a copy of ") for note in comments(page.read_text("utf-8"))
             if note.startswith("in a copy of ")]  # fmt: skip
    if asked:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / asked[0], folder, ignore=ignored)
    else:
        folder.mkdir()
    return folder


@pytest.mark.parametrize(("name", "way"), [*ids_and_marks()])
def test_blocks_run_and_print_what_the_page_says(name: str, way: tuple, tmp_path: Path) -> None:
    missing = [need for need in way if need != "slow" and not is_there(need)]
    if missing:
        pytest.skip(f"blocks of {name} need {', '.join(missing)}")
    page, wanted = ROOT / name, chosen(name, way)
    folder = folder_of(page, tmp_path)
    for need in way:
        if need.startswith("data/"):
            (folder / "path" / "to").mkdir(parents=True, exist_ok=True)
            (folder / "path" / need.replace("data", "to", 1)).symlink_to(DATA / need[5:])
    if ALONE in comments(page.read_text("utf-8")):
        results = [result for block in wanted for result in run([block], folder)]
    else:
        results = run(wanted, folder)
    warned = any(note.startswith("warns: ") for note in comments(page.read_text("utf-8")))
    for block, result in zip(wanted, results, strict=False):
        check(block, result)
        assert warned or not result["warnings"], f"{block.place}: {result['warnings']}"
    assert len(results) == len(wanted)


def check(block: Block, result: dict) -> None:
    if "raises" in block.notes:
        assert result["error"], f"{block.place}: no error"
        shown, told = following(block).text, result["error"]
        assert keeps(shown, told) or keeps(shown, told.split(": ", 1)[1]), f"{block.place}: {told}"
    else:
        assert result["error"] is None, f"{block.place}\n{result['trace']}"
    if block.language != "python":
        return
    for promise in promises(block):
        printed = [t for line, t in result["printed"] if promise.first <= line <= promise.last]
        where = f"{block.page.relative_to(ROOT)}:{promise.last}"
        assert printed or "raises" in block.notes, f"{where}: nothing is printed"
        for text in printed:
            assert keeps(promise.text, text), f"{where}: {text!r} is no {promise.text!r}"
    after = following(block)
    if after and "prints" in after.notes:
        assert keeps(after.text, "".join(t for _, t in result["printed"])), after.place


def following(block: Block) -> Block | None:
    found = PAGES[str(block.page.relative_to(ROOT))]
    rest = found[found.index(block) + 1 :]
    return rest[0] if rest else None


@pytest.mark.parametrize("name", PAGES)
def test_no_block_is_left_out_silently(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    found = PAGES[name]
    marked = len(re.findall(r"^ *(?:```+|~~~+) *(?:\{code-block\} *)?python\b", text, re.M))
    runs = {b.line for way in ways(RUN[name]) for b in chosen(name, way)}
    left = {b.line for b in found if "not run" in b.notes}
    python = {b.line for b in found if b.language == "python"}
    assert len(python) == marked
    assert python <= runs | left
    for block in found:
        assert block.language in LANGUAGES, f"{block.place}: {block.language}"
        if block.language in ("", "text"):
            code = re.search(r"^(import \w|from \w+ import|>>> )", block.text, re.M)
            assert not code, f"{block.place}: this is Python"
        for note, reason in block.notes.items():
            assert note in ("needs", "slow", "not run", "raises", "prints"), block.place
            assert bool(reason) == (note in ("needs", "slow", "not run")), block.place


@pytest.mark.parametrize("block", LEFT_OUT, ids=lambda block: block.place)
def test_block_that_nobody_can_run(block: Block) -> None:
    pytest.skip(block.notes["not run"])


@pytest.mark.parametrize(("promise", "printed", "kept"), [
    ("0.97", "0.97", True), ("0.97", "0.971", False), ("above 0.97", "0.98 0.99", True),
    ("above 0.97", "0.98 0.5", False), ("above 0.97", "none", False), ("below 1", "0.5", True),
    ("below 1", "nan", False), ("above 1", "nan", False), ("{'a': ..., 'b': 2}", "{'a': 1, 'b': 2}",
    True), ("close to [1, -2]", "[ 1.001 -2.]", True), ("close to [1, -2]", "[1.2 -2.]", False),
    ("close to 1", "nan", False), ("True", "True True", False),
])  # fmt: skip
def test_promises_can_be_broken(promise: str, printed: str, kept: bool) -> None:
    assert keeps(promise, printed) == kept


BROKEN = {
    "print(1)    # 2\n": "is no '2'",
    "if False:\n    print(1)    # 1\n": "nothing is printed",
    "x = 1\nx.y\n": "AttributeError",
    "import warnings\nwarnings.warn('beware')\n": "beware",
    "import os\nos._exit(3)\n": "status 3",
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_block_that_does_not_do_what_it_says_is_found(text: str, tmp_path: Path) -> None:
    block = Block(ROOT / "README.md", 1, "python", text)
    folder = tmp_path / "here"
    folder.mkdir()
    with pytest.raises(AssertionError, match=re.escape(BROKEN[text])):  # noqa: PT012
        (result,) = run([block], folder)
        PAGES["README.md"].append(block)
        try:
            check(block, result)
        finally:
            PAGES["README.md"].remove(block)
        assert not result["warnings"], result["warnings"]
