"""The same machine in eager PyTorch, to compare numbers and speed with.

    cd examples
    python -m neural_turing_machine.torch_reference

prints the time of one training iteration of the copy task, here and there, on one thread.
"""

import time
from functools import partial

import numpy as np
import torch
from torch.nn import functional

from .heads import N_HEADS, N_SHIFT, READ, WRITE
from .model import NeuralTuringMachine
from .tasks import Copy
from .train import make_optimizer, train_step


class TorchMachine(torch.nn.Module):
    """Starts from copies of the parameters of a `NeuralTuringMachine`."""

    def __init__(self, machine):
        super().__init__()
        self.controller, self.size = machine.controller, machine.size
        self.n_row, self.width = machine.n_row, machine.width
        # Names of PyTorch's parameters have no dots.
        self.values = torch.nn.ParameterDict({
            name.replace(".", "_"): torch.nn.Parameter(torch.tensor(value))
            for name, value in machine.params.items()
        })  # fmt: skip

    def forward(self, x, target):
        """Return the cross-entropy of one sequence in nats."""
        p = self.values
        n_input, n_step = len(x), len(x) + len(target)
        from_input = x @ p["controller_w_x"] + p["controller_b"]
        memory = torch.full((self.n_row, self.width), 1e-6, dtype=x.dtype)
        weightings = torch.softmax(p["initial_weightings"], -1)
        read, state = p["initial_read"], None
        if self.controller == "lstm":
            state = p["initial_h"], p["initial_c"]
        seen = []
        for t in range(n_step):
            given = from_input[t] if t < n_input else p["controller_b"]
            hidden, state = self._control(given, read, state)
            numbers = hidden @ p["heads_w"] + p["heads_b"]
            weightings = self._address(numbers, memory, weightings)
            read = weightings[READ] @ memory
            if t < n_step - 1:
                erase = torch.sigmoid(numbers[-2 * self.width : -self.width])
                add = numbers[-self.width :]
                where = weightings[WRITE, :, None]
                memory = memory * (1 - where * erase) + where * add
            if t >= n_input:
                seen.append(torch.cat([hidden, read]))
        logits = torch.stack(seen) @ p["output_w"] + p["output_b"]
        return functional.binary_cross_entropy_with_logits(logits, target, reduction="sum")

    def _control(self, given, read, state):
        w = self.values["controller_w"]
        if self.controller == "feedforward":
            return torch.tanh(read @ w + given), state
        hidden, cell = state
        gates = torch.cat([read, hidden]) @ w + given
        enter, keep, show, new = gates.split(self.size)
        cell = torch.sigmoid(keep) * cell + torch.sigmoid(enter) * torch.tanh(new)
        hidden = torch.sigmoid(show) * torch.tanh(cell)
        return hidden, (hidden, cell)

    def _address(self, numbers, memory, before):
        width = self.width
        both = numbers[: N_HEADS * (width + 3 + N_SHIFT)].reshape(N_HEADS, -1)
        key = both[:, None, :width]
        strength, gate, sharpness = (both[:, width + i : width + i + 1] for i in range(3))
        shift = torch.softmax(both[:, width + 3 :], -1)
        similar = functional.cosine_similarity(memory[None], key, dim=-1)
        by_content = torch.softmax(functional.softplus(strength) * similar, -1)
        gate = torch.sigmoid(gate)
        gated = gate * by_content + (1 - gate) * before
        turned = torch.stack([gated.roll(j - 1, -1) for j in range(N_SHIFT)])
        moved = torch.einsum("hj,jhn->hn", shift, turned)
        sharpness = 1 + functional.softplus(sharpness)
        return torch.softmax(sharpness * torch.log(moved + 1e-16), -1)


def make_torch_optimizer(module, lr=1e-4):
    return torch.optim.RMSprop(module.parameters(), lr=lr, alpha=0.95, momentum=0.9, eps=1e-8)


def torch_step(module, optimizer, x, target):
    optimizer.zero_grad()
    loss = module(torch.from_numpy(x), torch.from_numpy(target))
    loss.backward()
    torch.nn.utils.clip_grad_value_(module.parameters(), 10.0)
    optimizer.step()
    return loss.item()


def seconds(step, sequences):
    """Return the seconds per sequence of one pass over all."""
    start = time.perf_counter()
    for x, target in sequences:
        step(x, target)
    return (time.perf_counter() - start) / len(sequences)


def main():
    torch.set_num_threads(1)
    task = Copy()
    rng = np.random.default_rng(0)
    sequences = [task.draw(rng, length=n) for n in range(1, task.longest + 1)]
    for controller in ("lstm", "feedforward"):
        machine = NeuralTuringMachine(task.n_in, task.n_out, controller=controller)
        module = TorchMachine(machine)
        ours = partial(train_step, machine, make_optimizer())
        theirs = partial(torch_step, module, make_torch_optimizer(module))
        seconds(ours, sequences)  # compiles the graphs
        # In turns: what else the machine does disturbs both alike.
        turns = [(min(seconds(ours, sequences) for _ in range(5)), seconds(theirs, sequences))
                 for _ in range(5)]  # fmt: skip
        here, there = np.median(turns, axis=0) * 1e3
        ratio = np.median([b / a for a, b in turns])
        print(
            f"{controller:12s} mean of lengths 1 to {task.longest}: cnn_core {here:.3f} ms, "
            f"PyTorch {torch.__version__} {there:.2f} ms, ratio {ratio:.1f}"
        )


if __name__ == "__main__":
    main()
