"""Text as the pictures measure it, without a font at hand."""

from __future__ import annotations

import unicodedata

_WIDTHS = {
    **dict.fromkeys("iljI|'.,:;! ", 0.34),
    **dict.fromkeys("frt()[]-", 0.42),
    **dict.fromkeys("mMW@%", 1.0),
    **dict.fromkeys("wOQGDH+=<>÷\N{MULTIPLICATION SIGN}\N{MINUS SIGN}", 0.84),
}


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of ``text`` in a wide sans-serif font; narrower ones leave some room."""
    return (1.12 if bold else 1.0) * size * sum(_width(c) for c in text)


def _width(c: str) -> float:
    if c in _WIDTHS:
        return _WIDTHS[c]
    if unicodedata.combining(c):
        return 0.0
    if unicodedata.east_asian_width(c) in "WF":
        return 1.05
    return 0.72 if c.isupper() or not c.isascii() else 0.64


def clean(text: str, limit: int = 0) -> str:
    """Return ``text`` on one line without characters that XML refuses, cut to ``limit``."""
    kept = "".join(" " if c.isspace() else c if _printable(c) else "\ufffd" for c in text)
    return kept[: limit - 1] + "…" if limit and len(kept) > limit else kept


def _printable(c: str) -> bool:
    return unicodedata.category(c) not in ("Cc", "Cs", "Cn", "Co")


def wrapped(text: str, limit: int) -> tuple[str, ...]:
    """Return ``text`` in lines of up to ``limit`` characters, broken at spaces where possible."""
    lines: list[str] = []
    for word in text.split() or [text]:
        if lines and len(lines[-1]) + 1 + len(word) <= limit:
            lines[-1] += f" {word}"
        else:
            lines.append(clean(word, 2 * limit))
    return tuple(lines)
