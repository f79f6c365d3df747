"""TrainState: all that a training needs to go on, a dictionary of numbers, texts and arrays.

``Trainer.state_dict`` returns it, a checkpoint is this dictionary in a file, and ``fit`` goes on
from it to the same bits, from any step, on any number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

import cnn_core
from cnn_core import options
from cnn_core.errors import CnnCoreError, DataError, OptionError, StateError
from cnn_core.io import files, networks
from cnn_core.io.values import (
    decode,
    decode_object,
    decode_objects,
    encode,
    encode_object,
    encode_objects,
    pack,
    unpack,
)
from cnn_core.nn.losses import Loss
from cnn_core.optim import Optimizer
from cnn_core.options import shown
from cnn_core.train.averages import WeightAverage
from cnn_core.train.callbacks import Callback
from cnn_core.train.checked import Data, fingerprint
from cnn_core.train.history import History
from cnn_core.train.loop import Loop, Part
from cnn_core.train.metric import Metric

if TYPE_CHECKING:
    from cnn_core.train.proof import Prover
    from cnn_core.train.trainer import Trainer

State = dict[str, Any]

KEYS = ("params", "optimizer", "lr", "seed", "epochs_done", "skipped", "stop", "history", "first",
        "part", "data", "callbacks", "average")  # fmt: skip

LATER = ("place",)
"""What files of former versions do not have."""


def state_of(trainer: Trainer) -> State:
    """Return where a training is, with copies of its numbers: see `Trainer.state_dict`."""
    loop, optimizer = trainer._loop, trainer.optimizer
    optimizer.bind(trainer.net.store)
    told = None if trainer._rest is None else trainer._told
    part = None if loop is None else loop.position()
    part = trainer._rest if part is None else part
    state = optimizer.state_dict()
    return {
        "params": {name: value.copy() for name, value in trainer.net.params.items()},
        "optimizer": {k: state[k] for k in ("kernel", "step_count", "scalars", "slots")},
        "lr": optimizer.lr,
        "seed": trainer.seed, "epochs_done": trainer.epochs_done,
        "skipped": trainer.skipped, "stop": trainer.stop and not trainer._paused,
        "history": trainer.history.to_dict(), "first": trainer.history.first,
        "part": None if part is None else part._asdict(),
        "average": None if trainer._averages is None else trainer._averages.state_dict(),
        "data": fingerprint(loop.data) if loop is not None else told,
        "place": None if trainer._rest is None else trainer._place,
        "callbacks": None if loop is None else [
            {"class": type(c).__name__, "state": c.state_dict()} for c in loop.callbacks],
    }  # fmt: skip


def put(trainer: Trainer, state: Any, who: str) -> None:
    """Let a training go on from ``state``.

    Raises `StateError`, and changes nothing, where it is that of another one.
    """
    if not isinstance(state, Mapping) or any(key not in state for key in KEYS):
        raise StateError(f"{who}: need the state of a training; got {shown(state)}")
    with _damage(who):
        _put(trainer, state, who)


@contextmanager
def _damage(who: str) -> Iterator[None]:
    """Raise what a damaged state raises as a `StateError` that says whose it is."""
    try:
        yield
    except CnnCoreError as error:
        text = str(error).removeprefix(f"{who}: ")
        if len(text) < min(len(str(error)), files.LONGEST):
            raise
        raise StateError(f"{who}: {files.cut(text)}") from error
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        need = "need the state of a training; got one that is damaged"
        raise StateError(f"{who}: {need}: {files.cut(str(error))}") from error


def _put(trainer: Trainer, state: Mapping[str, Any], who: str) -> None:
    loop = trainer._loop
    _check_params(trainer, state["params"], who)
    if state["seed"] != trainer.seed:
        raise StateError(f"{who}: need the seed of the training, {state['seed']}; got "
                         f"{trainer.seed}")  # fmt: skip
    history = History.from_dict(state["history"], state["first"])
    part = None if state["part"] is None else _part(state["part"])
    if loop is not None and part is not None and part.key != loop.key:
        raise StateError(
            f"{who}: need the rows, batch_size, shuffle and targets of the epoch that was broken "
            f"off, {part.key}; got {loop.key}"
        )
    if loop is not None and part is not None:
        _check_part(loop, part, who)
    hooks = _matched(loop.callbacks, state["callbacks"], who) if loop is not None else []
    epochs_done = options.whole(f"{who}: epochs_done", state["epochs_done"], 0)
    skipped = options.whole(f"{who}: skipped", state["skipped"], 0)
    stop = options.flag(f"{who}: stop", state["stop"])
    average = state["average"]
    averages = None if average is None else trainer._averages_of(average)
    if loop is not None:  # which puts these back where anything is refused
        trainer.stop, trainer._place = stop, state.get("place")
    for callback, own in hooks:
        callback.load_state_dict(own)
    trainer.optimizer.load_state_dict(state["optimizer"])  # the last that raises: it checks first
    trainer.net.set_params(state["params"])
    if state["lr"] is not None:
        trainer.optimizer.lr = state["lr"]
    if averages is not None:
        trainer._averages = averages
    trainer.epochs_done, trainer._rest, trainer.history = epochs_done, part, history
    trainer.skipped, trainer._source = skipped, None
    if loop is None:
        places = [c["state"] for c in state["callbacks"] or () if c["class"] == "_Place"]
        trainer._place = places[0] if places else state.get("place")
        trainer.stop, trainer._told = stop, state["data"]
    else:
        loop.history, trainer._told = history, None  # `check_data` has looked at the data


def _check_params(trainer: Trainer, found: Any, who: str) -> None:
    """Raise `StateError`, naming all that differs, unless these are the network's parameters."""
    own = trainer.net.params
    if not isinstance(found, Mapping):
        raise StateError(f"{who}: need parameters by name; got {shown(found)}")
    faults = [f"no {name} {v.shape}" for name, v in own.items() if name not in found]
    faults += [f"an unknown {shown(name)}" for name in found if name not in own]
    for name, value in found.items():
        told = getattr(value, "dtype", None), getattr(value, "shape", None)
        if name in own and told != (own[name].dtype, own[name].shape):
            faults.append(f"{name} as {told[0]} {told[1]}, not {own[name].dtype} {own[name].shape}")
    if faults:
        raise StateError(f"{who}: need the parameters of this network; got {', '.join(faults)}")


