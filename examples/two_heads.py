"""One network, two questions: what is a flat worth, and is it sold within a month?

    python examples/two_heads.py
    python examples/two_heads.py --epochs 5 --rows 4000     a shorter look

The flats are made up, so that we know what there is to find: every district has a level of its own
that no column says.  It moves the price, and flats sell fast where people want to live, if the
house is not too old.  Takes a second or two.
"""

import argparse

import numpy as np

import cnn_core as cnn
from cnn_core.data import train_test_split

DISTRICTS = 40


def make_flats(n, seed):
    """Return the rows of inputs and targets by their names, and the levels of the districts."""
    rng = np.random.default_rng(seed)
    level = rng.normal(0, 1, DISTRICTS)
    district = rng.integers(0, DISTRICTS, n)
    area, age, floor = rng.uniform(30, 150, n), rng.uniform(0, 80, n), rng.integers(0, 9, n)
    price = 0.03 * area - 0.01 * age + 0.05 * floor + level[district] + rng.normal(0, 0.3, n)
    sold = level[district] - 0.02 * age + rng.normal(0, 0.3, n) > -0.8
    columns = np.stack([area, age, floor], axis=1)
    columns = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    return ({"flat": columns, "district": district},
            {"price": price[:, None], "sold": sold.astype(int)}, level)  # fmt: skip


def make_network(seed):
    """Two inputs, a trunk in common, two heads."""
    flat = cnn.Input("flat", (cnn.BATCH, 3))
    # Whole numbers that name something: the network learns four numbers for each of them.
    district = cnn.Input("district", (cnn.BATCH,), dtype="int32")
    place = cnn.Embedding(DISTRICTS, 4, name="place")(district)
    # Each call of a layer on nodes makes a node; nothing is computed yet.
    h = cnn.Dense(32, activation="relu", name="trunk")(cnn.Concat()([flat, place]))
    return cnn.Model({"price": cnn.Dense(1, name="price_head")(h),
                      "sold": cnn.Dense(2, name="sold_head")(h)}, seed=seed)  # fmt: skip


def pick(rows, index):
    """Return some rows of each array."""
    return {name: array[index] for name, array in rows.items()}


def train_both(net, x, y, train, options):
    """Train on the rows ``train``; return the trainer."""
    trainer = cnn.Trainer(
        net,
        # What becomes small is the sum of both losses; a weight says how much one counts.
        loss={"price": cnn.Huber(), "sold": cnn.SoftmaxCrossEntropy()},
        loss_weights={"sold": 0.5},
        metrics={"price": ["r2"], "sold": ["accuracy"]},
        # Decay would pull rows of the table to 0 that few flats speak for.
        optimizer=cnn.AdamW(lr=3e-3, groups={"place.*": {"weight_decay": 0.0}}),
        seed=options.seed,
    )
    history = trainer.fit(pick(x, train), pick(y, train), batch_size=128, epochs=options.epochs,
                          progress=False)  # fmt: skip
    losses = history["loss"]
    print(f"loss: {losses[0]:.3f} in the first epoch, {losses[-1]:.3f} in the last")
    return trainer


def teach_second_head(net, x, y, train, test, options):
    """Let the second head answer another question; all else stays as it is."""
    net.freeze("trunk.*")
    net.freeze("place.*")
    dear = (y["price"][:, 0] > np.median(y["price"])).astype(int)
    before = net.predict(pick(x, test))["price"]
    trainer = cnn.Trainer(net, loss={"price": None, "sold": "softmax_cross_entropy"},
                          metrics={"sold": ["accuracy"]}, optimizer=cnn.Adam(lr=3e-3),
                          seed=options.seed)  # fmt: skip
    trainer.fit(pick(x, train), {"sold": dear[train]}, epochs=3, progress=False)
    figures = trainer.evaluate(pick(x, test), {"sold": dear[test]})
    same = np.array_equal(net.predict(pick(x, test))["price"], before)
    print(f"\nnew question, is a flat dear: accuracy {figures['sold_accuracy']:.3f}; "
          f"predicted prices are {'the same' if same else 'others'}")  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description="A network with two inputs and two outputs.")
    parser.add_argument("--rows", type=int, default=20_000, help="flats to make up")
    parser.add_argument("--epochs", type=int, default=20, help="passes over the data")
    parser.add_argument("--seed", type=int, default=0, help="of the flats and of the training")
    options = parser.parse_args()

    x, y, level = make_flats(options.rows, options.seed)
    train, test = train_test_split(np.arange(options.rows), test_size=0.2, seed=options.seed)
    net = make_network(options.seed)
    print(f"{net}\n{net.n_params} parameters\n")
    trainer = train_both(net, x, y, train, options)

    figures = trainer.evaluate(pick(x, test), pick(y, test))
    share = np.mean(y["sold"][test])
    print(f"price of flats never seen: R2 {figures['price_r2']:.3f}")
    print(f"sold of flats never seen: accuracy {figures['sold_accuracy']:.3f}; "
          f"{max(share, 1 - share):.3f} for who always says the same")  # fmt: skip

    # What has the table learned?  Ask for the price of one and the same flat in every district.
    flat = {"flat": np.zeros((DISTRICTS, 3)), "district": np.arange(DISTRICTS)}
    found = net.predict(flat)["price"][:, 0]
    print(f"levels of the districts, found and made up: r = {np.corrcoef(found, level)[0, 1]:.3f}")

    teach_second_head(net, x, y, train, test, options)


if __name__ == "__main__":
    main()
