"""The Neural Turing Machine of examples/neural_turing_machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from neural_turing_machine import evaluate, heads, tasks, train
from neural_turing_machine.model import CONTROLLERS, NeuralTuringMachine

import cnn_core as cnn

EXAMPLES = Path(train.__file__).parents[1]
SMALL = {"size": 12, "n_row": 9, "width": 5}


def copy_machine(**options):
    return NeuralTuringMachine(9, 8, **options)


@pytest.mark.parametrize("controller", CONTROLLERS)
@pytest.mark.parametrize("options", [SMALL, {}], ids=["small", "as in the paper"])
def test_gradients_of_three_steps_agree_with_differences(controller, options):
    machine = copy_machine(controller=controller, dtype="float64", seed=3, **options)
    x, target = tasks.Copy().draw(np.random.default_rng(0), length=3)
    graph = machine.graph(len(x), len(target))
    graph.forward(x=x, target=target)
    report = graph.check_gradients()
    assert report.worst < 1e-6, str(report)
    assert {line.name for line in report.lines} == {*machine.params, "x", "target"}
    assert all(line.reached for line in report.lines)


def test_a_page_of_five_steps_of_time(tmp_path):
    done = subprocess.run([sys.executable, "-m", "neural_turing_machine.page",
                           str(tmp_path / "ntm.html")], cwd=EXAMPLES, capture_output=True,
                          text=True, check=True)  # fmt: skip
    assert done.stdout == f"{tmp_path / 'ntm.html'}: 256 nodes, 5 steps of time\n"
    text = (tmp_path / "ntm.html").read_text(encoding="utf-8")
    assert [t for t in range(5) if f"step {t}" not in text] == []
    assert len(text) < 1_500_000


def test_weightings_follow_the_papers_equations():
    rng = np.random.default_rng(4)
    n, width = 7, 5
    memory, before = rng.standard_normal((n, width)), rng.dirichlet(np.ones(n), 2)
    numbers = rng.standard_normal(heads.n_numbers(width))
    weightings = heads.address(cnn.Constant(numbers), cnn.Constant(memory), cnn.Constant(before))
    found = cnn.Graph(weightings).forward()

    def softmax(z):
        return np.exp(z) / np.exp(z).sum()

    for h, row in enumerate(numbers[: 2 * (width + 6)].reshape(2, -1)):
        key, strength, gate, sharpness = row[:width], *row[width : width + 3]
        similar = memory @ key / np.linalg.norm(memory, axis=1) / np.linalg.norm(key)
        content = softmax(np.log1p(np.exp(strength)) * similar)
        g = 1 / (1 + np.exp(-gate))
        gated = g * content + (1 - g) * before[h]
        s = softmax(row[width + 3 :])
        moved = [sum(s[j] * gated[(i - j + 1) % n] for j in range(3)) for i in range(n)]
        sharp = np.array(moved) ** (1 + np.log1p(np.exp(sharpness)))
        np.testing.assert_allclose(found[h], sharp / sharp.sum(), rtol=1e-12)


def test_write_erases_and_adds():
    rng = np.random.default_rng(5)
    memory, weightings = rng.standard_normal((7, 5)), rng.dirichlet(np.ones(7), 2)
    numbers = rng.standard_normal(heads.n_numbers(5))
    node = heads.write(cnn.Constant(numbers), cnn.Constant(weightings), cnn.Constant(memory))
    w, erase, add = weightings[heads.WRITE], 1 / (1 + np.exp(-numbers[-10:-5])), numbers[-5:]
    expected = memory * (1 - np.outer(w, erase)) + np.outer(w, add)
    np.testing.assert_allclose(cnn.Graph(node).forward(), expected, rtol=1e-12)


def test_equal_weights_survive_the_strongest_sharpening_in_float32():
    numbers = np.zeros(heads.n_numbers(5))
    numbers[: 2 * 11].reshape(2, -1)[:, 7] = 1e3
    memory, before = np.full((128, 5), 1e-6), np.full((2, 128), 1 / 128)
    node = heads.address(cnn.Constant(numbers), cnn.Constant(memory), cnn.Constant(before))
    np.testing.assert_allclose(cnn.Graph(node, dtype="float32").forward(), 1 / 128, rtol=1e-3)


def test_graphs_of_all_lengths_share_parameters():
    machine = copy_machine(**SMALL)
    short, long = machine.graph(2, 1), machine.graph(6, 5)
    assert machine.graph(2, 1) is short
    assert short.params is long.params is machine.params
    rng = np.random.default_rng(0)
    x, target = tasks.Copy().draw(rng, length=5)
    before = long.forward(x=x, target=target)
    train.train_step(machine, train.make_optimizer(lr=1e-2), *tasks.Copy().draw(rng, length=1))
    assert long.forward(x=x, target=target) != before


def test_copy_gives_the_sequence_then_a_delimiter():
    lengths = set()
    rng = np.random.default_rng(0)
    for _ in range(300):
        x, target = tasks.Copy().draw(rng)
        n = len(target)
        lengths.add(n)
        assert x.shape == (n + 1, 9)
        assert target.shape == (n, 8)
        np.testing.assert_array_equal(x[:n, :8], target)
        np.testing.assert_array_equal(x[n], [0] * 8 + [1])
        assert not x[:n, 8].any()
    assert lengths == set(range(1, 21))


def test_repeat_copy_repeats_and_marks_the_end():
    task = tasks.RepeatCopy()
    rng = np.random.default_rng(0)
    x, target = task.draw(rng, length=4, copies=3)
    assert x.shape == (5, 10)
    assert target.shape == (13, 9)
    for k in range(3):
        np.testing.assert_array_equal(target[4 * k : 4 * k + 4, :8], x[:4, :8])
    np.testing.assert_array_equal(target[12], [0] * 8 + [1])
    assert not target[:12, 8].any()
    assert not x[:4, 8:].any()
    assert x[4, 8] == 1
    counts = [task.draw(rng, length=1, copies=k)[0][1, 9] for k in range(1, 11)]
    np.testing.assert_allclose([np.mean(counts), np.var(counts)], [0, 1], atol=1e-6)


def test_associative_recall_asks_for_the_item_after():
    task = tasks.AssociativeRecall()
    rng = np.random.default_rng(0)
    asked, counts = set(), set()
    for _ in range(300):
        x, target = task.draw(rng)
        n = (len(x) - 5) // 4
        counts.add(n)
        assert x.shape == (4 * n + 5, 8)
        np.testing.assert_array_equal(np.flatnonzero(x[:, 6]), 4 * np.arange(n))
        np.testing.assert_array_equal(np.flatnonzero(x[:, 7]), [4 * n, 4 * n + 4])
        assert not x[x[:, 6:].any(1), :6].any()
        items = x[: 4 * n].reshape(n, 4, 8)[:, 1:, :6]
        question = x[4 * n + 1 : 4 * n + 4, :6]
        matches = [i for i in range(n - 1) if (items[i] == question).all()]
        assert any((items[i + 1] == target).all() for i in matches)
        asked.add((n, matches[0]))
    assert counts == {2, 3, 4, 5, 6}
    assert {i for n, i in asked if n == 6} == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("name", tasks.TASKS)
def test_task_draws_the_same_from_the_same_seed(name):
    task = tasks.TASKS[name]()
    drawn = [task.draw(np.random.default_rng(seed)) for seed in (7, 7, 8)]
    for first, second in zip(drawn[0], drawn[1], strict=True):
        np.testing.assert_array_equal(first, second)
    assert drawn[0][0].shape != drawn[2][0].shape or (drawn[0][0] != drawn[2][0]).any()
    x, target = drawn[0]
    assert x.shape[1] == task.n_in
    assert target.shape[1] == task.n_out


@pytest.mark.parametrize("controller", CONTROLLERS)
@pytest.mark.parametrize("name", tasks.TASKS)
def test_iterations_reduce_the_loss(name, controller):
    task = tasks.TASKS[name]()
    machine = NeuralTuringMachine(task.n_in, task.n_out, controller=controller, **SMALL)
    optimizer = train.make_optimizer(lr=1e-3)
    kind = {"length": 3, "copies": 2} if name == "repeat-copy" else {"length": 3}
    x, target = task.draw(np.random.default_rng(0), **kind)
    losses = [train.train_step(machine, optimizer, x, target) for _ in range(40)]
    assert losses[-1] < 0.7 * losses[0]
    assert np.isfinite(machine.params.value).all()
    assert np.isfinite(machine.params.grad).all()


def test_saved_parameters_give_the_same_answers(tmp_path):
    task = tasks.Copy(longest=3)
    machine = copy_machine(seed=5)
    bits, checks = train.train(
        machine, task, iterations=4, every=2, n_fresh=2, report=lambda line: None
    )
    assert bits.shape == (4,)
    assert checks[:, 0].tolist() == [2, 4]
    train.save(tmp_path / "ntm", machine, bits, checks)
    again = evaluate.load(tmp_path / "ntm.npz", task)
    x, target = task.draw(np.random.default_rng(0), length=3)
    np.testing.assert_array_equal(
        evaluate.answer(again, x, target), evaluate.answer(machine, x, target)
    )


def test_bit_errors_count_wrong_bits_of_a_sequence():
    machine = copy_machine(**SMALL)
    machine.params.assign({"output.w": np.zeros((17, 8)), "output.b": [5, 5, 5, 5, 5, 5, 5, -5]})
    x = np.zeros((4, 9))
    assert evaluate.bit_errors(machine, [(x, np.ones((3, 8)))]) == 3
    assert evaluate.bit_errors(machine, [(x, np.ones((3, 8))), (x, np.zeros((3, 8)))]) == 12


def test_pictures_are_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    from neural_turing_machine import draw

    x, target = tasks.Copy().draw(np.random.default_rng(0), length=2)
    draw.heads_over_time(copy_machine(**SMALL), x, target, tmp_path / "heads.png")
    draw.learning_curve(np.ones(7), np.array([[5, 2.0], [7, 1.0]]), tmp_path / "curve.png")
    for name in ("heads.png", "curve.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_picture_shows_one_run_of_memory_rows_around_the_circle():
    pytest.importorskip("matplotlib")
    from neural_turing_machine import draw

    weightings = np.zeros((3, 2, 20))
    weightings[0, :, 19] = weightings[1, :, 0] = weightings[2, :, 2] = 1
    assert draw.visited(weightings, margin=1).tolist() == [18, 19, 0, 1, 2, 3]
    assert draw.visited(np.full((3, 2, 20), 0.05)).tolist() == list(range(20))


def test_commands_train_evaluate_and_draw(tmp_path):
    pytest.importorskip("matplotlib")

    def run(module, *arguments):
        command = [sys.executable, "-m", f"neural_turing_machine.{module}", *arguments]
        done = subprocess.run(command, cwd=EXAMPLES, capture_output=True, text=True, check=True)
        return done.stdout

    saved = tmp_path / "recall"
    task = ["--task", "associative-recall"]
    controller = ["--controller", "feedforward"]
    printed = run("train", *task, *controller, "--iterations", "2", "--save", str(saved))
    assert printed.split()[0] == "2"
    assert "of 18 per sequence" in run(
        "evaluate", f"{saved}.npz", *task, "--lengths", "2", "--sequences", "3"
    )
    run("draw", f"{saved}.npz", *task, "--lengths", "2")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"recall.npz", "recall.png", "recall_heads_2.png"}


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_loss_and_gradients_agree_with_pytorch(controller):
    torch = pytest.importorskip("torch")
    from neural_turing_machine.torch_reference import TorchMachine

    machine = copy_machine(controller=controller, dtype="float64", seed=1)
    module = TorchMachine(machine)
    x, target = tasks.Copy().draw(np.random.default_rng(0), length=6)
    x, target = x.astype(np.float64), target.astype(np.float64)
    graph = machine.graph(len(x), len(target))
    loss = graph.forward(x=x, target=target)
    graph.backward()
    expected = module(torch.from_numpy(x), torch.from_numpy(target))
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-9)
    for name, grad in machine.params.grads.items():
        wanted = module.values[name.replace(".", "_")].grad.numpy()
        np.testing.assert_allclose(grad, wanted, rtol=1e-9, atol=1e-9 * np.abs(wanted).max())


@pytest.mark.slow
def test_copy_of_short_sequences_is_learned():
    task = tasks.Copy(longest=5)
    machine = copy_machine()
    _, checks = train.train(machine, task, iterations=20_000, stop=True, report=lambda line: None)
    assert checks[-1, 1] < train.SOLVED
    assert np.isfinite(machine.params.value).all()
