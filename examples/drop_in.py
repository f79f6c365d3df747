"""One script, the import switched: scikit-learn's classes and this package's, side by side.

    python examples/drop_in.py
    python examples/drop_in.py --float32
    python examples/drop_in.py --max-iter 20      a shorter look

Both get the same rows, the same options and the same random_state, so both start from the same
weights and take the rows in the same order: in float64 the scores are as good as equal, and what
differs is the time.  Takes half a minute, most of it for the first of the two.
"""

import argparse
import importlib
import time
import warnings

import numpy as np

NEED = """This example needs scikit-learn.
Install it with: pip install "cnn-core[sklearn]\""""

# The only line that changes in a program of one's own:
IMPORTS = {
    "scikit-learn": "sklearn.neural_network",  # from sklearn.neural_network import MLPClassifier
    "cnn_core": "cnn_core.estimators",  # from cnn_core.estimators import MLPClassifier
}


def tasks(options):
    """Return name, class and its options, features and targets of each task."""
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

    both = {"max_iter": options.max_iter, "random_state": options.seed}
    return [
        ("digits", "MLPClassifier", both, *load_digits(return_X_y=True)),
        ("digits, two layers, sgd", "MLPClassifier",
         {**both, "hidden_layer_sizes": (64, 32), "solver": "sgd", "learning_rate_init": 0.02},
         *load_digits(return_X_y=True)),
        ("breast cancer", "MLPClassifier", {**both, "early_stopping": True},
         *load_breast_cancer(return_X_y=True)),
        ("diabetes", "MLPRegressor", {**both, "learning_rate_init": 0.02},
         *load_diabetes(return_X_y=True)),
    ]  # fmt: skip


def run(module, name, options, x, y, dtype):
    """Fit a pipeline on 70 % of the rows; return seconds, iterations and the score of the rest."""
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = getattr(importlib.import_module(module), name)(**options)
    parts = train_test_split(x.astype(dtype), y, test_size=0.3, random_state=0)
    pipe = make_pipeline(StandardScaler(), model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that more iterations could help
        begin = time.perf_counter()
        pipe.fit(parts[0], parts[2])
        seconds = time.perf_counter() - begin
    return seconds, model.n_iter_, pipe.score(parts[1], parts[3])


def main():
    parser = argparse.ArgumentParser(description="scikit-learn's MLP classes and this package's.")
    parser.add_argument("--max-iter", type=int, default=200, help="iterations at most")
    parser.add_argument("--float32", action="store_true", help="features in float32")
    parser.add_argument("--seed", type=int, default=0, help="random_state of both")
    options = parser.parse_args()
    try:
        import sklearn
    except ImportError:
        raise SystemExit(NEED) from None
    dtype = np.float32 if options.float32 else np.float64

    print(f"scikit-learn {sklearn.__version__}, {np.dtype(dtype)}\n")
    print(f"{'':26}{'seconds':>18}{'iterations':>14}{'test score':>20}")
    print(f"{'':26}{'theirs':>10}{'own':>8}{'theirs':>9}{'own':>5}{'theirs':>11}{'own':>9}")
    for name, cls, chosen, x, y in tasks(options):
        (t0, n0, s0), (t1, n1, s1) = (run(m, cls, chosen, x, y, dtype) for m in IMPORTS.values())
        print(f"{name:26}{t0:10.2f}{t1:8.2f}{n0:9}{n1:5}{s0:11.4f}{s1:9.4f}"
              f"   {t0 / t1:.1f} times as fast")  # fmt: skip


if __name__ == "__main__":
    main()
