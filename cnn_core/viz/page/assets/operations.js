"use strict";
// What the page can compute itself.  An operation is
//   forward(x, node) -> y               x: the tensors of its operands
//   backward(x, y, dy, node) -> [dx]    what each path adds; null for an operand without gradient
//   formula(node, names) -> text        names: of the operands and, one more, of the value
//   slope(node, names, i) -> text       what dy is multiplied by on the way to operand i; a text
//                                       with "dy" in it is all that the path adds
// node: {op, options, batched, shape, inputs, real: "f4" | "f8"}.  Shapes have the batch axis.  Values and contributions are rounded to the type of the graph; sums are formed in double, but those of products, which round as they go.
// Kinks, ties, NaN and infinities are treated as in src_c/ops.  What Python would refuse, such as a
// label out of range, throws a RangeError.  An operation that is not here stays as recorded: see
// `CNN.recorded`.
(CNN => {
  CNN.operations = {};

  CNN.rounding = node => node.round || (node.real === "f4" ? Math.fround : x => x);

  const REASONS = {
    gate: "a gate in Python", folded: "the inside of this group is not on the page",
    batch_norm: "it has statistics of a batch, or of all training",
    metric: "its sums go on from run to run", random: "its numbers are drawn anew in each run",
    dropout: "its mask is drawn anew in each run", gaussian: "its noise is drawn anew in each run",
  };

  // Why the page leaves the value of a node as recorded; "" where it can compute it.
  CNN.recorded = node => node.copies || node.op in CNN.operations ? ""
    : REASONS[node.op] || REASONS[node.op.split("_")[0]] || "the page does not know it";
  CNN.knows = node => CNN.recorded(node) === "";

  // Plus `start`: 0 makes +0 of -0, and -0 changes nothing.
  const rounded = (data, node, start = -0) => {
    const round = CNN.rounding(node);
    for (let i = 0; i < data.length; i++) data[i] = round(start + data[i]);
    return data;
  };

  // Registers an operation by
  //   value(x, node) -> numbers            gradient(x, y, dy, node) -> [numbers or null]
  //   text, slopes                         templates, see `fill`, or functions of node (and i)
  //   plain(node, i)                       whether kernels write the gradient of operand i as it
  //             is; else they write 0 plus that, so that there is no -0
  CNN.define = (op, { value, gradient, text, slopes, plain = () => false }) => {
    const template = (given, ...args) => typeof given === "function" ? given(...args) : given;
    CNN.operations[op] = {
      forward: (x, node) => CNN.tensor(node.shape, rounded(value(x, node), node)),
      backward: (x, y, dy, node) => {
        const found = gradient ? gradient(x, y, dy, node) : x.map(() => null);
        return x.map((operand, i) => found[i] && operand.data instanceof Float64Array
          ? CNN.tensor(operand.shape, rounded(found[i], node, plain(node, i) ? -0 : 0)) : null);
      },
      formula: (node, names) => CNN.fill(template(text, node), node, names),
      slope: (node, names, i) => {
        const given = typeof slopes === "function" ? slopes(node, i) : (slopes || [])[i];
        return CNN.fill(given === undefined ? "0" : template(given, node), node, names);
      },
    };
  };

  // -- texts ------------------------------------------------------------------------------------

  // A template with the names in place of {0}, {1} ..., {y}, and an option in place of its own.
  // A negative number gets parentheses where a sign or an exponent would be misread.
  CNN.fill = (template, node, names) => template.replace(/\{(\w+)\}/g, (whole, key, at) => {
    const name = textOf(key, node, names), end = template[at + whole.length];
    const before = template.slice(0, at).trimEnd().slice(-1);
    const alone = before === "" || "(,[|=√".includes(before);
    return name.startsWith("-") && (!alone || "²³^".includes(end)) ? `(${name})` : name;
  });

  const textOf = (key, node, names) => {
    const n = node.inputs ? node.inputs.length : names.length;
    if (key === "y") return names[n] === undefined ? "y" : names[n];
    if (key in names) return names[key];
    const option = (node.options || {})[key];
    return typeof option === "number" ? CNN.number(option, 6) : String(option);
  };

  // The operands one after the other: "a, b, c".
  CNN.listed = node => node.inputs.map((_, i) => `{${i}}`).join(", ");

  // -- options ----------------------------------------------------------------------------------

  CNN.option = (node, name, otherwise) => {
    const found = (node.options || {})[name];
    if (found && found.float) return Number(found.float.replace("inf", "Infinity"));
    return found === undefined || found === null ? otherwise : found;
  };

  // An axis counted from 0.
  CNN.axis = (node, n, otherwise) => {
    const axis = CNN.option(node, "axis", otherwise);
    return axis < 0 ? axis + n : axis;
  };

  // Whole numbers from 0 to n - 1; with `fromEnd` negative ones count from the end.
  CNN.picked = (node, index, n, fromEnd) => {
    const at = index < 0 && fromEnd ? index + n : index;
    if (at >= 0 && at < n) return at;
    const range = `from ${fromEnd ? -n : 0} to ${n - 1}`;
    throw new RangeError(`${node.op}: need numbers ${range}; got ${index}`);
  };
})(globalThis.CNN = globalThis.CNN || {});
