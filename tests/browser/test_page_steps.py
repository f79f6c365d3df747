"""The page of a graph in a browser: steps, keys, numbers as Python's, folding, hostile names."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "viz"))

from page_reader import expected, open_page
from viz_graphs import circuit, network, neuron, steps, tangle

import cnn_core as cnn
from cnn_core import ops


class Square(cnn.Gate):
    """y = x x, of which the page knows nothing."""

    def forward(self, x):
        self.x = x
        return x * x

    def backward(self, dy):
        return 2 * self.x * dy


def several_paths():
    """f = x x + sin-like gate of x, so that three paths lead to x."""
    x = cnn.Input("x")
    graph = cnn.Graph(ops.add(x * x, Square(x, name="own"), name="f"))
    graph.forward(x=3.0)
    graph.backward()
    return graph


def keys(page, *names):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    for name in names:
        ActionChains(page.driver).send_keys(getattr(Keys, name)).perform()


@pytest.mark.parametrize("make", [circuit, neuron, network, steps, tangle, several_paths])
def test_at_the_end_all_numbers_are_those_of_the_picture(browser, tmp_path, make):
    graph = make()
    page = open_page(browser, graph, tmp_path / "page.html")
    page.press("last")
    assert page.shown() == expected(graph)
    assert browser.problems() == []


def test_one_gate_at_a_time_there_and_back(browser, tmp_path):
    page = open_page(browser, circuit(), tmp_path / "page.html")
    seen = [page.shown()]
    for _ in range(5):
        page.press("forward")
        seen.append(page.shown())
    none = ((), ())
    assert seen[0] == [(("-2.00",), ()), (("5.00",), ()), none, (("-4.00",), ()), none]
    assert seen[1][2] == (("3.00",), ())
    assert seen[2][4] == (("-12.00",), ())
    assert seen[3][4] == (("-12.00",), ("1.00",))
    assert seen[4][2:4] == [(("3.00",), ("-4.00",)), (("-4.00",), ("3.00",))]
    assert seen[5][:2] == [(("-2.00",), ("-4.00",)), (("5.00",), ("-4.00",))]
    for at in range(4, -1, -1):
        page.press("back")
        assert page.shown() == seen[at]


def test_a_step_says_its_formula_with_numbers_and_what_it_adds(browser, tmp_path):
    page = open_page(browser, circuit(), tmp_path / "page.html")
    page.press("forward")
    page.press("forward")
    assert "mul_0 = add_0 · z = 3.00 · (-4.00) = -12.00" in page.text("step")
    assert page.text("live") == (
        "Step 2 of 5, forward. mul_0 = add_0 · z = 3.00 · (-4.00) = -12.00."
    )
    page.press("forward")
    page.press("forward")
    step = page.text("step")
    assert "∂mul_0/∂add_0 = z = -4.00" in step
    assert "Times the gradient at mul_0, 1.00, adds -4.00 to add_0." in step


def test_a_gradient_of_several_paths_grows_path_by_path(browser, tmp_path):
    page = open_page(browser, several_paths(), tmp_path / "page.html")
    page.js("CNN.player.go(CNN.player.steps.seedAt + 1)")
    assert page.shown()[0][1] == ()
    page.press("forward")
    assert page.shown()[0][1] == ("6.00",)
    assert "6.00 (1 of 3 paths)" in page.text("step")
    page.press("forward")
    assert page.shown()[0][1] == ("12.00",)
    assert "6.00 + 3.00 + 3.00 = 12.00 (3 of 3 paths)" in page.text("step")


def test_keys_slider_and_buttons_lead_to_the_same_place(browser, tmp_path):
    page = open_page(browser, neuron(), tmp_path / "page.html")
    keys(page, "ARROW_RIGHT", "SPACE", "ARROW_RIGHT", "ARROW_LEFT")
    assert page.text("count") == "Step 2 of 17"
    by_keys = page.shown()
    page.js("const s = document.getElementById('slider'); s.value = 2;"
            "s.dispatchEvent(new Event('input'))")  # fmt: skip
    assert page.shown() == by_keys
    keys(page, "END")
    assert page.text("count") == "Step 17 of 17"
    keys(page, "HOME")
    assert page.text("count") == "Step 0 of 17"


def test_all_can_be_done_without_a_pointer(browser, tmp_path):
    page = open_page(browser, steps(2), tmp_path / "page.html")
    reached = set()
    for _ in range(40):
        keys(page, "TAB")
        reached.add(page.js("return document.activeElement.id"))
        outline = page.js("return getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none" or page.js("return document.activeElement === document.body")
    assert {"stage", "forward", "last", "slider", "in", "node", "quiz"} <= reached
    page.js("document.getElementById('forward').focus()")
    keys(page, "ENTER", "SPACE")
    assert page.text("count").startswith("Step 2 of")


def test_reading_by_jumps_shows_what_reading_step_by_step_shows(browser, tmp_path):
    page = open_page(browser, tangle(), tmp_path / "page.html")
    seen = []
    for _ in range(page.js("return CNN.player.steps.last")):
        page.press("forward")
        seen.append(page.shown())
    for at in (90, 3, 60, 61, 1, len(seen)):
        page.js("CNN.player.go(arguments[0])", at)
        assert page.shown() == seen[at - 1]


FOLDS = """
[...document.querySelectorAll('#folds button')].find(b => b.textContent === arguments[0]).click()
"""


def test_groups_fold_into_one_box_and_open_again(browser, tmp_path):
    graph = steps(3)
    page = open_page(browser, graph, tmp_path / "page.html", collapse="step 1")
    boxes = "return [...document.querySelectorAll('.box .sign')].map(sign => sign.textContent)"
    assert page.js(boxes) == ["step 1"]
    size = "return CNN.player.drawing.size"
    before = page.js(size)
    page.press("last")
    shown = page.shown()
    numbers = {graph.name_of(n): i for i, n in enumerate(graph.nodes_topologically_sorted())}
    inside = [i for n, i in zip(graph.nodes_topologically_sorted(), range(99), strict=False)
              if n.group[:1] == ("step 1",)]  # fmt: skip
    full = expected(graph)
    for i in numbers.values():
        if i not in inside or shown[i][0]:
            assert shown[i] == full[i]
    assert any(shown[i] == ((), ()) for i in inside)
    page.js(FOLDS, "Unfold all")
    assert page.js(boxes) == []
    assert page.shown() == full
    assert page.js(size)[0] > before[0] + 300
    page.js(FOLDS, "Fold all")
    assert page.js(boxes) == ["step 0", "step 1", "step 2"]


def test_a_folded_group_is_one_step(browser, tmp_path):
    page = open_page(browser, steps(2), tmp_path / "page.html", collapse=True)
    page.press("forward")
    assert "7 gates of a folded group at once" in page.text("step")
    page.press("back")
    assert page.text("count").startswith("Step 0 of")


OVERLAPS = """
const boxes = [...document.querySelectorAll('.cell > rect, .box > rect')]
  .map(r => r.getBBox());
