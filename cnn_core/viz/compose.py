"""From a layout to a scene: what is painted where."""

from __future__ import annotations

from cnn_core.viz.cells import TEXT_LINE, WIRE_GAP, Cell, Row, corner
from cnn_core.viz.fonts import clean, text_width
from cnn_core.viz.labels import Labels
from cnn_core.viz.model import Model
from cnn_core.viz.placed import Frame, Placed, Wire
from cnn_core.viz.scene import Box, Line, Scene, Text
from cnn_core.viz.style import (
    CAPTION_SIZE,
    FRAME_FILL,
    FRAME_LINE,
    GRADIENT,
    INK,
    KINDS,
    LINE,
    MUTED,
    NAME_SIZE,
    NUMBER_SIZE,
    PAPER,
    VALUE,
    WIRE,
)

MARGIN = 14.0


class Composer:
    """Paints a placed picture: frames first, then wires, then cells, then the legend."""

    def __init__(self, model: Model, labels: Labels, placed: Placed) -> None:
        self._labels, self._outputs = labels, model.outputs
        self._name = {n: clean(model.graph.name_of(n)) for n in model.users}
        self.scene = Scene(clean(repr(model.graph).strip("<>")))
        shifted = Placed()
        shifted.take(placed, MARGIN, MARGIN)
        for frame in shifted.frames:
            self._frame(frame)
        for wire in shifted.wires:
            self._wire(wire)
        for x, y in shifted.dots:
            self._add(Box("dot", x - 2.4, y - 2.4, 4.8, 4.8, WIRE, WIRE, corner=2.4))
        for frame in shifted.frames:
            self._head(frame)
        for cell in shifted.cells:
            self._cell(cell)
        self.scene.width = placed.width + 2 * MARGIN
        self.scene.height = placed.height + 2 * MARGIN
        self._legend(model)

    def _add(self, shape: Box | Line | Text) -> None:
        self.scene.shapes.append(shape)

    def _frame(self, frame: Frame) -> None:
        self._add(Box("frame", frame.x, frame.y, frame.w, frame.h, FRAME_FILL, FRAME_LINE,
                      corner=8, node=frame.block.name,
                      title=f"{frame.block.name}: {len(frame.block.nodes)} nodes"))  # fmt: skip

    def _head(self, frame: Frame) -> None:
        """Write the name of a group above the wires, on a ground of its own."""
        name = frame.block.name
        w = text_width(name, NAME_SIZE, bold=True)
        self._add(
            Box("head", frame.x + 7, frame.y + 4, w + 4, NAME_SIZE * LINE, FRAME_FILL, "none")
        )
        self._add(Text("group", frame.x + 9, frame.y + 4 + NAME_SIZE, name, NAME_SIZE, MUTED,
                       bold=True))  # fmt: skip

    def _wire(self, wire: Wire) -> None:
        role = "edge" if wire.target is not None else "wire"
        target = wire.target.item.name if wire.target is not None else ""
        self._add(Line(role, wire.start, tuple(wire.steps), WIRE, arrow=bool(target),
                       node=self._name[wire.source], target=target,
                       title=self._labels[wire.source].full))  # fmt: skip

    def _cell(self, cell: Cell) -> None:
        item, kind = cell.item, KINDS[cell.item.kind]
        x, y = cell.x + cell.shape_x, cell.y + cell.shape_y
        for row in cell.rows:
            self._row(cell, row)
        is_group = item.kind == "group"
        node = item.outputs[0]
        title = item.name if is_group else self._labels[node].full
        ends = is_group and any(n in self._outputs for n in item.outputs)
        line = KINDS["output"].line if ends else kind.line
        self._add(Box(item.kind, x, y, cell.shape_w, cell.shape_h, kind.fill, line,
                      kind.width, corner(cell), kind.dashed, item.name, title))  # fmt: skip
        middle, size = x + cell.shape_w / 2, cell.text_size
        caption = CAPTION_SIZE * LINE + 2
        top = y + (cell.shape_h - len(item.lines) * size * LINE - caption * is_group) / 2
        for i, line in enumerate(item.lines):
            base = top + i * size * LINE + 0.98 * size
            self._add(Text("sign", middle, base, line, size, INK, "middle", is_group, item.name))
        if item.caption:
            base = y + cell.shape_h + 1 + CAPTION_SIZE
            if is_group:
                base = top + len(item.lines) * size * LINE + CAPTION_SIZE
            self._add(Text("caption", middle, base, item.caption, CAPTION_SIZE, MUTED, "middle",
                           node=item.name))  # fmt: skip

    def _row(self, cell: Cell, row: Row) -> None:
        """Draw the wire out of a cell, with the value above and the gradient below."""
        start, end = cell.x + cell.shape_x + cell.shape_w, cell.x + cell.width
        y, name = cell.y + row.y, self._name[row.source]
        self._add(Line("output-edge" if row.ends else "stub", (start, y), (((end, y),),), WIRE,
                       arrow=row.ends, node=name, title=row.label.full))  # fmt: skip
        middle = (start + end - (6 if row.ends else 0)) / 2
        texts = [("value", VALUE, y - WIRE_GAP - TEXT_LINE * (len(row.label.value) - i - 1), t)
                 for i, t in enumerate(row.label.value)]  # fmt: skip
        texts += [("gradient", GRADIENT, y + WIRE_GAP + TEXT_LINE * i + 0.85 * NUMBER_SIZE, t)
                  for i, t in enumerate(row.label.gradient)]  # fmt: skip
        for role, color, base, text in texts:
            self._add(Text(role, middle, base, text, NUMBER_SIZE, color, "middle", node=name))

    def _legend(self, model: Model) -> None:
        """Explain the kinds that occur, and the colours of the numbers, in lines that fit."""
        kinds = {item.kind for item in model.items}
        labels = [
            row for item in model.items for row in map(self._labels.__getitem__, item.outputs)
        ]
        entries = [(kind.word, kind, INK) for key, kind in KINDS.items() if key in kinds]
        entries += [("value", None, VALUE)] * any(label.value for label in labels)
        entries += [("gradient", None, GRADIENT)] * any(label.gradient for label in labels)
        size, x, y = CAPTION_SIZE, MARGIN, self.scene.height + 4
        limit = max(self.scene.width, 330.0)
        for word, kind, color in entries:
            width = (20 if kind else 0) + text_width(word, size) + 12
            if x + width > limit and x > MARGIN:
                x, y = MARGIN, y + 18
            if kind:
                self._add(Box("legend", x, y - 5, 15, 10, kind.fill, kind.line, 1.2,
                              min(kind.corner * 10, 5), kind.dashed))  # fmt: skip
            self._add(Text("legend", x + (20 if kind else 0), y + 3.5, word, size, color))
            self.scene.width = max(self.scene.width, x + width)
            x += width
        self.scene.height = y + MARGIN + 2
        self.scene.shapes.insert(
            0, Box("paper", 0, 0, self.scene.width, self.scene.height, PAPER, "none")
        )


def compose(model: Model, labels: Labels, placed: Placed) -> Scene:
    """Return the scene of a placed picture."""
    return Composer(model, labels, placed).scene
