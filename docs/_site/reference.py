"""The reference: what a block ``{names}`` of modules, ``{commands}`` or ``{subjects}`` shows.

Signature, docstring, examples and source of each name come from the package itself.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import docstrings
import names
from docutils import nodes
from docutils.parsers.rst import Directive, directives
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

# -- what names there are to be linked to ---------------------------------------------------------


@cache
def targets() -> dict[str, list[str]]:
    """Return the full names by what they may be called: each end of them behind a dot."""
    found: dict[str, list[str]] = {}
    for name in names.public():
        inner = [m for m, _ in names.members(name.value)] if inspect.isclass(name.value) else []
        for full in (name.full, *(f"{name.full}.{m}" for m in inner)):
            parts = full.split(".")
            for i in range(len(parts)):
                found.setdefault(".".join(parts[i:]), []).append(full)
    return found


def target_of(text: str, within: str) -> str | None:
    """Return the full name that a text means, in the docstring of ``within``; None: none.

    The nearest comes first: a method of the same class, a name of the same module.
    """
    plain = text.removesuffix("()").replace("cnn.", "cnn_core.", text.startswith("cnn."))
    found = targets().get(plain, [])
    place = within
    while place:
        if f"{place}.{plain}" in found:
            return f"{place}.{plain}"
        place = place.rpartition(".")[0]
    return found[0] if len(found) == 1 or (plain.startswith("cnn_core.") and found) else None


# -- blocks of docstrings as nodes ----------------------------------------------------------------


def pieces(text: str, within: str) -> list[nodes.Node]:
    made: list[nodes.Node] = []
    for kind, piece in docstrings.inline(text):
        full = target_of(piece, within) if kind == "name" else None
        if kind == "text":
            made.append(nodes.Text(piece))
        elif full is None:
            made.append(nodes.literal(piece, piece))
        else:
            made.append(link(full, piece))
    return made


def link(full: str, text: str) -> nodes.Node:
    """Return a link to a name, which Sphinx resolves."""
    made = addnodes.pending_xref("", refdomain="py", reftype="obj", reftarget=full, refwarn=True)
    made += nodes.literal(text, text, classes=["xref", "py", "py-obj"])
    return made


def table(head: list[list[nodes.Node]], rows: list[list[list[nodes.Node]]]) -> nodes.Node:
    """Return a table of cells, each a list of inline nodes."""
    width = len(rows[0])
    group = nodes.tgroup("", cols=width)
    group += [nodes.colspec("", colwidth=1) for _ in range(width)]

    def row_of(cells: list[list[nodes.Node]]) -> nodes.Node:
        return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", *c)) for c in cells))

    if head:
        group += nodes.thead("", row_of(head))
    group += nodes.tbody("", *map(row_of, rows))
    return nodes.table("", group, classes=["reference"])


def listing(lines: list[str], language: str) -> nodes.Node:
    text = "\n".join(lines)
    return nodes.literal_block(text, text, language=language)


def content(blocks: list[docstrings.Block], within: str) -> list[nodes.Node]:
    """Return a docstring's blocks as nodes."""
    made: list[nodes.Node] = []
    for kind, what in blocks:
        if kind == "text":
            made.append(nodes.paragraph("", "", *pieces(what, within)))
        elif kind == "title":
            made.append(nodes.rubric("", "Example" if what == "Examples" else what))
        elif kind == "example":
            made.append(listing(what, "pycon"))
        elif kind == "code":
            made.append(listing(what, "none"))
        elif kind == "table":
            head, rows = ([[pieces(cell, within) for cell in row] for row in part]
                          for part in what)  # fmt: skip
            made.append(table(head[0] if head else [], rows))
        else:
            made.append(definitions([([nodes.literal(term, term)], content(inner, within))
                                     for term, inner in what]))  # fmt: skip
    return made


def definitions(items: list[tuple[list[nodes.Node], list[nodes.Node]]]) -> nodes.Node:
    return nodes.definition_list("", *(
        nodes.definition_list_item("", nodes.term("", "", *term), nodes.definition("", *said))
        for term, said in items))  # fmt: skip


# -- names ----------------------------------------------------------------------------------------


def default(value: Any) -> str:
    if isinstance(value, type):
        return f"{value.__module__}.{value.__name__}".replace("numpy.", "np.")
    shown = repr(value)
    return "..." if shown.startswith("<") else shown


