"""Train a 784-256-128-10 network on MNIST, Fashion-MNIST or another data set of that form.

    python examples/train_mnist.py path/to/mnist

The folder holds four IDX files, plain or gzipped: train-images-idx3-ubyte,
train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte.
"""

import argparse
import math
import time

import cnn_core as cnn
from cnn_core.data import load_idx_dataset


def parse_options():
    parser = argparse.ArgumentParser(
        description="Train a 784-256-128-10 network on a folder of MNIST-style IDX files.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("folder", help="where the four IDX files are, plain or gzipped")
    parser.add_argument("--epochs", type=int, default=10, help="passes over the training images")
    parser.add_argument("--batch-size", type=int, default=128, help="images per training step")
    parser.add_argument("--lr", type=float, default=1e-3, help="learning rate of Adam at the start")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same result")
    parser.add_argument("--threads", type=int, help="CPU threads; None: the package decides")
    return parser.parse_args()


def main():
    options = parse_options()
    if options.threads is not None:
        cnn.set_num_threads(options.threads)
    try:
        data = load_idx_dataset(options.folder)
    except cnn.errors.DataError as error:
        raise SystemExit(f"train_mnist: {error}") from None

    # The pixels stay bytes in memory; each batch is scaled to 0 .. 1 as it is gathered.
    net = cnn.Sequential(
        [
            cnn.Dense(256, activation="relu"),
            cnn.Dense(128, activation="relu"),
            cnn.Dense(data.n_classes),
        ],
        inputs=data.x_train.shape[1],
        input_scale=1 / 255,
        seed=options.seed,
    )
    net.summary()

    # The learning rate falls along half a cosine wave, to zero at the last step.
    steps = options.epochs * math.ceil(len(data.x_train) / options.batch_size)
    trainer = cnn.Trainer(
        net,
        loss=cnn.SoftmaxCrossEntropy(),
        optimizer=cnn.Adam(lr=cnn.optim.CosineDecay(options.lr, steps)),
        metrics=["accuracy"],
        seed=options.seed,
    )
    begin = time.perf_counter()
    history = trainer.fit(
        data.x_train,
        data.y_train,
        batch_size=options.batch_size,
        epochs=options.epochs,
        validation_data=(data.x_test, data.y_test),
        on_interrupt="return",  # Ctrl-C: go on to what has been learnt by then
    )
    seconds = time.perf_counter() - begin
    print(history)
    accuracy = trainer.evaluate(data.x_test, data.y_test)["accuracy"]
    print(f"test accuracy {accuracy:.4f} after {history.epochs} epochs in {seconds:.1f} s")


if __name__ == "__main__":
    main()
