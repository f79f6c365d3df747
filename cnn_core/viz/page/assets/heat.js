"use strict";
// Arrays to look at: numbers one by one where they are few, else a small heat map with figures.
(CNN => {
  const { h } = CNN, SIDE = 48, FEW = 16;

  // Rows and columns of an array: the last axis lies across.
  const grid = shape => {
    const columns = shape.length ? shape[shape.length - 1] : 1;
    return [shape.reduce((n, k) => n * k, 1) / Math.max(columns, 1), columns];
  };

  // Means of blocks, so that nothing large is drawn; a block with NaN or infinity has NaN.
  const shrunk = tensor => {
    if (tensor.picture) return CNN.decode(tensor.picture);
    const [rows, columns] = grid(tensor.shape);
    const r = Math.min(rows, SIDE), c = Math.min(columns, SIDE), data = new Float64Array(r * c);
    for (let i = 0; i < r; i++)
      for (let j = 0; j < c; j++) {
        const i1 = Math.floor((i + 1) * rows / r), j1 = Math.floor((j + 1) * columns / c);
        let sum = 0, n = 0;
        for (let p = Math.floor(i * rows / r); p < i1; p++)
          for (let q = Math.floor(j * columns / c); q < j1; q++, n++)
            sum += tensor.data[p * columns + q];
        data[i * c + j] = sum / n;
      }
    return { shape: [r, c], data };
  };

  const color = (x, most, dark) => {
    if (!Number.isFinite(x)) return [200, 0, 200];
    const t = most ? Math.min(1, Math.abs(x) / most) : 0;
    const zero = dark ? [30, 36, 42] : [248, 249, 250];
    const end = x < 0 ? (dark ? [110, 175, 245] : [24, 90, 170]) : dark ? [245, 160, 90] : [190, 80, 10];
    return zero.map((v, k) => Math.round(v + t * (end[k] - v)));
  };

  const map = (tensor, label) => {
    const small = shrunk(tensor), [rows, columns] = small.shape;
    const most = small.data.reduce((m, x) => Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m, 0);
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const canvas = h("canvas", { width: columns, height: rows, class: "heat", role: "img",
                                 "aria-label": label });
    const context = canvas.getContext("2d"), image = context.createImageData(columns, rows);
    small.data.forEach((x, i) => image.data.set([...color(x, most, dark), 255], 4 * i));
    context.putImageData(image, 0, 0);
    const scale = Math.min(12, Math.max(3, Math.floor(288 / Math.max(rows, columns))));
    canvas.style.width = `${columns * scale}px`;
    canvas.style.height = `${rows * scale}px`;
    const ends = most ? [`−${CNN.few(most)}`, "0", CNN.few(most)] : ["0", "0", "0"];
    const bar = h("span", { class: "scale", "aria-hidden": "true" }, ends.map(t => h("span", {}, t)));
    return h("div", { class: "map" }, canvas, bar);
  };

  const table = (tensor, node) => {
    const [rows, columns] = grid(tensor.shape);
    const cell = x => h("td", {}, CNN.isWhole(node) ? String(x) : CNN.number(x, 6));
    return h("table", { class: "entries" }, h("tbody", {}, Array.from({ length: rows }, (_, i) =>
      h("tr", {}, Array.from({ length: columns }, (_, j) => cell(tensor.data[i * columns + j]))))));
  };

  const FIGURES = ["mean", "std", "min", "max"];

  // The mean and so on as text: what is not finite is counted.
  CNN.figuresText = (tensor, node) => {
    const f = CNN.figures(tensor, node.real);
    const said = FIGURES.filter(key => f[key] !== undefined)
      .map(key => `${key} ${CNN.number(f[key], 6)}`);
    return [`${f.n} numbers`, ...said, ...(f.nan ? [`${f.nan} NaN`] : []),
            ...(f.inf ? [`${f.inf} inf`] : [])].join(", ") +
      (f.nan || f.inf ? " (figures of those that are finite)" : "");
  };

  // An element that shows an array, or a number with six digits.
  CNN.arrayView = (tensor, node, what) => {
    if (!tensor) return h("p", { class: "quiet" }, "not known");
    if (tensor.data && !tensor.shape.length)
      return h("p", { class: "number" },
        CNN.isWhole(node) ? String(tensor.data[0]) : CNN.number(tensor.data[0], 6));
    if (tensor.data && !tensor.data.length) return h("p", { class: "quiet" }, "no numbers");
    if (tensor.data && tensor.data.length <= FEW) return table(tensor, node);
    const figures = CNN.figuresText(tensor, node);
    return h("div", {}, map(tensor, `Heat map of the ${what}: ${figures}`),
      h("p", { class: "figures" }, figures,
        tensor.data ? "" : "; the page holds a picture, not the numbers"));
  };
})(globalThis.CNN = globalThis.CNN || {});