const bad = [];
boxes.forEach((a, i) => boxes.slice(i + 1).forEach(b => {
  if (a.x + a.width > b.x + 1 && b.x + b.width > a.x + 1 &&
      a.y + a.height > b.y + 1 && b.y + b.height > a.y + 1) bad.push([a.x, a.y, b.x, b.y]);
}));
return bad;
"""


@pytest.mark.parametrize("collapse", [(), True, "loss", ["step 0", "step 2/loss"]])
def test_no_boxes_overlap_however_groups_are_folded(browser, tmp_path, collapse):
    page = open_page(browser, steps(3), tmp_path / "page.html", collapse=collapse)
    assert page.js(OVERLAPS) == []


def test_markup_in_names_is_shown_and_not_run(browser, tmp_path):
    name = "</script><script>document.title='owned'</script><b>x</b>"
    with cnn.group("<img src=x onerror=document.title='owned'>"):
        y = ops.tanh(cnn.Input(name), name="<i>y</i>&amp;")
    graph = cnn.Graph(y)
    graph.forward(**{name: 0.5})
    graph.backward()
    page = open_page(browser, graph, tmp_path / "page.html")
    page.press("last")
    page.js("CNN.player.pick(0)")
    assert page.driver.title == "Graph of <i>y</i>&amp;"
    assert page.js("return document.querySelectorAll('img, i, b b, h1 b').length") == 0
    assert "<i>y</i>&amp; adds" in page.text("live")
    assert page.js("return document.getElementById('node').options[0].textContent") == name
    assert browser.problems() == []


def test_what_is_not_finite_is_shown_as_such(browser, tmp_path):
    x, v = cnn.Input("x"), cnn.Input("v", (40,))
    graph = cnn.Graph([ops.log(x, name="y"), ops.sum(v, name="s")])
    array = np.linspace(-1, 1, 40)
    array[3], array[4], array[5] = np.nan, np.inf, -np.inf
    graph.forward(x=0.0, v=array)
    graph.backward({"y": 1.0, "s": 1.0})
    page = open_page(browser, graph, tmp_path / "page.html")
    page.press("last")
    assert page.shown() == expected(graph)
    number = {graph.name_of(n): i for i, n in enumerate(graph.nodes_topologically_sorted())}
    assert page.shown()[number["y"]][0] == ("-inf",)
    assert page.shown()[number["v"]][0] == ("(40)", "1 NaN", "2 inf", "of 40")
    page.js("CNN.player.pick(arguments[0])", number["v"])
    assert "1 NaN, 2 inf (figures of those that are finite)" in page.text("details")


def test_a_graph_that_has_not_run_shows_its_gates_and_the_missing_call(browser, tmp_path):
    page = open_page(browser, circuit(run=False), tmp_path / "page.html")
    body = page.js("return document.body.innerText")
    assert "need graph.forward(x=..., y=..., z=...)" in body
    assert page.shown() == [((), ())] * 5
    assert page.js("return document.getElementById('forward').disabled") is True
    assert browser.problems() == []


def test_predictions_are_asked_for_judged_and_counted(browser, tmp_path):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    page = open_page(browser, circuit(), tmp_path / "page.html")
    page.press("quiz")
    for _ in range(4):
        page.press("forward")
    assert "What does mul_0 add to the gradient at" in page.text("step")
    assert page.shown()[2][1] == ()
    assert page.text("count") == "Step 3 of 5"
    truth = page.js("return CNN.player.quiz.question(4).truth")
    assert truth in (-4.0, 3.0)
    page.driver.find_element(By.ID, "answer").send_keys(str(truth), Keys.ENTER)
    assert "Right. 1 of 1 right." in page.text("step")
    assert page.shown()[2][1] == ("-4.00",)
    page.press("forward")
    page.driver.find_element(By.ID, "answer").send_keys("7", Keys.ENTER)
    assert "Not quite: it is -4.00. 1 of 2 right." in page.text("step")
    assert page.text("score") == "1 of 2 right."
    assert page.text("count") == "Step 5 of 5"


@pytest.mark.parametrize(("answer", "truth", "right"), [
    (-4.0, -4.0, True), (-3.98, -4.0, True), (-3.9, -4.0, False), (4.0, -4.0, False),
    (0.2, 0.196612, True), (0.19, 0.196612, False), (0.0, 0.0, True), (0.01, 0.0, False),
    (0.0012, 0.0011999, True), (0.0, 0.0012, False), (1e300, np.inf, False),
])  # fmt: skip
def test_an_answer_is_right_within_a_percent_or_to_the_last_digit(
    browser, tmp_path, answer, truth, right
):
    page = open_page(browser, circuit(), tmp_path / "page.html")
    truth = truth if np.isfinite(truth) else "Infinity"
    assert page.js(f"return CNN.isRight({answer}, {truth})") is right


def cpu_seconds(driver):
    """Return the processor time of the page's main thread, whatever else the machine does."""
    found = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return {m["name"]: m["value"] for m in found}["TaskDuration"]


