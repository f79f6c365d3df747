"""The numbers of the lecture, from the functions of its scripts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from lecture_scripts import load

import cnn_core as cnn


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


class TestForwardPass:
    SHAPES = {"W1": (3, 4), "b1": (4,), "W2": (4, 4), "b2": (4,), "W3": (4, 1), "b3": (1,)}

    @pytest.fixture
    def values(self):
        return load(1).starting_values(seed=0)

    def test_shapes_are_in_out(self, values):
        assert {name: value.shape for name, value in values.items()} == self.SHAPES

    def test_layers_have_16_20_and_5_parameters(self, values):
        sizes = [values[f"W{i}"].size + values[f"b{i}"].size for i in (1, 2, 3)]
        assert sizes == [16, 20, 5]
        assert sum(value.size for value in load(1).three_layers(values).params.values()) == 41

    def test_values_are_those_of_numpy(self, values):
        x = np.array([[0.5, -1.0, 2.0], [1.0, 0.0, -3.0]])
        graph = load(1).three_layers(values)
        out = graph.forward(x=x)
        h1 = sigmoid(x @ values["W1"] + values["b1"])
        h2 = sigmoid(h1 @ values["W2"] + values["b2"])
        np.testing.assert_allclose(graph.value("h1"), h1, rtol=1e-13)
        np.testing.assert_allclose(graph.value("h2"), h2, rtol=1e-13)
        np.testing.assert_allclose(out, h2 @ values["W3"] + values["b3"], rtol=1e-13)

    def test_first_sample(self, values):
        graph = load(1).three_layers(values)
        out = graph.forward(x=[[0.5, -1.0, 2.0]])
        np.testing.assert_allclose(graph.value("h1"), [[0.3081, 0.0493, 0.0971, 0.3075]], atol=5e-5)
        np.testing.assert_allclose(graph.value("h2"), [[0.3827, 0.5196, 0.3415, 0.3957]], atol=5e-5)
        assert out.item() == pytest.approx(-0.4883, abs=5e-5)  # no sigmoid gives a negative value

    def test_layers_give_the_same(self, values):
        x = np.random.default_rng(1).standard_normal((5, 3))
        expected = load(1).three_layers(values).forward(x=x)
        np.testing.assert_allclose(load(1).same_as_layers(values).predict(x), expected, rtol=1e-13)


class TestSoftmaxLoss:
    @pytest.fixture
    def graph(self):
        graph = load(2).by_hand()
        graph.forward(x=load(2).X)
        graph.backward()
        return graph

    @pytest.mark.parametrize(("node", "expected", "within"), [
        ("scores", [3.2, 5.1, -1.7], 1e-12),
        ("exps", [24.53, 164.02, 0.18], 5e-3),
        ("sum", 188.74, 5e-3),
        ("probs", [0.1300, 0.8690, 0.0010], 5e-5),
        ("loss", 2.04, 5e-3),
    ])  # fmt: skip
    def test_values(self, graph, node, expected, within):
        np.testing.assert_allclose(graph.value(node), expected, rtol=0, atol=within)

    def test_gradient_is_probability_less_one_at_the_label(self, graph):
        np.testing.assert_allclose(graph.grad("scores"), [-0.8700, 0.8690, 0.0010], atol=5e-5)
        np.testing.assert_allclose(graph.grad("scores"), graph.value("probs") - [1, 0, 0],
                                   atol=1e-15)  # fmt: skip

    def test_089_is_the_logarithm_to_base_10(self, graph):
        p = graph.value("probs")[0]
        assert p == pytest.approx(0.13, abs=5e-3)
        assert graph.value("loss") == pytest.approx(-math.log(p), rel=1e-14)
        assert -math.log10(p) == pytest.approx(0.89, abs=5e-3)

    def test_one_node_gives_the_same_and_does_not_overflow(self, graph):
        one = load(2).in_one_node()
        loss = one.forward(scores=[[3.2, 5.1, -1.7]], label=[0])
        assert loss == pytest.approx(graph.value("loss"), rel=1e-14)
        assert one.forward(scores=[[3200.0, 5100.0, -1700.0]], label=[0]) == 1900
        with np.errstate(over="ignore"):
            assert np.isinf(np.exp(5100.0))


    def test_a_constant_added_to_all_scores_changes_nothing(self):
        one = load(2).in_one_node()
        losses = [one.forward(scores=[[3.2 + c, 5.1 + c, -1.7 + c]], label=[0]) for c in (0, 100)]
        assert losses[1] == pytest.approx(losses[0], rel=1e-13)


class TestSmallCircuit:
    VALUES = {"x": -2, "y": 5, "q": 3, "z": -4, "f": -12}
    GRADIENTS = {"x": -4, "y": -4, "q": -4, "z": 3, "f": 1}

    def test_whole(self):
        graph = load(3).circuit()
        assert graph.forward(**load(3).POINT) == -12
        assert graph.backward() == {"x": -4, "y": -4, "z": 3}

    def test_node_by_node(self):
        graph = load(3).circuit()
        graph.forward(x=1.0, y=1.0, z=1.0)  # so that nothing is right before the walk
        graph.backward()
        graph.feed(**load(3).POINT)
        assert dict(load(3).forward_node_by_node(graph)) == self.VALUES
        walk = list(load(3).backward_node_by_node(graph))
        assert walk == [("f", 1, {"q": -4, "z": 3}), ("q", -4, {"x": -4, "y": -4})]
        assert {name: graph.grad(name) for name in self.VALUES} == self.GRADIENTS


    def test_gradient_foretells_a_small_change(self):
        graph = load(3).circuit()
        before = graph.forward(**load(3).POINT)
        after = graph.forward(**load(3).POINT | {"z": load(3).POINT["z"] + 0.1})
        assert after - before == pytest.approx(3 * 0.1, rel=1e-12)


class TestSigmoidNeuron:
    # The gates of the chain: value and gradient.
    CHAIN = {"score": (1.00, 0.20), "neg": (-1.00, -0.20), "exp": (0.37, -0.53),
             "plus": (1.37, -0.53), "out": (0.73, 1.00)}  # fmt: skip
    GRADIENTS = {"w0": -0.20, "x0": 0.39, "w1": -0.39, "x1": -0.59, "w2": 0.20}

    @pytest.fixture
    def graph(self):
        graph = load(4).from_small_gates()
        graph.forward(**load(4).POINT)
        graph.backward()
        return graph

    @pytest.mark.parametrize("gate", CHAIN)
    def test_chain(self, graph, gate):
        found = graph.value(gate), graph.grad(gate)
        assert found == pytest.approx(self.CHAIN[gate], abs=5e-3)

    @pytest.mark.parametrize("name", GRADIENTS)
    def test_gradients(self, graph, name):
        assert graph.grad(name) == pytest.approx(self.GRADIENTS[name], abs=5e-3)

    def test_factors_are_the_local_gradients(self, graph):
        """The column of factors holds: each times the gradient gives that of the line above."""
        names = [name for name, _, _ in load(4).CHAIN]
        for (name, _, factor), before in zip(load(4).CHAIN[1:], names, strict=False):
            y = graph.value(name)
            local = {"-1": -1, "y": y, "1": 1, "-y y": -y * y}[factor]
            assert graph.grad(before) == pytest.approx(local * graph.grad(name), rel=1e-14)

    def test_one_gate_gives_the_same(self, graph):
        gate = load(4).from_one_gate()
        assert gate.forward(**load(4).POINT) == pytest.approx(graph.value("out"), abs=1e-15)
        for name, gradient in gate.backward().items():
            assert gradient == pytest.approx(graph.grad(name), abs=1e-15)

    def test_one_gate_survives_where_the_chain_does_not(self):
        far = dict.fromkeys(load(4).POINT, 0.0) | {"w2": -400.0}
        gradients = []
        for make in (load(4).from_small_gates, load(4).from_one_gate):
            graph = make()
            graph.forward(**far)
            gradients.append(graph.backward()["w2"])
        assert gradients[0] == 0  # y * y is no number any more
        assert gradients[1] == pytest.approx(math.exp(-400), rel=1e-12)


class TestBackwardPatterns:
    VALUES = {"x": 3, "y": -4, "z": 2, "w": -1, "product": -12, "largest": 2, "total": -10,
              "f": -20}  # fmt: skip
    GRADIENTS = {"x": -8, "y": 6, "z": 2, "w": 0, "product": 2, "largest": 2, "total": 2, "f": 1}

    @pytest.mark.parametrize("name", VALUES)
    def test_values_and_gradients(self, name):
        graph = load(5).circuit()
        graph.forward(**load(5).POINT)
        graph.backward()
        assert (graph.value(name), graph.grad(name)) == (self.VALUES[name], self.GRADIENTS[name])

    def test_gradients_at_a_fork_add_up(self):
        graph = load(5).fork()
        assert graph.forward(a=3.0, b=-4.0, c=10.0) == 18
        assert graph.backward() == {"a": 6, "b": 3, "c": 3}
        grown = load(5).gradient_as_it_grows(graph, "a")
        assert grown == [("right", 10), ("left", 6)]
        assert grown[1][1] - grown[0][1] == -4  # what the left gate gives alone

    def test_weight_gradient_grows_with_the_input(self):
        graph = cnn.Graph(cnn.ops.tanh(cnn.Parameter("w", 0.0) * cnn.Input("x")))
        gradients = []
        for x in (2.0, 2000.0):
            graph.forward(x=x)
            gradients.append(graph.backward()["w"])
        assert gradients[1] == pytest.approx(1000 * gradients[0], rel=1e-14)


@pytest.fixture(scope="module")
def errors():
    script = load(6)
    return {f.__name__: dict(zip(np.round(np.log10(script.STEPS), 1), script.worst_errors(f),
                                 strict=True))
            for f in (script.one_sided, script.central)}  # fmt: skip


class TestGradientCheck:
    def test_formula_errors_fall_as_h_and_as_h_squared(self, errors):
        one, two = errors["one_sided"], errors["central"]
        assert one[-3.0] / one[-5.0] == pytest.approx(100, rel=0.02)
        assert two[-2.0] / two[-4.0] == pytest.approx(10_000, rel=0.02)

    @pytest.mark.parametrize(("kind", "h", "expected"), [
        ("one_sided", -1, 7e-2), ("one_sided", -3, 7e-4), ("one_sided", -5, 7e-6),
        ("central", -1, 3e-3), ("central", -3, 3e-7),
    ])  # fmt: skip
    def test_errors_of_long_steps(self, errors, kind, h, expected):
        assert float(f"{errors[kind][h]:.0e}") == pytest.approx(expected, rel=1e-9)

    def test_rounding_errors_grow_as_h_falls(self, errors):
        for e in errors.values():
            assert 1e3 < e[-14.0] / e[-10.0] < 1e7

    def test_float64_has_about_16_digits(self):
        assert -math.log10(np.finfo(np.float64).eps) == pytest.approx(16, abs=0.5)

    def test_best_steps(self, errors):
        best = {kind: min(e, key=e.get) for kind, e in errors.items()}
        assert -9 <= best["one_sided"] <= -7  # about the square root of the rounding error
        assert -6.5 <= best["central"] <= -4.5  # about its cube root
        assert errors["central"][best["central"]] < errors["one_sided"][best["one_sided"]] / 30

    def test_neuron_passes(self):
        graph = load(6).neuron()
        graph.forward(**load(6).POINT)
        report = graph.check_gradients()
        assert report.ok
        analytic = {line.name: round(line.analytic, 6) for line in report.lines}
        assert analytic == {"w0": -0.196612, "x0": 0.393224, "w1": -0.393224, "x1": -0.589836,
                            "w2": 0.196612}  # fmt: skip


@pytest.fixture(scope="module")
def losses():
    x, y = load(7).load_digits()
    assert x.shape == (1797, 64)
    return load(7).vanilla(x, y, 40), *load(7).minibatch(x, y, 40)


class TestMinibatches:
    def test_vanilla(self, losses):
        found = [losses[0][i] for i in (0, 1, 2, 5, 10, 20, 40)]
        assert found == pytest.approx([2.38, 2.31, 2.26, 2.13, 1.93, 1.55, 0.95], abs=0.02)

    def test_minibatches(self, losses):
        found = [losses[2][i] for i in (0, 1, 2, 5, 10, 20, 40)]
        assert found == pytest.approx([2.38, 2.05, 1.79, 1.08, 0.54, 0.27, 0.15], abs=0.02)

    def test_steps(self, losses):
        assert (len(losses[0]) - 1, len(losses[1])) == (40, 280)

    def test_both_start_from_the_same_weights(self, losses):
        assert losses[0][0] == pytest.approx(losses[2][0], rel=1e-6)

    def test_vanilla_needs_thirty_passes_for_what_minibatches_do_in_five(self, losses):
        assert losses[0][30] > losses[2][5]

    def test_vanilla_falls_evenly_and_minibatches_zigzag(self, losses):
        assert (np.diff(losses[0]) < 0).all()
        assert (np.diff(losses[1]) > 0).mean() > 0.2


@pytest.fixture(scope="module")
def walks():
    script = load(8)
    return {(i, rule): script.walk(surface, rule, 250)
            for i, surface in enumerate(script.SURFACES) for rule in script.RULES}  # fmt: skip


class TestUpdateRules:
    ARRIVALS = {
        "SGD": (123, 61, 247), "momentum": (89, 64, 77), "Nesterov": (95, 48, 73),
        "Adagrad": (129, 25, 223), "Adadelta": (197, 56, None), "RMSProp": (213, 59, 160),
        "Adam": (83, 57, 174),
    }  # fmt: skip

    @pytest.mark.parametrize("rule", ARRIVALS)
    def test_arrivals(self, walks, rule):
        script = load(8)
        for i, expected in enumerate(self.ARRIVALS[rule]):
            found = script.arrival(script.SURFACES[i], walks[i, rule])
            assert found == (expected if expected is None else pytest.approx(expected, abs=2))

    def test_minima_are_minima(self):
        for surface in load(8).SURFACES:
            for at in surface.minima:
                x, y = cnn.Parameter("x", at[0]), cnn.Parameter("y", at[1])
                graph = cnn.Graph(surface.f(x, y))
                value = graph.forward()
                assert np.abs(list(graph.backward().values())).max() < 1e-12
                for dx, dy in [(0.1, 0), (-0.1, 0), (0, 0.1), (0, -0.1)]:
                    assert surface.f(at[0] + dx, at[1] + dy) > value

    def test_graph_and_contours_are_one_function(self):
        for surface in load(8).SURFACES:
            x, y = (cnn.Input(name) for name in "xy")
            at = np.array(surface.start) + 0.3
            value = cnn.Graph(surface.f(x, y)).forward(x=at[0], y=at[1])
            assert value == pytest.approx(surface.f(*at), rel=1e-13)

    def test_dividing_rules_leave_the_valley_at_45_degrees_and_sgd_straight_down(self, walks):
        for rule in ("Adagrad", "Adadelta", "RMSProp", "Adam"):
            dx, dy = np.diff(walks[0, rule][:2], axis=0)[0]
            assert np.degrees(np.arctan2(-dy, dx)) == pytest.approx(45, abs=2), rule
        dx, dy = np.diff(walks[0, "SGD"][:2], axis=0)[0]
        assert abs(dy) > 5 * dx > 0

    def test_sgd_zigzags_in_the_valley(self, walks):
        y = walks[0, "SGD"][:20, 1]
        assert (y[1:] * y[:-1] < 0).all()

    def test_sgd_and_momentum_visit_the_saddle_point_and_the_others_do_not(self, walks):
        nearest = {rule: np.linalg.norm(walks[1, rule], axis=1).min() for rule in load(8).RULES}
        for rule, distance in nearest.items():
            assert (distance < 0.2) == (rule in ("SGD", "momentum", "Nesterov")), (rule, distance)

    def test_momentum_is_first_on_beales_function(self, walks):
        last = {rule: n[2] for rule, n in self.ARRIVALS.items() if n[2] is not None}
        assert set(sorted(last, key=last.get)[:2]) == {"momentum", "Nesterov"}

    def test_adadelta_circles_near_the_minimum_of_beales_function(self, walks):
        gaps = np.linalg.norm(walks[2, "Adadelta"][-60:] - [3, 0.5], axis=1)
        steps = np.linalg.norm(np.diff(walks[2, "Adadelta"][-60:], axis=0), axis=1)
        assert 0.1 < gaps.max() < 0.5
        assert steps.mean() > 0.02


class TestOwnGate:
    @pytest.mark.parametrize("built_in", [True, False])
    def test_gradients(self, built_in):
        graph = load(9).circuit(cnn.ops.mul if built_in else load(9).MultiplyGate)
        assert graph.forward(**load(9).POINT) == -24
        assert graph.backward() == {"x": -8, "y": -8, "z": 6}
        assert graph.check_gradients().ok

    def test_careless_gate_is_found_behind_the_factor(self):
        graph = load(9).circuit(load(9).CarelessGate)
        assert graph.forward(**load(9).POINT) == -24
        assert graph.backward() == {"x": -4, "y": -4, "z": 3}
        report = graph.check_gradients()
        assert not report.ok
        numeric = {line.name: line.numeric for line in report.lines}
        assert numeric == pytest.approx({"x": -8, "y": -8, "z": 6}, rel=1e-6)

    def test_careless_gate_is_not_found_at_the_end(self):
        graph = cnn.Graph(load(9).CarelessGate(cnn.Input("x"), cnn.Input("z")))
        graph.forward(x=3.0, z=-4.0)
        assert graph.check_gradients().ok
