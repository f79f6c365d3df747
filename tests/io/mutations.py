"""Files that are not as they were written: what may be wrong with one, and what reading it may do.

    python tests/io/mutations.py 1593        the file of this seed, as every reader finds it
"""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import cache
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

import cnn_core as cnn
from cnn_core.cli import main
from cnn_core.errors import CnnCoreError
from cnn_core.io import files

FORMATS = Path(__file__).with_name("formats")
sys.path.append(str(FORMATS))

import make_files  # noqa: E402

JUNK = [None, -1, 0, 1, 2**31, 2**70, 1e300, "", "relu", "../../x", "/dev/zero", "__class__", [],
        {}, True, [[1]], {"node": 0}, {"node": -1}, {"object": "Trainer", "options": {}},
        {"object": "os.system", "options": {"command": "false"}}, {"array": "/etc/passwd"},
        {"function": "ops.__class__"}, {"slice": [0, 0, 0]}, "x" * 10**5, "F64", "I8"]  # fmt: skip
"""What comes where something else was."""


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Return a file with bits flipped, bytes replaced, cut out or doubled, another length of its
    header, or other JSON in it."""
    kind, changed = rng.integers(6), bytearray(data)
    end = 8 + struct.unpack("<Q", data[:8])[0]
    at = int(rng.integers(end if rng.random() < 0.8 else len(data)))
    if kind == 0:
        changed[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        n = int(rng.integers(1, 9))
        changed[at : at + n] = rng.bytes(n)
    elif kind == 2:
        del changed[at:]
    elif kind == 3:
        n = int(rng.integers(1, 200))
        changed[at:at] = changed[at : at + n]
    elif kind == 4:
        lengths = [0, 7, end - 16, end, len(data), 10**8, 10**8 + 1, 2**40, 2**63, 2**64 - 8]
        changed[:8] = struct.pack("<Q", lengths[int(rng.integers(len(lengths)))])
    else:
        return _other_json(data, end, rng)
    return bytes(changed)


def _other_json(data: bytes, end: int, rng: np.random.Generator) -> bytes:
    """Return a file that is whole, with another description in one place: of the arrays, or of
    what is made of them."""
    header = json.loads(data[8:end])
    texts = header.get("__metadata__", {})
    own = files.KEY in texts and rng.random() < 0.8
    content = json.loads(texts[files.KEY]) if own else header
    inside, key = _place(content, rng)
    if rng.random() < 0.2 and isinstance(inside, dict):
        if rng.random() < 0.5:
            inside[JUNK[int(rng.integers(8, 12))]] = inside[key]  # another name, maybe a path
        del inside[key]
    elif rng.random() < 0.2:
        inside[key] = _nudged(inside[key], rng)
    else:
        inside[key] = JUNK[int(rng.integers(len(JUNK)))]
    if own:
        texts[files.KEY] = json.dumps(content)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data[end:]


def _place(content: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """Return where in JSON something stands, at any depth: a dictionary or list, and a key."""
    places: list[tuple[Any, Any]] = []
    stack = [content]
    while stack:
        value = stack.pop()
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            places.append((value, key))
            if isinstance(inner, (dict, list)):
                stack.append(inner)
    return places[int(rng.integers(len(places)))]


def _nudged(value: Any, rng: np.random.Generator) -> Any:
    """Return a value that is nearly the right one."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, (int, float)):
        return value + int(rng.choice([-1, 1, 1000]))
    if isinstance(value, list):
        return [*value, *value[:1]] if rng.random() < 0.5 else value[1:]
    return value[:-1] if isinstance(value, str) else dict(list(value.items())[1:])


# -- who reads ------------------------------------------------------------------------------


def _load(path: Path) -> None:
    _ask(cnn.load(path))


def _ask(net: Any) -> None:
    """Let a network or a learner predict something, or say what is wrong."""
    if not isinstance(net, cnn.Model):
        with suppress(CnnCoreError):
            net.predict(make_files.ROWS[0])
            net.predict(make_files.ROWS[:2])
        return
    rows = {name: np.zeros((2, *x.shape[1:]), x.dtype.replace("real", "f4"))
            for name, x in net.inputs.items()
            if np.prod(x.shape[1:], dtype=float) < 1e6}  # fmt: skip
    with suppress(CnnCoreError):
        net.predict(rows)


def _resume(path: Path) -> None:
    _ask(cnn.Trainer.resume(path).net)


def _fit(path: Path) -> None:
    one = make_files.trainer()
    before = one.net.store.value.tobytes()
    try:
        make_files.fit(one, path.with_name("goes on"), make_files.Stop(), resume=path)
    except KeyboardInterrupt:  # from a step before that at which this training stops
        return
    except CnnCoreError as error:
        assert one.net.store.value.tobytes() == before, "a state that was refused changed something"
        assert one.optimizer.step_count == 0, "a state that was refused changed something"
        raise error


_own_network = cache(make_files.network)


def _load_torch(path: Path) -> None:
    net = _own_network()
    before = {name: value.tobytes() for name, value in net.params.items()}
    try:
        net.load_torch(path)
    except CnnCoreError as error:
        now = {name: value.tobytes() for name, value in net.params.items()}
        assert now == before, "a file that was refused changed something"
        raise error


