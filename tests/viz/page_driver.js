// Runs the page's scripts without a page: cases come as JSON, results go back as JSON.
//
//     node page_driver.js SCRIPT ... < cases
"use strict";
const { readFileSync } = require("fs"), { runInThisContext } = require("vm");

for (const path of process.argv.slice(2))
  runInThisContext(readFileSync(path, "utf8"), { filename: path });

// Numbers as far off as rounding may have them: the same ones in every run of this script.
let state = 1;
const random = () => (state = (state * 48271) % 2147483647) / 2147483647 * 2 - 1;
const moved = (tensor, by) => by === 0 || tensor.data instanceof Int32Array ? tensor
  : CNN.tensor(tensor.shape, tensor.data.map(x => x * (1 + by * random())));
const packed = tensor => tensor === null ? null : { shape: tensor.shape,
  f8: Buffer.from(Float64Array.from(tensor.data).buffer).toString("base64") };

const computed = ({ node, x, y, dy, amplitude, runs }) => {
  if (!CNN.knows(node)) return { known: false, recorded: CNN.recorded(node) };
  const [operands, value, slope] = [x.map(CNN.decode), CNN.decode(y), CNN.decode(dy)];
  const made = { known: true, recorded: CNN.recorded(node), y: [], dx: [] };
  for (let k = 0; k < runs; k++) {
    const by = k === 0 ? 0 : amplitude, near = operands.map(one => moved(one, by));
    const own = k === 0 ? node : { ...node, round: one => one };
    try {
      made.y.push(packed(CNN.operations[node.op].forward(near, own)));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return { known: true, refused: error.message };
    }
    made.dx.push(CNN.operations[node.op]
      .backward(near, moved(value, by), moved(slope, by), own).map(packed));
  }
  const names = ["a", "b", "c", "d", "e"].slice(0, x.length);
  [made.formula, ...made.slopes] = written({ node, names: [...names, "y"] });
  return made;
};

const written = ({ node, names }) => [CNN.operations[node.op].formula(node, names),
  ...node.inputs.map((_, i) => CNN.operations[node.op].slope(node, names, i))];

// A page in which leaves were changed: all that it then shows.
const changed = ({ page, edits }) => {
  const state = new CNN.State(page);
  for (const [i, tensor] of edits) state.change(i, CNN.decode(tensor));
  const all = page.nodes.map((_, i) => i);
  return {
    values: all.map(i => packed(state.value(i))), gradients: all.map(i => packed(state.gradient(i))),
    parts: all.map(i => page.nodes[i].inputs.map((_, k) => packed(state.part(i, k)))),
  };
};

const given = JSON.parse(readFileSync(0, "utf8"));
const answer = {
  operations: Object.keys(CNN.operations),
  cases: (given.cases || []).map(computed),
  states: (given.states || []).map(changed),
  recorded: (given.nodes || []).map(CNN.recorded),
  texts: (given.texts || []).map(written),
  numbers: given.numbers
    ? [...CNN.decode(given.numbers).data].map(x => [CNN.number(x), CNN.number(x, 6)]) : [],
  statistics: given.statistics ? CNN.statistics(CNN.decode(given.statistics)) : null,
};
process.stdout.write(JSON.stringify(answer));
