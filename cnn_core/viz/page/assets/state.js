"use strict";
// The numbers of a page: as they were recorded, and as they are after a change.
(CNN => {
  const RECORDED = 0, NEW = 1, STALE = 2;

  CNN.status = { RECORDED, NEW, STALE };

  CNN.isLeaf = node => !node.op;

  // Sum of two tensors, rounded as the graph rounds.
  CNN.plus = (a, b, round) => {
    const data = new Float64Array(a.data.length);
    for (let i = 0; i < data.length; i++) data[i] = round(a.data[i] + b.data[i]);
    return { shape: a.shape, data };
  };

  // What a path adds to a sum that has begun is recorded over 0 (recorded.py): no -0.
  const shown = (part, sum) => sum ? { ...part, data: part.data.map(x => 0 + x) } : part;

  CNN.State = class {
    constructor(page) {
      this.page = page;
      this.nodes = page.nodes;
      for (const node of this.nodes) node.round = node.real === "f4" ? Math.fround : x => x;
      this._arrays = new Array(page.tensors.length);
      this.edited = new Map();
      this._boxes = {};  // by number of a folded group: what leaves it
      this.nodes.forEach(({ box }, i) => {
        if (box !== undefined) (this._boxes[box] ??= []).push(i);
      });
      this.show(page.frames.length - 1);
    }

    // Go to what was recorded at one time; changes are forgotten.
    show(frame) {
      this.frame = frame;
      this._now = this.page.frames[frame] || { values: [], gradients: [], parts: [], given: {} };
      this.reset();
    }

    reset() {
      const n = this.nodes.length;
      this.edited.clear();
      this.failed = new Set();
      this._values = new Array(n);
      this._gradients = new Array(n);
      this._parts = this.nodes.map(() => []);
      this.valueStatus = new Uint8Array(n);
      this.gradientStatus = new Uint8Array(n);
      this.partStatus = this.nodes.map(node => new Uint8Array(node.inputs.length));
    }

    _array(number) {
      if (number === undefined || number < 0) return null;
      return this._arrays[number] ??= this._read(this.page.tensors[number]);
    }

    _read(json) {
      return json.stats ? { ...json, stats: numbers(json.stats), data: null } : CNN.decode(json);
    }

    // What there is of a value, a gradient, or what a path adds: {shape, data}, with {stats,
    // picture} instead of data where the page has no more; null where there is nothing.
    value(i) { return this._values[i] || this._array(this._now.values[i]); }
    gradient(i) { return this._gradients[i] || this._array(this._now.gradients[i]); }
    part(i, k) { return this._parts[i][k] || this._array((this._now.parts[i] || [])[k]); }
    given(i) { return this._array(this._now.given[i]); }

    hasPath(i, k) { return ((this._now.parts[i] || [])[k] ?? -1) >= 0; }

    canCompute(node) {
      return !!node.copies || node.op in CNN.operations;
    }

    // Give a leaf another value and compute again what follows.
    change(i, tensor) {
      this.edited.set(i, tensor);
      this.compute();
    }

    compute() {
      this.failed = new Set();
      const n = this.nodes.length;
      this._values = new Array(n);
      this._gradients = new Array(n);
      this._parts = this.nodes.map(() => []);
      this.nodes.forEach((node, i) => this._forward(node, i));
      if (!this._now.gradients.some(g => g >= 0)) return;
      const into = this.nodes.map((_, i) => this._startOfGradient(i));
      for (let i = n - 1; i >= 0; i--) this._backward(this.nodes[i], i, into);
    }

    _forward(node, i) {
      if (this.edited.has(i)) {
        this._values[i] = this.edited.get(i);
        this.valueStatus[i] = NEW;
        return;
      }
      const before = node.inputs.map(x => this.valueStatus[x]);
      if (before.every(s => s === RECORDED)) {
        this.valueStatus[i] = RECORDED;
        return;
      }
      const y = before.includes(STALE) ? null
        : this._try(node, i, x => node.copies ? x[0] : CNN.operations[node.op].forward(x, node));
      this.valueStatus[i] = y ? NEW : STALE;
      if (y) this._values[i] = y;
    }

    // What `compute` makes of the operands; null where the page cannot.
    _try(node, i, compute) {
      const x = node.inputs.map(k => this.value(k));
      if (!this.canCompute(node) || !x.every(t => t && t.data)) {
        this.failed.add(i);
        return null;
      }
      let found = null;
      try {
        found = compute(x);
      } catch (error) {
        console.warn(`${node.op} of ${node.name}: ${error}`);
      }
      if (!found) this.failed.add(i);
      return found;
    }

    _startOfGradient(i) {
      const given = this.given(i);
      return { sum: given, status: RECORDED, all: !given || !!given.data };
    }

    _backward(node, i, into) {
      this._settle(i, into[i]);
      const paths = node.inputs.map((_, k) => k).filter(k => this.hasPath(i, k));
      if (!paths.length) return;
      const status = this._pathStatus(node, i);
      let made = null;
      if (status === NEW) {
        const y = this.value(i), dy = this.gradient(i);
        made = !y || !y.data || !dy || !dy.data ? null : this._try(node, i, x =>
          node.copies ? [dy] : CNN.operations[node.op].backward(x, y, dy, node));
      }
      for (const k of paths) {
        const to = into[node.inputs[k]], part = made && made[k];
        if (part) this._parts[i][k] = shown(part, to.sum);
        this.partStatus[i][k] = status === RECORDED ? RECORDED : part ? NEW : STALE;
        this._add(to, part || this.part(i, k), this.partStatus[i][k], node.round);
      }
    }

    _pathStatus(node, i) {
      const values = node.linear ? [] : [...node.inputs, i].map(x => this.valueStatus[x]);
      // What leaves a folded group stands also for the paths through what leaves it later.
      const after = (this._boxes[node.box] || []).filter(x => x > i)
        .flatMap(x => [this.valueStatus[x], this.gradientStatus[x]]);
      const from = [...values, this.gradientStatus[i], ...after];
      return from.includes(STALE) ? STALE : from.includes(NEW) ? NEW : RECORDED;
    }

    _add(into, part, status, round) {
      into.status = Math.max(into.status, status);
      into.all = into.all && !!part && !!part.data;
      if (into.all) into.sum = into.sum ? CNN.plus(into.sum, part, round) : part;
    }

    // All paths into the gradient at a node have been gone: it is what they add up to.
    _settle(i, into) {
      this.gradientStatus[i] = into.status === NEW && !into.all ? STALE : into.status;
      if (this.gradientStatus[i] === NEW) this._gradients[i] = into.sum;
    }
  };

  const numbers = stats => Object.fromEntries(Object.entries(stats).map(([key, value]) =>
    [key, value && value.float !== undefined ? Number(value.float.replace("inf", "Infinity"))
      : value]));
})(globalThis.CNN = globalThis.CNN || {});
