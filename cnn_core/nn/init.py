"""Initialisers: how weights start.

An initialiser is a function ``init(shape, rng) -> float64 array``.  Weights are (I, O), so
fan_in = I and fan_out = O.  They are drawn in float64 and rounded by whoever stores them: a
float32 and a float64 net of one seed start alike.

The normal forms are not truncated (as in PyTorch; Keras cuts at two standard deviations).
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core.arrays import as_numbers, check_finite
from cnn_core.errors import OptionError, ShapeError
from cnn_core.ir.node import need_possible
from cnn_core.naming import Described, hint
from cnn_core.options import shown

# The generator's type is quoted: naming it would import numpy.random, a quarter of this package's
# import time.
Initialiser = Callable[[tuple[int, ...], "np.random.Generator"], np.ndarray]


def glorot_uniform(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return U(-a, a) with a = sqrt(6 / (I + O)), float64 (I, O).

    Keeps the variance of values and gradients alike through linear and tanh layers.  Source:
    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks", equation 16.

    Raises `ShapeError` unless ``shape`` is (I, O), `OptionError` unless ``rng`` draws numbers.

    >>> w = cnn.init.glorot_uniform((400, 200), np.random.default_rng(0))
    >>> w.shape, bool(abs(w).max() <= (6 / 600) ** 0.5)
    ((400, 200), True)
    """
    n_in, n_out = _fans("glorot_uniform", shape, rng)
    return _uniform(shape, rng, 2 / (n_in + n_out))


