"""The cases of operations without pytest: for processes of another instruction set, or product.

    python tests/ops/run_cases.py full           17 rows, whole and in pieces, at one scale
    python tests/ops/run_cases.py all            every number of rows at one scale, 17 at others
    python tests/ops/run_cases.py products       dense and matmul, the usual numbers of rows
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path

from faults.build import Splitter, compile_splitter, compiler
from harness import check_split
from test_ops import ALL, DTYPES, check_sizes, sizes


def main(which: str) -> int:
    warnings.simplefilter("ignore")
    done = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        splitter = None
        if compiler() is not None and which != "products":
            compile_splitter(library := Path(folder) / "split.so")
            splitter = Splitter(library)
        for name in ALL:
            if which == "products" and not ("dense" in name or "matmul" in name):
                continue
            for dtype in DTYPES:
                of = sizes(name, dtype, usual=True)
                if which == "all":
                    of += sizes(name, dtype, usual=False)
                    of = [(rows, s) for rows, s in of if s == ALL[name].scales[0] or rows == 17]
                if which == "full":  # or as many as a case without a batch has
                    of = [(rows, s) for rows, s in of if s == ALL[name].scales[0]][-1:]
                done += len(of)
                try:
                    check_sizes(name, dtype, of)
                    if splitter is not None:
                        check_split(ALL[name], dtype, 17, splitter)
                except AssertionError as error:
                    failed += 1
                    print(error)
    print(f"{done} done, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
