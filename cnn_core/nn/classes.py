"""Classes: what a network calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cnn_core import options

if TYPE_CHECKING:
    from cnn_core.nn.model import Model


def checked(net: Model, labels: Any) -> tuple[str | int, ...]:
    """Return the names of the classes of a network's output; raise where there are not as many."""
    who, shape = f"{type(net).__name__}: classes", net.output.shape[1:]
    if isinstance(labels, str):
        raise options.refuse(who, "a list of labels", labels)
    found = options.items(who, labels.tolist() if isinstance(labels, np.ndarray) else labels,
                          "labels", "list")  # fmt: skip
    named = tuple([int(k) if options.is_whole(k) else k for k in found])
    n = 2 if shape in ((), (1,)) else shape[-1]
    if len(named) != n or len(set(map(repr, named))) != n or not all(
        isinstance(label, (str, int)) and not isinstance(label, bool) for label in named
    ):  # fmt: skip
        need = f"{n} different labels, texts or whole numbers, one for each class"
        raise options.refuse(who, need, list(named))
    return named
