"""Gates that fail: the words, and what stays as it was."""

from __future__ import annotations

import numpy as np
import pytest
from gates import Multiply

import cnn_core as cnn
from cnn_core import BATCH, Graph, Input, Parameter, ops
from cnn_core.errors import DtypeError, GraphError, ShapeError, StateError


def gate(forward=lambda x: x, backward=lambda dy: [dy]):
    class Custom(cnn.Gate):
        calls = 0

        def forward(self, *inputs):
            self.calls += 1
            return forward(*inputs)

        def backward(self, dy):
            return backward(dy)

    return Custom()


def graph_of(made, n=1):
    xs = [Input(name, (BATCH, 2)) for name in "xyz"[:n]]
    return Graph(ops.sum(made(*xs, name="custom"))), {x.name: np.ones((3, 2)) for x in xs}


FORWARD = {
    "shape": (lambda x: x[:1], ShapeError, r"forward to return shape \(3, 2\); got \(1, 2\)"),
    "scalar": (lambda x: 1.0, ShapeError, r"shape \(3, 2\); got \(\).*define infer_shape"),
    "none": (lambda x: None, DtypeError, "forward to return real numbers; got None"),
    "complex": (lambda x: x * 1j, DtypeError, "real numbers; got dtype complex128"),
    "text": (lambda x: "text", DtypeError, "real numbers; got dtype <U4"),
    "ragged": (lambda x: [[1, 2], [3], [4]], ShapeError, "to return real numbers in rows of equal"),
}


@pytest.mark.parametrize(("forward", "error", "words"), FORWARD.values(), ids=FORWARD)
def test_a_wrong_value_is_refused(forward, error, words):
    graph, feed = graph_of(gate(forward))
    with pytest.raises(error, match=f"Custom 'custom': need .*{words}"):
        graph.forward(**feed)
    assert not graph.has_values


BACKWARD = {
    "shape": (1, lambda d: [d[:1]], ShapeError, r"for x, shape \(3, 2\); got \(1, 2\)"),
    "too many": (1, lambda d: [d, d], ShapeError, "a list of 1, a gradient per input; got 2"),
    "too few": (2, lambda d: [d], ShapeError, "a list of 2, a gradient per input; got 1"),
    "array": (2, lambda d: np.stack([d, d]), ShapeError, "a list of 2, .*; got array"),
    "none": (2, lambda d: None, ShapeError, "a list of 2, a gradient per input; got None"),
    "complex": (1, lambda d: d * 1j, DtypeError, "for x, real numbers; got dtype complex128"),
    "second": (2, lambda d: [d, 1.0], ShapeError, r"for y, shape \(3, 2\); got \(\)"),
}


@pytest.mark.parametrize(("n", "backward", "error", "words"), BACKWARD.values(), ids=BACKWARD)
def test_a_wrong_gradient_is_refused(n, backward, error, words):
    graph, feed = graph_of(gate(lambda *x: x[0], backward), n)
    graph.forward(**feed)
    with pytest.raises(error, match=f"Custom 'custom': need backward to return,? ?.*{words}"):
        graph.backward()
    assert graph.has_values
    assert not graph.has_gradients


def test_missing_methods_are_named():
    class Nothing(cnn.Gate):
        pass

    class Forward(cnn.Gate):
        def forward(self, x):
            return x

    x = Input("x")
    with pytest.raises(GraphError, match=r"Nothing: need a method forward\(self, \*inputs\)"):
        Graph(Nothing(x)).forward(x=1.0)
    graph = Graph(Forward(x))
    assert graph.forward(x=1.0) == 1.0
    with pytest.raises(GraphError, match=r"Forward: need a method backward\(self, dy\)"):
        graph.backward()


class OwnError(Exception):
    pass


def raising(error):
    def fail(*_):
        raise error

    return fail


ERRORS = [OwnError("mine"), KeyboardInterrupt(), SystemExit(3), ZeroDivisionError(),
          StateError("a message"), StopIteration(1)]  # fmt: skip


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("phase", ["forward", "backward"])
def test_what_a_gate_raises_reaches_the_caller_as_it_is(phase, error):
    error.__notes__ = []
    graph, feed = graph_of(gate(**{phase: raising(error)}))
    with pytest.raises(type(error)) as caught:  # noqa: PT012 - either call
        graph.forward(**feed)
        graph.backward()
    assert caught.value is error
    assert error.__notes__ == ["raised in gate 'custom'"]
    assert any(entry.name == "fail" for entry in caught.traceback)


def network(made):
    net = cnn.Sequential([cnn.Dense(4), made, cnn.Dense(1)], inputs=3, dtype="float64", seed=0)
    return cnn.Trainer(net, loss=cnn.MSE(), optimizer=cnn.Adam(clip_norm=1.0))


