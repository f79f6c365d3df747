"""What all tests share: hypothesis draws the same examples in every run, and names stay."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=100)
settings.load_profile("fixed")

# A shell that starts the tests in the background has them ignore the Ctrl-C that some send
# themselves.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _same_numbers_in_every_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let networks without a seed draw 0: a test that fails by its numbers does so every time."""
    monkeypatch.setattr("cnn_core.nn.model.urandom", bytes)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable], Path]:
    """Return a function that gives the path of a file, which only the first to ask for it makes,
    of all files of tests and all processes that share them: what takes long to compile."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent

    def made(name: str, make: Callable[[Path], object]) -> Path:
        import fcntl  # where there is none, there is no compiler of the kind that tests need

        path = folder / "made once" / name
        path.parent.mkdir(exist_ok=True)
        with open(path.with_name(f"{name}.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                beside = path.with_name(f"part of {name}")
                make(beside)
                beside.rename(path)
        return path

    return made


# Tests are hundreds of thousands of objects that live to the end: a collector that goes through
# them finds nothing, and takes a quarter of the time that it takes to find them.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse names with addresses: processes that share the tests would not agree on them."""
    for item in items:
        if " at 0x" in item.nodeid:
            raise pytest.UsageError(f"need ids that are the same in every run; got {item.nodeid}")
