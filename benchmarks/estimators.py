"""The estimators against scikit-learn's own classes: speed, scores, loss curves, memory.

    python benchmarks/estimators.py                              # all of it: some 20 minutes
    python benchmarks/estimators.py --only digits one_row        # a part
    python benchmarks/estimators.py --only scores --seeds 3

digits    `fit` on scikit-learn's digits, default parameters, one thread; "float32 / float64": ours
          with dtype="float32", scikit-learn's on digits as they are loaded
mnist     `fit` on MNIST as float32, (256, 128), batch 128, two iterations, two threads
tfidf     `fit` on sparse rows of 20,000 columns, 100 entries to a row, one and two threads
one_row   `predict` of one row, after that fit of digits; of a classifier and a regressor
grid      `GridSearchCV` on digits, 24 candidates by 3 folds, in two processes or two threads,
          whichever suits a class, of which both sides find the pool at work
memory    resident memory over 100 fits of digits, and of as many of other sizes
scores    mean test score over 10 seeds on six data sets
curves    loss of the first 20 iterations, float64, from the same random_state

Times are the shortest of rounds in which both classes take turns in one process, under one limit of
threads for both (threadpoolctl's); on one thread it is processor time that counts, which other work
on the machine disturbs least.  Both make the same iterations, by the same rule of when to stop:
what is compared is the time of one, and the number of each is printed.  MNIST and letter come from
--data, a folder of data sets, and are left out where it lacks them.  The status is 1 if a figure is
not reached.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from environment import forget_tuning

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def parse() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--only", nargs="+", metavar="PART", help="some of the parts above")
    p.add_argument("--data", type=Path, default=Path(os.environ.get("CNN_CORE_DATA", BESIDE)),
                   metavar="FOLDER", help="data sets; or CNN_CORE_DATA")  # fmt: skip
    p.add_argument("--rounds", type=int, default=5, help="turns of each class")
    p.add_argument("--seeds", type=int, default=10, help="of the scores")
    return p.parse_args()


def main() -> None:
    args = parse()
    forget_tuning()
    try:
        import sklearn
    except ImportError:
        raise SystemExit('need scikit-learn: pip install "cnn-core[sklearn]"') from None
    from estimator_scores import SCORES
    from estimator_times import TIMES

    parts = {**TIMES, **SCORES}
    unknown = set(args.only or ()) - parts.keys()
    if unknown:
        raise SystemExit(f"--only: need some of {', '.join(parts)}; got {', '.join(unknown)}")
    print(f"scikit-learn {sklearn.__version__}, {os.cpu_count()} cores", flush=True)
    good = True
    for name, measure in parts.items():
        if args.only and name not in args.only:
            continue
        for line in measure(args):
            good &= line.holds
            print(line, flush=True)
    sys.exit(not good)


if __name__ == "__main__":
    main()
