"use strict";
// Products of matrices and vectors, and norms along rows.
(CNN => {
  const zeros = n => new Float64Array(n);

  // A sum of products y = Σ a b, over places (`CNN.contract`) at which all three have strides of
  // their own: the gradients are sums over the same places.  As in the kernels, multiply-adds are
  // rounded one after the other: the same bits in float32.
  const product = (op, layout, text, slopes, more) => CNN.define(op, {
    value: (x, node) => {
      const { lengths, a, b, y } = layout(x, node);
      const bias = x[2] ? x[2].data : [0];    // what the sums begin with
      const made = zeros(CNN.size(node.shape)).map((_, i) => bias[i % bias.length]);
      return CNN.contract(lengths, x[0].data, a, x[1].data, b, made, y, CNN.rounding(node));
    },
    gradient: (x, y, dy, node) => {
      const at = layout(x, node), [a, b, bias] = x, round = CNN.rounding(node);
      const found = [
        CNN.contract(at.lengths, b.data, at.b, dy.data, at.y, zeros(a.data.length), at.a, round),
        CNN.contract(at.lengths, a.data, at.a, dy.data, at.y, zeros(b.data.length), at.b, round),
      ];
      if (bias) {
        const sum = zeros(bias.data.length);
        dy.data.forEach((d, i) => { sum[i % sum.length] += d; });
        found.push(sum);
      }
      return found;
    },
    text, slopes,
  });

  product("dense", ([x, w]) => {
    const [n, m] = w.shape, rows = x.data.length / n;
    return { lengths: [rows, m, n], a: [n, 0, 1], b: [0, 1, m], y: [m, 1, 0] };
  }, node => node.inputs.length > 2 ? "{0} @ {1} + {2}" : "{0} @ {1}",
  ["dy @ {1}ᵀ", "{0}ᵀ @ dy", "Σ dy over rows"]);

  product("grouped_dense", ([x, w]) => {
    const [g, n, m] = w.shape, rows = x.data.length / (g * n);
    return { lengths: [rows, g, m, n], a: [g * n, n, 0, 1], b: [0, n * m, 1, m],
      y: [g * m, m, 1, 0] };
  }, "{0} @ {1}, group by group", ["dy @ {1}ᵀ", "{0}ᵀ @ dy"]);

  // A vector a counts as one row, a vector b as one column; axes before are broadcast together.
  product("matmul", ([a, b]) => {
    const [n, k] = a.shape.length > 1 ? a.shape.slice(-2) : [1, a.shape[0]];
    const m = b.shape.length > 1 ? b.shape[b.shape.length - 1] : 1;
    const [of_a, of_b] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
    const lead = CNN.broadcast(of_a, of_b), scaled = (from, by) =>
      CNN.repeated(from, lead).map(stride => stride * by);
    return { lengths: [...lead, n, m, k], a: [...scaled(of_a, n * k), k, 0, 1],
      b: [...scaled(of_b, k * m), 0, 1, m], y: [...scaled(lead, n * m), m, 1, 0] };
  }, "{0} @ {1}", ["dy @ {1}ᵀ", "{0}ᵀ @ dy"]);

  CNN.define("weight_grad", {
    value: (x, node) => {
      const [n, m] = node.shape, sum = zeros(n * m);
      for (let i = 0; i < x.length; i += 2)
        CNN.contract([x[i].data.length / n, n, m], x[i].data, [n, 1, 0], x[i + 1].data, [m, 0, 1],
          sum, [0, m, 1], CNN.rounding(node));
      return sum;
    },
    text: "Σ xᵀ dy",
  });

  // -- pairs of vectors along the last axis -----------------------------------------------------

  // Calls visit(place in a, in b, in y) of each pair, of vectors of n, m and k numbers.
  const pairs = (x, [n, m, k], visit) => {
    const [of_a, of_b] = x.map(tensor => tensor.shape.slice(0, -1));
    const lead = CNN.broadcast(of_a, of_b);
    const a = CNN.spread(of_a, lead), b = CNN.spread(of_b, lead);
    a.forEach((at, i) => visit(at * n, b[i] * m, i * k));
  };
  const last = x => x.shape[x.shape.length - 1];

  const cosine = (x, node, visit) => {
    const n = last(x[0]), [a, b] = x.map(tensor => tensor.data);
    const eps = CNN.option(node, "eps", 1e-8), least = p => p < eps ? eps : p;
    pairs(x, [n, n, 1], (i, j, at) => {
      let dot = 0, aa = 0, bb = 0;
      for (let l = 0; l < n; l++) {
        dot += a[i + l] * b[j + l];
        aa += a[i + l] ** 2;
        bb += b[j + l] ** 2;
      }
      const p = Math.sqrt(aa), q = Math.sqrt(bb);
      visit(i, j, at, { dot, p: least(p), q: least(q), short: [p < eps, q < eps] });
    });
  };

  CNN.define("cosine_similarity", {
    value: (x, node) => {
      const y = zeros(CNN.size(node.shape));
      cosine(x, node, (i, j, at, { dot, p, q }) => { y[at] = dot / (p * q); });
      return y;
    },
    gradient: (x, y, dy, node) => {
      const n = last(x[0]), [a, b] = x.map(tensor => tensor.data);
      const da = zeros(a.length), db = zeros(b.length);
      cosine(x, node, (i, j, at, { p, q, short }) => {
        const d = dy.data[at];
        if (d === 0) return;
        const own = y.data[at] * d, [less_a, less_b] = [own / (p * p), own / (q * q)];
        for (let l = 0; l < n; l++) {
          da[i + l] += d / (p * q) * b[j + l] - (short[0] ? 0 : less_a * a[i + l]);
          db[j + l] += d / (p * q) * a[i + l] - (short[1] ? 0 : less_b * b[j + l]);
        }
      });
      return [da, db];
    },
    text: "{0} · {1} / (|{0}| |{1}|)",
    slopes: ["({1} / |{1}| - {y} · {0} / |{0}|) / |{0}|",
      "({0} / |{0}| - {y} · {1} / |{1}|) / |{1}|"],
  });

  // Calls visit(element of x, of k, of y): y gets the products of the first two.
  const turned = (x, node, visit) => {
    const n = last(x[0]), m = last(x[1]), center = CNN.option(node, "center", 0);
    pairs(x, [n, m, n], (i, j, at) => {
      for (let l = 0; l < m; l++)
        for (let k = 0, from = (((center - l) % n) + n) % n; k < n; k++, from++)
          visit(i + (from < n ? from : from - n), j + l, at + k);
    });
  };

  CNN.define("circular_convolution", {
    value: (x, node) => {
      const y = zeros(CNN.size(node.shape)), [a, k] = x.map(tensor => tensor.data);
      turned(x, node, (i, j, at) => { y[at] += k[j] * a[i]; });
      return y;
    },
    gradient: (x, y, dy, node) => {
      const [a, k] = x.map(tensor => tensor.data), da = zeros(a.length), dk = zeros(k.length);
      turned(x, node, (i, j, at) => {
        da[i] += k[j] * dy.data[at];
        dk[j] += a[i] * dy.data[at];
      });
      return [da, dk];
    },
    text: "{0} ⊛ {1}", slopes: ["dy turned back by {1}", "dy · {0}, turned"],
  });

  // -- norms along rows -------------------------------------------------------------------------

  // y = u scale (+ shift), u = (x - m) r: `centered` takes off the mean.
  const rowNorm = (op, centered, text) => {
    const eachRow = (x, node, visit) => {
      const data = x[0].data, n = last(x[0]), least = node.real === "f4" ? 2 ** -23 : 2 ** -52;
      const eps = CNN.option(node, "eps", centered ? 1e-5 : least);
      for (let at = 0; at < data.length; at += n) {
        const row = data.subarray(at, at + n);
        const mean = centered ? row.reduce((s, one) => s + one, 0) / n : 0;
        const r = 1 / Math.sqrt(row.reduce((s, one) => s + (one - mean) ** 2, 0) / n + eps);
        visit(at, row.map(one => (one - mean) * r), r);
      }
    };
    CNN.define(op, {
      value: (x, node) => {
        const y = zeros(x[0].data.length), [scale, shift] = x.slice(1).map(tensor => tensor.data);
        eachRow(x, node, (at, u) =>
          u.forEach((one, j) => { y[at + j] = one * scale[j] + (centered ? shift[j] : -0); }));
        return y;
      },
      gradient: (x, y, dy, node) => {
        const n = last(x[0]), scale = x[1].data, dx = zeros(x[0].data.length);
        const mean = row => row.reduce((s, g) => s + g, 0) / n;
        const dscale = zeros(n), dshift = zeros(n);
        eachRow(x, node, (at, u, r) => {
          const d = dy.data.subarray(at, at + n);
          if (d.every(one => one === 0)) return;
          const g = d.map((one, j) => one * scale[j]), mid = centered ? mean(g) : 0;
          const tilt = mean(g.map((one, j) => one * u[j]));
          for (let j = 0; j < n; j++) {
            dx[at + j] = r * (g[j] - mid - u[j] * tilt);
            dscale[j] += d[j] * u[j];
            dshift[j] += d[j];
          }
        });
        return [dx, dscale, dshift];
      },
      text, slopes: ["r (g - mean g - u · mean(g · u)), g = dy · {1}", "Σ dy · u over rows",
        "Σ dy over rows"],
    });
  };
  rowNorm("layer_norm", true, "({0} - mean) / √(var + {eps}) · {1} + {2}");
  rowNorm("rms_norm", false, "{0} / √(mean {0}² + eps) · {1}");
})(globalThis.CNN = globalThis.CNN || {});
