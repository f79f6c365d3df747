"use strict";
// The drawing: SVG made of the page's data, of which a step touches only what it changes.
(CNN => {
  const { s } = CNN, LINE = 13.75, SIZE = 11, GAP = 4, TILE = 800;

  const path = (start, steps) => `M${start.join(" ")}` +
    steps.map(step => (step.length > 2 ? "C" : "L") + step.join(" ")).join("");

  const head = ([x, y]) => `M${x} ${y}L${x - 7} ${y - 3}L${x - 7} ${y + 3}Z`;

  // Parts of a layer, each a square of it: those out of sight cost a browser nothing.
  class Tiles {
    constructor(layer) {
      this.layer = layer;
      this._tiles = new Map();
    }

    // Take an element that lies within these bounds.
    add(element, x0, y0, x1, y1) {
      const wide = x1 - x0 > TILE || y1 - y0 > TILE;
      const i = Math.floor((x0 + x1) / 2 / TILE), j = Math.floor((y0 + y1) / 2 / TILE);
      const key = wide ? "wide" : `${i} ${j}`;
      if (!this._tiles.has(key)) {
        const group = s("g", wide ? {} : { display: "none" });
        this._tiles.set(key, { group, i: wide ? null : i, j, seen: wide });
        this.layer.append(group);
      }
      this._tiles.get(key).group.append(element);
    }

    see(x0, y0, x1, y1) {
      for (const tile of this._tiles.values()) {
        const seen = tile.i === null ||
          ((tile.i + 2) * TILE > x0 && (tile.i - 1) * TILE < x1 &&
           (tile.j + 2) * TILE > y0 && (tile.j - 1) * TILE < y1);
        if (seen === tile.seen) continue;
        tile.seen = seen;
        if (seen) tile.group.removeAttribute("display");
        else tile.group.setAttribute("display", "none");
      }
    }
  }

  // A cell is a node, or a group that cannot be opened, of which several values may go out.
  const nodesOf = cell => cell.rows.map(row => row[0]);

  CNN.Drawing = class {
    constructor(page, onpick, onfold) {
      this.page = page;
      this.data = page.drawing;
      this.onpick = onpick;
      this.onfold = onfold;
      this.zoom = 1;
      this.svg = s("svg", { role: "img", "aria-label": page.summary });
      this._cellOf = [];
      this.data.cells.forEach((cell, i) => {
        for (const node of nodesOf(cell)) this._cellOf[node] = i;
      });
      this._entries = page.nodes.map(() => []);  // of each node, the wires that enter it
      this.data.wires.forEach((wire, i) => {
        if (wire[1] < 0) return;
        for (const node of nodesOf(this.data.cells[wire[1]])) this._entries[node].push(i);
      });
      this._lit = [];
      this._sums = [];
    }

    // Draw everything anew, with some frames folded.
    render(folded) {
      const fold = this.folding = new CNN.Folding(this.data, folded);
      this._rows = this.page.nodes.map(() => []);
      this._cells = [];
      this._wires = [];
      this._lit = [];
      this._sums = [];
      const [w, h] = this.data.size;
      this.size = [fold.x(w), fold.y(h)];
      const layer = name => s("g", { class: name });
      const frames = layer("frames"), wires = new Tiles(layer("wires"));
      const cells = new Tiles(layer("cells"));
      this._tiles = [wires, cells];
      this._over = layer("over");
      this.data.frames.forEach((frame, i) => {
        if (fold.boxOf(frame.parent) < 0) frames.append(...this._frame(frame, i));
      });
      this.data.wires.forEach((wire, i) => this._wire(wire, i, wires));
      for (const [a, b, frame] of this.data.dots) {
        const x = fold.x(a), y = fold.y(b);
        if (fold.boxOf(frame) < 0)
          wires.add(s("circle", { class: "dot", cx: x, cy: y, r: 2.4 }), x, y, x, y);
      }
      this.data.cells.forEach((cell, i) => {
        if (fold.boxOf(cell.frame) < 0) this._cell(cell, i, cells);
      });
      this.svg.replaceChildren(frames, wires.layer, cells.layer, this._over);
      this._resize();
    }

    _resize() {
      const [w, h] = this.size;
      this.svg.setAttribute("viewBox", `0 0 ${w} ${h}`);
      this.svg.setAttribute("width", Math.ceil(w * this.zoom));
      this.svg.setAttribute("height", Math.ceil(h * this.zoom));
    }

    setZoom(zoom) {
      this.zoom = Math.min(3, Math.max(0.15, zoom));
      this._resize();
    }

    // -- what there is -------------------------------------------------------------------------

    _frame(frame, i) {
      const { x, y } = this.folding, [a, b, w, h] = frame.box;
      const left = x(a), top = y(b), right = x(a + w), bottom = y(b + h);
      const toggle = () => this.onfold(i);
      if (!this.folding.boxes.includes(i))
        return [s("g", { class: "frame" },
          s("rect", { x: left, y: top, width: right - left, height: bottom - top, rx: 8 }),
          s("text", { class: "group", x: left + 9, y: top + 16, onclick: toggle }, frame.name))];
      const room = this.folding.labelRoom(i), width = right - left - room;
      const middle = left + width / 2, fits = Math.max(3, Math.floor((width - 8) / 7.2));
      const name = frame.name.length > fits ? `${frame.name.slice(0, fits - 1)}…` : frame.name;
      const box = s("g", { class: "box", onclick: toggle },
        s("title", {}, `${frame.name}: ${frame.count} nodes`),
        s("rect", { x: left, y: top, width, height: bottom - top, rx: 6 }),
        s("text", { class: "sign bold", x: middle, y: (top + bottom) / 2 - 2 }, name),
        s("text", { class: "caption", x: middle, y: (top + bottom) / 2 + 13 },
          `${frame.count} node${frame.count > 1 ? "s" : ""}`));
      this._cells[`box ${i}`] = box;
      const columns = this.folding.columns(i), middleOf = k => left + width +
        CNN.labelRoom * (columns[k] + 0.5);
      const rows = frame.outs.map(([node, at, ends], k) =>
        this._row(node, y(at), left + width, right, ends, middleOf(k)));
      return [box, ...rows];
    }

    _wire([, target, , frame, start, steps], i, tiles) {
      const { folding } = this, { x, y } = folding;
      if (folding.boxOf(frame) >= 0) return;
      const moved = points => points.map((v, j) => Math.round(10 * (j % 2 ? y(v) : x(v))) / 10);
      const all = steps.map(moved), end = all[all.length - 1].slice(-2);
      const from = moved(start), d = path(from, all);
      const arrow = target >= 0 || this._entersBox(steps[steps.length - 1].slice(-2));
      const line = this._wires[i] = s("g", { class: "wire" }, s("path", { class: "line", d }),
        arrow ? s("path", { class: "arrow", d: head(end) }) : null);
      tiles.add(line, from[0], Math.min(from[1], end[1]), end[0], Math.max(from[1], end[1]));
    }

    _entersBox([x, y]) {
      return this.folding.boxes.some(i => {
        const [a, b, , h] = this.data.frames[i].box;
        return Math.abs(a - x) < 0.15 && y > b && y < b + h;
      });
    }

    _cell(cell, i, tiles) {
      const { folding } = this, [a, b, w, h] = cell.shape;
      const dx = folding.x(cell.box[0]) - cell.box[0], dy = folding.y(cell.box[1]) - cell.box[1];
      const left = a + dx, top = b + dy, middle = left + w / 2, line = cell.size * 1.25;
      const group = cell.kind === "group", text = cell.lines.length * line;
      const first = top + (h - text) / 2 - (group ? 8 : 0);  // a group's caption is inside
      const pick = () => this.onpick(cell.node);
      const kind = group ? "box" : cell.kind, bottom = group ? first + text : top + h;
      const made = s("g", { class: `cell ${kind}`, "data-node": cell.node, onclick: pick },
        s("title", {}, this.page.nodes[cell.node].title),
        s("rect", { x: left, y: top, width: w, height: h, rx: cell.corner }),
        cell.lines.map((words, j) => s("text", {
          class: group ? "sign bold" : "sign", x: middle, y: first + j * line + 0.98 * cell.size,
          "font-size": cell.size }, words)),
        cell.caption ? s("text", { class: "caption", x: middle, y: bottom + 11 }, cell.caption)
          : null,
        cell.rows.map(([node, y, x0, x1, ends]) =>
          this._row(node, y + dy, x0 + dx, x1 + dx, ends)));
      this._cells[i] = made;
      tiles.add(made, left, top, left + cell.box[2], top + cell.box[3]);
    }

    // Draw only what lies near the part that is seen, given in the drawing's pixels.
    see(left, top, width, height) {
      const { zoom } = this;
      for (const tiles of this._tiles)
        tiles.see(left / zoom, top / zoom, (left + width) / zoom, (top + height) / zoom);
    }

    // The piece of wire where a value leaves, with room for numbers above and below.
    _row(node, y, x0, x1, ends, middle = (x0 + x1 - (ends ? 6 : 0)) / 2) {
      const n = this.page.nodes[node].shape.length ? 4 : 1;
      const texts = (role, count, at) =>
        Array.from({ length: count }, (_, j) => s("text", { class: role, x: middle, y: at(j) }));
      const value = texts("value", n, j => y - GAP - LINE * j);
      const gradient = texts("gradient", n, j => y + GAP + LINE * j + 0.85 * SIZE);
      this._rows[node].push({ value, gradient, x: middle, y });
      return s("g", { class: "row", "data-node": node }, s("path", { class: "line", d: `M${x0} ${y}L${x1} ${y}` }),
        ends ? s("path", { class: "arrow", d: head([x1, y]) }) : null, value, gradient);
    }

    // -- what changes --------------------------------------------------------------------------

    // Write lines above the wire of a node, the last next to it; `kind` says how it is known.
    setValue(node, lines, kind) {
      const from = lines.length - 1;
      for (const row of this._rows[node]) this._write(row.value, j => lines[from - j], kind);
    }

    setGradient(node, lines, kind) {
      for (const row of this._rows[node]) this._write(row.gradient, j => lines[j], kind);
    }

    _write(texts, line, kind) {
      texts.forEach((text, j) => {
        const next = line(j) ?? "";
        if (text.textContent !== next) text.textContent = next;
        const base = text.classList[0], wanted = kind ? `${base} ${kind}` : base;
        if (text.getAttribute("class") !== wanted) text.setAttribute("class", wanted);
      });
    }

    // Light up the gate of a step with the wires that it reads, or writes a gradient to.
    light(node, phase) {
      for (const element of this._lit) element.classList.remove("lit", "back");
      this._lit = [];
      for (const text of this._sums) text.remove();
      this._sums = [];
      if (node < 0) return null;
      const at = this._cellAt(node), names = phase === "backward" ? ["lit", "back"] : ["lit"];
      if (at) this._add(at, names);
      for (const i of this._entries[node])
        for (const j of [i, ...this.data.via[i]]) if (this._wires[j]) this._add(this._wires[j], names);
      return at;
    }

    _add(element, names) {
      element.classList.add(...names);
      this._lit.push(element);
    }

    _cellAt(node) {
      const cell = this.data.cells[this._cellOf[node]], box = this.folding.boxOf(cell.frame);
      return box >= 0 ? this._cells[`box ${box}`] : this._cells[this._cellOf[node]];
    }

    // Write what a step adds below the gradient of a node.
    showAdded(node, text) {
      for (const row of this._rows[node]) {
        const n = row.gradient.filter(line => line.textContent).length;
        const made = s("text", { class: "added", x: row.x, y: row.y + GAP + LINE * n + 0.85 * SIZE },
          text);
        this._over.append(made);
        this._sums.push(made);
      }
    }

    // Where the gate of a node stands, as [left, top, width, height] in the drawing's pixels.
    place(node) {
      const cell = this.data.cells[this._cellOf[node]], box = this.folding.boxOf(cell.frame);
      const [a, b, w, h] = box >= 0 ? this.data.frames[box].box : cell.box;
      const { x, y } = this.folding;
      return [x(a), y(b), x(a + w) - x(a), y(b + h) - y(b)].map(v => v * this.zoom);
    }

    frameOf(node) {
      return this.folding.boxOf(this.data.cells[this._cellOf[node]].frame);
    }

    pick(node) {
      if (this._picked) this._picked.classList.remove("picked");
      this._picked = this._cellAt(node);
      if (this._picked) this._picked.classList.add("picked");
    }
  };
})(globalThis.CNN = globalThis.CNN || {});
