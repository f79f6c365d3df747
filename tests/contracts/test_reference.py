"""The pages of the reference: every public name is on one, and nothing of a docstring is lost."""

from __future__ import annotations

import argparse
import inspect
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import cnn_core
from cnn_core import cli

SITE = Path(__file__).resolve().parents[2] / "docs" / "_site"


def of_site(name: str) -> ModuleType:
    """Return a module of the site that needs no Sphinx."""
    sys.path.insert(0, str(SITE))
    try:
        return import_module(name)
    finally:
        sys.path.remove(str(SITE))


pytest.importorskip("sklearn", reason="the estimators are among the public names")
names, docstrings = of_site("names"), of_site("docstrings")
PUBLIC = {name.full: name for name in names.public()}
TEXTS = {full: n.value.__doc__ or "" for full, n in PUBLIC.items() if inspect.isclass(n.value)
         or inspect.isroutine(n.value)}  # fmt: skip
TEXTS |= {f"{full}.{member}": getattr(of, "__func__", of).__doc__ for full, n in PUBLIC.items()
          if inspect.isclass(n.value) for member, of in names.members(n.value)}  # fmt: skip


def test_all_that_a_public_module_lists_is_known():
    listed = {}
    for where in ("", ".ops", ".kernels", ".optim", ".data", ".errors", ".tabular", ".estimators"):
        module = import_module(f"cnn_core{where}")
        listed |= {id(getattr(module, n)): f"{module.__name__}.{n}" for n in module.__all__}
    listed |= {id(getattr(cnn_core.init, n)): f"init.{n}" for n in cnn_core.init.__all__}
    known = {id(n.value) for n in names.public()}
    lost = [n for key, n in listed.items() if key not in known]
    assert [n for n in lost if not isinstance(getattr(cnn_core, n.split(".")[1]), ModuleType)] == []
    assert len(known) == len(names.public())


def test_every_public_name_is_on_one_page_and_every_page_has_some():
    found = names.by_rule()
    assert [n.full for n in found.get("", [])] == []
    assert [prefix for prefix, there in found.items() if not there] == []
    on = [n.full for there in found.values() for n in there]
    assert sorted(on) == sorted(PUBLIC)


def test_a_name_that_no_page_tells_of_is_found():
    among = names.rules()
    assert names.rule_of("cnn_core.new.thing", among) is None
    assert names.rule_of("cnn_core.nn.losses.new", among) == "cnn_core.nn.losses"
    assert names.rule_of("cnn_core.optimal", among) is None


def test_two_pages_do_not_tell_of_one_module(tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / f"{name}.md").write_text("# A page\n\n```{names} cnn_core.ops\n```\n")
    monkeypatch.setattr(names, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"b\.md: need modules of no other page; got"):
        names.rules()


@pytest.mark.parametrize("page", sorted(names.FOLDER.glob("*.md")), ids=lambda path: path.stem)
def test_a_page_has_a_title_a_text_and_a_block(page):
    title, _, text = page.read_text("utf-8").partition("\n\n")
    assert title.startswith("# ")
    said, _, block = text.partition("\n\n```{")
    assert len(said) > 40
    assert block.split("}")[0] in ("names", "commands") or page.stem == "index"


def words(blocks) -> list[str]:
    """All words of blocks, in order."""
    found = []
    for kind, what in blocks:
        if kind in ("text", "title"):
            found += what.split()
        elif kind in ("code", "example"):
            found += " ".join(what).split()
        elif kind == "items":
            for term, inner in what:
                found += [*term.split(), *words(inner)]
        else:
            cells = (cell for part in what for row in part for cell in row)
            found += [word for cell in cells for word in cell.split()]
    return found


def without_rules(text: str) -> list[str]:
    """All words of a docstring but the lines that are drawn under titles and around tables."""
    lines = inspect.cleandoc(text).splitlines()
    return [w for line in lines if line.strip("-= ") for w in line.split()]


def lost_in(text: str) -> bool:
    """Tell whether blocks of a docstring lack one of its words, or have a backtick in a text."""
    blocks = docstrings.blocks_of(text)
    there, need = ([w.rstrip(":") for w in found] for found in (words(blocks), without_rules(text)))
    if any(b.kind == "table" for b in blocks):  # cells are read by rows, lines may go on in them
        there, need = sorted(there), sorted(need)
    pieces = [p for b in blocks if b.kind == "text" for p in docstrings.inline(b.content)]
    return there != need or any(kind == "text" and "`" in p for kind, p in pieces)


def test_no_word_of_a_docstring_is_lost():
    assert len(TEXTS) > 400
    assert [full for full, text in TEXTS.items() if lost_in(text)] == []
    assert lost_in("Return `x.")


def test_blocks_of_a_docstring():
    text = """Return x.

    Of |x| and *rows::

        y = x

    Parameters
    ----------
    a, b
        Two.

    Raises `ShapeError`.

    ====  ====
    k     v
    ====  ====
    one   1
          more
    ====  ====

    >>> 1
    1
    """
    found = docstrings.blocks_of(text)
    kinds = ["text", "text", "code", "title", "items", "text", "table", "example"]
    assert [b.kind for b in found] == kinds
    assert found[1].content == "Of |x| and *rows:"
    assert found[6].content == ([["k", "v"]], [["one", "1 more"]])
    assert docstrings.summary(text) == "Return x"


def test_every_argument_of_a_command_says_what_it_is():
    (found,) = (a for a in cli._parser()._actions if isinstance(a, argparse._SubParsersAction))
    assert set(found.choices) == {a.dest for a in found._choices_actions if a.help}
    silent = [f"{name} {action.dest}" for name, command in found.choices.items()
              for action in command._actions if not action.help]  # fmt: skip
    assert silent == []