WALK = """
const done = arguments[0], { player } = CNN, first = player.at;
const tick = () => {
  player.forward();
  if (player.at < first + 100) requestAnimationFrame(tick); else done(player.at);
};
requestAnimationFrame(tick);
"""


def opened_and_stepped(browser, path, n_nodes):
    """Return the processor seconds of opening a page, and the least of a hundred steps in it."""
    x = cnn.Input("x")
    for i in range(n_nodes - 1):
        x = ops.tanh(x) if i % 3 else ops.scale(x, 1.5)
    graph = cnn.Graph(x)
    graph.forward(x=0.5)
    graph.backward()
    browser.driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    page = open_page(browser, graph, path)
    page.driver.execute_async_script("requestAnimationFrame(arguments[0])")
    opened, stepped = cpu_seconds(page.driver), []
    for start in (0, n_nodes // 2, n_nodes + n_nodes // 5):
        page.js("CNN.player.go(arguments[0])", start)
        begin = cpu_seconds(page.driver)
        page.driver.execute_async_script(WALK)
        stepped.append(cpu_seconds(page.driver) - begin)
    page.driver.execute_cdp_cmd("Performance.disable", {})
    return opened, min(stepped)


def test_a_step_takes_as_long_among_many_nodes_and_opening_grows_with_them(browser, tmp_path):
    """How long, `benchmarks/page_frames.py` measures."""
    few, many = (opened_and_stepped(browser, tmp_path / f"{n}.html", n) for n in (250, 1000))
    assert many[0] < 8 * few[0]
    assert many[1] < 2 * few[1]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("make", [circuit, steps])
def test_axe_finds_nothing_serious(browser, axe, tmp_path, make, width, dark):
    browser.look(width, 900, dark=dark)
    page = open_page(browser, make(), tmp_path / "page.html")
    page.js("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    for _ in range(4):
        page.press("forward")
    assert axe(page.driver) == []
    page.press("quiz")
    page.press("last")
    assert axe(page.driver) == []


def test_a_narrow_window_scrolls_only_the_drawing(browser, tmp_path):
    browser.look(400, 900)
    page = open_page(browser, network(), tmp_path / "page.html")
    assert page.js("return document.documentElement.scrollWidth") <= 400
    page.press("last")
    assert page.js("return document.documentElement.scrollWidth") <= 400


def test_the_gate_of_a_step_is_in_sight(browser, tmp_path):
    page = open_page(browser, steps(6), tmp_path / "page.html")
    for _ in range(30):
        page.press("forward")
    assert page.js("""
      const lit = document.querySelector('.lit > rect').getBoundingClientRect();
      const stage = document.getElementById('stage').getBoundingClientRect();
      return lit.left >= stage.left && lit.right <= stage.right && lit.top >= stage.top
        && lit.bottom <= stage.bottom;""")
