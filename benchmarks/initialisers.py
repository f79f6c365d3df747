"""Which start of weights and biases learns best: tables over tasks, widths and activations.

    python benchmarks/initialisers.py starts --data FOLDER --seeds 2    docs/initialisers.md has
    python benchmarks/initialisers.py first --data FOLDER --seeds 1     both, as measured
    python benchmarks/initialisers.py starts --data FOLDER --quick      a glance in a minute

A start is a choice of three: how hidden weights are drawn, how the last layer's are, and how
biases are.  ``starts`` combines all rules for each; ``first`` asks whether the first layer's
weights should be drawn apart from those of the other hidden layers.

All starts train the same network on the same rows, in the same order, for the same number of
epochs, with Adam at its default rate; the test loss counts.  Of each network (one task,
architecture, activation and seed) the starts are ranked, and each loss is divided by the
geometric mean over the starts.  One thread; the same seeds give the same tables.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from math import sqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from small_tasks import TASKS, Rows, Task, split

import cnn_core as cnn

ACTIVATIONS = ("relu", "tanh", "gelu", "selu", "sigmoid", "silu", "elu")
ARCHITECTURES = ((32,), (128, 64), (48,) * 4, (32,) * 8)
EARLY = 4
"""The first score is taken after 1 / EARLY of the epochs."""

SCALES = {"lecun": sqrt(3), "1/sqrt(I)": 1.0, "sqrt(2/I)": sqrt(2), "he": sqrt(6)}
"""Weights from U(-s / sqrt(I), s / sqrt(I))."""

HIDDEN = ("by activation", "glorot", "lecun", "1/sqrt(I)")
FIRST = ("lecun", "glorot", "1/sqrt(I)", "sqrt(2/I)", "1/sqrt(I) then lecun", "1/sqrt(I) then he",
         "1/sqrt(I) then sqrt(2/I)")  # fmt: skip
LAST = ("glorot", "1/sqrt(I)", "0.1/sqrt(I)")
BIAS = ("zero", "1/sqrt(I)")


class Start(NamedTuple):
    """One way to draw what a network starts from; I inputs and O outputs of a layer.

    by activation   U(+-sqrt(6 / I)) for relu and its like, LeCun normal for selu, else Glorot
    glorot          U(+-sqrt(6 / (I + O)))
    he              U(+-sqrt(6 / I))
    lecun           U(+-sqrt(3 / I))
    sqrt(2/I)       U(+-sqrt(2 / I))
    1/sqrt(I)       U(+-1 / sqrt(I))
    a then b        the first layer by a, the other hidden ones by b
    """

    hidden: str
    last: str
    bias: str


STARTS = {
    "starts": [Start(*chosen) for chosen in product(HIDDEN, LAST, BIAS)],
    "first": [Start(rule, "1/sqrt(I)", "1/sqrt(I)") for rule in FIRST],
}


class Net(NamedTuple):
    """What all starts have in common."""

    task: str
    hidden: tuple[int, ...]
    activation: str
    seed: int


def weights(rule: str, activation: str, first: bool) -> Callable[..., np.ndarray]:
    """Return the initialiser that ``rule`` means for weights before ``activation``."""
    if " then " in rule:
        rule = rule.split(" then ")[not first]
    if rule == "by activation":
        if activation == "selu":
            return cnn.init.lecun_normal
        like_relu = activation in ("relu", "gelu", "silu", "elu")
        return cnn.init.he_uniform if like_relu else cnn.init.glorot_uniform
    if rule == "glorot":
        return cnn.init.glorot_uniform
    return uniform(0.1 if rule.startswith("0.1") else SCALES[rule])


def uniform(scale: float, n_in: int | None = None) -> Callable[..., np.ndarray]:
    """Return U(+-scale / sqrt(I)); ``n_in`` is I where the shape does not say it."""

    def init(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        limit = scale / sqrt(n_in or shape[0])
        return rng.uniform(-limit, limit, shape)

    return init


def build(net: Net, n_in: int, n_out: int, start: Start) -> cnn.Sequential:
    layers, widths = [], (n_in, *net.hidden, n_out)
    for i, (n, units) in enumerate(pairwise(widths)):
        is_last = i == len(net.hidden)
        activation = "linear" if is_last else net.activation
        init = weights(start.last if is_last else start.hidden, activation, first=i == 0)
        bias = cnn.init.zeros if start.bias == "zero" else uniform(1.0, n)
        layers.append(cnn.Dense(units, activation, init=init, bias_init=bias))
    return cnn.Sequential(layers, n_in, seed=net.seed)


def train(net: Net, task: Task, rows: tuple[Rows, Rows], start: Start) -> dict[str, float]:
    """Return the test losses early and at the end, and the share of wrong classes."""
    (x, y), (x_test, y_test) = rows
    model, least = build(net, x.shape[1], task.n_out, start), least_loss(task, y_test)
    trainer = cnn.Trainer(model, loss=task.loss(), optimizer=cnn.Adam(), seed=net.seed)
    found = {}
    for when, epochs in (("early", task.epochs // EARLY), ("end", task.epochs)):
        trainer.fit(x, y, batch_size=32, epochs=epochs - trainer.epochs_done, progress=False)
        found[when] = float(trainer.evaluate(x_test, y_test)["loss"]) - least
    z = model.predict(x_test)
    if isinstance(trainer.loss, cnn.SoftmaxCrossEntropy):
        found["wrong"] = float(np.mean(z.argmax(1) != y_test))
    elif isinstance(trainer.loss, cnn.BinaryCrossEntropy):
        found["wrong"] = float(np.mean((z[:, 0] > 0) != (y_test > 0.5)))
    return found


def least_loss(task: Task, y: np.ndarray) -> float:
    """Return the loss of a perfect prediction, which is not 0 for counts."""
    if task.loss is not cnn.Poisson:
        return 0.0
    y = y.astype(float)
    return float(np.mean(y - y * np.log(np.where(y > 0, y, 1))))


def nets(tasks: list[tuple[Task, Rows]], seeds: range, args: argparse.Namespace) -> Iterator[Any]:
    """Yield each network with its task and rows; seed after seed, so that any run is whole."""
    architectures = ARCHITECTURES[:2] if args.quick else ARCHITECTURES
    activations = ACTIVATIONS[:2] if args.quick else ACTIVATIONS
    activations = activations[:3] if args.what == "first" else activations
    for seed in seeds:
        for task, rows in tasks:
            drawn = split(task, rows, seed)
            for hidden, activation in product(architectures, activations):
                yield Net(task.name, hidden, activation, seed), task, drawn


def load(data: Path, quick: bool) -> list[tuple[Task, Rows]]:
    """Return the tasks whose rows are there; say which are not."""
    found = []
    for task in TASKS[::3] if quick else TASKS:
        try:
            found.append((task, task.load(data)))
        except (ImportError, OSError) as error:
            print(f"left out: {task.name}: {error}", file=sys.stderr)
    return found


class Scores:
    """The results of all networks: an array (networks, starts) for each moment."""

    def __init__(
        self, starts: list[Start], results: list[tuple[Net, list[dict[str, float]]]]
    ) -> None:
        self.all_starts, self.nets = starts, [net for net, _ in results]
        scores = [found for _, found in results]
        self.end, self.early = (self._relative([[s[w] for s in r] for r in scores])
                                for w in ("end", "early"))  # fmt: skip
        self.loss = np.array([[s["end"] for s in r] for r in scores])
        self.rank = 1 + np.argsort(np.argsort(self.loss, axis=1), axis=1)
        self.wrong = np.array([[s.get("wrong", np.nan) for s in r] for r in scores])

    @staticmethod
    def _relative(losses: list[list[float]]) -> np.ndarray:
        """Return log(loss / geometric mean of the row)."""
        logs = np.log(np.array(losses))
        return logs - logs.mean(axis=1, keepdims=True)

    def rows(self, **wanted: Any) -> np.ndarray:
        """Return which networks have these fields."""
        return np.array([all(getattr(n, k) == v for k, v in wanted.items()) for n in self.nets])

    def starts(self, **wanted: str) -> np.ndarray:
        """Return which starts have these fields."""
        return np.array(
            [all(getattr(s, k) == v for k, v in wanted.items()) for s in self.all_starts]
        )

    def rules(self) -> dict[str, list[str]]:
        """Return the rules that differ between starts, by field."""
        found = {f: list(dict.fromkeys(getattr(s, f) for s in self.all_starts))
                 for f in Start._fields}  # fmt: skip
        return {f: rules for f, rules in found.items() if len(rules) > 1}

    def line(self, start: np.ndarray, net: np.ndarray | None = None) -> str:
        """Return mean rank, relative losses and percent wrong over these starts and networks."""
        net = np.ones(len(self.nets), bool) if net is None else net
        at = np.ix_(net, start)
        wrong = 100 * np.nanmean(self.wrong[at])
        return (f"{self.rank[at].mean():6.2f} | {np.exp(self.end[at].mean()):6.3f} | "
                f"{np.exp(self.early[at].mean()):6.3f} | {wrong:6.2f} |")  # fmt: skip


HEAD = "rank | loss | early | wrong % |\n|---|---|---|---|---|"


def report(scores: Scores) -> None:
    """Print the tables as Markdown."""
    starts, rules = scores.all_starts, scores.rules()
    n_task = len({n.task for n in scores.nets})
    print(f"\n{len(scores.nets)} networks on {n_task} tasks, {len(starts)} starts each\n")
    if len(rules) > 1:
        print("| hidden, last, bias |", HEAD)
        for i in np.argsort(scores.rank.mean(0)):
            print("|", ", ".join(starts[i]), "|", scores.line(np.arange(len(starts)) == i))
    for field, names in rules.items():
        print(f"\n| {field} |", HEAD)
        for rule in names:
            print(f"| {rule} |", scores.line(scores.starts(**{field: rule})))
    across(scores, "activation", [{"activation": a} for a in ACTIVATIONS])
    across(scores, "architecture", [{"hidden": a} for a in ARCHITECTURES])
    across(scores, "task", [{"task": t.name} for t in TASKS])


def across(scores: Scores, name: str, groups: list[dict[str, Any]]) -> None:
    """Print each rule's relative loss, as (end / early), for every group of networks."""
    rules = [(f, r) for f, names in scores.rules().items() for r in names]
    print(f"\n| {name} |", " | ".join(f"{f}: {r}" for f, r in rules), "|")
    print("|---" * (len(rules) + 1) + "|")
    for group in groups:
        net = scores.rows(**group)
        if net.any():
            at = [np.ix_(net, scores.starts(**{f: r})) for f, r in rules]
            cells = [f"{np.exp(scores.end[a].mean()):.3f} / {np.exp(scores.early[a].mean()):.3f}"
                     for a in at]  # fmt: skip
            (label,) = group.values()
            print(f"| {label} |", " | ".join(cells), "|")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("what", choices=STARTS)
    p.add_argument("--data", type=Path, default=Path("../shared/data"), metavar="FOLDER")
    p.add_argument("--seeds", type=int, default=3)
    p.add_argument("--quick", action="store_true", help="few tasks and networks, one seed")
    p.add_argument("--json", type=Path, metavar="FILE", help="write all results, seed after seed")
    args = p.parse_args()
    cnn.set_num_threads(1)
    tasks, starts = load(args.data, args.quick), STARTS[args.what]
    results: list[tuple[Net, list[dict[str, float]]]] = []
    for seed in range(1 if args.quick else args.seeds):
        for net, task, rows in nets(tasks, range(seed, seed + 1), args):
            results.append((net, [train(net, task, rows, start) for start in starts]))
        if args.json:
            args.json.write_text(json.dumps(results))
    report(Scores(starts, results))


if __name__ == "__main__":
    main()
