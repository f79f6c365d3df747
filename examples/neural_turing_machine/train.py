"""Train a Neural Turing Machine on one of the paper's tasks.

    cd examples
    python -m neural_turing_machine.train --task copy --controller lstm --seed 0

Prints how it goes, and writes ``<save>.npz`` (parameters, learning curve) and ``<save>.png``.
"""

import argparse
import time

import numpy as np

import cnn_core as cnn

from .evaluate import bit_errors, held_out
from .model import CONTROLLERS, NeuralTuringMachine
from .tasks import TASKS

SOLVED = 0.1
"""Wrong bits per fresh sequence of the longest kind: below, the task counts as learned."""


def make_optimizer(lr=1e-4):
    """RMSProp with the paper's options; every gradient is limited to [-10, 10] by itself."""
    return cnn.RMSProp(lr=lr, alpha=0.95, momentum=0.9, eps=1e-8, clip_value=10.0)


def train_step(machine, optimizer, x, target):
    """Learn from one sequence; return its loss in nats."""
    return machine.graph(len(x), len(target)).step(optimizer, x=x, target=target)


def train(machine, task, *, iterations, seed=0, lr=1e-4, every=500, n_fresh=200, stop=False,
          report=print):  # fmt: skip
    """Train on random sequences, one at a time.

    Returns the bits of every sequence, and the checks: rows of iteration and wrong bits per
    sequence, on ``n_fresh`` of the longest kind.  ``stop`` ends as soon as a check is below
    `SOLVED`.  A rare sequence that goes wrong costs many bits, so few of them would not do.
    """
    rng = np.random.default_rng([seed, 1])
    fresh = held_out(task, n_fresh, seed)
    optimizer = make_optimizer(lr)
    bits, checks = [], []
    start = time.perf_counter()
    for iteration in range(1, iterations + 1):
        bits.append(train_step(machine, optimizer, *task.draw(rng)) / np.log(2))
        if iteration % every and iteration != iterations:
            continue
        errors = bit_errors(machine, fresh)
        checks.append((iteration, errors))
        report(
            f"{iteration:7d}  {np.mean(bits[-every:]):9.4f} bits per sequence  {errors:8.3f} wrong "
            f"bits per longest sequence  {time.perf_counter() - start:6.0f} s"
        )
        if stop and errors < SOLVED:
            break
    return np.array(bits), np.array(checks)


def save(path, machine, bits, checks):
    np.savez_compressed(f"{path}.npz", bits=bits, checks=checks, **machine.params)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--task", choices=TASKS, default="copy")
    parser.add_argument("--controller", choices=CONTROLLERS, default="lstm")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--iterations", type=int, default=30_000)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--stop", action="store_true", help=f"stop below {SOLVED} wrong bits")
    parser.add_argument("--save", default="ntm", metavar="PATH", help="without ending")
    options = parser.parse_args()

    task = TASKS[options.task]()
    machine = NeuralTuringMachine(
        task.n_in, task.n_out, controller=options.controller, seed=options.seed
    )
    bits, checks = train(
        machine, task, iterations=options.iterations, seed=options.seed, lr=options.lr,
        stop=options.stop,
    )  # fmt: skip
    save(options.save, machine, bits, checks)
    try:
        from .draw import learning_curve
    except ImportError as error:
        print(f"no picture of the learning curve: {error}")
    else:
        learning_curve(bits, checks, f"{options.save}.png")


if __name__ == "__main__":
    main()
