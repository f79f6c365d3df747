"""Recipes: how networks for tables are made and trained.

The folder is the registry: every file here but ``recipe`` defines one `Recipe` under the file's own
name, and is read when that name is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from cnn_core import options
from cnn_core.errors import OptionError
from cnn_core.naming import hint
from cnn_core.tabular.recipes.recipe import Recipe, Rows, Task

__all__ = ["Recipe", "Rows", "Task", "names", "recipe_of"]


@cache
def names() -> tuple[str, ...]:
    """Return the names of the recipes.

    >>> from cnn_core.tabular import recipes
    >>> recipes.names()
    ('mlp', 'realmlp', 'tabm')
    """
    from pkgutil import iter_modules

    return tuple(sorted(m.name for m in iter_modules(__path__) if m.name != "recipe"))


def recipe_of(
    recipe: str | Recipe, given: Mapping[str, Any] | None = None, who: str = "recipe_of"
) -> Recipe:
    """Return the recipe of that name with these options; a `Recipe` as it is.

    Raises `OptionError` for a name that there is not, for options of a recipe that has its own,
    and for options that it does not know.

    >>> from cnn_core.tabular.recipes import recipe_of
    >>> recipe_of("mlp", {"epochs": 5}).epochs
    5
    """
    if given is not None and not isinstance(given, Mapping):
        raise options.refuse(who, "options as a dictionary", given)
    if isinstance(recipe, Recipe):
        if given:
            raise OptionError(f"{who}: need options in the recipe itself, {recipe!r}; got options "
                              f"beside it: {dict(given)!r}")  # fmt: skip
        return recipe
    known = names()
    if not isinstance(recipe, str) or recipe not in known:
        raise OptionError(f"{who}: need a recipe among {', '.join(known)}; got "
                          f"{options.shown(recipe)}{hint(recipe, known)}")  # fmt: skip
    for name in given or ():
        options.name(who, name, option="an option of the recipe")
    return _class_of(recipe)(**(given or {}))


def _class_of(name: str) -> type[Recipe]:
    found = vars(import_module(f"{__name__}.{name}")).values()
    (own,) = [c for c in found if isinstance(c, type) and issubclass(c, Recipe)
              and vars(c).get("name") == name]  # fmt: skip
    return own
