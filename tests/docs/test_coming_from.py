"""The tables of docs/coming_from: names exist, and have the defaults that stand beside them."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import NamedTuple

import pytest
from page_blocks import ROOT

import cnn_core as cnn

PACKAGES = {"keras": "Keras", "pytorch": "PyTorch", "scikit_learn": "scikit-learn"}


class Row(NamedTuple):
    """A row of a table: what is here, what is there, each with the defaults that are stated."""

    page: str
    here: str
    defaults: str
    there: str
    their_defaults: str


def rows(page: str) -> list[Row]:
    """Return the rows of the tables of names with defaults."""
    found, inside = [], False
    text = (ROOT / "docs" / "coming_from" / f"{page}.md").read_text(encoding="utf-8")
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| here | its defaults |"):
            assert cells[2] == PACKAGES[page]
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("|---"):
            spans = [re.match(r"`([^`]*)`", cell) for cell in cells[:4]]
            found.append(Row(page, *(span[1] if span else "" for span in spans)))
    return found


ROWS = {page: rows(page) for page in PACKAGES}


def check(thing: object, stated: str) -> None:
    """Compare defaults as they are stated with those of a signature."""
    known = inspect.signature(thing).parameters
    for name, value in eval(f"dict({stated})").items():
        assert known[name].default == value, f"{thing}: {name}={known[name].default!r}"


def resolve(name: str) -> object:
    module, *rest = name.split(".")
    found = import_module(module)
    for part in rest:
        if not hasattr(found, part):
            import_module(f"{found.__name__}.{part}")
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("row", [r for page in PACKAGES for r in ROWS[page]],
                         ids=lambda row: f"{row.page} {row.here} {row.there}")  # fmt: skip
def test_defaults_here_are_as_stated(row: Row) -> None:
    check(eval(row.here, {"cnn": cnn}), row.defaults)


def test_defaults_of_pytorch_are_as_stated() -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    assert len(ROWS["pytorch"]) > 20
    for row in ROWS["pytorch"]:
        check(resolve(row.there), row.their_defaults)


def test_defaults_of_keras_are_as_stated() -> None:
    pytest.importorskip("torch", reason="PyTorch, with which Keras runs here, is not installed")
    pytest.importorskip("keras", reason="Keras is not installed")
    assert len(ROWS["keras"]) > 30
    for row in ROWS["keras"]:
        check(resolve(row.there), row.their_defaults)


def test_defaults_of_scikit_learn_are_as_stated() -> None:
    neural_network = pytest.importorskip("sklearn.neural_network", reason="no scikit-learn")
    for row in ROWS["scikit_learn"]:
        check(getattr(neural_network, row.there), row.their_defaults)


def test_wrong_defaults_are_found() -> None:
    check(cnn.Adam, "lr=1e-3, eps=1e-8")
    with pytest.raises(AssertionError, match="eps=1e-08"):
        check(cnn.Adam, "lr=1e-3, eps=1e-7")
    with pytest.raises(KeyError):
        check(cnn.Adam, "epsilon=1e-8")


@pytest.mark.parametrize("page", PACKAGES)
def test_every_optimizer_is_compared(page: str) -> None:
    text = (ROOT / "docs" / "coming_from" / f"{page}.md").read_text(encoding="utf-8")
    for optimizer in {type(cnn.optim.get(name)).__name__ for name in cnn.optim.OPTIMIZERS}:
        assert re.search(rf"`(cnn\.)?{optimizer}\b", text), optimizer


@pytest.mark.parametrize("page", PACKAGES)
def test_options_named_in_the_text_exist(page: str) -> None:
    """Code of this package in a page: calls have parameters of these names."""
    text = (ROOT / "docs" / "coming_from" / f"{page}.md").read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    spans = re.findall(r"`([^`]*)`", text)
    calls = [call for span in spans for call in re.findall(r"(cnn\.[\w.]+)\((.*)\)", span)]
    assert calls
    for name, arguments in calls:
        thing = eval(name, {"cnn": cnn})
        for option in re.findall(r"(\w+)=", re.sub(r"[\[{(].*?[\])}]", "", arguments)):
            assert option in inspect.signature(thing).parameters, f"{name}({option}=)"
