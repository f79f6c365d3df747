"""Count wrong bits on fresh sequences.

    cd examples
    python -m neural_turing_machine.evaluate ntm.npz --task copy --lengths 10 20 40 80

Lengths are those of the sequence that is copied, or the number of items to recall from.
"""

import argparse

import numpy as np

from .model import NeuralTuringMachine
from .tasks import TASKS


def held_out(task, n, seed):
    """Return ``n`` sequences of the longest kind trained on, from a stream of their own."""
    rng = np.random.default_rng([seed, 2])
    return [task.draw(rng, **task.longest_kind) for _ in range(n)]


def answer(machine, x, target):
    """Return the outputs as probabilities, shape of ``target``."""
    graph = machine.graph(len(x), len(target))
    graph.forward(x=x, target=target)
    return 1 / (1 + np.exp(-graph.value("logits").astype(np.float64)))


def bit_errors(machine, sequences):
    """Return the mean number of wrong bits per sequence."""
    wrong = [np.sum((answer(machine, x, t) > 0.5) != (t > 0.5)) for x, t in sequences]
    return float(np.mean(wrong))


def load(path, task):
    """Return a machine with the parameters that `train.save` wrote."""
    with np.load(path) as saved:
        controller = "lstm" if "initial.h" in saved else "feedforward"
        machine = NeuralTuringMachine(task.n_in, task.n_out, controller=controller)
        machine.params.assign({name: saved[name] for name in machine.params})
    return machine


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("path", help="parameters: the .npz of a training")
    parser.add_argument("--task", choices=TASKS, default="copy")
    parser.add_argument("--lengths", type=int, nargs="+", default=[10, 20, 40, 80])
    parser.add_argument("--sequences", type=int, default=100, help="of each length")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    task = TASKS[options.task]()
    machine = load(options.path, task)
    for length in options.lengths:
        rng = np.random.default_rng([options.seed, length])
        sequences = [task.draw(rng, length=length) for _ in range(options.sequences)]
        n_bit = np.mean([t.size for _, t in sequences])
        errors = bit_errors(machine, sequences)
        print(f"length {length:3d}: {errors:8.3f} wrong bits of {n_bit:.0f} per sequence")


if __name__ == "__main__":
    main()
