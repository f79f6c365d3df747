"use strict";
// What stands beside wires and in sentences: the lines of cnn_core/viz/labels.py, to the character.
(CNN => {
  const SMALL = 4, LIMIT = 24;

  // NumPy's sum of n doubles: blocks of 128 in eight lanes, halves added up.
  const pairwise = (at, begin, n) => {
    if (n < 8) {
      let sum = -0;
      for (let i = 0; i < n; i++) sum += at(begin + i);
      return sum;
    }
    if (n <= 128) {
      const r = Array.from({ length: 8 }, (_, j) => at(begin + j));
      let i = 8;
      for (; i < n - n % 8; i += 8) for (let j = 0; j < 8; j++) r[j] += at(begin + i + j);
      let sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
      for (; i < n; i++) sum += at(begin + i);
      return sum;
    }
    const half = Math.floor(n / 2) - Math.floor(n / 2) % 8;
    return pairwise(at, begin, half) + pairwise(at, begin + half, n - half);
  };

  // Arrays of another type go through NumPy's buffer, 8192 numbers at a time.
  const sum = (at, n, buffered) => {
    if (!buffered) return pairwise(at, 0, n);
    let total = 0;
    for (let i = 0; i < n; i += 8192) total += pairwise(at, i, Math.min(8192, n - i));
    return total;
  };

  // Count, bounds, mean and standard deviation of what is finite, and how many are not.
  CNN.figures = (tensor, real) => tensor.stats || (tensor.figures ??= figures(tensor, real));

  const figures = (tensor, real) => {
    let data = tensor.data, nan = 0, inf = 0, min = Infinity, max = -Infinity;
    for (const x of data)
      if (x !== x) nan++;
      else if (x === Infinity || x === -Infinity) inf++;
      else { if (x < min) min = x; if (x > max) max = x; }
    const n = data.length;
    if (nan + inf) data = Float64Array.from(data).filter(Number.isFinite);
    const m = data.length;
    if (!m) return { n, nan, inf };
    const mean = sum(i => data[i], m, real !== "f8") / m;
    const std = Math.sqrt(sum(i => (data[i] - mean) * (data[i] - mean), m, false) / m);
    return { n, nan, inf, min, max, mean, std };
  };

  // The short lines that say what is in an array or a number.
  CNN.lines = (tensor, real, whole) => {
    if (!tensor) return [];
    if (tensor.stats) return tensor.stats.lines;
    const { shape, data } = tensor;
    if (!shape.length) return [whole ? String(data[0]) : CNN.number(data[0])];
    if (data.length <= SMALL && shape.length === 1) {
      const text = `[${Array.from(data, CNN.few).join(", ")}]`;
      if (text.length <= LIMIT) return [text];
    }
    if (!data.length) return ["empty"];
    const f = CNN.figures(tensor, real);
    if (f.nan || f.inf)
      return [...(f.nan ? [`${f.nan} NaN`] : []), ...(f.inf ? [`${f.inf} inf`] : []), `of ${f.n}`];
    if (f.min === f.max) return [`all ${CNN.few(f.min)}`];
    if (whole) return [`min ${f.min}`, `max ${f.max}`];
    return [`mean ${CNN.few(f.mean)}`, `std ${CNN.few(f.std)}`];
  };

  // A shape as pictures write it: (B=32, 128).
  CNN.shapeText = node => {
    const lengths = node.shape.map(String);
    if (node.batched) lengths[0] = `B=${lengths[0]}`;
    return `(${lengths.join(", ")})`;
  };

  CNN.isWhole = node => node.dtype === "int32";

  // One line for sentences and tables: a number, or what an array is.
  CNN.brief = (tensor, node) => {
    if (!tensor) return "not known";
    return CNN.lines(tensor, node.real, CNN.isWhole(node)).join(", ");
  };

  // -- elements ----------------------------------------------------------------------------------

  const fill = (element, attributes, children) => {
    for (const [key, value] of Object.entries(attributes || {}))
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (value !== null && value !== undefined && value !== false)
        element.setAttribute(key, value === true ? "" : value);
    element.append(...children.filter(child => child !== null && child !== undefined));
    return element;
  };

  // An element whose children are elements, or texts that are never read as markup.
  CNN.h = (tag, attributes, ...children) =>
    fill(document.createElement(tag), attributes, children.flat());

  CNN.s = (tag, attributes, ...children) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children.flat());
})(globalThis.CNN = globalThis.CNN || {});
