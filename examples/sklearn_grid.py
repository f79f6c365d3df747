"""A grid search over networks with scikit-learn's own tools: which options read digits best?

    python examples/sklearn_grid.py
    python examples/sklearn_grid.py --quick      a shorter look

24 candidates by three folds make 72 trainings; a few seconds on two cores.
"""

import argparse
import tempfile
import time
import warnings
from pathlib import Path

NEED = """This example needs scikit-learn.
Install it with: pip install "cnn-core[sklearn]\""""

GRID = {
    "mlp__hidden_layer_sizes": [(32,), (100,), (64, 32)],
    "mlp__alpha": [1e-4, 1e-1],
    "mlp__learning_rate_init": [1e-3, 5e-3],
    # Options that scikit-learn's class does not have are searched in the same way.
    "mlp__dropout": [0.0, 0.1],
}
QUICK = {"mlp__hidden_layer_sizes": [(32,), (100,)], "mlp__dropout": [0.0, 0.1]}


def search(x, y, options):
    """Return the search, fitted: the best candidate is trained again on all rows."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    from cnn_core.estimators import MLPClassifier

    # One thread each: the candidates themselves are spread over the cores.
    model = MLPClassifier(max_iter=60, dtype="float32", random_state=options.seed, n_jobs=1)
    pipe = Pipeline([("scale", StandardScaler()), ("mlp", model)])
    found = GridSearchCV(pipe, QUICK if options.quick else GRID, cv=3, n_jobs=options.jobs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that more iterations could help
        return found.fit(x, y)


def show(found, n=5):
    """Print the best candidates."""
    results = found.cv_results_
    for i in results["rank_test_score"].argsort(kind="stable")[:n]:
        options = {k.removeprefix("mlp__"): v for k, v in results["params"][i].items()}
        score, spread = results["mean_test_score"][i], results["std_test_score"][i]
        print(f"{score:.4f} +- {spread:.4f}  {options}")


def main():
    parser = argparse.ArgumentParser(description="A grid search with scikit-learn's tools.")
    parser.add_argument("--quick", action="store_true", help="4 candidates in place of 24")
    parser.add_argument("--jobs", type=int, default=-1, help="processes; -1: one a core")
    parser.add_argument("--seed", type=int, default=0, help="of the networks")
    options = parser.parse_args()
    try:
        import joblib
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError:
        raise SystemExit(NEED) from None

    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, random_state=0,
                                                        stratify=y)  # fmt: skip
    begin = time.perf_counter()
    found = search(x_train, y_train, options)
    seconds = time.perf_counter() - begin
    n = len(found.cv_results_["params"])
    print(f"{n} candidates, 3 folds each, in {seconds:.1f} s; the best of them:")
    show(found)
    print(f"test accuracy of the best: {found.score(x_test, y_test):.4f}")

    # What was found is kept like any other estimator.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.joblib"
        joblib.dump(found.best_estimator_, path)
        again = joblib.load(path)
    same = (again.predict_proba(x_test) == found.predict_proba(x_test)).all()
    print(f"saved and loaded, it predicts {'the same' if same else 'something else'}")


if __name__ == "__main__":
    main()
