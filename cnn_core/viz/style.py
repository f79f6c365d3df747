"""What the pictures look like: colours, sizes, and the kinds of vertices that are told apart."""

from __future__ import annotations

from dataclasses import dataclass

INK = "#20262d"
MUTED = "#6b7580"
WIRE = "#5b6670"
VALUE = "#11803b"
GRADIENT = "#cf2222"
FRAME_FILL = "#f6f8fa"
FRAME_LINE = "#c3ccd5"
PAPER = "#ffffff"

FONT = "DejaVu Sans, Verdana, Arial, sans-serif"
SYMBOL_SIZE, NAME_SIZE, NUMBER_SIZE, CAPTION_SIZE = 15, 12, 11, 10
LINE = 1.25
"""Height of a line of text over its font size."""


@dataclass(frozen=True)
class Kind:
    """A kind of vertex: its colours, its outline, and its word in the legend."""

    word: str
    fill: str
    line: str
    width: float = 1.4
    dashed: bool = False
    corner: float = 0.5
    """Radius of the corners over the height: 0 is a rectangle, 0.5 is round."""


KINDS = {
    "input": Kind("input", "#e2eefb", "#2b6cb0"),
    "parameter": Kind("parameter", "#fdf0d2", "#b7791f", corner=0.0),
    "constant": Kind("constant", "#f2f3f5", "#7d8791", dashed=True, corner=0.2),
    "gate": Kind("gate", "#ffffff", "#2d3640"),
    "output": Kind("output", "#eddffa", "#7434b5", width=2.6),
    "group": Kind("group", "#e3f3ee", "#2c7a64", width=2.0, corner=0.12),
}
"""Shapes differ as well as colours, for readers who see no colours."""
