"""A disk that is full, read-only or not ours while a checkpoint is written: as the system has it.

Each runs in a child of its own, with a file system of its own where that takes one.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from test_resume import bits, figures, fit, make
from test_resume import whole as whole  # the fixture

import cnn_core as cnn

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts as Linux does")

NEW_MOUNTS, NEW_USER = 0x20000, 0x10000000
READ_ONLY, REMOUNT, PRIVATE = 1, 32, 1 << 18 | 1 << 14
SKIPPED, FAILED = 3, 1


def mount(folder: Path, flags: int = 0, options: bytes | None = None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    kind = b"tmpfs" if options is not None else None
    if libc.mount(b"none", os.fsencode(folder), kind, ctypes.c_ulong(flags), options):
        raise OSError(ctypes.get_errno(), f"mount {folder}")


def own_file_system(folder: Path) -> None:
    """Let this process, and no other, see an empty file system of 64 KB in ``folder``."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_MOUNTS | (NEW_USER if os.getuid() else 0)):
        raise OSError(ctypes.get_errno(), "unshare")
    mount(Path("/"), PRIVATE)
    mount(folder, 0, b"size=64k")


def fill(path: Path) -> None:
    with suppress(OSError), open(path.with_name("filler"), "wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def limit_files(path: Path) -> None:
    import resource

    half = path.stat().st_size // 2
    resource.setrlimit(resource.RLIMIT_FSIZE, (half, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def take_permission(path: Path) -> None:
    path.parent.chmod(0o555)
    os.seteuid(os.geteuid() or 65534)  # root may write everywhere


def put_a_file_there(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))
    path.parent.write_text("no folder")


def undo(path: Path) -> None:
    os.seteuid(os.getuid())
    if path.parent.is_file():
        path.parent.unlink()
        path.parent.with_name("moved").rename(path.parent)


FAULTS: dict[str, tuple[Callable[[Path], None], int]] = {
    "full": (fill, errno.ENOSPC),
    "read-only": (lambda path: mount(path.parent, REMOUNT | READ_ONLY, b""), errno.EROFS),
    "full in the middle": (limit_files, errno.EFBIG),
    "no permission": (take_permission, errno.EACCES),
    "no folder": (put_a_file_there, errno.ENOTDIR),
}


def run(fault: str, path: Path, whole) -> int:
    """Train in a child with a fault from the second epoch on; return its status."""
    path.parent.mkdir()
    if fault in ("full", "read-only"):
        try:
            own_file_system(path.parent)
        except OSError as error:
            print(f"no file system of one's own: {error}", file=sys.stderr)
            return SKIPPED
    break_it, number = FAULTS[fault]
    before: list[bytes] = []

    class Break(cnn.Callback):
        def on_epoch_begin(self, trainer, epoch):
            if epoch == 2:
                before.append(path.read_bytes())
                break_it(path)

    trainer, checkpoint = make(), cnn.Checkpoint(path)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        history = fit(trainer, checkpoint, Break())
    undo(path)
    assert (bits(trainer), figures(history)) == whole
    assert [error.errno for error in checkpoint.errors] == [number] * history.epochs
    told = [str(each.message) for each in seen if "could not be written" in str(each.message)]
    assert len(told) == history.epochs
    assert path.read_bytes() == before[0]
    assert {f.name for f in path.parent.iterdir()} - {"filler"} == {"run"}
    assert cnn.Trainer.resume(path).epochs_done == 1
    return 0


@pytest.mark.parametrize("fault", FAULTS)
def test_training_goes_on_and_the_former_file_is_whole(fault, whole, tmp_path):
    pid = os.fork()
    if pid == 0:
        status = FAILED
        with suppress(BaseException):
            try:
                status = run(fault, tmp_path / "folder" / "run", whole)
            except BaseException:
                traceback.print_exc()
            sys.stderr.flush()
        os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    (tmp_path / "folder").chmod(0o755)
    if status == SKIPPED:
        pytest.skip("no file system of one's own without root or user namespaces")
    assert status == 0
