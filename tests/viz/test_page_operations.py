"""What the page's scripts compute is what Python does, operation by operation, in node."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from page_cases import NODE, in_node, packed, scripts, singles, told, unpacked

from cnn_core import Graph, Input, ops
from cnn_core.viz.labels import number

pytestmark = pytest.mark.skipif(NODE is None, reason="need node, which runs the page's scripts")

RUNS = 4
MARGIN = 20.0
"""How many times what rounding in its own type can do a result may be off; as in tests/fuzz."""

EDGES = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 800.0, -800.0, 1e-5])

RECORDED = {"batch_norm", "dropout", "gaussian_noise", "metric_accuracy", "metric_mean",
            "metric_r2", "metric_top_k", "random_normal", "random_uniform"}  # fmt: skip
"""What the page leaves out for a reason of its own."""

KNOWN = 76
"""So many operations it computes at least."""


def bound(runs: list[np.ndarray], right: np.ndarray, size: Any, dtype: str) -> np.ndarray:
    """Return how far from ``right`` the first of ``runs`` may be, others being made of operands
    that rounding has moved; ``size`` is that of what is rounded on the way."""
    limits = np.finfo(dtype)
    d = np.max([np.abs(r - runs[0]) for r in runs[1:]], axis=0)
    rest = 8 * limits.eps * np.abs(right) + 8 * limits.tiny + 4 * MARGIN * limits.eps * size
    return MARGIN * (d + d.mean()) + rest


def need_near(who: str, made: list[Any], right: Any, size: Any, dtype: str) -> None:
    runs, right = [unpacked(m) for m in made], np.asarray(right, np.float64)
    assert runs[0].shape == right.shape, who
    wrong = np.argwhere(~(np.abs(runs[0] - right) <= bound(runs, right, size, dtype)))
    if len(wrong):
        at = tuple(map(int, wrong[0]))
        raise AssertionError(f"{who}: {runs[0][at]!r} instead of {right[at]!r} at {at}")


@pytest.fixture(scope="module")
def cases():
    """Cases of every operation, and what the scripts make of them."""
    rng = np.random.default_rng(0)
    found = list(singles(3))
    for case in found:
        case.run(rng)
    return list(zip(found, in_node({"cases": [c.json(RUNS) for c in found]})["cases"], strict=True))


def test_values_and_what_each_path_adds_are_those_of_python(cases):
    seen = set()
    for case, made in cases:
        if not made["known"]:
            continue
        rule, who = case.value.rule, f"{case.op} of {case.dtype}, {case.value}"
        need_near(who, made["y"], case.y, float(rule.saturates), case.dtype)
        sizes = [np.abs(case.dy).max(initial=0) if rule.saturates else 0.0] * len(case.dx)
        if rule.slack is not None:
            sizes = rule.slack(case.dy, case.y, *case.feed, **case.value.options)
        for i, right in enumerate(case.dx):
            added = [run[i] for run in made["dx"]]
            assert (added[0] is None) == (right is None), f"{who}: gradient of operand {i}"
            if right is not None:
                need_near(f"{who}: gradient of operand {i}", added, right, sizes[i], case.dtype)
        seen.add((case.op, case.dtype))
    known = {op for op, _ in seen}
    assert {(op, dtype) for op in known for dtype in ("float32", "float64")} == seen
    assert known == set(in_node({})["operations"])


@pytest.mark.parametrize("op", ["dense", "grouped_dense", "matmul"])
def test_products_of_float32_have_the_bits_of_python(cases, op):
    found = [(case, made) for case, made in cases if (case.op, case.dtype) == (op, "float32")]
    assert len(found) > 1
    for case, made in found:
        assert (unpacked(made["y"][0]) == case.y).all(), case.value



def test_what_rounds_nothing_has_the_bits_of_python(cases):
    exact = [(c, m) for c, m in cases if m["known"] and c.value.rule.exact]
    assert len({c.op for c, _ in exact}) > 20
    for case, made in exact:
        assert np.array_equal(unpacked(made["y"][0]), case.y), case.op
        assert made["y"][0] == made["y"][1], case.op


def test_kinks_ties_nan_and_infinities_are_treated_as_python_treats_them():
    rng, found = np.random.default_rng(1), []
    for case in singles(4):
        # The norms of rows with an infinite scale are NaN in other places.
        n = 1 if case.op in ("layer_norm", "rms_norm") else len(case.feed)
        for i, a in enumerate(case.feed[:n]):
            if a.dtype.kind == "f":
                edges, many = rng.choice(EDGES, a.shape), (0.0, 0.3)[len(found) % 2]
                ties = np.round(a) if len(found) % 4 < 2 else a
                case.feed[i] = np.where(rng.random(a.shape) < many, edges, ties).astype(a.dtype)
        with np.errstate(all="ignore"):
            case.run(rng)
        found.append(case)
    answers = in_node({"cases": [c.json(1) for c in found]})["cases"]
    for case, made in zip(found, answers, strict=True):
        if not made["known"]:
            continue
        pairs = [(made["y"][0], case.y), *zip(made["dx"][0], case.dx, strict=True)]
        rtol = 1e-4 if case.dtype == "float32" else 1e-9
        for one, right in pairs:
            if right is not None:
                np.testing.assert_allclose(unpacked(one), right, rtol, rtol, err_msg=case.op)


# -- what is left as recorded ----------------------------------------------------------------------


def test_an_operation_that_the_page_does_not_know_stays_as_recorded(cases):
    """A new operation needs no line in the page: then its value stays, and the page says so."""
    nodes = [{"op": op} for op in (*ops.__all__, "gate", "brand_new")]
    answer = in_node({"nodes": nodes})
    known = set(answer["operations"])
    assert known <= set(ops.__all__), "the page knows what there is not"
    assert len(known) >= KNOWN
    why = dict(zip((n["op"] for n in nodes), answer["recorded"], strict=True))
    assert {op for op in ops.__all__ if not why[op]} == known
    assert why["gate"] == "a gate in Python"
    new = {op for op, text in why.items() if text == "the page does not know it"}
    assert set(ops.__all__) - known - new == RECORDED
    assert "brand_new" in new
    assert in_node({"nodes": [{"op": "dropout", "copies": True}]})["recorded"] == [""]
    for case, made in cases:
        assert made["known"] == (case.op in known)


def test_what_python_would_refuse_is_refused():
    x, i = Input("x", (3,)), Input("i", (2,), "int32")
    case = {"node": {**told(ops.take(x, i)), "shape": [2]}, "amplitude": 0, "runs": 1,
            "x": [packed(np.arange(3.0)), packed(np.array([1, 3], np.int32))],
            "y": packed(np.zeros(2)), "dy": packed(np.zeros(2))}  # fmt: skip
    assert in_node({"cases": [case]})["cases"] == [
        {"known": True, "refused": "take: need numbers from -3 to 2; got 3"}
    ]


# -- texts -----------------------------------------------------------------------------------------

WORDS = {"exp": np.exp, "log": np.log, "sin": np.sin, "cos": np.cos, "tanh": np.tanh, "max": max,
         "min": min, "sqrt": np.sqrt, "sign": np.sign, "abs": abs, "pi": math.pi,
         "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "softplus": lambda x: np.log1p(np.exp(x)),
         "Phi": lambda x: (1 + math.erf(x / 2**0.5)) / 2,
         "phi": lambda x: np.exp(-x * x / 2) / (2 * np.pi) ** 0.5}  # fmt: skip


def said(text: str) -> float:
    """Return the number that a text of numbers means."""
    for sign, name in {"·": "*", "²": "**2", "³": "**3", "^": "**", "√(": "sqrt(", "Φ(": "Phi(",
                       "φ(": "phi(", "π": "pi", "≥": ">=", "≤": "<=", "≠": "!=", " = ": " == ",
                       "\N{GREEK SMALL LETTER SIGMA}(": "sigmoid("}.items():  # fmt: skip
        text = text.replace(sign, name)
    text = re.sub(r"√(-?[\d.]+)", r"sqrt(\1)", re.sub(r"\|(.*?)\|", r"abs(\1)", text))
    text, _, where = text.partition(", t == ")
    text = re.sub(r"^(.*) where (.*), else (.*)$", r"(\1) if (\2) else (\3)", text)
    return float(eval(text, {**WORDS, "t": said(where) if where else None}))


UNARY = {"neg": {}, "abs": {}, "square": {}, "sqrt": {}, "exp": {}, "log": {}, "log1p": {},
         "sin": {}, "cos": {}, "reciprocal": {}, "scale": {"a": -1.5}, "shift": {"c": -2.0},
         "clip": {"a_min": -0.5, "a_max": 1.0}, "relu": {}, "leaky_relu": {"negative_slope": 0.25},
         "elu": {"alpha": 0.5}, "sigmoid": {}, "tanh": {}, "softplus": {}, "silu": {}, "mish": {},
         "gelu": {}, "power": {"p": 3}}  # fmt: skip
BINARY = ["add", "sub", "mul", "div", "power", "maximum", "minimum", "greater", "greater_equal",
          "less", "less_equal", "equal", "not_equal"]  # fmt: skip


def test_formulas_and_slopes_say_what_is_computed():
    """Texts with numbers in the place of names, taken for arithmetic, give value and gradient."""
    x, z = Input("x"), Input("z")
    nodes = [getattr(ops, op)(x, **given) for op, given in UNARY.items()]
    nodes += [getattr(ops, op)(x, z) for op in BINARY]
    wanted, rights = [], []
    for node in nodes:
        for values in ((1.25, 0.75), (-1.25, 2.0), (0.25, -0.5)):
            low = min(values) if node.op == "power" else values[0]
            if low < 0 and node.op in ("sqrt", "log", "log1p", "power"):
                continue
            graph = Graph([node + 0.0, x + z])
            fed = dict(zip("xz", values, strict=True))
            value = graph.forward(**fed)[0]
            grads = graph.backward({graph.outputs[0]: 1.0})
            names = [n.name for n in node.inputs]
            texts = [f"{fed[name]!r}" for name in names]
            wanted.append({"node": told(node), "names": [*texts, repr(value)]})
            rights.append((node, fed, [value, *(grads[name] for name in names)]))
    for (node, fed, right), text in zip(rights, in_node({"texts": wanted})["texts"], strict=True):
        found = [said(t) for t in text]
        assert found == pytest.approx(right, rel=1e-12), (node.op, fed, text)


def test_every_operation_has_texts(cases):
    for _, made in cases:
        if made["known"]:
            for text in (made["formula"], *made["slopes"]):
                assert text
                assert "{" not in text, text
                assert "undefined" not in text, text


# -- numbers ---------------------------------------------------------------------------------------


def test_numbers_are_written_as_python_writes_them():
    rng = np.random.default_rng(0)
    x = np.concatenate([
        rng.integers(0, 2**64, 4000, dtype=np.uint64).view(np.float64),
        rng.standard_normal(4000) * 10.0 ** rng.integers(-8, 8, 4000),
        rng.integers(-(10**6), 10**6, 4000) / 8, rng.integers(-99999, 99999, 4000) / 2.0**12,
        [0, -0.0, np.nan, np.inf, -np.inf, 0.095, 0.0949999, 9999.995, 1e4, 0.0995, 9.995, 9.5,
         0.0009995, 5e-324, 1.7e308, 0.125, 0.375, 99999.5, 999999.5],
    ])  # fmt: skip
    right = [[number(v), f"{v:.6g}"] for v in x.tolist()]
    assert in_node({"numbers": packed(x)})["numbers"] == right


def test_statistics_leave_out_what_is_not_finite():
    x = np.array([1.0, 2.0, np.nan, -np.inf, 6.0])
    told = in_node({"statistics": packed(x)})["statistics"]
    assert told == {"n": 3, "min": 1, "max": 6, "mean": 3, "nan": 1, "inf": 1,
                    "std": pytest.approx(np.std([1, 2, 6]))}  # fmt: skip


def test_the_scripts_need_no_page_and_are_small():
    text = "".join(path.read_text("utf-8") for path in scripts())
    assert not re.search(r"\b(document|window|localStorage|fetch)\b", text)
    assert len(text.encode()) < 60_000
