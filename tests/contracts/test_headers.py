"""The headers of src_c: each stands alone, all stand together, and a name means one thing.

A header with functions of both types, ``K(name)``, belongs into the typed half of a file, where
``real`` is defined (src_c/include/cnn_typed.h); any other into either half.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[2] / "src_c"
COMPILER = os.environ.get("CC") or shutil.which("cc")
ISA_FLAGS = {
    "baseline": [],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mavx2", "-mfma"],
}
# But what includes a file anew for each type.
HEADERS = [p for p in sorted(SRC.rglob("*.h")) if p.name != "cnn_instantiate.h"]
# One interface, of which an instruction set takes one or the other.
ALTERNATIVES = {"gemm/vector.h", "gemm/vector_plain.h"}


def code_of(path: Path) -> str:
    text = re.sub(r"/\*.*?\*/", "", path.read_text("utf-8"), flags=re.DOTALL)
    return text.replace("\\\n", " ")


def is_typed(path: Path) -> bool:
    """Tell whether all of the header, or one that it includes, belongs into a typed half."""
    text = code_of(path)
    if "#ifdef real" in text:
        return False
    included = re.findall(r'#include "(.*?)"', text)
    return bool(re.search(r"^[^#\n]*\bK\(", text, re.MULTILINE)) or any(
        p.name == Path(name).name and is_typed(p) for name in included for p in HEADERS
    )


def user_of(headers: Iterable[Path], file: Path) -> Path:
    """Write a file that includes ``headers`` where they belong, for both types."""
    lines = {half: "".join(f'#include "{p.relative_to(SRC)}"\n' for p in headers
                           if half == "typed" or not is_typed(p))
             for half in ("typed", "plain")}  # fmt: skip
    file.write_text(
        f'#ifdef real\n{lines["typed"]}#else\n{lines["plain"]}'
        f'#define CNN_SELF "{file.as_posix()}"\n#include "cnn_instantiate.h"\n#endif\n'
    )
    return file


def check(files: Iterable[Path], flags: Iterable[str]) -> None:
    done = subprocess.run(
        [COMPILER, "-fsyntax-only", "-std=c11", "-Wall", "-Wextra", "-Werror",
         "-Wno-unused-function", "-D_POSIX_C_SOURCE=200809L", f"-I{SRC}", f"-I{SRC / 'include'}",
         *flags, *map(str, files)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[:3000]


@pytest.fixture(autouse=True)
def compiler() -> None:
    if COMPILER is None:
        pytest.skip("there is no C compiler named cc on this machine")


def test_each_header_compiles_alone(tmp_path):
    check([user_of([p], tmp_path / f"{p.stem}.c") for p in HEADERS], [])


@pytest.mark.parametrize("isa", ISA_FLAGS)
def test_all_headers_compile_together_in_both_orders(isa, tmp_path):
    if isa != "baseline" and os.uname().machine != "x86_64":
        pytest.skip("this machine has other instruction sets")
    files = [user_of(HEADERS, tmp_path / "up.c"), user_of(HEADERS[::-1], tmp_path / "down.c")]
    check(files, ISA_FLAGS[isa])


def names_of(path: Path) -> set[str]:
    """Return what a file defines: macros, functions, types and enumerators, without K( )."""
    text = code_of(path)
    found = set(re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", text, re.MULTILINE))
    text = re.sub(r"^[ \t]*#.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\bK\((\w+)\)", r"\1", text)
    begin = r"^(?:static|CNN_INLINE|CNN_PASS|CNN_COLD|typedef)\b"
    for end in (r"\s*\(", r"\s*(?:\[.*?\])?\s*[;=]"):
        found |= set(re.findall(begin + r"[^;{}()=]*?\b(\w+)" + end, text, re.MULTILINE))
    found |= set(re.findall(r"^\}\s*(\w+);", text, re.MULTILINE))
    found |= set(re.findall(r"^typedef\b.*\(\*(\w+)\)\(", text, re.MULTILINE))
    for body in re.findall(r"\benum\s*\{(.*?)\}", text, re.DOTALL):
        found |= set(re.findall(r"(?:^|,)\s*([A-Za-z_]\w*)", body))
    return found - {"void"}


def test_what_a_header_defines_means_one_thing():
    """In all of src_c: a file that includes it today or tomorrow cannot mean another."""
    where = defaultdict(set)
    for path in (p for p in SRC.rglob("*.[ch]") if p.name != "cnn_instantiate.h"):
        for name in names_of(path):
            where[name].add(str(path.relative_to(SRC)))
    twice = {name: sorted(files) for name, files in where.items()
             if len(files) > 1 and any(f.endswith(".h") for f in files)
             and files != ALTERNATIVES}  # fmt: skip
    assert twice == {}


def test_the_check_of_names_sees_each_kind(tmp_path):
    (tmp_path / "all.h").write_text(
        "#  define A_MACRO(x) \\\n x\nstatic inline double K(a_function)(int64_t n)\n{\n}\n"
        "typedef struct {\n    int x;\n} K(a_type);\nenum { FIRST = 1, LAST };\n"
        "typedef double (*an_alias)(int x);\nstatic const int A_TABLE[LAST + 1] = {0};\n"
        "typedef __m512 a_name;\n/* #define NOT_ONE */\n"
    )
    found = names_of(tmp_path / "all.h")
    assert found >= {"A_MACRO", "a_function", "a_type", "FIRST", "LAST"}
    assert found >= {"A_TABLE", "a_name", "an_alias"}
    assert not found & {"NOT_ONE", "int64_t", "int", "x", "void"}
