"""Valid calls of what `cnn_core.tabular` offers, for `junk_cases.py`."""

from __future__ import annotations

from typing import Any

from junk_parts import FOLDER, Call, Fresh, method, plain

from cnn_core.tabular import (
    Classes,
    CsvFile,
    Table,
    TableEncoder,
    TabularClassifier,
    TabularRegressor,
    Targets,
    as_table,
    calibration_error,
    read_table,
)

_TABLE = {"a": [0.5, 1.5, 2.5] * 4, "b": ["p", "q", "r"] * 4}
_FILE = FOLDER / "table.csv"
_FILE.write_text("a,b\n1,p\n2.5,q\n")
_READ = {"path": _FILE, "delimiter": ",", "header": True, "encoding": "utf-8", "names": ["a"]}


def _encoder() -> TableEncoder:
    return TableEncoder().fit(_TABLE)


def _of_encoder(e: TableEncoder) -> Any:
    return e.state_dict(), e.get_params()


def _classes() -> Classes:
    return Classes().fit(["p", "q"])


_ROWS = {**_TABLE, "y": [0.5, 2.0, 1.0] * 4}
_LEARNER = {"recipe": "mlp", "options": {"epochs": 1, "hidden": (2,)}, "n_models": 1,
            "validation_fraction": 0.2, "kinds": None, "encoder": None, "seed": 0, "n_threads": 1,
            "progress": False}  # fmt: skip
_FIT = {"X": _ROWS, "y": "y", "sample_weight": [1.0] * 12, "X_val": _ROWS, "y_val": _ROWS["y"],
        "time_limit": 5.0}  # fmt: skip


def _learner(cls: Any = TabularClassifier) -> Any:
    return cls(**_LEARNER).fit(_ROWS, "y")


def _regressor() -> Any:
    rows = {name: 10 * column for name, column in _ROWS.items()}
    return TabularRegressor(**{**_LEARNER, "n_models": 2}, quantiles=(0.25, 0.5)).fit(rows, "y")


def _of_learner(m: Any) -> Any:
    learned = [each.network.store.value.tobytes() for each in m.fitted_]
    return m.get_params(), m.encoder_.state_dict(), learned, m.n_rows_, m.notes_, m.validation_


