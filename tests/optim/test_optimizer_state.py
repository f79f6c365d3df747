"""State: binding, the ranges of weight decay, saving and loading to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from optimizer_cases import CASES, SHAPES, make_store, train

from cnn_core.errors import OptionError, StateError
from cnn_core.graph.node import Parameter
from cnn_core.graph.params import ParamStore
from cnn_core.optim import SGD, Adam, AdamW, NAdam, RMSProp


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


def ranges(no_decay, weight_decay=0.1):
    optimizer, store = SGD(weight_decay=weight_decay, no_decay=no_decay), make_store("float32")
    optimizer.bind(store)
    return optimizer.ranges.tolist(), store.spans


def test_equal_decay_gives_one_range():
    found, spans = ranges(())
    assert found == [[0, spans["c"][1], 0.1]]
    assert ranges(("*",))[0] == [[0, spans["c"][1], 0.0]]
    assert ranges(("a.b",), weight_decay=0.0)[0] == [[0, spans["c"][1], 0.0]]


def test_neighbours_of_equal_decay_are_merged():
    found, spans = ranges(("a.b", "b.w"))
    assert found == [
        [0, spans["a.w"][1], 0.1],
        [spans["a.b"][0], spans["b.w"][1], 0.0],
        [spans["b.b"][0], spans["c"][1], 0.1],
    ]


@pytest.mark.parametrize("no_decay", [("*.b", "c"), ["a.b", "b.b", "c"], {"[ab].b", "c"}],
                         ids=["tuple", "list", "set"])  # fmt: skip
def test_no_decay_takes_names_and_patterns(no_decay):
    found, spans = ranges(no_decay)
    spared = {begin for begin, _, decay in found if decay == 0}
    assert spared == {spans["a.b"][0], spans["b.b"][0]}  # c follows b.b
    assert found[-1][1] == spans["c"][1]


def test_no_decay_prefers_the_exact_name_of_a_parameter_with_brackets():
    store = ParamStore([Parameter("w[0]", 1.0), Parameter("w0", 1.0)], "float64")
    optimizer = SGD(lr=1.0, weight_decay=0.5, no_decay=("w[0]",))
    optimizer.apply(store)
    assert store["w[0]"] == 1.0


def test_no_decay_without_a_match_lists_the_parameters_and_binds_nothing():
    optimizer = AdamW(no_decay=("a.w", "*.gamma"))
    with pytest.raises(OptionError) as caught:
        optimizer.bind(make_store("float32"))
    known = ", ".join(SHAPES)
    assert str(caught.value) == (
        f"AdamW: no_decay: need a name or pattern among {known}; got '*.gamma'"
    )
    assert optimizer.slots == []


def test_decay_spares_what_no_decay_names():
    store = make_store("float64")
    before = {name: value.copy() for name, value in store.items()}
    SGD(lr=1.0, weight_decay=0.25, no_decay=("*.b",)).apply(store)
    for name, value in store.items():
        np.testing.assert_array_equal(value, before[name] * (1.0 if name.endswith(".b") else 0.75))


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


def test_state_dict_is_a_copy_and_loading_keeps_the_buffers():
    store, optimizer = make_store("float32"), Adam()
    train(optimizer, store, 2)
    saved = optimizer.state_dict()
    before = {name: slot.tobytes() for name, slot in saved["slots"].items()}
    slots = list(optimizer.slots)
    train(optimizer, store, 2)
    assert before == {name: slot.tobytes() for name, slot in saved["slots"].items()}
    optimizer.load_state_dict(saved)
    assert all(a is b for a, b in zip(slots, optimizer.slots, strict=True))
    train(optimizer, store, 1)
    assert before == {name: slot.tobytes() for name, slot in saved["slots"].items()}


def without(key):
    return lambda state: state.pop(key)


def put(key, value):
    return lambda state: state.update({key: value})


DAMAGE = {
    "other kernel": (put("kernel", "adam"), "need the state of 'rmsprop'; got 'adam'"),
    "no kernel": (without("kernel"), "need 'kernel' as in a state_dict; got None"),
    "no slots": (without("slots"), "need 'slots'"),
    "other slots": (put("slots", {"square_mean": 0, "mean": 0}), "need the buffers"),
    "short slot": (
        lambda state: state["slots"].update(velocity=np.zeros(3, np.float32)),
        r"velocity: need float32 of shape \(\d+,\); got float32 of shape \(3,\)",
    ),
    "other dtype": (
        lambda state: state["slots"].update(velocity=state["slots"]["velocity"].astype(float)),
        "velocity: need float32 .* got float64",
    ),
    "short scalars": (put("scalars", np.zeros(2)), "scalars: need float64"),
    "negative step": (put("step_count", -1), "need step_count from 0 to .*; got -1"),
    "fractional step": (put("step_count", 1.5), "need 'step_count'"),
    "other parameters": (put("spans", {"z": (0, 16)}), "need parameters at"),
}


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
    with pytest.raises(StateError, match="need the buffers"):
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


def test_state_passes_through_json_like_spans():
    """Checkpoint formats turn tuples into lists and ints into NumPy integers."""
    optimizer = Adam()
    train(optimizer, make_store("float32"), 1)
    state = optimizer.state_dict()
    state["spans"] = {name: list(span) for name, span in state["spans"].items()}
    state["step_count"] = np.int64(state["step_count"])
    optimizer.load_state_dict(state)
    assert type(optimizer.step_count) is int


PICKLED = {
    "short buffer": lambda s: s.update(slots=[slot[:5] for slot in s["slots"]]),
    "other type": lambda s: s.update(slots=[slot.astype("float64") for slot in s["slots"]]),
    "a buffer less": lambda s: s.update(slots=s["slots"][:1]),
    "no buffer": lambda s: s.update(slots=None),
    "short scalars": lambda s: s.update(scalars=np.zeros(1)),
    "other ranges": lambda s: s.update(ranges=np.array([[0, 10**6, 0.0]])),
    "other store": lambda s: s.update(_store=ParamStore([Parameter("w", 1.0)], "float32")),
    "no store": lambda s: s.update(_store=None),
    "count": lambda s: s.update(step_count=2**63),
    "nothing": lambda s: s.clear(),
}


@pytest.mark.parametrize("change", PICKLED.values(), ids=PICKLED)
def test_a_pickled_optimizer_that_does_not_agree_with_itself_is_refused(change):
    optimizer = Adam()
    train(optimizer, make_store("float32"), 2)
    state = optimizer.__getstate__()
    Adam.__new__(Adam).__setstate__(state)
    state = dict(state)
    change(state)
    with pytest.raises(StateError, match="Adam: "):
        Adam.__new__(Adam).__setstate__(state)
