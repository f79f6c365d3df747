"""The references of other folders that these tests use: NumPy training, compiled products."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / "train"), str(TESTS / "c")]
