"""Valid calls of everything public, for `test_junk.py` to replace one argument of each."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
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
          "axes": None, "center_": 0, "c": 1.0}  # fmt: skip
SPECIAL: dict[str, dict[str, Any]] = {
    "dense": {"x": X, "w": M, "b": None}, "matmul": {"a": V, "b": M}, "scale": {"a": 2.0},
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


# -- all else ---------------------------------------------------------------------------------

_FIT = {"x": ROWS, "y": LABELS, "batch_size": 4, "epochs": 1, "shuffle": True,
        "validation_data": (ROWS, LABELS), "sample_weight": np.ones(6), "callbacks": (),
        "progress": False}  # fmt: skip
_DATA = {"x": ROWS, "y": LABELS, "sample_weight": None}
_SCHEDULE = {"lr": 0.1, "every": 2, "factor": 0.5}

CALLS: dict[str, Call] = {
    **{f"ops.{name}": operation(name) for name in cnn.ops.__all__},
    **{f"kernels.{name}": kernel(name) for name in cnn.kernels.__all__},
    **{f"init.{name}": initialiser(name) for name in dir(cnn.init)},
    **{cls.__name__: optimizer_of(cls) for cls in cnn.optim.OPTIMIZERS.values()},
    "Activation": plain(cnn.Activation, activation="relu", name="a"),
    "Dense": plain(cnn.Dense, units=3, activation="relu", use_bias=True, init="zeros",
                   bias_init="zeros", name="d"),
    "Dense in a network": plain(
        lambda **given: cnn.Sequential([cnn.Dense(3, **given)], 3),
        activation="relu", init="zeros", bias_init="zeros"),
    "Activation in a network": plain(
        lambda activation: cnn.Sequential([cnn.Dense(3), cnn.Activation(activation)], 3),
        activation="relu"),
    "Dropout": plain(cnn.Dropout, rate=0.5, name="d"),
    "GaussianNoise": plain(cnn.GaussianNoise, std=0.5, name="d"),
    "BatchNorm": plain(cnn.BatchNorm, momentum=0.1, eps=1e-5, name="d"),
    "LayerNorm": plain(cnn.LayerNorm, eps=1e-5, name="d"),
    "RMSNorm": plain(cnn.RMSNorm, eps=1e-5, name="d"),
    "Embedding": plain(cnn.Embedding, n=3, width=2, init="ones", name="d"),
    "Flatten": plain(cnn.Flatten, name="d"),
    "Reshape": plain(cnn.Reshape, shape=(2, 3), name="d"),
    "Concat": plain(cnn.Concat, axis=1, name="d"),
    "Residual": plain(cnn.Residual, layers=Fresh(lambda: [cnn.Dense(3)]), name="d"),
    "Scale": plain(cnn.Scale, init="ones", use_bias=True, name="d"),
    "Constant": plain(cnn.Constant, value=1.0, name="c", dtype="real"),
    "Input": plain(cnn.Input, name="i", shape=(BATCH, 3), dtype="real"),
    "Parameter": plain(cnn.Parameter, name="p", value=np.ones(3)),
    "load": Call(lambda _, path: (net().save(FOLDER / "saved"), cnn.load(path)),
                 {"path": FOLDER / "saved"}, also=(OSError,)),
    "Parameter, drawn": plain(
        lambda shape, init: cnn.Parameter("p", shape=shape, init=init).value, shape=(2, 3),
        init=lambda shape, rng: rng.random(shape)),
    "ParamStore": plain(cnn.ParamStore, parameters=[Parameter("w", 1.0)], dtype="float32"),
    "Graph": plain(cnn.Graph, outputs=cnn.ops.sum(V), dtype="float64", training=False, seed=0,
                   params=None),
    "Model": plain(cnn.Model, outputs=Fresh(lambda: cnn.Dense(2)(ROW_INPUT)), inputs=[ROW_INPUT],
                   dtype="float32", seed=0),
    "Sequential": plain(cnn.Sequential, layers=Fresh(lambda: [cnn.Dense(2)]), inputs=3,
                        dtype="float32", seed=0, input_scale=1.0, input_shift=0.0),
    "Trainer": plain(cnn.Trainer, net=Fresh(net), loss=Fresh(cnn.SoftmaxCrossEntropy),
                     loss_weights=None, optimizer="adam", metrics=["accuracy"], seed=0,
                     check_finite=False,
                     target_scale=None, target_shift=None),
    "Trainer, of numbers": plain(
        lambda **given: cnn.Trainer(net(), loss="mse", **given), metrics=["mae"], target_scale=2.0,
        target_shift=1.0),
    **{cls.__name__: plain(cls, reduction="sum_over_batch")
       for cls in (cnn.MAE, cnn.MSE, cnn.BinaryCrossEntropy, cnn.Hinge, cnn.Poisson, cnn.LogCosh,
                   cnn.SquaredHinge, cnn.KLDivergence, cnn.CosineDistance)},
    "MultiMargin": plain(cnn.MultiMargin, margin=1.0, p=1, reduction="weighted_mean"),
    "Focal": plain(cnn.Focal, gamma=2.0, alpha=(0.5, 1.0), reduction="weighted_mean"),
    "BinaryFocal": plain(cnn.BinaryFocal, gamma=2.0, alpha=0.5, reduction="weighted_mean"),
    "Tweedie": plain(cnn.Tweedie, power=1.5, reduction="weighted_mean"),
    "GaussianNLL": plain(cnn.GaussianNLL, full=True, eps=1e-6, reduction="weighted_mean"),
    "Quantiles": plain(cnn.Quantiles, quantiles=(0.1, 0.5), reduction="weighted_mean"),
    "Huber": plain(cnn.Huber, delta=1.0, reduction="weighted_mean"),
    "Pinball": plain(cnn.Pinball, q=0.5, reduction="weighted_mean"),
    "SoftmaxCrossEntropy": plain(cnn.SoftmaxCrossEntropy, label_smoothing=0.1, ignore_index=1,
                                 reduction="weighted_mean"),
    "TopK": plain(cnn.TopK, k=2),
    "Checkpoint": plain(cnn.Checkpoint, path=FOLDER / "run", every=None, every_epochs=2,
                        every_seconds=None, keep=2, best=None, mode=None),
    "Checkpoint, steps": plain(cnn.Checkpoint, path="run", every=2, every_seconds=1.0),
    "Checkpoint, best": plain(cnn.Checkpoint, path="run", best="loss", mode="min"),
    "EarlyStopping": plain(cnn.EarlyStopping, monitor="loss", patience=1, min_delta=0.1,
                           mode="min", restore_best=True),
    "group": plain(lambda name: cnn.group(name).__enter__(), name="g"),
    "set_num_threads": Call(lambda _, n: cnn.set_num_threads(n), {"n": 1},
                            state=lambda _: cnn.get_num_threads()),
    "data.as_features": plain(partial(cnn.data.as_features, who="a"), x=ROWS, row_shape=(3,),
                              dtype="float32", empty=False),
    "data.as_labels": plain(cnn.data.as_labels, y=LABELS, n_classes=3, ignore_index=None),
    "data.as_targets": plain(cnn.data.as_targets, y=ROWS, row_shape=(3,), dtype="float32",
                             finite=True),
    "data.as_weights": plain(cnn.data.as_weights, w=np.ones(6), n=6, dtype="float32",
                             ratios=False),
    "data.check_finite": plain(partial(cnn.data.check_finite, name="x"), x=ROWS, dtype="float32",
                                reach=None),
    "data.check_lengths": plain(
        lambda lengths: cnn.data.check_lengths("a", x=lengths, y=3), lengths=3),
    "data.load_idx": Call(lambda _, **given: cnn.data.load_idx(**given),
                          {"path": FOLDER / "none", "mmap": False}, also=(OSError,)),
    "data.load_idx_dataset": Call(lambda _, **given: cnn.data.load_idx_dataset(**given),
                                  {"folder": FOLDER, "mmap": False}, also=(cnn.errors.DataError,)),
    "data.train_test_split": plain(
        lambda arrays, **given: cnn.data.train_test_split(arrays, ROWS, **given),
        arrays=LABELS, test_size=0.5, seed=0, stratify=LABELS),
    "optim.get": plain(cnn.optim.get, optimizer="adam"),
    "optim.StepDecay": plain(cnn.optim.StepDecay, **_SCHEDULE),
    "optim.ExponentialDecay": plain(cnn.optim.ExponentialDecay, **_SCHEDULE),
    "optim.CosineDecay": plain(cnn.optim.CosineDecay, lr=0.1, steps=3, floor=0.0),
    "optim.Piecewise": plain(cnn.optim.Piecewise, boundaries=(1, 2), rates=(0.1, 0.2, 0.3)),
    "optim.Constant": plain(cnn.optim.Constant, lr=0.1),
    "optim.MultiStepDecay": plain(cnn.optim.MultiStepDecay, lr=0.1, milestones=(1, 2), factor=0.5),
    "optim.PolynomialDecay": plain(cnn.optim.PolynomialDecay, lr=0.1, steps=3, power=2.0,
                                   floor=0.0),
    "optim.CosineRestarts": plain(cnn.optim.CosineRestarts, lr=0.1, period=3, growth=2, floor=0.0),
    "optim.OneCycle": plain(cnn.optim.OneCycle, lr=0.1, steps=9, pct_start=0.3, div_factor=25.0,
                            final_div_factor=1e4),
    "optim.FlatCosine": plain(cnn.optim.FlatCosine, lr=0.1, steps=9, flat=0.5, floor=0.0),
    "optim.CosLog4": plain(cnn.optim.CosLog4, lr=0.1, steps=9),
    **{f"{type(s).__name__}.__call__": plain(lambda step, s=s: s(step), step=3)
       for s in (cnn.optim.CosineDecay(0.1, 5), cnn.optim.Warmup(0.1, 5))},
    "optim.Warmup": plain(cnn.optim.Warmup, then=0.1, steps=3),
    "Model.predict": method("predict", net, lambda n: of_store(n.store), x=ROWS,
                                 out=copied(ROWS)),
    "Model.__call__": method("__call__", net, lambda n: of_store(n.store), x=ROWS),
    "Model.freeze": method("freeze", net, lambda n: of_store(n.store), pattern="*"),
    "Model.unfreeze": method("unfreeze", net, lambda n: of_store(n.store), pattern="*"),
    "Model.set_params": method("set_params", net, lambda n: of_store(n.store),
                                    values={"dense_1.b": np.ones(3)}),
    "Model.save": method("save", net, lambda n: of_store(n.store), also=(OSError,),
                         path=FOLDER / "net"),
    "Model.set_params, a value": Call(
        lambda n, value: n.set_params({"dense_0.b": np.ones(4), "dense_1.b": value}),
        {"value": np.ones(3)}, net, lambda n: of_store(n.store)),
    "Trainer.fit": method("fit", trainer, of_trainer, **_FIT),
    "Trainer.fit, validation": Call(
        lambda t, x, y, w: t.fit(ROWS, LABELS, validation_data=(x, y, w), progress=False),
        {"x": ROWS, "y": LABELS, "w": np.ones(6)}, trainer, of_trainer),
    "Trainer.fit, resumed": Call(
        lambda t, resume, same_data: t.fit(ROWS, LABELS, epochs=1, progress=False, resume=resume,
                                           same_data=same_data),
        {"resume": None, "same_data": True}, trainer, of_trainer, also=(OSError,)),
    "Trainer.save": method("save", trainer, of_trainer, also=(OSError,), path=FOLDER / "run"),
    "Trainer.resume": Call(
        lambda _, path: (trainer().save(FOLDER / "run"), cnn.Trainer.resume(path)),
        {"path": FOLDER / "run"}, also=(OSError,)),
    "Trainer.load_state_dict": method("load_state_dict", trainer, of_trainer,
                                      state=Fresh(lambda: trainer().state_dict())),
    "Trainer.step": method("step", trainer, of_trainer, **_DATA),
    "Trainer.evaluate": method("evaluate", trainer, of_trainer, **_DATA),
    "Graph.forward": method("forward", graph, of_graph, x=F64, check_finite=False),
    "Graph.feed": method("feed", graph, of_graph, x=F64),
    "Graph.backward": method("backward", graph, of_graph, seed=1.0),
    "Graph.backward, by name": Call(lambda g, seed: g.backward({"loss": seed}), {"seed": 1.0},
                                    graph, of_graph),
    "Graph.step": Call(lambda g, optimizer, x: g.step(optimizer, x=x),
                       {"optimizer": Fresh(cnn.Adam), "x": F64}, graph, of_graph),
    "Graph.check_gradients": method("check_gradients", graph, of_graph, n_directions=1, seed=0),
    "Graph.draw": method("draw", graph, of_graph, also=(OSError,), path=FOLDER / "g.svg",
                         collapse=True, layout="own"),
    "Graph.to_dot": method("to_dot", graph, of_graph, collapse=True),
    **{f"Graph.{name}": method(name, graph, of_graph, node="y")
       for name in ("forward_node", "backward_node", "grad", "value", "node", "name_of")},
    "ParamStore.assign": method("assign", store, of_store, values={"b": np.ones(2)}),
    "ParamStore.__getitem__": Call(lambda s, name: s[name], {"name": "w"}, store, of_store,
                                   (KeyError,)),
    "ParamStore.view": method("view", store, of_store, flat=np.zeros(32, np.float32), name="w"),
    "ParamStore.__setitem__": Call(lambda s, name, value: s.__setitem__(name, value),
                                   {"name": "b", "value": np.ones(2)}, store, of_store,
                                   (KeyError,)),
    "ParamStore.role": method("role", store, of_store, also=(KeyError,), name="b"),
    "ParamStore.place": method("place", store, of_store, also=(KeyError,), name="b"),
    "ParamStore.freeze": method("freeze", store, of_store, pattern="b"),
    "ParamStore.unfreeze": method("unfreeze", store, of_store, pattern="b"),
    "ParamStore.find": Call(lambda s, parameter: s.find(parameter, "a"),
                            {"parameter": Parameter("b", np.ones(2))}, store, of_store),
    "ParamStore.name_of": method("name_of", lambda: cnn.Graph(SHARED).params,
                                 lambda s: s.value.tobytes(), parameter=SHARED),
    "ParamStore.learns": method("learns", store, of_store, parameter=Parameter("b", np.ones(2))),
    "ParamStore.need": Call(lambda s, parameters: s.need(parameters, "a"),
                             {"parameters": [Parameter("b", np.ones(2))]}, store, of_store),
    "History.append": method("append", history, lambda h: h.to_dict(), values={"loss": 1.0},
                             seconds=0.1),
    "History.append, a value": Call(
        lambda h, value: h.append({"loss": 1.0, "mae": value}, 0.1), {"value": 1.0}, history,
        lambda h: h.to_dict()),
    "History.amend": method("amend", history, lambda h: h.to_dict(), values={"loss": 1.0}),
    "History.amend, a value": Call(lambda h, value: h.amend({"loss": 1.0, "mae": value}),
                                   {"value": 1.0}, history, lambda h: h.to_dict()),
    "History.from_dict": plain(cnn.History.from_dict, values={"loss": [1.0], "seconds": [0.1]}),
    "History.from_dict, a list": plain(
        lambda loss, seconds: cnn.History.from_dict({"loss": loss, "seconds": seconds}),
        loss=[1.0], seconds=[0.1]),
    "History.__getitem__": Call(lambda h, name: h[name], {"name": "loss"}, history,
                                lambda h: h.to_dict(), (KeyError,)),
    "Optimizer.apply": Call(lambda o, store, only: o[0].apply(o[1] if store is None else store,
                                                              only),
                            {"store": None, "only": None}, bound, lambda o: of_optimizer(o[0])),
    "Optimizer.bind": Call(lambda o, store: o.bind(store), {"store": Fresh(store)}, cnn.Adam,
                           of_optimizer),
    "Optimizer.lr_at": Call(lambda o, step: o.lr_at(step), {"step": 3},
                            lambda: cnn.SGD(lr=cnn.optim.CosineDecay(0.1, 5)), of_optimizer),
    "Optimizer.load_state_dict": Call(
        lambda o, state: o[0].load_state_dict(state),
        {"state": Fresh(lambda: bound()[0].state_dict())}, bound, lambda o: of_optimizer(o[0])),
    "Optimizer.load_state_dict, a part": Call(
        lambda o, **parts: o[0].load_state_dict(parts),
        {k: Fresh(lambda k=k: bound()[0].state_dict()[k])
         for k in ("kernel", "step_count", "scalars", "slots")},
        bound, lambda o: of_optimizer(o[0])),
    "Optimizer.load_state_dict, a slot": Call(
        lambda o, slot, array: o[0].load_state_dict({
            **o[0].state_dict(),
            "slots": {**o[0].state_dict()["slots"],
                      "mean": slot if array is None else {**slot, "w": array}}}),
        {"slot": Fresh(lambda: bound()[0].state_dict()["slots"]["mean"]), "array": None}, bound,
        lambda o: of_optimizer(o[0])),
    "Optimizer.rates": Call(lambda o, first, n: o.rates(first, n), {"first": 3, "n": 2},
                            lambda: cnn.SGD(lr=cnn.optim.CosineDecay(0.1, 5)), of_optimizer),
    "Optimizer groups": plain(lambda groups: cnn.SGD(groups=groups), groups={"w": {"lr": 0.1}}),
    "Optimizer groups, one": plain(lambda group: cnn.SGD(groups={"w": group}),
                                   group={"lr_factor": 0.1}),
    "Optimizer groups, options": plain(
        lambda lr, decay: cnn.SGD(groups={"w": {"lr": lr, "weight_decay": decay}}), lr=0.1,
        decay=0.0),
    "Optimizer.lr": Call(lambda o, lr: setattr(o, "lr", lr), {"lr": 0.1}, cnn.Adam, of_optimizer),
    "Optimizer.step_count": Call(lambda o, n: setattr(o, "step_count", n), {"n": 1}, cnn.Adam,
                                 of_optimizer),
    "Gate.__call__": plain(lambda x, y, name: Double()(x, y, name=name), x=V, y=1.0, name="g"),
    **{f"Node.{name}": plain(lambda other, name=name: getattr(V, name)(other), other=np.ones(3))
       for name in ("__add__", "__rsub__", "__mul__", "__truediv__", "__pow__", "__rpow__",
                    "__matmul__", "__lt__")},
    "Node.__getitem__": plain(lambda key: V[key], key=0),
    "Node.__getitem__, a slice": plain(lambda a, b, c: V[a:b:c], a=0, b=2, c=1),
}  # fmt: skip
