"""How a trainer is shown, as text and in notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cnn_core import options
from cnn_core.nn.summary import total
from cnn_core.train.history import format_value

if TYPE_CHECKING:
    from cnn_core.train.trainer import Trainer


class Shown:
    """The part of a `Trainer` that says what it is made of and how far it is."""

    def __repr__(self) -> str:
        trainer: Any = self
        found = facts(trainer)
        width = max(map(len, found))
        return "\n".join(["Trainer", *(f"  {k:<{width}}  {v}" for k, v in found.items())])

    def _repr_html_(self) -> str:
        from cnn_core import notebook  # seldom asked for
        from cnn_core.nn.summary import html_table

        trainer: Any = self
        layers = notebook.folded("layers", html_table(trainer.net))
        return notebook.shown("Trainer", "", notebook.pairs(facts(trainer)), layers)


def facts(trainer: Trainer) -> dict[str, str]:
    """Return what there is to say of a trainer, by name."""
    t = trainer
    found = {"network": f"{type(t.net).__name__}, {total(t.net)}", "loss": _said(t.loss)}
    if t.loss_weights:
        found["loss weights"] = _said(t.loss_weights)
    found["optimizer"] = options.shown(t.optimizer)
    if t.metrics:
        found["metrics"] = ", ".join(str(metric.name) for metric in t.metrics)
    if t.weight_average is not None:
        found["averages"] = options.shown(t.weight_average)
    found["seed"] = str(t.seed)
    found["state"] = _state(t)
    return found


def _state(t: Trainer) -> str:
    steps = t.optimizer.step_count
    if not steps and not t.epochs_done:
        return "not trained"
    said = [f"{_counted(t.epochs_done, 'epoch')}, {_counted(steps, 'step')}"]
    if t._rest is not None:
        said.append(f"within epoch {t.epochs_done + 1}")
    if t.skipped:
        said.append(f"{_counted(t.skipped, 'step')} skipped")
    last = [f"{name} {format_value(values[-1])}" for name, values in t.history.items()]
    return "; ".join([", ".join(said), *([", ".join(last)] if last else [])])


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_said(one)}" for name, one in value.items())
    name = getattr(value, "__qualname__", None)
    return name if isinstance(name, str) else options.shown(value)
