"""``cnn-core evaluate``: how good a model is for rows whose target is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnn_core.cli import tables

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

HELP = "compare predictions with what a CSV file says"


def declare(command: ArgumentParser) -> None:
    """Declare what the command takes."""
    add = command.add_argument
    add("model", metavar="MODEL", help="as train, or save, has written it")
    tables.add_data(command, "the rows, with the target among the columns")
    add("--target", metavar="NAME", help="where the column has another name than at training")
    add("--report", metavar="OUT.html", help="write a page about the model and these rows, too")
    add("--json", action="store_true", help="print JSON in place of a table")


def run(given: Namespace) -> int:
    """Print figures."""
    tables.check_writable(given.report, given.data, given.model)
    model = tables.learner(given.model)
    with tables.source(given.data) as path:
        rows, target = tables.rows_of(path, model, given)
        with tables.located(path, given):
            found = model.evaluate(rows, target)
        if given.report is not None:
            model.report(given.report, rows, target)
    if given.json:
        import json

        print(json.dumps(found.to_dict(), allow_nan=False))
    else:
        print(found)
    return 0
