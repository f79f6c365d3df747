"""Tables of the page, made of escaped elements."""

from __future__ import annotations

import re
from typing import Any

from cnn_core.markup import Markup, tag
from cnn_core.tabular.evaluation import shown


def table(caption: Any, head: list[Any], rows: list[list[Any]], class_: str = "") -> Markup:
    """Return a table whose first column names the rows; numbers stand to the right."""
    made = [tag("tr", *(tag("th", cell, scope="row") if i == 0 else _cell(cell)
                        for i, cell in enumerate(row))) for row in rows]  # fmt: skip
    right = [bool(rows) and 'class="n"' in _cell(cell) for cell in (rows[0] if rows else head)]
    top = tag("tr", *(tag("th", cell, scope="col", class_="n" if is_right else None)
                      for cell, is_right in zip(head, right, strict=True)))  # fmt: skip
    inner = tag("table", tag("caption", caption), tag("thead", top), tag("tbody", *made))
    # A reader without a pointer must be able to scroll it.
    return tag("div", inner, class_=f"wide {class_}".strip(), tabindex=0, role="region",
               aria_label=re.sub("<[^>]*>", "", caption))  # fmt: skip


def _cell(cell: Any) -> Markup:
    if isinstance(cell, Markup):
        return cell if cell.startswith("<td") else tag("td", cell)
    is_number = isinstance(cell, (int, float))
    return tag("td", shown(cell) if is_number else cell, class_="n" if is_number else None)
