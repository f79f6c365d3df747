"""Progress: one line per epoch on a terminal, nothing elsewhere, tqdm only when it shows."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import threading

import pytest

from cnn_core.errors import OptionError
from cnn_core.train.progress import format_rate, make_progress


class Screen(io.StringIO):
    """A terminal that keeps what was written to it."""

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        """Return what is left on each line: what follows its last carriage return."""
        return [line.split("\r")[-1].rstrip() for line in self.getvalue().split("\n")]


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("LINES", "40")


def run(progress, file, epochs=2, rows=200):
    bar = make_progress(progress, epochs, rows, file)
    for epoch in range(1, epochs + 1):
        bar.start_epoch(epoch)
        for done in range(50, rows + 1, 50):
            bar.update(done, {"loss": 10 / done, "accuracy": 0.5})
        bar.end_epoch({"loss": 0.05, "accuracy": 0.75, "val_loss": 0.0625, "val_accuracy": 0.7})
    bar.close()


@pytest.mark.parametrize("progress", [True, "always"])
def test_each_epoch_leaves_one_line_with_its_final_figures(progress):
    screen = Screen()
    run(progress, screen)
    *lines, last = screen.lines()
    assert last == ""
    assert len(lines) == 2
    for epoch, line in enumerate(lines, 1):
        assert line.startswith(f"epoch {epoch}/2 00:00, ")
        assert re.search(r"[\d.]+[kMG]? rows/s, loss=0\.0500, accuracy=0\.7500", line)
        assert line.endswith("val_loss=0.0625, val_accuracy=0.7000")


@pytest.mark.parametrize("columns", [20, 80])
def test_narrow_terminal_hides_no_figure_of_a_finished_epoch(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    screen = Screen()
    run(True, screen)
    assert screen.lines()[1].endswith("val_loss=0.0625, val_accuracy=0.7000")


def test_running_line_fits_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    screen = Screen()
    bar = make_progress(True, 100, 60_000, screen)
    bar.start_epoch(7)
    bar.update(30_000, {"loss": 0.25, "accuracy": 0.75})
    bar.close()
    line = screen.lines()[0]
    assert line.endswith("accuracy=0.7500")
    assert len(line) <= 80


def test_figures_are_shown_while_the_epoch_runs(monkeypatch):
    screen, clock = Screen(), iter(range(100))
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    monkeypatch.setattr("tqdm.std.time", lambda: next(clock))
    bar = make_progress(True, 12, 4000, screen)
    bar.start_epoch(3)
    bar.update(1500, {"loss": 0.25})
    line = screen.lines()[-1]
    assert line.startswith("epoch  3/12  38%|")
    assert line.endswith("1.50k rows/s, loss=0.2500")
    bar.close()


def test_rate_leaves_out_the_time_of_validation(monkeypatch):
    screen, now = Screen(), [0.0]
    monkeypatch.setattr("cnn_core.train.progress.time.perf_counter", lambda: now[0])
    bar = make_progress(True, 1, 1000, screen)
    bar.start_epoch(1)
    now[0] = 2.0
    bar.update(1000, {"loss": 1.0})
    now[0] = 100.0
    bar.end_epoch({"loss": 1.0})
    assert "500 rows/s" in screen.lines()[0]


def test_epoch_broken_off_leaves_its_line():
    screen = Screen()
    bar = make_progress(True, 2, 200, screen)
    bar.close()
    bar.start_epoch(1)
    bar.update(50, {"loss": 1.0})
    bar.close()
    bar.close()
    assert screen.lines()[0].startswith("epoch 1/2  25%|")
    assert screen.getvalue().count("\n") == 1


def test_silent_where_the_output_is_no_terminal():
    page = io.StringIO()
    run(True, page)
    assert page.getvalue() == ""
    run("always", page)
    assert page.getvalue().count("val_loss=0.0625") == 2


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


@pytest.mark.parametrize("progress", ["never", "", None, 1, 0, "Always"])
def test_other_values_are_refused(progress):
    with pytest.raises(OptionError, match="need True, False or 'always'; got"):
        make_progress(progress, 1, 1)


def test_no_thread_is_left_behind():
    before = threading.active_count()
    run("always", Screen())
    assert threading.active_count() == before


def test_tqdm_is_imported_only_when_a_bar_is_shown():
    code = (
        "import io, sys; from cnn_core.train.progress import make_progress;"
        "make_progress(True, 1, 1, io.StringIO()).start_epoch(1); assert 'tqdm' not in sys.modules;"
        "make_progress('always', 1, 1, io.StringIO()).start_epoch(1); assert 'tqdm' in sys.modules"
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
