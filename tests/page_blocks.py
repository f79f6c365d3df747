"""The fenced blocks of a page of Markdown, and what the page says about how they are run.

A block of ``python`` is run, and so are the lines of a ``console``; ``sh`` is checked word by
word; ``text``, and blocks without a language, are looked at.  Directives of the site are read
for the blocks within.  Comments of HTML on the lines before a block say what differs:

``<!-- each block in a process of its own -->``    anywhere: blocks share no names
``<!-- in a copy of examples -->``                 anywhere: the folder in which the blocks run
``<!-- warns: why -->``                            anywhere: warnings are no fault
``<!-- needs: torch -->``           the block is run where these modules are; ``data/mnist``: where
                                   this folder of data sets is, and as ``path/to/mnist``
``<!-- slow: why -->``              the block is run with ``-m slow``
``<!-- not run: why -->``           nobody can run it here; the reason is shown as a skipped test
``<!-- raises -->``                 it ends in the error that the next block shows
``<!-- prints -->``                 a text: what the block before it has printed

A comment behind a ``print`` is what it prints: the text, with ``...`` for anything; ``above 0.9``
and ``below 0.9``, which hold for each of the numbers; ``close to [1, 2]``, to within a hundredth.
One that begins with ``shows`` tells the reader what to look for, and promises nothing.
"""

from __future__ import annotations

import ast
import io
import math
import re
import textwrap
import tokenize
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ALONE = "each block in a process of its own"
NUMBER = r"-?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|nan|-?inf"
LANGUAGES = {"python", "console", "sh", "text", "", "toml", "c", "html", "json", "csv", "yaml"}
"""What the blocks of pages may be; anything else is a directive, or a slip."""


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    """The first line of the text, from 1."""
    language: str
    text: str
    notes: dict[str, str] = field(default_factory=dict)
    """What the comments before it say: before the colon, and after it."""

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def needs(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.notes.get("needs", "").split(",") if name)


def pages(*folders: str) -> list[Path]:
    """Return the pages of the documentation, and README.md; nothing that was generated."""
    found = [ROOT / "README.md"]
    for folder in folders or ("docs", "examples"):
        for path in sorted((ROOT / folder).rglob("*.md")):
            inside = path.relative_to(ROOT / folder).parts
            if not any(part.startswith("_") or part == "generated" for part in inside):
                found.append(path)
    return found


def comments(text: str) -> list[str]:
    return re.findall(r"<!--\s*(.*?)\s*-->", text, re.S)


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page in their order."""
    return list(_blocks(page, page.read_text(encoding="utf-8").split("\n"), 1))


def _blocks(page: Path, lines: list[str], first: int):
    notes: dict[str, str] = {}
    i = 0
    while i < len(lines):
        opened = re.match(r"( *)(`{3,}|~{3,})(.*)$", lines[i])
        if not opened:
            said = re.fullmatch(r"\s*<!--\s*([\w ]+?)(?::\s*(.*?))?\s*-->\s*", lines[i])
            if said:
                notes[said[1]] = said[2] or ""
            elif lines[i].strip():
                notes = {}
            i += 1
            continue
        fence, language = opened[2], opened[3].strip()
        start = i + 1
        i = start
        while i < len(lines) and not re.fullmatch(rf" *{fence[0]}{{{len(fence)},}} *", lines[i]):
            i += 1
        if i == len(lines):
            raise ValueError(f"{page}:{first + start - 1}: a block has no end")
        yield from _block(page, language, lines[start:i], first + start, notes)
        notes = {}
        i += 1


def _block(page: Path, language: str, inside: list[str], line: int, notes: dict[str, str]):
    directive = re.match(r"\{([\w:-]+)\}\s*(.*)$", language)
    if directive and directive[1] in ("code-block", "code", "code-cell", "sourcecode"):
        language = directive[2] or "text"
        while inside and (inside[0].strip().startswith(":") or not inside[0].strip()):
            inside, line = inside[1:], line + 1
    elif directive:
        yield from _blocks(page, inside, line)
        return
    yield Block(page, line, language, textwrap.dedent("\n".join(inside)) + "\n", notes)


@dataclass(frozen=True)
class Promise:
    first: int
    last: int
    text: str


def promises(block: Block) -> list[Promise]:
    """Return what the comments behind the prints of a block say, with the lines of the page."""
    said = {}
    for token in tokenize.generate_tokens(io.StringIO(block.text).readline):
        if token.type == tokenize.COMMENT:
            said[token.start[0]] = token.string[1:].strip()
    found = []
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
            text = said.get(node.end_lineno, "shows")
            if not re.match("shows?\\b", text):
                shift = block.line - 1
                found.append(Promise(node.lineno + shift, node.end_lineno + shift, text))
    return found


def keeps(promise: str, printed: str) -> bool:
    """Whether a printed text is the one that a comment, or a block, promises."""
    limit = re.fullmatch(rf"(above|below|close to) (.*?({NUMBER}).*)", promise)
    if not limit:
        return _pattern(promise).fullmatch(printed.strip()) is not None
    numbers, given = ([float(x) for x in re.findall(NUMBER, t)] for t in (printed, limit[2]))
    if limit[1] == "above":
        return bool(numbers) and all(x > given[0] for x in numbers)
    if limit[1] == "below":
        return bool(numbers) and all(x < given[0] for x in numbers)
    pairs = zip(numbers, given, strict=False)
    return len(numbers) == len(given) and all(math.isclose(x, y, rel_tol=0.01, abs_tol=0.01)
                                              for x, y in pairs)  # fmt: skip


def _pattern(promise: str) -> re.Pattern:
    parts = (re.escape(part) for part in promise.strip().split("..."))
    return re.compile(".*".join(parts), re.S)
