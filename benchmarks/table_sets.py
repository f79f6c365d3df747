"""Eight public tables with splits that anybody can make again, for `tables.py`.

Adult has a test part of its own, the same for every seed; of the others a fifth of the rows, which
`numpy.random.default_rng(seed).permutation` deals out, is the test part.  Targets are given to all
contestants in the same units: diamonds and houses in Ames as the logarithm of the price, California
in units of 100,000.  What is no feature is left out for all of them alike: identifiers of rows, the
two parts that the count of bicycles is the sum of.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

ADULT = ["age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation",
         "relationship", "race", "sex", "capital-gain", "capital-loss", "hours-per-week",
         "native-country", "income"]  # fmt: skip


class DataSet(NamedTuple):
    """A table: where it is, its target and what is done before anybody sees it."""

    path: str
    target: str
    classes: bool
    drop: tuple[str, ...] = ()
    scale: Callable[[pd.Series], pd.Series] | None = None
    missing: tuple[str, ...] = ("",)
    """What stands for a gap; words of other meaning are levels."""


SETS = {
    "adult": DataSet("adult/adult-train.csv", "income", True, missing=("", "?")),
    "bank": DataSet("bank-marketing/bank-full.csv.gz", "y", True),
    "titanic": DataSet("titanic/titanic.csv", "Survived", True, ("PassengerId",)),
    "letter": DataSet("letter/letter.csv", "class", True),
    "diamonds": DataSet("diamonds/diamonds.csv", "price", False, (), np.log),
    "california": DataSet("california-housing/housing.csv.gz", "median_house_value", False, (),
                          lambda y: y / 100_000),
    "ames": DataSet("ames-housing/AmesHousing.csv", "SalePrice", False, ("Order", "PID"), np.log),
    "bike": DataSet("bike-sharing/hour.csv.gz", "cnt", False, ("instant", "casual", "registered")),
}  # fmt: skip


class Split(NamedTuple):
    """Raw features and targets of both parts."""

    x: pd.DataFrame
    y: np.ndarray
    x_test: pd.DataFrame
    y_test: np.ndarray
    classes: bool


def _read(path: Path, of: DataSet) -> pd.DataFrame:
    names = {"header": None, "names": ADULT} if path.parent.name == "adult" else {}
    return pd.read_csv(path, skipinitialspace=True, keep_default_na=False, na_values=[*of.missing],
                       encoding="utf-8-sig", **names)  # fmt: skip


def _parts(frame: pd.DataFrame, of: DataSet) -> tuple[pd.DataFrame, np.ndarray]:
    y = frame[of.target]
    y = y.astype(str).str.rstrip(".") if of.classes else y.astype(float)
    if of.scale is not None:
        y = of.scale(y)
    return frame.drop(columns=[of.target, *of.drop]), y.to_numpy()


def split(name: str, seed: int, data: Path) -> Split:
    """Return both parts of a data set; raise `OSError` where it is not in the folder."""
    of = SETS[name]
    x, y = _parts(_read(data / of.path, of), of)
    if name == "adult":
        other = _read(data / "adult" / "adult-test.csv", of)
        return Split(x, y, *_parts(other, of), of.classes)
    order = np.random.default_rng(seed).permutation(len(x))
    test, train = order[: len(x) // 5], order[len(x) // 5 :]

    def rows(part: np.ndarray) -> pd.DataFrame:
        return x.iloc[part].reset_index(drop=True)

    return Split(rows(train), y[train], rows(test), y[test], of.classes)
