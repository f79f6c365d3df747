"""Groups and `no_decay`: which parameters they reach and what they make of them."""

from __future__ import annotations

import numpy as np
import pytest
from optimizer_cases import (
    CASES,
    DEFAULTS,
    GROUPS,
    SHAPES,
    make_store,
    relative_error,
    set_gradients,
    train,
)
from test_optimizer_reference import REFERENCE, TOLERANCE

import cnn_core as cnn
from cnn_core.errors import DataError
from cnn_core.ir.node import Parameter
from cnn_core.optim import SGD, Adam, AdamW, CosineDecay, NAdam, StepDecay
from cnn_core.optim.state import ranges_of
from cnn_core.state.params import ParamStore, store_of


def ranges(optimizer, store=None, only=None):
    """Return (begin, end, weight decay, group) of each range, in elements of the flat buffer."""
    store = make_store("float32") if store is None else store
    optimizer.bind(store)
    found = []
    kinds = optimizer._kinds(optimizer._parts, only)
    for value, grad, _, decay, group, *_ in ranges_of(optimizer._parts, optimizer.slots, kinds):
        begin = (value.ctypes.data - store.value.ctypes.data) // value.itemsize
        assert (grad.ctypes.data - store.grad.ctypes.data) // value.itemsize == begin
        found.append((begin, begin + len(value), decay, group))
    return found


def spans():
    return make_store("float32").spans


# -- what is updated together ---------------------------------------------------------------


@pytest.mark.parametrize("options", [
    {}, {"weight_decay": 0.1}, {"weight_decay": 0.0, "no_decay": ("a.b",)}, {"no_decay": ("*",)},
    {"groups": {"*.b": {}, "c": {"weight_decay": 0.0}}},
], ids=str)  # fmt: skip
def test_equal_rate_and_decay_give_one_range(options):
    decay = 0.0 if "no_decay" in options else options.get("weight_decay", 0.0)
    assert ranges(SGD(**options)) == [(0, spans()["c"][1], decay, 0)]


def test_neighbours_of_equal_decay_are_merged():
    at = spans()
    assert ranges(SGD(weight_decay=0.1, no_decay=("a.b", "b.w"))) == [
        (0, at["a.w"][1], 0.1, 0),
        (at["a.b"][0], at["b.w"][1], 0.0, 0),
        (at["b.b"][0], at["c"][1], 0.1, 0),
    ]


def test_neighbours_of_one_group_are_merged():
    at = spans()
    groups = {"a.b": {"lr": 0.1}, "b.*": {"lr_factor": 0.1}, "*": {"weight_decay": 0.5}}
    assert ranges(SGD(groups=groups)) == [
        (0, at["a.w"][1], 0.5, 0),
        (*at["a.b"], 0.0, 1),
        (at["b.w"][0], at["b.b"][1], 0.0, 2),
        (*at["c"], 0.5, 0),
    ]


def test_only_leaves_out_the_rest_of_a_group():
    at = spans()
    only = frozenset({"a.w", "b.b", "c"})
    assert ranges(AdamW(groups=GROUPS), only=only) == [
        (*at["a.w"], 0.01, 0), (*at["b.b"], 0.0, 1), (*at["c"], 0.2, 3),
    ]  # fmt: skip


@pytest.mark.parametrize("no_decay", [("*.b", "c"), ["a.b", "b.b", "c"], {"[ab].b", "c"}],
                         ids=["tuple", "list", "set"])  # fmt: skip
def test_no_decay_takes_names_and_patterns(no_decay):
    found, at = ranges(SGD(weight_decay=0.1, no_decay=no_decay)), spans()
    spared = {begin for begin, _, decay, _ in found if decay == 0}
    assert spared == {at["a.b"][0], at["b.b"][0]}  # c follows b.b
    assert found[-1][1] == at["c"][1]


@pytest.mark.parametrize("options", [
    {"no_decay": ("w[0]",)}, {"groups": {"w[0]": {"weight_decay": 0.0}}},
], ids=["no_decay", "groups"])  # fmt: skip
def test_an_exact_name_with_brackets_is_no_pattern(options):
    store = ParamStore([Parameter("w[0]", 1.0), Parameter("w[1]", 1.0)], "float64")
    SGD(lr=1.0, weight_decay=0.5, **options).apply(store)
    assert (store["w[0]"], store["w[1]"]) == (1.0, 0.5)


def test_decay_spares_what_no_decay_names_in_every_group():
    store = make_store("float64")
    before = {name: value.copy() for name, value in store.items()}
    groups = {"a.*": {"weight_decay": 0.5}, "c": {"weight_decay": 0.0}}
    SGD(lr=1.0, weight_decay=0.25, no_decay=("*.b",), groups=groups).apply(store)
    left = {"a.w": 0.5, "a.b": 1.0, "b.w": 0.75, "b.b": 1.0, "c": 1.0}
    for name, value in store.items():
        np.testing.assert_array_equal(value, before[name] * left[name])


