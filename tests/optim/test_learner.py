"""The learner: an optimizer as the C core sees it, and who counts the steps."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from optimizer_cases import CASES, DEFAULTS, make_store, set_gradients, train

from cnn_core.errors import OptionError, StateError
from cnn_core.ir.node import Parameter
from cnn_core.optim import SGD, Adam, NAdam
from cnn_core.state.params import ParamStore


def learn(optimizer, store, steps, seed=1):
    """Make ``steps`` updates as a training does: the learner steps, the count comes after."""
    rng = np.random.default_rng(seed)
    learner = optimizer.learner(store)
    for _ in range(steps):
        set_gradients(store, rng)
        learner.learn(optimizer.rates_at(learner.step))
    optimizer.count_steps()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_steps_of_the_learner_have_the_bits_of_apply(case):
    ours, theirs = make_store("float32"), make_store("float32")
    one, other = case.make(), case.make()
    learn(one, ours, 5)
    train(other, theirs, 5)
    assert ours.value.tobytes() == theirs.value.tobytes()
    assert one.step_count == other.step_count == 5
    assert one.scalars.tobytes() == other.scalars.tobytes()


def test_the_learner_stays_the_same_until_somebody_sets_the_count():
    store, optimizer = make_store("float64"), Adam()
    learner = optimizer.learner(store)
    learn(optimizer, store, 3)
    assert optimizer.learner(store) is learner
    assert learner.step == 3
    optimizer.step_count = 7
    assert optimizer.learner(store) is not learner
    assert optimizer.learner(store).step == 7
    train(optimizer, store, 1)
    assert optimizer.step_count == 8


def test_counting_twice_or_before_any_step_changes_nothing():
    store, optimizer = make_store("float64"), Adam()
    optimizer.count_steps()
    assert optimizer.step_count == 0
    learn(optimizer, store, 2)
    optimizer.count_steps()
    assert optimizer.step_count == 2


def test_the_rate_of_a_step_is_that_of_its_number():
    seen = []

    def lr(step):
        seen.append(step)
        return 0.1

    store, optimizer = make_store("float64"), SGD(lr=lr)
    seen.clear()
    train(optimizer, store, 3)
    assert seen == [0, 1, 2]


def test_a_rate_that_fails_makes_no_step():
    rates = [0.1]
    store, optimizer = make_store("float64"), Adam(lr=lambda step: rates[0])
    train(optimizer, store, 1)
    before, slots = store.value.tobytes(), [s.tobytes() for s in optimizer.slots]
    rates[0] = float("nan")
    with pytest.raises(OptionError, match="lr"):
        optimizer.apply(store)
    assert optimizer.step_count == 1
    assert store.value.tobytes() == before
    assert [s.tobytes() for s in optimizer.slots] == slots


def test_a_new_rate_counts_from_the_next_step():
    store, optimizer = make_store("float64"), SGD(lr=1.0)
    before = store["a.b"].copy()
    for lr in (0.5, 0.25):
        store.grad[:] = 0
        store.grads["a.b"][...] = 1
        optimizer.lr = lr
        optimizer.apply(store)
    np.testing.assert_allclose(store["a.b"], before - 0.75, rtol=1e-14)


def test_reset_forgets_the_learner():
    first, second, optimizer = make_store("float32"), make_store("float32"), NAdam()
    learn(optimizer, first, 4)
    optimizer.reset()
    optimizer.count_steps()  # of nobody
    assert optimizer.step_count == 0
    learn(optimizer, second, 2)
    fresh, peer = make_store("float32"), NAdam()
    learn(peer, fresh, 2)
    assert second.value.tobytes() == fresh.value.tobytes()


@pytest.mark.parametrize("uncounted", [0, 2])
def test_a_loaded_count_holds_whatever_the_learner_has_made(uncounted):
    """Also where steps were made that nobody has counted, as after Ctrl-C."""
    store, optimizer = make_store("float64"), NAdam()
    learn(optimizer, store, 3)
    saved, value = optimizer.state_dict(), store.value.copy()
    learner = optimizer.learner(store)
    for _ in range(uncounted):
        learner.learn((0.1,))
    optimizer.load_state_dict(saved)
    store.value[:] = value
    assert optimizer.learner(store).step == 3
    learn(optimizer, store, 2, seed=5)

    other, peer = make_store("float64"), NAdam()
    learn(peer, other, 3)
    learn(peer, other, 2, seed=5)
    assert store.value.tobytes() == other.value.tobytes()
    assert optimizer.step_count == 5


def test_other_parameters_are_refused_by_learner_and_apply():
    optimizer = Adam()
    optimizer.apply(make_store("float32"))
    for call in (optimizer.learner, optimizer.apply):
        with pytest.raises(StateError, match="need the parameters that it was bound to first"):
            call(make_store("float32"))
    assert optimizer.step_count == 1


COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda both: pickle.loads(pickle.dumps(both)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("case", DEFAULTS, ids=str)
def test_a_copy_with_its_parameters_goes_on_with_the_same_bits(case, make_copy, dtype):
    store, optimizer = make_store(dtype), case.make()
    learn(optimizer, store, 3)
    again, other = make_copy((optimizer, store))
    assert again.step_count == 3
    learn(optimizer, store, 2, seed=5)
    assert again.step_count == 3  # they share nothing
    learn(again, other, 2, seed=5)
    assert other.value.tobytes() == store.value.tobytes()
    assert again.step_count == optimizer.step_count == 5
    for a, b in zip(again.slots, optimizer.slots, strict=True):
        assert a.tobytes() == b.tobytes()
        assert not np.shares_memory(a, b)


@pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)
def test_a_copy_alone_goes_on_with_parameters_of_the_same_names(make_copy):
    store, optimizer = make_store("float32"), Adam()
    learn(optimizer, store, 3)
    again, other = make_copy(optimizer), make_store("float32")
    other.value[:] = store.value
    assert again.step_count == 3
    for one, its in ((optimizer, store), (again, other)):
        learn(one, its, 2, seed=5)
    assert other.value.tobytes() == store.value.tobytes()
    with pytest.raises(StateError, match="need the parameters that it was bound to first"):
        again.apply(store)


def test_a_pickle_does_not_carry_the_parameters():
    store = ParamStore([Parameter("w", np.zeros((300, 300)))], "float32")
    plain, momentum = SGD(), SGD(momentum=0.9)
    for optimizer in (plain, momentum):
        optimizer.reset()
        optimizer.apply(store)
    assert len(pickle.dumps(plain)) < 2_000
    assert len(pickle.dumps(momentum)) < store.value.nbytes + 2_000


@pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)
def test_an_optimizer_that_is_not_bound_can_be_copied(make_copy):
    again = make_copy(Adam(lr=0.5, no_decay=("*.b",)))
    assert again.options() == Adam(lr=0.5, no_decay=("*.b",)).options()
    train(again, make_store("float32"), 1)
    assert again.step_count == 1