def _part(made: Mapping[str, Any]) -> Part:
    sums = made["sums"]
    whole = [options.whole(f"part: {k}", made[k], 0) for k in ("epoch", "step", "rows")]
    return Part(options.string("part: key", made["key"]), *whole,
                None if sums is None else list(sums),
                options.whole("part: order", made.get("order", 0), 0))  # fmt: skip


def _matched(callbacks: Any, states: Any, who: str) -> list[tuple[Callback, Any]]:
    """Return each callback with what it remembers; they must be those of the training."""
    if states is None:
        return []
    there, here = [each["class"] for each in states], [type(c).__name__ for c in callbacks]
    if there != here:
        raise StateError(
            f"{who}: need the callbacks {', '.join(there) or 'none'}, in this order; got "
            f"{', '.join(here) or 'none'}"
        )
    return [(c, each["state"]) for c, each in zip(callbacks, states, strict=True) if each["state"]]


def _check_part(loop: Loop, part: Part, who: str) -> None:
    """Raise `StateError` unless an epoch that was broken off can be one of this fit."""
    own = [total.shape for total in loop.program.sums()]
    found = [getattr(total, "shape", None) for total in part.sums or ()]
    if part.sums is not None and found != own:
        raise StateError(f"{who}: need the sums of an epoch as {own}; got {found}")
    if part.order != loop.order_told(part.epoch + 1):
        raise StateError(f"{who}: need shuffle to give the rows of epoch {part.epoch + 1} in the "
                         f"order in which it was begun; got another")  # fmt: skip


# -- data -----------------------------------------------------------------------------------


def check_data(state: Mapping[str, Any], data: Data, who: str) -> None:
    """Raise `StateError` unless the data are those that the training began with."""
    own, here = state["data"], fingerprint(data)
    if own is None or own == here:
        return
    with _damage(who):
        faults = [f"{name}: {_told(own.get(name))} there, {_told(here.get(name))} here"
                  for name in {**own, **here} if own.get(name) != here.get(name)]  # fmt: skip
    told = files.cut("; ".join(faults))
    raise StateError(
        f"{who}: need the data that the training began with; got others: {told} "
        f"(same_data=False goes on with these)"
    )


