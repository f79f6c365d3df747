"""How many cores this process may use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath


@cache
def available_cores() -> int:
    """Return the cores that this process may use: its affinity, and its cgroups' CPU quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = min(quotas(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")), default=math.inf)
    return max(1, math.ceil(min(cores or 1, quota)))


def quotas(groups: Path, mounted: Path) -> Iterator[float]:
    """Yield the CPU quotas, in cores, of this process's control groups and those around them.

    ``groups`` lists the groups, as /proc/self/cgroup does; ``mounted`` is where their files are.
    Files that are not there or say nothing yield nothing.
    """
    try:
        lines = groups.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, group = (*line.split(":", 2), "", "")[:3]
        if not controllers:  # version 2
            folders, read = [mounted, mounted / "unified"], _quota_v2
        elif "cpu" in controllers.split(","):
            folders, read = [mounted / controllers, mounted / "cpu"], _quota_v1
        else:
            continue
        # In a container the path may be the host's: what is mounted at the top is its own.
        path = PurePosixPath(group.lstrip("/"))
        for folder in folders:
            for inner in (path, *path.parents):
                try:
                    yield from read(folder / inner)
                except (OSError, ValueError):
                    continue


def _quota_v2(folder: Path) -> list[float]:
    quota, period = (folder / "cpu.max").read_text().split()
    return [] if quota == "max" else [int(quota) / int(period)]


def _quota_v1(folder: Path) -> list[float]:
    quota = int((folder / "cpu.cfs_quota_us").read_text())
    period = int((folder / "cpu.cfs_period_us").read_text())
    return [] if quota <= 0 else [quota / period]
