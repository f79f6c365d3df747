"""The forward pass of a three-layer network, 3-4-4-1.

    python examples/lecture/01_forward_pass.py

Two hidden layers of sigmoids and a linear output.  Rows are samples and weights are
[in, out], so a layer is x @ W + b.
"""

from itertools import pairwise

import numpy as np

import cnn_core as cnn

SIZES = [3, 4, 4, 1]


def starting_values(seed):
    """Return W1, b1, W2, b2, W3, b3: a layer from I to O units has W (I, O) and b (O,)."""
    rng = np.random.default_rng(seed)
    values = {}
    for layer, (n_in, n_out) in enumerate(pairwise(SIZES), start=1):
        values[f"W{layer}"] = rng.standard_normal((n_in, n_out))
        values[f"b{layer}"] = np.zeros(n_out)
    return values


def three_layers(values):
    """Return the graph; its nodes h1, h2 and out can be looked at by name."""
    p = {name: cnn.Parameter(name, value) for name, value in values.items()}
    x = cnn.Input("x", (cnn.BATCH, 3))

    h1 = cnn.ops.sigmoid(x @ p["W1"] + p["b1"], name="h1")
    h2 = cnn.ops.sigmoid(h1 @ p["W2"] + p["b2"], name="h2")
    # What about W3?  It is there like the others.  The output layer only has no activation:
    # a sigmoid would keep every answer between 0 and 1.
    out = cnn.ops.add(h2 @ p["W3"], p["b3"], name="out")
    return cnn.Graph(out)


def same_as_layers(values):
    """Return the same network, written as layers."""
    net = cnn.Sequential(
        [cnn.Dense(4, activation="sigmoid"), cnn.Dense(4, activation="sigmoid"), cnn.Dense(1)],
        inputs=3,
        dtype="float64",
    )
    net.set_params(dict(zip(net.params, values.values(), strict=True)))
    return net


def main():
    values = starting_values(seed=0)
    graph = three_layers(values)
    x = np.array([[0.5, -1.0, 2.0]])  # one sample, so one row
    graph.forward(x=x)

    print("parameter  shape   numbers")
    for name, value in graph.params.items():
        print(f"{name:<9}  {value.shape!s:<6}  {value.size:>7}")
    print(f"{'together':<17}  {sum(value.size for value in graph.params.values()):>7}")
    print()
    print("value      shape   entries")
    for name in ["x", "h1", "h2", "out"]:
        value = graph.value(name)
        print(f"{name:<9}  {value.shape!s:<6}", *(f"{v:>7.4f}" for v in value[0]))
    print()
    print("the same from layers:", f"{same_as_layers(values).predict(x).item():.4f}")
    print("two samples at once: ", graph.forward(x=np.vstack([x, -x])).shape)


if __name__ == "__main__":
    main()
