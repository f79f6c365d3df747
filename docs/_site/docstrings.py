"""A docstring of this package as blocks: paragraphs, sections, tables, examples.  Without Sphinx.

Docstrings are for people first: they hold ``|x|``, ``z_r`` and ``*arrays``, which would be markup
in reStructuredText.  Here only backticks are: two for code, one for a name.
"""

from __future__ import annotations

import inspect
import re
from typing import Any, NamedTuple

BORDER = re.compile(r"=+( +=+)*$")
INLINE = re.compile(r"(``[^`]+``|`[^`]+`)")


class Block(NamedTuple):
    """``kind``: text, code, example, title, table or items; ``content``: what belongs to it."""

    kind: str
    content: Any


def blocks_of(docstring: str | None) -> list[Block]:
    """Return the blocks of a docstring."""
    return blocks(inspect.cleandoc(docstring or "").splitlines())


def indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def blocks(lines: list[str]) -> list[Block]:
    found: list[Block] = []
    i = 0
    while i < len(lines):
        if not lines[i].strip():
            i += 1
            continue
        block, i = _next(lines, i)
        found += [block] if block else []
    return _joined(found)


def _next(lines: list[str], i: int) -> tuple[Block | None, int]:
    """Return the block that begins in line ``i``, and the line behind it."""
    line, below = lines[i], lines[i + 1] if i + 1 < len(lines) else ""
    if line.startswith(">>>"):
        end = _until(lines, i, lambda text: not text.strip())
        return Block("example", lines[i:end]), end
    if below.strip() and not below.strip("-") and len(below) == len(line):
        return Block("title", line), i + 2
    if BORDER.match(line):
        return _table(lines, i)
    if indent(line):
        end = _until(lines, i, lambda text: bool(text.strip()) and not indent(text))
        return Block("code", inspect.cleandoc("\n".join(lines[i:end])).splitlines()), end
    if indent(below) and below.strip():
        end = _until(lines, i + 1, lambda text: bool(text.strip()) and not indent(text))
        inner = inspect.cleandoc("\n".join(lines[i + 1 : end])).splitlines()
        return Block("items", [(line, blocks(inner))]), end
    end = _until(lines, i, lambda text: not text.strip() or text.startswith(">>>"))
    return Block("text", " ".join(part.strip() for part in lines[i:end])), end


def _until(lines: list[str], i: int, ends: Any) -> int:
    return next((j for j in range(i + 1, len(lines)) if ends(lines[j])), len(lines))


def _joined(found: list[Block]) -> list[Block]:
    """Put items that follow each other into one block; a paragraph before code loses its colon."""
    made: list[Block] = []
    for block in found:
        last = made[-1] if made else None
        if last and block.kind == last.kind == "items":
            made[-1] = Block("items", [*last.content, *block.content])
        elif last and block.kind == "code" and last.kind == "text" and last.content.endswith("::"):
            made[-1:] = [Block("text", last.content[:-1]), block]
        else:
            made.append(block)
    return made


def _table(lines: list[str], i: int) -> tuple[Block, int]:
    """Return a simple table as (rows of the head, rows), and the line behind it."""
    border = lines[i]
    starts = [m.start() for m in re.finditer("=+", border)]
    end = _until(lines, i, lambda text: not text.strip())
    parts: list[list[list[str]]] = [[]]
    for line in lines[i + 1 : end]:
        if BORDER.match(line):
            parts.append([])
            continue
        cells = [line[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)]
        rows = parts[-1]
        if rows and (not cells[0] or rows[-1][0].endswith(",")):  # goes on with the row above
            rows[-1] = [f"{a} {b}".strip() for a, b in zip(rows[-1], cells, strict=True)]
        else:
            rows.append(cells)
    head, rows = (parts[0], parts[1]) if len(parts) == 3 else ([], parts[0])
    return Block("table", (head, rows)), end


def inline(text: str) -> list[tuple[str, str]]:
    """Return a text as pieces: ("text" | "code" | "name", what it is)."""
    found = []
    for piece in INLINE.split(text):
        kind = "code" if piece.startswith("``") else "name" if piece.startswith("`") else "text"
        if piece:
            found.append((kind, piece if kind == "text" else piece.strip("`")))
    return found


def summary(docstring: str | None) -> str:
    """Return the first sentence."""
    first = next((b.content for b in blocks_of(docstring) if b.kind == "text"), "")
    return re.split(r"(?<=[^\s.])(?<!e\.g)[.:](?: |$)", first, maxsplit=1)[0]
