"""What a test reads of the page of a graph, and what Python says must be there."""

from __future__ import annotations

import numpy as np

from cnn_core.ir.node import Node
from cnn_core.viz.labels import Labels

SHOWN = """
const texts = (i, role) => [...document.querySelectorAll(`.row[data-node="${i}"] text.${role}`)]
  .map(text => text.textContent).filter(text => text);
return CNN.player.page.nodes.map((_, i) => [texts(i, "value").reverse(), texts(i, "gradient")]);
"""


OPENED = """
const done = arguments[0], look = () => window.CNN && CNN.opened ? done() : setTimeout(look, 5);
look();
"""
"""On a busy machine a browser may hand over a page whose script has not run yet."""


class PageReader:
    """A page in a browser, with what a reader does there."""

    def __init__(self, driver):
        self.driver = driver

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def shown(self):
        """Return of each node the lines above and below its wire."""
        return [(tuple(above), tuple(below)) for above, below in self.js(SHOWN)]

    def press(self, name):
        self.js("document.getElementById(arguments[0]).click()", name)

    def text(self, name):
        return self.js("return document.getElementById(arguments[0]).textContent", name)

    def status(self, which):
        return self.js(f"return [...CNN.player.state.{which}Status]")

    def change(self, label, value):
        """Type a number into the field with a label, as a reader does."""
        from selenium.webdriver.common.by import By
        from selenium.webdriver.common.keys import Keys

        field = self.driver.find_element(By.CSS_SELECTOR, f'input[aria-label="{label}"]')
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(str(value), Keys.ENTER)


def open_page(browser, graph, path, **options) -> PageReader:
    graph.to_html(path, **options)
    page = PageReader(browser.open(path))
    page.driver.execute_async_script(OPENED)
    return page


def expected(graph):
    """Return the lines that pictures of the graph have at each node."""
    labels, found = Labels(graph), []
    for node in graph.nodes_topologically_sorted():
        label = labels[node]
        above = label.value
        if not graph.has_values and node.shape != ():
            above = label.value[:1]
        found.append((tuple(above), tuple(label.gradient)))
    return found


def differences(page, graph):
    """Return the lines of the page that are not those of pictures of the graph.

    The mean of numbers whose sum is 0 but for rounding is not compared: its digits say how the
    sum was rounded.
    """
    wrong = []
    nodes = graph.nodes_topologically_sorted()
    for node, here, there in zip(nodes, page.shown(), expected(graph), strict=True):
        for one, other in zip(here, there, strict=True):
            if one != other and not (_cancels(one) and _cancels(other) and one[:-2] == other[:-2]
                                     and one[-1] == other[-1]):  # fmt: skip
                wrong.append((graph.name_of(node), one, other))
    return wrong


def _cancels(lines):
    """Tell whether lines end in a mean that is nothing beside the standard deviation."""
    if len(lines) < 2 or not lines[-2].startswith("mean "):
        return False
    return abs(float(lines[-2][5:])) < 1e-6 * float(lines[-1][4:])


def node_numbers(graph) -> dict[Node, int]:
    return {node: i for i, node in enumerate(graph.nodes_topologically_sorted())}


def seeded(*shape, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).normal(size=shape)
