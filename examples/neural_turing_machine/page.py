"""Write a page that goes through a short sequence gate by gate, all steps of time side by side.

    cd examples
    python -m neural_turing_machine.page ntm.html
    python -m neural_turing_machine.page ntm.html --parameters ntm.npz --length 2

A sequence of 2 is unrolled over 5 steps: 3 of input, with the mark that ends it, and 2 of output.
Without trained parameters the machine is a small one at its start.  Steps of time are groups,
which fold.
"""

import argparse

import numpy as np

from .evaluate import load
from .model import CONTROLLERS, NeuralTuringMachine
from .tasks import TASKS

SMALL = {"size": 20, "n_row": 16, "width": 8}


def unrolled(machine, x, target):
    """Return the graph of one sequence, with its values and gradients."""
    graph = machine.graph(len(x), len(target))
    graph.forward(x=x, target=target)
    graph.backward()
    return graph


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("path", help="where the page goes, such as ntm.html")
    parser.add_argument("--parameters", metavar="NPZ", help="those of a training")
    parser.add_argument("--controller", choices=CONTROLLERS, default="lstm")
    parser.add_argument("--task", choices=TASKS, default="copy")
    parser.add_argument("--length", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    task = TASKS[options.task]()
    if options.parameters:
        machine = load(options.parameters, task)
    else:
        machine = NeuralTuringMachine(task.n_in, task.n_out, controller=options.controller,
                                      dtype="float64", **SMALL)  # fmt: skip
    x, target = task.draw(np.random.default_rng(options.seed), length=options.length)
    graph = unrolled(machine, x, target)
    graph.to_html(options.path)
    nodes = len(graph.nodes_topologically_sorted())
    print(f"{options.path}: {nodes} nodes, {len(x) + len(target)} steps of time")


if __name__ == "__main__":
    main()
