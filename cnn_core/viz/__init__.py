"""Pictures of computational graphs: every value and gradient on its edge.

A picture is made in four steps: `model` says what is visible, `cells` measures it, a layout
(`layered`, or `graphviz` where the program ``dot`` is installed) places it, and `compose` turns
that into a `scene`, which `svg` and `png` write.
"""
