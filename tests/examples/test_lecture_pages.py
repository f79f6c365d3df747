"""The scripts of the lecture run and print what their pages show."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from lecture_scripts import INDEX, PAGES, SCRIPTS, load, output_of, page_of, script_of
from page_blocks import blocks

NUMBERS = range(1, 10)
NUMBER = r"-?\d+(?:\.\d+)?(?:e[-+]\d+)?"
PICTURES = {6: "gradient_check.png", 7: "minibatches.png", 8: "update_rules.png"}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lecture")


def agree(number: int, shown: str, printed: str) -> bool:
    """Compare two numbers as they are printed.

    What rounding errors or float32 training decide may differ from machine to machine.
    """
    a, b = float(shown), float(printed)
    if number == 6 and "e" in shown:
        return max(abs(a), abs(b)) < 1e-6 or 1 / 30 < a / b < 30
    if number == 7 and "." in shown:
        return abs(a - b) <= 0.02
    if number == 8:
        return abs(a - b) <= 2
    return shown == printed


@pytest.mark.parametrize("number", NUMBERS)
def test_script_prints_what_its_page_shows(number: int, folder: Path) -> None:
    (shown,) = [b.text for b in blocks(page_of(number)) if b.language == "text"]
    printed = output_of(number, folder)
    if number in (6, 7, 8):  # the digits of a number that differs may be more or fewer
        assert re.sub(NUMBER, "#", shown) == re.sub(NUMBER, "#", printed)
        pairs = zip(re.findall(NUMBER, shown), re.findall(NUMBER, printed), strict=True)
        assert [pair for pair in pairs if not agree(number, *pair)] == []
    else:
        assert shown == printed


@pytest.mark.parametrize("number", PICTURES)
def test_script_saves_its_picture(number: int, folder: Path) -> None:
    output_of(number, folder)
    picture = (folder / PICTURES[number]).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 10_000


@pytest.fixture
def run_main(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    """Run a script's main() in an empty folder with options; return what it printed."""

    def run(number: int, *options: str) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.argv", [script_of(number).name, *options])
        load(number).main()
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("number", PICTURES)
def test_picture_goes_where_the_argument_says(run_main, tmp_path: Path, number: int) -> None:
    few = {6: [], 7: ["--passes", "1"], 8: ["--steps", "5"]}[number]
    assert "here.svg" in run_main(number, *few, "--picture", "here.svg")
    assert "<svg" in (tmp_path / "here.svg").read_text(encoding="utf-8")
    assert [p.name for p in tmp_path.iterdir()] == ["here.svg"]


@pytest.mark.parametrize(("number", "kept", "expected"), [
    (3, "circuit.svg", ["-2.00", "5.00", "3.00", "-4.00", "-12.00", "1.00"]),
    (4, "neuron.svg", ["0.37", "1.37", "0.73", "-0.53", "0.39", "-0.59"]),
])  # fmt: skip
def test_drawing_shows_values_and_gradients(run_main, tmp_path, number, kept, expected) -> None:
    assert run_main(number, "--draw", "drawn.svg").endswith("drawing: drawn.svg\n")
    for path in (tmp_path / "drawn.svg", INDEX.parent / kept):
        text = path.read_text(encoding="utf-8")
        assert [value for value in expected if f">{value}<" not in text] == [], path.name


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_the_page_holds_what_the_script_has_computed(run_main, tmp_path, number) -> None:
    printed = run_main(number, "--page", "here.html")
    assert printed.endswith("page: here.html\n")
    text = (tmp_path / "here.html").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert f"--page {PAGE_NAMES[number]}.html" in page_of(number).read_text(encoding="utf-8")
    module = load(number)
    graph = {2: "by_hand", 3: "circuit", 4: "from_small_gates", 5: "both"}[number]
    names = [n.name for n in getattr(module, graph)().nodes_topologically_sorted() if n.name]
    assert [name for name in names if f'"name":"{name}"' not in text] == []
    assert '"ran":2' in text, "values and gradients"


