"""Options: what is refused, with which words, and what they mean for the state."""

from __future__ import annotations

import copy
import pickle
from fractions import Fraction

import numpy as np
import pytest
from optimizer_cases import CASES, DEFAULTS, make_store, train

from cnn_core import optim
from cnn_core.errors import OptionError
from cnn_core.optim import (
    OPTIMIZERS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    CosineDecay,
    NAdam,
    Optimizer,
    RMSProp,
    get,
)

NOT_A_NUMBER = [float("nan"), float("inf"), -float("inf"), "0.1", True, [0.1], 1j, 10**400]
FRACTIONS = {"beta1", "beta2", "alpha", "rho"}


def numeric_options() -> list:
    """Every option of every optimizer that takes a number."""
    return [
        pytest.param(case.cls, name, id=f"{case.cls.kernel}-{name}")
        for case in DEFAULTS
        for name, value in case.make().options().items()
        if isinstance(value, float) or name in ("clip_norm", "clip_value")
    ]


@pytest.mark.parametrize("value", [*NOT_A_NUMBER, -0.5], ids=str)
@pytest.mark.parametrize(("cls", "name"), numeric_options())
def test_error_names_class_option_and_value(cls, name, value):
    with pytest.raises(OptionError) as caught:
        cls(**{name: value})
    message = str(caught.value)
    assert message.startswith(f"{cls.__name__}: {name}: need ")
    assert f"got {value!r}" in message


@pytest.mark.parametrize(("cls", "name"), numeric_options())
def test_none_only_switches_clipping_off(cls, name):
    if name.startswith("clip"):
        assert cls(**{name: None}).options()[name] is None
    else:
        with pytest.raises(OptionError, match=f"{cls.__name__}: {name}: need .*; got None"):
            cls(**{name: None})


@pytest.mark.parametrize(("cls", "name"), numeric_options())
def test_limits_of_each_option(cls, name):
    if name in FRACTIONS:
        cls(**{name: 0})
        refused = [1.0, 1.5]
    elif name == "momentum":
        cls(**{name: 1})
        refused = [1.0001]
    elif name in ("lr", "eps", "clip_norm", "clip_value"):
        cls(**{name: 1e-20})
        refused = [0, 0.0, -0.0]
    else:
        cls(**{name: 0})
        refused = [1e19]
    for value in refused:
        with pytest.raises(OptionError, match=f"{cls.__name__}: {name}: need"):
            cls(**{name: value})


@pytest.mark.parametrize("value", [1, 0, "yes", None, 1.0], ids=repr)
@pytest.mark.parametrize(
    ("cls", "name"), [(SGD, "nesterov"), (RMSProp, "centered"), (AdamW, "amsgrad")]
)
def test_flags_are_true_or_false(cls, name, value):
    with pytest.raises(OptionError, match=f"{cls.__name__}: {name}: need True or False; got"):
        cls(**{name: value})


@pytest.mark.parametrize("value", ["a.b", 3, None, [3], [""]], ids=repr)
def test_no_decay_is_a_collection_of_names(value):
    with pytest.raises(OptionError, match="Adam: no_decay: need a tuple of names"):
        Adam(no_decay=value)


@pytest.mark.parametrize("value", [0.25, np.float32(0.25), np.float64(0.25), Fraction(1, 4)])
def test_any_real_number_type_is_taken(value):
    assert SGD(lr=value).lr == 0.25
    assert type(SGD(lr=value).lr) is float
    assert SGD(momentum=value).hyper() == (0.25, 0.0, 0.0)


def test_nesterov_needs_momentum():
    with pytest.raises(OptionError, match="SGD: nesterov: need momentum > 0"):
        SGD(nesterov=True)


