"""What is a diamond worth?  A raw CSV file in, prices with intervals that hold out.

    python examples/diamonds.py path/to/diamonds.csv
    python examples/diamonds.py path/to/diamonds.csv --epochs 5       a shorter look

Prices go from 326 to 18,823 dollars: what is learned is their logarithm, of which an error of 0.1
is a tenth of the price, of cheap diamonds as of dear ones.
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np

import cnn_core as cnn
from cnn_core.tabular import TabularRegressor, read_table

HELP = """need the file diamonds.csv; got {}
Get it from https://github.com/mwaskom/seaborn-data and pass its name."""


def parts(table, seed):
    """Return a training part of four fifths, and a test part: dictionaries of columns."""
    order = np.random.default_rng(seed).permutation(len(table))
    cut = len(table) * 4 // 5
    columns = {name: np.array(column) for name, column in zip(table.names, table.columns,
                                                              strict=True)}  # fmt: skip
    return ({name: column[rows] for name, column in columns.items()}
            for rows in (order[:cut], order[cut:]))  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description="Learn the prices of diamonds.")
    parser.add_argument("file", nargs="?", type=Path, help="diamonds.csv",
                        default=Path(os.environ.get("CNN_CORE_DATA", "../shared/data"))
                        / "diamonds/diamonds.csv")  # fmt: skip
    parser.add_argument("--recipe", help="realmlp, tabm or mlp; default: the package decides")
    parser.add_argument("--epochs", type=int, help="passes over the data; default: the recipe's")
    parser.add_argument("--time-limit", type=float, help="seconds that the training may take")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same result")
    options = parser.parse_args()
    if not options.file.exists():
        raise SystemExit(HELP.format(options.file))

    train, test = parts(read_table(options.file), options.seed)
    price, true = np.log(train.pop("price")), test.pop("price")

    given = {} if options.recipe is None else {"recipe": options.recipe}
    if options.epochs is not None:
        given["options"] = {"epochs": options.epochs}
    model = TabularRegressor(**given, seed=options.seed, progress=True)
    model.fit(train, price, time_limit=options.time_limit)
    print(model.columns_)
    print(f"\ntrained in {model.fit_seconds_:.1f} s: {model.recipe_.name}")
    for note in model.notes_:
        print(f"note: {note}")

    print(f"\nlogarithm of the price\n{model.evaluate(test, np.log(true))}")
    off = np.abs(np.exp(model.predict(test)) / true - 1)
    print(f"half of the prices are off by less than {np.median(off):.1%}")

    # How wide an interval must be to hold nine of ten is measured on rows that were held back.
    low, high = np.exp(model.predict_interval(test, coverage=0.9)).T
    inside = np.mean((low <= true) & (true <= high))
    print(f"intervals for 90%: {inside:.1%} of the prices are within; as wide as "
          f"{np.median(high / low - 1):.0%} of the price")  # fmt: skip

    print()
    few = {name: column[:2000] for name, column in test.items()}
    print(model.permutation_importance(few, np.log(true[:2000]), seed=options.seed))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "diamonds.safetensors"
        model.save(path)
        print(f"\n{path.stat().st_size / 1024:,.0f} KiB")
        again = cnn.load(path)
    diamond = {"carat": 1.01, "cut": "Ideal", "color": "G", "clarity": "VS2", "depth": 61.8,
               "table": 57, "x": 6.4, "y": 6.43, "z": 3.97}  # fmt: skip
    ends = np.exp(again.predict_interval(diamond, coverage=0.9))[0]
    print(f"{diamond}\nis worth {np.exp(again.predict(diamond))[0]:,.0f} dollars; with 90% between "
          f"{ends[0]:,.0f} and {ends[1]:,.0f}")  # fmt: skip
    same = (again.predict(diamond) == model.predict(diamond)).all()
    print(f"loaded, it says {'the same' if same else 'else'}")


if __name__ == "__main__":
    main()
