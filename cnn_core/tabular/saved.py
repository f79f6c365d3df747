"""Learners as files: what was learned, as arrays and JSON, by names in closed tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import cnn_core
from cnn_core import options
from cnn_core.errors import CnnCoreError, DataError, OptionError
from cnn_core.io import files
from cnn_core.io.networks import described, network_of
from cnn_core.io.values import decode, encode
from cnn_core.tabular.classifier import TabularClassifier
from cnn_core.tabular.encoder import TableEncoder
from cnn_core.tabular.fitting import Fitted
from cnn_core.tabular.intervals import Held
from cnn_core.tabular.learner import TabularLearner
from cnn_core.tabular.recipes import recipe_of
from cnn_core.tabular.recipes.recipe import Recipe
from cnn_core.tabular.regressor import TabularRegressor
from cnn_core.train.history import History

LEARNERS = {cls.__name__: cls for cls in (TabularClassifier, TabularRegressor)}


def save(learner: TabularLearner, path: Any) -> None:
    """Write a learner to a file: see `TabularLearner.save`."""
    learner._check("save")
    if type(learner) not in LEARNERS.values():
        raise OptionError(f"save: need a {' or a '.join(LEARNERS)}; got {type(learner).__name__}, "
                          f"which pickle keeps")  # fmt: skip
    arrays: dict[str, np.ndarray] = {}
    networks = []
    for i, each in enumerate(learner.fitted_):
        own, content = described(each.network)
        arrays |= {f"{i}/{name}": value for name, value in own.items()}
        history = encode(each.history.to_dict())
        arrays[f"rows/{i}"] = each.validation_rows
        networks.append({**content, "best_epoch": each.best_epoch, "history": history})
    if learner.held_ is not None:
        arrays |= {f"held/{name}": value for name, value in learner.held_._asdict().items()
                   if value is not None}  # fmt: skip
    try:
        params = {name: _plain(value) for name, value in learner.get_params().items()}
        recipe = _plain(learner.recipe_)
        target, more = learner._state()
    except CnnCoreError as error:
        raise OptionError(f"save: {error}: pickle keeps it") from None
    name = learner.target_name_
    files.write(path, arrays, {
        "kind": "table", "version": cnn_core.__version__, "learner": type(learner).__name__,
        "params": params, "recipe": recipe, "encoder": learner.encoder_.state_dict(),
        "target": target, "target_name": name, "n_rows": learner.n_rows_,
        "seconds": learner.fit_seconds_, "notes": list(learner.notes_), "networks": networks,
        **more,
    })  # fmt: skip


def _plain(value: Any) -> Any:
    """Return a parameter as JSON; raise `OptionError` for what is no number, text, flag, recipe of
    this package, or a list or dictionary of them."""
    if isinstance(value, Recipe):
        made = {"recipe": value.name, "options": _plain(value.get_params())}
        if type(_made(made)) is not type(value):
            raise OptionError(f"need a recipe of cnn_core; got {type(value).__name__}")
        return made
    if isinstance(value, Mapping):
        return {"pairs": [[_plain(key), _plain(v)] for key, v in value.items()]}
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else encode(value)


def _made(value: Any) -> Any:
    """Return what `_plain` made JSON of; lists come back as tuples."""
    if isinstance(value, list):
        return tuple([_made(v) for v in value])
    if isinstance(value, dict) and set(value) == {"recipe", "options"}:
        return recipe_of(options.string("recipe", value["recipe"]), _made(value["options"]))
    if isinstance(value, dict) and set(value) == {"pairs"}:
        return {_made(key): _made(v) for key, v in value["pairs"]}
    return decode(value, [])


# -- and back ---------------------------------------------------------------------------------


def learner_of(arrays: Mapping[str, np.ndarray], content: Mapping[str, Any]) -> TabularLearner:
    """Return the learner that `save` made this of; raise whatever is wrong with it."""
    cls = LEARNERS[options.choice("learner", content["learner"], LEARNERS, option="a learner")]
    learner = cls(**{options.string("params", name): _made(value)
                     for name, value in content["params"].items()})  # fmt: skip
    encoder = TableEncoder().load_state_dict(content["encoder"])
    fitted = [_fitted(arrays, each, i) for i, each in enumerate(content["networks"])]
    name = content["target_name"]
    if name is not None and not isinstance(name, str):
        name = options.whole("target_name", name)
    notes = [options.string("notes", note) for note in content["notes"]]
    made = {"target_name_": name, "n_rows_": options.whole("n_rows", content["n_rows"]),
            "notes_": notes}  # fmt: skip
    learner._load_state(content["target"], content, made)
    vars(learner).update({**made, "recipe_": _made(content["recipe"]), "encoder_": encoder,
                          "fitted_": fitted, "history_": fitted[0].history})  # fmt: skip
    learner._find_way("load")
    learner.fit_seconds_ = options.amount("seconds", content["seconds"])
    learner._set_held(_held(learner, arrays))
    return learner


def _fitted(arrays: Mapping[str, np.ndarray], content: Mapping[str, Any], i: int) -> Fitted:
    begin = f"{i}/"
    own = {name[len(begin) :]: a for name, a in arrays.items() if name.startswith(begin)}
    history = History.from_dict(decode(content["history"], []))
    best = options.whole("best_epoch", content["best_epoch"], 1, history.epochs)
    rows = arrays[f"rows/{i}"]
    if rows.dtype != np.int64 or rows.ndim != 1:
        raise DataError(f"need rows/{i}, int64 (N,); got {rows.dtype} {rows.shape}")
    return Fitted(network_of(own, content), history, best, rows, None, None, None)


def _held(learner: TabularLearner, arrays: Mapping[str, np.ndarray]) -> Held | None:
    if "held/target" not in arrays:
        return None
    held = Held(*[arrays.get(f"held/{name}") for name in Held._fields])
    n, kind, o = len(held.target), learner._task.kind, learner._task.n_outputs
    need = [((n,) if kind == "mean" else (n, o), "d"), ((n,), "i" if kind == "classes" else "d"),
            ((n,), "fd")]  # fmt: skip
    for array, (shape, types) in zip(held, need, strict=True):
        if array is not None and (array.shape != shape or array.dtype.char not in types or not n):
            raise DataError(f"need held rows {shape}, {types}; got {array.shape}, {array.dtype}")
    if kind == "classes" and not (held.target.min() >= 0 and held.target.max() < o):
        raise DataError(f"need held rows of classes below {o}; got others")
    return held
