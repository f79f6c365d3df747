"""The activations and their gradients, each one call over arrays of any shape."""

from __future__ import annotations

from cnn_core import options
from cnn_core._ext import core as _ext
from cnn_core.kernels.arrays import Array, T

_FORMS = {"none": 0, "tanh": 1}


def _form(who: str, approximate: str) -> tuple[int]:
    return (_FORMS[options.choice(who, approximate, _FORMS, option="approximate")],)


def _option(who: str, option: str, value: float) -> tuple[float]:
    return (options.number(who, value, 0, option=option),)


def relu(x: Array[T], *, out: Array[T] | None = None) -> Array[T]:
    """Return max(x, 0): x and result (...), any shape.

    NaN propagates.  float32 or float64.
    Overwrites ``out``, which may be ``x``.  Errors: see the module.

    >>> cnn.kernels.relu(np.array([-1.0, 2.0]))
    array([0., 2.])
    """
    return _ext.unary("relu", x, out)


def relu_backward(y: Array[T], dy: Array[T], *, out: Array[T] | None = None) -> Array[T]:
    """Return dx = dy where y > 0, else 0: y = relu(x), dy and dx (...), any shape.

    The subgradient at 0 is 0.
    float32 or float64.  Overwrites ``out``, which may be ``y`` or ``dy``.  Errors: see the module.

    >>> cnn.kernels.relu_backward(np.array([0.0, 0.5]), np.array([3.0, 1.0]))
    array([0., 1.])
    """
    return _ext.unary_backward("relu", "y", y, dy, out)


def leaky_relu(
    x: Array[T], negative_slope: float = 0.01, *, out: Array[T] | None = None
) -> Array[T]:
    """Return x where x > 0, else s x: x and result (...), any shape.

    ``negative_slope`` is s >= 0.  NaN propagates.
    float32 or float64.  Overwrites ``out``, which may be ``x``.  Errors: see the module.

    >>> cnn.kernels.leaky_relu(np.array([-1.0, 2.0]))
    array([-0.01,  2.  ])
    """
    return _ext.unary("leaky_relu", x, out, _option("leaky_relu", "negative_slope", negative_slope))


def leaky_relu_backward(
    y: Array[T], dy: Array[T], negative_slope: float = 0.01, *, out: Array[T] | None = None
) -> Array[T]:
    """Return dx = dy where y > 0, else s dy: y = leaky_relu(x), dy and dx (...), any shape.

    ``negative_slope`` is s >= 0: y has the sign of x.  The subgradient at 0 is s.
    float32 or float64.  Overwrites ``out``, which may be ``y`` or ``dy``.  Errors: see the module.

    >>> cnn.kernels.leaky_relu_backward(np.array([0.0, 0.5]), np.array([3.0, 1.0]))
    array([0.03, 1.  ])
    """
    attrs = _option("leaky_relu_backward", "negative_slope", negative_slope)
    return _ext.unary_backward("leaky_relu", "y", y, dy, out, attrs)


def elu(x: Array[T], alpha: float = 1.0, *, out: Array[T] | None = None) -> Array[T]:
    """Return x where x > 0, else alpha (exp(x) - 1): x and result (...), any shape.

    ``alpha`` >= 0.  NaN propagates; elu(-inf) = -alpha.
    float32 or float64.  Overwrites ``out``, which may be ``x``.  Errors: see the module.
    Source: Clevert, Unterthiner, Hochreiter 2016, equation 15.

    >>> cnn.kernels.elu(np.array([0.0, 2.0]))
    array([0., 2.])
    """
    return _ext.unary("elu", x, out, _option("elu", "alpha", alpha))


def elu_backward(
    y: Array[T], dy: Array[T], alpha: float = 1.0, *, out: Array[T] | None = None
) -> Array[T]:
    """Return dx = dy where y > 0, else (y + alpha) dy: y = elu(x), dy and dx (...), any shape.

    ``alpha`` >= 0.  The subgradient at 0 is alpha.
    float32 or float64.  Overwrites ``out``, which may be ``y`` or ``dy``.  Errors: see the module.
    Source: Clevert, Unterthiner, Hochreiter 2016, equation 15.

    >>> cnn.kernels.elu_backward(np.array([0.0, 0.5]), np.array([3.0, 1.0]))
    array([3., 1.])
    """
    return _ext.unary_backward("elu", "y", y, dy, out, _option("elu_backward", "alpha", alpha))


def selu(x: Array[T], *, out: Array[T] | None = None) -> Array[T]:
    """Return s x where x > 0, else s alpha (exp(x) - 1): x and result (...), any shape.

    s = 1.0507..., alpha = 1.6732...  NaN propagates; selu(-inf) = -s alpha.
    float32 or float64.  Overwrites ``out``, which may be ``x``.  Errors: see the module.
    Source: Klambauer, Unterthiner, Mayr, Hochreiter 2017, equations 2 and 14.

    >>> cnn.kernels.selu(np.array([0.0, 1.0]))
    array([0.        , 1.05070099])
    """
    return _ext.unary("selu", x, out)


