"""Groups: the rates that they make, and what is refused."""

from __future__ import annotations

import copy
import pickle

import pytest
from optimizer_cases import DEFAULTS, GROUPS, SHAPES, make_store

import cnn_core as cnn
from cnn_core.errors import OptionError
from cnn_core.optim import SGD, Adam, AdamW, CosineDecay

# -- rates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("lr", [0.01, CosineDecay(0.01, 50), lambda step: 0.01 / (step + 1)],
                         ids=["number", "cosine", "function"])  # fmt: skip
@pytest.mark.parametrize("first", [0, 5, 2**40])
def test_the_rates_of_a_chunk_are_those_of_its_steps(lr, first):
    optimizer = SGD(lr=lr, groups={**GROUPS, "a.w": {"lr": lambda step: 1.0 / (step + 2)}})
    found = optimizer.rates(first, 60)
    assert found.shape == (60, 5)
    for i, row in enumerate(found):
        assert tuple(row) == optimizer.rates_at(first + i)
    own = optimizer.lr_at(first)
    step_decay = GROUPS["b.*"]["lr"](first)
    assert optimizer.rates_at(first) == (own, own * 0.1, step_decay, 0.03, 1 / (first + 2))


def test_a_new_rate_moves_the_groups_that_multiply_it():
    optimizer = SGD(lr=1.0, groups={"a.b": {"lr_factor": 0.5}, "c": {"lr": 0.25}})
    optimizer.lr = 0.5
    assert optimizer.rates_at(0) == (0.5, 0.25, 0.25)


@pytest.mark.parametrize(("options", "words"), [
    ({"groups": {"c": {"lr": lambda step: -1.0 if step == 2 else 0.1}}},
     r"SGD: groups\['c'\]: lr of <function.* at step 2: need a number in .*; got -1.0"),
    ({"lr": lambda step: 1e17 * 2**step, "groups": {"c": {"lr_factor": 4.0}}},
     r"SGD: groups\['c'\]: lr of <function.* at step 2: need a number in .*; got 1.6e\+18"),
], ids=["own", "product"])  # fmt: skip
def test_a_rate_of_a_group_that_is_none_is_refused_by_step(options, words):
    optimizer = SGD(**options)
    assert len(optimizer.rates(0, 2)) == 2
    for call in (lambda: optimizer.rates(0, 4), lambda: optimizer.rates_at(2)):
        with pytest.raises(OptionError, match=words):
            call()


# -- options --------------------------------------------------------------------------------


@pytest.mark.parametrize("case", DEFAULTS, ids=str)
def test_every_optimizer_shows_its_groups_and_keeps_its_own_copy(case):
    given = copy.deepcopy(GROUPS)
    optimizer = case.make(groups=given)
    given["c"]["lr"] = 7.0
    optimizer.groups["c"]["lr"] = 7.0
    assert optimizer.groups == optimizer.options()["groups"] == GROUPS
    again = eval(repr(optimizer), dict(vars(cnn.optim)))
    assert again.options() == optimizer.options()
    assert pickle.loads(pickle.dumps(optimizer)).options() == optimizer.options()
    with pytest.raises(OptionError, match="groups: need a new optimizer for other options"):
        optimizer.groups = {}


KNOWN = ", ".join(SHAPES)


@pytest.mark.parametrize(("options", "words"), [
    ({"groups": {"a.w": {"lr": 0.1}, "*.gamma": {}}},
     f"AdamW: groups: need a name or pattern among {KNOWN}; got '*.gamma'"),
    ({"groups": {"a.v": {}}},
     f"AdamW: groups: need a name or pattern among {KNOWN}; got 'a.v': did you mean 'a.w'?"),
    ({"no_decay": ("a.w", "*.gamma")},
     f"AdamW: no_decay: need a name or pattern among {KNOWN}; got '*.gamma'"),
], ids=["groups", "hint", "no_decay"])  # fmt: skip
def test_a_pattern_without_a_match_lists_the_parameters_and_binds_nothing(options, words):
    optimizer = AdamW(**options)
    with pytest.raises(OptionError) as caught:
        optimizer.bind(make_store("float32"))
    assert str(caught.value) == words
    assert optimizer.slots == []


@pytest.mark.parametrize(("groups", "words"), [
    ([("c", {"lr": 0.1})], r'groups: need a dictionary such as \{"\*.b": \{"lr_factor": 0.1\}\}'),
    ({3: {"lr": 0.1}}, "groups: need names or patterns as its keys; got 3"),
    ({"": {"lr": 0.1}}, "groups: need names or patterns as its keys; got ''"),
    ({"c": 0.1}, r"groups\['c'\]: need a dictionary of lr, lr_factor, .*; got 0.1"),
    ({"c": {"lr_facter": 0.1}},
     r"groups\['c'\]: need lr, lr_factor, .*; got 'lr_facter': did you mean 'lr_factor'"),
    ({"c": {"learning_rate": 0.1}}, "got 'learning_rate': did you mean 'lr'"),
    ({"c": {"lr": 0.1, "lr_factor": 0.1}}, r"groups\['c'\]: need lr, or lr_factor .*; got both"),
    ({"c": {"lr": 0}}, r"groups\['c'\]: lr: need a positive number .* or a schedule"),
    ({"c": {"lr_factor": -0.1}}, r"groups\['c'\]: lr_factor: need a number in \[0"),
    ({"c": {"lr_factor": float("nan")}}, r"groups\['c'\]: lr_factor: need a number in \[0"),
    ({"c": {"weight_decay": None}}, r"groups\['c'\]: weight_decay: need a number in \[0"),
], ids=str)  # fmt: skip
def test_bad_groups_are_refused(groups, words):
    with pytest.raises(OptionError, match=words):
        Adam(groups=groups)
