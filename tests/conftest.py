"""What all tests share: hypothesis draws the same examples in every run, and names stay."""

from __future__ import annotations

import signal

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse names with addresses: processes that share the tests would not agree on them."""
    for item in items:
        if " at 0x" in item.nodeid:
            raise pytest.UsageError(f"need ids that are the same in every run; got {item.nodeid}")
