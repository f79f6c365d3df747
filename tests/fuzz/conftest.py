"""The references in NumPy of the tests of single operations, which random graphs use too."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "ops"))
