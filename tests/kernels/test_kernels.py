"""cnn_core.kernels: outputs, inputs, memory, threads, documentation."""

from __future__ import annotations

import inspect
import threading

import numpy as np
import pytest
from kernel_cases import ALL, DTYPES, ELEMENTWISE, OUTPUTS, calls, numbers

from cnn_core import kernels
from cnn_core.errors import OptionError


def test_every_public_kernel_is_tested():
    tested = {call.function.__name__ for call in calls().values()}
    assert tested == set(kernels.__all__)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ALL)
def test_outputs_are_overwritten_and_returned(name, dtype):
    call = calls(dtype)[name]
    want = call.results()
    outs = {key: np.full_like(a, np.nan) for key, a in want.items()}
    got = call.results(**outs)
    for key, array in want.items():
        assert got[key] is outs[key]
        np.testing.assert_array_equal(got[key], array)
        assert np.isfinite(array).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ALL)
def test_read_only_and_mapped_inputs_are_taken(name, dtype, tmp_path):
    call = calls(dtype)[name]
    want = call.results()
    for array in call.arrays.values():
        array.flags.writeable = False
    mapped = {}
    for key, array in call.arrays.items():
        mapped[key] = np.memmap(tmp_path / key, dtype, "w+", shape=array.shape)
        mapped[key][...] = array
    for got in (call.results(), call.results(**mapped)):
        for key, array in want.items():
            np.testing.assert_array_equal(got[key], array)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_kernels_work_in_place(name, dtype):
    for key in (name, name + "_backward"):
        call = calls(dtype)[key]
        want = call.results()["out"]
        for array in call.arrays:
            copy = call.arrays[array].copy()
            assert call(**{array: copy, "out": copy}) is copy
            np.testing.assert_array_equal(copy, want)


@pytest.mark.parametrize(("name", "output"), OUTPUTS)
def test_outputs_that_overlap_another_array_are_refused(name, output):
    base = calls()[name]
    for other in [*base.arrays, *base.outputs]:
        if other == output:
            continue
        call = calls()[name]
        inputs = {**call.arrays, **call.results()}
        a, b = inputs[output], inputs[other]
        for shift in (0, 1):
            memory = np.full(a.size + b.size + 1, 0.5)
            out = memory[: a.size].reshape(a.shape)
            arg = memory[shift : shift + b.size].reshape(b.shape)
            if shift == 0 and name.removesuffix("_backward") in ELEMENTWISE:
                continue  # exactly equal, allowed
            with pytest.raises(OptionError, match=r"apart from .*; got arrays that overlap"):
                call(**{output: out, other: arg})
            np.testing.assert_array_equal(memory, 0.5)


@pytest.mark.parametrize("name", ALL)
def test_neighbours_in_memory_do_not_overlap(name):
    call = calls()[name]
    inputs = {**call.arrays, **call.results()}
    memory = np.zeros(sum(a.size for a in inputs.values()) + 2)
    at, placed = 1, {}
    for key, array in inputs.items():
        placed[key] = memory[at : at + array.size].reshape(array.shape)
        placed[key][...] = array
        at += array.size
    for key, array in call.results(**placed).items():
        np.testing.assert_array_equal(array, inputs[key])
    assert memory[0] == memory[-1] == 0


def test_two_threads_at_once_get_their_own_results():
    start, wrong = threading.Barrier(2), []

    def work(seed):
        x, w = numbers((64, 100), "float32", seed), numbers((100, 80), "float32", seed)
        t = np.arange(64) % 80
        out, want = np.empty((64, 80), "float32"), kernels.dense_forward(x, w)
        loss = kernels.softmax_cross_entropy(want, t)[0]
        start.wait()
        for _ in range(300):
            kernels.dense_forward(x, w, out=out)
            if not np.array_equal(out, want) or kernels.softmax_cross_entropy(out, t)[0] != loss:
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_call_lets_other_threads_run():
    done, x = threading.Event(), np.ones((1500, 1500))
    ticks = []

    def work():
        for _ in range(4):
            kernels.dense_forward(x, x)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.wait(0.001):
        ticks.append(1)
    thread.join()
    assert len(ticks) > 4  # with the GIL held throughout, at most one between two calls


@pytest.mark.parametrize("name", kernels.__all__)
def test_docstring_has_shapes_dtypes_outputs_and_example(name):
    function = getattr(kernels, name)
    text = inspect.getdoc(function)
    first = text.split("\n\n")[0]
    assert first.startswith("Return ")
    assert "(" in first
    for part in ("float32 or float64", "Overwrites ``", "Errors: see the module", ">>> "):
        assert part in text, part
    assert "out" in function.__kwdefaults__ or name not in ELEMENTWISE
