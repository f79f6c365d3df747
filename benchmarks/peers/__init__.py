"""Peers: one file each, named like the peer, with its class `Adapter`; the folder is the list."""

from __future__ import annotations

from pathlib import Path

OWN = "cnn_core"


def known() -> list[str]:
    """Return the names of all peers, this package's first."""
    names = sorted(p.stem for p in Path(__file__).parent.glob("*.py"))
    others = [n for n in names if n not in ("__init__", "base") and not n.startswith(OWN)]
    return [OWN, *(n for n in names if n.startswith(OWN + "_")), *others]
