"""What valid calls are made of: arguments, subjects and their state, for `junk_cases.py`."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import cnn_core as cnn
from cnn_core import BATCH, Input, Parameter

FOLDER = Path(tempfile.mkdtemp())
X, V, S, W = Input("x", (BATCH, 3)), Input("v", (3,)), Input("s"), Input("w", (BATCH,))
T, M = Input("t", (BATCH,), "int32"), Input("m", (3, 4))
ROWS = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
LABELS = np.array([0, 1, 2, 0, 1, 2])
F64 = ROWS.astype(np.float64)


class Fresh(NamedTuple):
    """An argument that is made anew for each call, as it may be written."""

    make: Callable[[], Any]


class Call(NamedTuple):
    """``function(subject, **arguments)``; ``state`` is all that a failed call must not change."""

    function: Callable[..., Any]
    arguments: Mapping[str, Any]
    make: Callable[[], Any] = lambda: None
    state: Callable[[Any], Any] = lambda subject: None
    also: tuple[type[Exception], ...] = ()


def net() -> cnn.Sequential:
    return cnn.Sequential([cnn.Dense(4, "relu"), cnn.Dropout(0.5), cnn.Dense(3)], inputs=3)


def trainer() -> cnn.Trainer:
    made = cnn.Trainer(
        net(), loss=cnn.SoftmaxCrossEntropy(), optimizer=cnn.Adam(), metrics=["accuracy"]
    )
    made.step(ROWS, LABELS)
    return made


def graph() -> cnn.Graph:
    x = Input("x", (BATCH, 3))
    y = cnn.ops.dense(x, Parameter("w", np.ones((3, 2))), name="y")
    made = cnn.Graph(cnn.ops.mean(cnn.ops.square(y), name="loss"))
    made.forward(x=F64)
    made.backward()
    return made


ROW_INPUT = cnn.Input("x", (cnn.BATCH, 3))
SHARED = Parameter("shared", np.ones(2))


def store() -> cnn.ParamStore:
    return cnn.ParamStore([Parameter("w", np.ones((3, 2))), Parameter("b", np.zeros(2))], "float32")


def bound() -> tuple[cnn.Adam, cnn.ParamStore]:
    optimizer, parameters = cnn.Adam(), store()
    parameters.grad[:] = 1
    optimizer.apply(parameters)
    return optimizer, parameters


def history() -> cnn.History:
    made = cnn.History()
    made.append({"loss": 0.5, "val_loss": 1.0}, 0.1)
    return made


def of_store(s: cnn.ParamStore) -> Any:
    return s.value.tobytes(), s.grad.tobytes()


def of_optimizer(o: cnn.optim.Optimizer) -> Any:
    return o.step_count, o.lr, o.scalars.tobytes(), [s.tobytes() for s in o.slots]


def of_trainer(t: cnn.Trainer) -> Any:
    return t.net.store.value.tobytes(), of_optimizer(t.optimizer), t.epochs_done, len(t.reports)


def of_graph(g: cnn.Graph) -> Any:
    return of_store(g.params), g.has_values, g.has_gradients, g.value("loss") if g.has_values else 0


def plain(function: Callable[..., Any], /, **arguments: Any) -> Call:
    return Call(lambda _, **given: function(**given), arguments)


def method(name: str, make: Any, state: Any, /, *, also: Any = (), **arguments: Any) -> Call:
    return Call(lambda s, **given: getattr(s, name)(**given), arguments, make, state, also)


def copied(array: np.ndarray) -> Fresh:
    return Fresh(array.copy)


# -- operations and kernels: their arguments by name ------------------------------------------

OPERAND = {"w": M, "nodes": [V, V], "condition": V, "t": X, "labels": T, "index": [0, 1],
           "rows": W, "weight": None, "e": V, "k": V, "b": V, "pairs": [(V, M)]}  # fmt: skip
OPTION = {"name": "n", "reduction": "none", "axis": 0, "keepdims": True, "rate": 0.5, "key": 3,
          "center": 1, "a_min": 0.0, "a_max": 1.0, "eps": 1e-3, "alpha": 1.0, "delta": 1.0,
          "negative_slope": 0.1, "q": 0.5, "approximate": "none", "label_smoothing": 0.1,
          "ignore_index": None, "columns": False, "from_end": True, "low": 0.0,
          "high": 1.0, "mean": 0.0, "std": 1.0, "sections": 3, "shape": (BATCH, 1, 3),
          "axes": None, "center_": 0, "c": 1.0, "most": 2.0}  # fmt: skip
SPECIAL: dict[str, dict[str, Any]] = {
    "dense": {"x": X, "w": M, "b": None}, "matmul": {"a": V, "b": M}, "scale": {"a": 2.0},
    "grouped_dense": {"x": Input("groups", (5, 3)), "w": Input("matrices", (5, 3, 2))},
    "erase_add": {"x": Input("memory", (5, 3)), "w": Input("places", (5,)), "e": V, "a": V},
    "metric_top_k": {"t": T, "k": 2}, "softmax_cross_entropy": {"t": T, "ignore_index": -1,
                                                                 "reduction": "mean", "weight": W},
    "mse": {"reduction": "mean", "weight": W}, "metric_mean": {"x": W, "weight": W},
    "metric_r2": {"weight": W}, "row_mean": {"weight": W, "reduction": "mean"},
    "row_coef": {"weight": W, "reduction": "sum_over_batch"},
    "power": {"p": 2.0}, "split": {"x": V}, "slice": {"x": V, "key": 1}, "sum": {"x": V},
    "take": {"x": V}, "take_along_axis": {"x": V}, "label_weight": {"ignore_index": 1, "weight": W},
    "weight_grad": {"pairs": [(V, Input("dy", (4,)))]}, "cumsum": {"x": V},
    "layer_norm": {"scale": V, "shift": None}, "rms_norm": {"scale": V},
    "parametric_activation": {"a": V, "function": "selu"}, "dropout": {"rate": 0.5, "steps": 7},
    "batch_norm": {"scale": V, "shift": None, "mean": None, "variance": None, "momentum": 0.1},
    "metric_accuracy": {"columns": True, "k": 1, "threshold": 0.0, "middle": 0.5},
}  # fmt: skip


def operation(name: str) -> Call:
    found = {}
    for p in inspect.signature(getattr(cnn.ops, name)).parameters:
        special = SPECIAL.get(name, {})
        found[p] = special[p] if p in special else OPERAND[p] if p in OPERAND else OPTION.get(p, X)
    return plain(getattr(cnn.ops, name), **found)


def kernel(name: str) -> Call:
    given = {"activation": "relu", "alpha": 1.0, "negative_slope": 0.1, "approximate": "tanh",
             "label_smoothing": 0.1, "ignore_index": -1, "t": LABELS, "weight": copied(F64[:, 0])}
    wide = {"w": np.ones((3, 3)), "b": np.ones(3), "db": copied(np.ones(3)),
            "dw": copied(np.ones((3, 3)))}  # fmt: skip
    names = inspect.signature(getattr(cnn.kernels, name)).parameters
    return plain(getattr(cnn.kernels, name), **{
        p: given[p] if p in given else wide.get(p, copied(F64)) for p in names
    })  # fmt: skip


def optimizer_of(cls: type) -> Call:
    given = {"no_decay": (), "clip_norm": 1.0, "clip_value": None, "nesterov": False}
    names = inspect.signature(cls).parameters.values()
    return plain(cls, **{p.name: given.get(p.name, p.default) for p in names})


def initialiser(name: str) -> Call:
    given: dict[str, dict[str, Any]] = {
        "get": {"init": "zeros"}, "default_for": {"activation": "relu", "first": True},
        "default_bias": {"n_in": 3}, "constant": {"value": 1.0}, "uniform": {"limit": 1.0},
    }  # fmt: skip
    if name in given:
        return plain(getattr(cnn.init, name), **given[name])
    rng = np.random.default_rng(0)
    return plain(getattr(cnn.init, name), shape=(3, 2), rng=rng)


class Double(cnn.Gate):
    def forward(self, x, y=0.0):
        return 2 * x + y

    def backward(self, dy):
        return [2 * dy]