def _told(made: Mapping[str, Any] | None) -> str:
    if made is None:
        return "none"
    return f"{made['dtype']} {tuple(made['shape'])}, first rows {made['first rows']}"


# -- files ----------------------------------------------------------------------------------


def write(trainer: Trainer, path: Any, prover: Prover | None = None) -> None:
    """Write the state of a training to a file, with what it takes to make the trainer again.

    A ``prover`` adds what `cnn_core.verify` looks for.
    """
    arrays: dict[str, np.ndarray] = {}
    state = state_of(trainer)
    try:
        encode(state["lr"])
    except OptionError:  # a function of the user's own, which the script brings
        state["lr"] = None
    packed = {k: pack(v, arrays, f"{files.KEY}:{k}") for k, v in state.items() if k != "params"}
    arrays |= state["params"]
    content = {
        "kind": "training", "version": cnn_core.__version__, "state": packed,
        "params": list(state["params"]), **_described(trainer, arrays),
    }  # fmt: skip
    if prover is not None:
        prover.add(trainer, state, arrays, content)
    files.write(path, arrays, content)


def read(path: Any, who: str) -> tuple[State, files.Saved]:
    """Return the state that `write` has written, and the file's arrays and JSON."""
    saved = files.read(path, who)
    with files.damage(who, saved.path):
        kind = saved.content.get("kind")
        if kind != "training":
            raise DataError(f"need the state of a training; got a {shown(kind)}")
        return state_in(saved), saved


def state_in(saved: files.Saved) -> State:
    """Return the state in a file of a training; raise whatever is wrong with it."""
    packed = saved.content["state"]
    state = {key: unpack(packed[key], saved.arrays) for key in (*KEYS, *LATER)
             if key != "params" and (key in packed or key in KEYS)}  # fmt: skip
    state["params"] = {name: saved.arrays[name] for name in saved.content["params"]}
    return state


def _described(trainer: Trainer, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return network, loss, optimizer and options as JSON, or why a file cannot hold them."""
    own: dict[str, np.ndarray] = {}
    scale = trainer._scale
    try:
        found, network = networks.described(trainer.net)
        own.update(found)
        made = {
            "network": network, "loss": encode_objects("loss", trainer.loss),
            "metrics": encode_objects("metrics", trainer._objective.given_metrics),
            "optimizer": encode_object(trainer.optimizer),
            "weight_average": encode_objects("weight_average", trainer.weight_average),
            "options": encode({
                "loss_weights": trainer.loss_weights, "check_finite": trainer.check_finite,
                "guard": trainer.guard, "seed": trainer.seed,
                "target_scale": trainer.target_scale if scale.given else None,
                "target_shift": trainer.target_shift if scale.given else None}),
        }  # fmt: skip
    except CnnCoreError as error:
        return {"missing": str(error)}
    arrays |= own
    return made


def resumed(cls: type[Trainer], path: Any) -> Trainer:
    """Return a trainer of the file's own network, loss and optimizer, where it was."""
    state, saved = read(path, "resume")
    content = saved.content
    if "missing" in content:
        raise StateError(
            f"resume: {saved.path}: need a trainer that a file can hold whole; got one of which it "
            f"holds the state alone: {content['missing']} (make the trainer as before, and pass "
            f"the file to fit, resume=)"
        )
    with files.damage("resume", saved.path):
        trainer = trainer_of(cls, saved.arrays, content)
        put(trainer, state, "state")
    return trainer


def trainer_of(
    cls: type[Trainer], arrays: Mapping[str, np.ndarray], content: Mapping[str, Any]
) -> Trainer:
    """Return a trainer of the network, loss and optimizer in a file, in no state yet."""
    return cls(
        networks.network_of(arrays, content["network"]),
        loss=decode_objects(content["loss"], Loss),
        metrics=decode_objects(content["metrics"], Metric),
        optimizer=decode_object(content["optimizer"], bases=(Optimizer,)),
        weight_average=decode_objects(content["weight_average"], WeightAverage),
        **decode(content["options"], []),
    )
