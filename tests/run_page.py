"""Run the blocks of a page one after the other; a process of its own for `docs/test_pages.py`.

Reads from the standard input what to run, and writes to the file that the argument names what
became of each block: what every ``print`` of the page printed, with its line in the page, the
error in which the block ended, and the warnings.  Line numbers of errors are those of the page.
"""

from __future__ import annotations

import builtins
import io
import json
import shlex
import subprocess
import sys
import time
import traceback
import warnings
from types import ModuleType

QUIET = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)
"""Warnings for those who wrote a module: Python does not show them by default either."""

real_print = builtins.print


class Listener:
    """A ``print`` that keeps what the page prints."""

    def __init__(self, page: str) -> None:
        self.page = page
        self.found: list[tuple[int, str]] = []

    def __call__(self, *values: object, **options: object) -> None:
        frame = sys._getframe(1)
        if frame.f_code.co_filename == self.page and options.get("file") is None:
            text = io.StringIO()
            real_print(*values, **{**options, "file": text})
            self.found.append((frame.f_lineno, text.getvalue()))
        real_print(*values, **options)


def run_python(text: str, line: int, page: str, names: dict) -> None:
    exec(compile("\n" * (line - 1) + text, page, "exec"), names)


def run_console(text: str) -> None:
    """Run commands of this package and of Python; a line that ends in a backslash goes on."""
    from cnn_core.cli import main

    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True)
        if not words:
            continue
        if words[0] == "cnn-core":
            status = main(words[1:])
        elif words[0] in ("python", "python3"):
            status = subprocess.run([sys.executable, *words[1:]]).returncode
        else:
            raise ValueError(f"need cnn-core or python in a console that is run; got {line!r}")
        if status:
            raise RuntimeError(f"status {status}: {line}")


def run_block(block: dict, page: str, names: dict) -> dict:
    listener = builtins.print = Listener(page)
    error = trace = None
    begin = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if block["language"] == "console":
                run_console(block["text"])
            else:
                run_python(block["text"], block["line"], page, names)
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
            trace = traceback.format_exc()
    builtins.print = real_print
    return {
        "line": block["line"],
        "printed": listener.found,
        "error": error,
        "trace": trace,
        "warnings": [str(w.message) for w in caught if not issubclass(w.category, QUIET)],
        "seconds": time.perf_counter() - begin,
    }


def main() -> None:
    job = json.load(sys.stdin)
    sys.path[0] = ""  # as for `python`, in the folder where the page runs
    main_module = sys.modules["__main__"] = ModuleType("__main__")
    results = []
    for block in job["blocks"]:
        results.append(run_block(block, job["page"], vars(main_module)))
        if results[-1]["error"] and not block["raises"]:
            break
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(results, file)


if __name__ == "__main__":
    main()
