"""train, predict and evaluate: the same numbers as in Python, and nothing half done."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest
from test_cli import command

import cnn_core as cnn
from cnn_core.cli import main
from cnn_core.tabular import read_table
from cnn_core.tabular.kinds import Profile, task_of

FAST = ("--recipe", "mlp", "--option", "epochs=3", "--option", "hidden=(16,)", "--seed", "1")
ODD = 'rather, "good"'


def write(path, n=120, seed=0, tail=""):
    rng = np.random.default_rng(seed)
    size = rng.normal(size=n).round(3)
    kind = rng.choice(["a", "b", "c d"], n)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["size", "kind", "says", "worth"])
        writer.writerows([s, k, ODD if s > 0.3 else "no", round(100 + 40 * s + 3 * (k == "a"), 2)]
                         for s, k in zip(size, kind, strict=True))  # fmt: skip
        file.write(tail)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A table, and models of its two targets."""
    folder = tmp_path_factory.mktemp("tables")
    data = write(folder / "data.csv")
    for target, more in (("says", ()), ("worth", ("--quantiles", "0.1,0.5,0.9"))):
        assert main(["train", str(data), "--target", target, "--out", str(folder / target),
                     "--quiet", *FAST, *more]) == 0  # fmt: skip
    return folder


def rows(text):
    names, *found = csv.reader(io.StringIO(text))
    return names, [list(column) for column in zip(*found, strict=True)]


def test_train_says_what_was_done_and_how_good_it_is(tmp_path, capsys):
    data = write(tmp_path / "data.csv")
    status, out, err = command(capsys, "train", data, "--target", "says", "--out", tmp_path / "m",
                               *FAST, "--kind", "kind=category", "--models", 2)  # fmt: skip
    assert status == 0
    assert err.splitlines()[0] == "says: classification (texts of 2 values)"
    model = cnn.load(tmp_path / "m")
    assert re.search(r"^rows +120, 24 of them held back$", out, re.M)
    assert re.search(r"^columns +3, 3 of them used", out, re.M)
    assert re.search(r"^recipe +mlp, 2 networks$", out, re.M)
    assert re.search(r"^epochs +3, the best is [123]$", out, re.M)
    assert re.search(rf"^accuracy +{model.validation_['accuracy']:.4f} ", out, re.M)
    assert model.seed == 1
    assert model.recipe_.hidden == (16,)
    again = command(capsys, "train", data, "--target", "says", "--out", tmp_path / "m", *FAST,
                    "--quiet")  # fmt: skip
    assert again == (0, "", "")


def test_predict_writes_what_python_predicts(made, capsys):
    model, data = cnn.load(made / "says"), read_table(made / "data.csv")
    status, out, err = command(capsys, "predict", made / "says", made / "data.csv",
                               "--probabilities")  # fmt: skip
    assert (status, err) == (0, "")
    names, (labels, *p) = rows(out)
    assert names == ["prediction", "probability_no", f"probability_{ODD}"]
    assert labels == model.predict(data).tolist()
    np.testing.assert_array_equal(np.array(p, float).T, model.predict_proba(data))
    status, out, err = command(capsys, "predict", made / "worth", made / "data.csv", "--quantiles",
                               "--interval", "0.8", "--out", made / "out.csv")  # fmt: skip
    assert (status, out, err) == (0, "", "")
    names, found = rows((made / "out.csv").read_text())
    assert names == ["prediction", "low", "high", "quantile_0.1", "quantile_0.5", "quantile_0.9"]
    model = cnn.load(made / "worth")
    expected = [model.predict(data)[:, None], model.predict_interval(data, 0.8),
                model.predict_quantiles(data)]  # fmt: skip
    np.testing.assert_array_equal(np.array(found, float).T, np.concatenate(expected, axis=1))


def test_evaluate_prints_a_table_or_json(made, capsys):
    for target in ("says", "worth"):
        found = cnn.load(made / target).evaluate(read_table(made / "data.csv"))
        status, out, err = command(capsys, "evaluate", made / target, made / "data.csv")
        assert (status, out, err) == (0, f"{found}\n", "")
        status, out, err = command(capsys, "evaluate", made / target, made / "data.csv", "--json")
        assert (status, json.loads(out), err) == (0, found.to_dict(), "")
    text = (made / "data.csv").read_text().replace("worth", "price", 1)
    (made / "renamed.csv").write_text(text)
    status, out, _ = command(capsys, "evaluate", made / "worth", made / "renamed.csv", "--target",
                             "price")  # fmt: skip
    assert (status, out) == (0, f"{found}\n")


