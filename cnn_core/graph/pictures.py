"""Pictured: the pictures and the page of a graph."""

from __future__ import annotations

from typing import Any


class Pictured:
    """What shows a `Graph`.  What draws is read when it is first called."""

    def draw(self, path: Any, *, collapse: Any = (), layout: str = "auto") -> None:
        """Write a picture to ``path``, .svg or .png: values in green, gradients in red.

        ``collapse`` shows groups as one box each: True for all, or names of some.  ``layout``
        "dot" has Graphviz place things and "own" this package; "auto" takes Graphviz where it is
        installed and the graph is not large.  A PNG needs matplotlib.

        Raises `OptionError` for another ending, layout or group, `StateError` without the
        matplotlib or Graphviz that it takes, `OSError` where writing fails.

        >>> x, y = cnn.Input("x"), cnn.Input("y")
        >>> graph = cnn.Graph((x + y) * x)
        >>> value, gradients = graph.forward(x=2.0, y=3.0), graph.backward()
        >>> graph.draw("graph.svg", layout="own")
        """
        from cnn_core.viz.draw import draw

        draw(self, path, collapse=collapse, layout=layout)

    def to_html(self, path: Any, *, collapse: Any = (), recording: Any = None) -> None:
        """Write a page to ``path``, one file for any browser, which needs no connection.

        It goes through the recorded run gate by gate, forward and backward, with the numbers of
        each formula and what each path adds to a gradient.  Inputs and parameters can be changed:
        the page computes what it can again, and marks what stays as recorded, such as gates in
        Python.  ``collapse`` folds groups at first, as in `draw`; ``recording`` adds the steps of
        a training.  Arrays are carried whole up to 4 MB in all, larger ones as pictures.  Of a
        graph that has not run, the page says what to call.  Of more than 5,000 nodes, ``collapse``
        folds groups for good: the page has what leaves them.  Raises `OptionError` where more
        nodes than that are left, `OSError` where the file cannot be written: then none is.

        >>> x, y = cnn.Input("x"), cnn.Input("y")
        >>> graph = cnn.Graph((x + y) * x)
        >>> value, gradients = graph.forward(x=2.0, y=3.0), graph.backward()
        >>> graph.to_html("graph.html")
        """
        from cnn_core.viz.page.build import write

        write(self, path, collapse=collapse, recording=recording)

    def to_dot(self, *, collapse: Any = ()) -> str:
        """Return the picture as source text for Graphviz, with ``collapse`` as in `draw`.

        >>> x, y = cnn.Input("x"), cnn.Input("y")
        >>> graph = cnn.Graph((x + y) * x)
        >>> graph.to_dot().splitlines()[0]
        'digraph {'
        """
        from cnn_core.viz.dot import to_dot

        return to_dot(self, collapse=collapse)

    def _repr_svg_(self) -> str:
        from cnn_core.viz.draw import svg_of

        return svg_of(self)