@pytest.mark.parametrize("case", DEFAULTS, ids=str)
def test_options_cannot_change_but_lr(case):
    optimizer = case.make()
    optimizer.lr = 0.5
    assert optimizer.lr_at(10) == 0.5
    for name in set(optimizer.options()) - {"lr"}:
        with pytest.raises(OptionError, match=f"{case.cls.__name__}: {name}: need a new optimizer"):
            setattr(optimizer, name, 0.5)
    with pytest.raises(OptionError, match="lr: need"):
        optimizer.lr = -1.0
    assert optimizer.lr == 0.5


@pytest.mark.parametrize("case", CASES, ids=str)
def test_repr_shows_every_option_and_evaluates_to_an_equal_optimizer(case):
    optimizer = case.make(no_decay=("a.b",), clip_norm=2.0)
    again = eval(repr(optimizer), dict(vars(optim)))
    assert type(again) is case.cls
    assert again.options() == optimizer.options()


@pytest.mark.parametrize("result", [-1e-9, float("nan"), float("inf"), "0.1", None, True, 1e30])
def test_a_bad_rate_of_a_schedule_is_refused_and_changes_nothing(result):
    store = make_store("float32")
    optimizer = Adam(lr=lambda step: 0.1 if step < 2 else result)
    train(optimizer, store, 2)
    before = store.value.tobytes(), [slot.tobytes() for slot in optimizer.slots]
    with pytest.raises(OptionError, match=r"Adam: lr of <function.* at step 2: need a number in"):
        optimizer.apply(store)
    assert optimizer.step_count == 2
    assert before == (store.value.tobytes(), [slot.tobytes() for slot in optimizer.slots])


def test_schedule_is_asked_for_steps_from_zero():
    asked = []

    def schedule(step: int) -> float:
        asked.append(step)
        return 0.0

    train(SGD(lr=schedule), make_store("float32"), 3)
    assert asked == [0, 1, 2]


@pytest.mark.parametrize(
    ("optimizer", "starts"),
    [
        (SGD(), ()),
        (SGD(momentum=0.9), (0.0,)),
        (Adagrad(initial_accumulator_value=0.5), (0.5,)),
        (RMSProp(), (0.0,)),
        (RMSProp(momentum=0.9), (0.0, 0.0)),
        (RMSProp(centered=True), (0.0, 0.0)),
        (RMSProp(centered=True, momentum=0.9), (0.0, 0.0, 0.0)),
        (Adam(), (0.0, 0.0)),
        (Adam(amsgrad=True), (0.0, 0.0, 0.0)),
        (NAdam(), (0.0, 0.0)),
    ],
    ids=repr,
)
def test_state_is_no_larger_than_the_options_call_for(optimizer, starts):
    assert optimizer.slot_starts() == starts
    store = make_store("float64")
    optimizer.bind(store)
    assert [slot.shape for slot in optimizer.slots] == [store.value.shape] * len(starts)
    for slot, start in zip(optimizer.slots, starts, strict=True):
        assert np.all(slot == start)


def test_get_knows_every_name_and_passes_instances():
    for name, cls in OPTIMIZERS.items():
        assert type(get(name)) is cls
        assert type(get(cls.__name__)) is cls
    optimizer = Adam(lr=0.5)
    assert get(optimizer) is optimizer


@pytest.mark.parametrize(
    "value", ["adma", "", None, 3, object()], ids=["adma", "", "None", "3", "object"]
)
def test_get_lists_the_known_names(value):
    with pytest.raises(OptionError, match=r"need an Optimizer or one of sgd, adagrad.*nadam; got"):
        get(value)


def test_get_refuses_a_class_and_says_what_to_write():
    with pytest.raises(OptionError, match=r"got the class Adam: write Adam\(\)"):
        get(Adam)


def test_optimizer_itself_cannot_be_made():
    with pytest.raises(TypeError):
        Optimizer()


@pytest.mark.parametrize("make_copy", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_have_equal_options(make_copy):
    optimizer = Adam(lr=CosineDecay(0.1, steps=10), clip_norm=1.0)
    assert make_copy(optimizer).options() == optimizer.options()
