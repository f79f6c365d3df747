"use strict";
// Fields by which a reader changes inputs and parameters.
(CNN => {
  const { h } = CNN, FEW = 16;

  const WORDS = { nan: NaN, inf: Infinity, "+inf": Infinity, "-inf": -Infinity };

  // A number as Python would take it; null for anything else.
  CNN.parse = (text, node) => {
    const plain = text.trim().toLowerCase().replace("−", "-").replace(",", ".");
    const x = plain in WORDS ? WORDS[plain]
      : /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/.test(plain) ? Number(plain) : null;
    if (x === null) return null;
    if (CNN.isWhole(node)) return Number.isInteger(x) && Math.abs(x) < 2 ** 31 ? x : null;
    return node.round(x);
  };

  const shown = (x, node) => CNN.isWhole(node) ? String(x) : shortest(x, node);

  // The fewest digits that are the number again, as Python's repr has them.
  const shortest = (x, node) => {
    if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
    for (let n = 1; node.real === "f4" && n < 10; n++)
      if (Math.fround(Number(x.toPrecision(n))) === x) return String(Number(x.toPrecision(n)));
    return String(x);
  };

  // A field of one number; `take` is called with what is in it once that is one.
  const field = (label, text, node, take) => {
    const input = h("input", { type: "text", inputmode: "decimal", value: text, "aria-label": label,
                               autocomplete: "off", spellcheck: "false" });
    input.addEventListener("change", () => {
      const x = CNN.parse(input.value, node);
      input.setAttribute("aria-invalid", x === null);
      take(x, input.value);
    });
    return input;
  };

  const placeText = (i, shape) => {
    const at = [];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at.unshift(i % shape[axis]);
      i = Math.floor(i / shape[axis]);
    }
    return at.join(", ");
  };

  const placeOf = (text, shape) => {
    const at = text.split(",").map(part => part.trim());
    if (at.length !== shape.length || !at.every(part => /^\d+$/.test(part))) return -1;
    return at.every((part, axis) => Number(part) < shape[axis])
      ? at.reduce((i, part, axis) => i * shape[axis] + Number(part), 0) : -1;
  };

  CNN.Inputs = class {
    constructor(state, changed, say) {
      this.state = state;
      this.changed = changed;
      this.say = say;
      this.leaves = state.nodes.map((_, i) => i)
        .filter(i => ["input", "parameter"].includes(state.nodes[i].kind) && !state.nodes[i].state);
    }

    _set(i, x, at) {
      const { shape, data } = this.state.value(i), next = data.slice();
      next[at] = x;
      this.changed(i, { shape, data: next });
    }

    _taker(i, at) {
      return (x, text) => {
        const node = this.state.nodes[i];
        if (x === null)
          this.say(`${node.name}: need a ${CNN.isWhole(node) ? "whole " : ""}number; got ${text}`);
        else this._set(i, x, at());
      };
    }

    // The fields of a leaf; null where there is nothing to change.
    editor(i) {
      const node = this.state.nodes[i], tensor = this.state.value(i);
      if (!this.leaves.includes(i) || !tensor) return null;
      if (!tensor.data)
        return h("p", { class: "quiet" }, "Too large to be changed here: the page has a picture of it.");
      const n = tensor.data.length;
      if (n > FEW) return this._large(i, node, tensor);
      const fields = Array.from(tensor.data, (x, at) => field(
        tensor.shape.length ? `${node.name} at ${placeText(at, tensor.shape)}` : node.name,
        shown(x, node), node, this._taker(i, () => at)));
      const columns = tensor.shape.length ? tensor.shape[tensor.shape.length - 1] : 1;
      return h("div", { class: "fields", style: `--columns:${Math.min(columns, 8)}` }, fields);
    }

    // One entry, found by its place, and all of them times a factor.
    _large(i, node, tensor) {
      let at = 0;
      const entry = field(`${node.name}, value of this entry`, shown(tensor.data[0], node), node,
        this._taker(i, () => at));
      const place = h("input", { type: "text", value: placeText(0, tensor.shape), autocomplete: "off",
        "aria-label": `${node.name}, entry at` });
      place.addEventListener("change", () => {
        const found = placeOf(place.value, tensor.shape);
        place.setAttribute("aria-invalid", found < 0);
        if (found < 0)
          return this.say(`${node.name}: need a place in ${CNN.shapeText(node)}, such as ` +
            `${placeText(0, tensor.shape)}; got ${place.value}`);
        at = found;
        entry.value = shown(this.state.value(i).data[at], node);
      });
      const factor = CNN.isWhole(node) ? null : field(`${node.name}, all entries times`, "1", node, x => {
        if (x === null) return this.say(`${node.name}: need a number as the factor`);
        const { shape, data } = this.state.value(i);
        this.changed(i, { shape, data: data.map(v => node.round(v * x)) });
      });
      return h("div", { class: "large" }, h("label", {}, "entry ", place), h("label", {}, "is ", entry),
        factor ? h("label", {}, "all times ", factor) : null);
    }

    // All leaves of few numbers, up to `most`; others are changed where a node is looked at.
    view(most) {
      const few = this.leaves.filter(i => {
        const tensor = this.state.value(i);
        return tensor && tensor.data && tensor.data.length <= 4;
      }).slice(0, most);
      return few.map(i => h("div", { class: "leaf" },
        h("span", { class: "leaf-name" }, this.state.nodes[i].name), this.editor(i)));
    }
  };
})(globalThis.CNN = globalThis.CNN || {});
