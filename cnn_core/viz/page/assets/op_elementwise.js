"use strict";
// Operations on one, two or three operands, element by element, broadcast together.
(CNN => {
  const { exp, expm1, log, log1p, tanh, abs, sqrt, PI } = Math;

  // A term in which dy is 0 is 0, whatever its slope, as CNN_FLOW has it.
  const flow = slope => (dy, ...rest) => dy === 0 ? 0 : slope(dy, ...rest);

  // x f where f falls faster than x grows.
  const times = (x, f) => f === 0 ? 0 : x * f;

  // -- functions --------------------------------------------------------------------------------

  const sigmoid = x => 1 / (1 + exp(-x));
  const softplus = x => (x > 0 ? x : 0) + log1p(exp(-abs(x)));

  // The normal distribution function: a series of one sign about 0, a continued fraction beyond.
  const normal = x => {
    const density = exp(-x * x / 2) / sqrt(2 * PI), a = abs(x);
    if (Number.isNaN(x)) return x;
    if (a < 2) {
      let sum = x, term = x;
      for (let k = 3; abs(term) > 1e-17 * abs(sum); k += 2) sum += term *= x * x / k;
      return 0.5 + density * sum;
    }
    let rest = a;
    for (let k = 100; k > 0; k--) rest = a + k / rest;
    const tail = density === 0 ? 0 : density / rest;
    return x > 0 ? 1 - tail : tail;
  };
  const density = x => exp(-x * x / 2) / sqrt(2 * PI);

  // GELU's other form: the sigmoid of twice the argument of its tanh, and the slope of that.
  const bend = x => sigmoid(2 * sqrt(2 / PI) * (x + 0.044715 * x * x * x));
  const bend_slope = x => 2 * sqrt(2 / PI) * (1 + 3 * 0.044715 * x * x);
  const gelu = x => times(x, normal(x));
  const gelu_slope = x => normal(x) + times(x, density(x));
  const gelu_tanh = x => times(x, bend(x));
  const gelu_tanh_slope = x => bend(x) + times(x * bend_slope(x), bend(x) * (1 - bend(x)));

  const silu_slope = x => sigmoid(x) + times(x, sigmoid(x) * (1 - sigmoid(x)));

  // With e = exp(x), tanh(softplus(x)) = e (e + 2) / (e (e + 2) + 2).
  const mish = x => {
    if (x > 20) return x;
    const e = exp(x), n = e * (e + 2);
    return times(x, n / (n + 2));
  };
  const mish_slope = x => {
    if (x > 20) return 1;
    const e = exp(x), d = e * (e + 2) + 2;
    return e === 0 ? 0 : e * (e * (e * (e + 4) + (4 * x + 6)) + 4 * (x + 1)) / (d * d);
  };

  const SELU = 1.0507009873554804934, SELU_ALPHA = 1.7580993408473768600;
  const selu = x => x > 0 ? SELU * x : SELU_ALPHA * expm1(x);
  const selu_slope = (x, y) => y > 0 ? SELU : y + SELU_ALPHA;

  // As C's pow: 1 to any power is 1, and so is -1 to an infinite one.
  const power = (x, p) =>
    x === 1 || (x === -1 && abs(p) === Infinity) ? 1 : x ** p;
  const power_x = (dy, p, x, f = power) => p === 0 || dy === 0 ? 0 : p * f(x, p - 1) * dy;
  // To the power of an option, of which 1/2 is the square root: that of -0 is -0, of -inf NaN.
  const power_of = (x, p) => p === 0.5 ? sqrt(x) : power(x, p);
  const power_p = (dy, y, x, p) => dy === 0 || (x === 0 && p >= 0) ? 0 : y * log(x) * dy;

  // -- the table: value, what each path adds (dy, y, operands ...), formula, slopes -------------
  // With options, a function of these.  A fifth entry: with which shapes operands are broadcast.

  const row = shape => [...shape.slice(0, -1), 1, ...shape.slice(-1)];

  const TABLE = {
    neg: [x => -x, [dy => -dy], "-({0})", ["-1"]],
    abs: [abs, [(dy, y, x) => x > 0 ? dy : x < 0 ? -dy : x * dy], "|{0}|", ["sign({0})"]],
    square: [x => x * x, [flow((dy, y, x) => 2 * x * dy)], "{0}²", ["2 · {0}"]],
    sqrt: [sqrt, [flow((dy, y) => dy / (2 * y))], "√{0}", ["1 / (2 · {y})"]],
    exp: [exp, [flow((dy, y) => y * dy)], "exp({0})", ["{y}"]],
    log: [log, [flow((dy, y, x) => dy / x)], "log({0})", ["1 / {0}"]],
    log1p: [log1p, [flow((dy, y, x) => dy / (1 + x))], "log(1 + {0})", ["1 / (1 + {0})"]],
    sin: [Math.sin, [flow((dy, y, x) => Math.cos(x) * dy)], "sin({0})", ["cos({0})"]],
    cos: [Math.cos, [flow((dy, y, x) => -Math.sin(0 + x) * dy)], "cos({0})", ["-sin({0})"]],
    reciprocal: [x => 1 / x, [flow((dy, y) => -y * y * dy)], "1 / {0}", ["-({y}²)"]],
    scale: o => [x => o.a * x, [dy => o.a * dy], "{a} · {0}", ["{a}"]],
    shift: o => [x => o.c + x, [dy => dy], "{c} + {0}", ["1"]],
    clip: o => {
      const low = o.a_min === undefined ? -Infinity : o.a_min;
      const high = o.a_max === undefined ? Infinity : o.a_max;
      const below = x => x < low ? low : x;
      return [x => below(x) > high ? high : below(x),
        [(dy, y, x) => x >= low && x <= high ? dy : 0],
        `min(max({0}, ${CNN.number(low, 6)}), ${CNN.number(high, 6)})`,
        [`1 where ${CNN.number(low, 6)} ≤ {0} ≤ ${CNN.number(high, 6)}, else 0`]];
    },

    relu: [x => x < 0 ? 0 : x, [(dy, y) => y > 0 ? dy : 0], "max({0}, 0)",
      ["1 where {0} > 0, else 0"]],
    leaky_relu: ({ negative_slope: s }) => [x => x > 0 ? x : s * x,
      [(dy, y) => y > 0 ? dy : s * dy],
      "{0} where {0} > 0, else {negative_slope} · {0}", ["1 where {0} > 0, else {negative_slope}"]],
    elu: ({ alpha: a }) => [x => x > 0 ? x : a * expm1(x),
      [(dy, y) => y > 0 ? dy : (y + a) * dy],
      "{0} where {0} > 0, else {alpha} · (exp({0}) - 1)", ["1 where {0} > 0, else {y} + {alpha}"]],
    selu: [selu, [(dy, y, x) => selu_slope(x, y) * dy],
      "1.0507 · {0} where {0} > 0, else 1.7581 · (exp({0}) - 1)",
      ["1.0507 where {0} > 0, else {y} + 1.7581"]],
    sigmoid: [sigmoid, [(dy, y) => y * (1 - y) * dy], "1 / (1 + exp(-({0})))",
      ["{y} · (1 - {y})"]],
    tanh: [tanh, [(dy, y) => (1 - y) * (1 + y) * dy], "tanh({0})", ["1 - {y}²"]],
    softplus: [softplus, [(dy, y, x) => sigmoid(x) * dy], "log(1 + exp({0}))", ["σ({0})"]],
    silu: [x => times(x, sigmoid(x)), [(dy, y, x) => silu_slope(x) * dy], "{0} · σ({0})",
      ["σ({0}) · (1 + {0} · (1 - σ({0})))"]],
    mish: [mish, [(dy, y, x) => mish_slope(x) * dy], "{0} · tanh(softplus({0}))",
      ["t + {0} · (1 - t²) · σ({0}), t = tanh(softplus({0}))"]],
    gelu: o => o.approximate === "tanh"
      ? [gelu_tanh, [(dy, y, x) => gelu_tanh_slope(x) * dy],
        "{0} · (1 + tanh(√(2/π) ({0} + 0.044715 · {0}³))) / 2", ["Φ({0}) + {0} · Φ'({0})"]]
      : [gelu, [(dy, y, x) => gelu_slope(x) * dy], "{0} · Φ({0})", ["Φ({0}) + {0} · φ({0})"]],

    add: [(a, b) => a + b, [dy => dy, dy => dy], "{0} + {1}", ["1", "1"]],
    sub: [(a, b) => a - b, [dy => dy, dy => -dy], "{0} - {1}", ["1", "-1"]],
    mul: [(a, b) => a * b, [flow((dy, y, a, b) => b * dy), flow((dy, y, a) => a * dy)],
      "{0} · {1}", ["{1}", "{0}"]],
    div: [(a, b) => a / b,
      [flow((dy, y, a, b) => dy / b), flow((dy, y, a, b) => -(a / b) * dy / b)],
      "{0} / {1}", ["1 / {1}", "-({0}) / {1}²"]],
    power: ({ p }) => p === undefined
      ? [power, [(dy, y, x, e) => power_x(dy, e, x), (dy, y, x, e) => power_p(dy, y, x, e)],
        "{0}^{1}", ["{1} · {0}^({1} - 1)", "{y} · log({0})"]]
      : [x => power_of(x, p), [(dy, y, x) => power_x(dy, p, x, power_of)], "{0}^{p}",
        [p === 2 ? "2 · {0}" : `{p} · {0}^${CNN.number(p - 1, 6)}`]],
    maximum: [(a, b) => a >= b || a !== a ? a : b,
      [(dy, y, a, b) => a >= b || a !== a ? dy : 0, (dy, y, a, b) => a >= b || a !== a ? 0 : dy],
      "max({0}, {1})", ["1 where {0} ≥ {1}, else 0", "1 where {1} > {0}, else 0"]],
    minimum: [(a, b) => a <= b || a !== a ? a : b,
      [(dy, y, a, b) => a <= b || a !== a ? dy : 0, (dy, y, a, b) => a <= b || a !== a ? 0 : dy],
      "min({0}, {1})", ["1 where {0} ≤ {1}, else 0", "1 where {1} < {0}, else 0"]],
    greater: [(a, b) => a > b ? 1 : 0, [], "1 where {0} > {1}, else 0"],
    greater_equal: [(a, b) => a >= b ? 1 : 0, [], "1 where {0} ≥ {1}, else 0"],
    less: [(a, b) => a < b ? 1 : 0, [], "1 where {0} < {1}, else 0"],
    less_equal: [(a, b) => a <= b ? 1 : 0, [], "1 where {0} ≤ {1}, else 0"],
    equal: [(a, b) => a === b ? 1 : 0, [], "1 where {0} = {1}, else 0"],
    not_equal: [(a, b) => a !== b ? 1 : 0, [], "1 where {0} ≠ {1}, else 0"],

    where: [(m, a, b) => m !== 0 ? a : b,
      [null, (dy, y, m) => m !== 0 ? dy : 0, (dy, y, m) => m !== 0 ? 0 : dy],
      "{1} where {0} ≠ 0, else {2}", ["0", "1 where {0} ≠ 0, else 0", "0 where {0} ≠ 0, else 1"]],

    outer: [(a, b) => a * b, [flow((dy, y, a, b) => b * dy), flow((dy, y, a) => a * dy)],
      "{0} ⊗ {1}", ["dy @ {1}", "dyᵀ @ {0}"], ([a, b]) => [[...a, 1], row(b)]],
    erase_add: [(x, w, e, a) => x + w * (a - x * e),
      [flow((dy, y, x, w, e) => dy * (1 - w * e)), flow((dy, y, x, w, e, a) => dy * (a - x * e)),
        flow((dy, y, x, w) => -w * (dy * x)), flow((dy, y, x, w) => w * dy)],
      "{0} · (1 - {1} ⊗ {2}) + {1} ⊗ {3}",
      ["1 - {1} ⊗ {2}", "Σ dy · ({3} - {0} · {2}) over columns", "-Σ {1} · dy · {0} over rows",
        "Σ {1} · dy over rows"],
      ([x, w, e, a]) => [x, [...w, 1], row(e), row(a)]],
    parametric_activation: o => {
      const [f, slope] = o.function === "mish" ? [mish, mish_slope]
        : [selu, x => selu_slope(x, selu(x))];
      return [(x, a) => x + a * (f(x) - x),
        [flow((dy, y, x, a) => dy * (1 + a * (slope(x) - 1))), flow((dy, y, x) => dy * (f(x) - x))],
        "{0} + {1} · ({function}({0}) - {0})",
        ["1 + {1} · ({function}'({0}) - 1)", "Σ dy · ({function}({0}) - {0}) over rows"]];
    },
  };

  // -- the walk ---------------------------------------------------------------------------------

  // Numbers among the options, in the type of the graph.
  const typed = node => {
    const found = {};
    for (const name of Object.keys(node.options || {})) {
      const option = CNN.option(node, name);
      found[name] = typeof option === "number" ? CNN.rounding(node)(option) : option;
    }
    return found;
  };
  const entry = (op, node) => typeof TABLE[op] === "function" ? TABLE[op](typed(node)) : TABLE[op];

  // The numbers of four operands, and where each element of the value has its own; the first
  // stands for those that are absent.
  const operands = (x, node, shapes) => {
    const own = x.map(tensor => tensor.shape), seen = shapes ? shapes(own) : own;
    const found = x.map((tensor, i) => [tensor.data, CNN.spread(seen[i], node.shape)]);
    return [0, 1, 2, 3].map(i => found[i] || found[0]);
  };

  const value = (x, node, [f, , , , shapes]) => {
    const [[a, pa], [b, pb], [c, pc], [d, pd]] = operands(x, node, shapes);
    const y = new Float64Array(pa.length);
    for (let i = 0; i < y.length; i++) y[i] = f(a[pa[i]], b[pb[i]], c[pc[i]], d[pd[i]]);
    return y;
  };

  const gradient = (x, y, dy, node, [, slopes, , , shapes]) => {
    const found = operands(x, node, shapes), [[a, pa], [b, pb], [c, pc], [d, pd]] = found;
    return x.map((operand, k) => {
      if (!slopes[k]) return null;
      const n = operand.data.length, slope = slopes[k], to = found[k][1];
      // Sums over places begin at 0; where nothing is repeated, no sum is formed.
      const sum = new Float64Array(n).fill(n < pa.length ? 0 : -0);
      for (let i = 0; i < pa.length; i++)
        sum[to[i]] += slope(dy.data[i], y.data[i], a[pa[i]], b[pb[i]], c[pc[i]], d[pd[i]]);
      return sum;
    });
  };

  // See `CNN.define`; of several operands that are scalars, 0 is added to all.
  const plain = op => (node, i) => op === "erase_add" || op === "parametric_activation" ? i === 0
    : op === "power" ? node.inputs.length > 1
    : node.inputs.length < 2 || node.batched || CNN.size(node.shape) > 1;

  for (const op of Object.keys(TABLE))
    CNN.define(op, {
      value: (x, node) => value(x, node, entry(op, node)),
      gradient: (x, y, dy, node) => gradient(x, y, dy, node, entry(op, node)),
      text: node => entry(op, node)[2],
      plain: plain(op),
      slopes: (node, i) => (entry(op, node)[3] || [])[i],
    });

  CNN.functions = { sigmoid, softplus };
})(globalThis.CNN = globalThis.CNN || {});
