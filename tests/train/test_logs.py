"""CSVLogger and TensorBoard: what they leave on the disk, also of a training that is resumed."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hook_cases import Stop, X, Y, fit, lines
from training_cases import make_trainer

import cnn_core as cnn
from cnn_core.errors import DataError, LibraryError


def figures(found: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in found]


# -- CSVLogger ----------------------------------------------------------------------------


def test_csv_has_a_line_for_each_epoch_with_all_digits(tmp_path):
    path, trainer = tmp_path / "log.csv", make_trainer(metrics=["accuracy"])
    seen = []

    class Look(cnn.Callback):
        def on_epoch_begin(self, trainer, epoch):
            seen.append(len(lines(path)))

    class Add(cnn.Callback):
        def on_epoch_end(self, trainer, epoch, values):
            values["odd"] = float("nan") if epoch == 1 else float("inf")

    history = fit(trainer, cnn.CSVLogger(path), Look(), Add())
    found = lines(path)
    assert list(found[0]) == ["epoch", "loss", "accuracy", "odd", "seconds"]
    assert [row["epoch"] for row in found] == ["1", "2", "3", "4"]
    assert seen == [0, 1, 2, 3]  # flushed
    for name in history:
        assert np.array_equal([float(r[name]) for r in found], history[name], equal_nan=True)
    assert [float(row["seconds"]) for row in found] == history.seconds


def test_csv_goes_on_in_a_second_fit_with_other_columns_and_begins_anew_in_a_new_one(tmp_path):
    path, trainer = tmp_path / "log.csv", make_trainer()
    logger = cnn.CSVLogger(path)
    first, second = fit(trainer, logger, epochs=2), fit(trainer, logger, validation_data=(X, Y))
    third = fit(trainer, logger, epochs=2)
    found = lines(path)
    assert [int(row["epoch"]) for row in found] == list(range(1, 9))
    losses = first["loss"] + second["loss"] + third["loss"]
    assert [float(row["loss"]) for row in found] == losses
    assert [row["val_loss"] for row in found] == ["", "", *map(str, second["val_loss"]), "", ""]
    fit(make_trainer(), logger, epochs=1)
    assert [row["epoch"] for row in lines(path)] == ["1"]


@pytest.mark.parametrize("at", [7, 10, 13, 20, 25])
def test_csv_of_a_resumed_training_has_each_line_once(at, tmp_path):
    whole, path, run = tmp_path / "whole.csv", tmp_path / "log.csv", tmp_path / "run"
    fit(make_trainer(), cnn.CSVLogger(whole))
    for stop, every in ((at, 7), (-1, 7)):
        hooks = [cnn.Checkpoint(run, every=every), cnn.CSVLogger(path), Stop(stop)]
        try:
            fit(make_trainer(), *hooks, resume=run)
        except KeyboardInterrupt:
            # As the process that was killed has left it: lines after the checkpoint, one torn.
            with open(path, "a") as file:
                file.write("4,0.5,0.1\n5,0.2" if path.stat().st_size else "")
    assert figures(lines(path)) == figures(lines(whole))


def test_csv_refuses_other_files_and_changes_nothing(tmp_path):
    path, trainer = tmp_path / "data.csv", make_trainer()
    for text in ("x,y\n1,2\n", "words", "epoch,loss\n1,2\n"):
        path.write_text(text)
        with pytest.raises(DataError, match="need a file that CSVLogger has written"):
            fit(trainer, cnn.CSVLogger(path))
        assert path.read_text() == text
    with pytest.raises(OSError, match="no such"):
        fit(trainer, cnn.CSVLogger(tmp_path / "no such" / "log.csv"))
    assert trainer.epochs_done == trainer.optimizer.step_count == 0


def test_training_goes_on_where_the_csv_cannot_be_written_and_no_line_is_lost(tmp_path):
    path, trainer = tmp_path / "log.csv", make_trainer()
    logger = cnn.CSVLogger(path)

    class Full(cnn.Callback):
        def on_epoch_begin(self, trainer, epoch):
            if epoch == 2:
                logger._file.close()
                logger._file = open("/dev/full", "w")  # noqa: SIM115

    with pytest.warns(UserWarning, match=r"CSVLogger: .* could not be written \(.*28"):
        history = fit(trainer, logger, Full())
    assert [float(row["loss"]) for row in lines(path)] == history["loss"]


# -- TensorBoard --------------------------------------------------------------------------


def events(folder) -> dict[str, list[tuple[int, float]]]:
    """Return the scalars as TensorBoard shows them: what comes after a purge counts."""
    from tensorboardX.proto import event_pb2

    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(folder.iterdir(), key=lambda p: p.name.split(".")[-3:]):
        data, at = path.read_bytes(), 0
        while at < len(data):
            n = int.from_bytes(data[at : at + 8], "little")
            event = event_pb2.Event.FromString(data[at + 12 : at + 12 + n])
            at += 16 + n
            if event.HasField("session_log"):
                found = {k: [p for p in v if p[0] < event.step] for k, v in found.items()}
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_tensorboard_gets_figures_over_steps_each_once_also_when_resumed(tmp_path):
    pytest.importorskip("tensorboardX")
    found = []
    for name, stops in (("straight", [-1]), ("resumed", [23, -1])):
        for stop in stops:
            hooks = [cnn.TensorBoard(tmp_path / name, every_steps=5), Stop(stop),
                     cnn.Checkpoint(tmp_path / "run", every_epochs=1 if stop > 0 else None)]
            try:
                trainer = make_trainer()
                history = fit(trainer, *hooks, resume=tmp_path / "run", validation_data=(X, Y))
            except KeyboardInterrupt:
                pass
        (tmp_path / "run").unlink()
        found.append(events(tmp_path / name))
    assert found[0] == found[1]
    tags = {tag: len(points) for tag, points in found[0].items()}
    assert tags == {"loss": 4, "val_loss": 4, "epoch": 4, "chunk/loss": 8, "chunk/lr": 8,
                    "chunk/grad_norm": 8}  # fmt: skip
    steps, losses = zip(*found[0]["loss"], strict=True)
    assert steps == (10, 20, 30, 40)
    assert np.array_equal(losses, np.float32(history["loss"]))


def test_without_its_library_tensorboard_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(LibraryError, match=r'pip install "cnn-core\[tensorboard\]"'):
        cnn.TensorBoard("runs")
