"""Raw tables: what columns they have, and the arrays that a network takes.

`TableEncoder` learns from a table what each column is and makes numbers and codes of it::

    from cnn_core.tabular import TableEncoder

    encoder = TableEncoder().fit(frame)
    print(encoder.columns_)
    numbers, codes = encoder.transform(frame)

Tables are frames of pandas, Polars and Arrow (with ``pip install cnn-core[tabular]``), arrays,
dictionaries, lists of rows and CSV files (`read_table`).  `Classes` and `Targets` do for targets
what `TableEncoder` does for columns.
"""

from cnn_core.tabular.csv_files import CsvFile, read_table
from cnn_core.tabular.encoder import TableEncoder
from cnn_core.tabular.encoding import Encoded
from cnn_core.tabular.table import Table, as_table
from cnn_core.tabular.targets import Classes, Targets

__all__ = ["Classes", "CsvFile", "Encoded", "Table", "TableEncoder", "Targets", "as_table",
           "read_table"]  # fmt: skip
