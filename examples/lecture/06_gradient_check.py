"""Is the gradient right?  Compare it with differences, and see which step size is best.

    python examples/lecture/06_gradient_check.py
    python examples/lecture/06_gradient_check.py --picture check.svg

The plot goes to gradient_check.png in the current folder.
"""

import argparse

import numpy as np

import cnn_core as cnn

POINT = {"w0": 2.0, "x0": -1.0, "w1": -3.0, "x1": -2.0, "w2": -3.0}
STEPS = 10.0 ** np.arange(0, -15.5, -0.5)


def neuron():
    w0, x0, w1, x1, w2 = (cnn.Input(name) for name in POINT)
    return cnn.Graph(cnn.ops.sigmoid(w0 * x0 + w1 * x1 + w2))


def one_sided(graph, name, h):
    """(f(x + h) - f(x)) / h: its error falls in proportion to h."""
    return (graph.forward(**{**POINT, name: POINT[name] + h}) - graph.forward(**POINT)) / h


def central(graph, name, h):
    """(f(x + h) - f(x - h)) / 2h: its error falls in proportion to the square of h."""
    ahead = graph.forward(**{**POINT, name: POINT[name] + h})
    behind = graph.forward(**{**POINT, name: POINT[name] - h})
    return (ahead - behind) / (2 * h)


def worst_errors(difference):
    """Return, for each step size, the largest relative error over the five inputs."""
    graph = neuron()
    graph.forward(**POINT)
    analytic = graph.backward()
    return np.array([
        max(abs(difference(graph, name, h) - g) / abs(g) for name, g in analytic.items())
        for h in STEPS
    ])  # fmt: skip


def plot(path, forward_errors, central_errors):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for errors, label, colour, marker in [
        (forward_errors, "one-sided: $(f(x + h) - f(x))\\, /\\, h$", "#d1662b", "s"),
        (central_errors, "central: $(f(x + h) - f(x - h))\\, /\\, 2h$", "#1f5fa8", "o"),
    ]:
        axes.loglog(STEPS, errors, marker, linestyle="-", color=colour, label=label, markersize=4)
        best = errors.argmin()
        axes.loglog(STEPS[best], errors[best], marker, color=colour, markersize=11, alpha=0.35)
    axes.text(1e-14, 3e-5, "rounding:\nerror ~ 1 / h", color="0.35", va="top")
    axes.text(2e-3, 1.5e-10, "formula:\nerror ~ h or h²", color="0.35", va="top")
    axes.set_xlabel("step size h")
    axes.set_ylabel("largest relative error")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper center")
    axes.set_ylim(1e-12, 1e2)
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description="Numerical against analytic gradients.")
    parser.add_argument("--picture", default="gradient_check.png", help="where the plot goes")
    options = parser.parse_args()

    errors = {f.__name__: worst_errors(f) for f in (one_sided, central)}
    print("step size  one-sided  central")
    for i in range(2, len(STEPS), 4):
        print(f"{STEPS[i]:<9.0e}  {errors['one_sided'][i]:>9.0e}  {errors['central'][i]:>7.0e}")
    for name, e in errors.items():
        print(f"best step, {name + ':':<10} {STEPS[e.argmin()]:.0e}")
    print()
    graph = neuron()
    graph.forward(**POINT)
    print(graph.check_gradients())
    plot(options.picture, *errors.values())
    print()
    print(f"plot: {options.picture}")


if __name__ == "__main__":
    main()
