"""What docs/platforms.md says of scripts and of wheels is what these files hold."""

from __future__ import annotations

import re
import subprocess

import pytest
from page_blocks import ROOT

PAGE = (ROOT / "docs" / "platforms.md").read_text("utf-8")
SCRIPT = ROOT / ".ci" / "platforms"
PROJECT = (ROOT / "pyproject.toml").read_text("utf-8")


def parts() -> set[str]:
    """Return the parts of the script that run by default: all that there are."""
    (line,) = re.findall(r"^\(\(\$#\)\) \|\| set -- (.*)$", SCRIPT.read_text("utf-8"), re.M)
    return set(line.split())


def test_the_page_names_every_part_and_no_other():
    named = set(re.findall(r"bash \.ci/platforms (\w+)", PAGE))
    named |= set(re.findall(r"`(with_clang|pythons|oldest)`", PAGE))
    assert named | {"arm64"} == parts()
    functions = set(re.findall(r"^(\w+)\(\) [{(]", SCRIPT.read_text("utf-8"), re.M))
    assert parts() <= functions


@pytest.mark.parametrize("name", ["arm64", "copy_tree", "platforms"])
def test_the_shell_can_read_the_scripts(name):
    done = subprocess.run(["bash", "-n", ROOT / ".ci" / name], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_count_of_wheels_is_that_of_the_configuration():
    (build,) = re.findall(r'^build = "(.*)"$', PROJECT, re.M)
    kinds = 4 + 2 + 1  # Linux: two C libraries and two processors; macOS; Windows
    assert f"names the {kinds * len(build.split())} wheels" in PAGE
    runners = (ROOT / ".github" / "workflows" / "wheels.yml").read_text("utf-8").count("runner: ")
    assert runners == 2 + 2 + 1  # both C libraries on one