class CommandError(CnnCoreError):
    """What a command has said that ended in status 2."""


def _command(name: str) -> Callable[[Path], None]:
    def run(path: Path) -> None:
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = main([name, str(path)])
        text = err.getvalue()
        assert status in (0, 1, 2), status
        assert (not out.getvalue(), text.count("\n")) == ((True, 1) if status == 2 else (False, 0))
        if status == 2:
            raise CommandError(text.removesuffix("\n"))

    return run


READERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "load": (_load, "load: {path}: "),
    "show": (_command("show"), "cnn-core: show: {path}: "),
    "resume": (_resume, "resume: {path}: "),
    "fit": (_fit, "resume: {path}: "),
    "verify": (cnn.verify, "verify: {path}: "),
    "cnn-core verify": (_command("verify"), "cnn-core: verify: {path}: "),
    "load_torch": (_load_torch, "load_torch: {path}: "),
}
"""By name: what reads a file, and how the message begins where it cannot."""

KINDS = {"network": ("load", "show"), "torch": ("load_torch",), "table": ("load",),
         "training": ("load", "show", "resume", "fit", "verify", "cnn-core verify")}  # fmt: skip


def bases(folder: Path) -> dict[str, bytes]:
    """Return whole files by kind, those of the newest format."""
    newest = max((f for f in FORMATS.iterdir() if f.name.isdigit()), key=lambda f: int(f.name))
    make_files.network().save_torch(folder / "torch")
    return {
        "network": (newest / "network.safetensors").read_bytes(),
        "table": (newest / "table.safetensors").read_bytes(),
        "training": (newest / "training.safetensors").read_bytes(),
        "torch": (folder / "torch").read_bytes(),
    }


# -- what reading may not do ------------------------------------------------------------------

HARM = ("exec", "compile", "import", "open", "marshal.", "pickle.", "os.", "shutil.",
        "subprocess.", "socket.", "ctypes.")  # fmt: skip
"""What Python tells of that would run code, or reach for what is not the file."""

SIGNATURES = {f"def foo({own}, *args, **kwargs): pass".encode() for own in ("self", "self, /")}
"""What `inspect`, by version, compiles to tell what a method in C takes, as those of callbacks."""

_watching: list[str] = []
_noted: list[str] = []


def _note(event: str, arguments: tuple) -> None:
    if not _watching or not event.startswith(HARM):
        return
    if event in ("open", "os.scandir", "os.rename"):  # a training that goes on writes files too
        harmless = isinstance(arguments[0], int) or str(arguments[0]).startswith(_watching[0])
    else:
        harmless = event == "compile" and arguments[0] in SIGNATURES
    if not harmless:
        _noted.append(f"{event} {arguments!r:.200}")


@cache
def _prepare() -> None:
    """Read what is read with the first file, or the first error."""
    for op in cnn.ops.__all__:
        getattr(cnn.ops, op)
    make_files.learner().predict(make_files.ROWS[0])
    for name in ("argparse", "difflib", "numpy.ma", "scipy.sparse", "cnn_core.cli.evaluate",
                 "cnn_core.cli.predict", "cnn_core.cli.show", "cnn_core.cli.train",
                 "cnn_core.tabular.saved", "cnn_core.tabular.recipes.tabm"):  # fmt: skip
        with suppress(ImportError):
            import_module(name)
    sys.addaudithook(_note)  # for good: there is no way to take one away


@contextmanager
def watched(folder: Path) -> Iterator[None]:
    """Raise where anything is opened that is not in a folder, or code is run or imported."""
    _prepare()
    _noted.clear()
    _watching.append(str(folder))
    try:
        yield
    finally:
        _watching.clear()
    assert not _noted, _noted


def check(seed: int, whole: dict[str, bytes], path: Path, reader: str = "") -> str:
    """Read the file of ``seed``; return what was said of it, which is nothing if it is as good."""
    rng = np.random.default_rng(seed)
    kind = ("network", "torch", "training", "table")[int(rng.integers(4))]
    own = KINDS[kind] if rng.random() < 0.95 else tuple(READERS)
    name = reader or own[int(rng.integers(len(own)))]
    path.unlink(missing_ok=True)  # to cut one off that the disk still writes would have to wait
    path.write_bytes(mutated(whole[kind], rng))
    read, begin = READERS[name]
    text = ""
    try:
        with watched(path.parent):
            read(path)
    except CnnCoreError as error:
        text = str(error)
        assert text.startswith(begin.format(path=path)), f"seed {seed}, {name}: {text}"
        assert "\n" not in text, f"seed {seed}, {name}: {text}"
        assert len(text) < 5000, f"seed {seed}, {name}: {text}"
    except Exception as error:
        raise AssertionError(f"seed {seed}, {name}: {type(error).__name__}: {error}") from error
    return text


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        for reader in READERS:
            said = check(int(sys.argv[1]), bases(Path(folder)), Path(folder) / "file", reader)
            print(f"{reader}: {said or 'as good as another'}")
