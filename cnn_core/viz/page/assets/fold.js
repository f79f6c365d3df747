"use strict";
// Folding: groups as single boxes in the place of their frames, without the room they needed.
(CNN => {
  const HEAD = 18, PAD = 12, BOX = 48, LABEL = 13.75, GAP = 10, LANE = 6;
  const ROOM = CNN.labelRoom = 72;

  // Intervals in order that do not meet.
  const joined = intervals => {
    const found = [];
    for (const [a, b] of [...intervals].sort((p, q) => p[0] - q[0])) {
      const last = found[found.length - 1];
      if (last && a <= last[1]) last[1] = Math.max(last[1], b);
      else found.push([a, b]);
    }
    return found;
  };

  // A growing function that shrinks what lies in `folded` and not in `kept`.
  const squeezed = (folded, kept) => {
    const keep = joined(kept), from = [0], to = [0];
    const add = (x, length) => {
      from.push(x);
      to.push(to[to.length - 1] + length);
    };
    for (const [a, b] of joined(folded)) {
      add(a, a - from[from.length - 1]);
      let x = a;
      for (const [p, q] of [...keep, [b, b]]) {
        const begin = Math.min(Math.max(p, x), b), end = Math.min(Math.max(q, x), b);
        if (begin > x) add(begin, Math.min(GAP, begin - x));
        if (end > begin) add(end, end - begin);
        x = Math.max(x, end);
        if (x >= b) break;
      }
    }
    return x => {
      let low = 0, high = from.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (from[middle] <= x) low = middle; else high = middle - 1;
      }
      if (low === from.length - 1) return to[low] + x - from[low];
      const part = (x - from[low]) / (from[low + 1] - from[low]);
      return to[low] + part * (to[low + 1] - to[low]);
    };
  };

  // What is seen where some frames are folded: `map` of points, which frames are boxes.
  CNN.Folding = class {
    constructor(drawing, folded) {
      this.drawing = drawing;
      this.boxes = [...folded].filter(i => !this._within(drawing.frames[i].parent, folded));
      this._folded = new Set(this.boxes);
      const [x, y] = this.boxes.length ? [this._map(0), this._map(1)] : [v => v, v => v];
      this.x = x;
      this.y = y;
    }

    _within(frame, folded) {
      for (let i = frame; i >= 0; i = this.drawing.frames[i].parent) if (folded.has(i)) return true;
      return false;
    }

    // Which box hides what lies in a frame; -1 for what is seen.
    boxOf(frame) {
      for (let i = frame; i >= 0; i = this.drawing.frames[i].parent)
        if (this._folded.has(i)) return i;
      return -1;
    }

    // Room to the right of a box for the numbers of what leaves it.
    labelRoom(frame) {
      const columns = this.columns(frame);
      return columns.length ? ROOM * (1 + Math.max(...columns)) : 0;
    }

    // Beside each other stand the numbers of values that leave a box close below each other.
    columns(frame) {
      const { outs } = this.drawing.frames[frame], found = outs.map(() => 0);
      const order = outs.map((_, i) => i).sort((a, b) => outs[a][1] - outs[b][1]);
      for (let k = 1; k < order.length; k++)
        if (outs[order[k]][1] - outs[order[k - 1]][1] < 5 * LABEL)
          found[order[k]] = found[order[k - 1]] + 1;
      return found;
    }

    _map(axis) {
      const { frames, cells, wires } = this.drawing, kept = [];
      const keep = (a, length) => kept.push([a, a + length]);
      for (const cell of cells)
        if (this.boxOf(cell.frame) < 0) keep(cell.box[axis], cell.box[axis + 2]);
      frames.forEach((frame, i) => {
        const a = frame.box[axis], length = frame.box[axis + 2], end = a + length;
        if (this._folded.has(i)) this._keepBox(keep, axis, frame, i, a, end);
        else if (this.boxOf(i) < 0) {
          keep(a, axis ? HEAD + PAD : PAD);
          keep(end - PAD, PAD);
        }
      });
      for (const [, , , frame, start, steps] of wires)
        if (this.boxOf(frame) < 0) this._keepWire(keep, axis, start, steps);
      const folded = this.boxes.map(i => frames[i].box)
        .map(box => [box[axis], box[axis] + box[axis + 2]]);
      return squeezed(folded, kept);
    }

    _keepBox(keep, axis, frame, i, a, end) {
      const room = axis ? 0 : this.labelRoom(i);
      const need = axis ? BOX : Math.min(160, 8 * frame.name.length + 24);
      keep(a, Math.min(need, end - a - room));
      keep(end - room, room);
      if (axis) for (const [, y] of frame.outs) keep(y - 3 * LABEL - 4, 5 * LABEL + 8);
    }

    _keepWire(keep, axis, start, steps) {
      let at = start;
      for (const step of steps) {
        const end = step.slice(-2);
        if (axis) keep(end[1] - LANE, 2 * LANE);
        else if (step.length > 2) keep(at[0], end[0] - at[0]);
        at = end;
      }
      if (axis) keep(start[1] - LANE, 2 * LANE);
    }
  };
})(globalThis.CNN = globalThis.CNN || {});
