"""How gradients flow: add distributes, max routes, mul switches, and a fork adds up.

    python examples/lecture/05_backward_patterns.py
    python examples/lecture/05_backward_patterns.py --page patterns.html

The circuit is f = 2 (x y + max(z, w)).
"""

import argparse

import cnn_core as cnn

POINT = {"x": 3.0, "y": -4.0, "z": 2.0, "w": -1.0}
FORK = {"a": 3.0, "b": -4.0, "c": 10.0}


def circuit():
    x, y, z, w = (cnn.Input(name) for name in POINT)
    product = cnn.ops.mul(x, y, name="product")
    largest = cnn.ops.maximum(z, w, name="largest")
    total = cnn.ops.add(product, largest, name="total")
    return cnn.Graph(cnn.ops.scale(total, 2.0, name="f"))


def pattern(graph, gate):
    """Return a line about one gate: its gradient, and value and gradient of each input."""
    node = next(n for n in graph.nodes_topologically_sorted() if n.name == gate)
    inputs = ", ".join(f"{i.name} ({graph.value(i):g}) gets {graph.grad(i):g}" for i in node.inputs)
    return f"{gate:<8} has {graph.grad(node):g}: {inputs}"


def fork():
    """Return the graph of g = a b + a c: a goes two ways."""
    a, b, c = cnn.Input("a"), cnn.Input("b"), cnn.Input("c")
    left, right = cnn.ops.mul(a, b, name="left"), cnn.ops.mul(a, c, name="right")
    return cnn.Graph(cnn.ops.add(left, right, name="g"))


def both():
    """Return one graph of the circuit and the fork, with values and gradients."""
    graph = cnn.Graph([*circuit().outputs, *fork().outputs])
    graph.forward(**POINT, **FORK)
    graph.backward({"f": 1.0, "g": 1.0})
    return graph


def gradient_as_it_grows(graph, name):
    """Go backward node by node; return the gradient at ``name`` after each gate that feeds it."""
    grown = []
    for node in reversed(graph.nodes_topologically_sorted()):
        graph.backward_node(node)
        if name in [i.name for i in node.inputs]:
            grown.append((graph.name_of(node), graph.grad(name)))
    return grown


def main():
    parser = argparse.ArgumentParser(description="Patterns of backward flow.")
    parser.add_argument("--page", metavar="PATH", help="save a page to step through")
    options = parser.parse_args()

    graph = circuit()
    print("f =", graph.forward(**POINT))
    graph.backward()
    print("scale       ", pattern(graph, "f"))
    print("distributes ", pattern(graph, "total"))
    print("switches    ", pattern(graph, "product"))
    print("routes      ", pattern(graph, "largest"))
    print()
    graph = fork()
    print("a b + a c =", graph.forward(**FORK), "with a = 3, b = -4, c = 10")
    graph.backward()
    for gate, gradient in gradient_as_it_grows(graph, "a"):
        print(f"after {gate:<5} the gradient at a is {gradient:g}")
    if options.page:
        both().to_html(options.page)
        print()
        print(f"page: {options.page}")


if __name__ == "__main__":
    main()