def selu_backward(y: Array[T], dy: Array[T], *, out: Array[T] | None = None) -> Array[T]:
    """Return dx = s dy where y > 0, else (y + s alpha) dy: y = selu(x), dy and dx (...), any shape.

    The subgradient at 0 is s alpha.
    float32 or float64.  Overwrites ``out``, which may be ``y`` or ``dy``.  Errors: see the module.
    Source: Klambauer, Unterthiner, Mayr, Hochreiter 2017, equations 2 and 14.

    >>> cnn.kernels.selu_backward(np.array([0.0, 0.5]), np.array([3.0, 1.0]))
    array([5.27429802, 1.05070099])
    """
    return _ext.unary_backward("selu", "y", y, dy, out)


def sigmoid(x: Array[T], *, out: Array[T] | None = None) -> Array[T]:
    """Return 1 / (1 + exp(-x)): x and result (...), any shape.

    NaN propagates; sigmoid(-inf) = 0, sigmoid(inf) = 1.
    float32 or float64.  Overwrites ``out``, which may be ``x``.  Errors: see the module.

    >>> cnn.kernels.sigmoid(np.array([0.0, 0.0]))
    array([0.5, 0.5])
    """
    return _ext.unary("sigmoid", x, out)


def sigmoid_backward(y: Array[T], dy: Array[T], *, out: Array[T] | None = None) -> Array[T]:
    """Return dx = y (1 - y) dy: y = sigmoid(x), dy and dx (...), any shape.

    float32 or float64.  Overwrites ``out``, which may be ``y`` or ``dy``.  Errors: see the module.

    >>> cnn.kernels.sigmoid_backward(np.array([0.0, 0.5]), np.array([3.0, 1.0]))
    array([0.  , 0.25])
    """
    return _ext.unary_backward("sigmoid", "y", y, dy, out)


def tanh(x: Array[T], *, out: Array[T] | None = None) -> Array[T]:
    """Return tanh(x): x and result (...), any shape.

    NaN propagates; tanh(-inf) = -1, tanh(inf) = 1.
    float32 or float64.  Overwrites ``out``, which may be ``x``.  Errors: see the module.

    >>> cnn.kernels.tanh(np.array([0.0, 1.0]))
    array([0.        , 0.76159416])
    """
    return _ext.unary("tanh", x, out)


def tanh_backward(y: Array[T], dy: Array[T], *, out: Array[T] | None = None) -> Array[T]:
    """Return dx = (1 - y) (1 + y) dy: y = tanh(x), dy and dx (...), any shape.

    float32 or float64.  Overwrites ``out``, which may be ``y`` or ``dy``.  Errors: see the module.

    >>> cnn.kernels.tanh_backward(np.array([0.0, 0.5]), np.array([3.0, 1.0]))
    array([3.  , 0.75])
    """
    return _ext.unary_backward("tanh", "y", y, dy, out)


def gelu(x: Array[T], approximate: str = "none", *, out: Array[T] | None = None) -> Array[T]:
    """Return x Phi(x): x and result (...), any shape.

    ``approximate="none"``: Phi(x) = (1 + erf(x / sqrt 2)) / 2.  ``"tanh"``: Phi(x) =
    (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.  NaN propagates; gelu(-inf) = 0.
    float32 or float64.  Overwrites ``out``, which may be ``x``.  Errors: see the module.
    Source: Hendrycks, Gimpel 2016.

    >>> cnn.kernels.gelu(np.array([0.0, 1.0]))
    array([0.        , 0.84134475])
    """
    return _ext.unary("gelu", x, out, _form("gelu", approximate))


def gelu_backward(
    x: Array[T], dy: Array[T], approximate: str = "none", *, out: Array[T] | None = None
) -> Array[T]:
    """Return dx = (Phi(x) + x Phi'(x)) dy: x, dy and dx (...), any shape.

    ``approximate``: as in `gelu`.
    float32 or float64.  Overwrites ``out``, which may be ``x`` or ``dy``.  Errors: see the module.
    Source: Hendrycks, Gimpel 2016.

    >>> cnn.kernels.gelu_backward(np.array([0.0, 1.0]), np.array([3.0, 1.0]))
    array([1.5       , 1.08331547])
    """
    return _ext.unary_backward("gelu", "x", x, dy, out, _form("gelu_backward", approximate))


def silu(x: Array[T], *, out: Array[T] | None = None) -> Array[T]:
    """Return x / (1 + exp(-x)): x and result (...), any shape.

    Also known as swish.  NaN propagates; silu(-inf) = 0.
    float32 or float64.  Overwrites ``out``, which may be ``x``.  Errors: see the module.
    Source: Elfwing, Uchibe, Doya 2018.

    >>> cnn.kernels.silu(np.array([0.0, 1.0]))
    array([0.        , 0.73105858])
    """
    return _ext.unary("silu", x, out)


