"""Schedules: values, purity, bounds, and what is refused."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnn_core.errors import OptionError
from cnn_core.optim import (
    SGD,
    Constant,
    CosineDecay,
    CosineRestarts,
    CosLog4,
    ExponentialDecay,
    FlatCosine,
    MultiStepDecay,
    OneCycle,
    Piecewise,
    PolynomialDecay,
    StepDecay,
    Warmup,
    schedules,
)

OPTION = {"lr": st.floats(1e-9, 1e9), "n": st.integers(1, 10**7), "factor": st.floats(1e-3, 1)}
DRAWN = st.recursive(
    st.one_of(
        st.builds(StepDecay, OPTION["lr"], OPTION["n"], OPTION["factor"]),
        st.builds(ExponentialDecay, OPTION["lr"], OPTION["n"], OPTION["factor"]),
        st.builds(lambda lr, n, part: CosineDecay(lr, n, lr * part), OPTION["lr"], OPTION["n"],
                  st.floats(0, 0.999)),
        st.builds(lambda at, lr: Piecewise(sorted(at), [lr / (i + 1) for i in range(len(at) + 1)]),
                  st.sets(st.integers(1, 200), max_size=9), OPTION["lr"]),
        st.builds(MultiStepDecay, OPTION["lr"],
                  st.sets(st.integers(1, 200), max_size=9).map(sorted), OPTION["factor"]),
        st.builds(Constant, OPTION["lr"]),
        st.builds(lambda lr, n, power, part: PolynomialDecay(lr, n, power, lr * part),
                  OPTION["lr"], OPTION["n"], st.floats(0.1, 5), st.floats(0, 0.999)),
        st.builds(CosineRestarts, OPTION["lr"], OPTION["n"], st.integers(1, 5)),
        st.builds(CosineRestarts, OPTION["lr"], st.integers(1, 20), st.integers(1, 2)),
        st.builds(OneCycle, OPTION["lr"], OPTION["n"] | st.integers(1, 400),
                  st.floats(1e-3, 0.999), st.floats(1, 100), st.floats(1, 1e6)),
        st.builds(FlatCosine, OPTION["lr"], OPTION["n"] | st.integers(1, 400), st.floats(0, 0.99)),
        st.builds(CosLog4, OPTION["lr"], OPTION["n"] | st.integers(1, 400)),
        OPTION["lr"], st.just(lambda step: 1.0 / (step + 3)),
    ),
    lambda then: st.builds(Warmup, then, st.integers(1, 60)), max_leaves=3,
)  # fmt: skip

SCHEDULES = [
    StepDecay(0.1, every=10, factor=0.5),
    ExponentialDecay(0.1, every=10, factor=0.5),
    CosineDecay(0.1, steps=50, floor=0.001),
    Piecewise((10, 20), (0.1, 0.05, 0.0)),
    MultiStepDecay(0.1, (10, 20), 0.5),
    Constant(0.1),
    PolynomialDecay(0.1, steps=50, power=2.0, floor=0.001),
    CosineRestarts(0.1, period=7, growth=2, floor=0.001),
    CosineRestarts(0.1, period=3),
    OneCycle(0.1, steps=50),
    FlatCosine(0.1, steps=50, floor=0.001),
    CosLog4(0.1, steps=50),
    Warmup(0.1, steps=5),
    Warmup(CosineDecay(0.1, steps=50), steps=5),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
@given(steps=st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_rate_depends_on_the_step_alone_and_stays_within_bounds(schedule, steps):
    forward = [schedule(step) for step in steps]
    backward = [schedule(step) for step in reversed(steps)]
    assert forward == backward[::-1]
    assert all(math.isfinite(rate) and 0 <= rate <= 0.1 for rate in forward)


@settings(max_examples=120, deadline=None)
@given(schedule=DRAWN, first=st.one_of(st.integers(0, 300), st.integers(0, 2**53 - 300)),
       n=st.integers(0, 130))  # fmt: skip
def test_the_rates_of_a_chunk_are_those_of_single_calls_to_the_bit(schedule, first, n):
    found = SGD(lr=schedule).rates(first, n)
    assert (found.shape, found.dtype) == ((n, 1), np.float64)
    if n == 0:
        return
    single = [schedule(first + i) if callable(schedule) else schedule for i in range(n)]
    assert found.tobytes() == np.array(single).tobytes()
    walked = SGD(lr=schedule)  # some of them made ahead
    assert [walked.rates_at(first + i)[0] for i in range(n)] == single


def test_the_formulas_are_those_of_python_to_the_bit():
    """Which takes cos and pow from the same C library."""
    for step in [*range(0, 1000, 7), 10**6]:
        assert StepDecay(0.3, 70, 0.7)(step) == 0.3 * 0.7 ** (step // 70)
        assert ExponentialDecay(0.3, 70, 0.7)(step) == 0.3 * 0.7 ** (step / 70)
        cosine = 0.01 + (0.3 - 0.01) * (1 + math.cos(math.pi * min(step, 900) / 900)) / 2
        assert CosineDecay(0.3, 900, 0.01)(step) == (cosine if step < 900 else 0.01)


def test_a_class_of_ones_own_that_is_derived_from_one_is_asked_step_by_step():
    class Half(CosineDecay):
        def __call__(self, step: int) -> float:
            return super().__call__(step) / 2

    half, whole = SGD(lr=Half(0.1, 50)), SGD(lr=CosineDecay(0.1, 50))
    np.testing.assert_array_equal(half.rates(3, 20), whole.rates(3, 20) / 2)
    assert half.rates_at(3)[0] == whole.rates_at(3)[0] / 2


def test_functions_are_asked_for_a_single_step_when_it_comes():
    asked = []

    def schedule(step: int) -> float:
        asked.append(step)
        return 0.1

    for lr in (schedule, Warmup(schedule, 1)):
        asked.clear()
        optimizer = SGD(lr=lr)
        for step in (1, 2, 3):
            optimizer.rates_at(step)
        assert asked == ([1, 2, 3] if lr is schedule else [0, 1, 2])


def test_a_new_rate_forgets_those_made_ahead():
    optimizer = SGD(lr=CosineDecay(0.1, 50))
    optimizer.rates_at(0)
    optimizer.lr = 0.5
    assert optimizer.rates_at(1) == (0.5,)


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf, 1e19, "0.1", None])
def test_a_bad_rate_in_a_chunk_is_named_by_its_step(bad):
    for lr in (lambda step: bad if step == 7 else 0.1, Warmup(lambda s: bad if s == 3 else 0.1, 4)):
        optimizer = SGD(lr=lr)
        assert len(optimizer.rates(0, 7)) == 7
        with pytest.raises(OptionError, match=r"lr of <function .* at step (7|3): need a number"):
            optimizer.rates(5, 9)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_schedules_pickle_compare_and_stay_as_they_are(schedule):
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert eval(repr(schedule), vars(schedules)) == schedule
    with pytest.raises(AttributeError):
        schedule.lr = 1.0


def test_values_at_the_joints():
    step = SCHEDULES[0]
    assert [step(s) for s in (0, 9, 10, 19, 20)] == [0.1, 0.1, 0.05, 0.05, 0.025]
    exponential = SCHEDULES[1]
    assert [exponential(s) for s in (0, 10, 20)] == [0.1, 0.05, 0.025]
    assert exponential(5) == pytest.approx(0.1 * 0.5**0.5)
    cosine = SCHEDULES[2]
    assert cosine(0) == pytest.approx(0.1)
    assert cosine(25) == pytest.approx((0.1 + 0.001) / 2)
    assert [cosine(s) for s in (50, 51, 10**12)] == [0.001] * 3
    piecewise = SCHEDULES[3]
    assert [piecewise(s) for s in (0, 9, 10, 19, 20, 99)] == [0.1, 0.1, 0.05, 0.05, 0.0, 0.0]


def test_warm_up_rises_to_the_first_rate_then_counts_afresh():
    then = CosineDecay(0.1, steps=50)
    schedule = Warmup(then, steps=5)
    assert [schedule(s) for s in range(5)] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1])
    assert [schedule(s) for s in range(5, 60)] == [then(s) for s in range(55)]


def test_agrees_with_torch():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    torch_schedules = torch.optim.lr_scheduler
    def polynomial(power):
        return lambda o: torch_schedules.PolynomialLR(o, 33, power)

    def restarts(growth):
        return lambda o: torch_schedules.CosineAnnealingWarmRestarts(o, 7, growth, 0.01)

    def one_cycle(share):
        return lambda o: torch_schedules.OneCycleLR(o, 0.1, 40, pct_start=share)

    pairs = [
        (StepDecay(0.1, 7, 0.3), lambda o: torch_schedules.StepLR(o, 7, 0.3)),
        (MultiStepDecay(0.1, (3, 4, 30), 0.3),
         lambda o: torch_schedules.MultiStepLR(o, [3, 4, 30], 0.3)),
        (PolynomialDecay(0.1, 33), polynomial(1)),
        (PolynomialDecay(0.1, 33, 2.5), polynomial(2.5)),
        (CosineRestarts(0.1, 7, floor=0.01), restarts(1)),
        (CosineRestarts(0.1, 7, 2, floor=0.01), restarts(2)),
        *[(OneCycle(0.1, 40, share), one_cycle(share)) for share in (0.01, 0.13, 0.3, 0.99)],
        (ExponentialDecay(0.1, 1, 0.97), lambda o: torch_schedules.ExponentialLR(o, 0.97)),
        (CosineDecay(0.1, 40, 0.01), lambda o: torch_schedules.CosineAnnealingLR(o, 40, 0.01)),
    ]
    for ours, make in pairs:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        theirs = make(optimizer)
        for step in range(40):
            assert ours(step) == pytest.approx(theirs.get_last_lr()[0], rel=1e-10, abs=1e-17)
            optimizer.step()
            if step < 39:  # OneCycleLR refuses more
                theirs.step()


def test_those_that_torch_lacks_agree_with_their_published_formulas():
    for n in (1, 7, 40, 1000):
        for step in range(n):
            t = step / n
            waves = 0.05 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * t)))
            assert CosLog4(0.1, n)(step) == pytest.approx(waves, abs=1e-15)
            part = (t - 0.6) / 0.4
            flat = 0.1 if part < 0 else 0.02 + 0.04 * (1 + math.cos(math.pi * part))
            assert FlatCosine(0.1, n, 0.6, 0.02)(step) == pytest.approx(flat, abs=1e-15)
            assert Constant(0.1)(step) == 0.1
    line = PolynomialDecay(0.1, 10, floor=0.02)
    assert [line(s) for s in (0, 5, 10, 99)] == pytest.approx([0.1, 0.06, 0.02, 0.02], rel=1e-15)
    rates = [CosLog4(1, 1500)(s) for s in range(1500)]
    crests = [s for s in range(1, 1499) if rates[s - 1] < rates[s] > rates[s + 1]]
    assert crests == [41, 183, 466, 1031]  # where log2(1 + 15 s / 1500) is 0.5, 1.5, 2.5, 3.5
    assert CosLog4(0.1, 40)(0) == CosLog4(0.1, 40)(40) == 0.0


def test_restarts_of_any_length_are_found_from_any_step():
    schedule = CosineRestarts(0.1, 3, 2)
    starts = [3 * (2**k - 1) for k in range(45)]
    assert {schedule(s) for s in starts} == {0.1}
    assert all(schedule(s - 1) < 0.1 for s in starts[1:])
    assert CosineRestarts(0.1, 7)(7 * 10**14) == 0.1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: StepDecay(0.0, 10), "StepDecay: lr: need a number in"),
        (lambda: StepDecay(0.1, 0), "StepDecay: every: need a whole .* at least 1; got 0"),
        (lambda: StepDecay(0.1, 1.5), "StepDecay: every: need a whole .* at least 1; got 1.5"),
        (lambda: StepDecay(0.1, True), "StepDecay: every: need a whole number"),
        (lambda: StepDecay(0.1, 10, 1.1), r"StepDecay: factor: need a number in \(0, 1\]; got 1.1"),
        (lambda: ExponentialDecay(0.1, 10, 0), "ExponentialDecay: factor: need"),
        (lambda: CosineDecay(0.1, -5), "CosineDecay: steps: need a whole number"),
        (lambda: CosineDecay(0.1, 5, 0.2), r"CosineDecay: floor: need a number in \[0, 0.1\]"),
        (lambda: Piecewise((5, 5), (1, 2, 3)), "boundaries: need a whole .* at least 6; got 5"),
        (
            lambda: Piecewise(5, (1, 2)),
            "Piecewise: boundaries: need a tuple of rising steps; got 5",
        ),
        (lambda: Piecewise((5,), 1.0), "Piecewise: rates: need a tuple of numbers; got 1.0"),
        (lambda: Piecewise((5,), (1.0,)), "rates: need 2, one more than the boundaries; got 1"),
        (lambda: Piecewise((5,), (1.0, -1.0)), "Piecewise: rates: need a number in"),
        (lambda: Constant(0), "Constant: lr: need a number in"),
        (lambda: MultiStepDecay(0.1, (5, 4)), "milestones: need a whole .* at least 6; got 4"),
        (lambda: MultiStepDecay(0.1, 5), "MultiStepDecay: milestones: need a tuple of rising"),
        (lambda: PolynomialDecay(0.1, 5, 0), "PolynomialDecay: power: need a positive number"),
        (lambda: PolynomialDecay(0.1, 5, floor=1), "PolynomialDecay: floor: need a number in"),
        (lambda: CosineRestarts(0.1, 0), "CosineRestarts: period: need a whole number"),
        (lambda: CosineRestarts(0.1, 5, 1.5), "CosineRestarts: growth: need a whole number"),
        (lambda: OneCycle(0.1, 5, 1), r"OneCycle: pct_start: need a number in \(0, 1\); got 1"),
        (lambda: OneCycle(0.1, 5, div_factor=0.5), "OneCycle: div_factor: need a number in"),
        (lambda: FlatCosine(0.1, 5, 1), r"FlatCosine: flat: need a number in \[0, 1\)"),
        (lambda: CosLog4(0.1, 1.5), "CosLog4: steps: need a whole number"),
        (lambda: CosLog4(0.1, 5, 3), "CosLog4: need at most 2 options without a name"),
        (lambda: Warmup(-0.1, 5), "Warmup: then: need a positive number"),
        (lambda: Warmup("cosine", 5), "Warmup: then: need .* or a schedule .*; got 'cosine'"),
        (lambda: Warmup(CosineDecay, 5), "Warmup: then: need .* or a schedule"),
        (lambda: Warmup(0.1, None), "Warmup: steps: need a whole number"),
    ],
)
def test_bad_options_are_refused(make, words):
    with pytest.raises(OptionError, match=words):
        make()


@pytest.mark.parametrize("step", [-1, 1.5, None, "3", True, 2**63, 10**400, [1]])
@pytest.mark.parametrize("make", [
    lambda: StepDecay(0.1, 2), lambda: CosineDecay(0.1, 5), lambda: Piecewise((2,), (0.1, 0.2)),
    lambda: Warmup(0.1, 5), lambda: CosineRestarts(0.1, 2), lambda: OneCycle(0.1, 5),
])  # fmt: skip
def test_a_step_is_a_whole_number_from_zero(make, step):
    with pytest.raises(OptionError, match="need a step, a whole number"):
        make()(step)
    assert make()(np.int32(3)) == make()(3)


def test_a_schedule_that_takes_no_step_is_refused_before_the_update():
    with pytest.raises(OptionError, match="SGD: need lr, a schedule step -> lr; got <function"):
        SGD(lr=lambda: 0.1).lr_at(0)
