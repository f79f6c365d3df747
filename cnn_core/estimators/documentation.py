"""Documentation of the classes, of which most parameters and attributes are the same."""

from __future__ import annotations

from cnn_core.estimators.parameters import ACTIVATIONS, SOLVERS

_NAMES = ", ".join(sorted(ACTIVATIONS))
_SOLVERS = ", ".join(("lbfgs", *SOLVERS))

_PARAMETERS = f"""\
hidden_layer_sizes : int or array-like of int, default=(100,)
    Units of each hidden layer; ``()`` for a linear model.
activation : str, or a sequence of str, default="relu"
    Of the hidden layers, or of each of them: {_NAMES}.
solver : str, default="adam"
    One of {_SOLVERS}.
alpha : float, default=0.0001
    Strength of the L2 penalty: alpha / 2 times the sum of the squared weights, over the sum of the
    sample weights of a minibatch, is part of the loss.  Of "adamw" the decay apart from the
    gradient.
batch_size : int or "auto", default="auto"
    Rows of a minibatch; "auto": 200, or all where they are fewer; with ``batch_norm`` so many fewer
    that none of a single row is left over.
learning_rate : {{"constant", "invscaling", "adaptive"}}, default="constant"
    How the rate of "sgd" falls.  "invscaling": rate / t^power_t after t rows; "adaptive": divided
    by 5 whenever there was no improvement for n_iter_no_change iterations.
learning_rate_init : float, default=0.001
    The rate at the start.
power_t : float, default=0.5
    The exponent of "invscaling".
max_iter : int, default=200
    Iterations at most: passes over all rows, or steps of "lbfgs".
shuffle : bool, default=True
    Whether the order of rows changes from iteration to iteration.
random_state : int, RandomState instance or None, default=None
    Decides the weights at the start, what is held out, the order of rows and dropout.
tol : float, default=1e-4
    What loss or score must improve by to count as better.
verbose : bool, default=False
    Whether to print the loss of each iteration.
warm_start : bool, default=False
    Whether `fit` goes on from the weights of the fit before.
momentum : float, default=0.9
    Of "sgd", from 0 to 1.
nesterovs_momentum : bool, default=True
    Whether that is Nesterov's.
early_stopping : bool, default=False
    Whether to hold out rows, or take ``X_val`` of `fit`, and to stop when their score does not
    improve any more; the weights of the best score are put back.  Also in `partial_fit`.
validation_fraction : float, default=0.1
    The share that is held out.
beta_1, beta_2 : float, default=0.9, 0.999
    How slowly the running means of "adam", "adamw" and "nadam" forget.
epsilon : float, default=1e-8
    What the optimizers that divide by a root add to it.
n_iter_no_change : int, default=10
    Iterations without an improvement before training ends.
max_fun : int, default=15000
    Calls of the loss that "lbfgs" may make.
"""

_MORE = """\
dropout : float, default=0.0
    The share of hidden units that each step leaves out.
batch_norm : bool, default=False
    Whether the units of hidden layers are normalised over the minibatch.
dtype : "float32", "float64" or None, default=None
    What the network computes in; None: the type of X, float64 unless that is float32.
n_jobs : int or None, default=None
    Threads.  None, or -1: all that `cnn_core.set_num_threads` allows; in a thread or process that
    is one of several at work, such as those of joblib, what leaves none in another's way; -2: one
    fewer.  Results do not depend on it, to the bit.
progress : bool or "always", default=False
    Whether a bar shows how far `fit` is.
"""

_ATTRIBUTES = """\
coefs_, intercepts_ : list of ndarray
    Weights (fan in, units) and biases (units,) of each layer: views of what the network computes
    with.  Arrays set in their place are followed.
n_iter_ : int
    Iterations of the last fit.
t_ : int
    Rows seen, in all.
loss_ : float
    The loss of the last iteration, penalty included.
best_loss_ : float or None
    The least of them; None with ``early_stopping``.
loss_curve_ : list of float
    The loss of each iteration.
validation_scores_, best_validation_score_ : list of float and float, or None
    The score of the rows held out in each iteration, and the best; None without
    ``early_stopping``.
stopped_ : bool
    Whether `partial_fit` with ``early_stopping`` has come to its end.
n_layers_, n_outputs_ : int
    Layers, that of the features included, and columns of the last.
out_activation_ : str
    What makes predictions of outputs.
n_features_in_ : int
    Features seen in `fit`.
feature_names_in_ : ndarray of str
    Their names, where X has some.
"""


def described(head: str, first: str, more: str, attributes: str, example: str) -> str:
    """Return a class's documentation, with what is its own in its places."""
    parts = {"Parameters": first + _PARAMETERS + more + _MORE,
             "Attributes": attributes + _ATTRIBUTES, "Examples": example}  # fmt: skip
    sections = "\n".join(f"{name}\n{'-' * len(name)}\n{text}" for name, text in parts.items())
    return f"{head}\n{sections}"
