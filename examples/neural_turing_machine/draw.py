"""Draw what the heads do over time, and the learning curve.

    cd examples
    python -m neural_turing_machine.draw ntm.npz --task copy --lengths 20 80

Writes ``ntm_heads_20.png`` and so on beside the parameters: target beside output, what is added
to the memory and read from it, and where both heads look.
"""

import argparse

import matplotlib
import numpy as np

from .evaluate import answer, load
from .heads import READ, WRITE
from .tasks import TASKS

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # after the backend is chosen


def heads_over_time(machine, x, target, path):
    """Run one sequence and draw it; time goes from left to right in every panel."""
    output = answer(machine, x, target)
    graph = machine.graph(len(x), len(target))
    n_step, n_input = len(x) + len(target), len(x)
    weightings = np.stack([graph.value(f"weightings_{t}") for t in range(n_step)])
    adds = np.stack([graph.value(f"add_{t}") for t in range(n_step - 1)])
    reads = np.stack([graph.value(f"read_{t}") for t in range(n_step)])
    rows = visited(weightings)

    figure, axes = plt.subplots(
        4, 2, figsize=(11, 10), height_ratios=(1, 1, 1.6, 3), layout="constrained"
    )
    zero_to_one = {"vmin": 0, "vmax": 1, "cmap": "viridis"}
    wrong = int(np.sum((output > 0.5) != (target > 0.5)))
    panels = [
        ("inputs", whole(x, n_step, 0), {"cmap": "viridis"}, "channel"),
        (f"target less output: {wrong} of {target.size} bits wrong",
         whole(target - output, n_step, n_input), {"vmin": -1, "vmax": 1, "cmap": "RdBu"}, "bit"),
        ("targets", whole(target, n_step, n_input), zero_to_one, "bit"),
        ("outputs", whole(output, n_step, n_input), zero_to_one, "bit"),
        ("added to the memory", whole(adds, n_step, 0), symmetric(adds), "column"),
        ("read from the memory", whole(reads, n_step, 0), symmetric(reads), "column"),
        ("where the write head looks", weightings[:, WRITE, rows], grey(), "memory row"),
        ("where the read head looks", weightings[:, READ, rows], grey(), "memory row"),
    ]  # fmt: skip
    for axis, (title, picture, colours, label) in zip(axes.flat, panels, strict=True):
        image = axis.imshow(picture.T, aspect="auto", interpolation="nearest", **colours)
        axis.axvline(n_input - 0.5, color="tab:red", lw=1)
        axis.set_title(title, fontsize=10)
        axis.set_ylabel(label, fontsize=9)
        axis.set_yticks(range(0, picture.shape[1], 5 if label == "column" else 2))
        figure.colorbar(image, ax=axis, pad=0.01)
    for axis in axes[-1]:
        ticks = np.flatnonzero(rows % (5 if len(rows) <= 40 else 20) == 0)
        axis.set_yticks(ticks, rows[ticks])
        axis.set_xlabel("time step; the output phase starts at the red line", fontsize=9)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def whole(part, n_step, begin):
    """Place ``part`` (T, N) at its steps in a picture of all steps; the others stay blank."""
    picture = np.full((n_step, part.shape[1]), np.nan)
    picture[begin : begin + len(part)] = part
    return picture


def visited(weightings, margin=3):
    """Return the memory rows to show: those where a head looks, as one run around the circle."""
    n_row = weightings.shape[-1]
    used = np.flatnonzero(weightings.max((0, 1)) > 0.1)
    if not len(used):
        return np.arange(n_row)
    # The longest stretch that nobody visits is what the picture leaves out.
    gaps = np.diff(np.append(used, used[0] + n_row))
    start = used[(np.argmax(gaps) + 1) % len(used)] - margin
    length = min(n_row, n_row - gaps.max() + 1 + 2 * margin)
    return (start + np.arange(length)) % n_row


def symmetric(values):
    limit = float(np.abs(values).max())
    return {"vmin": -limit, "vmax": limit, "cmap": "RdBu"}


def grey():
    return {"vmin": 0, "vmax": 1, "cmap": "gray"}


def learning_curve(bits, checks, path):
    """Draw bits per sequence, in means of 500 sequences, and wrong bits at the checks."""
    n = min(500, len(bits))
    means = bits[: len(bits) // n * n].reshape(-1, n).mean(1)
    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    axis.plot(n * np.arange(1, len(means) + 1), means, label="cross-entropy in bits, training")
    axis.plot(*checks.T, ".-", label="wrong bits, fresh longest sequences")
    axis.set_xlabel("sequences")
    axis.set_ylabel("per sequence")
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("path", help="parameters: the .npz of a training")
    parser.add_argument("--task", choices=TASKS, default="copy")
    parser.add_argument("--lengths", type=int, nargs="+", default=[20, 80])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    task = TASKS[options.task]()
    machine = load(options.path, task)
    for length in options.lengths:
        x, target = task.draw(np.random.default_rng(options.seed), length=length)
        picture = f"{options.path.removesuffix('.npz')}_heads_{length}.png"
        heads_over_time(machine, x, target, picture)
        print(picture)


if __name__ == "__main__":
    main()
