"""f = (x + y) z at x = -2, y = 5, z = -4: values forward, gradients backward.

    python examples/lecture/03_small_circuit.py
    python examples/lecture/03_small_circuit.py --draw circuit.svg
    python examples/lecture/03_small_circuit.py --page circuit.html
"""

import argparse

import cnn_core as cnn

POINT = {"x": -2.0, "y": 5.0, "z": -4.0}


def circuit():
    """Return the graph of f = q z with q = x + y."""
    x, y, z = cnn.Input("x"), cnn.Input("y"), cnn.Input("z")
    q = cnn.ops.add(x, y, name="q")
    return cnn.Graph(cnn.ops.mul(q, z, name="f"))


def forward_node_by_node(graph):
    """Compute one node after the other; each finds its inputs ready.  Yield name and value."""
    for node in graph.nodes_topologically_sorted():
        yield graph.name_of(node), graph.forward_node(node)


def backward_node_by_node(graph):
    """Go the same way back: each node hands its gradient on to its inputs.

    Yield its name, its gradient, and the gradients that it gave to its inputs.
    """
    for node in reversed(graph.nodes_topologically_sorted()):
        graph.backward_node(node)
        if node.inputs:
            given = {i.name: graph.grad(i) for i in node.inputs}
            yield graph.name_of(node), graph.grad(node), given


def main():
    parser = argparse.ArgumentParser(description="The circuit f = (x + y) z.")
    parser.add_argument("--draw", metavar="PATH", help="save a drawing, such as circuit.svg")
    parser.add_argument("--page", metavar="PATH", help="save a page to step through")
    options = parser.parse_args()

    graph = circuit()
    print("f         ", graph.forward(**POINT))
    print("gradients ", graph.backward())
    print()
    print("forward, node by node")
    for name, value in forward_node_by_node(graph):
        print(f"  {name} = {value:g}")
    print("backward, node by node")
    for name, gradient, given in backward_node_by_node(graph):
        handed = ", ".join(f"{value:g} to {to}" for to, value in given.items())
        print(f"  {name} has {gradient:g}, gives {handed}")
    if options.draw:
        graph.draw(options.draw)
        print()
        print(f"drawing: {options.draw}")
    if options.page:
        graph.to_html(options.page)
        print()
        print(f"page: {options.page}")


if __name__ == "__main__":
    main()
