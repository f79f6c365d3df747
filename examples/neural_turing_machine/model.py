"""The Neural Turing Machine: a controller, two heads, a memory, unrolled over time.

A sequence is an input phase, one vector a step, then an output phase in which the input is zero
and one vector a step comes out.  There is one graph per pair of lengths; all share one store of
parameters.
"""

import numpy as np

import cnn_core as cnn
from cnn_core import ops

from . import heads

CONTROLLERS = ("lstm", "feedforward")


class NeuralTuringMachine:
    """Inputs (T, n_in) to logits (L, n_out), through ``n_row`` memory rows of ``width`` numbers."""

    def __init__(self, n_in, n_out, *, controller="lstm", size=100, n_row=128, width=20, seed=0,
                 dtype="float32"):  # fmt: skip
        if controller not in CONTROLLERS:
            raise ValueError(f"controller: need one of {CONTROLLERS}; got {controller!r}")
        self.n_in, self.n_out, self.controller = n_in, n_out, controller
        self.size, self.n_row, self.width, self.dtype = size, n_row, width, dtype
        values = self._starting_values(np.random.default_rng(seed))
        self.nodes = {name: cnn.Parameter(name, value) for name, value in values.items()}
        self.params = cnn.ParamStore(self.nodes.values(), dtype)
        self._graphs = {}

    def _starting_values(self, rng):
        size, width = self.size, self.width
        lstm = self.controller == "lstm"
        n_gate = 4 * size if lstm else size
        n_back = width + size if lstm else width
        bias = np.zeros(n_gate)
        if lstm:
            bias[size : 2 * size] = 1  # forget gates start open, so gradients reach far back
        values = {
            "controller.w_x": glorot(rng, self.n_in, n_gate),
            "controller.w": glorot(rng, n_back, n_gate),
            "controller.b": bias,
            "heads.w": glorot(rng, size, heads.n_numbers(width)),
            "heads.b": np.zeros(heads.n_numbers(width)),
            "output.w": glorot(rng, size + width, self.n_out),
            "output.b": np.zeros(self.n_out),
            "initial.read": 0.1 * rng.standard_normal(width),
            "initial.weightings": starting_logits(self.n_row),
        }
        if lstm:
            values["initial.h"] = 0.1 * rng.standard_normal(size)
            values["initial.c"] = 0.1 * rng.standard_normal(size)
        return values

    def graph(self, n_input, n_output):
        """Return the graph for these many steps of input and of output; compiled once.

        Feed ``x`` (n_input, n_in) and ``target`` (n_output, n_out).  The output is the
        cross-entropy of the whole sequence in nats; ``graph.value("logits")`` holds the logits.
        """
        key = n_input, n_output
        if key not in self._graphs:
            loss = self._unroll(n_input, n_output)
            self._graphs[key] = cnn.Graph(loss, dtype=self.dtype, params=self.params)
        return self._graphs[key]

    def _unroll(self, n_input, n_output):
        p = self.nodes
        x = cnn.Input("x", (n_input, self.n_in))
        target = cnn.Input("target", (n_output, self.n_out))
        # What the inputs of all steps give the controller, in one product.
        from_input = ops.dense(x, p["controller.w_x"], p["controller.b"])
        memory = cnn.Constant(np.full((self.n_row, self.width), 1e-6), name="memory")
        weightings = ops.softmax(p["initial.weightings"])
        state = p.get("initial.h"), p.get("initial.c")
        read = p["initial.read"]
        seen = []
        n_step = n_input + n_output
        for t in range(n_step):
            with cnn.group(f"step {t}"):
                given = from_input[t] if t < n_input else p["controller.b"]
                hidden, state = self._control(given, read, state)
                numbers = ops.dense(hidden, p["heads.w"], p["heads.b"])
                weightings = heads.address(numbers, memory, weightings, f"weightings_{t}")
                read = heads.read(weightings, memory, f"read_{t}")
                if t < n_step - 1:  # nobody would see the last write
                    memory = heads.write(numbers, weightings, memory, f"add_{t}")
                if t >= n_input:
                    seen += [hidden, read]
        seen = ops.reshape(ops.concat(seen), (n_output, self.size + self.width))
        logits = ops.dense(seen, p["output.w"], p["output.b"], name="logits")
        return ops.sum(ops.softplus(logits) - target * logits, name="loss")

    def _control(self, given, read, state):
        """Return what the controller shows, shape (size,), and its state."""
        w = self.nodes["controller.w"]
        if self.controller == "feedforward":
            return ops.tanh(ops.dense(read, w, given)), state
        hidden, cell = state
        size = self.size
        gates = ops.dense(ops.concat([read, hidden]), w, given)
        opened = ops.sigmoid(gates[: 3 * size])
        keep, enter = opened[size : 2 * size], opened[:size]
        cell = keep * cell + enter * ops.tanh(gates[3 * size :])
        hidden = opened[2 * size :] * ops.tanh(cell)
        return hidden, (hidden, cell)


def glorot(rng, n_in, n_out):
    limit = np.sqrt(6 / (n_in + n_out))
    return rng.uniform(-limit, limit, (n_in, n_out))


def starting_logits(n_row):
    """Both heads start mostly on row 0, so that shifts mean something from the first step on."""
    logits = np.zeros((heads.N_HEADS, n_row))
    logits[:, 0] = 8.0
    return logits
