"""Random graphs from the command line.

    python tests/fuzz/fuzz.py 1593        the graph of this seed, printed and checked
    python tests/fuzz/fuzz.py 0 500       all seeds from 0 to 499
    python tests/fuzz/fuzz.py 0 500 each  the same, and each says so: for those that end in a crash
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "ops"))  # its references in NumPy


def main(first: str, last: str = "", each: str = "") -> None:
    from fuzz_case import draw_case
    from fuzz_check import check_all

    warnings.simplefilter("ignore")  # more threads than cores
    if not last:
        print(draw_case(int(first)), flush=True)
    for seed in range(int(first), int(last)) if each else ():
        print(seed, flush=True)
        check_all(seed, seed + 1)
    if not each:
        print(check_all(int(first), int(last or int(first) + 1)))


if __name__ == "__main__":
    main(*sys.argv[1:])
