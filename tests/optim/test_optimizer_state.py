"""State: binding, saving by names and loading to the bit."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from optimizer_cases import CASES, SHAPES, make_store, set_gradients, train

from cnn_core.errors import StateError
from cnn_core.ir.node import Parameter
from cnn_core.optim import Adam, AdamW, NAdam, RMSProp
from cnn_core.state.params import ParamStore


def test_binding_again_keeps_the_state():
    store, optimizer = make_store("float32"), Adam()
    train(optimizer, store, 3)
    slots = optimizer.slots
    optimizer.bind(store)
    assert optimizer.slots is slots
    assert optimizer.step_count == 3


def test_binding_to_other_parameters_needs_reset():
    first, other, optimizer = make_store("float32"), make_store("float32"), NAdam()
    train(optimizer, first, 3)
    with pytest.raises(StateError, match=r"NAdam: need the parameters.*call reset\(\)"):
        optimizer.bind(other)
    with pytest.raises(StateError, match=r"NAdam: need the parameters"):
        optimizer.apply(other)
    assert optimizer.step_count == 3
    optimizer.reset()
    fresh, peer = make_store("float32"), NAdam()
    train(optimizer, other, 3)
    train(peer, fresh, 3)
    assert other.value.tobytes() == fresh.value.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_saved_and_loaded_training_goes_on_with_the_same_bits(case, dtype):
    store, optimizer = make_store(dtype), case.make()
    train(optimizer, store, 7)
    saved, values = optimizer.state_dict(), store.value.copy()
    train(optimizer, store, 5, seed=2)

    resumed, again = make_store(dtype, seed=9), case.make()
    resumed.value[:] = values
    again.bind(resumed)
    again.load_state_dict(saved)
    assert again.step_count == 7
    train(again, resumed, 5, seed=2)
    assert resumed.value.tobytes() == store.value.tobytes()
    assert again.scalars.tobytes() == optimizer.scalars.tobytes()
    for a, b in zip(again.slots, optimizer.slots, strict=True):
        assert a.tobytes() == b.tobytes()


def test_the_state_is_named_by_slot_and_parameter():
    store, optimizer = make_store("float32"), AdamW(no_decay=("*.b",), groups={"c": {"lr": 0.1}})
    train(optimizer, store, 2)
    state = optimizer.state_dict()
    assert list(state) == ["kernel", "options", "step_count", "scalars", "slots"]
    assert state["options"] == optimizer.options()
    assert list(state["slots"]) == ["mean", "square_mean"]
    for arrays in state["slots"].values():
        assert {name: array.shape for name, array in arrays.items()} == SHAPES
        assert all(array.any() for array in arrays.values())


@pytest.mark.parametrize("bound", [True, False])
@pytest.mark.parametrize("case", CASES[::3], ids=str)
def test_a_state_fits_parameters_that_lie_elsewhere(case, bound):
    """In another order, among other gaps."""
    store, optimizer = make_store("float32"), case.make()
    train(optimizer, store, 3)
    turned = ParamStore([Parameter(n, store[n]) for n in reversed(SHAPES)], "float32")
    again = case.make()
    if bound:
        again.bind(turned)
    again.load_state_dict(optimizer.state_dict())
    rng = np.random.default_rng(5)
    for _ in range(3):
        set_gradients(store, rng)
        for name, grad in turned.grads.items():
            grad[...] = store.grads[name]
        optimizer.apply(store)
        again.apply(turned)
    for name, value in store.items():
        assert turned[name].tobytes() == value.tobytes()
    np.testing.assert_equal(again.state_dict()["slots"], optimizer.state_dict()["slots"])


def test_state_dict_is_a_copy_and_loading_keeps_the_buffers():
    store, optimizer = make_store("float32"), Adam()
    train(optimizer, store, 2)
    saved = optimizer.state_dict()
    before = copy.deepcopy(saved["slots"])
    slots = list(optimizer.slots)
    train(optimizer, store, 2)
    np.testing.assert_equal(saved["slots"], before)
    optimizer.load_state_dict(saved)
    assert all(a is b for a, b in zip(slots, optimizer.slots, strict=True))
    train(optimizer, store, 1)
    np.testing.assert_equal(saved["slots"], before)


def without(key):
    return lambda state: state.pop(key)


def put(key, value):
    return lambda state: state.update({key: value})


def slot(change):
    return lambda state: change(state["slots"]["velocity"])


NEED = r"velocity: need float32 for a\.w \(7, 5\), a\.b \(5,\), .*; got "
DAMAGE = {
    "other kernel": (put("kernel", "adam"), "need the state of 'rmsprop'; got 'adam'"),
    "no kernel": (without("kernel"), "need 'kernel' as in a state_dict; got None"),
    "no slots": (without("slots"), "need 'slots'"),
    "other slots": (put("slots", {"square_mean": {}, "mean": {}}), "need the slots"),
    "flat slots": (
        lambda state: state["slots"].update(velocity=np.zeros(128, np.float32)),
        r"velocity: need arrays by names of parameters; got an array of",
    ),
    "a list": (slot(lambda s: s.update(c=[1.0])), r"velocity: c: need an array; got \[1.0\]"),
    "missing": (slot(lambda s: [s.pop("a.w"), s.pop("c")]), NEED + "no a.w, no c$"),
    "unexpected": (
        slot(lambda s: s.update({"b.v": s["b.w"]})), NEED + r"an unknown 'b\.v': did you mean",
    ),
    "other shapes": (
        slot(lambda s: s.update({"a.b": np.zeros(4, np.float32), "c": np.zeros(1, np.float32)})),
        NEED + r"a\.b as float32 \(4,\), c as float32 \(1,\)$",
    ),
    "other dtype": (
        slot(lambda s: s.update({"a.b": np.zeros(5)})), NEED + r"a\.b as float64 \(5,\)$",
    ),
    "all at once": (
        slot(lambda s: s.update({"z": s.pop("c"), "a.b": np.zeros(5)})),
        NEED + r"no c, an unknown 'z', a\.b as float64 \(5,\)$",
    ),
    "short scalars": (put("scalars", np.zeros(2)), "scalars: need float64"),
    "negative step": (put("step_count", -1), "need step_count from 0 to .*; got -1"),
    "fractional step": (put("step_count", 1.5), "need 'step_count'"),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "words"), DAMAGE.values(), ids=DAMAGE)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(damage, words):
    store, optimizer = make_store("float32"), RMSProp(momentum=0.9)
    train(optimizer, store, 2)
    state = optimizer.state_dict()
    train(optimizer, store, 2)
    before = (
        optimizer.step_count,
        optimizer.scalars.tobytes(),
        [s.tobytes() for s in optimizer.slots],
    )
    damage(state)
    with pytest.raises(StateError, match=f"RMSProp.load_state_dict: {words}"):
        optimizer.load_state_dict(state)
    after = (
        optimizer.step_count,
        optimizer.scalars.tobytes(),
        [s.tobytes() for s in optimizer.slots],
    )
    assert before == after


def test_state_of_other_slots_of_equal_number_is_refused():
    momentum, centered = RMSProp(momentum=0.9), RMSProp(centered=True)
    train(momentum, make_store("float32"), 1)
    centered.bind(make_store("float32"))
    with pytest.raises(StateError, match="need the slots"):
        centered.load_state_dict(momentum.state_dict())


@pytest.mark.parametrize("state", [None, [], "adam", 3])
def test_only_a_mapping_is_a_state(state):
    optimizer = Adam()
    optimizer.bind(make_store("float32"))
    with pytest.raises(StateError, match="need a state_dict; got"):
        optimizer.load_state_dict(state)


def test_unbound_optimizer_has_no_state():
    with pytest.raises(StateError, match=r"Adam.state_dict: need bind\(store\) first"):
        Adam().state_dict()


def test_a_step_count_of_numpy_is_taken():
    """Checkpoint formats turn ints into NumPy integers."""
    optimizer = Adam()
    train(optimizer, make_store("float32"), 1)
    state = optimizer.state_dict()
    state["step_count"] = np.int64(state["step_count"])
    optimizer.load_state_dict(state)
    assert type(optimizer.step_count) is int


PICKLED = {
    "no slots": lambda s: s["state"].pop("slots"),
    "other slots": lambda s: s["state"].update(slots={"mean": {}}),
    "no array": lambda s: s["state"]["slots"]["mean"].update(c=None),
    "short scalars": lambda s: s["state"].update(scalars=np.zeros(1)),
    "other kernel": lambda s: s["state"].update(kernel="sgd"),
    "no state": lambda s: s.pop("state"),
    "no option": lambda s: s.pop("beta1"),
    "count": lambda s: s.update(step_count=2**63),
    "nothing": lambda s: s.clear(),
}


@pytest.mark.parametrize("change", PICKLED.values(), ids=PICKLED)
def test_a_pickled_optimizer_that_does_not_agree_with_itself_is_refused(change):
    optimizer = Adam()
    train(optimizer, make_store("float32"), 2)
    state = copy.deepcopy(optimizer.__getstate__())
    Adam.__new__(Adam).__setstate__(state)
    change(state)
    with pytest.raises(StateError, match=r"Adam[.:]"):
        Adam.__new__(Adam).__setstate__(state)
