"""The CPU quota of this process's own control groups, and of those around them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnn_core.run.cores import quotas


def tree(root: Path, groups: str, files: dict[str, str]) -> list[float]:
    """Return the quotas for /proc/self/cgroup ``groups`` and these ``files`` below a mount."""
    (root / "groups").write_text(groups)
    for name, text in files.items():
        path = root / "mounted" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return sorted(quotas(root / "groups", root / "mounted"))


V1 = "cpu.cfs_quota_us", "cpu.cfs_period_us"


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        # Version 2: the own group's file counts, and those of the groups around it.
        ("0::/a/b\n", {"a/b/cpu.max": "150000 100000\n"}, [1.5]),
        ("0::/a/b\n", {"a/cpu.max": "200000 100000", "a/b/cpu.max": "max 100000"}, [2.0]),
        ("0::/a/b\n", {"a/cpu.max": "100000 100000", "a/b/cpu.max": "400000 100000"}, [1.0, 4.0]),
        ("0::/a/b\n", {"cpu.max": "300000 100000"}, [3.0]),  # a container that sees its own only
        ("0::/../b\n", {"cpu.max": "300000 100000"}, [3.0]),
        ("0::/a\n", {"b/cpu.max": "100000 100000"}, []),  # somebody else's
        ("0::/\n", {"cpu.max": "max 100000"}, []),
        # Version 1: of the line with cpu among its controllers.
        ("5:memory:/m\n4:cpu,cpuacct:/a\n", {f"cpu,cpuacct/a/{V1[0]}": "50000",
                                            f"cpu,cpuacct/a/{V1[1]}": "100000"}, [0.5]),
        ("4:cpu,cpuacct:/a/b\n", {f"cpu/a/{V1[0]}": "200000", f"cpu/a/{V1[1]}": "100000",
                                  f"cpu/a/b/{V1[0]}": "-1", f"cpu/a/b/{V1[1]}": "100000"}, [2.0]),
        ("4:cpuset:/a\n", {f"cpuset/a/{V1[0]}": "1", f"cpuset/a/{V1[1]}": "1"}, []),
        # Damaged or without files.
        ("0::/a\n", {"a/cpu.max": "1", "cpu.max": "x y"}, []),
        ("nonsense\n", {}, []),
        ("", {}, []),
    ],
)  # fmt: skip
def test_quotas_are_those_of_the_own_group_and_of_all_around_it(tmp_path, groups, files, expected):
    assert tree(tmp_path, groups, files) == expected


def test_a_system_without_control_groups_has_no_quota(tmp_path):
    assert list(quotas(tmp_path / "none", tmp_path)) == []