def test_the_first_pattern_that_matches_counts():
    for groups, factor in [({"*": {"lr_factor": 2.0}, "a.b": {"lr": 9.0}}, 2.0),
                           ({"a.b": {"lr": 9.0}, "*": {"lr_factor": 2.0}}, 9.0)]:  # fmt: skip
        store = make_store("float64")
        before = store["a.b"].copy()
        store.grad[:] = 0
        store.grads["a.b"][...] = 0.5
        SGD(lr=1.0, groups=groups).apply(store)
        np.testing.assert_array_equal(store["a.b"], before - 0.5 * factor)


def scattered():
    """Return parameters of `SHAPES` in several blocks, in another order, beside others."""
    whole, alike = make_store("float64"), make_store("float64")
    blocks = [("b.b", "z", "a.b"), ("c", "b.w"), ("y", "a.w")]
    nodes = {n: Parameter(n, whole[n] if n in whole else np.ones(20)) for b in blocks for n in b}
    for block in blocks:
        store_of({nodes[n]: n for n in block}, "float64", "test")
    return store_of({nodes[n]: n for n in SHAPES}, "float64", "test"), alike


@pytest.mark.parametrize("case", DEFAULTS, ids=str)
def test_parameters_in_several_blocks_learn_as_in_one(case):
    store, alike = scattered()
    assert len(store.blocks) == 3
    one, other = case.make(groups=GROUPS), case.make(groups=GROUPS)
    rng = np.random.default_rng(3)
    for _ in range(3):
        set_gradients(alike, rng)
        for name, grad in store.grads.items():
            grad[...] = alike.grads[name]
        one.apply(store)
        other.apply(alike)
    for name, value in alike.items():
        assert store[name].tobytes() == value.tobytes()
    np.testing.assert_equal(one.state_dict()["slots"], other.state_dict()["slots"])
    for block, others in zip(store.blocks, (20, 20, 0), strict=True):
        assert np.count_nonzero(block.value == 1.0) == others  # z and y, which are not theirs
    store.grads["b.w"][2, 3] = np.inf
    with pytest.raises(DataError, match=r"finite gradient of 'b\.w'; got inf at element 35"):
        one.apply(store)


def test_frozen_parameters_stay_and_keep_their_state():
    store, optimizer = make_store("float64"), Adam(groups=GROUPS)
    train(optimizer, store, 2)
    store.freeze("b.*")
    before, state = {n: v.copy() for n, v in store.items()}, optimizer.state_dict()["slots"]
    set_gradients(store, np.random.default_rng(5))
    optimizer.apply(store)
    optimizer.apply(store, only=("a.w", "b.w"))
    now = optimizer.state_dict()["slots"]
    for name, value in store.items():
        still = name.startswith("b.")
        assert np.array_equal(value, before[name]) == still
        assert np.array_equal(now["mean"][name], state["mean"][name]) == still
    store.unfreeze("*")
    train(optimizer, store, 1)
    assert not np.array_equal(store["b.w"], before["b.w"])


# -- what it makes of parameters ------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_group_follows_the_formula_with_its_own_options(case, dtype):
    """What the optimizers' references make of each parameter, with its group's rate and decay."""
    rate = CosineDecay(case.make().lr, 100)
    store, optimizer = make_store(dtype), case.make(lr=rate, groups=GROUPS)
    alone = {name: case.make() for name in store}
    expected = {name: value.astype(np.float64) for name, value in store.items()}
    state: dict[str, dict] = {name: {} for name in store}
    for name, o in alone.items():
        if name != "a.w" and name != "b.w":
            o.__dict__["weight_decay"] = 0.2 if name == "c" else 0.0
    rng = np.random.default_rng(1)
    for t in range(1, 61):
        set_gradients(store, rng)
        for name, o in alone.items():
            own = {"a.w": rate(t - 1), "b.w": GROUPS["b.*"]["lr"](t - 1), "c": 0.03}
            o.lr = own.get(name, 0.1 * rate(t - 1))
            g = store.grads[name].astype(np.float64)
            expected[name] = REFERENCE[case.cls.kernel](o, expected[name], g, state[name], t)
        optimizer.apply(store)
    for name, p in expected.items():
        error = relative_error(store[name], p)
        assert error <= TOLERANCE[dtype], f"{name}: relative error {error:.2e}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_groups_that_change_nothing_leave_every_bit(case, dtype):
    """Also NAdam's product of mu, which each group would multiply up once more."""
    plain, grouped = make_store(dtype), make_store(dtype)
    rate = case.make().lr
    one = case.make(clip_value=1.0)
    other = case.make(clip_value=1.0, groups={"a.*": {"lr": rate}, "*.w": {"lr_factor": 1.0}})
    train(one, plain, 5)
    train(other, grouped, 5)
    assert plain.value.tobytes() == grouped.value.tobytes()
    assert one.scalars.tobytes() == other.scalars.tobytes()


