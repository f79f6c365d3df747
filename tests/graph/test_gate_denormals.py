"""C flushes denormals; a gate's Python has the mode that its thread came with."""

from __future__ import annotations

import ctypes
import platform
import struct
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from gates import trainer_of, wide_network

import cnn_core as cnn

FLUSH = 0x8040  # flush to zero, denormals are zero
MXCSR = 28  # where glibc's fenv_t of x86-64 keeps it

has_fenv = sys.platform.startswith("linux") and platform.machine() == "x86_64"


def control():
    """Return this thread's floating-point control bits: rounding, masks and flushing."""
    env = ctypes.create_string_buffer(64)
    ctypes.CDLL("libm.so.6").fegetenv(env)
    return struct.unpack_from("<I", env, MXCSR)[0] & ~0x3F  # without the flags of exceptions


@contextmanager
def flushing(bits):
    """Have the thread flush as ``bits`` of `FLUSH` say."""
    libm, before, now = ctypes.CDLL("libm.so.6"), *(ctypes.create_string_buffer(64) for _ in "ab")
    libm.fegetenv(before)
    libm.fegetenv(now)
    value = struct.unpack_from("<I", now, MXCSR)[0] & ~FLUSH | bits
    struct.pack_into("<I", now, MXCSR, value)
    libm.fesetenv(now)
    try:
        yield
    finally:
        libm.fesetenv(before)


class Watching(cnn.Gate):
    """Notes how its thread treats the smallest number: as it is, or as 0."""

    seen: tuple = ()

    def note(self):
        self.seen = (*self.seen, (repr(5e-324), (np.full(1, 5e-324) * 1.0)[0]))

    def forward(self, x):
        self.note()
        return x * 1.0

    def backward(self, dy):
        self.note()
        return dy * 1.0


EXACT = ("5e-324", 5e-324)


@pytest.fixture
def threads():
    yield cnn.set_num_threads
    cnn.set_num_threads(None)


def test_a_gate_of_a_graph_sees_denormals():
    gate = Watching()
    x = cnn.Input("x", (cnn.BATCH, 3))
    graph = cnn.Graph(cnn.ops.sum(gate(cnn.ops.exp(x)) * 2.0))
    graph.forward(x=np.ones((2, 3)))
    graph.backward()
    assert gate.seen == (EXACT,) * 2
    assert repr(5e-324) == "5e-324"


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_gate_in_a_training_sees_denormals(n_threads, threads):
    threads(n_threads)
    gate = Watching()
    net, x, y = wide_network(gate)
    trainer = trainer_of(net)
    trainer.fit(x, y, batch_size=64, epochs=1, progress=False)
    trainer.step(x, y)
    assert next(iter(trainer._programs.values())).program.n_threads == n_threads
    assert len(gate.seen) >= 2 * (4 + 1)  # forward and backward in each step
    assert set(gate.seen) == {EXACT}
    assert repr(5e-324) == "5e-324"


@pytest.mark.skipif(not has_fenv, reason="needs glibc on x86-64 to set the mode")
@pytest.mark.parametrize("bits", [0, 0x8000, 0x0040, FLUSH])
def test_a_gate_has_the_callers_mode_and_the_caller_keeps_it(bits, threads):
    threads(2)

    class Control(cnn.Gate):
        seen: tuple = ()

        def forward(self, x):
            self.seen = (*self.seen, control())
            return x

        def backward(self, dy):
            self.seen = (*self.seen, control())
            return dy

    gate = Control()
    x = cnn.Input("x", (cnn.BATCH, 4))
    graph = cnn.Graph(cnn.ops.sum(gate(x) * 2.0))
    net, rows, y = wide_network(gate)
    trainer = trainer_of(net)
    with flushing(bits):
        before = control()
        graph.forward(x=np.ones((2, 4)))
        graph.backward()
        trainer.step(rows, y)
        after = control()
    assert after == before
    assert before & FLUSH == bits
    assert set(gate.seen) == {before}
