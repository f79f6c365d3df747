"""The page of `report`: well-formed, escaped, one small file, with the figures of Python."""

from __future__ import annotations

import copy
import re
import warnings
from math import inf, nan
from xml.etree import ElementTree

import numpy as np
import pytest

import cnn_core as cnn
import cnn_core.tabular.page
from cnn_core.errors import OptionError, ShapeError, StateError
from cnn_core.tabular import TabularClassifier, TabularRegressor, figures
from cnn_core.tabular.evaluation import shown
from cnn_core.tabular.page import sections
from cnn_core.tabular.page.bins import calibration, roc
from cnn_core.tabular.page.charts import span, ticks
from cnn_core.tabular.page.style import CSS

LIMIT = 300_000
N = 400
RNG = np.random.default_rng(2)
UGLY = "<script>alert('1')</script> & \"quoted\" \x00\ud800"
LONG = "a very long name " * 40
X = {"x": RNG.normal(size=N), UGLY: [f"m{i % 30}" for i in range(N)], LONG: RNG.normal(size=N),
     "same": [1] * N}  # fmt: skip
SIGNAL = X["x"] + 0.3 * RNG.normal(size=N)
LABELS = np.where(SIGNAL > 0, "</title><b>yes", "no")
FEW = {"options": {"epochs": 4}}


def fitted(cls, target, y, **options):
    return cls("mlp", **FEW, **options).fit({**X, target: list(y)}, target)


@pytest.fixture(scope="module")
def two():
    return fitted(TabularClassifier, UGLY + "y", LABELS)


@pytest.fixture(scope="module")
def numbers():
    return fitted(TabularRegressor, "price", SIGNAL, quantiles=(0.05, 0.5, 0.95))


def page(model, tmp_path, *args, **options):
    """Return the page as a tree, and its text, after everything that holds of every page."""
    path = tmp_path / "page.html"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.report(path, *args, **options) is None
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
    text = path.read_text("utf-8")
    assert len(text.encode()) < LIMIT
    first, rest = text.split("\n", 1)
    assert first == "<!DOCTYPE html>"
    tree = ElementTree.fromstring(rest)
    check(tree, text)
    return tree, text


def check(tree, text):
    assert not re.search(r"<(script|link|img|iframe|object|embed|a)\b|@import|url\(|https?:", text)
    assert tree.attrib == {"lang": "en"}
    assert len(tree.findall("./body/main/h1")) == 1
    ids = [e.get("id") for e in tree.iter() if e.get("id")]
    assert len(set(ids)) == len(ids)
    for part in tree.iter("section"):
        assert part.get("aria-labelledby") in ids
        assert part[0].tag == "h2"
    for table in tree.iter("table"):
        assert table[0].tag == "caption"
        widths = [len(row) for row in table.iter("tr")]
        assert len(set(widths)) == 1
        assert {th.get("scope") for th in table.iter("th")} <= {"row", "col"}
    for svg in tree.iter("svg"):
        named = svg.get("role") == "img" and len(svg.get("aria-label")) > 10
        assert named or svg.get("aria-hidden") == "true"
        for path in svg.iter("path"):
            assert re.fullmatch(r"(([MLHVhv]-?[\d.]+|[MLhv]-?[\d.]+ -?[\d.]+|z))*", path.get("d"))
        for mark in svg.iter("circle"):
            assert all(float(mark.get(at)) >= 0 for at in ("cx", "cy", "r"))
    policy = tree.find("./head/meta[@http-equiv='Content-Security-Policy']")
    assert policy.get("content").startswith("default-src 'none'")


def tiles(tree):
    found = tree.find(".//dl[@class='tiles']")
    return {div[0].text: div[1].text for div in found}


