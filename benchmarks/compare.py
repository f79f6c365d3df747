"""Compare this package with whichever peers are installed: the same networks, the same weights.

    python benchmarks/compare.py --nets T1 M1 --threads 1 2 --predict --json results.json

Before anything is timed, each peer trains 3 steps, and its loss must then be that of a float64
NumPy reference.  The peers take turns, round by round, each in a process of its own that is
stopped between its turns.  A ratio is the median over the rounds of the peer's time by this
package's time in the same round: above 1, this package is faster.

A new peer is one new file in benchmarks/peers with a class `Adapter` (see peers/base.py).
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
from nets import LEARNING_RATE, NETS, Net, make_rows, make_weights
from peers import OWN, known
from reference import NumpyNet, softmax
from report import sections, task_lines, write_markdown
from worker import PREDICT_ROWS, PeerError, Worker

CHECK_STEPS = 3
CHECK_SHARE = 0.02
"""How far a peer's loss may be from the reference's, as a share of what 3 steps change it by."""

CHECK_ROUNDING = 3e-6
"""... plus this share of the loss itself, for float32."""


class Comparison:
    """The peers at work, and what they did."""

    def __init__(self, peers: list[str], threads: list[int], rounds: int, budget: float) -> None:
        self.rounds, self.budget = rounds, budget
        self.about: dict[str, dict] = {}
        self.results: dict[str, Any] = {
            "date": datetime.date.today().isoformat(),
            "machine": machine(),
            "settings": {"rounds": rounds, "budget": budget},
            "versions": {}, "train": [], "predict": [], "left_out": [],
        }  # fmt: skip
        self.workers = {n: self._start(peers, n) for n in threads}

    def _start(self, peers: list[str], threads: int) -> list[Worker]:
        started = []
        for name in peers:
            worker = Worker(name, threads)
            try:
                with worker.awake():
                    self.about[name] = worker.request("about")
            except PeerError as error:
                self.leave_out(f"{name}, {plural(threads)}: {error}")
                worker.close()
                continue
            self.results["versions"][name] = self.about[name]["version"]
            started.append(worker)
        return started

    def leave_out(self, line: str) -> None:
        print(f"left out: {line}", flush=True)
        self.results["left_out"].append(line)

    def close(self) -> None:
        for workers in self.workers.values():
            for worker in workers:
                worker.close()

    def train(self, name: str, optimizer: str) -> None:
        """Check and time the training of one network by all peers."""
        expected = reference_losses(NETS[name], optimizer)
        for threads, workers in self.workers.items():
            title = f"{name} ({NETS[name]}), {optimizer}, {plural(threads)}"
            ready = [
                w for w in workers
                if self.about[w.name]["trains"] and self._same_loss(w, name, optimizer, expected)
            ]  # fmt: skip
            found = self._rounds(title, ready, "time_steps", self.budget)
            entries = [
                {"net": name, "optimizer": optimizer, "threads": threads, "peer": peer, "turns": t}
                for peer, t in found.items()
            ]
            self._done("train", title, entries)

    def _same_loss(
        self, worker: Worker, name: str, optimizer: str, expected: tuple[float, float]
    ) -> bool:
        who = f"{worker.name}, {plural(worker.threads)}, {name} {optimizer}"
        try:
            with worker.awake():
                worker.request("prepare", name, optimizer)
                if not self.about[worker.name]["has_loss"]:
                    return True
                found = worker.request("losses", CHECK_STEPS)
        except PeerError as error:
            self.leave_out(f"{who}: {error}")
            return False
        problem = loss_problem(found, expected)
        if problem:
            self.leave_out(f"{who}: {problem}")
        return not problem

    def predict(self, name: str, all_rows: list[int]) -> None:
        """Check and time the prediction of several numbers of rows by all peers."""
        for threads, workers in self.workers.items():
            able = [w for w in workers if self.about[w.name]["predicts"]]
            able = [w for w in able if self._prepared(w, name)]
            for rows in all_rows:
                title = f"predict {name}, {rows} rows, {plural(threads)}"
                ready = [w for w in able if self._same_outputs(w, name, rows)]
                found = self._rounds(title, ready, "time_predict", rows, self.budget)
                entries = [
                    {"net": name, "rows": rows, "threads": threads, "peer": peer, "turns": t}
                    for peer, t in found.items()
                ]
                self._done("predict", title, entries)

    def _prepared(self, worker: Worker, name: str) -> bool:
        try:
            with worker.awake():
                worker.request("prepare", name, "sgd")
        except PeerError as error:
            self.leave_out(f"{worker.name}, {plural(worker.threads)}, {name}: {error}")
            return False
        return True

    def _same_outputs(self, worker: Worker, name: str, rows: int) -> bool:
        who = f"predict: {worker.name}, {plural(worker.threads)}, {name}, {rows} rows"
        try:
            with worker.awake():
                found = worker.request("predict", rows)
        except PeerError as error:
            self.leave_out(f"{who}: {error}")
            return False
        if self.about[worker.name]["logits"]:
            found = softmax(found)
        error = float(np.abs(found - reference_probabilities(name, rows)).max())
        if not error < 1e-4:
            self.leave_out(f"{who}: probabilities differ from the reference by {error:.2g}")
        return error < 1e-4

    def _rounds(
        self, title: str, workers: list[Worker], method: str, *args: Any
    ) -> dict[str, list]:
        """Give each worker one turn per round, after one to warm up; return the turns."""
        found: dict[str, list] = {}
        for number in range(self.rounds + 1):
            for w in list(workers):
                try:
                    with w.awake():
                        turn = w.request(method, *args)
                except PeerError as error:
                    self.leave_out(f"{title}: {w.name}: {error}")
                    workers.remove(w)
                    found.pop(w.name, None)
                    continue
                if number:
                    found.setdefault(w.name, []).append(turn)
        return found

    def _done(self, kind: str, title: str, entries: list[dict]) -> None:
        self.results[kind] += entries
        print("\n".join([title, *task_lines(entries), ""]), flush=True)


def plural(threads: int) -> str:
    return f"{threads} thread{'s' * (threads > 1)}"


def loss_problem(found: tuple[float, float], expected: tuple[float, float]) -> str:
    """Return what is wrong with the losses before and after training, or nothing."""
    rounding = CHECK_ROUNDING * abs(expected[0])
    allowed = CHECK_SHARE * abs(expected[1] - expected[0]) + rounding
    if not abs(found[0] - expected[0]) <= rounding:
        return f"initial loss {found[0]:.8g}, reference {expected[0]:.8g}"
    if not abs(found[1] - expected[1]) <= allowed:
        return f"loss after {CHECK_STEPS} steps {found[1]:.8g}, reference {expected[1]:.8g}"
    return ""


def reference_losses(net: Net, optimizer: str) -> tuple[float, float]:
    """Return the first minibatch's loss before and after 3 steps, in float64."""
    model, rows = NumpyNet(net, make_weights(net), optimizer, np.float64), make_rows(net)
    batches = rows.index[: CHECK_STEPS * net.batch].reshape(CHECK_STEPS, net.batch)
    before = model.loss(rows.x[batches[0]], rows.y[batches[0]])
    for chosen in batches:
        model.step(rows.x[chosen].astype(np.float64), rows.y[chosen])
    return before, model.loss(rows.x[batches[0]], rows.y[batches[0]])


