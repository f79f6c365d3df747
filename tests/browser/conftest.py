"""A headless Chromium that tests drive, and axe, which looks for what some cannot read or reach.

Skipped, saying why, where there is no selenium, no browser, or no axe-core (an npm package): its
file is given by AXE_CORE, or lies in a folder node_modules here or above.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SERIOUS = {"serious", "critical"}
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--hide-scrollbars")  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all of these tests as slow: a browser takes seconds."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)


class Browser:
    """Opens pages in a window of some size, light or dark."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def look(self, width: int = 1280, height: int = 900, *, dark: bool = False,
             still: bool = False) -> None:  # fmt: skip
        """Set the size of the window and what the reader prefers."""
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})  # fmt: skip
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"},
        ]})  # fmt: skip

    def open(self, path: Path | str) -> Any:
        """Open a file, or an address, and return the driver."""
        self.problems()  # of the page before
        self.driver.get(path if isinstance(path, str) else path.resolve().as_uri())
        return self.driver

    def problems(self) -> list[str]:
        """Return what the browser has complained about since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] in ("SEVERE", "WARNING")]  # fmt: skip


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser for all tests of a session."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    server = shutil.which("chromedriver")
    if binary is None or server is None:
        pytest.skip("chromium or chromedriver is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=server)
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield Browser(driver)
    finally:
        driver.quit()


@pytest.fixture
def browser(chromium: Browser) -> Browser:
    """The browser with a window of the usual size, light."""
    chromium.look()
    return chromium


def axe_file() -> Path | None:
    """Return the file of axe-core, if there is one."""
    given = os.environ.get("AXE_CORE")
    folders = [Path(__file__).resolve(), *Path(__file__).resolve().parents]
    found = [Path(given)] if given else [f / "node_modules/axe-core/axe.min.js" for f in folders]
    return next((path for path in found if path.is_file()), None)


@pytest.fixture(scope="session")
def axe() -> Callable[[Any], list[str]]:
    """A function that returns what axe finds serious in the page that a driver has open."""
    path = axe_file()
    if path is None:
        pytest.skip("axe-core is not installed: npm install axe-core, or AXE_CORE=path/axe.min.js")
    script = path.read_text("utf-8")

    def check(driver: Any) -> list[str]:
        driver.execute_script(script)
        found = driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run().then(r => done(r.violations), e => done([{impact: 'critical', id: 'axe',"
            "help: String(e), nodes: []}]))"
        )
        return [f"{v['id']}: {v['help']}: {node['html'][:200]}: {node.get('failureSummary', '')}"
                for v in found if v["impact"] in SERIOUS
                for node in (v["nodes"] or [{"html": ""}])]  # fmt: skip

    return check
