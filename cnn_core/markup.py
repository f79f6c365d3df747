"""Markup: elements of HTML and SVG, of which nothing comes in that is not escaped."""

from __future__ import annotations

import re
from html import escape
from typing import Any

_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_VOID = {"meta", "br"}
UNCUT = 1 << 60


class Markup(str):
    """Text that is markup already."""


def text(value: Any, most: int = 2000) -> Markup:
    """Return anything as text, cut where it is long; what no page can hold becomes U+FFFD."""
    if isinstance(value, Markup):
        return value
    whole = str(value)
    whole = whole if len(whole) <= most else f"{whole[: most - 2]} …"
    return Markup(escape(_NO_TEXT.sub("\ufffd", whole)))


def tag(name: str, /, *children: Any, **attributes: Any) -> Markup:
    """Return an element; ``class_`` is written class, ``aria_label`` aria-label.

    Attributes that are None are left out.

    >>> tag("p", "1 < 2", tag("b", "!"), class_="x")
    '<p class="x">1 &lt; 2<b>!</b></p>'
    """
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{text(value, UNCUT)}"'
                    for key, value in attributes.items() if value is not None)  # fmt: skip
    if name in _VOID:
        return Markup(f"<{name}{given}/>")
    return Markup(f"<{name}{given}>{joined(*children)}</{name}>")


def joined(*parts: Any) -> Markup:
    """Return parts, one after the other."""
    return Markup("".join(map(text, parts)))