def reference_probabilities(name: str, rows: int) -> np.ndarray:
    net = NETS[name]
    x = np.random.default_rng(3).standard_normal((rows, net.sizes[0]), dtype=np.float32)
    return softmax(NumpyNet(net, make_weights(net), "sgd").forward(x)[-1])


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        rows = [line.split(":", 1) for line in info.read_text().splitlines() if ":" in line]
        facts = {k.strip(): v.strip() for k, v in rows}
        cpu = f"{facts.get('model name', cpu)} (family {facts.get('cpu family', '?')})"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return {"cpu": cpu, "cores": cores, "load": load, "system": f"{platform.system()} "
            f"{platform.machine()}", "python": platform.python_version()}  # fmt: skip


def parse() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--nets", nargs="+", choices=NETS, default=list(NETS), metavar="NET",
                   help=f"of {', '.join(NETS)}")  # fmt: skip
    p.add_argument("--peers", nargs="+", choices=known(), default=known(), metavar="PEER",
                   help=f"of {', '.join(known())}")  # fmt: skip
    p.add_argument("--optimizers", nargs="*", choices=LEARNING_RATE, default=list(LEARNING_RATE),
                   help="none: no training")  # fmt: skip
    p.add_argument("--threads", nargs="+", type=int, default=[1])
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--budget", type=float, default=0.2, help="seconds per turn")
    p.add_argument("--predict", nargs="*", type=int, metavar="ROWS",
                   help=f"time predictions of so many rows too ({PREDICT_ROWS})")  # fmt: skip
    p.add_argument("--by", choices=("median", "best"), default="median",
                   help="what the last tables show; best: for a busy machine")  # fmt: skip
    p.add_argument("--json", type=Path, metavar="FILE", help="write all turns of all peers")
    p.add_argument("--markdown", type=Path, metavar="FILE",
                   help="put the tables between the marks in this page")  # fmt: skip
    p.add_argument("--from", dest="source", type=Path, metavar="JSON",
                   help="measure nothing; report what a former run wrote")  # fmt: skip
    return p.parse_args()


def measure(args: argparse.Namespace) -> dict[str, Any]:
    comparison = Comparison(args.peers, args.threads, args.rounds, args.budget)
    try:
        for name in args.nets:
            for optimizer in args.optimizers:
                comparison.train(name, optimizer)
            if args.predict is not None:
                comparison.predict(name, args.predict or list(PREDICT_ROWS))
    finally:
        comparison.close()
    return comparison.results


def main() -> None:
    args = parse()
    results = json.loads(args.source.read_text()) if args.source else measure(args)
    print("\n".join(sections(results, by=args.by, markdown=False)))
    if OWN not in results["versions"]:
        print(f"without {OWN} the tables hold microseconds, not ratios")
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))
    if args.markdown:
        write_markdown(args.markdown, results, args.by)


if __name__ == "__main__":
    main()
