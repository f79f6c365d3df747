"use strict";
// The page at work: where the reader is, what is shown there, and all controls.
(CNN => {
  const { h, status } = CNN, $ = id => document.getElementById(id);
  const WORD = ["", "", "as-recorded"];  // by status

  CNN.Player = class {
    constructor(page) {
      this.page = page;
      this.state = new CNN.State(page);
      this.steps = new CNN.Steps(this.state);
      this.folded = new Set(page.folded);
      this.drawing = new CNN.Drawing(page, i => this.pick(i), i => this.fold(i));
      this.inputs = new CNN.Inputs(this.state, (i, t) => this.change(i, t), text => this.say(text));
      this.quiz = new CNN.Quiz(this.steps, (at, text) => this.answered(at, text));
      this.at = this.first = 0;
      this.picked = page.outputs[0];
    }

    start() {
      $("stage").append(this.drawing.svg);
      this._controls();
      this._lists();
      this.drawing.render(this.folded);
      this.fit();
      const stage = $("stage"), look = () => this._look(stage.scrollLeft, stage.scrollTop);
      stage.addEventListener("scroll", look, { passive: true });
      addEventListener("resize", look);
      look();
      this._showAll();
      this._refresh(true);
      this._describeInputs();
    }

    // -- moving ----------------------------------------------------------------------------------

    // The step after `at` in a direction; the gates of a folded group go as one.
    _next(at, by) {
      const { list } = this.steps, frame = k => list[k].node < 0 ? -1
        : this.drawing.frameOf(list[k].node);
      const next = Math.min(Math.max(at + by, 0), this.steps.last);
      if (by < 0) {
        const box = at > 0 ? frame(at) : -1;
        let k = next;
        while (box >= 0 && k > 0 && frame(k) === box && list[k].phase === list[at].phase) k--;
        return k;
      }
      let k = next;
      const box = frame(k);
      while (box >= 0 && k < this.steps.last && frame(k + 1) === box
             && list[k + 1].phase === list[k].phase) k++;
      return k;
    }

    forward() {
      const to = this._next(this.at, 1);
      if (to === this.at) return;
      if (this.quiz.pending >= 0) return $("answer").focus();
      if (this.quiz.question(to)) return this._ask(to);
      this.go(to, this.at + 1);
    }

    back() { this.go(this._next(this.at, -1)); }

    // Show the graph as it is once step `to` has run; touch only what differs.
    go(to, first = to) {
      this.quiz.pending = -1;
      const from = this.at, values = new Set(), gradients = new Set();
      for (let k = Math.min(from, to) + 1; k <= Math.max(from, to); k++) {
        const found = this.steps.changes(k);
        found.values.forEach(i => values.add(i));
        found.gradients.forEach(i => gradients.add(i));
      }
      this.at = to;
      this.first = first;
      values.forEach(i => this._showValue(i));
      gradients.forEach(i => this._showGradient(i));
      this._refresh(false, values.has(this.picked) || gradients.has(this.picked));
    }

    // -- showing ---------------------------------------------------------------------------------

    _showAll() {
      this.state.nodes.forEach((_, i) => {
        this._showValue(i);
        this._showGradient(i);
      });
    }

    _showValue(i) {
      const { state } = this, node = state.nodes[i];
      let lines = this.steps.hasValue(i, this.at)
        ? CNN.lines(state.value(i), node.real, CNN.isWhole(node)) : [];
      if (node.shape.length && !(lines[0] || "").startsWith("["))
        lines = [CNN.shapeText(node), ...lines];
      this.drawing.setValue(i, lines, state.edited.has(i) ? "edited" : WORD[state.valueStatus[i]]);
    }

    _showGradient(i) {
      const found = this.steps.gradient(i, this.at), node = this.state.nodes[i];
      const kind = found && found.done < found.of ? "partial" : WORD[this.state.gradientStatus[i]];
      this.drawing.setGradient(i, found ? CNN.lines(found.tensor, node.real, false) : [], kind);
    }

    _refresh(quiet, pickedChanged = true) {
      const { at, steps } = this, { phase, node } = steps.list[at];
      this.drawing.light(node, phase);
      if (phase === "backward") {
        this._showAdded(node);
      }
      if (node >= 0) this._reveal(node);
      $("step").replaceChildren(...CNN.stepView(steps, at, this.first).filter(Boolean));
      $("slider").value = at;
      const text = this.page.ran ? `Step ${at} of ${steps.last}` : "Not run";
      $("count").textContent = text;
      $("slider").setAttribute("aria-valuetext", text);
      $("back").disabled = $("first").disabled = at === 0;
      $("forward").disabled = $("last").disabled = at === steps.last;
      if (pickedChanged) this._describe();
      if (!quiet) this.say(steps.sentence(at));
    }

    // Where several paths lead to a gradient, what this one adds.
    _showAdded(node) {
      const added = new Map(), { nodes } = this.state;
      for (const t of this.steps.backwardText(node))
        if (this.steps.sources[t.target].length > 1 && !nodes[t.target].shape.length)
          added.set(t.target, `${added.get(t.target) || ""} + ${t.adds}`);
      added.forEach((text, target) => this.drawing.showAdded(target, text.trim()));
    }

    // Scroll the drawing so that the gate of a step is seen.
    _reveal(node) {
      const stage = $("stage"), [x, y, w, height] = this.drawing.place(node), margin = 48;
      const view = this._view;
      const left = x < view.left + margin || x + w > view.left + view.width - margin
        ? Math.max(0, x + w / 2 - view.width / 2) : view.left;
      const top = y < view.top + 8 || y + height > view.top + view.height - 8
        ? Math.max(0, y + height / 2 - view.height / 2) : view.top;
      if (left === view.left && top === view.top) return;
      stage.scrollTo({ left, top, behavior: "auto" });
      this._look(left, top);
    }

    // Take note of what part of the drawing is seen.
    _look(left, top) {
      const { clientWidth: width, clientHeight: height } = $("stage");
      this._view = { left, top, width, height };
      this.drawing.see(left, top, width, height);
    }

    say(text) { $("live").textContent = text; }

    _describe() {
      const i = this.picked, select = $("node");
      select.value = String(i);
      this.drawing.pick(i);
      $("details").replaceChildren(
        ...CNN.nodeView(this.steps, i, this.at).filter(Boolean));
      const editor = this.inputs.editor(i);
      $("editor").replaceChildren(...(editor ? [h("h3", {}, "Change it"), editor] : []));
    }

    pick(i) {
      this.picked = i;
      this._describe();
    }

    // -- changing --------------------------------------------------------------------------------

    change(i, tensor) {
      this.state.change(i, tensor);
      this._changed(`${this.state.nodes[i].name} is changed; ${this._whatFollows()}`);
    }

    _changed(text) {
      const focus = document.activeElement, label = focus && focus.getAttribute("aria-label");
      const home = focus && focus.closest("#editor, #inputs");
      this._showAll();
      this._describeInputs();
      this._refresh(true);
      $("notice").textContent = this.state.edited.size ? text : "";
      this.say(text);
      if (home && label) {
        const again = [...home.querySelectorAll("input")].find(
          input => input.getAttribute("aria-label") === label);
        if (again) again.focus();
      }
    }

    // After a change: what the page could compute, and what it could not.
    _whatFollows() {
      const { state } = this, n = [...state.valueStatus, ...state.gradientStatus];
      const stale = n.filter(s => s === status.STALE).length;
      if (!stale) return "all that follows is computed anew.";
      const names = [...state.failed].slice(0, 3).map(i => state.nodes[i].name).join(", ");
      return `the page cannot compute ${names}, so ${stale} values and gradients stay as recorded ` +
        "(marked in the drawing).";
    }

    reset() {
      this.state.reset();
      this._changed("All is as recorded.");
    }

    showFrame(number) {
      this.state.show(number);
      this._showAll();
      this._describeInputs();
      this._refresh(true);
      $("notice").textContent = "";
      const label = this.page.frames[number].label;
      $("time").textContent = label;
      $("frames").setAttribute("aria-valuetext", label);
      this.say(label);
    }

    _describeInputs() {
      const fields = this.inputs.view(12);
      $("inputs").replaceChildren(...(fields.length ? fields
        : [h("p", { class: "quiet" }, "Choose an input or a parameter under “Look at”.")]));
      $("reset").disabled = !this.state.edited.size;
      $("change").hidden = !this.inputs.leaves.length || this.page.ran < 1;
    }

    // -- folding ---------------------------------------------------------------------------------

    fold(i) {
      if (this.folded.has(i)) this.folded.delete(i); else this.folded.add(i);
      this._folds();
    }

    _folds() {
      this.drawing.render(this.folded);
      this._look($("stage").scrollLeft, $("stage").scrollTop);
      this._showAll();
      this._refresh(true);
      for (const button of document.querySelectorAll("#groups button[data-frame]"))
        button.setAttribute("aria-expanded", !this.folded.has(Number(button.dataset.frame)));
    }

    // -- predicting ------------------------------------------------------------------------------

    _ask(at) {
      $("step").replaceChildren(this.quiz.view(at, text => this.say(text)));
      this.drawing.light(this.steps.list[at].node, "backward");
      this._reveal(this.steps.list[at].node);
      this.say(this.quiz.question(at).text);
      $("answer").focus();
    }

    answered(at, text) {
      this.go(at, at);
      $("score").textContent = this.quiz.score;
      $("step").prepend(h("p", { class: "verdict" }, text));
      this.say(`${text} ${this.steps.sentence(at)}`);
      $("forward").focus();
    }

    // -- controls --------------------------------------------------------------------------------

    fit() {
      const stage = $("stage"), [w, height] = this.drawing.size;
      const zoom = Math.min((stage.clientWidth - 4) / w, innerHeight * 0.5 / height, 1.4);
      this.drawing.setZoom(Math.max(zoom, 0.7));
    }

    _zoom(factor) {
      this.drawing.setZoom(this.drawing.zoom * factor);
      this._look($("stage").scrollLeft, $("stage").scrollTop);
      this._reveal(Math.max(this.steps.list[this.at].node, 0));
    }

    _controls() {
      const on = (id, act) => $(id).addEventListener("click", act);
      on("first", () => this.go(0));
      on("back", () => this.back());
      on("forward", () => this.forward());
      on("last", () => this.go(this.steps.last));
      on("reset", () => this.reset());
      on("in", () => this._zoom(1.25));
      on("out", () => this._zoom(0.8));
      const slider = $("slider");
      slider.max = this.steps.last;
      slider.addEventListener("input", () => this.go(Number(slider.value)));
      $("quiz").addEventListener("change", event => {
        this.quiz.on = event.target.checked;
        $("score").textContent = this.quiz.on ? this.quiz.score : "";
        if (!this.quiz.on && this.quiz.pending >= 0) this.go(this.at);
      });
      const frames = $("frames");
      frames.max = this.page.frames.length - 1;
      frames.value = this.state.frame;
      frames.addEventListener("input", () => this.showFrame(Number(frames.value)));
      $("training").hidden = this.page.frames.length < 2;
      if (this.page.frames.length > 1)
        $("time").textContent = this.page.frames[this.state.frame].label;
      document.addEventListener("keydown", event => this._key(event));
    }

    _key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const { target } = event, tag = target.tagName;
      if (/^(INPUT|SELECT|TEXTAREA)$/.test(tag)) return;
      if (event.key === " " && /^(BUTTON|SUMMARY)$/.test(tag)) return;
      const act = { ArrowRight: () => this.forward(), ArrowLeft: () => this.back(),
                    " ": () => event.shiftKey ? this.back() : this.forward(),
                    Home: () => this.go(0), End: () => this.go(this.steps.last) }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    }

    _lists() {
      const { nodes, drawing } = this.page, select = $("node");
      select.append(...nodes.map((node, i) => h("option", { value: i }, node.name)));
      select.addEventListener("change", () => this.pick(Number(select.value)));
      $("groups").hidden = !drawing.frames.length;
      const all = (text, folded) => h("button", { type: "button", onclick: () => {
        this.folded = new Set(folded ? drawing.frames.keys() : []);
        this._folds();
      } }, text);
      $("folds").append(all("Fold all", true), all("Unfold all", false),
        ...drawing.frames.map((frame, i) => h("button", {
          type: "button", "data-frame": i, "aria-expanded": !this.folded.has(i),
          onclick: () => this.fold(i) }, frame.name)));
    }
  };

  CNN.open = () => {
    const page = JSON.parse($("graph").textContent);
    const player = CNN.player = new CNN.Player(page);
    player.start();
    requestAnimationFrame(() => setTimeout(() => { CNN.opened = performance.now(); }));
  };
})(globalThis.CNN = globalThis.CNN || {});
