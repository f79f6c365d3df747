"""Several graphs over one store: shapes agree, and a step updates what its graph reaches."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from cnn_core import BATCH, Graph, Input, Parameter, ParamStore, Sequential, ops, optim
from cnn_core.errors import CnnCoreError, OptionError, ShapeError, StateError
from cnn_core.nn.layers import Dense
from cnn_core.run.program import Program

OPTIMIZERS = {
    "momentum": lambda: optim.SGD(lr=0.1, momentum=0.9, weight_decay=0.1),
    "adam": lambda: optim.Adam(weight_decay=0.1, amsgrad=True),
    "adamw": optim.AdamW,
    "clipped": lambda: optim.AdamW(clip_norm=1e-3),
    "clipped values": lambda: optim.NAdam(clip_value=1e-3),
    "rmsprop": lambda: optim.RMSProp(momentum=0.5, centered=True),
    "adagrad": optim.Adagrad,
    "adadelta": optim.Adadelta,
}


def _parts():
    rng = np.random.default_rng(3)
    x = Input("x", (BATCH, 3))
    a, b = Parameter("a", rng.standard_normal((3, 4))), Parameter("b", rng.standard_normal((3, 5)))
    shared = Parameter("s", rng.standard_normal(3))
    one = ops.mean(ops.square(ops.dense(x * shared, a)))
    two = ops.mean(ops.square(ops.dense(x * shared, b)))
    return one, two, ParamStore([a, b, shared], "float64")


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_step_leaves_what_its_graph_does_not_reach_to_the_bit(make):
    one, two, store = _parts()
    first, second = Graph(one, params=store), Graph(two, params=store)
    optimizer, x = make(), np.random.default_rng(4).standard_normal((6, 3))
    first.step(optimizer, x=x)
    second.step(optimizer, x=x)
    for graph, moved, kept in ((first, "a", "b"), (second, "b", "a"), (second, "b", "a")):
        before = {k: v.tobytes() for k, v in store.items()}
        slots = [store.view(slot, kept).tobytes() for slot in optimizer.slots]
        graph.step(optimizer, x=x)
        assert store[kept].tobytes() == before[kept]
        assert [store.view(slot, kept).tobytes() for slot in optimizer.slots] == slots
        assert store[moved].tobytes() != before[moved]
        assert store["s"].tobytes() != before["s"]
    assert optimizer.step_count == 5


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_step_of_a_shared_store_is_that_of_a_store_of_its_own(make):
    """So gradients of others take no part in the norm."""
    one, two, store = _parts()
    shared, alone = Graph(one, params=store), Graph(one)
    ours, theirs = make(), make()
    x = np.random.default_rng(4).standard_normal((6, 3))
    other = Graph(two, params=store)
    for _ in range(3):
        other.forward(x=1e3 * x)
        other.backward()  # leaves gradients
        assert shared.step(ours, x=x) == alone.step(theirs, x=x)
    for name in ("a", "s"):
        np.testing.assert_array_equal(store[name], alone.params[name])


def test_apply_updates_the_named_parameters_alone():
    _, _, store = _parts()
    before = {k: v.copy() for k, v in store.items()}
    store.grad[:] = 1
    optimizer = optim.SGD(lr=0.5, momentum=0.5)
    optimizer.apply(store, only=["a"])
    np.testing.assert_array_equal(store["a"], before["a"] - 0.5)
    np.testing.assert_array_equal(store["b"], before["b"])
    optimizer.apply(store)
    np.testing.assert_array_equal(store["b"], before["b"] - 0.5)
    assert optimizer.step_count == 2
    for junk in ("a", [1], 3, ["c"]):
        with pytest.raises(OptionError):
            optimizer.apply(store, only=junk)
    assert optimizer.step_count == 2


@pytest.mark.parametrize(("shape", "held"), [((2000, 2000), (3,)), ((3, 4), (4, 3)), ((), (1,))])
def test_a_store_of_other_shapes_is_refused_naming_both(shape, held):
    node = ops.sum(Parameter("w", np.ones(shape)))
    store = ParamStore([Parameter("w", np.ones(held))], "float64")
    with pytest.raises(ShapeError) as caught:
        Graph(node, params=store)
    message = f"Graph: need params in which w has its shape {shape}; got one of shape {held}"
    assert str(caught.value) == message
    with pytest.raises(ShapeError, match="program: need params in which w"):
        Program([node], store)


@pytest.mark.parametrize("params", [{}, {"w": np.ones(3)}, [], "w", 3])
def test_params_are_a_store(params):
    with pytest.raises(OptionError, match="Graph: need params, a ParamStore; got"):
        Graph(ops.sum(Parameter("w", np.ones(3))), params=params)


def test_what_programs_lie_in_cannot_be_replaced():
    store = ParamStore([Parameter("w", np.ones(3))], "float32")
    for name in ("dtype", "value", "grad", "spans", "grads", "other"):
        with pytest.raises(OptionError, match=f"ParamStore: {name}: need it as it is"):
            setattr(store, name, np.ones(99))
    with pytest.raises(OptionError):
        del store.value
    with pytest.raises(TypeError):
        store.spans["w"] = (0, 1 << 40)


def _damage(change):
    store = ParamStore([Parameter("w", np.ones((3, 4))), Parameter("b", np.ones(4))], "float32")
    state = copy.deepcopy(store.__getstate__())
    change(state, state["places"]["w"], state["places"]["b"])
    return state


DAMAGE = {
    "type": lambda s, w, b: s.update(dtype=np.dtype("float64")),
    "no real type": lambda s, w, b: s.update(dtype=np.dtype("int32")),
    "short": lambda s, w, b: setattr(w.block, "value", w.block.value[:5]),
    "no gradient": lambda s, w, b: setattr(w.block, "grad", w.block.grad[:16]),
    "two axes": lambda s, w, b: w.block.__setstate__((w.block.value.reshape(2, -1), 32)),
    "no numbers": lambda s, w, b: w.block.__setstate__((b"1234", 1)),
    "too long a gradient": lambda s, w, b: w.block.__setstate__((w.block.value, 64)),
    "past the end": lambda s, w, b: setattr(b, "begin", 4096),
    "between": lambda s, w, b: setattr(b, "begin", 3),
    "negative": lambda s, w, b: setattr(b, "begin", -16),
    "overlap": lambda s, w, b: setattr(b, "begin", 0),
    "shape": lambda s, w, b: setattr(w, "node", Parameter("w", np.ones((300, 400)))),
    "role": lambda s, w, b: setattr(w, "role", "king"),
    "node": lambda s, w, b: setattr(w, "node", "w"),
    "place": lambda s, w, b: s["places"].update(c=(0, 16)),
    "name": lambda s, w, b: s["places"].update({3: w}),
    "nothing": lambda s, w, b: s.clear(),
}


@pytest.mark.parametrize("change", DAMAGE.values(), ids=DAMAGE)
def test_a_pickled_store_that_does_not_agree_with_itself_is_refused(change):
    with pytest.raises(StateError, match="ParamStore: need"):
        ParamStore.__new__(ParamStore).__setstate__(_damage(change))


@pytest.mark.parametrize("again", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_a_copied_store_is_fixed_too(again):
    store = ParamStore([Parameter("w", np.arange(3.0))], "float32")
    other = again(store)
    np.testing.assert_array_equal(other["w"], store["w"])
    assert not np.may_share_memory(other.value, store.value)
    assert dict(other.spans) == dict(store.spans)
    with pytest.raises(OptionError):
        other.value = np.ones(3)


def test_a_graph_and_its_nodes_cannot_take_another_memory():
    x = Input("x", (BATCH, 3))
    node = ops.dense(x, Parameter("w", np.ones((3, 2))))
    graph, other = Graph(node), Graph(x, dtype="float32")
    for name in ("dtype", "params", "outputs"):
        with pytest.raises(AttributeError):
            setattr(graph, name, getattr(other, name))
    for name, value in (("shape", (BATCH, 9)), ("dtype", "int32"), ("inputs", ()), ("op", "mul")):
        with pytest.raises(OptionError, match=f"dense: {name}: need a new node for another value"):
            setattr(node, name, value)
    with pytest.raises(OptionError, match="w: value: need a new node"):
        node.inputs[1].value = np.ones((3, 99))
    again = pickle.loads(pickle.dumps(node))
    with pytest.raises(OptionError):
        copy.deepcopy(again).shape = ()
    np.testing.assert_array_equal(Graph(again).forward(x=np.ones((1, 3))), [[3.0, 3.0]])


def test_a_network_cannot_take_another_memory():
    net, other = (Sequential([Dense(2)], inputs=n) for n in (3, 4))
    for name in ("dtype", "store", "input", "output"):
        with pytest.raises(OptionError, match=f"Sequential: {name}: need a new network"):
            setattr(net, name, getattr(other, name))
    state = net.__reduce__()[2]
    for name, value in (("store", other.store), ("dtype", np.dtype("float64")), ("store", None)):
        blank = Sequential.__new__(Sequential)
        with pytest.raises(CnnCoreError, match="Sequential: need"):
            blank.__setstate__({**state, name: value})


def test_flat_buffers_may_be_worked_on_in_place():
    w = Parameter("w", [1.0, 2.0])
    store = ParamStore([w], "float64")
    store.value *= 2
    store.grad += 3
    assert store["w"].tolist() == [2.0, 4.0]
    assert store.grads["w"].tolist() == [3.0, 3.0]
