"""Commands that pages show name files, modules, options and extras that exist."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
from page_blocks import ROOT, blocks, pages

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli", reason="no reader of TOML before Python 3.11")

from cnn_core.cli import _parser

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]
PAGES = {str(page.relative_to(ROOT)): page for page in pages()}
PROGRAMS = r"(?:\S*/)?(?:python3?|pip|pytest|bash|cnn-core)"
ELSEWHERE = {"apt", "apt-get", "cd", "docker", "export", "git", "qemu-aarch64", "sudo", "wine"}
"""Programs whose arguments are not looked at."""


def commands(page: Path) -> list[str]:
    """Return the commands of a page: lines of shells, and code in the text that begins so."""
    text = page.read_text(encoding="utf-8")
    lines = []
    for block in blocks(page):
        if block.language in ("sh", "console"):
            lines += block.text.replace("\\\n", " ").splitlines()
    outside = re.sub(r"^( *)(```+).*?^ *\2 *$", "", text, flags=re.M | re.S)
    spans = re.findall(rf"(?<!`)`({PROGRAMS} [^`]+)`(?!`)", outside)
    spans += re.findall(rf"^    ({PROGRAMS} .+)$", outside, re.M)
    return [part.strip() for line in [*lines, *spans]
            for part in re.split(r"&&|\|\||;|\|", line) if part.strip()]  # fmt: skip


def words_of(command: str) -> list[str]:
    words = shlex.split(command.removeprefix("$ "), comments=True)
    while words and re.match(r"\w+=", words[0]):  # variables for one command
        del words[0]
    return words


def told_wrong(command: str) -> str | None:
    """Return what is wrong with a command, if anything."""
    words = words_of(command)
    if not words:
        return None
    program, rest = Path(words[0]).name, words[1:]
    if program in ELSEWHERE:
        return None
    if program == "cnn-core":
        return _cnn_core(rest)
    if program in ("python", "python3"):
        return _python(rest)
    if program == "pip":
        return _extras(rest)
    if program in ("pytest", "bash"):
        return _files(rest)
    return f"{program}: unknown to this test"


def _python(words: list[str]) -> str | None:
    while words[:1] and words[0].startswith("-") and words[0] not in ("-m", "-c"):
        words = words[1:]
    if not words or words[0] == "-c":
        return None
    if words[0] != "-m":
        return _script(ROOT / words[0], words[1:])
    name, rest = words[1], words[2:]
    if name in ("venv", "build", "sphinx"):
        return None
    if name == "pip":
        return _extras(rest)
    if name == "pytest":
        return _files(rest)
    if name == "cnn_core":
        return _cnn_core(rest)
    found = [folder / f"{name.replace('.', '/')}.py" for folder in (ROOT, ROOT / "examples")]
    return _script(next((p for p in found if p.exists()), found[0]), rest)


def _script(path: Path, words: list[str]) -> str | None:
    if not path.exists():
        return f"there is no {path}"
    source = path.read_text(encoding="utf-8")
    for word in words:
        option = word.partition("=")[0]
        if option.startswith("--") and not re.search(rf'"{option}"', source):
            return f"{path.name} knows no {option}"
    return None


def _cnn_core(words: list[str]) -> str | None:
    parsers = next(a for a in _parser()._actions if a.dest == "command").choices
    if words[0] not in parsers:
        known = words[0] in ("--help", "--version", "COMMAND")  # the last stands for any
        return None if known else f"no command {words[0]}"
    known = {o for action in parsers[words[0]]._actions for o in action.option_strings}
    unknown = {w.partition("=")[0] for w in words if w.startswith("--")} - known
    return f"cnn-core {words[0]} knows no {unknown}" if unknown else None


def _extras(words: list[str]) -> str | None:
    for asked in re.findall(r"(?:cnn-core|\.)\[([\w,-]+)\]", " ".join(words)):
        for extra in asked.split(","):
            if extra not in EXTRAS:
                return f"there is no extra {extra}"
    return None


def _files(words: list[str]) -> str | None:
    for word in words:
        if re.match(r"(tests|benchmarks|examples|docs|\.ci)/", word):
            path = ROOT / word.partition("::")[0]
            if not path.exists():
                return f"there is no {path}"
    return None


@pytest.mark.parametrize("name", PAGES)
def test_commands_name_what_there_is(name: str) -> None:
    told = {command: told_wrong(command) for command in commands(PAGES[name])}
    assert {command: what for command, what in told.items() if what} == {}


def test_readme_has_commands_and_paths_in_its_text_exist() -> None:
    readme = PAGES["README.md"]
    assert len(commands(readme)) > 15
    named = re.findall(r"(?<![\w/.])((?:tests|examples|benchmarks|\.ci)/[\w./]+)",
                       readme.read_text(encoding="utf-8"))  # fmt: skip
    assert len(named) > 8
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("command", [
    "python examples/no_such.py", "python examples/train_digits.py --sead 5",
    "cnn-core trian x.csv", "cnn-core train x.csv --targe y", "pip install -e '.[exampels]'",
    "pytest tests/no_such.py", "python -m neural_turing_machine.no_such", "rm -r x",
    "bash .ci/no_such",
])  # fmt: skip
def test_wrong_commands_are_found(command: str) -> None:
    assert told_wrong(command)
