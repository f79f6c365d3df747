"""Trainings killed at random instants go on from their checkpoints to the same bits."""

from __future__ import annotations

import os
import signal
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from resume_cases import STEPS, bits, figures, fit, make
from training_cases import set_threads

import cnn_core as cnn

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a POSIX system")


@pytest.fixture(scope="module")
def short():
    trainer = make()
    history = fit(trainer, epochs=2)
    return bits(trainer), figures(history)


def in_child(work) -> int:
    """Run ``work`` in a child of this process; return its number."""
    pid = os.fork()
    if pid == 0:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return pid


class Kill(cnn.Callback):
    """Ends the process, as SIGKILL would, so many seconds after a step; the first is step 0."""

    every_steps = 1

    def __init__(self, step: int, seconds: float) -> None:
        self.step, self.seconds = step, seconds

    def on_train_begin(self, trainer):
        self.at(0)

    def on_chunk_end(self, trainer, chunk):
        self.at(chunk.step)

    def at(self, step: int) -> None:
        if step == self.step:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, self.seconds)


def check_kills(folder: Path, whole, instants) -> int:
    """Kill trainings at instants and let them go on; return how many were in the middle."""
    path, result, killed = folder / "run", folder / "result.npz", 0

    def work(threads: int, step: int, seconds: float) -> None:
        set_threads(threads)
        trainer = make()
        history = fit(trainer, Kill(step, seconds), cnn.Checkpoint(path, every=4), resume=path,
                      epochs=2)  # fmt: skip
        np.savez(result, figures=repr(figures(history)),
                 **{k: np.frombuffer(v, np.uint8) for k, v in bits(trainer).items()})  # fmt: skip

    for i, (step, seconds) in enumerate(instants):
        for file in folder.iterdir():
            file.unlink()
        _, status = os.waitpid(in_child(lambda at=(step, seconds): work(1, *at)), 0)
        when = f"{seconds} s after step {step}"
        assert status in (0, signal.SIGALRM), when
        killed += status == signal.SIGALRM and path.exists() and not result.exists()
        if path.exists():
            cnn.Trainer.resume(path)  # whole
        threads = 3 if i % 2 else 1
        _, status = os.waitpid(in_child(lambda threads=threads: work(threads, -1, 0.0)), 0)
        assert status == 0, when
        found = dict(np.load(result))
        assert str(found.pop("figures")) == repr(whole[1]), when
        assert {k: v.tobytes() for k, v in found.items()} == whole[0], when
        assert [f.name for f in folder.iterdir() if f.name.startswith(".")] == []
    return killed


def instants(part: int, n: int) -> list[tuple[int, float]]:
    """Return steps, of which each comes up as often, and seconds: writing a file takes ten ms."""
    rng = np.random.default_rng((int(time.time()), part))
    steps = np.concatenate([rng.permutation(2 * STEPS) for _ in range(0, n, 2 * STEPS)])[:n]
    return [(int(step), float(10 ** rng.uniform(-5, -1.7))) for step in steps]


@pytest.mark.parametrize("part", range(2))
def test_trainings_killed_at_random_instants_go_on_to_the_same_bits(part, short, tmp_path):
    assert check_kills(tmp_path, short, instants(part, 15)) > 1


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_trainings_killed_at_a_thousand_instants(part, short, tmp_path):
    assert check_kills(tmp_path, short, instants(part, 100)) > 20
