"""Learn to read handwritten digits: scikit-learn's 1,797 pictures of 8 x 8 pixels.

    python examples/train_digits.py              train once, show how it went
    python examples/train_digits.py --seeds 5    train five times, report the mean

Nothing is downloaded.  The training curves go to digits.png in the current folder.
"""

import argparse

import numpy as np

import cnn_core as cnn
from cnn_core.data import train_test_split


def load_digits():
    """Return pictures (1797, 64) with pixels from 0 to 1, and the digits they show."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise SystemExit(
            "This example takes its pictures from scikit-learn.\n"
            'Install it with: pip install "cnn-core[examples]"'
        ) from None
    x, y = load_digits(return_X_y=True)
    return x / 16, y


def train(x, y, epochs, seed, show):
    """Train on 70 % of the pictures; return the accuracy on the others, and the history."""
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, seed=seed, stratify=y)
    net = cnn.Sequential(
        [cnn.Dense(64, activation="relu"), cnn.Dense(32, activation="relu"), cnn.Dense(10)],
        inputs=64,
        seed=seed,
    )
    trainer = cnn.Trainer(
        net,
        loss=cnn.SoftmaxCrossEntropy(),
        optimizer=cnn.Adam(lr=2e-3),
        metrics=["accuracy"],
        seed=seed,
    )
    if show:
        net.summary()
    history = trainer.fit(
        x_train,
        y_train,
        batch_size=32,
        epochs=epochs,
        validation_data=(x_test, y_test) if show else None,
        progress=show,
    )
    return trainer.evaluate(x_test, y_test)["accuracy"], history


def main():
    parser = argparse.ArgumentParser(description="Train a small network on handwritten digits.")
    parser.add_argument("--epochs", type=int, default=60, help="passes over the data (default: 60)")
    parser.add_argument("--seeds", type=int, default=1, help="number of runs (default: 1)")
    options = parser.parse_args()
    if options.seeds < 1:
        parser.error(f"--seeds: need 1 or more; got {options.seeds}")

    x, y = load_digits()
    accuracies = []
    for seed in range(options.seeds):
        accuracy, history = train(x, y, options.epochs, seed, show=seed == 0)
        accuracies.append(accuracy)
        print(f"seed {seed}: test accuracy {accuracy:.4f}")
        if seed == 0:
            save_curves(history)
    if options.seeds > 1:
        print(f"mean of {options.seeds} seeds: test accuracy {np.mean(accuracies):.4f}")


def save_curves(history):
    try:
        history.plot("digits.png")
    except ImportError as error:
        print(f"no picture of the training curves: {error}")
    else:
        print("training curves: digits.png")


if __name__ == "__main__":
    main()