def snapshot(optimizer, store):
    state = optimizer.state_dict()
    return (store.value.tobytes(), state["step_count"], state["scalars"].tobytes(),
            [a.tobytes() for slot in state["slots"].values() for a in slot.values()])  # fmt: skip


@pytest.mark.parametrize("phase", ["forward", "backward"])
@pytest.mark.parametrize("call", ["step", "fit"])
def test_a_failing_training_changes_nothing(call, phase):
    switch = {"forward": lambda x: x, "backward": lambda dy: [dy]}
    made = gate(lambda x: switch["forward"](x), lambda dy: switch["backward"](dy))
    trainer = network(made)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((8, 3)), rng.standard_normal((8, 1))
    for _ in range(2):
        trainer.step(x, y)
    before, calls = snapshot(trainer.optimizer, trainer.net.store), made.calls
    error = OwnError()
    switch[phase] = raising(error)
    with pytest.raises(OwnError) as caught:
        trainer.step(x, y) if call == "step" else trainer.fit(x, y, batch_size=8, progress=False)
    assert caught.value is error
    assert made.calls == calls + 1  # it is not called again
    assert snapshot(trainer.optimizer, trainer.net.store) == before
    switch[phase] = {"forward": lambda x: x, "backward": lambda dy: [dy]}[phase]
    trainer.step(x, y)
    assert trainer.optimizer.step_count == 3


def test_ctrl_c_in_a_gate_ends_fit_with_whole_steps():
    made = gate(lambda x: stop() if made.calls == 4 else x)
    stop = raising(KeyboardInterrupt())
    trainer = network(made)
    x, y = np.ones((40, 3)), np.ones((40, 1))
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(x, y, batch_size=4, progress=False)
    assert trainer.history.interrupted
    assert trainer.optimizer.step_count == 3


@pytest.mark.parametrize("phase", ["forward", "backward"])
def test_a_failing_graph_step_changes_nothing(phase):
    switch = {"forward": lambda x: x, "backward": lambda dy: [dy]}
    made = gate(lambda x: switch["forward"](x), lambda dy: switch["backward"](dy))
    w = Parameter("w", np.ones(3))
    graph, optimizer = Graph(ops.sum(made(w * Input("x")))), cnn.Adam()
    graph.step(optimizer, x=2.0)
    before, calls = snapshot(optimizer, graph.params), made.calls
    switch[phase] = raising(OwnError())
    with pytest.raises(OwnError):
        graph.step(optimizer, x=3.0)
    assert made.calls == calls + 1
    assert snapshot(optimizer, graph.params) == before


# -- calls from within a run ----------------------------------------------------------------------


@pytest.mark.parametrize("call", ["forward", "backward", "step", "forward_node"])
def test_a_gate_that_calls_its_own_graph_is_refused(call):
    calls = {
        "forward": lambda: graph.forward(x=7.0),
        "backward": lambda: graph.backward(),
        "step": lambda: graph.step(cnn.SGD(lr=0.1), x=7.0),
        "forward_node": lambda: graph.forward_node("w"),
    }
    active = []

    def forward(x):
        if active:
            calls[call]()
        return x

    graph = Graph(gate(forward)(Input("x") * Parameter("w", 2.0)))
    assert graph.forward(x=3.0) == 6.0
    active.append(1)
    for run in (lambda: graph.forward(x=4.0), lambda: graph.step(cnn.SGD(lr=0.1), x=4.0)):
        words = "need forward first" if call == "backward" else "from within its own run"
        with pytest.raises(StateError, match=words) as caught:
            run()
        assert "raised in gate 'Custom_0'" in caught.value.__notes__
    active.clear()
    assert graph.value("x") == 4.0  # the inner call has fed nothing
    assert graph.forward(x=5.0) == 10.0
    assert graph.backward() == {"x": 2.0, "w": 5.0}


def test_a_gate_that_calls_its_own_network_is_refused():
    made = gate(lambda x: net.predict(np.ones((2, 3))) and x)
    net = cnn.Sequential([cnn.Dense(3), made], inputs=3, dtype="float64")
    with pytest.raises(StateError, match="from within its own run"):
        net.predict(np.ones((4, 3)))


def test_a_gate_may_use_other_graphs_and_networks():
    other = cnn.Sequential([cnn.Dense(2)], inputs=2, dtype="float64", seed=1)
    x, y = Input("x"), Input("y")
    inner = Graph(Multiply(x, y))
    made = gate(lambda x: other.predict(x) * inner.forward(x=2.0, y=3.0))
    graph, feed = graph_of(made)
    expected = 6 * other.predict(feed["x"]).sum()
    assert graph.forward(**feed) == pytest.approx(expected, rel=1e-14)