def test_reports_are_written(made, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert command(capsys, "evaluate", made / "says", made / "data.csv", "--report", page)[0] == 0
    assert "</html>" in page.read_text("utf-8")
    page.unlink()
    done = command(capsys, "train", made / "data.csv", "--target", "worth", *FAST, "--report", page,
                   "--out", tmp_path / "m")  # fmt: skip
    assert done[0] == 0
    assert "</html>" in page.read_text("utf-8")


def test_show_has_columns_recipe_and_figures(made, capsys):
    model = cnn.load(made / "says")
    status, out, err = command(capsys, "show", made / "says")
    assert (status, err) == (0, "")
    assert out.startswith(f"{made / 'says'}: table, format ")
    assert str(model.columns_) in out
    assert repr(model.recipe_) in out
    assert re.search(rf"^accuracy +{model.validation_['accuracy']:.4f} ", out, re.M)
    n = sum(each.network.n_params for each in model.fitted_)
    assert f"{n:,} parameters" in out


def test_rows_of_another_file_choose_the_best_epoch(made, tmp_path, capsys):
    other = write(tmp_path / "other.csv", n=31, seed=5)
    status, out, _ = command(capsys, "train", made / "data.csv", "--target", "says", "--out",
                             tmp_path / "m", *FAST, "--validation", other)  # fmt: skip
    assert status == 0
    assert re.search(r"^rows +120$", out, re.M)
    assert "31 rows" in out
    write(other, n=31, seed=5, tail="1,a,,3\n")
    status, _, err = command(capsys, "train", made / "data.csv", "--target", "says", "--out",
                             tmp_path / "n", *FAST, "--quiet", "--validation", other)  # fmt: skip
    assert (status, err.count("\n")) == (2, 1)
    assert f"{other}, line 33: " in err
    assert not (tmp_path / "n").exists()


def run(*arguments, **more):
    call = [sys.executable, "-m", "cnn_core", *map(str, arguments)]
    return subprocess.run(call, capture_output=True, check=False, **more)


def test_standard_input_and_output(made):
    data = (made / "data.csv").read_bytes()
    done = run("predict", made / "says", "-", input=data)
    file = run("predict", made / "says", made / "data.csv")
    assert (done.returncode, done.stderr, done.stdout) == (0, b"", file.stdout)
    assert file.stdout.count(b"\n") == 121
    done = run("predict", made / "says", "-", input=data + b"1,a\n")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"stdin, line 122: need 4 fields" in done.stderr


def test_semicolons_another_encoding_and_no_header(made, tmp_path, capsys):
    lines = (made / "data.csv").read_text().replace("c d", "\xe9").splitlines()[1:]
    text = "\n".join(";".join(row) for row in csv.reader(lines))
    (tmp_path / "data.csv").write_text(text.replace(",", ""), encoding="latin-1")
    how = ("--delimiter", ";", "--encoding", "latin-1", "--no-header")
    status, _, err = command(capsys, "train", tmp_path / "data.csv", "--target", "x3", "--out",
                             tmp_path / "m", *FAST, *how)  # fmt: skip
    assert (status, err.splitlines()[0][:16]) == (0, "x3: regression (")
    status, out, err = command(capsys, "predict", tmp_path / "m", tmp_path / "data.csv", *how)
    assert (status, out.count("\n"), err) == (0, 121, "")
    status, out, err = command(capsys, "evaluate", tmp_path / "m", tmp_path / "data.csv", *how)
    assert (status, err) == (0, "")


# -- what goes wrong ----------------------------------------------------------------------


BAD = {
    "no such target": (["--target", "x"], "need a column among"),
    "no number": (["--target", "says", "--task", "regression"], r"data.csv, line 2: .* got '"),
    "no such recipe": (["--recipe", "x"], "need a recipe among"),
    "no such option": (["--option", "epoch=3"], "epoch"),
    "an option without a value": (["--option", "epochs"], "need NAME=VALUE; got 'epochs'"),
    "an option of another type": (["--option", "epochs=x"], "need epochs, a whole number"),
    "no such kind": (["--kind", "size=x"], "the kind of 'size'"),
    "no such column": (["--kind", "x=number"], "need kinds for columns among"),
    "no such task": (["--task", "x"], "--task"),
    "quantiles of classes": (["--quantiles", "0.5"], "--quantiles: need numbers"),
    "quantiles that are none": (["--target", "worth", "--quantiles", "0.5,x"], "quantiles"),
    "no time": (["--time-limit", "0"], "time_limit"),
    "no models": (["--models", "0"], "n_models"),
    "no such folder": (["--out", "none/m"], "in a folder that can be written"),
    "a folder": (["--out", "."], "need the name of a file"),
    "the data": (["--out", "data.csv"], "need another file to write than to read"),
    "the model as report": (["--report", "./m"], "need another file to write than"),
    "two letters": (["--delimiter", "xy"], "need one letter as delimiter"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_goes_wrong_in_training_is_one_line_and_nothing_is_written(
    name, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    before = write(tmp_path / "data.csv").read_bytes()
    (tmp_path / "m").write_text("old")
    more, said = BAD[name]
    status, out, err = command(capsys, "train", "data.csv", "--target", "says", "--out", "m",
                               "--quiet", *more)  # fmt: skip
    assert (status, out, err.count("\n")) == (2, "", 1), err
    assert re.search(said, err), err
    assert sorted(os.listdir()) == ["data.csv", "m"]
    assert (tmp_path / "data.csv").read_bytes() == before
    assert (tmp_path / "m").read_text() == "old"


@pytest.mark.parametrize(("tail", "said"), [
    ("1,a,no\n", "line 122: need 4 fields, as in the first row; got 3: column 'worth' is missing"),
    ("\n1,a,,3\n", r"line 123: .* need a class in every row of column 'says'; got none in row 120"),
    ('1,"a\nb",no,3\n2,b,,4\n', "line 124: .* got none in row 121"),
])  # fmt: skip
def test_errors_name_file_and_line(tail, said, tmp_path, capsys):
    data = write(tmp_path / "data.csv", tail=tail)
    status, _, err = command(capsys, "train", data, "--target", "says", "--out", tmp_path / "m",
                             "--quiet")  # fmt: skip
    assert (status, err.count("\n")) == (2, 1)
    assert re.search(f"{data}, {said}", err), err


def test_tables_without_rows_or_with_one_class(made, tmp_path, capsys):
    (tmp_path / "none.csv").write_text("size,kind,says,worth\n")
    (tmp_path / "same.csv").write_text("size,says\n1,no\n2,no\n")
    train = ("train", "--target", "says", "--out", tmp_path / "m", "--quiet", *FAST)
    for data, more, named, said in (
        ("none.csv", (), "none.csv", "need one row or more in column 'says'"),
        ("same.csv", (), "same.csv", "need two classes or more in column 'says'; got 'no' in all"),
        (made / "data.csv", ("--validation", tmp_path / "none.csv"), "none.csv",
         "fit: X_val: need one row or more"),
    ):  # fmt: skip
        status, _, err = command(capsys, *train, tmp_path / data, *more)
        assert (status, err.count("\n")) == (2, 1)
        assert err.startswith(f"cnn-core: {tmp_path / named}: ")
        assert said in err
    status, out, err = command(capsys, "evaluate", made / "says", tmp_path / "none.csv")
    assert (status, out) == (2, "")
    assert "need one row or more" in err
    status, out, _ = command(capsys, "predict", made / "says", tmp_path / "none.csv")
    assert (status, out) == (0, "prediction\n")


@pytest.mark.parametrize(("command_line", "said"), [
    (["predict", "says", "data.csv", "--interval", "0.9"], "--interval: need a model of numbers"),
    (["predict", "says", "data.csv", "--quantiles"], "--quantiles: need a model trained with"),
    (["predict", "worth", "data.csv", "--probabilities"], "--probabilities: need a model of class"),
    (["predict", "worth", "data.csv", "--interval", "1.5"], "coverage"),
    (["predict", "net", "data.csv"], "net: need a model of a table, as cnn-core train writes it"),
    (["predict", "data.csv", "data.csv"], "data.csv: need a whole file"),
    (["predict", "says", "none.csv"], "No such file"),
    (["predict", "says", "data.csv", "--out", "says"], "need another file to write than to read"),
    (["predict", "says", "narrow.csv"], "need columns 'size', 1 of the 3 that are used"),
    (["predict", "says", "data.csv", "--out", "/dev/null"], "a device"),
    (["evaluate", "says", "narrow.csv"], "need columns 'size'"),
    (["evaluate", "says", "data.csv", "--target", "x"], "need a column among"),
    (["evaluate", "says", "data.csv", "--target", "kind"], "line 2: .* need classes of"),
])  # fmt: skip
def test_what_goes_wrong_in_predicting_is_one_line(command_line, said, made, capsys, monkeypatch):
    monkeypatch.chdir(made)
    cnn.Sequential([cnn.Dense(2)], 3).save("net")
    (made / "narrow.csv").write_text("kind,says,worth\na,no,3\nb,no,4\n")
    before = (made / "says").read_bytes()
    status, out, err = command(capsys, *command_line)
    assert (status, out, err.count("\n")) == (2, "", 1), err
    assert re.search(said, err), err
    assert (made / "says").read_bytes() == before


def test_predictions_are_there_as_a_whole_or_not_at_all(made, tmp_path, capsys, monkeypatch):
    data, out = write(tmp_path / "long.csv", n=30_000, tail="1,a\n"), tmp_path / "out.csv"
    out.write_text("old")
    assert command(capsys, "predict", made / "says", data, "--out", out)[0] == 2

    def interrupt(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr("cnn_core.cli.predict._lines", interrupt)
    assert command(capsys, "predict", made / "says", made / "data.csv", "--out", out)[0] == 130
    assert out.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["long.csv", "out.csv"]


def test_memory_does_not_grow_with_the_file(made, tmp_path, monkeypatch):
    head, *lines = (made / "data.csv").read_text().splitlines(keepends=True)
    data, peaks = tmp_path / "data.csv", []
    monkeypatch.setattr("cnn_core.tabular.csv_files.CHUNK", 512)
    for n in (60, 240):
        data.write_text(head + "".join(lines) * n)
        tracemalloc.start()
        assert main(["predict", str(made / "says"), str(data), "--out", str(tmp_path / "o")]) == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a single process")
def test_ctrl_c_ends_a_training_and_leaves_nothing(tmp_path):
    write(tmp_path / "data.csv", n=2000)
    call = [sys.executable, "-m", "cnn_core", "train", "data.csv", "--target", "says", "--out", "m",
            "--recipe", "mlp", "--option", "epochs=100000"]  # fmt: skip
    with subprocess.Popen(call, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:  # fmt: skip
        said = process.stderr.readline()
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert said == "says: classification (texts of 2 values)\n"
    assert (process.returncode, out, "Traceback" in err) == (130, "", False), err
    assert os.listdir(tmp_path) == ["data.csv"]


def test_help_does_not_import_what_learns():
    code = ("import sys; from cnn_core.cli import main\ntry: main(['train', '--help'])\n"
            "except SystemExit: pass\n"
            "print([m for m in sys.modules if m.startswith('cnn_core.tabular')])")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\n[]\n")
    assert "--time-limit SECONDS" in done.stdout


def test_warnings_are_lines(made, tmp_path, capsys):
    (tmp_path / "new.csv").write_text("size,kind,worth,new\n1,a,3,4\nx,b,4,5\n")
    status, out, err = command(capsys, "predict", made / "says", tmp_path / "new.csv")
    assert (status, out.count("\n"), err.count("\n")) == (0, 3, 1)
    assert err.startswith("cnn-core: warning: predict: ")
    assert "'new'" in err
    assert "'x' in row 1" in err


# -- the task is told from the target -------------------------------------------------------


@pytest.mark.parametrize(("column", "task", "why"), [
    (["yes", "no"] * 9, "classification", "texts of 2 values"),
    (["1", "2", "x"] * 9, "classification", "texts of 3 values"),
    ([*["1.5", "2.5", ""] * 50, "x"], "regression", "numbers of 2 values"),
    (np.repeat(np.arange(20), 4), "classification", "whole numbers of 20 values"),
    (np.repeat(np.arange(21), 40), "regression", "whole numbers of 21 values"),
    (np.repeat(np.arange(20), 3), "regression", "whole numbers of 20 values"),
    (np.array([1.0, 2.0, np.nan] * 9), "classification", "whole numbers of 2 values"),
    (np.array([True, False]), "classification", "flags"),
    (np.linspace(0, 1, 40).repeat(9), "regression", "numbers of 40 values"),
])  # fmt: skip
def test_task(column, task, why):
    assert task_of(Profile("y", column)) == (task, why)
