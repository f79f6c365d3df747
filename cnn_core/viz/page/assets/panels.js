"use strict";
// Beside the drawing: what a step does, and what there is to know of one node.
(CNN => {
  const { h, status } = CNN;

  const line = (name, ...parts) =>
    h("p", { class: "formula" }, h("b", {}, name), ...parts.map(part => h("span", {}, ` ${part}`)));

  const recorded = () => h("p", { class: "note" },
    "As recorded: the page does not compute this, so it does not follow your change.");

  const forward = (steps, i) => {
    const t = steps.forwardText(i), numbers = t.numbers ? [`= ${t.numbers}`] : [];
    return [
      line(t.name, `= ${t.formula}`, ...numbers, `= ${t.result}`),
      t.shapes ? h("p", { class: "quiet" }, t.shapes.slice(0, -1).join(", "), " → ",
        t.shapes[t.shapes.length - 1]) : null,
      t.known ? null : h("p", { class: "quiet" },
        `Computed by Python (${t.why}); the page shows what came out.`),
      steps.state.valueStatus[i] === status.STALE ? recorded() : null,
    ];
  };

  // The slope in letters and numbers, and what it makes of the gradient that comes in, dy.
  const pathView = ({ name, what, box }, t) => {
    const [dy, adds] = [t.incoming, t.adds].map(text => h("b", { class: "gradient" }, text));
    const whole = /\bdy\b/.test(t.slope || "");  // all that is added, not a factor
    const numbers = t.numbers && t.numbers !== t.slope ? [`= ${t.numbers}`] : [];
    if (box !== undefined) return [h("p", {}, `All paths through the ${what} add `, adds, ` to ${t.name}.`)];
    const text = h("p", {}, t.slope === null ? "" : whole ? "With dy, " : "Times ",
      `the gradient at ${name}, `, dy, whole ? ": " : ", ", "adds ", adds, ` to ${t.name}.`);
    if (t.slope === null) return [text];
    return [line(whole ? `Added to ${t.name}` : t.of, `= ${t.slope}`, ...numbers), text];
  };

  const backward = (steps, i, at) => {
    const found = [];
    for (const t of steps.backwardText(i)) {
      found.push(h("div", { class: "path" }, ...pathView(steps.state.nodes[i], t)));
      const sum = steps.sumText(t.target, at);
      if (sum) found.push(line(`Gradient at ${t.name}:`, sum));
      if (steps.state.partStatus[i][t.operand] === status.STALE) found.push(recorded());
    }
    return found;
  };

  const seed = steps => {
    const { state } = steps, found = [];
    state.nodes.forEach((node, i) => {
      if (state.given(i))
        found.push(line(`Gradient at ${node.name}:`, `${CNN.brief(state.given(i), node)}, given`));
    });
    return [h("p", {}, "Backward begins at the output. Each gate multiplies the gradient that comes " +
      "in with its own slope and hands it on."), ...found];
  };

  const TITLES = { start: "Start", seed: "Backward begins", forward: "Forward", backward: "Backward" };

  // What step `at` does, as elements; `first` is where a group began that was run as one.
  CNN.stepView = (steps, at, first) => {
    const { phase, node } = steps.list[at], { state } = steps;
    const title = node < 0 ? TITLES[phase] : `${TITLES[phase]}: ${state.nodes[node].name}`;
    const body = phase === "forward" ? forward(steps, node)
      : phase === "backward" ? backward(steps, node, at)
      : phase === "seed" ? seed(steps)
      : [h("p", {}, state.page.ran ? "Inputs, parameters and constants have their values. Go forward "
        + "gate by gate." : state.page.missing)];
    const group = first < at ? h("p", { class: "quiet" },
      `${at - first + 1} gates of a folded group at once; this is the last of them.`) : null;
    return [h("h2", {}, title), group, ...body];
  };

  // -- one node --------------------------------------------------------------------------------

  const how = (statusOf, edited) => edited ? " (your value)"
    : statusOf === status.STALE ? " (as recorded)" : statusOf === status.NEW ? " (computed here)" : "";

  const sources = (steps, i, at) => steps.sources[i].filter(source => source.at <= at)
    .map(source => h("li", {},
      source.node < 0 ? "given: " : `through ${steps.state.nodes[source.node].name}: `,
      h("b", { class: "gradient" }, CNN.brief(steps.added(i, source), steps.state.nodes[i]))));

  const gradientView = (steps, i, at) => {
    const { state } = steps, node = state.nodes[i], found = steps.gradient(i, at);
    if (!steps.sources[i].length && !state.gradient(i))
      return [h("p", { class: "quiet" }, state.page.ran < 2 ? "No gradient was computed."
        : "Has no gradient.")];
    if (!found) return [h("p", { class: "quiet" }, "Gradient: not yet.")];
    const part = found.done < found.of ? `, ${found.done} of ${found.of} paths so far` : "";
    return [h("h3", {}, `Gradient${how(state.gradientStatus[i])}${part}`),
            CNN.arrayView(found.tensor, node, "gradient"),
            found.of > 1 ? h("ul", {}, sources(steps, i, at)) : null];
  };

  CNN.nodeView = (steps, i, at) => {
    const { state } = steps, node = state.nodes[i];
    const kind = CNN.isLeaf(node) ? node.kind : node.what;
    const value = steps.hasValue(i, at)
      ? [h("h3", {}, `Value${how(state.valueStatus[i], state.edited.has(i))}`),
         CNN.arrayView(state.value(i), node, "value")]
      : [h("p", { class: "quiet" }, "Value: not yet.")];
    return [h("p", { class: "quiet" }, `${kind}, shape ${CNN.shapeText(node)}`
      + (node.group.length ? `, in ${node.group.join(" / ")}` : "")),
      ...value, ...gradientView(steps, i, at)];
  };
})(globalThis.CNN = globalThis.CNN || {});
