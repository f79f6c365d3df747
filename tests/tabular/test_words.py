"""Words of texts as flags: which there are, the same in every way a text comes."""

from __future__ import annotations

import hashlib
import json
import pickle

import numpy as np
import pytest

from cnn_core.errors import DataError, OptionError
from cnn_core.tabular import TableEncoder, TabularClassifier

N = 1200
RNG = np.random.default_rng(2)
TITLE = RNG.choice(["Mr.", "MRS", "Miss", "Straße"], N, p=[0.5, 0.2, 0.2, 0.1])
TABLE = {
    "x": RNG.random(N).tolist(),
    "name": [None if i % 40 == 3 else f"n{i}q{i}, {title} Both-ways{i} the {'Rare' * (i < 9)}"
             for i, title in enumerate(TITLE)],
    "key": [hashlib.sha256(b"%d" % i).hexdigest() for i in range(N)],
}  # fmt: skip
ENCODER = TableEncoder().fit(TABLE)


def flags(encoder, text):
    return encoder.transform_row({"x": 0.5, "name": text}).numbers[0, 1:].tolist()


def test_words_are_in_enough_rows_not_in_nearly_all_and_no_two_in_the_same():
    # both, ways and the are in all; rare in 9 rows; n and q and those of keys are among digits.
    names = [n for n in ENCODER.get_feature_names_out() if n.startswith("name")]
    words = sorted(("mr", "mrs", "miss", "strasse"), key=lambda w: (
        -sum(w in str(t).casefold().replace(".", "").replace(",", "").split()
             for t in TABLE["name"]), w))  # fmt: skip
    assert names == [f"name_{word}" for word in (*words, "missing")]
    became = f"flags of 4 words: {', '.join(words[:3])}, ...; flag of missing"
    assert ENCODER.columns_["name"].became == became
    at = words.index("mrs")
    one = [float(i == at) for i in range(5)]
    assert flags(ENCODER, "an mrs") == flags(ENCODER, "(2; mRs_)") == one
    assert flags(ENCODER, "mrsx") == flags(ENCODER, 3.5) == flags(ENCODER, "a" * 500 + " mrs")
    assert flags(ENCODER, None) == flags(ENCODER, " NA ") == [0, 0, 0, 0, 1]
    same = {"t": [f"{'ab yx' if i % 3 else 'cd'} {i}" for i in range(N)]}
    assert TableEncoder().fit(same).get_feature_names_out().tolist() == ["t_ab", "t_cd"]
    assert TableEncoder(max_words=1).fit(same).columns_["t"].became == "flag of the word ab"
    for cut in (lambda h: f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{'89ab'[int(h[16], 16) % 4]}{h[17:20]}-"
                f"{h[20:32]}", lambda h: h[:8], str.upper):  # fmt: skip
        keys = [cut(h) for h in TABLE["key"]]
        assert not TableEncoder().fit({"x": TABLE["x"], "u": keys}).columns_["u"].became


def test_options_and_kinds_say_whether_there_are_words():
    none = TableEncoder(max_words=0).fit(TABLE)
    assert none.columns_["name"].became == "flag of missing"
    few = TableEncoder(min_rows=9 * N).fit(TABLE)
    assert few.columns_["name"].became == "flag of missing"
    with pytest.raises(OptionError, match="fit: need max_words"):
        TableEncoder(max_words=-1).fit(TABLE)
    told = TableEncoder({"c": "text"}).fit({"c": ["red car", "blue car", "red"] * 20})
    assert told.get_feature_names_out().tolist() == ["c_car", "c_red", "c_blue"]


def test_words_of_many_rows_are_those_of_all_of_them():
    texts = [f"{'half ' * (i % 2)}{'tenth ' * (i % 10 == 0)}{i}" for i in range(30_000)]
    found = TableEncoder().fit({"t": texts})
    assert found.get_feature_names_out().tolist() == ["t_half", "t_tenth"]
    assert found.transform({"t": texts}).numbers.sum(0).tolist() == [15_000, 3_000]


def test_files_frames_rows_and_saved_encoders_give_the_same_bits(tmp_path):
    expected = ENCODER.transform(TABLE).numbers
    loaded = TableEncoder().load_state_dict(json.loads(json.dumps(ENCODER.state_dict())))
    rows = [dict(zip(TABLE, values, strict=True)) for values in zip(*TABLE.values(), strict=True)]
    for other in (ENCODER, loaded, pickle.loads(pickle.dumps(ENCODER))):
        assert np.array_equal(other.transform(rows).numbers, expected)
        made = np.concatenate([other.transform_row(row).numbers for row in rows])
        assert made.tobytes() == expected.tobytes()
    path = tmp_path / "t.csv"
    path.write_text("x,name,key\n" + "".join(
        f'{x!r},"{name or ""}",{key}\n' for x, name, key in zip(*TABLE.values(), strict=True)),
        encoding="utf-8")  # fmt: skip
    for source in (path, *frames()):
        assert np.array_equal(ENCODER.transform(source).numbers, expected)
        assert np.array_equal(TableEncoder().fit(source).transform(source).numbers, expected)


def frames():
    try:
        import pandas as pd
        import polars as pl
        import pyarrow as pa
    except ImportError:
        return []
    return [pd.DataFrame(TABLE), pl.DataFrame(TABLE), pa.table(TABLE)]


@pytest.mark.parametrize("words", [[], ["a", "a"], [3], "a", None])
def test_damaged_words_are_refused(words):
    state = ENCODER.state_dict()
    steps = [{**s, "words": words} if s["op"] == "words" else s for s in state["steps"]]
    if words == "a":
        steps = [{k: v for k, v in s.items() if k != "words"} for s in steps]
    with pytest.raises(DataError, match="load_state_dict: need"):
        TableEncoder().load_state_dict({**state, "steps": steps})


def test_importance_and_dependence_know_the_column_of_the_words():
    y = (TITLE == "Mr.").astype(int)
    model = TabularClassifier("mlp", options={"epochs": 3}).fit(TABLE, y)
    found = model.permutation_importance(TABLE, y, n_repeats=1)
    assert found["name"].mean > 0.2 > abs(found["key"].mean)
    grid = model.partial_dependence(TABLE, "name")
    assert sorted(map(str, grid.grid)) == ["None", "miss", "mr", "mrs", "strasse"]
    p = dict(zip(grid.grid, grid.values[:, 1], strict=True))
    assert p["mr"] > 0.5 > p["mrs"]
