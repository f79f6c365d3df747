"""Names that users write: what an unknown one may have meant, and objects shown by their options.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cnn_core.errors import UnknownOptionError

CO_VARARGS, CO_VARKEYWORDS = 0x04, 0x08
"""As in `inspect`: the function takes any number of arguments, any keyword."""

ALIASES: dict[str, tuple[str, ...]] = {
    "absolute_error": ("mae",),
    "acc": ("accuracy",),
    "ap": ("average_precision",),
    "bce": ("binary_cross_entropy",),
    "bcewithlogitsloss": ("binary_cross_entropy",),
    "betas": ("beta1",),
    "binary_accuracy": ("accuracy",),
    "binary_crossentropy": ("binary_cross_entropy",),
    "categorical_accuracy": ("accuracy",),
    "categorical_crossentropy": ("softmax_cross_entropy",),
    "ce": ("softmax_cross_entropy", "log_loss"),
    "cosine": ("cosine_distance",),
    "cosine_similarity": ("cosine_distance",),
    "cross_entropy": ("softmax_cross_entropy", "log_loss"),
    "crossentropy": ("softmax_cross_entropy", "log_loss"),
    "crossentropyloss": ("softmax_cross_entropy",),
    "epsilon": ("eps",),
    "f1_score": ("f1",),
    "focal_loss": ("focal",),
    "gaussiannllloss": ("gaussian_nll",),
    "glorot": ("glorot_uniform",),
    "he": ("he_uniform",),
    "identity": ("linear",),
    "kaiming": ("he_uniform",),
    "kaiming_normal": ("he_normal",),
    "kaiming_uniform": ("he_uniform",),
    "kernel_initializer": ("init",),
    "kl_div": ("kl_divergence",),
    "kldivloss": ("kl_divergence",),
    "kullback_leibler_divergence": ("kl_divergence",),
    "l1": ("mae",),
    "l1_loss": ("mae",),
    "l2": ("weight_decay", "mse"),
    "learning_rate": ("lr",),
    "lecun": ("lecun_uniform",),
    "logcosh": ("log_cosh",),
    "logistic": ("sigmoid", "binary_cross_entropy"),
    "mape_loss": ("mape",),
    "mean": ("weighted_mean",),
    "mean_absolute_error": ("mae",),
    "mean_absolute_percentage_error": ("mape",),
    "mean_squared_error": ("mse",),
    "mse_loss": ("mse",),
    "multimarginloss": ("multi_margin",),
    "nll": ("softmax_cross_entropy", "log_loss"),
    "nll_loss": ("softmax_cross_entropy", "log_loss"),
    "none": ("linear",),
    "on_batch_begin": ("on_chunk_end",),
    "on_batch_end": ("on_chunk_end",),
    "on_step_end": ("on_chunk_end",),
    "on_train_batch_begin": ("on_chunk_end",),
    "on_train_batch_end": ("on_chunk_end",),
    "on_train_epoch_end": ("on_epoch_end",),
    "on_validation_end": ("on_epoch_end",),
    "quantile": ("pinball", "quantiles"),
    "r2_score": ("r2",),
    "rectifier": ("relu",),
    "roc_auc": ("auc",),
    "roc_auc_score": ("auc",),
    "root_mean_squared_error": ("rmse",),
    "sigmoid_focal_loss": ("binary_focal",),
    "smooth_l1": ("huber",),
    "smoothl1loss": ("huber",),
    "sparse_categorical_accuracy": ("accuracy",),
    "sparse_categorical_crossentropy": ("softmax_cross_entropy",),
    "squared_error": ("mse",),
    "sum_over_batch_size": ("sum_over_batch",),
    "swish": ("silu",),
    "xavier": ("glorot_uniform",),
    "xavier_normal": ("glorot_normal",),
    "xavier_uniform": ("glorot_uniform",),
}
"""What other packages call things, and our names for them, the likeliest first."""


def hint(name: Any, known: Iterable[str]) -> str:
    """Return ": did you mean 'accuracy'?" if ``name`` is close to one that is known, else "".

    >>> hint("swish", ["relu", "silu"])
    ": did you mean 'silu'?"
    """
    known = tuple(known)
    if name is None and "linear" in known:  # an activation of other packages
        return ": did you mean 'linear'?"
    if not isinstance(name, str):
        return ""
    word = name.strip().lower().replace("-", "_").replace(" ", "_")
    found = [other for other in ALIASES.get(word, ()) if other in known]
    if not found:
        from difflib import get_close_matches  # errors only: as long as the rest of the import

        lower = {other.lower(): other for other in reversed(known)}
        found = [lower[match] for match in get_close_matches(word, lower, 1)]
    return f": did you mean {found[0]!r}?" if found else ""


class _OfInit:
    """What `inspect.signature` shows of a class: the arguments of its `__init__`.

    For an inherited one some versions of Python, such as 3.11.2, show `Keywords.__new__`.
    """

    def __get__(self, instance: Any, cls: type) -> Any:
        if instance is not None:  # such as a schedule, which may be called
            raise AttributeError("__signature__")
        from inspect import signature

        own = signature(cls.__init__)  # type: ignore[misc]
        return own.replace(parameters=list(own.parameters.values())[1:])


class Keywords:
    """The base of what is made with options: an unknown option is refused with what was meant."""

    if not TYPE_CHECKING:  # which goes by __init__
        __signature__ = _OfInit()

        def __new__(cls, *args: Any, **options: Any) -> Any:
            # Below this __new__ that of an object would let anything pass.
            if cls.__init__ is object.__init__:
                if args or options:
                    got = ", ".join([*map(repr, args), *options])
                    raise UnknownOptionError(f"{cls.__name__}: need no options; got {got}")
            elif args or options:
                _check_options(cls, args, options)
            return super().__new__(cls)


class Described(Keywords):
    """Shown as the call that makes it, with the options that differ from their defaults."""

    def described(self) -> dict[str, Any]:
        """Return the options that differ from their defaults."""
        found = {}
        for option in _parameters(type(self)):
            value = getattr(self, option.name, option.default)
            if not _same(value, option.default):
                found[option.name] = value
        return found

    def __repr__(self) -> str:
        first = next(iter(_parameters(type(self))), None)
        shown = {k: f"{k}={v!r}" for k, v in self.described().items()}
        if first is not None and first.kind is first.POSITIONAL_OR_KEYWORD:
            other = shown.pop(first.name, None)
            if other is not None or first.default is first.empty:
                shown = {first.name: repr(getattr(self, first.name, first.default)), **shown}
        return f"{type(self).__name__}({', '.join(shown.values())})"


def _parameters(cls: type) -> list[Any]:
    """Return the options of a class that have a name, as `inspect.Parameter`."""
    from inspect import signature

    found = list(signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
    return [p for p in found if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def _check_options(cls: type, args: tuple[Any, ...], given: Iterable[str]) -> None:
    # Not by `inspect`, which takes as long as making a layer.
    code = getattr(cls.__init__, "__code__", None)  # type: ignore[misc]
    if code is None:
        return
    if len(args) >= code.co_argcount and not code.co_flags & CO_VARARGS:
        need = f"at most {code.co_argcount - 1} options without a name"
        raise UnknownOptionError(f"{cls.__name__}: need {need}; got {', '.join(map(repr, args))}")
    if code.co_flags & CO_VARKEYWORDS:
        return
    known = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    for name in given:
        if name not in known:
            need = f"options among {', '.join(known)}" if known else "no options"
            raise UnknownOptionError(
                f"{cls.__name__}: need {need}; got {name!r}{hint(name, known)}"
            )


def _same(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and bool(value == default))
