"""How fast pages of graphs open and step in headless Chromium: frames, bytes, time.

    python benchmarks/page_frames.py            needs selenium, chromium and chromedriver
    python benchmarks/page_frames.py --keep DIR  keeps the pages

Of each page: its bytes, without the graph's data and with it; the time from the request to the
first frame that shows it, and the processor time of the page's main thread in it; then one step
forward in each frame of the browser, through up to 300 steps in the middle, and back again: the
median and the 99th percentile of the time between two frames (16.7 ms are 60 a second, which the
browser does not exceed), the share of frames that came late by half a frame or more, and the
processor time of the main thread for a frame (script, layout and paint).  Processor times depend
little on what else the machine is at; the others do.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from importlib import util
from pathlib import Path

import numpy as np
from nets import NETS

import cnn_core as cnn
from cnn_core import ops
from cnn_core.viz.page import build

ROOT = Path(__file__).resolve().parents[1]
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--window-size=1280,900")  # fmt: skip
FRAMES = """
const done = arguments[arguments.length - 1], { player } = CNN;
const first = Math.max(0, Math.floor(player.steps.last / 2) - 150);
const last = Math.min(player.steps.last, first + 300);
player.go(first);
const times = [];
let before = 0, by = 1;
const tick = now => {
  if (before) times.push(now - before);
  before = now;
  if (by < 0 && player.at === first) return done(times);
  player.go(player.at + by);
  if (player.at === last) by = -1;
  requestAnimationFrame(tick);
};
requestAnimationFrame(tick);
"""


def network():
    """The network M1 of `nets`, three layers, and its loss, on a batch of 32 images."""
    n_in, *hidden, n_out = NETS["M1"].sizes
    layers = [*(cnn.Dense(n, activation="relu") for n in hidden), cnn.Dense(n_out)]
    net = cnn.Sequential(layers, inputs=n_in, seed=0)
    loss = net.output, cnn.Input("labels", (cnn.BATCH,), dtype="int32")
    graph = cnn.Graph(ops.softmax_cross_entropy(*loss), params=net.store)
    rng = np.random.default_rng(0)
    graph.forward(x=rng.random((32, n_in)), labels=rng.integers(0, n_out, 32))
    return graph


def neuron():
    """The sigmoid neuron of examples/lecture/04_sigmoid_neuron.py."""
    path = ROOT / "examples/lecture/04_sigmoid_neuron.py"
    spec = util.spec_from_file_location("sigmoid_neuron", path)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    graph = module.from_small_gates()
    graph.forward(**module.POINT)
    return graph


def turing_machine():
    """The Neural Turing Machine of the examples, unrolled over 5 steps."""
    sys.path.insert(0, str(ROOT / "examples"))
    from neural_turing_machine.model import NeuralTuringMachine

    machine, rng = NeuralTuringMachine(10, 8, seed=0), np.random.default_rng(0)
    graph = machine.graph(3, 2)
    graph.forward(x=rng.integers(0, 2, (3, 10)), target=rng.integers(0, 2, (2, 8)))
    return graph


def chain():
    """1,000 scalar nodes in a row."""
    x = cnn.Input("x")
    for i in range(999):
        x = ops.tanh(x) if i % 3 else ops.scale(x, 1.5)
    graph = cnn.Graph(x)
    graph.forward(x=0.5)
    return graph


def browser(folder: str):
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("chromium-browser")
    for flag in (*FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_script_timeout(300)
    return driver


def cpu_seconds(driver) -> float:
    """Return the processor time of the page's main thread."""
    found = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return {m["name"]: m["value"] for m in found}["TaskDuration"]


def opening(driver, path: Path) -> tuple[float, float]:
    """Return the milliseconds until a page shows itself, and of the processor; medians of 5."""
    times, work = [], []
    for _ in range(5):
        driver.get(path.as_uri())
        times.append(driver.execute_async_script(
            "const done = arguments[0], look = () => CNN.opened ? done(CNN.opened)"
            " : setTimeout(look, 5); look();"))  # fmt: skip
        work.append(1e3 * cpu_seconds(driver))  # which begins anew with each page
    return float(np.median(times)), float(np.median(work))


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast pages of graphs open and step.")
    parser.add_argument("--keep", metavar="DIR", help="leave the pages there")
    keep = parser.parse_args().keep
    with tempfile.TemporaryDirectory() as folder:
        pages = Path(keep or folder)
        pages.mkdir(exist_ok=True)
        driver = browser(f"{folder}/chromium")
        try:
            driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
            print("graph            nodes  steps  page kB  in all  opens ms  cpu ms  frame ms  99 %"
                  "  late %  cpu ms")  # fmt: skip
            for make in (network, neuron, turing_machine, chain):
                measure(driver, make, pages)
        finally:
            driver.quit()


def measure(driver, make, pages: Path) -> None:
    graph = make()
    graph.backward()
    path = (pages / f"{make.__name__}.html").resolve()
    graph.to_html(path)
    size, shell = path.stat().st_size, len(build.asset("page.html")) + len(build.script())
    shell += len(build.asset("page.css"))
    opens, opens_work = opening(driver, path)
    begin = cpu_seconds(driver)
    times = np.array(driver.execute_async_script(FRAMES))
    work = 1e3 * (cpu_seconds(driver) - begin) / len(times)
    late = 100 * np.mean(times > 25)
    n_steps = driver.execute_script("return CNN.player.steps.last")
    print(f"{make.__name__:<15}  {len(graph.nodes_topologically_sorted()):5}  {n_steps:5}  "
          f"{shell / 1e3:7.0f}  {size / 1e3:6.0f}  {opens:8.0f}  {opens_work:6.0f}  "
          f"{np.median(times):8.1f}  {np.percentile(times, 99):4.0f}  {late:6.1f}  "
          f"{work:6.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
