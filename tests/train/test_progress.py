"""Progress: one bar for the epochs of a fit, a few lines in a log, tqdm only when a bar shows."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import threading
import types

import pytest
from training_cases import blobs, make_trainer

from cnn_core.errors import OptionError
from cnn_core.train import progress as module
from cnn_core.train.progress import format_rate, make_progress


class Screen(io.StringIO):
    """A terminal that keeps what was written to it."""

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        """Return what is left on each line: what follows its last carriage return."""
        return [line.split("\r")[-1].rstrip() for line in self.getvalue().split("\n")]

    def drawn(self) -> list[str]:
        """Return everything that has stood there, one after the other."""
        return [text.strip() for text in re.split(r"[\r\n]", self.getvalue()) if text.strip()]


class Clock:
    """The time, in the tests' hands; tqdm looks at the real one."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(module, "time", found)
    return found


def run(progress, file, epochs=2, rows=200, clock=None, seconds=0.0):
    """Report epochs of ``rows`` rows in four calls, each of some ``seconds``."""
    bar = make_progress(progress, epochs, rows, file)
    for epoch in range(1, epochs + 1):
        bar.start_epoch(epoch)
        for done in range(rows // 4, rows + 1, rows // 4):
            if clock is not None:
                clock.now += seconds
            bar.update(done, lambda done=done: {"loss": 10 / done, "accuracy": 0.5})
        bar.end_epoch({"loss": 0.05, "accuracy": 0.75, "val_loss": 1 / epoch})
    bar.close()


@pytest.mark.parametrize("seconds", [0.0, 1e-5, 0.01, 0.2])
@pytest.mark.parametrize("progress", [True, "always"])
def test_one_bar_for_all_epochs_leaves_one_line(clock, progress, seconds):
    screen = Screen()
    run(progress, screen, epochs=50, clock=clock, seconds=seconds)
    line, last = screen.lines()
    assert last == ""
    assert line.startswith("epoch 50/50 ")
    assert line.endswith("loss=0.0500, accuracy=0.7500, val_loss=0.0200")
    # At most one drawing in a tenth of a second; the first is made twice.
    assert len(screen.drawn()) <= 50 * 4 * min(seconds / 0.1, 1) + 2


def test_two_thousand_short_epochs_leave_one_line_and_few_drawings(clock):
    screen = Screen()
    run(True, screen, epochs=2000, clock=clock, seconds=25e-6 / 4)
    assert len(screen.lines()) == 2
    assert len(screen.drawn()) == 1  # the last line: all took a twentieth of a second


def test_running_bar_shows_the_share_of_the_whole_fit_and_the_figures_so_far(clock):
    screen = Screen()
    bar = make_progress(True, 12, 4000, screen)
    bar.start_epoch(1)
    bar.end_epoch({"loss": 2.0, "val_loss": 0.5})
    bar.start_epoch(2)
    clock.now = 2.0
    bar.update(2000, lambda: {"loss": 0.25})
    line = screen.drawn()[-1]
    assert re.match(r"epoch +2/12 +12%\|", line)
    assert line.endswith("1.00k rows/s, loss=0.2500, val_loss=0.5000")
    bar.close()


def test_a_bar_comes_only_after_a_moment_and_figures_are_made_only_to_be_shown(clock):
    asked = []
    screen = Screen()
    bar = make_progress(True, 2, 100, screen)
    bar.start_epoch(1)
    for i in range(1000):
        clock.now += 1e-3
        bar.update(i % 100, lambda: asked.append(1) or {"loss": 1.0})
    assert 8 <= len(asked) <= 10
    bar.close()


def test_running_line_fits_80_columns(clock):
    screen = Screen()
    bar = make_progress(True, 100, 60_000, screen)
    bar.start_epoch(7)
    clock.now = 0.7
    bar.update(30_000, lambda: {"loss": 0.25, "accuracy": 0.75})
    line = screen.drawn()[-1]
    assert line.endswith("accuracy=0.7500")
    assert len(line) <= 80
    bar.close()


def test_rate_leaves_out_the_time_of_validation_and_rows_of_an_earlier_fit(clock):
    screen = Screen()
    bar = make_progress(True, 1, 1000, screen)
    bar.start_epoch(1, rows_done=400)
    clock.now = 2.0
    bar.update(1000, lambda: {"loss": 1.0})
    clock.now = 100.0
    bar.end_epoch({"loss": 1.0})
    bar.close()
    assert screen.lines()[0] == "epoch 1/1 01:40, 300 rows/s, loss=1.0000"


def test_epoch_broken_off_leaves_its_line(clock):
    screen = Screen()
    bar = make_progress(True, 2, 200, screen)
    bar.close()
    assert screen.getvalue() == ""
    bar = make_progress(True, 2, 200, screen)
    bar.start_epoch(1)
    clock.now = 1.0
    bar.update(50, lambda: {"loss": 1.0})
    bar.close()
    bar.close()
    assert screen.lines() == ["epoch 1/2 25% 00:01, 50 rows/s, loss=1.0000", ""]


def test_log_gets_a_line_a_second_at_most_and_the_last(clock):
    page = io.StringIO()
    run("always", page, epochs=100, clock=clock, seconds=0.025)  # ten seconds
    lines = page.getvalue().splitlines()
    assert 9 <= len(lines) <= 11
    assert lines[0].startswith("epoch  10/100 00:01, 2.00k rows/s, loss=0.0500")
    assert lines[-1].startswith("epoch 100/100 00:10, 2.00k rows/s, loss=0.0500")
    assert "\r" not in page.getvalue()


def test_log_shows_that_a_long_epoch_is_alive(clock):
    page = io.StringIO()
    run("always", page, epochs=1, clock=clock, seconds=40.0)
    lines = page.getvalue().splitlines()
    assert [line.split()[2] for line in lines] == ["25%", "50%", "75%", "100%", "02:40,"]


def test_silent_where_the_output_is_no_terminal():
    page = io.StringIO()
    run(True, page)
    assert page.getvalue() == ""
    run("always", page)
    assert page.getvalue().count("\n") == 1


def test_silent_when_switched_off_or_without_streams(monkeypatch):
    screen = Screen()
    run(False, screen)
    assert screen.getvalue() == ""
    monkeypatch.setattr(sys, "stderr", None)
    run("always", None)


def test_standard_error_is_the_default(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    run(True, None)
    assert "epoch 2/2" in screen.getvalue()


class Kernel(types.ModuleType):
    """What a program finds as IPython within a Jupyter kernel."""

    @staticmethod
    def get_ipython():
        return types.SimpleNamespace(config={"IPKernelApp": {}})


def test_notebook_shows_a_bar_though_it_is_no_terminal(monkeypatch, clock):
    page = Screen()
    page.isatty = lambda: False
    monkeypatch.setattr(sys, "stdout", page)
    monkeypatch.setitem(sys.modules, "IPython", Kernel("IPython"))
    monkeypatch.setattr(module, "find_spec", lambda name: None)  # without ipywidgets
    run(True, None, clock=clock, seconds=0.2)
    assert page.drawn()[0].startswith("epoch 1/2  12%|")
    assert page.lines()[0].endswith("val_loss=0.5000")
    monkeypatch.setattr(Kernel, "get_ipython", staticmethod(lambda: None))
    page.truncate(0)
    run(True, None, clock=clock, seconds=0.2)
    assert page.getvalue() == ""


def test_widget_of_a_notebook_goes_when_its_last_line_is_written(monkeypatch, clock):
    """tqdm leaves a widget that is closed before it is full, in red."""
    pytest.importorskip("ipywidgets", reason="ipywidgets is not installed")
    from tqdm.notebook import tqdm

    closed, page, close = [], io.StringIO(), tqdm.close
    monkeypatch.setattr(tqdm, "close", lambda bar: (
        closed.append((bar.n, bar.total, bar.leave)), close(bar)))  # fmt: skip
    monkeypatch.setattr(sys, "stdout", page)
    monkeypatch.setitem(sys.modules, "IPython", Kernel("IPython"))
    bar = make_progress(True, 8, 100)
    bar.start_epoch(1)
    clock.now = 1.0
    bar.update(50, lambda: {"loss": 1.0})
    bar.close()
    assert closed == [(8, 8, False)]
    assert page.getvalue().endswith("epoch 1/8 50% 00:01, 50 rows/s, loss=1.0000\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("columns", [0, 30, 100])
def test_terminal_of_any_size_or_none_works(clock, columns):
    import fcntl
    import pty
    import struct
    import termios

    leader, follower = pty.openpty()
    size = struct.pack("4H", 24 if columns else 0, columns, 0, 0)
    fcntl.ioctl(follower, termios.TIOCSWINSZ, size)
    with os.fdopen(follower, "w") as terminal:
        run(True, terminal, clock=clock, seconds=0.2)
        terminal.flush()
        written = b""
        while not written.endswith(b"\n"):
            written += os.read(leader, 100_000)
    os.close(leader)
    text = written.decode()
    *drawn, last, end = re.split(r"[\r\n]+", text)
    assert end == ""
    assert last.endswith("val_loss=0.5000")  # whole, however narrow
    assert "epoch 1/2  12%|" in text
    assert max(map(len, drawn)) < (columns or 80)


def test_short_epochs_do_nothing_but_look_at_the_clock():
    """Of fits of as many epochs in turns: the calls that are made with a bar and without one."""
    x, y = blobs(20)
    trainer = make_trainer()
    calls = {}
    for progress in [False, "always", False, "always"]:
        counted = []
        before = sys.getprofile()
        sys.setprofile(lambda frame, event, arg, to=counted: to.append(event.endswith("call")))
        try:
            trainer.fit(x, y, epochs=100, progress=progress)
        finally:
            sys.setprofile(before)
        calls[progress] = sum(counted)
    # Three looks an epoch, and the last line.
    assert 300 <= calls["always"] - calls[False] < 400


@pytest.mark.parametrize("progress", ["never", "", None, 1, 0, "Always"])
def test_other_values_are_refused(progress):
    with pytest.raises(OptionError, match="need True, False or 'always'; got"):
        make_progress(progress, 1, 1)


def test_no_thread_is_left_behind(clock):
    before = threading.active_count()
    run("always", Screen(), clock=clock, seconds=0.2)
    assert threading.active_count() == before


def test_tqdm_is_imported_only_when_a_bar_is_shown():
    code = (
        "import io, sys; from cnn_core.train import progress as module\n"
        "class Screen(io.StringIO):\n    isatty = lambda self: True\n"
        "class Clock:\n    now = 0.0\n    perf_counter = lambda self: self.now\n"
        "module.time = clock = Clock()\n"
        "for progress, seconds, there in (True, 0, 0), (False, 0.2, 0), (True, 0.2, 1):\n"
        "    bar = module.make_progress(progress, 1, 1, Screen())\n"
        "    bar.start_epoch(1)\n"
        "    clock.now += seconds\n"
        "    bar.update(1, dict)\n"
        "    bar.close()\n"
        "    assert ('tqdm' in sys.modules) == there\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0.4, "0 rows/s"), (950, "950 rows/s"), (999.7, "1.00k rows/s"), (1234, "1.23k rows/s"),
     (9996, "10.0k rows/s"), (12345, "12.3k rows/s"), (99960, "100k rows/s"),
     (1.2e6, "1.20M rows/s"), (3e12, "3000G rows/s")],
)  # fmt: skip
def test_format_rate(rate, text):
    assert format_rate(rate) == text
