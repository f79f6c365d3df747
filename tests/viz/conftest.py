"""The rules of random graphs, with which the page's operations are drawn too."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / "fuzz"), str(TESTS / "ops")]
