"""A gate of your own, written in Python, at work among the others.

    python examples/lecture/09_own_gate.py
"""

import cnn_core as cnn

POINT = {"x": -2.0, "y": 5.0, "z": -4.0}


class MultiplyGate(cnn.Gate):
    def forward(self, x, y):
        self.x, self.y = x, y  # backward will need them
        return x * y

    def backward(self, dz):
        return [self.y * dz, self.x * dz]  # [dL/dx, dL/dy], in the order of the inputs


class CarelessGate(MultiplyGate):
    """The commonest mistake: the local gradient without the gradient from above."""

    def backward(self, dz):
        return [self.y, self.x]


def circuit(multiply):
    """Return the graph of f = 2 (x + y) z; ``multiply`` makes the node of the product."""
    x, y, z = cnn.Input("x"), cnn.Input("y"), cnn.Input("z")
    return cnn.Graph(2.0 * multiply(x + y, z))


def main():
    for name, multiply in [("built in", cnn.ops.mul), ("own gate", MultiplyGate),
                           ("careless", CarelessGate)]:  # fmt: skip
        graph = circuit(multiply)
        value = graph.forward(**POINT)
        print(f"{name}  f = {value:g}", graph.backward())
    print()
    for gate in (MultiplyGate, CarelessGate):
        graph = circuit(gate)
        graph.forward(**POINT)
        report = graph.check_gradients()
        print(f"{gate.__name__}: {'gradients agree' if report.ok else 'WRONG'}")
        for line in report.lines:
            print(f"  {line.name}  analytic {line.analytic:>5g}  numeric {line.numeric:>5.1f}")


if __name__ == "__main__":
    main()