def cells(tree, heading):
    section = next(s for s in tree.iter("section") if s[0].text == heading)
    return [[["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]
            for table in section.iter("table")]  # fmt: skip


def expected(evaluation):
    return {name.replace("_", " "): shown(value) for name, value in evaluation.items()}


# -- what it shows --------------------------------------------------------------------------


def test_figures_are_those_of_python(two, numbers, tmp_path):
    for model, y in ((two, LABELS), (numbers, SIGNAL)):
        tree, text = page(model, tmp_path)
        assert tiles(tree) == expected(model.validation_)
        assert f"{len(model.held_.target)} rows that were held back" in text
        tree, text = page(model, tmp_path, X, y)
        assert tiles(tree) == expected(model.evaluate(X, y))
        assert "400 rows that were given for this page" in text
        weight = RNG.integers(0, 3, N)
        tree, _ = page(model, tmp_path, {**X, model.target_name_: y}, sample_weight=weight)
        assert tiles(tree) == expected(model.evaluate(X, y, weight))


def test_a_curve_ends_where_it_should(two, tmp_path):
    tree, _ = page(two, tmp_path)
    (chart,) = (s for s in tree.iter("svg") if s.get("aria-label", "").startswith("ROC"))
    dotted, curve = (e.get("d") for e in chart.iter("path") if e.get("class") in ("mark", "a"))
    assert curve.endswith(dotted[dotted.index("L") :])
    assert re.match(r"M[\d. ]+", curve)[0] == re.match(r"M[\d. ]+", dotted)[0]


def test_the_matrix_counts_rows(two, tmp_path):
    tree, _ = page(two, tmp_path, X, LABELS)
    ((_, *lines),) = cells(tree, "Right and wrong")
    assert [line[0] for line in lines] == ["</title><b>yes", "no"]
    counts = figures.confusion(two.target_.transform(LABELS), two.predict_proba(X))
    assert [line[1:] for line in lines] == [
        [f"{n}{100 * n / sum(row):.1f} %" for n in row] for row in counts.tolist()]  # fmt: skip


def test_importances_and_columns_are_tables(two, tmp_path):
    tree, _ = page(two, tmp_path, X, LABELS)
    ((_, *lines),) = cells(tree, "What it looks at")
    found = two.permutation_importance(X, LABELS, n_repeats=3)
    assert [line[1:3] for line in lines] == [[shown(f.mean), shown(f.std)] for f in found]
    assert lines[0][0] == "x"
    ((_, *lines),) = cells(tree, "Columns")
    assert [line[1:4] for line in lines] == [[r.kind, str(r.missing), shown(r.levels)]
                                            for r in two.columns_]  # fmt: skip
    assert lines[-1][4:] == ["left out", "constant"]


def test_coverage_is_that_of_the_intervals(numbers, tmp_path):
    tree, _ = page(numbers, tmp_path, X, SIGNAL)
    quantiles, intervals = cells(tree, "Intervals")
    found = numbers.predict_quantiles(X)
    assert quantiles[1:] == [[f"{100 * q:g} %", f"{100 * np.mean(v >= SIGNAL):.2f} %"]
                             for q, v in zip((0.05, 0.5, 0.95), found.T, strict=True)]  # fmt: skip
    for asked, share, width in intervals[1:]:
        ends = numbers.predict_interval(X, float(asked.split()[0]) / 100).T
        assert share == f"{100 * np.mean((ends[0] <= SIGNAL) & (ends[1] >= SIGNAL)):.2f} %"
        assert width == shown(float(np.median(ends[1] - ends[0])))
    assert [line[0] for line in intervals[1:]] == ["50 %", "80 %", "90 %", "95 %"]


def test_names_are_escaped_and_cut(two, tmp_path):
    tree, text = page(two, tmp_path)
    assert tree.find("./head/title").text.startswith("Classifier of <script>alert")
    assert LONG not in text
    names = {line[0] for line in cells(tree, "Columns")[0]}
    assert UGLY.replace("\x00", "\ufffd").replace("\ud800", "\ufffd") in names
    assert max(map(len, names)) <= sections.LONGEST


# -- tables of every kind -------------------------------------------------------------------


def test_many_classes_and_a_class_that_the_rows_lack(tmp_path):
    letters = np.array([f"{chr(65 + i % 26)} {'z' * 300}" for i in range(N)])
    model = fitted(TabularClassifier, "letter", letters)
    tree, _ = page(model, tmp_path, X, letters)
    assert len(list(tree.iter("figure"))) > 2
    pairs = cells(tree, "Right and wrong")[0]
    assert len(pairs) == 1 + sections.PAIRS
    some = letters < "D"
    page(model, tmp_path, {name: np.array(v)[some] for name, v in X.items()}, letters[some])


def test_rows_of_a_single_class_have_no_area(two, tmp_path):
    one = LABELS == "no"
    tree, text = page(two, tmp_path, {k: np.array(v)[one] for k, v in X.items()}, LABELS[one])
    assert tiles(tree)["auc"] == "nan"
    assert "area under the curve nan" in text


def test_a_single_row_and_a_learner_without_a_validation_part(tmp_path):
    tiny = {"a": [float(i) for i in range(8)]}
    model = TabularRegressor("mlp", **FEW).fit(tiny, tiny["a"])
    tree, text = page(model, tmp_path)
    assert "No rows were kept to measure it by" in text
    assert tree.find(".//dl[@class='tiles']") is None
    tree, _ = page(model, tmp_path, {"a": 3.0}, [3.0])
    assert tiles(tree)["rmse"] == shown(model.evaluate({"a": [3.0]}, [3.0])["rmse"])


def test_a_thousand_columns_stay_within_the_limit(tmp_path):
    wide = {f"<column {i}> {'&' * 200}": RNG.normal(size=60) for i in range(1000)}
    model = TabularRegressor("mlp", options={"epochs": 1}).fit(wide, RNG.normal(size=60))
    tree, text = page(model, tmp_path)
    lines = cells(tree, "Columns")[0]
    assert 100 < len(lines) < 1001
    assert f"the first {len(lines) - 1} of 1000" in text


def test_members_and_networks_of_parts_of_their_own(tmp_path):
    model = TabularClassifier("mlp", **FEW, n_models=3).fit(X, LABELS)
    tree, text = page(model, tmp_path)
    assert tiles(tree) == expected(model.validation_)
    assert "by each of 3 networks" in text
    found = cells(tree, "What it looks at")
    assert found[0][1][0] == "x"
    first = copy.copy(model)  # which alone has not learned from the rows that it kept
    first.fitted_, first._scales, first._way = model.fitted_[:1], model._scales[:1], None
    assert cells(page(first, tmp_path)[0], "What it looks at") == found


def test_a_learner_of_a_file_has_all_but_importances(two, tmp_path):
    saved = tmp_path / "model.safetensors"
    two.save(saved)
    loaded = cnn.load(saved)
    saved.unlink()
    tree, text = page(loaded, tmp_path)
    assert tiles(tree) == expected(two.validation_)
    assert "No rows were kept to find importances by: report(path, X, y)" in text
    assert page(loaded, tmp_path, X, LABELS)[1] == page(two, tmp_path, X, LABELS)[1]


def test_importances_that_take_too_long_are_left_to_a_call(two, tmp_path, monkeypatch):
    monkeypatch.setattr(cnn.tabular.page, "WORK", 1e6)
    _, text = page(two, tmp_path)
    assert "permutation_importance(X, y) finds them" in text


# -- numbers that are none ------------------------------------------------------------------


def test_figures_that_are_not_finite_leave_gaps():
    history = {"loss": [nan, 1.0, inf, 0.5], "val_loss": [nan] * 4, "val_error": [inf] * 4}
    made = ElementTree.fromstring(sections.curves(history, 4))
    first, second = made
    lines = [e.get("d") for e in first.iter("path") if e.get("class") == "a"]
    assert lines[0].count("M") == 2
    assert "validation nan" in "".join(first.itertext())
    assert "validation inf" in "".join(second.itertext())
    empty = sections.closeness(np.ones(3), np.array([nan, inf, -inf]), np.ones(3), "y")
    assert "No prediction is a finite number" in empty
    some = sections.closeness(np.ones(3), np.array([nan, 2.0, -inf]), np.ones(3), "y")
    ElementTree.fromstring(some)
    assert "1 of 1 rows" in some


@pytest.mark.parametrize("size", [1e-300, 1e-9, 0.7, 1.0, 123.0, 1e6, 1e299])
def test_ticks_are_few_and_within_the_span(size):
    for low, high in ((0.0, size), (-size, size), (size, size), (size, size * (1 + 1e-6))):
        a, b = span([low, high, nan, inf])
        found = ticks(a, b)
        assert a < b
        assert 1 <= len(found) <= 6
        assert all(a - 1e-5 * (b - a) <= v <= b + 1e-5 * (b - a) for v in found)
        assert found == sorted(set(found))


def test_curves_equal_what_they_say():
    p, w = RNG.random(5000), RNG.random(5000)
    came = RNG.random(5000) < p**2
    found = calibration(p, came, w)
    assert len(found.share) == 15
    k = 7
    inside = (p > k / 15) & (p <= (k + 1) / 15)
    assert np.isclose(found.said[k], np.average(p[inside], weights=w[inside]))
    assert np.isclose(found.true[k], np.average(came[inside], weights=w[inside]))
    assert np.isclose(found.share.sum(), 1)
    sure = (np.stack([1 - p, p], 1) * 30).round() / 30  # every second at the end of a bin
    top = calibration(sure.max(1), sure.argmax(1) == came, w)
    error = figures.calibration_error(came.astype(int), sure, w)
    assert np.isclose(top.share @ np.abs(top.true - top.said), error, rtol=1e-12)
    score = np.round(p, 2)
    no, yes = roc(score, came, w)
    assert len(no) < 102
    two = np.stack([1 - score, score], 1)
    assert np.isclose(np.trapezoid(yes, no), figures.auc(came.astype(int), two, w))


# -- the style ------------------------------------------------------------------------------


def luminance(colour):
    colour = "".join(c * 2 for c in colour) if len(colour) == 3 else colour
    parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("scheme", [0, 1, 2])  # light, dark, paper
def test_colours_have_contrast(scheme):
    light, dark, paper = (dict(re.findall(r"--(\w):#(\w+)", block))
                          for block in re.findall(r":root\{([^}]*)\}", CSS))  # fmt: skip
    colours = (light, {**light, **dark}, paper)[scheme]
    for ink, least in (("i", 7), ("m", 4.5), ("a", 3), ("b", 3)):
        for ground in "pc":
            two = sorted((luminance(colours[ink]), luminance(colours[ground])))
            assert (two[1] + 0.05) / (two[0] + 0.05) >= least, (ink, ground)


# -- the file -------------------------------------------------------------------------------


def test_a_page_is_written_as_a_whole_or_not_at_all(two, tmp_path):
    path = tmp_path / "page.html"
    path.write_text("old")
    for error, said, args in (
        (ShapeError, "report: need as many targets as rows; got 2", (X, ["no", "no"])),
        (OptionError, "report: need X beside y", (None, LABELS)),
    ):
        with pytest.raises(error, match=said):
            two.report(path, *args)
        assert path.read_text() == "old"
        assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
    two.report(str(path))
    assert path.read_text("utf-8").startswith("<!DOCTYPE html>")


def test_a_path_that_cannot_be_written_is_named(two, tmp_path):
    for path, error in ((tmp_path / "none" / "page.html", FileNotFoundError),
                        (tmp_path, IsADirectoryError)):  # fmt: skip
        with pytest.raises(error) as caught:
            two.report(path)
        assert str(caught.value).endswith(f": '{path}'")
    assert not list(tmp_path.iterdir())
    with pytest.raises(StateError, match="report: need a TabularRegressor that has learned"):
        TabularRegressor().report(tmp_path / "page.html")
