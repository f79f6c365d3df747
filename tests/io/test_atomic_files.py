"""Files: whole or not at all, whatever happens."""

from __future__ import annotations

import os

import pytest
from test_networks import deep, two_heads


def test_the_old_file_stays_where_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "net"
    deep().save(path)
    before = path.read_bytes()
    for call in ("fsync", "replace", "open"):

        def fail(*args, **kwargs):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            with pytest.raises(OSError, match="No space left"):
                two_heads().save(path)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_has_the_rights_of_any_other(tmp_path):
    (tmp_path / "plain").touch()
    deep().save(tmp_path / "net")
    assert (tmp_path / "net").stat().st_mode == (tmp_path / "plain").stat().st_mode
