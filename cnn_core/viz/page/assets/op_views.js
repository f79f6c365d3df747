"use strict";
// Operations that put numbers in another order, side by side, or pick them by number.
(CNN => {
  // The numbers of x from these places, and back: what several places took adds up.  Views take a
  // place once and write, with the sign of a zero; lookups add to 0.
  const from = (data, places) => Float64Array.from(places, at => data[at]);
  const back = (dy, places, n, plain) => {
    const dx = new Float64Array(n);
    for (let i = 0; i < places.length; i++) {
      const at = places[i];
      dx[at] = plain ? dy[i] : dx[at] + dy[i];
    }
    return dx;
  };
  const TAKEN = "dy at the places that were taken, else 0";
  const view = (op, places, text, slope = TAKEN, plain = true) =>
    CNN.define(op, {
      value: (x, node) => from(x[0].data, places(x, node)),
      gradient: (x, y, dy, node) => [back(dy.data, places(x, node), x[0].data.length, plain), null],
      text, slopes: [slope], plain: () => plain,
    });

  // -- views ------------------------------------------------------------------------------------

  view("reshape", ([x]) => x.data.map((_, i) => i), "{0} as {shape}", "dy in the shape of {0}");

  view("transpose", ([x], node) => {
    const n = x.shape.length, first = node.batched ? 1 : 0, strides = CNN.strides(x.shape);
    const axes = CNN.option(node, "axes", null);
    const order = axes ? [axes].flat().map(axis => axis < 0 ? axis + n : axis)
      : strides.map((_, i) => i < first ? i : n - 1 - i + first);
    return CNN.places(node.shape, order.map(axis => strides[axis]));
  }, "{0}ᵀ", "dyᵀ");

  // A key as in NumPy: whole numbers, {slice: [begin, end, step]}, {ellipsis} and null.
  const sliced = (shape, key) => {
    const strides = CNN.strides(shape), found = [];
    let keys = Array.isArray(key) ? [...key] : [key], start = 0, axis = 0;
    const dots = keys.findIndex(k => k && k.ellipsis);
    const missing = shape.length - keys.filter(k => k !== null && !(k && k.ellipsis)).length;
    const all = new Array(missing).fill({ slice: [null, null, null] });
    if (dots >= 0) keys.splice(dots, 1, ...all);
    else keys = keys.concat(all);
    for (const k of keys) {
      if (k === null) {
        found.push(0);
        continue;
      }
      const n = shape[axis], [begin, , step] = k.slice || [k, null, 1];
      const by = step === null ? 1 : step, low = by < 0 ? n - 1 : 0;
      const at = begin === null ? low : begin < 0 ? begin + n : begin;
      start += Math.max(by < 0 ? -1 : 0, Math.min(at, by < 0 ? n - 1 : n)) * strides[axis];
      if (k.slice) found.push(by * strides[axis]);
      axis++;
    }
    return [found, start];
  };
  const written = key => [key].flat().map(k => {
    if (k === null) return "None";
    if (k.ellipsis) return "...";
    if (!k.slice) return k;
    const [begin, end, step] = k.slice.map(n => n === null ? "" : n);
    return `${begin}:${end}` + (step === "" || step === 1 ? "" : `:${step}`);
  }).join(", ");
  view("slice", ([x], node) => CNN.places(node.shape, ...sliced(x.shape, node.options.key)),
    node => `{0}[${written(node.options.key)}]`);

  // Parts of equal length, or cut at places.
  view("split", ([x], node) => {
    const axis = CNN.axis(node, x.shape.length, 0), strides = CNN.strides(x.shape);
    const { sections, part } = node.options;
    const begin = Array.isArray(sections) ? [0, ...sections][part]
      : part * (x.shape[axis] / sections);
    return CNN.places(node.shape, strides, begin * strides[axis]);
  }, node => `part ${node.options.part} of {0}`);

  // -- joins ------------------------------------------------------------------------------------

  // Where the numbers of each operand come to lie; `wide` is their shape in the value.
  const join = (op, wide, text) => {
    const places = (x, node) => {
      const axis = CNN.axis(node, node.shape.length, 0), strides = CNN.strides(node.shape);
      let start = 0;
      return x.map(operand => {
        const shape = wide(operand.shape, axis), at = CNN.places(shape, strides, start);
        start += shape[axis] * strides[axis];
        return at;
      });
    };
    CNN.define(op, {
      value: (x, node) => {
        const y = new Float64Array(CNN.size(node.shape));
        places(x, node).forEach((at, k) => at.forEach((to, i) => { y[to] = x[k].data[i]; }));
        return y;
      },
      gradient: (x, y, dy, node) => places(x, node).map(at => from(dy.data, at)),
      text: node => `${text}(${CNN.listed(node)})`, slopes: () => "its part of dy",
    });
  };
  join("concat", shape => shape, "concat");
  join("stack", (shape, axis) => [...shape.slice(0, axis), 1, ...shape.slice(axis)], "stack");

  // -- lookups ----------------------------------------------------------------------------------

  view("take", ([x, index], node) => {
    const axis = CNN.axis(node, x.shape.length, 0), n = x.shape[axis];
    const byRow = node.shape.length < x.shape.length + index.shape.length - 1;
    const rows = byRow ? x.shape[0] : 1, width = index.data.length / rows;
    const before = CNN.size(x.shape.slice(byRow ? 1 : 0, axis));
    const after = CNN.size(x.shape.slice(axis + 1)), fromEnd = CNN.option(node, "from_end", true);
    const places = [];
    for (let r = 0; r < rows; r++)
      for (let p = 0; p < before; p++)
        for (let k = 0; k < width; k++) {
          const at = CNN.picked(node, index.data[r * width + k], n, fromEnd);
          for (let q = 0; q < after; q++) places.push(((r * before + p) * n + at) * after + q);
        }
    return places;
  }, "{0}[{1}]", TAKEN, false);

  view("take_along_axis", ([x, index], node) => {
    const axis = CNN.axis(node, x.shape.length, -1), step = CNN.strides(x.shape)[axis];
    const strides = CNN.repeated(x.shape, node.shape);
    strides[axis] = 0;
    const others = CNN.places(node.shape, strides), at = CNN.spread(index.shape, node.shape);
    return others.map((place, i) =>
      place + step * CNN.picked(node, index.data[at[i]], x.shape[axis], true));
  }, "{0} at {1}", TAKEN, false);
})(globalThis.CNN = globalThis.CNN || {});