def signature(value: Any, drop_first: bool = False) -> str:
    """Return the parameters with their defaults, without types, which the docstring tells."""
    if inspect.isclass(value) and value.__init__ is object.__init__ and not hasattr(
            value, "_fields"):  # fmt: skip
        return "()"
    try:
        given = inspect.signature(value)
    except (TypeError, ValueError):
        return "()"
    made, star = [], False
    for i, p in enumerate(given.parameters.values()):
        if drop_first and i == 0:
            continue
        if p.kind is p.KEYWORD_ONLY and not star:
            made.append("*")
        star = star or p.kind in (p.KEYWORD_ONLY, p.VAR_POSITIONAL)
        prefix = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        ends = "" if p.default is p.empty else f"={default(p.default)}"
        made.append(f"{prefix}{p.name}{ends}")
    return f"({', '.join(made)})"


def own_docstring(value: Any) -> str:
    """Return the docstring, not one that NumPy or Python gave."""
    return (value.__doc__ or "") if inspect.isclass(value) or callable(value) else ""


class Names(SphinxDirective):
    """All public names that some modules define."""

    required_arguments, optional_arguments, final_argument_whitespace = 1, 0, True
    option_spec = {"module": directives.flag}  # its docstring first

    def run(self) -> list[nodes.Node]:
        prefixes = self.arguments[0].split()
        by_rule = names.by_rule()
        found = sorted((n for p in prefixes for n in by_rule[p]),
                       key=lambda n: (n.name.lower(), n.name))  # fmt: skip
        for name in found:  # so that the page is made anew when what it tells of has changed
            source = inspect.getsourcefile(inspect.getmodule(name.value) or names)
            self.env.note_dependency(source)
        rows = [[[link(n.full, n.name)], pieces(docstrings.summary(own_docstring(n.value)), n.full)]
                for n in found if own_docstring(n.value)]  # fmt: skip
        made = [table([], rows)] if len(rows) > 1 else []
        if "module" in self.options:
            said = names.import_module(prefixes[0]).__doc__
            made = [*content(docstrings.blocks_of(said)[1:], prefixes[0]), *made]
        return [*made, *(node for name in found for node in self.entry(name))]

    def entry(self, name: names.Name) -> list[nodes.Node]:
        value = name.value
        docs = content(docstrings.blocks_of(own_docstring(value)), name.full)
        if inspect.isclass(value):
            kind = "exception" if issubclass(value, BaseException) else "class"
            arguments = "" if kind == "exception" else signature(value)
            docs += self.fields(value, name)
            docs += [node for member, of in names.members(value)
                     for node in self.member(name, member, of)]  # fmt: skip
        elif inspect.isroutine(value):
            kind, arguments = "function", signature(value)
        else:
            kind, arguments = "data", ""
            docs = docs or constant(value, name.full)
        return self.described(kind, name.module, name.name, arguments, docs, name.module)

    def member(self, name: names.Name, member: str, of: Any) -> list[nodes.Node]:
        inner = getattr(of, "__func__", of)
        static = isinstance(of, staticmethod)
        kind = "property" if isinstance(of, property) else "method"
        arguments = "" if kind == "property" else signature(inner, drop_first=not static)
        full = f"{name.full}.{member}"
        docs = content(docstrings.blocks_of(inner.__doc__), full)
        options = [":classmethod:"] if isinstance(of, classmethod) else []
        options += [":staticmethod:"] if static else []
        return self.described(kind, name.module, f"{name.name}.{member}", arguments, docs, "",
                              options)  # fmt: skip

    def fields(self, cls: type, name: names.Name) -> list[nodes.Node]:
        """Return the attributes of a class that have a text below them in the source."""
        found = ModuleAnalyzer.for_module(cls.__module__).find_attr_docs()
        return [node for (owner, attribute), lines in found.items()
                if owner == cls.__name__ and attribute[0] != "_"
                for node in self.described(
                    "attribute", name.module, f"{name.name}.{attribute}", "",
                    content(docstrings.blocks_of("\n".join(lines)), name.full), "")]  # fmt: skip

    def described(
        self, kind: str, module: str, name: str, arguments: str, docs: list[nodes.Node],
        shown: str, options: list[str] | None = None,
    ) -> list[nodes.Node]:  # fmt: skip
        """Return what Sphinx makes of ``py:function`` and its like, with ``docs`` in it."""
        lines = [f"```{{py:{kind}}} {name}{arguments}", f":module: {module}", *(options or []),
                 "```"]  # fmt: skip
        made = parsed(self, lines)
        (found,) = (d for node in made for d in node.findall(addnodes.desc))
        if shown:  # as it is written, with the package as cnn where its name leads there
            short = shown if "." in shown and not leads(shown) else shown.replace(
                names.PACKAGE, "cnn", 1)  # fmt: skip
            at = next(found.findall(addnodes.desc_name))
            at.parent.insert(at.parent.index(at), addnodes.desc_addname("", f"{short}."))
        next(found.findall(addnodes.desc_content)).extend(docs)
        return made


