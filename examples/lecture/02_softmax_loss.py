"""From pixels to scores, from scores to probabilities, from probabilities to a loss.

    python examples/lecture/02_softmax_loss.py
    python examples/lecture/02_softmax_loss.py --page softmax.html

A linear classifier gives a picture the scores 3.2 (cat), 5.1 (car) and -1.7 (frog).  It shows
a cat: how bad is that?
"""

import argparse
import math

import cnn_core as cnn

CLASSES = ["cat", "car", "frog"]
CAT = 0

# A picture of four pixels, and one column of weights per class.
X = [0.2, 0.9, 0.4, 0.6]
W = [[1.0, -1.0, 2.0],
     [2.0, 3.0, -1.0],
     [-0.5, 2.0, 1.0],
     [1.0, 1.5, -2.0]]  # fmt: skip
B = [0.8, 0.9, -0.4]


def by_hand():
    """Return the graph that goes one step at a time, for one picture."""
    scores = cnn.ops.add(cnn.Input("x", (4,)) @ cnn.Parameter("W", W), cnn.Parameter("b", B),
                         name="scores")  # fmt: skip
    exps = cnn.ops.exp(scores, name="exps")
    probs = cnn.ops.div(exps, cnn.ops.sum(exps, name="sum"), name="probs")
    return cnn.Graph(cnn.ops.neg(cnn.ops.log(probs[CAT]), name="loss"))


def in_one_node():
    """Return the graph with the loss as one operation, which a large score cannot overflow."""
    scores = cnn.Input("scores", (cnn.BATCH, 3))
    label = cnn.Input("label", (cnn.BATCH,), dtype="int32")
    return cnn.Graph(cnn.ops.softmax_cross_entropy(scores, label))


def main():
    parser = argparse.ArgumentParser(description="Softmax and its loss, step by step.")
    parser.add_argument("--page", metavar="PATH", help="save a page to step through")
    options = parser.parse_args()

    graph = by_hand()
    loss = graph.forward(x=X)
    graph.backward()
    print("class  score      exp  probability  d loss / d score")
    columns = [graph.value("scores"), graph.value("exps"), graph.value("probs"),
               graph.grad("scores")]  # fmt: skip
    for name, score, exp, prob, slope in zip(CLASSES, *columns, strict=True):
        print(f"{name:<5}  {score:>5.1f}  {exp:>7.2f}  {prob:>11.4f}  {slope:>16.4f}")
    print()
    print(f"loss = -ln {graph.value('probs')[CAT]:.2f} = {loss:.2f}")
    print(f"with logarithms to base 10 it would be {loss / math.log(10):.2f}")
    print()
    one = in_one_node()
    same = one.forward(scores=[[3.2, 5.1, -1.7]], label=[CAT])
    huge = one.forward(scores=[[3200.0, 5100.0, -1700.0]], label=[CAT])  # exp(5100) overflows
    print(f"as one node: {same:.2f}; with scores a thousand times as large: {huge:.2f}")
    if options.page:
        graph.to_html(options.page)
        print()
        print(f"page: {options.page}")


if __name__ == "__main__":
    main()
