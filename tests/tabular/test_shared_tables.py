"""The kinds of all columns of eight public tables are what somebody who knows them would say."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from cnn_core.tabular import TableEncoder, read_table

DATA = Path(os.environ.get("CNN_CORE_DATA", Path(__file__).resolve().parents[3] / "shared/data"))

TABLES = {
    "adult/adult-train.csv": ("x14", {
        "number": "x0 x2 x10 x11 x12", "discrete": "x4",
        "category": "x1 x3 x5 x6 x7 x8 x9 x13",
    }),
    "diamonds/diamonds.csv": ("price", {
        "number": "carat depth table x y z", "category": "cut color clarity",
    }),
    "california-housing/housing.csv.gz": ("median_house_value", {
        "number": "longitude latitude housing_median_age total_rooms total_bedrooms population "
                  "households median_income", "category": "ocean_proximity",
    }),
    "titanic/titanic.csv": ("Survived", {
        "number": "Age Fare", "discrete": "Pclass SibSp Parch", "category": "Sex Embarked",
        "text": "Name", "identifier": "PassengerId Ticket Cabin",
    }),
    "bike-sharing/hour.csv.gz": ("cnt", {
        "number": "temp atemp hum windspeed casual registered", "date": "dteday",
        "discrete": "season mnth hr weekday weathersit", "boolean": "yr holiday workingday",
        "identifier": "instant",
    }),
    "letter/letter.csv": ("class", {
        "discrete": "x-box y-box width high onpix x-bar y-bar x2bar y2bar xybar x2ybr xy2br x-ege "
                    "xegvy y-ege yegvx",
    }),
    "bank-marketing/bank-full.csv.gz": ("y", {
        "number": "age balance duration campaign pdays previous", "discrete": "day",
        "boolean": "default housing loan",
        "category": "job marital education contact month poutcome",
    }),
}  # fmt: skip

AMES = {
    "identifier": "Order,PID",
    "boolean": "Central Air",
    "number": "Lot Frontage,Lot Area,Year Built,Year Remod/Add,Mas Vnr Area,BsmtFin SF 1,"
    "BsmtFin SF 2,Bsmt Unf SF,Total Bsmt SF,1st Flr SF,2nd Flr SF,Low Qual Fin SF,Gr Liv Area,"
    "Garage Yr Blt,Garage Area,Wood Deck SF,Open Porch SF,Enclosed Porch,3Ssn Porch,Screen Porch,"
    "Pool Area,Misc Val",
    "discrete": "Overall Qual,Overall Cond,Bsmt Full Bath,Bsmt Half Bath,Full Bath,Half Bath,"
    "Bedroom AbvGr,Kitchen AbvGr,TotRms AbvGrd,Fireplaces,Garage Cars,Mo Sold,Yr Sold",
}
"""All others are categories."""


def table(name):
    if not (DATA / name).exists():
        pytest.skip(f"{DATA / name} is not there")
    return read_table(DATA / name)


@pytest.mark.parametrize("name", TABLES)
def test_kinds(name):
    target, kinds = TABLES[name]
    found = table(name).without(target)
    encoder = TableEncoder()
    numbers, codes = encoder.fit_transform(found)
    expected = {column: kind for kind, columns in kinds.items() for column in columns.split()}
    assert {r.name: r.kind for r in encoder.columns_} == expected
    assert np.isfinite(numbers).all()
    assert np.abs(numbers).max() <= 3
    assert (codes < encoder.code_sizes_).all()
    assert (codes >= 0).all()


def test_the_houses_of_ames():
    encoder = TableEncoder().fit(table("ames-housing/AmesHousing.csv").without("SalePrice"))
    expected = {c: kind for kind, columns in AMES.items() for c in columns.split(",")}
    assert {r.name: r.kind for r in encoder.columns_} == {
        r.name: expected.get(r.name, "category") for r in encoder.columns_
    }
    columns = encoder.columns_
    assert columns["Lot Frontage"].missing == 490
    assert (columns["Pool QC"].missing, columns["Alley"].missing) == (2917, 2732)
    # Five basements are unknown or none: the empty cell is a gap, NA says that there is none.
    assert (columns["Bsmt Qual"].missing, columns["Bsmt Qual"].levels) == (1, 6)
    assert columns["Mas Vnr Type"].levels == 5


def test_a_test_file_is_encoded_by_what_training_knew():
    train = table("adult/adult-train.csv").without("x14")
    encoder = TableEncoder().fit(train)
    test = table("adult/adult-test.csv").without("x14")
    numbers, codes = encoder.transform(test)
    assert numbers.shape == (16281, 34)
    for i in range(0, 16281, 997):
        row = {n: c[i] for n, c in zip(test.names, test.columns, strict=True)}
        alone = encoder.transform_row(row)
        assert alone.numbers.tobytes() == numbers[i].tobytes()
        assert alone.codes.tobytes() == codes[i].tobytes()


def test_parts_of_a_table_have_the_kinds_of_the_whole():
    for name, target in (("titanic/titanic.csv", "Survived"), ("bike-sharing/hour.csv.gz", "cnt")):
        whole = table(name).without(target)
        kinds = [r.kind for r in TableEncoder().fit(whole).columns_]
        some = np.random.default_rng(0).permutation(whole.n_rows)[: whole.n_rows * 4 // 5]
        part = {n: [c[i] for i in some] for n, c in zip(whole.names, whole.columns, strict=True)}
        assert [r.kind for r in TableEncoder().fit(part).columns_] == kinds