def leads(module: str) -> bool:
    """Tell whether ``cnn.`` and the rest of a module's name lead to it."""
    last = module.removeprefix(f"{names.PACKAGE}.")
    return module == names.PACKAGE or last in dir(names.import_module(names.PACKAGE))


def constant(value: Any, full: str) -> list[nodes.Node]:
    if isinstance(value, dict):
        rows = [[[nodes.literal(k, repr(k))], pieces(f"`{v.__name__}`", full)]
                for k, v in value.items()]  # fmt: skip
        return [table([], rows)]
    return content(docstrings.blocks_of(type(value).__doc__), full)


def parsed(directive: Any, lines: list[str]) -> list[nodes.Node]:
    """Return what Markdown says, within a page of it."""
    inside = nodes.Element()
    directive.state.nested_parse(StringList(lines, directive.env.docname), 0, inside)
    return inside.children


# -- the command line, and the list of pages ------------------------------------------------------


def options_of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """Yield each argument of a command as it is written, and what it says of itself."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction | argparse._HelpAction):
            continue
        value = action.metavar or (None if action.nargs == 0 else action.dest.upper())
        if action.choices and not action.metavar:
            value = "{" + ",".join(map(str, action.choices)) + "}"
        texts = [f"{o} {value}" if value else o for o in action.option_strings]
        text = (action.help or "") % {**vars(action), "prog": parser.prog}
        yield ", ".join(texts) or str(value), text


def commands() -> tuple[dict[str, argparse.ArgumentParser], dict[str, str]]:
    """Return the parsers of the commands, and what the package says of each."""
    from cnn_core import cli

    (found,) = (a for a in cli._parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(found.choices), {a.dest: a.help or "" for a in found._choices_actions}


class Commands(SphinxDirective):
    """The commands, as the parser of the package tells of them."""

    def run(self) -> list[nodes.Node]:
        parsers, helps = commands()
        self.env.note_dependency(inspect.getsourcefile(names.import_module("cnn_core.cli")))
        return [self.section(name, command, helps[name]) for name, command in parsers.items()]

    def section(self, name: str, command: argparse.ArgumentParser, text: str) -> nodes.Node:
        command.formatter_class = partial(argparse.HelpFormatter, width=80)
        usage = command.format_usage().removeprefix("usage: ").splitlines()
        made = nodes.section("", nodes.title("", name), ids=[nodes.make_id(f"command-{name}")])
        said = (command.description or text).rstrip(".")
        made += nodes.paragraph("", "", nodes.Text(f"{said[:1].upper()}{said[1:]}."))
        made += listing([usage[0], *(line.removeprefix(" " * 7) for line in usage[1:])], "none")
        rows = [([nodes.literal(o, o)], [nodes.paragraph("", "", nodes.Text(t))])
                for o, t in options_of(command)]  # fmt: skip
        made += definitions(rows) if rows else []
        self.state.document.note_explicit_target(made, made)
        return made


class Subjects(SphinxDirective):
    """The pages of the reference, each with the names that are on it."""

    def run(self) -> list[nodes.Node]:
        by_rule = names.by_rule()
        rows = []
        for path in sorted(names.FOLDER.glob("*.md")):
            text = path.read_text("utf-8")
            if path.stem == "index":
                continue
            page = addnodes.pending_xref("", refdomain="std", reftype="doc", refexplicit=False,
                                         reftarget=f"/reference/{path.stem}", refwarn=True)
            page += nodes.inline("", text.partition("\n")[0].lstrip("# "))
            found = sorted((n for p in names.told(text) for n in by_rule[p]),
                           key=lambda n: n.name.lower())  # fmt: skip
            links: list[nodes.Node] = []
            for name in found:
                links += [nodes.Text(", ")] if links else []
                links.append(link(name.full, name.name))
            if "```{commands}" in text:
                links.append(nodes.Text(", ".join(commands()[0])))
            rows.append([[page], links])
        return [table([], rows)]


def setup(app: Any) -> dict[str, bool]:
    app.setup_extension("sphinx.ext.viewcode")
    blocks: dict[str, type[Directive]] = {
        "names": Names, "commands": Commands, "subjects": Subjects}  # fmt: skip
    for name, directive in blocks.items():
        app.add_directive(name, directive)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
