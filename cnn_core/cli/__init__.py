"""The command line, ``cnn-core`` or ``python -m cnn_core``: thin commands over the same calls."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

FAILED = 2
"""The status where a command could not be done, also for arguments that are wrong."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its status.  What goes wrong is one line on the standard error."""
    from cnn_core.errors import CnnCoreError

    try:
        given = _parser().parse_args(arguments)
        found, text = _run(given)
        print(text, end="", flush=True)
        return found
    except BrokenPipeError:  # whoever read this has read enough; nothing is left to be flushed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (CnnCoreError, OSError) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return 130


def _parser() -> ArgumentParser:
    from argparse import ArgumentParser

    class Parser(ArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise SystemExit(_fail(f"{message} ({self.prog} --help)"))

    import cnn_core
    from cnn_core.cli import evaluate, predict, train  # which import nothing else

    parser = Parser(prog="cnn-core", description="Neural networks on CPUs: tables of any kind in, "
                    "predictions out; files, and this machine")  # fmt: skip
    parser.add_argument("--version", action="version", version=f"cnn_core {cnn_core.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    for name, module in (("train", train), ("predict", predict), ("evaluate", evaluate)):
        command = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.declare(command)
        command.set_defaults(run=module.run)
    commands.add_parser("info", help="versions, instruction set, threads: for bug reports")
    for name, text in (
        ("show", "what is in a file: a model of a table, a network, a training"),
        ("verify", "make a checkpoint's step again; status 0: the bits agree, 1: they do not"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("file", metavar="FILE", help="as save or a Checkpoint has written it")
    return parser


def _run(given: Namespace) -> tuple[int, str]:
    """Return the status and the output of a command; print its warnings."""
    import warnings

    import cnn_core

    out, status = StringIO(), 0
    given.stdout = sys.stdout
    with redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = _warn
        if given.command == "info":
            cnn_core.show_config()
        elif given.command == "show":
            from cnn_core.cli.show import show

            show(given.file)
        elif given.command == "verify":
            found = cnn_core.verify(given.file)
            print(f"{given.file}: {found}")
            status = 0 if found else 1
        else:
            status = given.run(given)
    return status, harmless(out.getvalue())


def _warn(message: Warning | str, *where: Any, **more: Any) -> None:
    _fail(f"warning: {message}")


def _fail(message: str) -> int:
    print(f"cnn-core: {harmless(' '.join(message.split()))}", file=sys.stderr)
    return FAILED


def harmless(text: str) -> str:
    """Return text without what a terminal would obey: names in files are anybody's."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text).encode(
        sys.stdout.encoding or "utf-8", "backslashreplace").decode(
        sys.stdout.encoding or "utf-8")  # fmt: skip
