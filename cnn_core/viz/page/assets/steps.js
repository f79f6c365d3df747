"use strict";
// The steps of a graph, one gate at a time, and what each of them says.
(CNN => {
  const START = "start", FORWARD = "forward", SEED = "seed", BACKWARD = "backward";

  CNN.phase = { START, FORWARD, SEED, BACKWARD };

  // All steps in order; `sources[i]` are the steps that add to the gradient at node i.
  CNN.Steps = class {
    constructor(state) {
      this.state = state;
      const { nodes, page } = state;
      this.list = [{ phase: START, node: -1 }];
      this.valueAt = nodes.map(() => 0);
      this.sources = nodes.map(() => []);
      if (page.ran < 1) return;
      nodes.forEach((node, i) => {
        if (CNN.isLeaf(node)) return;
        this.valueAt[i] = this.list.length;
        this.list.push({ phase: FORWARD, node: i });
      });
      if (page.ran < 2) return;
      this.seedAt = this.list.length;
      this.list.push({ phase: SEED, node: -1 });
      for (let i = nodes.length - 1; i >= 0; i--) this._backward(nodes[i], i);
    }

    _backward(node, i) {
      if (this.state.given(i)) this.sources[i].unshift({ at: this.seedAt, node: -1, k: -1 });
      const paths = node.inputs.map((_, k) => k).filter(k => this.state.hasPath(i, k));
      if (!paths.length) return;
      for (const k of paths)
        this.sources[node.inputs[k]].push({ at: this.list.length, node: i, k });
      this.list.push({ phase: BACKWARD, node: i });
    }

    get last() { return this.list.length - 1; }

    // The nodes whose numbers a step changes: values, gradients.
    changes(at) {
      const { phase, node } = this.list[at], { state } = this;
      if (phase === FORWARD) return { values: [node], gradients: [] };
      if (phase === SEED)
        return { values: [], gradients: state.nodes.map((_, i) => i).filter(i =>
          state.given(i) || (!this.sources[i].length && state.gradient(i))) };
      if (phase === BACKWARD) {
        const { inputs } = state.nodes[node];
        return { values: [], gradients: inputs.filter((_, k) => state.hasPath(node, k)) };
      }
      return { values: state.nodes.map((_, i) => i).filter(i => CNN.isLeaf(state.nodes[i])),
               gradients: [] };
    }

    hasValue(i, at) { return this.state.page.ran > 0 && at >= this.valueAt[i]; }

    // The gradient at node i once step `at` has run: {tensor, done, of}, or null before any path.
    gradient(i, at) {
      const { state } = this, all = this.sources[i];
      if (state.page.ran < 2) return null;
      if (!all.length)
        return at >= this.seedAt && state.gradient(i)
          ? { tensor: state.gradient(i), done: 0, of: 0 } : null;
      const done = all.filter(source => source.at <= at);
      if (!done.length) return null;
      if (done.length === all.length)
        return { tensor: state.gradient(i), done: all.length, of: all.length };
      const parts = done.map(source => this.added(i, source));
      const { round } = state.nodes[i];
      const tensor = parts.every(p => p && p.data)
        ? parts.reduce((a, b) => CNN.plus(a, b, round)) : parts.length === 1 ? parts[0] : null;
      return { tensor, done: done.length, of: all.length };
    }

    // What a source adds to the gradient at node i.
    added(i, source) {
      return source.node < 0 ? this.state.given(i) : this.state.part(source.node, source.k);
    }

    // -- in words ------------------------------------------------------------------------------

    // How formulas call a node: constants without a name are their number.
    nameOf(i) {
      const node = this.state.nodes[i], value = this.state.value(i);
      if (node.literal && value && value.data && !node.shape.length)
        return CNN.number(value.data[0]);
      return node.name;
    }

    isScalar(node) {
      return [node, ...node.inputs.map(x => this.state.nodes[x])].every(n => !n.shape.length);
    }

    // The names of operands and value, for formulas; and their numbers.
    _names(node, i) { return [...node.inputs, i].map(x => this.nameOf(x)); }

    _shown(node, i) {
      const { state } = this;
      return [...node.inputs, i].map(x => CNN.brief(state.value(x), state.nodes[x]));
    }

    _formula(node, names, which, ...more) {
      const op = (CNN.operations || {})[node.op];
      if (node.copies) return which === "formula" ? names[0] : "1";
      if (!op) return null;
      try {
        return op[which](node, names, ...more);
      } catch (error) {
        return null;
      }
    }

    // A forward step as text: names, then numbers, then the value.
    forwardText(i) {
      const { nodes } = this.state, node = nodes[i];
      const names = this._names(node, i), value = this.state.value(i);
      const own = this._formula(node, names, "formula");
      const text = own || `${node.what}(${names.slice(0, -1).join(", ")})`;
      const scalar = this.isScalar(node) && own;
      return {
        name: node.name, formula: text, known: !!own, why: CNN.recorded(node),
        numbers: scalar ? this._formula(node, this._shown(node, i), "formula") : null,
        result: CNN.brief(value, node),
        shapes: scalar ? null : [...node.inputs.map(x => `${this.nameOf(x)} ${CNN.shapeText(nodes[x])}`),
                                 `${node.name} ${CNN.shapeText(node)}`],
      };
    }

    // What a backward step adds to each operand.
    backwardText(i) {
      const { state } = this, { nodes } = state, node = nodes[i];
      const names = this._names(node, i), scalar = this.isScalar(node);
      const shown = this._shown(node, i);
      return node.inputs.map((x, k) => k).filter(k => state.hasPath(i, k)).map(k => ({
        operand: k, target: node.inputs[k], of: `∂${node.name}/∂${names[k]}`, name: names[k],
        slope: this._formula(node, names, "slope", k),
        numbers: scalar ? this._formula(node, shown, "slope", k) : null,
        incoming: CNN.brief(state.gradient(i), node),
        adds: CNN.brief(state.part(i, k), nodes[node.inputs[k]]),
      }));
    }

    // The gradient at a node as the sum of what has come in until step `at`.
    sumText(i, at) {
      const found = this.gradient(i, at), node = this.state.nodes[i];
      if (!found || found.of < 2) return null;
      const parts = this.sources[i].filter(source => source.at <= at)
        .map(source => CNN.brief(this.added(i, source), node));
      const sum = parts.length > 1 && !node.shape.length ? `${parts.join(" + ")} = ` : "";
      return `${sum}${found.tensor ? CNN.brief(found.tensor, node) : "not known yet"} ` +
        `(${found.done} of ${found.of} paths)`;
    }

    // One sentence for those who listen.
    sentence(at) {
      const { phase, node } = this.list[at], n = this.last;
      const head = `Step ${at} of ${n}`;
      if (phase === START)
        return this.state.page.ran ? `${head}. Inputs and parameters have their values.`
          : "The graph has not run.";
      if (phase === SEED)
        return `${head}. Backward begins: the gradient of the output is given.`;
      if (phase === FORWARD) {
        const t = this.forwardText(node);
        const numbers = t.numbers ? ` = ${t.numbers}` : "";
        return `${head}, forward. ${t.name} = ${t.formula}${numbers} = ${t.result}.`;
      }
      const parts = this.backwardText(node).map(t => `${t.adds} to ${t.name}`);
      return `${head}, backward. ${this.state.nodes[node].name} adds ${parts.join(", ")}.`;
    }
  };
})(globalThis.CNN = globalThis.CNN || {});