def glorot_normal(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return N(0, s^2) with s = sqrt(2 / (I + O)), float64 (I, O).

    Source: Glorot and Bengio 2010, equation 12.

    Raises `ShapeError` unless ``shape`` is (I, O), `OptionError` unless ``rng`` draws numbers.

    >>> w = cnn.init.glorot_normal((400, 200), np.random.default_rng(0))
    >>> w.shape, bool(abs(w.std() - (2 / 600) ** 0.5) < 0.001)
    ((400, 200), True)
    """
    n_in, n_out = _fans("glorot_normal", shape, rng)
    return _normal(shape, rng, 2 / (n_in + n_out))


def he_uniform(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return U(-a, a) with a = sqrt(6 / I), float64 (I, O).

    Keeps the variance of values through relu layers, which lose half of it.  Source: He,
    Zhang, Ren and Sun 2015, "Delving deep into rectifiers", equation 10, as a uniform
    distribution of that variance.

    Raises `ShapeError` unless ``shape`` is (I, O), `OptionError` unless ``rng`` draws numbers.

    >>> w = cnn.init.he_uniform((400, 200), np.random.default_rng(0))
    >>> w.shape, bool(abs(w).max() <= (6 / 400) ** 0.5)
    ((400, 200), True)
    """
    n_in, _ = _fans("he_uniform", shape, rng)
    return _uniform(shape, rng, 2 / n_in)


def he_normal(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return N(0, s^2) with s = sqrt(2 / I), float64 (I, O).

    Source: He, Zhang, Ren and Sun 2015, equation 10.

    Raises `ShapeError` unless ``shape`` is (I, O), `OptionError` unless ``rng`` draws numbers.

    >>> w = cnn.init.he_normal((400, 200), np.random.default_rng(0))
    >>> w.shape, bool(abs(w.std() - (2 / 400) ** 0.5) < 0.001)
    ((400, 200), True)
    """
    n_in, _ = _fans("he_normal", shape, rng)
    return _normal(shape, rng, 2 / n_in)


def lecun_uniform(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return U(-a, a) with a = sqrt(3 / I), float64 (I, O).

    Source: LeCun, Bottou, Orr and Mueller 1998, "Efficient BackProp", equation 16, as a
    uniform distribution of that variance.

    Raises `ShapeError` unless ``shape`` is (I, O), `OptionError` unless ``rng`` draws numbers.

    >>> w = cnn.init.lecun_uniform((400, 200), np.random.default_rng(0))
    >>> w.shape, bool(abs(w).max() <= (3 / 400) ** 0.5)
    ((400, 200), True)
    """
    n_in, _ = _fans("lecun_uniform", shape, rng)
    return _uniform(shape, rng, 1 / n_in)


def lecun_normal(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return N(0, s^2) with s = sqrt(1 / I), float64 (I, O).

    Source: LeCun, Bottou, Orr and Mueller 1998, equation 16; the start that selu is made for
    (Klambauer, Unterthiner, Mayr and Hochreiter 2017).

    Raises `ShapeError` unless ``shape`` is (I, O), `OptionError` unless ``rng`` draws numbers.

    >>> w = cnn.init.lecun_normal((400, 200), np.random.default_rng(0))
    >>> w.shape, bool(abs(w.std() - (1 / 400) ** 0.5) < 0.001)
    ((400, 200), True)
    """
    n_in, _ = _fans("lecun_normal", shape, rng)
    return _normal(shape, rng, 1 / n_in)


def fan_in_uniform(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return U(-a, a) with a = sqrt(1 / I), float64 (I, O).

    A third of the variance of `lecun_uniform`: a network that starts smoother.  PyTorch draws
    the weights of all linear layers so.

    Raises `ShapeError` unless ``shape`` is (I, O), `OptionError` unless ``rng`` draws numbers.

    >>> w = cnn.init.fan_in_uniform((400, 200), np.random.default_rng(0))
    >>> w.shape, bool(abs(w).max() <= 1 / 20)
    ((400, 200), True)
    """
    n_in, _ = _fans("fan_in_uniform", shape, rng)
    return _uniform(shape, rng, 1 / (3 * n_in))


def zeros(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return zeros, float64, any shape.  For biases: weights that are all equal stay equal.

    Raises `ShapeError` for what is no shape.

    >>> cnn.init.zeros((3,), np.random.default_rng(0))
    array([0., 0., 0.])
    """
    return np.zeros(_shape("zeros", shape))


def ones(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return ones, float64, any shape.  For factors.

    Raises `ShapeError` for what is no shape.

    >>> cnn.init.ones((3,), np.random.default_rng(0))
    array([1., 1., 1.])
    """
    return np.ones(_shape("ones", shape))


class constant(Described):
    """An initialiser that returns ``value`` everywhere, float64, any shape.

    Raises `OptionError` unless ``value`` is a finite number.

    Example
    -------
    >>> cnn.init.constant(0.1)((3,), np.random.default_rng(0))
    array([0.1, 0.1, 0.1])
    """

    def __init__(self, value: float) -> None:
        self.value = options.number("constant", value)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.full(shape, self.value, np.float64)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, constant) and self.value == other.value

    def __hash__(self) -> int:
        return hash((constant, self.value))


class uniform(Described):
    """An initialiser that returns U(-limit, limit), float64, any shape: for biases.

    Raises `OptionError` unless ``limit`` is a finite number of at least 0.

    Example
    -------
    >>> bool((abs(cnn.init.uniform(0.1)((3,), np.random.default_rng(0))) <= 0.1).all())
    True
    """

    def __init__(self, limit: float) -> None:
        self.limit = options.number("uniform", limit, 0)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return rng.uniform(-self.limit, self.limit, _shape("uniform", shape))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, uniform) and self.limit == other.limit

    def __hash__(self) -> int:
        return hash((uniform, self.limit))


_KNOWN: dict[str, Initialiser] = {
    f.__name__: f
    for f in (
        glorot_uniform,
        glorot_normal,
        he_uniform,
        he_normal,
        lecun_uniform,
        lecun_normal,
        fan_in_uniform,
        zeros,
        ones,
    )
}
_HIDDEN = (
    "relu", "leaky_relu", "elu", "gelu", "silu", "mish", "softplus", "sigmoid", "tanh",
)  # fmt: skip
_DEFAULTS: dict[str, Initialiser] = {
    **dict.fromkeys(("linear", "softmax"), fan_in_uniform),
    **dict.fromkeys(_HIDDEN, lecun_uniform),
    "selu": lecun_normal,
}


__all__ = ["constant", "default_bias", "default_for", "get", "uniform", *_KNOWN]


def __dir__() -> list[str]:
    return sorted(__all__)


def get(init: str | Initialiser) -> Initialiser:
    """Return the initialiser of that name; a callable comes back as it is.

    Raises `OptionError` for anything else; the message lists the known names.

    >>> cnn.init.get("he_normal") is cnn.init.he_normal
    True
    """
    if callable(init):
        return init
    if isinstance(init, str) and init in _KNOWN:
        return _KNOWN[init]
    raise OptionError(
        f"initialiser: need one of {', '.join(_KNOWN)}, constant(c), uniform(a) or a function "
        f"(shape, rng); "
        f"got {shown(init)}{hint(init, _KNOWN)}"
    )


def default_for(activation: str, *, first: bool = False) -> Initialiser:
    """Return the initialiser for weights whose layer ends in ``activation``.

    ==========================================================  ==============  ==============
    activation                                                  ``first``       behind it
    ==========================================================  ==============  ==============
    relu leaky_relu elu gelu silu mish softplus sigmoid tanh    fan_in_uniform  lecun_uniform
    selu                                                        lecun_normal    lecun_normal
    linear softmax: as a rule the last layer                    fan_in_uniform  fan_in_uniform
    ==========================================================  ==============  ==============

    ``first``: no trained weights come before.  Chosen by measurement, docs/initialisers.md: small
    weights at the input make a smooth start, which tables and few rows like, but all the way, as
    PyTorch has them, they let the signal fade: networks of four and more hidden layers learn
    slowly.  LeCun's behind the first layer keep it alive.  He's weights for relu start rougher,
    and networks end worse, as with Glorot's, which Keras has, in most tasks.

    Raises `OptionError` for an unknown name; the message lists the known ones.

    >>> cnn.init.default_for("relu").__name__, cnn.init.default_for("relu", first=True).__name__
    ('lecun_uniform', 'fan_in_uniform')
    """
    first = options.flag("default_for", first, option="first")
    if isinstance(activation, str) and activation in _DEFAULTS:
        return fan_in_uniform if first and activation != "selu" else _DEFAULTS[activation]
    raise OptionError(f"activation: need one of {', '.join(_DEFAULTS)}; got {shown(activation)}")


def default_bias(n_in: int) -> Initialiser:
    """Return the initialiser for the biases of a layer of ``n_in`` inputs: U(-a, a), a = 1/sqrt(I).

    The kinks and bends of the units then lie apart from the start, and not all at the origin; as
    in PyTorch.  Measured in docs/initialisers.md.

    Raises `OptionError` unless ``n_in`` is at least 1.

    >>> cnn.init.default_bias(4)  # 1 / sqrt(4)
    uniform(0.5)
    """
    return uniform(1 / sqrt(options.whole("default_bias", n_in, option="n_in")))


def draw(
    init: str | Initialiser, shape: tuple[int, ...], rng: np.random.Generator, *, who: str
) -> np.ndarray:
    """Return ``init(shape, rng)`` as float64, checked: a user's function may return anything.

    Raises `ShapeError` for another shape, `DtypeError` for what are no numbers and `DataError`
    for what is not finite, naming ``who``, the parameter.
    """
    function = get(init)
    label = getattr(function, "__name__", None) or shown(function)
    need = f"finite numbers from {label}"
    made = options.call(who, "an initialiser f(shape, rng)", function, tuple(shape), rng)
    values = as_numbers(made, who=who, need=need)
    if values.shape != tuple(shape):
        raise ShapeError(f"{who}: need {tuple(shape)} from {label}; got shape {values.shape}")
    check_finite(values, f"what {label} returns", who=who)
    return np.ascontiguousarray(values, np.float64)


def _shape(who: str, shape: Any, need: str = "a shape of lengths", n: int = 0) -> tuple[int, ...]:
    found = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    whole = all(options.is_whole(length) and length > 0 for length in found)
    if not whole or (n and len(found) != n):
        raise ShapeError(f"{who}: need {need}, all at least 1; got {shown(shape)}")
    need_possible(who, found)
    return found


def _fans(who: str, shape: Any, rng: Any) -> tuple[int, int]:
    n_in, n_out = _shape(who, shape, "a weight shape (I, O)", 2)
    if not callable(getattr(rng, "uniform", None)) or not callable(getattr(rng, "normal", None)):
        raise options.refuse(who, "rng, a random generator of NumPy", rng)
    return n_in, n_out


def _uniform(shape: tuple[int, ...], rng: np.random.Generator, variance: float) -> np.ndarray:
    limit = sqrt(3 * variance)  # U(-a, a) has the variance a^2 / 3
    return rng.uniform(-limit, limit, shape)


def _normal(shape: tuple[int, ...], rng: np.random.Generator, variance: float) -> np.ndarray:
    return rng.normal(0.0, sqrt(variance), shape)