def silu_backward(x: Array[T], dy: Array[T], *, out: Array[T] | None = None) -> Array[T]:
    """Return dx = s (1 + x (1 - s)) dy, s = sigmoid(x): x, dy and dx (...), any shape.

    float32 or float64.  Overwrites ``out``, which may be ``x`` or ``dy``.  Errors: see the module.
    Source: Elfwing, Uchibe, Doya 2018.

    >>> cnn.kernels.silu_backward(np.array([0.0, 1.0]), np.array([3.0, 1.0]))
    array([1.5       , 0.92767051])
    """
    return _ext.unary_backward("silu", "x", x, dy, out)


def mish(x: Array[T], *, out: Array[T] | None = None) -> Array[T]:
    """Return x tanh(log(1 + exp(x))): x and result (...), any shape.

    NaN propagates; mish(-inf) = 0.
    float32 or float64.  Overwrites ``out``, which may be ``x``.  Errors: see the module.
    Source: Misra 2019.

    >>> cnn.kernels.mish(np.array([0.0, 1.0]))
    array([0.        , 0.86509839])
    """
    return _ext.unary("mish", x, out)


def mish_backward(x: Array[T], dy: Array[T], *, out: Array[T] | None = None) -> Array[T]:
    """Return dx = (t + x (1 - t^2) s) dy, t = tanh(softplus(x)), s = sigmoid(x): any shape.

    float32 or float64.  Overwrites ``out``, which may be ``x`` or ``dy``.  Errors: see the module.
    Source: Misra 2019.

    >>> cnn.kernels.mish_backward(np.array([0.0, 1.0]), np.array([3.0, 1.0]))
    array([1.8       , 1.04903622])
    """
    return _ext.unary_backward("mish", "x", x, dy, out)


def softplus(x: Array[T], *, out: Array[T] | None = None) -> Array[T]:
    """Return log(1 + exp(x)): x and result (...), any shape.

    NaN propagates; softplus(-inf) = 0.
    float32 or float64.  Overwrites ``out``, which may be ``x``.  Errors: see the module.

    >>> cnn.kernels.softplus(np.array([0.0, 1.0]))
    array([0.69314718, 1.31326169])
    """
    return _ext.unary("softplus", x, out)


def softplus_backward(x: Array[T], dy: Array[T], *, out: Array[T] | None = None) -> Array[T]:
    """Return dx = sigmoid(x) dy: x, dy and dx (...), any shape.

    float32 or float64.  Overwrites ``out``, which may be ``x`` or ``dy``.  Errors: see the module.

    >>> cnn.kernels.softplus_backward(np.array([0.0, 1.0]), np.array([3.0, 1.0]))
    array([1.5       , 0.73105858])
    """
    return _ext.unary_backward("softplus", "x", x, dy, out)


def softmax(x: Array[T], *, out: Array[T] | None = None) -> Array[T]:
    """Return exp(x) / sum exp(x) over the last axis: x and result (..., C).

    The maximum is subtracted first.  A single -inf gives 0; NaN, +inf or nothing but -inf in a
    group make all of the group NaN.
    float32 or float64.  Overwrites ``out``.  Errors: see the module.

    >>> cnn.kernels.softmax(np.array([0.0, 0.0]))
    array([0.5, 0.5])
    """
    return _ext.unary("softmax", x, out, along=True)


def softmax_backward(y: Array[T], dy: Array[T], *, out: Array[T] | None = None) -> Array[T]:
    """Return dx = y (dy - sum y dy), sums over the last axis: y = softmax(x), dy and dx (..., C).

    float32 or float64.  Overwrites ``out``.  Errors: see the module.

    >>> cnn.kernels.softmax_backward(np.array([0.5, 0.5]), np.array([3.0, 1.0]))
    array([ 0.5, -0.5])
    """
    return _ext.unary_backward("softmax", "y", y, dy, out, along=True)


def log_softmax(x: Array[T], *, out: Array[T] | None = None) -> Array[T]:
    """Return x - log(sum exp(x)) over the last axis: x and result (..., C).

    The maximum is subtracted first.  A single -inf stays; NaN, +inf or nothing but -inf in a
    group make all of the group NaN.
    float32 or float64.  Overwrites ``out``.  Errors: see the module.

    >>> cnn.kernels.log_softmax(np.array([0.0, 0.0]))
    array([-0.69314718, -0.69314718])
    """
    return _ext.unary("log_softmax", x, out, along=True)


def log_softmax_backward(y: Array[T], dy: Array[T], *, out: Array[T] | None = None) -> Array[T]:
    """Return dx = dy - exp(y) sum dy, the sum over the last axis:
    y = log_softmax(x), dy and dx (..., C).

    float32 or float64.  Overwrites ``out``.  Errors: see the module.

    >>> cnn.kernels.log_softmax_backward(np.array([-0.5, -1.0]), np.array([3.0, 1.0]))
    array([ 0.57387736, -0.47151776])
    """
    return _ext.unary_backward("log_softmax", "y", y, dy, out, along=True)
