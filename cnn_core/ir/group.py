"""Groups: nodes that belong together, for pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from cnn_core.errors import GraphError
from cnn_core.options import shown

MARK = "#?"
"""What a layer's label has behind its kind, and no name of a user, until a graph numbers it."""

groups: ContextVar[tuple[str, ...]] = ContextVar("groups", default=())


def plain(text: str) -> str:
    """Return a message with the kinds of layers in place of labels that are not final."""
    return re.sub(r"#\?\d+", "", text) if MARK in text else text


@contextmanager
def group(name: str) -> Iterator[None]:
    """Put the nodes that are made inside into a group, such as a layer or a time step.

    Groups may lie in groups.  They change nothing but the picture of a graph, which frames each
    and can draw it as one box.

    Raises `GraphError` for what is no name.

    >>> with cnn.group("neuron"):
    ...     y = cnn.Input("w") * cnn.Input("x")
    >>> y.group
    ('neuron',)
    """
    if not isinstance(name, str) or not name:
        raise GraphError(f"group: need a name; got {shown(name)}")
    token = groups.set((*groups.get(), name))
    try:
        yield
    finally:
        groups.reset(token)
