"use strict";
// Losses of rows, their means and their weights.
(CNN => {
  const { exp, log, log1p, abs } = Math;

  // -- element by element: y_r = mean_j f(p_rj, t_rj) -------------------------------------------

  // A function of the options: value, slope in p, slope in t, formula of an element, slopes.
  const clamp = (d, most) => d > most ? most : d < -most ? -most : d;
  const tilt = (d, q) => d > 0 ? q : d < 0 ? q - 1 : 0;
  const TABLE = {
    mse: () => [(p, t) => (p - t) * (p - t), (p, t) => 2 * (p - t), (p, t) => 2 * (t - p),
      "({0} - {1})²", "2 · ({0} - {1})", "2 · ({1} - {0})"],
    mae: () => [(p, t) => p < t ? t - p : p - t,      // of -0 as it is
      (p, t) => (p > t) - (p < t), (p, t) => (t > p) - (t < p),
      "|{0} - {1}|", "sign({0} - {1})", "sign({1} - {0})"],
    huber: delta => [(p, t) => clamp(p - t, delta) * (p - t - clamp(p - t, delta) / 2),
      (p, t) => clamp(p - t, delta), (p, t) => clamp(t - p, delta),
      "c · ({0} - {1} - c / 2), c = {0} - {1} within ±{delta}",
      "({0} - {1} within ±{delta})", "({1} - {0} within ±{delta})"],
    pinball: q => [(p, t) => t > p ? q * (t - p) : (q - 1) * (t - p), (p, t) => -tilt(t - p, q),
      (p, t) => tilt(t - p, q), "max({q} · ({1} - {0}), ({q} - 1) · ({1} - {0}))",
      "(-{q} where {1} > {0}, 1 - {q} where {1} < {0})",
      "({q} where {1} > {0}, {q} - 1 where {1} < {0})"],
    poisson: () => [(z, t) => exp(z) - (t === 0 ? 0 : t * z), (z, t) => exp(z) - t, z => -z,
      "exp({0}) - {1} · {0}", "(exp({0}) - {1})", "(-{0})"],
    hinge: () => [(z, t) => 1 - t * z < 0 ? 0 : 1 - t * z, (z, t) => 1 - t * z > 0 ? -t : 0,
      (z, t) => 1 - t * z > 0 ? -z : 0, "max(0, 1 - {1} · {0})",
      "(-{1} where {1} · {0} < 1, else 0)", "(-{0} where {1} · {0} < 1, else 0)"],
    // max(z, 0) - t z + log(1 + exp(-|z|)) neither overflows nor cancels.
    binary_cross_entropy: most => [(z, t) => {
      const off = (z > 0 ? 1 : 0) - t;
      const loss = (off === 0 ? 0 : z * off) + log1p(exp(-abs(z)));
      return loss > (most || Infinity) ? most : loss;
    }, (z, t) => CNN.functions.sigmoid(z) - t, z => -z,
    "log(1 + exp({0})) - {1} · {0}", "(σ({0}) - {1})", "(-{0})"],
  };
  const OPTION = { huber: "delta", pinball: "q", binary_cross_entropy: "most" };

  const entry = (op, node) => {
    const given = CNN.option(node, OPTION[op]);
    return TABLE[op](given === undefined ? given : CNN.rounding(node)(given));
  };
  const isLabels = x => x[1].data instanceof Int32Array;

  for (const op of Object.keys(TABLE))
    CNN.define(op, {
      value: (x, node) => {
        if (isLabels(x))
          return Float64Array.from(margins(x, node), ({ margin }) => margin < 0 ? 0 : margin);
        const [p, t] = x.map(tensor => tensor.data), y = new Float64Array(node.shape[0]);
        const n = p.length / y.length, [f] = entry(op, node);
        if (n === 1) y.fill(-0);              // one element is its row's loss: no sum is formed
        for (let i = 0; i < p.length; i++) y[Math.floor(i / n)] += f(p[i], t[i]);
        return y.map(sum => sum / n);
      },
      gradient: (x, y, dy, node) => {
        if (isLabels(x)) return [marginGradient(x, dy, node), null];
        const [p, t] = x.map(tensor => tensor.data), n = p.length / dy.data.length;
        const [, ...slopes] = entry(op, node);
        return [0, 1].map(k => p.map((one, i) => {
          const d = dy.data[Math.floor(i / n)] / n;
          return d === 0 ? 0 : d * slopes[k](one, t[i]);
        }));
      },
      text: node => `mean ${entry(op, node)[3]}`,
      plain: (node, i) => i === 0,
      slopes: (node, i) => `${entry(op, node)[4 + i]} / n`,
    });

  // -- hinge of labels: 1 + the largest other score - that of the label -------------------------

  const margins = ([z, t], node) => {
    const n = z.shape[1];
    return Array.from(t.data, (given, r) => {
      const own = CNN.picked(node, given, n, false), row = z.data.subarray(r * n, r * n + n);
      let rival = own === 0 ? 1 : 0;
      for (let i = rival + 1; i < n; i++)
        if (i !== own && !(row[i] <= row[rival])) rival = i;
      return { margin: 1 + (row[rival] - row[own]), own: r * n + own, rival: r * n + rival };
    });
  };
  const marginGradient = (x, dy, node) => {
    const dz = new Float64Array(x[0].data.length);
    margins(x, node).forEach(({ margin, own, rival }, r) => {
      if (!(margin > 0)) return;
      dz[rival] += dy.data[r];
      dz[own] -= dy.data[r];
    });
    return dz;
  };

  // -- softmax_cross_entropy --------------------------------------------------------------------

  // The targets (1 - s) t + s / C of all rows, and which rows are ignored.
  const targets = ([z, t], node) => {
    const round = CNN.rounding(node), n = z.shape[1], ignored = CNN.option(node, "ignore_index");
    const smooth = CNN.option(node, "label_smoothing", 0);
    const keep = round(1 - smooth), low = round(smooth / n);
    if (!(t.data instanceof Int32Array))
      return { keep, all: t.data.map(one => keep * one + low), skip: () => false };
    const all = new Float64Array(z.data.length).fill(low), skip = r => t.data[r] === ignored;
    t.data.forEach((label, r) => {
      if (!skip(r)) all[r * n + CNN.picked(node, label, n, false)] += keep;
    });
    return { keep, all, skip };
  };

  CNN.define("softmax_cross_entropy", {
    value: (x, node) => {
      const rows = CNN.rows(x[0]), { shifted, sum } = CNN.exponentials(rows, x[0].data);
      const { all, skip } = targets(x, node), y = new Float64Array(rows.n);
      all.forEach((t, i) => {
        if (t !== 0) y[rows.at[i]] += t * (log(sum[rows.at[i]]) - shifted[i]);
      });
      const most = CNN.option(node, "most", Infinity);
      return y.map((loss, r) => skip(r) ? 0 : loss > most ? most : loss);
    },
    gradient: (x, y, dy, node) => {
      const rows = CNN.rows(x[0]), { shifted, e, sum } = CNN.exponentials(rows, x[0].data);
      const { keep, all, skip } = targets(x, node), total = new Float64Array(rows.n);
      all.forEach((t, i) => { total[rows.at[i]] += t; });
      const each = f => x[0].data.map((_, i) => {
        const r = rows.at[i], d = dy.data[r];
        return d === 0 || skip(r) ? 0 : f(i, r, d);
      });
      return [each((i, r, d) => d * (e[i] / sum[r] * total[r] - all[i])),
        each((i, r, d) => d * keep * (log(sum[r]) - shifted[i]))];
    },
    text: "-Σ {1} · log softmax({0})", slopes: ["softmax({0}) - {1}", "-log softmax({0})"],
  });

  // -- rows to one number -----------------------------------------------------------------------

  const overBatch = node => CNN.option(node, "reduction") === "sum_over_batch";
  const sumOf = data => data.reduce((s, one) => s + one, 0);

  // The weighted sum, and what it is divided by.  A row of weight 0 adds nothing.
  const means = ([l, w], node) => ({
    total: sumOf(w ? l.data.map((one, r) => w.data[r] === 0 ? 0 : w.data[r] * one) : l.data),
    count: w && !overBatch(node) ? sumOf(w.data) : l.data.length,
  });

  CNN.define("row_mean", {
    value: (x, node) => {
      const { total, count } = means(x, node);
      return Float64Array.of(count === 0 ? NaN : total / count);
    },
    gradient: (x, y, dy, node) => {
      const { total, count } = means(x, node), [l, w] = x, d = dy.data[0];
      const share = count === 0 || d === 0 ? 0 : d / count;
      const mean = overBatch(node) ? 0 : total / count;
      if (!w) return [l.data.map(() => share)];
      return [w.data.map(one => share === 0 || one === 0 ? 0 : share * one),
        l.data.map(one => share === 0 ? 0 : share * (one - mean))];
    },
    text: node => node.inputs.length < 2 ? "mean {0}"
      : `Σ {1} · {0} / ${overBatch(node) ? "n" : "Σ {1}"}`,
    slopes: (node, i) => i === 1 ? (overBatch(node) ? "{0} / n" : "({0} - {y}) / Σ {1}")
      : node.inputs.length < 2 ? "1 / n" : `{1} / ${overBatch(node) ? "n" : "Σ {1}"}`,
  });

  CNN.define("row_coef", {
    value: ([w], node) => {
      const n = node.shape[0], all = w && !overBatch(node) ? sumOf(w.data) : n;
      const share = all === 0 ? 0 : CNN.rounding(node)(1 / all);
      return Float64Array.from({ length: n }, (_, r) => w ? share * w.data[r] : share);
    },
    text: node => node.inputs.length < 1 ? "1 / n" : `{0} / ${overBatch(node) ? "n" : "Σ {0}"}`,
  });

  const ignores = (t, node, r) => t.data[r] === CNN.option(node, "ignore_index", -100);
  CNN.define("label_weight", {
    value: ([t, w], node) =>
      Float64Array.from(t.data, (_, r) => ignores(t, node, r) ? 0 : w ? w.data[r] : 1),
    gradient: ([t], y, dy, node) => [null, dy.data.map((d, r) => ignores(t, node, r) ? 0 : d)],
    text: node => `0 where {0} = {ignore_index}, else ${node.inputs.length < 2 ? "1" : "{1}"}`,
    slopes: ["0", "0 where {0} = {ignore_index}, else 1"],
  });
})(globalThis.CNN = globalThis.CNN || {});
