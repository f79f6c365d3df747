"use strict";
// Operations on the numbers of a group: sums and maxima along axes, softmax, running sums.
(CNN => {
  const { exp, log, sqrt } = Math;

  // Of each element of x, which group it is in: groups lie along the axes that are `gone`.
  const groups = (x, gone) => {
    const kept = x.shape.map((length, axis) => gone.includes(axis) ? 1 : length);
    return { at: CNN.spread(kept, x.shape), n: CNN.size(kept) };
  };

  const axesOf = (node, n) => {
    const axis = CNN.option(node, "axis", null);
    if (axis === null) return Array.from({ length: n }, (_, i) => i);
    return (Array.isArray(axis) ? axis : [axis]).map(a => a < 0 ? a + n : a);
  };
  const reduced = (x, node) => groups(x, axesOf(node, x.shape.length));
  const along = (x, node) => groups(x, [CNN.axis(node, x.shape.length, -1)]);

  // One number of each group, begun with `start`.
  const fold = ({ at, n }, data, step, start = 0) => {
    const made = new Float64Array(n).fill(start);
    for (let i = 0; i < at.length; i++) made[at[i]] = step(made[at[i]], data[i], at[i]);
    return made;
  };
  const largest = (made, x) => x > made || x !== x ? x : made;

  // -- one number of each group -----------------------------------------------------------------

  // `slope(x, y, dy, n)`: what a path adds, of groups of n numbers.
  const reduction = (op, make, slope, text, slopes, plain = false) => CNN.define(op, {
    value: ([x], node) => make(reduced(x, node), x.data),
    gradient: ([x], y, dy, node) => {
      const { at, n } = reduced(x, node), count = x.data.length / n;
      return [x.data.map((one, i) => slope(one, y.data[at[i]], dy.data[at[i]], count))];
    },
    text, slopes, plain: () => plain,
  });

  const sum = (g, data) => fold(g, data, (made, x) => made + x);

  reduction("sum", sum, (x, y, dy) => dy, "Σ {0}", ["1"]);
  reduction("mean", (g, data) => sum(g, data).map(s => s / (data.length / g.n)),
    (x, y, dy, n) => dy / n, "mean {0}", ["1 / n"]);
  reduction("norm", (g, data) => fold(g, data, (made, x) => made + x * x).map(sqrt),
    (x, y, dy) => y === 0 || dy === 0 ? 0 : x / y * dy, "√(Σ {0}²)", ["{0} / {y}"], true);

  // The largest number is taken off first, so nothing overflows.
  const logSumExp = (g, data) => {
    const top = fold(g, data, largest, -Infinity).map(t => t - t === 0 ? t : 0);
    const total = fold(g, data, (made, x, k) => made + exp(x - top[k]));
    return total.map((s, k) => top[k] + log(s));
  };
  reduction("logsumexp", logSumExp,
    (x, y, dy) => dy === 0 ? 0 : exp(x - (y === -Infinity ? 0 : y)) * dy,
    "log Σ exp({0})", ["exp({0} - {y})"], true);

  // The first of the largest numbers, or of the NaN, takes the gradient.
  const extreme = (op, beats) => {
    const winners = ({ at, n }, data) => {
      const found = new Int32Array(n).fill(-1);
      for (let i = 0; i < data.length; i++) {
        const best = found[at[i]], x = data[i];
        if (best < 0 || beats(x, data[best]) || (x !== x && data[best] === data[best]))
          found[at[i]] = i;
      }
      return found;
    };
    CNN.define(op, {
      value: ([x], node) => Float64Array.from(winners(reduced(x, node), x.data), i => x.data[i]),
      gradient: ([x], y, dy, node) => {
        const dx = new Float64Array(x.data.length);
        winners(reduced(x, node), x.data).forEach((i, k) => { dx[i] = dy.data[k]; });
        return [dx];
      },
      text: `${op} {0}`, slopes: [`1 at the first ${op}, else 0`],
    });
  };
  extreme("max", (x, best) => x > best);
  extreme("min", (x, best) => x < best);

  // -- as many numbers as there were ------------------------------------------------------------

  // exp(x - max) of each group and the sums of these; NaN, inf or only -inf make NaN of all.
  CNN.exponentials = (g, data) => {
    const top = fold(g, data, largest, -Infinity);
    const shifted = Float64Array.from(data, (x, i) => x - top[g.at[i]]), e = shifted.map(exp);
    return { shifted, e, sum: sum(g, e) };
  };
  CNN.rows = x => groups(x, [x.shape.length - 1]);

  CNN.define("softmax", {
    value: ([x], node) => {
      const g = along(x, node), { e, sum: total } = CNN.exponentials(g, x.data);
      return e.map((one, i) => one / total[g.at[i]]);
    },
    gradient: ([x], y, dy, node) => {
      const g = along(x, node), dot = sum(g, dy.data.map((d, i) => d * y.data[i]));
      const some = fold(g, dy.data, (made, d) => made || d !== 0 ? 1 : 0);
      return [dy.data.map((d, i) => some[g.at[i]] ? y.data[i] * (d - dot[g.at[i]]) : 0)];
    },
    text: "exp({0}) / Σ exp({0})", slopes: ["{y} · (dy - Σ {y} · dy)"],
  });

  CNN.define("log_softmax", {
    value: ([x], node) => {
      const g = along(x, node), { shifted, sum: total } = CNN.exponentials(g, x.data);
      return shifted.map((one, i) => one - log(total[g.at[i]]));
    },
    gradient: ([x], y, dy, node) => {
      const g = along(x, node), total = sum(g, dy.data);
      return [dy.data.map((d, i) => {
        const all = total[g.at[i]];
        return all === 0 ? d : d - exp(y.data[i]) * all;
      })];
    },
    text: "{0} - log Σ exp({0})", slopes: ["dy - exp({y}) · Σ dy"],
  });

  CNN.define("cumsum", {
    value: ([x], node) => {
      const { at, n } = along(x, node), run = new Float64Array(n);
      return Float64Array.from(x.data, (one, i) => run[at[i]] += one);
    },
    gradient: ([x], y, dy, node) => {
      const { at, n } = along(x, node), run = new Float64Array(n), dx = new Float64Array(at.length);
      for (let i = at.length - 1; i >= 0; i--) dx[i] = run[at[i]] += dy.data[i];
      return [dx];
    },
    text: "the running sums of {0}", slopes: ["Σ dy from there on"],
  });
})(globalThis.CNN = globalThis.CNN || {});
