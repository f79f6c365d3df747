"use strict";
// Tensors: {shape, data}, dense in row-major order; and numbers as Python writes them.
(CNN => {
  const size = shape => shape.reduce((n, length) => n * length, 1);

  CNN.size = size;

  CNN.tensor = (shape, data) =>
    ({ shape: [...shape], data: data || new Float64Array(size(shape)) });

  // -- walking ----------------------------------------------------------------------------------

  // How many elements lie from one entry of each axis to the next.
  CNN.strides = shape => {
    const found = new Array(shape.length);
    for (let axis = shape.length - 1, step = 1; axis >= 0; step *= shape[axis--])
      found[axis] = step;
    return found;
  };

  // Where each element of `shape`, in row-major order, lies at these strides.
  CNN.places = (shape, strides, start = 0) => {
    const found = new Int32Array(size(shape)), at = shape.map(() => 0);
    for (let i = 0, place = start; i < found.length; i++) {
      found[i] = place;
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        place += strides[axis];
        if (++at[axis] < shape[axis]) break;
        place -= strides[axis] * at[axis];
        at[axis] = 0;
      }
    }
    return found;
  };

  // The shape of operands that are broadcast together, by NumPy's rule.
  CNN.broadcast = (...shapes) => {
    const n = Math.max(...shapes.map(shape => shape.length));
    return Array.from({ length: n }, (_, axis) => {
      const lengths = shapes.map(shape => shape[axis - n + shape.length]).filter(k => k > 1);
      return lengths.length ? lengths[0] : 1;
    });
  };

  // The strides of an operand of shape `from` that is broadcast to `to`: 0 where it is repeated.
  CNN.repeated = (from, to) => {
    const strides = CNN.strides(from), lead = to.length - from.length;
    return to.map((_, axis) => axis < lead || from[axis - lead] === 1 ? 0 : strides[axis - lead]);
  };

  // Of each element of `to`, which element of the operand that is broadcast it comes of.
  CNN.spread = (from, to) => CNN.places(to, CNN.repeated(from, to));

  // to += the products of a and b over all places of `lengths`, each at strides of its own: every
  // sum of products, such as a b of matrices, is one.  Each multiply-add goes through `round`.
  CNN.contract = (lengths, a, sa, b, sb, to, st, round) => {
    const n = lengths.length - 1, inner = n < 0 ? 1 : lengths[n];
    const outer = lengths.slice(0, Math.max(n, 0));
    const [pa, pb, pt] = [sa, sb, st].map(strides => CNN.places(outer, strides));
    const [ia, ib, it] = [sa, sb, st].map(strides => n < 0 ? 0 : strides[n]);
    for (let i = 0; i < pt.length; i++)
      for (let j = 0, x = pa[i], y = pb[i], z = pt[i]; j < inner; j++, x += ia, y += ib, z += it)
        to[z] = round(to[z] + a[x] * b[y]);
    return to;
  };

  // -- from the page's JSON ---------------------------------------------------------------------

  // {"shape", "f8" | "f4" | "i4": base64 of little-endian bytes}; null for what it carries in part.
  CNN.decode = json => {
    const kind = ["f8", "f4", "i4"].find(key => json && json[key] !== undefined);
    if (!kind) return null;
    const text = atob(json[kind]), view = new DataView(new ArrayBuffer(text.length));
    for (let i = 0; i < text.length; i++) view.setUint8(i, text.charCodeAt(i));
    const width = kind === "f8" ? 8 : 4, n = text.length / width;
    const data = kind === "i4" ? new Int32Array(n) : new Float64Array(n);
    const read = { f8: "getFloat64", f4: "getFloat32", i4: "getInt32" }[kind];
    for (let i = 0; i < n; i++) data[i] = view[read](i * width, true);
    return CNN.tensor(json.shape, data);
  };

  CNN.statistics = tensor => {
    let n = 0, min = Infinity, max = -Infinity, sum = 0, nan = 0, inf = 0;
    for (const x of tensor.data)
      if (Number.isNaN(x)) nan++;
      else if (!Number.isFinite(x)) inf++;
      else n++, sum += x, min = Math.min(min, x), max = Math.max(max, x);
    const mean = sum / n;
    let squares = 0;
    for (const x of tensor.data) if (Number.isFinite(x)) squares += (x - mean) ** 2;
    return { n, min, max, mean, std: Math.sqrt(squares / n), nan, inf };
  };

  // -- numbers as text --------------------------------------------------------------------------

  // The first `n` digits of |x| > 0 and their exponent, rounded half to even: the decimal
  // expansion is exact, while JavaScript's own rounding takes a half away from zero.
  const digits = (x, n) => {
    const [text, exponent] = Math.abs(x).toExponential(100).split("e");
    const all = text.replace(".", ""), kept = all.slice(0, n), rest = all.slice(n);
    const half = "5".padEnd(rest.length, "0"), odd = Number(kept[n - 1]) % 2;
    if (rest < half || (rest === half && !odd)) return [kept, Number(exponent)];
    const next = String(BigInt(kept) + 1n);
    return [next.slice(0, n), Number(exponent) + next.length - n];
  };

  const special = x => Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
  const sign = x => x < 0 || Object.is(x, -0) ? "-" : "";
  const bare = text => text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  const placed = (kept, exponent) => exponent < 0
    ? "0." + "0".repeat(-exponent - 1) + kept
    : kept.slice(0, exponent + 1).padEnd(exponent + 1, "0") +
      (kept.length > exponent + 1 ? "." + kept.slice(exponent + 1) : "");

  // f"{x:.{n}g}"
  CNN.general = (x, n) => {
    if (!Number.isFinite(x)) return special(x);
    if (x === 0) return sign(x) + "0";
    const [kept, e] = digits(x, n);
    if (e >= -4 && e < n) return sign(x) + bare(placed(kept, e));
    const mantissa = bare(kept.length > 1 ? kept[0] + "." + kept.slice(1) : kept);
    return sign(x) + mantissa + "e" + (e < 0 ? "-" : "+") + String(Math.abs(e)).padStart(2, "0");
  };

  // f"{x:.2f}", for numbers of at least 0.01 in size, and 0
  const hundredths = x => {
    if (x === 0) return sign(x) + "0.00";
    const first = Number(Math.abs(x).toExponential(100).split("e")[1]);
    const [kept, e] = digits(x, first + 3), [whole, rest = ""] = placed(kept, e).split(".");
    return sign(x) + whole + "." + rest.slice(0, 2).padEnd(2, "0");
  };

  // Two or three digits that differ from 0.
  const few = CNN.few = x => {
    const size = Math.abs(x), small = size > 0 && size < 1e-3;
    let text = CNN.general(x, size < 1 ? 2 : 3);
    if (small) {
      const [kept, e] = digits(x, 2);
      text = sign(x) + kept[0] + "." + kept[1] + "e" + e;
    }
    const [head, exponent] = text.split("e");
    return exponent === undefined ? head : head + "e" + Number(exponent);
  };

  // As pictures show it (cnn_core/viz/labels.py), or with so many significant digits.
  CNN.number = (x, n) => {
    if (n !== undefined) return CNN.general(x, n);
    const size = Math.abs(x);
    return size === 0 || (size >= 0.095 && size < 1e4) ? hundredths(x) : few(x);
  };
})(globalThis.CNN = globalThis.CNN || {});
