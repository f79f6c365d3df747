"""Gradient descent with all the data, and with minibatches of 256.

    python examples/lecture/07_minibatches.py

Both read scikit-learn's 1,797 handwritten digits 40 times.  Vanilla gradient descent makes one
step per reading, minibatch gradient descent seven.  The plot goes to minibatches.png in the
current folder.
"""

import argparse

import numpy as np

import cnn_core as cnn

BATCH_SIZE = 256
LR = 0.2


def load_digits():
    """Return pictures (1797, 64) with pixels from 0 to 1, and the digits they show."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise SystemExit('need scikit-learn: pip install "cnn-core[examples]"') from None
    x, y = load_digits(return_X_y=True)
    return x / 16, y


def network():
    layers = [
        cnn.Dense(32, activation="relu", init="he_uniform", bias_init="zeros"),
        cnn.Dense(10, init="glorot_uniform", bias_init="zeros"),
    ]
    return cnn.Sequential(layers, inputs=64, seed=0)


def vanilla(x, y, passes):
    """Gradient descent by hand: all data forward, loss backward, one update.  Return losses."""
    p = {name: cnn.Parameter(name, value) for name, value in network().params.items()}
    pixels = cnn.Input("pixels", (cnn.BATCH, 64))
    label = cnn.Input("label", (cnn.BATCH,), dtype="int32")
    hidden = cnn.ops.relu(pixels @ p["dense_0.w"] + p["dense_0.b"])
    scores = hidden @ p["dense_1.w"] + p["dense_1.b"]
    graph = cnn.Graph(cnn.ops.softmax_cross_entropy(scores, label), dtype="float32")
    optimizer = cnn.SGD(lr=LR)

    losses = []
    for _ in range(passes):
        losses.append(graph.forward(pixels=x, label=y))
        graph.backward()
        optimizer.apply(graph.params)  # each parameter p becomes p - lr * gradient
    return [*losses, graph.forward()]


def minibatch(x, y, passes):
    """Gradient descent on random samples.

    Return the loss of each minibatch, and the loss of all the data after each pass.
    """
    trainer = cnn.Trainer(network(), loss=cnn.SoftmaxCrossEntropy(), optimizer=cnn.SGD(lr=LR))
    rng = np.random.default_rng(0)
    batch_losses, losses = [], [trainer.evaluate(x, y)["loss"]]
    for _ in range(passes):
        for _ in range(len(x) // BATCH_SIZE):
            rows = rng.choice(len(x), BATCH_SIZE, replace=False)
            batch_losses.append(trainer.step(x[rows], y[rows]))
        losses.append(trainer.evaluate(x, y)["loss"])
    return batch_losses, losses


def plot(path, batch_losses, minibatch_losses, vanilla_losses):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(range(1, len(batch_losses) + 1), batch_losses, color="#1f5fa8", linewidth=1.2)
    left.set(xlabel="minibatch", ylabel="loss of the minibatch", title="Minibatch after minibatch")
    for losses, colour, label in [
        (vanilla_losses, "#d1662b", "vanilla: 1 step per pass"),
        (minibatch_losses, "#1f5fa8", "minibatches: 7 steps per pass"),
    ]:
        right.plot(losses, color=colour, linewidth=2, label=label)
    right.set(xlabel="passes over the data", ylabel="loss of all data", title="Pass after pass")
    right.legend(frameon=False)
    for axes in (left, right):
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description="Vanilla and minibatch gradient descent.")
    parser.add_argument("--passes", type=int, default=40, help="over the data (default: 40)")
    parser.add_argument("--picture", default="minibatches.png", help="where the plot goes")
    options = parser.parse_args()

    x, y = load_digits()
    vanilla_losses = vanilla(x, y, options.passes)
    batch_losses, minibatch_losses = minibatch(x, y, options.passes)
    print("passes  vanilla  minibatches of 256")
    for i in sorted({0, 1, 2, 5, 10, 20, 40, options.passes}):
        if i <= options.passes:
            print(f"{i:>6}  {vanilla_losses[i]:>7.2f}  {minibatch_losses[i]:>18.2f}")
    print(f"steps   {options.passes:>7}  {len(batch_losses):>18}")
    plot(options.picture, batch_losses, minibatch_losses, vanilla_losses)
    print(f"plot: {options.picture}")


if __name__ == "__main__":
    main()
