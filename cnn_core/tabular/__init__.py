"""Raw tables: learners, and the arrays that a network takes.

`TabularClassifier` and `TabularRegressor` take a table as it is, and the name of its target::

    from cnn_core.tabular import TabularClassifier

    model = TabularClassifier(seed=0).fit(frame, "income")
    model.predict_proba(raw_rows)

`TableEncoder` learns from a table what each column is and makes numbers and codes of it::

    from cnn_core.tabular import TableEncoder

    encoder = TableEncoder().fit(frame)
    print(encoder.columns_)
    numbers, codes = encoder.transform(frame)

Tables are frames of pandas, Polars and Arrow (with ``pip install cnn-core[tabular]``), arrays,
dictionaries, lists of rows and CSV files (`read_table`).  `Classes` and `Targets` do for targets
what `TableEncoder` does for columns.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from cnn_core.tabular.csv_files import CsvFile, read_table
from cnn_core.tabular.encoder import TableEncoder
from cnn_core.tabular.encoding import Encoded
from cnn_core.tabular.table import Table, as_table
from cnn_core.tabular.targets import Classes, Targets

if TYPE_CHECKING:
    from cnn_core.tabular.calibration import calibration_error
    from cnn_core.tabular.classifier import TabularClassifier
    from cnn_core.tabular.recipes.recipe import Recipe
    from cnn_core.tabular.regressor import TabularRegressor

_ON_DEMAND = {"Recipe": "recipes.recipe", "TabularClassifier": "classifier",
              "TabularRegressor": "regressor", "calibration_error": "calibration"}  # fmt: skip
"""What trains, and who encodes tables alone does without."""


def __getattr__(name: str) -> object:
    if name not in _ON_DEMAND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(_import_module(f"{__name__}.{_ON_DEMAND[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_DEMAND})


__all__ = ["Classes", "CsvFile", "Encoded", "Recipe", "Table", "TableEncoder", "TabularClassifier",
           "TabularRegressor", "Targets", "as_table", "calibration_error",
           "read_table"]  # fmt: skip
