"""Widths that fit no tile, one row, one column, denormal numbers: against NumPy in float64."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy_training import LOSSES, NumpyNet

import cnn_core as cnn
from cnn_core.errors import LabelError
from cnn_core.train import batches

WIDTHS = (1, 2, 3, 5, 7, 11, 13, 17, 31, 33, 47, 49, 65, 97, 129)
TOLERANCE = {"float32": 2e-4, "float64": 1e-10}
STEPS = 4


class Everywhere:
    """A pace that uses all threads from the first call on."""

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads

    def next(self) -> tuple[int, int]:
        return STEPS, self.n_threads

    def record(self, steps: int, n_threads: int, seconds: float) -> None:
        pass


@pytest.fixture(autouse=True)
def _restored_threads() -> Iterator[None]:
    yield
    cnn.set_num_threads(None)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes ``n`` threads share all work, however small."""

    def use(n: int) -> None:
        monkeypatch.setattr(batches, "Pace", Everywhere)
        monkeypatch.setattr("cnn_core.compile.schedule.MIN_FLOP", 1.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            cnn.set_num_threads(n)

    return use


def network(sizes: tuple[int, ...], activation: str, dtype: str) -> cnn.Sequential:
    layers = [cnn.Dense(n, activation) for n in sizes[1:-1]]
    return cnn.Sequential([*layers, cnn.Dense(sizes[-1])], sizes[0], dtype=dtype, seed=5)


def rows(net: cnn.Sequential, n: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([n, classes])
    x = rng.standard_normal((n, net.input.shape[1])).astype(net.dtype)
    return x, rng.integers(0, classes, n)


def reference(net: cnn.Sequential, activation: str) -> NumpyNet:
    views = list(net.params.values())
    return NumpyNet(views[::2], views[1::2], activation, LOSSES["cross_entropy"])


def forward(model: NumpyNet, x: np.ndarray) -> np.ndarray:
    value = x.astype(np.float64)
    for i, (w, b) in enumerate(zip(model.w, model.b, strict=True)):
        value = value @ w + b
        value = model.act(value) if i + 1 < len(model.w) else value
    return value


def check_training(
    sizes: tuple[int, ...], batch: int, dtype: str, activation: str = "tanh"
) -> None:
    """Make steps with whole batches and a short one; compare losses, parameters, outputs."""
    net = network(sizes, activation, dtype)
    x, y = rows(net, STEPS * batch - batch // 2, sizes[-1])
    model = reference(net, activation)
    optimizer = cnn.SGD(0.05, momentum=0.9)
    trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), optimizer=optimizer)
    history = trainer.fit(x, y, batch_size=batch, shuffle=False, progress=False)
    (program,) = trainer._programs.values()
    assert program.program.n_threads == cnn.get_num_threads(), "the work was not divided"
    total = 0.0
    for at in range(0, len(x), batch):
        xb, yb = x[at : at + batch], y[at : at + batch]
        total += len(xb) * model.step(xb, yb, None, "sgd", 0.05)
    close = {"rtol": TOLERANCE[dtype], "atol": TOLERANCE[dtype]}
    assert np.allclose(history["loss"][0], total / len(x), **close)
    for view, expected in zip(net.params.values(), model.params(), strict=True):
        assert np.allclose(view, expected, **close)
    assert np.allclose(net.predict(x), forward(model, x), **close)
    assert np.allclose(net.predict(x[0]), forward(model, x[:1])[0], **close)


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_width_trains_as_numpy_does(threads, width, dtype, n_threads):
    threads(n_threads)
    other = WIDTHS[(3 * WIDTHS.index(width) + 4) % len(WIDTHS)]
    check_training((width, other, width, max(2, width)), 19, dtype)
    check_training((other, width, other, 3), 33, dtype, "relu")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(1, 2), (1, 1, 1, 2), (129, 1, 129, 5), (64, 1, 1, 10)])
def test_layers_of_width_one(threads, sizes, dtype):
    for n_threads in (1, 4):
        threads(n_threads)
        for batch in (1, 16, 50):
            check_training(sizes, batch, dtype)


