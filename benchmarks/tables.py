"""Learners for raw tables on eight public ones, against boosting and other networks.

    python benchmarks/tables.py --out results.jsonl                    # all: an hour or more
    python benchmarks/tables.py --out results.jsonl --only realmlp hist_boosting --sets adult
    python benchmarks/tables.py --out results.jsonl --show             # the table of what there is
    python benchmarks/tables.py --out results.jsonl --show --markdown  # that of docs/tabular.md

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
    p.add_argument("--markdown", action="store_true", help="the table of the documentation")
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


SHOWN = {"accuracy": (100, ".2f", "accuracy, %"), "auc": (100, ".2f", "AUC, %"),
         "ece": (100, ".1f", "calibration error, %"), "r2": (1, ".4f", "R2"),
         "rmse": (1, ".3f", "RMSE"), "coverage": (100, ".1f", "coverage of 90 %"),
         "processor_seconds": (1, ".1f", "processor seconds")}  # fmt: skip
"""Figures of the documentation: what they are multiplied by, how they are written and called."""


def by_set(results: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, float]]]:
    """Return the means over seeds, of each data set and contestant, and how many ``seeds``."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for line in results:
        found[line["set"]][line["contestant"]].append(line)
    return {name: {c: {"seeds": len(lines)} |
                   {k: sum(r[k] for r in lines) / len(lines) for k in lines[0]
                    if isinstance(lines[0][k], float)}
                   for c, lines in of.items()} for name, of in found.items()}  # fmt: skip


def mean_ranks(means: dict[str, dict[str, dict[str, float]]]) -> dict[str, list[float]]:
    """Return the rank of each contestant by accuracy or R2 in each data set, best first."""
    ranks: dict[str, list[float]] = defaultdict(list)
    for of in means.values():
        by, ranked = _by(of), [c for c in RANKED if c in of]
        for c in ranked:
            better = sum(of[o][by] > of[c][by] for o in ranked)
            equal = sum(of[o][by] == of[c][by] for o in ranked)
            ranks[c].append(1 + better + (equal - 1) / 2)
    return dict(sorted(ranks.items(), key=lambda item: sum(item[1]) / len(item[1])))


def _by(of: dict[str, dict[str, float]]) -> str:
    return "accuracy" if "accuracy" in next(iter(of.values())) else "r2"


def show(results: list[dict[str, Any]]) -> None:
    means = by_set(results)
    for name, of in means.items():
        print(f"\n{name}")
        for contestant in sorted(of, key=lambda c: -of[c][_by(of)]):
            shown = "  ".join(f"{k} {v:8.4f}" for k, v in of[contestant].items() if k != "seeds")
            print(f"  {contestant:14} seeds {of[contestant]['seeds']}  {shown}")
    print("\nmean rank")
    for c, ranks in mean_ranks(means).items():
        print(f"  {c:14} {sum(ranks) / len(ranks):5.2f}  of {len(ranks)} data sets")


def markdown(results: list[dict[str, Any]]) -> None:
    means = by_set(results)
    known = list(dict.fromkeys(r["contestant"] for r in results))
    order = [c for c in (*RANKED[:2], "mlp", *RANKED[2:], "pytabkit") if c in known]
    print(f"| | {' | '.join(order)} |\n|{'---|' * (len(order) + 1)}")
    for name, of in means.items():
        for figure, (times, digits, called) in SHOWN.items():
            if any(figure in of.get(c, {}) for c in order):
                cells = [f"{times * of[c][figure]:{digits}}" if figure in of.get(c, {}) else ""
                         for c in order]  # fmt: skip
                print(f"| {name}, {called} | {' | '.join(cells)} |")
    ranks = mean_ranks(means)
    cells = [f"{sum(ranks[c]) / len(ranks[c]):.2f}" if c in ranks else "" for c in order]
    print(f"| mean rank | {' | '.join(cells)} |")


def main() -> int:
    given = parse()
    if not given.show:
        forget_tuning()
        os.environ.update(for_threads(given.threads))
        warnings.simplefilter("ignore")
        make(given)
    (markdown if given.markdown else show)(read(given.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