PAGE_NAMES = {2: "softmax", 3: "circuit", 4: "neuron", 5: "patterns"}


def test_the_page_of_a_walk_has_its_steps(run_main, tmp_path: Path) -> None:
    run_main(8, "--page", "walk.html", "--steps", "20", "--rule", "Adam")
    text = (tmp_path / "walk.html").read_text(encoding="utf-8")
    assert [n for n in (0, 5, 10, 15) if f"After {n} steps of training" not in text] == []


def changes(path: Path) -> np.ndarray:
    """Return, for each frame of an animation, how many pixels differ from the first frame."""
    from PIL import Image

    frames = []
    with Image.open(path) as gif:
        for i in range(gif.n_frames):
            gif.seek(i)
            frames.append(np.asarray(gif.convert("RGB"), np.int16))
    return np.array([(np.abs(f - frames[0]).max(axis=2) > 60).sum() for f in frames])


def test_animation_grows(run_main, tmp_path: Path) -> None:
    run_main(8, "--animation", "walk.gif", "--steps", "12", "--every", "4")
    changed = changes(tmp_path / "walk.gif")
    assert len(changed) == 4  # steps 0, 4, 8 and 12
    assert (np.diff(changed) > 0).all()


@pytest.mark.slow
def test_whole_animation(run_main, tmp_path: Path) -> None:
    run_main(8, "--animation", "walk.gif")
    changed = changes(tmp_path / "walk.gif")
    assert len(changed) == 85
    assert changed[-1] > changed[10] > 300


# Numbers of the running text that neither the script nor the code of the page has.
MENTIONED = {
    1: {20},  # numbers of the second layer: test_layers_have_16_20_and_5_parameters
    2: {100},  # an exercise: test_a_constant_added_to_all_scores_changes_nothing
    3: {0.1},  # an exercise: test_gradient_foretells_a_small_change
    5: {1000},  # test_weight_gradient_grows_with_the_input
    6: {16},  # test_float64_has_about_16_digits
    7: {30},  # test_vanilla_needs_thirty_passes_for_what_minibatches_do_in_five
    8: {45},  # test_dividing_rules_leave_the_valley_at_45_degrees_and_sgd_straight_down
    9: {1},  # the gradient at the end: test_careless_gate_is_not_found_at_the_end
}


@pytest.mark.parametrize("number", NUMBERS)
def test_text_mentions_no_number_of_unknown_origin(number: int) -> None:
    text = page_of(number).read_text(encoding="utf-8")
    fenced = r"^```.*?^```$"
    shown = "".join(re.findall(fenced, text, flags=re.MULTILINE | re.DOTALL))
    shown += script_of(number).read_text(encoding="utf-8")
    prose = re.sub(fenced, "", text, flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^    .*$|`[^`]*`|\]\([^)]*\)", "", prose, flags=re.MULTILINE)
    alone = r"(?<![\w.-])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?!\w)"
    known, found = ({float(x) for x in re.findall(alone, where)} for where in (shown, prose))
    assert found - known == MENTIONED.get(number, set())


def test_formulas_of_the_surfaces_are_those_of_the_script() -> None:
    text = page_of(8).read_text(encoding="utf-8")
    formulas = re.findall(r"^    (\w[\w' ]+?)  +(.*)$", text, flags=re.MULTILINE)
    assert [name for name, _ in formulas] == [s.title for s in load(8).SURFACES]
    x, y = np.random.default_rng(0).uniform(-2, 2, (2, 50))
    for (_, formula), surface in zip(formulas, load(8).SURFACES, strict=True):
        np.testing.assert_allclose(eval(formula, {"x": x, "y": y}), surface.f(x, y), rtol=1e-13)


def test_index_lists_every_page_and_script() -> None:
    links = re.findall(r"\]\(([\w./-]+)\)", INDEX.read_text(encoding="utf-8"))
    listed = {(INDEX.parent / link).resolve() for link in links}
    assert listed == {*PAGES, *SCRIPTS}
    assert len(PAGES) == len(SCRIPTS) == len(NUMBERS)
