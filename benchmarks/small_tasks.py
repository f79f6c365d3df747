"""Small learning tasks: real tables, pictures and made-up functions, ready for a network.

Every task is rows of float32 features, standardised, and targets, split by a seed.  The real
ones are read from a folder of data sets and left out where theirs is missing, as are those of
scikit-learn where that is not installed.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

import cnn_core as cnn

Rows = tuple[np.ndarray, np.ndarray]
MISSING = {"", "?", "NA", "unknown"}
MOST_LEVELS, FEWEST_ROWS = 40, 10
"""A category of more levels is left out; a level of fewer rows gets no column."""


class Task(NamedTuple):
    """``load`` returns all rows; ``n_train`` and at most ``n_test`` of them are drawn."""

    name: str
    load: Callable[[Path], Rows]
    loss: Callable[[], cnn.nn.losses.Loss]
    n_out: int
    n_train: int
    n_test: int
    epochs: int


def split(task: Task, rows: Rows, seed: int) -> tuple[Rows, Rows]:
    """Return training and test rows, features standardised by the training rows."""
    x, y = rows
    order = np.random.default_rng(seed).permutation(len(x))
    train, test = order[: task.n_train], order[task.n_train : task.n_train + task.n_test]
    mean, spread = x[train].mean(0), x[train].std(0)
    z = (x - mean) / np.where(spread > 0, spread, 1)
    z = np.clip(z, -10, 10).astype(np.float32)  # levels that training has never or hardly seen
    if y.dtype.kind == "f" and task.loss is not cnn.Poisson and task.loss is not bce:
        y = (y - y[train].mean()) / y[train].std()
    if y.dtype.kind == "f":
        y = y.astype(np.float32)
    return (z[train], y[train]), (z[test], y[test])


def table(path: Path, target: str | int, *, drop: Sequence[str] = (), codes: Sequence[str] = (),
          header: bool = True, value: Callable[[str], float] = float) -> Rows:  # fmt: skip
    """Return a CSV file's features, categories as columns of 0 and 1, and its targets.

    ``codes`` are numbers that name levels.  Missing numbers become the mean, missing levels a
    level of their own.
    """
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    found = [row for row in csv.reader(io.StringIO(text, newline=""), skipinitialspace=True) if row]
    names = found.pop(0) if header else [str(i) for i in range(len(found[0]))]
    columns = dict(zip(names, (np.array(c) for c in zip(*found, strict=True)), strict=True))
    y = np.array([value(cell) for cell in columns.pop(str(target))])
    made = [encoded(c, n in codes) for n, c in columns.items() if n not in drop]
    return np.hstack(made), y


def encoded(column: np.ndarray, is_code: bool) -> np.ndarray:
    """Return the columns of numbers that one column of text becomes."""
    missing = np.isin(column, list(MISSING))
    if not is_code:
        try:
            numbers = np.where(missing, "nan", column).astype(float)
            return np.where(missing, np.nanmean(numbers), numbers)[:, None]
        except ValueError:
            pass
    levels, counts = np.unique(column, return_counts=True)
    levels = levels[counts >= FEWEST_ROWS]
    if len(levels) > MOST_LEVELS:
        return np.empty((len(column), 0))
    return (column[:, None] == levels).astype(float)


def adult(data: Path) -> Rows:
    return table(data / "adult" / "adult-train.csv", 14, header=False,
                 value=lambda text: float(text.startswith(">50K")))  # fmt: skip


def ames(data: Path) -> Rows:
    x, y = table(data / "ames-housing" / "AmesHousing.csv", "SalePrice", drop=("Order", "PID"),
                 codes=("MS SubClass",))  # fmt: skip
    return x, np.log(y)


def bank(data: Path) -> Rows:
    return table(data / "bank-marketing" / "bank-full.csv.gz", "y", drop=("duration",),
                 value=lambda text: float(text == "yes"))  # fmt: skip


def bikes(data: Path) -> Rows:
    x, y = table(data / "bike-sharing" / "hour.csv.gz", "cnt", codes=("season", "hr", "weathersit"),
                 drop=("instant", "dteday", "casual", "registered"))  # fmt: skip
    return x, y / 100


def california(data: Path) -> Rows:
    return table(data / "california-housing" / "housing.csv.gz", "median_house_value")


def diamonds(data: Path) -> Rows:
    x, y = table(data / "diamonds" / "diamonds.csv", "price")
    return x, np.log(y)


def letters(data: Path) -> Rows:
    return table(data / "letter" / "letter.csv", "class", value=lambda a: ord(a) - ord("A"))


def titanic(data: Path) -> Rows:
    return table(data / "titanic" / "titanic.csv", "Survived", codes=("Pclass",),
                 drop=("PassengerId", "Name", "Ticket", "Cabin"))  # fmt: skip


def pictures(name: str, data: Path) -> Rows:
    found = cnn.data.load_idx_dataset(data / name)
    return found.x_train[:8000].reshape(8000, -1) / 255.0, found.y_train[:8000]


def bundled(name: str, data: Path) -> Rows:
    from sklearn import datasets

    return getattr(datasets, f"load_{name}")(return_X_y=True)


def eight_features(data: Path) -> Rows:
    """Friedman's first function of five features, three more that say nothing, and noise."""
    rng = np.random.default_rng(8)
    x = rng.random((2400, 8))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
    return x, y + 10 * x[:, 3] + 5 * x[:, 4] + rng.normal(size=len(x))