def test_one_output_and_one_input_by_squares(threads):
    """The whole network is a single weight and bias: fitted to y = 3 x - 1."""
    threads(2)
    x = np.linspace(-1, 1, 40, dtype=np.float32).reshape(-1, 1)
    net = cnn.Sequential([cnn.Dense(1)], 1)
    trainer = cnn.Trainer(net, loss=cnn.MSE(), optimizer=cnn.SGD(0.3))
    trainer.fit(x, 3 * x - 1, batch_size=8, epochs=60, progress=False)
    assert np.allclose(net.predict(x), 3 * x - 1, atol=1e-4)
    assert net.predict(x[0]).shape == (1,)


@pytest.mark.parametrize("n_threads", [1, 2, 16, 100])
@pytest.mark.parametrize("batch", [1, 2, 15, 17])
def test_few_rows_on_many_threads(threads, batch, n_threads):
    threads(n_threads)
    check_training((47, 97, 33, 10), batch, "float32")


@pytest.mark.parametrize("n_rows", [1, 2, 3, 255, 256, 257, 1000, 4097])
def test_prediction_is_that_of_each_row_alone(threads, n_rows):
    net = network((31, 49, 11, 3), "relu", "float32")
    x, _ = rows(net, n_rows, 3)
    threads(1)
    one = net.predict(x)
    assert np.allclose(one, forward(reference(net, "relu"), x), rtol=1e-4, atol=1e-4)
    assert np.allclose(net.predict(x[-1]), one[-1], rtol=1e-5, atol=1e-6)
    for n_threads in (2, 5):
        threads(n_threads)
        assert np.array_equal(net.predict(x), one)


# -- denormal numbers ---------------------------------------------------------------------


def denormals_live() -> bool:
    """Tell whether arithmetic of this thread still knows denormal numbers."""
    tiny32, tiny64 = np.full(9, 1e-40, np.float32), np.full(9, 1e-310)
    return bool((tiny32 * np.float32(0.5) > 0).all() and (tiny64 * 0.5 > 0).all())


def train_on_denormals(dtype: str, optimizer: cnn.optim.Optimizer) -> cnn.Trainer:
    """Train on data, parameters, gradients and moments that are denormal in large part."""
    tiny = 1e-40 if dtype == "float32" else 1e-310
    net = network((65, 130, 33, 5), "tanh", dtype)
    x, y = rows(net, 400, 5)
    x[:, 1::2] *= tiny
    x[::7] *= 1e-20
    net.set_params({"dense_1.w": net.params["dense_1.w"] * np.asarray(tiny, net.dtype)})
    trainer = cnn.Trainer(
        net, loss=cnn.SoftmaxCrossEntropy(), optimizer=optimizer, metrics=["accuracy"]
    )
    trainer.fit(x, y, batch_size=100, epochs=3, progress=False)
    assert np.isfinite(net.predict(x)).all()
    return trainer


@pytest.mark.parametrize("lr", [1e-3, 1e-30, 1e-42])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_denormal_data_gives_finite_numbers_and_the_same_bits(threads, dtype, lr):
    found = []
    for n_threads in (1, 2, 3):
        threads(n_threads)
        trainer = train_on_denormals(dtype, cnn.Adam(lr=lr))
        found.append([trainer.net.store.value, *trainer.optimizer.slots])
        assert denormals_live()
    for values in found:
        for value, expected in zip(values, found[0], strict=True):
            assert np.isfinite(value).all()
            assert np.array_equal(value, expected)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_mode_of_the_caller_is_restored(threads, n_threads):
    threads(n_threads)
    assert denormals_live()
    net = network((65, 130, 5), "tanh", "float32")
    x, y = rows(net, 300, 5)
    trainer = cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), optimizer="sgd")
    calls = {
        "fit": lambda: trainer.fit(x, y, progress=False),
        "step": lambda: trainer.step(x, y),
        "short step": lambda: trainer.step(x, y),
        "evaluate": lambda: trainer.evaluate(x, y),
        "predict": lambda: net.predict(x),
        "predict a row": lambda: net.predict(x[0]),
        "predict uint8": lambda: net.predict(x.astype(np.uint8)),
    }
    for name, call in calls.items():
        call()
        assert denormals_live(), name
    with pytest.raises(LabelError):
        trainer.step(x, np.full(300, 5))
    assert denormals_live(), "an error"


def test_denormals_are_flushed_while_a_network_runs():
    net = cnn.Sequential([cnn.Dense(3)], 4)
    net.set_params({"dense_0.w": np.full((4, 3), 0.5), "dense_0.b": np.zeros(3)})
    assert not net.predict(np.full((5, 4), 1e-40, np.float32)).any()