CALLS: dict[str, Call] = {
    "tabular.TabularClassifier": plain(
        lambda **options: TabularClassifier(**options).fit(_ROWS, "y"), **_LEARNER, calibrate=True,
        class_weight=None),
    "tabular.TabularRegressor": plain(
        lambda **options: TabularRegressor(**options).fit(_ROWS, "y"), **_LEARNER, quantiles=None),
    "TabularClassifier.fit": method("fit", _learner, _of_learner, also=(OSError,), **_FIT),
    "TabularRegressor.fit": method("fit", lambda: _learner(TabularRegressor), _of_learner,
                                   also=(OSError,), **_FIT),
    "TabularClassifier.predict_proba": method("predict_proba", _learner, _of_learner,
                                              also=(OSError,), X=_ROWS),
    "TabularRegressor.predict": method("predict", lambda: _learner(TabularRegressor), _of_learner,
                                       also=(OSError,), X=_ROWS),
    "TabularClassifier.stream": Call(
        lambda m, path, **how: list(m.stream(path, **how)),
        {**{k: v for k, v in _READ.items() if k != "names"}, "method": "predict_proba", "rows": 1},
        _learner, _of_learner, (OSError,)),
    "TabularRegressor.predict_quantiles": method("predict_quantiles", _regressor, _of_learner,
                                                 also=(OSError,), X=_ROWS),
    "TabularRegressor.predict_interval": method("predict_interval", _regressor, _of_learner,
                                                also=(OSError,), X=_ROWS, coverage=0.75),
    "TabularRegressor.predict_std": method("predict_std", _regressor, _of_learner,
                                           also=(OSError,), X=_ROWS),
    "TabularClassifier.save": method("save", _learner, _of_learner, also=(OSError,),
                                     path=FOLDER / "learner.safetensors"),
    "TabularClassifier.evaluate": method("evaluate", _learner, _of_learner, also=(OSError,),
                                         X=_ROWS, y="y", sample_weight=[1.0] * 12),
    "TabularClassifier.score": method("score", _learner, _of_learner, also=(OSError,), X=_ROWS,
                                      y="y", sample_weight=[1.0] * 12),
    "TabularRegressor.score": method("score", lambda: _learner(TabularRegressor), _of_learner,
                                     also=(OSError,), X=_ROWS, y="y", sample_weight=[1.0] * 12),
    "TabularClassifier.set_params": Call(lambda m, name: m.set_params(**{name: 3}),
                                         {"name": "seed"}, _learner, _of_learner, (TypeError,)),
    "TabularClassifier.permutation_importance": method(
        "permutation_importance", _learner, _of_learner, also=(OSError, TypeError), X=_ROWS, y="y",
        n_repeats=1, seed=0, metric="auc", sample_weight=[1.0] * 12),
    "TabularClassifier.partial_dependence": method(
        "partial_dependence", _learner, _of_learner, also=(OSError,), X=_ROWS, column="a",
        grid=3, kind="average"),
    "TabularRegressor.report": method(
        "report", _regressor, _of_learner, also=(OSError,), path=str(FOLDER / "page.html"),
        X=_ROWS, y="y", sample_weight=[1.0] * 12),
    "tabular.TableEncoder": plain(
        lambda **options: TableEncoder(**options).fit(_TABLE),
        kinds=None, max_one_hot=8, min_rows=2, discrete_rows=500, max_words=3),
    "tabular.TableEncoder, one kind": Call(
        lambda _, name, kind: TableEncoder({name: kind}).fit(_TABLE),
        {"name": "a", "kind": "number"}, also=(TypeError,)),
    "tabular.Table": plain(Table, names=["a"], columns=[[1, 2]], named=True, source="a file"),
    "tabular.Table, a column": plain(lambda column: Table(["a"], [column]), column=[1.0, 2.0]),
    "tabular.Table.column": Call(lambda t, name: t.column(name), {"name": "a"},
                                 lambda: as_table(_TABLE)),
    "tabular.Table.without": Call(lambda t, name: t.without(name), {"name": "a"},
                                  lambda: as_table(_TABLE)),
    "tabular.as_table": Call(lambda _, x: as_table(x), {"x": _TABLE}, also=(OSError,)),
    "tabular.as_table, a value": plain(lambda value: as_table({"a": value}), value=1.0),
    "tabular.as_table, a row": plain(lambda row: as_table([row]), row={"a": 1.0}),
    "tabular.read_table": Call(lambda _, **given: read_table(**given), _READ, also=(OSError,)),
    "tabular.CsvFile": Call(lambda _, **given: CsvFile(**given), _READ, also=(OSError,)),
    "tabular.CsvFile.chunks": Call(lambda f, rows: list(f.chunks(rows)), {"rows": 2},
                                   lambda: CsvFile(_FILE)),
    "TableEncoder.fit": Call(lambda e, x, y: e.fit(x, y), {"x": _TABLE, "y": None}, _encoder,
                             _of_encoder, (OSError,)),
    "TableEncoder.fit_transform": Call(lambda e, x: e.fit_transform(x), {"x": _TABLE}, _encoder,
                                       _of_encoder, (OSError,)),
    "TableEncoder.transform": Call(lambda e, x: e.transform(x), {"x": _TABLE}, _encoder,
                                   _of_encoder, (OSError,)),
    "TableEncoder.transform_row": method("transform_row", _encoder, _of_encoder,
                                         row={"a": 1.0, "b": "p"}),
    "TableEncoder.transform_row, values": Call(
        lambda e, **row: e.transform_row(row), {"a": 1.0, "b": "p"}, _encoder, _of_encoder),
    "TableEncoder.stream": Call(
        lambda e, path, **how: list(e.stream(path, **how)),
        {**{k: v for k, v in _READ.items() if k != "names"}, "rows": 2}, _encoder, _of_encoder,
        (OSError,)),
    "TableEncoder.set_params": Call(lambda e, name: e.set_params(**{name: 3}),
                                    {"name": "min_rows"}, _encoder, _of_encoder, (TypeError,)),
    "TableEncoder.load_state_dict": method(
        "load_state_dict", _encoder, _of_encoder, state=Fresh(lambda: _encoder().state_dict())),
    "TableEncoder.load_state_dict, a part": Call(
        lambda e, **parts: e.load_state_dict(parts), _encoder().state_dict(), _encoder,
        _of_encoder),
    "tabular.Classes.fit": method("fit", _classes, Classes.state_dict, y=["a", "b"], name="y"),
    "tabular.Classes.transform": method("transform", _classes, Classes.state_dict, y=["p"],
                                        name="y"),
    "tabular.Classes.inverse_transform": method("inverse_transform", _classes,
                                                Classes.state_dict, codes=[1, 0]),
    "tabular.Classes.load_state_dict": method(
        "load_state_dict", _classes, Classes.state_dict,
        state=Fresh(lambda: _classes().state_dict())),
    "tabular.Classes.load_state_dict, a part": Call(
        lambda c, **parts: c.load_state_dict(parts), _classes().state_dict(), _classes,
        Classes.state_dict),
    "tabular.Targets.fit_transform": method("fit_transform", Targets, lambda t: 0, y=[1.0, 2.0]),
    "tabular.Targets.transform": method("transform", Targets, lambda t: 0, y=[1.0, 2.0]),
    "tabular.calibration_error": plain(
        calibration_error, y=["p", "q"], p=[[0.25, 0.75], [0.5, 0.5]], bins=5, classes=["p", "q"],
        sample_weight=[1.0, 2.0]),
}  # fmt: skip
