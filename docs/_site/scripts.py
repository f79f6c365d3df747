"""The gallery: scripts of examples/, shown, run and timed by sphinx-gallery.

It wants a title over each script's first comment; the scripts have a sentence there, for whoever
reads them in a terminal.  So it gets copies: the first sentence underlined, the command lines as
code, and a word on how the script was run here.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
COPIES = ROOT / "docs" / "_build" / "scripts"
GALLERY = ROOT / "docs" / "gallery"
DATA = Path(os.environ.get("CNN_CORE_DATA", ROOT.parent / "shared" / "data"))

# Arguments, other than none; a name in braces is that of a data set.
ARGUMENTS = {
    "adult.py": ["{adult}", "--epochs", "5"],
    "diamonds.py": ["{diamonds}/diamonds.csv", "--epochs", "5"],
    "train_mnist.py": ["{mnist}", "--epochs", "1"],
    "lecture/03_small_circuit.py": ["--draw", "circuit.svg"],
    "lecture/04_sigmoid_neuron.py": ["--draw", "neuron.svg"],
}
# A package, not scripts: it has a page of its own, which shows its files.
PACKAGE = "neural_turing_machine"

HEADERS = {
    ".": "Gallery\n=======\n\nThe scripts of ``examples``, with what they print, the pictures that "
    "they save, and how long they took when this site was built.  The "
    ":doc:`Neural Turing Machine </generated/ntm>` is too long for this: it has a page.\n",
    "lecture": "Scripts of the lecture\n----------------------\n\nThe numbers behind "
    ":doc:`the lecture </lecture/README>`, page by page.\n",
}


def names() -> list[str]:
    """Return the scripts, relative to examples/."""
    found = (p.relative_to(EXAMPLES) for p in EXAMPLES.rglob("*.py"))
    return sorted(p.as_posix() for p in found if p.parts[0] != PACKAGE)


def missing(name: str) -> str:
    """Return the data set that a script needs and that is not here, or an empty text."""
    needed = re.findall(r"\{([\w-]+)\}", " ".join(ARGUMENTS.get(name, [])))
    return next((n for n in needed if not (DATA / n).is_dir()), "")


def arguments(name: str) -> list[str]:
    return [re.sub(r"\{([\w-]+)\}", lambda m: str(DATA / m[1]), a) for a in ARGUMENTS.get(name, [])]


def how_it_is_run(name: str) -> str:
    """Return the sentence that says so, in reStructuredText."""
    if absent := missing(name):
        return (f"Not run here: there was no data set {absent} when this site was built.  The "
                "variable CNN_CORE_DATA names the folder that holds it.")  # fmt: skip
    words = [re.sub(r"\{([\w-]+)\}", r"path/to/\1", a) for a in ARGUMENTS.get(name, [])]
    return f"Run here as ``{' '.join(['python', f'examples/{name}', *words])}``."


def restructured(text: str, name: str) -> str:
    """Return the comment of a script with a title and its command lines as code."""
    first, _, rest = text.strip().partition("\n\n")
    title, _, more = " ".join(first.split()).partition("? ")
    title += "?" if more else ""
    if not more:
        title, _, more = title.partition(": ")
        more = more[:1].upper() + more[1:]
    title = title.rstrip(".")
    commands = "".join(re.findall(r"^    .*\n?", rest, flags=re.M))
    prose = re.sub(r"^    .*\n?", "", rest, flags=re.M).strip()
    code = f".. code-block:: text\n\n{commands}" if commands else ""
    parts = [title + "\n" + "=" * len(title), more, prose, how_it_is_run(name), code]
    return "\n\n".join(part for part in parts if part)


def copy(name: str) -> None:
    """Write the copy of a script, if it is another than the one there."""
    source = (EXAMPLES / name).read_text("utf-8")
    first = ast.parse(source).body[0]
    text = ast.literal_eval(first.value)  # type: ignore[attr-defined]
    body = "".join(source.splitlines(keepends=True)[first.end_lineno :])
    made = f'"""{restructured(text, name)}\n"""\n{body}'
    write(COPIES / name, made)


def write(path: Path, text: str) -> None:
    """Write a file unless it holds that text: what is as it was is not made again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


def reset_argv(gallery_conf: dict[str, Any], script_vars: dict[str, Any]) -> list[str]:
    return arguments(Path(script_vars["src_file"]).relative_to(COPIES).as_posix())


def saved_pictures(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Take the pictures that the script has saved in its folder into the page."""
    from sphinx_gallery.scrapers import figure_rst

    folder = Path(block_vars["src_file"]).parent
    places = block_vars["image_path_iterator"]
    made = []
    for picture in sorted(p for p in folder.iterdir() if p.suffix in (".png", ".svg", ".gif")):
        place = Path(next(places)).with_suffix(picture.suffix)
        picture.replace(place)
        made.append(str(place))
    return figure_rst(made, gallery_conf["src_dir"])


def settings() -> dict[str, Any]:
    """Make the copies; return what sphinx-gallery is to do with them."""
    copied = {p.relative_to(COPIES).as_posix() for p in COPIES.rglob("*.py")}
    if copied - {*names()}:  # of a script that there no longer is: its page goes too
        shutil.rmtree(COPIES)
        shutil.rmtree(GALLERY, ignore_errors=True)
    for name in names():
        copy(name)
    for folder, text in HEADERS.items():
        write(COPIES / folder / "GALLERY_HEADER.rst", text)
    run = "|".join(re.escape(str(COPIES / name)) for name in names() if not missing(name))
    return {
        "examples_dirs": str(COPIES),
        "gallery_dirs": GALLERY.name,
        "filename_pattern": f"(?:{run})$",
        "ignore_pattern": r"__init__\.py",
        "within_subsection_order": "FileNameSortKey",
        "reset_argv": "scripts.reset_argv",
        "image_scrapers": ("scripts.saved_pictures",),
        "capture_repr": (),
        "download_all_examples": False,
        "notebook_extensions": set(),
        "write_computation_times": False,
        "show_signature": False,
        "abort_on_example_error": False,
        "nested_sections": True,
    }
