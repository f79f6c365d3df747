"""Learners for raw tables on eight public ones, against boosting and other networks.

    python benchmarks/tables.py --out results.jsonl                    # all: hours on two cores
    python benchmarks/tables.py --out results.jsonl --only realmlp hist_boosting --sets adult
    python benchmarks/tables.py --out results.jsonl --show             # the table of what there is

Each result is a line of the file as soon as it is there, and none is made twice: what is broken
off goes on.  Contestants that are not installed are left out, and said so.  `table_sets.py` says
what the splits are, `table_peers.py` who is compared and how.

accuracy, auc, logloss, ece      classes; AUC and the expected calibration error (15 bins of equal
                                 width of the top class's probability) where there are two
r2, rmse                         numbers
coverage                         share of the targets within intervals made for 90 %
validation                       accuracy or R2 of the rows that our learners held back, by which
                                 defaults may be chosen
seconds                          fit and predict, on --threads threads
rank                             by accuracy and R2, mean over seeds; the mean over the data sets
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

from environment import for_threads, forget_tuning

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
NEEDS = {"hist_boosting": "sklearn", "lightgbm": "lightgbm", "sklearn_mlp": "sklearn",
         "pytabkit": "pytabkit"}  # fmt: skip
RANKED = ("realmlp", "tabm", "hist_boosting", "lightgbm", "sklearn_mlp")


def parse() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--out", type=Path, required=True, metavar="FILE", help="results, a line each")
    p.add_argument("--only", nargs="+", metavar="NAME", help="contestants")
    p.add_argument("--sets", nargs="+", metavar="NAME", help="data sets")
    p.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--show", action="store_true", help="show what there is, make nothing")
    p.add_argument("--data", type=Path, default=Path(os.environ.get("CNN_CORE_DATA", BESIDE)),
                   metavar="FOLDER", help="data sets; or CNN_CORE_DATA")  # fmt: skip
    return p.parse_args()


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# -- figures ------------------------------------------------------------------------------


def figures(answers: Any, split: Any) -> dict[str, float]:
    import numpy as np
    from sklearn.metrics import log_loss, roc_auc_score

    from cnn_core.tabular import calibration_error

    if not split.classes:
        error = np.asarray(answers.found, np.float64).ravel() - split.y_test
        r2 = 1 - (error**2).sum() / ((split.y_test - split.y_test.mean()) ** 2).sum()
        made = {"r2": float(r2), "rmse": float(np.sqrt((error**2).mean()))}
        if answers.interval is not None:
            low, high = answers.interval.T
            made["coverage"] = float(((low <= split.y_test) & (split.y_test <= high)).mean())
        return made
    classes = np.unique(split.y)
    p = np.asarray(answers.found, np.float64)
    p = p / p.sum(1, keepdims=True)
    right = classes[p.argmax(1)] == split.y_test
    made = {"accuracy": float(right.mean()), "logloss": log_loss(split.y_test, p, labels=classes)}
    if len(classes) == 2:
        made["auc"] = float(roc_auc_score(split.y_test == classes[1], p[:, 1]))
        made["ece"] = calibration_error(split.y_test, p, classes=classes)
    return made


def make(given: argparse.Namespace) -> None:
    from table_peers import CONTESTANTS
    from table_sets import SETS, split

    done = {(r["contestant"], r["set"], r["seed"]) for r in read(given.out)}
    for seed in given.seeds:
        for name in given.sets or SETS:
            try:
                parts = split(name, seed, given.data)
            except OSError as error:
                print(f"{name}: left out: {error}")
                continue
            for contestant in given.only or CONTESTANTS:
                need = NEEDS.get(contestant, "cnn_core")
                if (contestant, name, seed) in done:
                    continue
                if importlib.util.find_spec(need) is None:
                    print(f"{contestant}: left out: {need} is not installed")
                    continue
                begin, busy = time.perf_counter(), time.process_time()
                answers = CONTESTANTS[contestant](parts, seed, given.threads)
                took = {"seconds": time.perf_counter() - begin,
                        "processor_seconds": time.process_time() - busy}  # fmt: skip
                made = figures(answers, parts)
                if answers.validation is not None:
                    made["validation"] = answers.validation
                line = {"contestant": contestant, "set": name, "seed": seed, **made, **took}
                with open(given.out, "a") as file:
                    file.write(json.dumps(line) + "\n")
                shown = "  ".join(f"{k} {v:.4f}" for k, v in {**made, **took}.items())
                print(f"{name:10} seed {seed}  {contestant:14} {shown}", flush=True)


# -- the table ----------------------------------------------------------------------------


def show(results: list[dict[str, Any]]) -> None:
    found: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for line in results:
        found[line["set"]][line["contestant"]].append(line)
    ranks: dict[str, list[float]] = defaultdict(list)
    for name, of in found.items():
        print(f"\n{name}")
        means = {c: {k: sum(r[k] for r in lines) / len(lines) for k in lines[0]
                     if isinstance(lines[0][k], float)} for c, lines in of.items()}  # fmt: skip
        by = "accuracy" if "accuracy" in next(iter(means.values())) else "r2"
        for contestant in sorted(means, key=lambda c: -means[c][by]):
            shown = "  ".join(f"{k} {v:8.4f}" for k, v in means[contestant].items())
            print(f"  {contestant:14} seeds {len(of[contestant])}  {shown}")
        ranked = [c for c in RANKED if c in means]
        for c in ranked:
            better = sum(means[o][by] > means[c][by] for o in ranked)
            equal = sum(means[o][by] == means[c][by] for o in ranked)
            ranks[c].append(1 + better + (equal - 1) / 2)
    print("\nmean rank")
    for c in sorted(ranks, key=lambda c: sum(ranks[c]) / len(ranks[c])):
        print(f"  {c:14} {sum(ranks[c]) / len(ranks[c]):5.2f}  of {len(ranks[c])} data sets")


def main() -> int:
    given = parse()
    if not given.show:
        forget_tuning()
        os.environ.update(for_threads(given.threads))
        warnings.simplefilter("ignore")
        make(given)
    show(read(given.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