@pytest.mark.parametrize("case", DEFAULTS, ids=str)
def test_the_norm_is_clipped_over_all_groups(case):
    store, limited = make_store("float64"), make_store("float64")
    one = case.make(groups=GROUPS)
    other = case.make(groups=GROUPS, clip_norm=0.5)
    rng = np.random.default_rng(2)
    for _ in range(3):
        set_gradients(limited, rng)
        norm = np.sqrt(np.sum(limited.grad**2))
        store.grad[:] = limited.grad * min(1, 0.5 / (norm + 1e-6))
        one.apply(store)
        other.apply(limited)
    np.testing.assert_allclose(limited.value, store.value, rtol=1e-10, atol=1e-14)


def trainer(groups, lr=0.02, **options):
    net = cnn.Sequential([cnn.Dense(130, "tanh"), cnn.Dense(90, "relu"), cnn.Dense(3)], 40, seed=0)
    optimizer = AdamW(lr=lr, clip_norm=1.0, groups=groups)
    return cnn.Trainer(net, loss=cnn.SoftmaxCrossEntropy(), optimizer=optimizer, **options)


LAYERS = {"*.b": {"lr_factor": 0.3, "weight_decay": 0.0},
          "dense_0.*": {"lr": CosineDecay(0.05, 11)}, "dense_2*": {"lr_factor": 2.0}}  # fmt: skip
RNG = np.random.default_rng(4)
X, Y = RNG.standard_normal((230, 40)).astype(np.float32), RNG.integers(0, 3, 230)


def test_chunks_steps_and_threads_give_the_same_bits():
    rate = StepDecay(0.02, every=3)
    values = []
    for way in ("fit", "fit on two threads", "step", "step with lists"):
        t = trainer(LAYERS, rate)
        cnn.set_num_threads(2 if "two" in way else 1)
        try:
            for _ in range(2):
                if way.startswith("fit"):
                    t.fit(X, Y, batch_size=23, shuffle=False, progress=False)
                    continue
                for at in range(0, 230, 23):
                    x, y = X[at : at + 23], Y[at : at + 23]
                    t.step(*((x, y) if way == "step" else (x.tolist(), y.tolist())))
        finally:
            cnn.set_num_threads(None)
        values.append(t.net.store.value.tobytes())
    assert values == values[:1] * 4


def test_a_factor_of_zero_holds_a_layer_still():
    t = trainer({"dense_0.*": {"lr_factor": 0.0}})
    before = {name: value.copy() for name, value in t.net.params.items()}
    t.fit(X, Y, batch_size=23, progress=False)
    moved = {name for name, value in t.net.params.items() if (value != before[name]).any()}
    assert moved == {name for name in before if not name.startswith("dense_0")}


def test_an_error_in_a_group_names_the_parameter_and_its_element():
    store, optimizer = make_store("float32"), NAdam(groups=GROUPS, clip_norm=1.0)
    train(optimizer, store, 1)
    before = store.value.tobytes(), optimizer.scalars.tobytes()
    store.grads["b.w"][2, 3] = np.nan
    with pytest.raises(DataError, match=r"need a finite gradient of 'b\.w'; got nan at element 35"):
        optimizer.apply(store)
    assert (store.value.tobytes(), optimizer.scalars.tobytes()) == before


def test_an_error_in_a_late_block_of_a_late_range_is_found():
    """Ranges of one block, of several, and of one element; blocks have 8192 elements."""
    names = {"a": 3, "b": 20_000, "c": 1, "d": 8192, "e": 8193, "f": 30_000}
    for at, (bad, size) in enumerate(names.items()):
        store = ParamStore([Parameter(n, np.ones(k)) for n, k in names.items()], "float32")
        optimizer = SGD(lr=1.0, groups={n: {"lr": float(i + 1)} for i, n in enumerate(names)})
        store.grad[:] = 0
        for grad in store.grads.values():
            grad[...] = 0.5
        optimizer.apply(store)
        for i, value in enumerate(store.values()):
            np.testing.assert_array_equal(value, 1 - 0.5 * (i + 1))
        store.grads[bad][-1] = np.inf
        if at:
            store.grads["f"][-1] = np.nan  # the first is named
        words = f"gradient of '{bad}'; got (inf|nan) at element {size - 1},"
        with pytest.raises(DataError, match=words):
            optimizer.apply(store)


def test_a_graph_that_learns_takes_groups():
    w, b = cnn.Parameter("w", [1.0, 2.0]), cnn.Parameter("b", 3.0)
    graph = cnn.Graph(cnn.ops.sum(w) + b)
    graph.step(SGD(lr=0.5, groups={"b": {"lr": 0.25}}))
    assert (graph.params["w"].tolist(), graph.params["b"]) == ([0.5, 1.5], 2.75)
