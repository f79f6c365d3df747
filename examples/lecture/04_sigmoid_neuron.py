"""A sigmoid neuron, 1 / (1 + exp(-(w0 x0 + w1 x1 + w2))), from gates as small as they get.

    python examples/lecture/04_sigmoid_neuron.py
    python examples/lecture/04_sigmoid_neuron.py --draw neuron.svg
    python examples/lecture/04_sigmoid_neuron.py --page neuron.html

Then the same with one gate for the whole sigmoid.
"""

import argparse

import cnn_core as cnn

POINT = {"w0": 2.0, "x0": -1.0, "w1": -3.0, "x1": -2.0, "w2": -3.0}

# name, what it computes, what it multiplies the gradient with (its input is a, its value is y)
CHAIN = [
    ("score", "w0 x0 + w1 x1 + w2", ""),
    ("neg", "-a", "-1"),
    ("exp", "exp(a)", "y"),
    ("plus", "1 + a", "1"),
    ("out", "1 / a", "-y y"),
]


def score():
    w0, x0, w1, x1, w2 = (cnn.Input(name) for name in POINT)
    return cnn.ops.add(w0 * x0 + w1 * x1, w2, name="score")


def from_small_gates():
    """Return the graph whose sigmoid is a chain: scale by -1, exp, shift by 1, reciprocal."""
    a = cnn.ops.scale(score(), -1.0, name="neg")
    a = cnn.ops.exp(a, name="exp")
    a = cnn.ops.shift(a, 1.0, name="plus")
    return cnn.Graph(cnn.ops.reciprocal(a, name="out"))


def from_one_gate():
    """Return the graph with a sigmoid gate, whose gradient is (1 - y) y times what comes in."""
    return cnn.Graph(cnn.ops.sigmoid(score(), name="out"))


def main():
    parser = argparse.ArgumentParser(description="A sigmoid neuron, gate by gate.")
    parser.add_argument("--draw", metavar="PATH", help="save a drawing, such as neuron.svg")
    parser.add_argument("--page", metavar="PATH", help="save a page to step through")
    options = parser.parse_args()

    graph = from_small_gates()
    graph.forward(**POINT)
    gradients = graph.backward()
    print("gate   computes            factor  value  gradient")
    for name, formula, factor in CHAIN:
        value, gradient = graph.value(name), graph.grad(name)
        print(f"{name:<5}  {formula:<18}  {factor:>6}  {value:>5.2f}  {gradient:>8.2f}")
    print()
    print("input  value  gradient  gradient through one sigmoid gate")
    single = from_one_gate()
    y = single.forward(**POINT)
    same = single.backward()
    for name, value in POINT.items():
        print(f"{name:<5}  {value:>5.2f}  {gradients[name]:>8.2f}  {same[name]:>8.2f}")
    print()
    print(f"(1 - y) y = (1 - {y:.2f}) {y:.2f} = {(1 - y) * y:.2f}")
    apart = max(abs(gradients[name] - same[name]) for name in POINT)
    print(f"largest difference between the two: {'below 1e-15' if apart < 1e-15 else apart}")
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