def waves(data: Path) -> Rows:
    """A smooth function of two features, without noise."""
    x = np.random.default_rng(9).uniform(-1, 1, (3000, 2))
    return x, np.sin(4 * x[:, 0]) * np.cos(3 * x[:, 1]) + x[:, 0] * x[:, 1]


def spirals(data: Path) -> Rows:
    """Three arms that wind about each other in the plane."""
    rng = np.random.default_rng(10)
    arm, t = rng.integers(0, 3, 3000), rng.uniform(0.2, 1, 3000)
    angle = 2 * np.pi * (t + arm / 3) + rng.normal(0, 0.12, 3000)
    return np.stack([t * np.cos(angle), t * np.sin(angle)], 1), arm


def bce() -> cnn.nn.losses.Loss:
    return cnn.BinaryCrossEntropy()


softmax = cnn.SoftmaxCrossEntropy
low, high = partial(cnn.Pinball, 0.1), partial(cnn.Pinball, 0.9)

TASKS = (
    Task("8 features, 200 rows", eight_features, cnn.MSE, 1, 200, 2000, 150),
    Task("waves", waves, cnn.MSE, 1, 600, 2000, 60),
    Task("spirals", spirals, softmax, 3, 600, 2000, 60),
    Task("california-housing", california, cnn.MAE, 1, 3000, 3000, 12),
    Task("diamonds, quantile 0.1", diamonds, low, 1, 3000, 3000, 12),
    Task("diamonds, quantile 0.9", diamonds, high, 1, 3000, 3000, 12),
    Task("ames-housing", ames, cnn.Huber, 1, 1500, 1400, 20),
    Task("bike-sharing", bikes, cnn.Poisson, 1, 3000, 3000, 12),
    Task("diabetes", partial(bundled, "diabetes"), cnn.MSE, 1, 300, 142, 40),
    Task("adult", adult, bce, 1, 3000, 3000, 8),
    Task("bank-marketing", bank, bce, 1, 3000, 3000, 8),
    Task("titanic", titanic, bce, 1, 600, 291, 30),
    Task("breast cancer", partial(bundled, "breast_cancer"), bce, 1, 380, 189, 20),
    Task("letter", letters, softmax, 26, 5000, 3000, 12),
    Task("digits", partial(bundled, "digits"), softmax, 10, 1200, 597, 20),
    Task("wine", partial(bundled, "wine"), softmax, 3, 120, 58, 40),
    Task("mnist", partial(pictures, "mnist"), softmax, 10, 2000, 2000, 8),
    Task("fashion-mnist", partial(pictures, "fashion-mnist"), softmax, 10, 2000, 2000, 8),
)
