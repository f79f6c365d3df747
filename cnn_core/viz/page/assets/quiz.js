"use strict";
// Predicting: before a backward step is shown, the reader says what it adds to a gradient.
(CNN => {
  const { h } = CNN, MOST = 64;

  // Right within one percent, or to the last digit that the page prints.
  CNN.isRight = (answer, truth) => {
    if (!Number.isFinite(truth) || !Number.isFinite(answer)) return Object.is(answer, truth);
    const printed = CNN.number(truth), [mantissa, exponent = "0"] = printed.split("e");
    const digits = (mantissa.split(".")[1] || "").length;
    const unit = 10 ** (Number(exponent) - digits);
    return Math.abs(answer - truth) <= Math.max(0.01 * Math.abs(truth), 0.5000001 * unit);
  };

  CNN.Quiz = class {
    constructor(steps, reveal) {
      this.steps = steps;
      this.reveal = reveal;
      this.on = false;
      this.asked = this.right = 0;
      this.pending = -1;
    }

    // The question that step `at` poses: {node, k, entry, truth, text}; null if it has none, such
    // as that of a group whose inside nobody sees.
    question(at) {
      const { phase, node } = this.steps.list[at] || {}, { state } = this.steps;
      if (!this.on || phase !== "backward") return null;
      const { nodes } = state;
      if (nodes[node].box !== undefined) return null;
      const paths = nodes[node].inputs.map((_, k) => k).filter(k => {
        const part = state.part(node, k);
        return state.hasPath(node, k) && part && part.data && part.data.length;
      });
      if (!paths.length) return null;
      const k = paths[at % paths.length], target = nodes[nodes[node].inputs[k]];
      const { data, shape } = state.part(node, k);
      const entry = data.length > MOST ? 0 : at % data.length;
      const place = shape.length ? `, entry ${this._place(entry, shape)},` : "";
      const name = this.steps.nameOf(nodes[node].inputs[k]);
      return { node, k, entry, truth: data[entry], target,
               text: `What does ${nodes[node].name} add to the gradient at ${name}${place}?` };
    }

    _place(i, shape) {
      const at = [];
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        at.unshift(i % shape[axis]);
        i = Math.floor(i / shape[axis]);
      }
      return `[${at.join(", ")}]`;
    }

    // Ask, and show the step once there is an answer.
    view(at, say) {
      const question = this.question(at);
      this.pending = at;
      const input = h("input", { type: "text", inputmode: "decimal", id: "answer",
                                 autocomplete: "off" });
      const form = h("form", { class: "quiz" }, h("h2", {}, "Your prediction"),
        h("p", {}, h("label", { for: "answer" }, question.text)),
        this._hint(question.node),
        h("p", {}, input, " ", h("button", { type: "submit" }, "Check"), " ",
          h("button", { type: "button", id: "skip", onclick: () => this._done(at, null, say) },
            "Show me")));
      form.addEventListener("submit", event => {
        event.preventDefault();
        const answer = CNN.parse(input.value, { ...question.target, dtype: "real" });
        input.setAttribute("aria-invalid", answer === null);
        if (answer === null) say("Need a number.");
        else this._done(at, { answer, question }, say);
      });
      return form;
    }

    _hint(node) {
      const { state } = this.steps, t = this.steps.forwardText(node);
      return h("p", { class: "quiet" }, `${t.name} = ${t.formula}`,
        t.numbers ? ` = ${t.numbers}` : "", ` = ${t.result}; the gradient at ${t.name} is `,
        CNN.brief(state.gradient(node), state.nodes[node]));
    }

    _done(at, given, say) {
      let verdict = "";
      this.asked += 1;
      if (given) {
        const right = CNN.isRight(given.answer, given.question.truth);
        this.right += right ? 1 : 0;
        verdict = right ? "Right. " : `Not quite: it is ${CNN.number(given.question.truth)}. `;
      }
      this.pending = -1;
      this.reveal(at, verdict + this.score);
    }

    get score() { return `${this.right} of ${this.asked} right.`; }
  };
})(globalThis.CNN = globalThis.CNN || {});
