"""Who earns more than 50,000 dollars?  A raw table in, probabilities that can be trusted out.

    python examples/adult.py path/to/adult
    python examples/adult.py path/to/adult --epochs 5       a shorter look

The folder holds the training and the test part of UCI's Adult, as they come: adult.data and
adult.test, or adult-train.csv and adult-test.csv.  They have no line of names.
"""

import argparse
import csv
import os
import tempfile
from pathlib import Path

import numpy as np

import cnn_core as cnn
from cnn_core.tabular import TabularClassifier
from cnn_core.tabular.calibration import calibration_error

COLUMNS = [
    "age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation",
    "relationship", "race", "sex", "capital_gain", "capital_loss", "hours_per_week",
    "native_country", "income",
]  # fmt: skip

HELP = """need a folder with the two files of Adult; got {}
Get them from https://archive.ics.uci.edu/dataset/2/adult and pass the folder."""


def read(folder, names):
    """Return the rows of the first of these files that is there, as dictionaries."""
    path = next((folder / name for name in names if (folder / name).exists()), None)
    if path is None:
        raise SystemExit(HELP.format(folder))
    with open(path, encoding="utf-8", newline="") as file:
        # The test part begins with a comment, |1x3 Cross validator.
        lines = (line for line in file if line.strip() and not line.startswith("|"))
        rows = [dict(zip(COLUMNS, fields, strict=True))
                for fields in csv.reader(lines, skipinitialspace=True)]  # fmt: skip
    for row in rows:
        row["income"] = row["income"].rstrip(".")  # as the labels of the test part end
    return rows


def show_calibration(model, rows, truth):
    """Print how often what is said to be likely comes true."""
    p = model.predict_proba(rows)[:, 1]
    print(f"\nsaid to earn more   do so, of {len(rows):,} people never seen")
    fifth = np.minimum((5 * p).astype(int), 4)
    for these in (fifth == i for i in range(5)):
        if these.any():
            print(f"{p[these].mean():11.0%} {truth[these].mean():19.0%}   {these.sum():,} people")
    print(f"expected calibration error {calibration_error(truth, p):.4f}")


def main():
    parser = argparse.ArgumentParser(description="Learn who earns more, from the raw files.")
    parser.add_argument("folder", nargs="?", type=Path, help="where the files of Adult are",
                        default=Path(os.environ.get("CNN_CORE_DATA", "../shared/data")) / "adult")
    parser.add_argument("--recipe", help="realmlp, tabm or mlp; default: the package decides")
    parser.add_argument("--epochs", type=int, help="passes over the data; default: the recipe's")
    parser.add_argument("--time-limit", type=float, help="seconds that the training may take")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same result")
    options = parser.parse_args()

    train = read(options.folder, ["adult-train.csv", "adult.data"])
    test = read(options.folder, ["adult-test.csv", "adult.test"])

    # Numbers, categories and "?" for what nobody knows: the model finds out by itself.
    given = {} if options.recipe is None else {"recipe": options.recipe}
    if options.epochs is not None:
        given["options"] = {"epochs": options.epochs}
    model = TabularClassifier(**given, seed=options.seed, progress=True)
    model.fit(train, "income", time_limit=options.time_limit)
    print(model.columns_)
    print(f"\ntrained in {model.fit_seconds_:.1f} s: {model.recipe_.name}")
    for note in model.notes_:
        print(f"note: {note}")

    print(f"\n{model.evaluate(test)}")
    show_calibration(model, test, np.array([row["income"] == ">50K" for row in test]))

    print()
    print(model.permutation_importance(test[:2000], "income", seed=options.seed))

    # One file holds all of it: what the columns are, the network, how to calibrate.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "adult.safetensors"
        model.save(path)
        print(f"\n{path.stat().st_size / 1024:,.0f} KiB")
        again = cnn.load(path)
    person = {**test[0], "age": 45, "education": "Masters", "education_num": 14,
              "hours_per_week": None}  # fmt: skip
    del person["income"]
    p = again.predict_proba(person)
    print(f"{person}\nearns more with probability {p[0, 1]:.3f}")
    print(f"loaded, it says {'the same' if (p == model.predict_proba(person)).all() else 'else'}")


if __name__ == "__main__":
    main()
