"""``cnn-core show``: what is in a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cnn_core.cli.tables import print_pairs
from cnn_core.errors import DataError
from cnn_core.io import files, networks
from cnn_core.nn.model import Model
from cnn_core.nn.summary import lines, total
from cnn_core.options import shown
from cnn_core.train import train_state
from cnn_core.train.history import History, format_value
from cnn_core.train.trainer import Trainer


def show(path: str) -> None:
    """Print kind, network and parameters, and of a training how far it is.

    The file is read, and nothing in it is run.  Raises `DataError` where it is damaged or of
    another kind.
    """
    saved = files.read(path, "show")
    content = saved.content
    with files.damage("show", saved.path):
        kind = content["kind"]
        if kind not in ("network", "training", "table"):
            raise DataError(f"need a network, a training or a model of a table; got {shown(kind)}")
        head = f"{path}: {kind}, format {content['format']}, of version {content['version']}"
        print(f"{head}\n")
        if kind == "network":
            _show_network(networks.network_of(saved.arrays, content))
            return
        if kind == "table":
            from cnn_core.tabular.saved import learner_of  # not needed to look at others

            return _show_table(learner_of(saved.arrays, content))
        state = train_state.state_in(saved)
        if "missing" in content:
            print(f"the state alone, as a file cannot hold all: {content['missing']}\n")
            _show_parameters(state["params"], {})
            return _show_state(state)
        trainer = train_state.trainer_of(Trainer, saved.arrays, content)
        _show_network(trainer.net)
        print(f"\nloss       {trainer.loss}")
        if trainer.metrics:
            print(f"metrics    {', '.join(metric.name for metric in trainer.metrics)}")
        print(f"optimizer  {trainer.optimizer}")
        _show_state(state)


def _show_table(model: Any) -> None:
    first, nets = model.fitted_[0], len(model.fitted_)
    target = "" if model.target_name_ is None else f"{model.target_name_}: "
    if hasattr(model, "classes_"):
        target += ", ".join(map(str, model.classes_.tolist()))
    else:
        t = model.target_
        target += f"{t.low:,.5g} to {t.high:,.5g}"
    print_pairs({
        "target": target,
        "recipe": model.recipe_,
        "networks": f"{nets}, {total(first.network)} {'each' if nets > 1 else ''}".rstrip(),
        "trained": f"{first.best_epoch} of {first.history.epochs} epochs, with {model.n_rows_:,} "
                   f"rows, in {model.fit_seconds_:.1f} s",
    })  # fmt: skip
    print(f"\n{model.columns_}")
    if model.validation_:
        print(f"\nvalidation:\n{model.validation_}")
    for note in model.notes_:
        print(f"note: {note}")


def _show_network(net: Model) -> None:
    net.summary()
    print()
    _show_parameters(net.params, {name: net.store.role(name) for name in net.store})


def _show_parameters(params: Mapping[str, np.ndarray], roles: Mapping[str, str]) -> None:
    rows = [("parameter", "shape", "dtype", "role", "min", "max", "mean")]
    with np.errstate(all="ignore"):
        for name, a in params.items():
            figures = (a.min(), a.max(), a.mean(dtype=np.float64)) if a.size else ()
            told = [format_value(float(v)) for v in figures] or ["", "", ""]
            rows.append((name, str(a.shape), str(a.dtype), roles.get(name, ""), *told))
    print("\n".join(lines(rows, numbers=3)))


def _show_state(state: Mapping[str, Any]) -> None:
    optimizer, part = state["optimizer"], state["part"]
    history = History.from_dict(state["history"], state["first"])
    print(f"\nsteps      {optimizer['step_count']} of {optimizer['kernel']}")
    broken = "" if part is None else f", and {part['rows']} rows of the next"
    print(f"epochs     {state['epochs_done']}{broken}")
    slots = ", ".join(optimizer["slots"]) or "none"
    print(f"slots      {slots}")
    if history.epochs:
        figures = ", ".join(f"{k} {format_value(v[-1])}" for k, v in history.items())
        print(f"epoch {history.first + history.epochs:<4} {figures}")
