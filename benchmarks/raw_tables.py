"""Raw tables: how long one row, a table and a CSV file take to become what a network takes, and to
be predicted by a learner.

    python benchmarks/raw_tables.py [--rows 100000] [--data ../shared/data] [--recipe mlp]

Adult where it is there, else a made table of 14 columns like it (6 of numbers, 8 of categories).
Each figure is the least processor time over several turns; the second column is a share of what
the standard library alone takes to read the same file into columns and to make floats and
dictionary look-ups of them, in the same turns.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
import warnings
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np

from cnn_core.tabular import TableEncoder, TabularClassifier, read_table

TURNS = 7


def made_lines(n: int) -> list[str]:
    rng = np.random.default_rng(0)
    numbers = [rng.integers(0, 10**k, n).astype(str) for k in (2, 6, 2, 5, 4, 2)]
    levels = [np.array([f"level {i} of {k}" for i in range(k)])[rng.integers(0, k, n)]
              for k in (9, 16, 7, 15, 6, 5, 2, 42)]  # fmt: skip
    return [",".join(row) for row in zip(*numbers, *levels, strict=True)]


def lines_of(data: Path, n: int) -> list[str]:
    path = data / "adult" / "adult-train.csv"
    if not path.exists():
        return made_lines(n)
    lines = [line for line in path.read_text().splitlines() if line]
    return (lines * (n // len(lines) + 1))[:n]


def plain(path: Path) -> None:
    """Read with `csv`, in chunks that stay in the cache; make floats, look texts up."""
    with open(path, newline="") as file:
        reader = csv.reader(file, skipinitialspace=True)
        while rows := list(islice(reader, 2048)):
            for values in zip(*rows, strict=True):
                try:
                    np.fromiter(map(float, values), np.float64, len(values))
                except ValueError:
                    place = {v: i for i, v in enumerate(set(values))}
                    np.fromiter(map(place.__getitem__, values), np.int32, len(values))


def least(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    found = dict.fromkeys(calls, float("inf"))
    for _ in range(TURNS):
        for name, call in calls.items():
            begin = time.process_time()
            call()
            found[name] = min(found[name], time.process_time() - begin)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--recipe", default="mlp")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_text("\n".join(lines_of(given.data, given.rows)) + "\n")
        table = read_table(path, header=False)
        encoder = TableEncoder().fit(table)
        columns = {n: c if isinstance(c, list) else c.tolist()
                   for n, c in zip(table.names, table.columns, strict=True)}  # fmt: skip
        row = {name: column[5] for name, column in columns.items()}
        few = {name: column[:2000] for name, column in columns.items()}
        target = np.arange(2000) % 2  # how long it takes does not depend on what was learned
        learner = TabularClassifier(given.recipe, options={"epochs": 1}).fit(few, target)
        found = least({
            "plain": lambda: plain(path),
            "file to arrays (stream)": lambda: [len(p.numbers) for p in encoder.stream(path)],
            "file to table (read_table)": lambda: read_table(path, header=False),
            "table: fit": lambda: TableEncoder().fit(table),
            "table: transform": lambda: encoder.transform(table),
            "one row, 10,000 times": lambda: [encoder.transform_row(row) for _ in range(10_000)],
            "file to classes (predict)": lambda: learner.predict(path),
            "one row to probabilities, 10,000 times":
                lambda: [learner.predict_proba(row) for _ in range(10_000)],
        })  # fmt: skip
    print(f"{given.rows} rows of {len(row)} columns")
    for name, seconds in found.items():
        print(f"{name:40}  {seconds:7.3f} s  {seconds / found['plain']:6.2f}")
    for name in ("one row", "one row to probabilities"):
        print(f"{name}: {found[f'{name}, 10,000 times'] * 100:.2f} us")


if __name__ == "__main__":
    main()
