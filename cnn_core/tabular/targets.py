"""Targets of raw tables: classes of any kind as numbers of classes, and numbers to be predicted.

`Classes` and `Targets` look for what is missing, constant or no target before anything is trained.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cnn_core import options
from cnn_core.errors import DataError, LabelError, ShapeError, StateError
from cnn_core.frames import is_frame
from cnn_core.naming import Keywords, hint
from cnn_core.tabular.table import Column, as_table, listed, tidy
from cnn_core.tabular.values import is_nothing, level_of, numbers_of, text_of

_PLAIN = (str, bool, int, float)


class Classes(Keywords):
    """Labels of classes, anything that can be told apart, as numbers 0 .. C - 1.

    ``classes_`` has the labels in order, as scikit-learn has them: numbers by size, texts by
    letter; those that cannot be compared by the names of their types first.  ``counts_`` says how
    many rows each has.

    Texts are told apart without the blanks around them; an empty one is missing.

    Example
    -------
    >>> from cnn_core.tabular import Classes
    >>> classes = Classes().fit(["no", "yes", "no"])
    >>> classes.transform(["yes", "no"]), classes.inverse_transform([1])
    (array([1, 0], dtype=int32), array(['yes'], dtype='<U3'))
    """

    classes_: np.ndarray
    counts_: np.ndarray

    def fit(self, y: Any, *, name: str = "y") -> Classes:
        """Learn which classes there are.

        Raises `DataError` for a missing label, with its row, for no rows and for a single class;
        `ShapeError` for anything but one label per row; `LabelError` for one that is not hashable.
        """
        labels = labels_of(y, "fit", name)
        if not labels:
            raise DataError(f"fit: need one row or more in {name}; got none")
        self._take(_counted(labels, "fit", name), name)
        return self

    def _take(self, counts: Mapping[Any, int], name: str) -> None:
        if len(counts) < 2:
            (one,) = counts
            raise DataError(f"fit: need two classes or more in {name}; got {options.shown(one)} in "
                            f"all {counts[one]} rows")  # fmt: skip
        ordered = _in_order(counts)
        classes = _as_array(ordered)
        self.counts_ = np.array([counts[label] for label in ordered], np.int64)
        self._place = {label: i for i, label in enumerate(ordered)}
        self.classes_ = classes

    @property
    def singles(self) -> list[Any]:
        """The classes with a single row, which cannot be in a training and a validation part."""
        self._check("singles")
        return [label for label, i in self._place.items() if self.counts_[i] == 1]

    def transform(self, y: Any, *, name: str = "y", who: str = "transform") -> np.ndarray:
        """Return the number of each label's class, int32 (N,).

        A number or flag is what a file has for it: 1 is the class "1", "true" the class True, and
        the other way round.

        Raises `LabelError` for a label that `fit` has not seen, with its row.
        """
        self._check(who)
        return places_of(y, self._place, who, name)

    def fit_transform(self, y: Any, *, name: str = "y") -> np.ndarray:
        """Do `fit` and `transform`."""
        return self.fit(y, name=name).transform(y, name=name)

    def inverse_transform(self, codes: Any) -> np.ndarray:
        """Return the labels of numbers of classes (N,)."""
        self._check("inverse_transform")
        from cnn_core.data.targets import as_labels

        return self.classes_[as_labels(codes, len(self.classes_), who="inverse_transform",
                                       name="codes")]  # fmt: skip

    def _check(self, who: str) -> None:
        if not hasattr(self, "classes_"):
            raise StateError(f"{who}: need classes that have seen labels; call fit first")

    def state_dict(self) -> dict[str, Any]:
        """Return the classes as texts and numbers, which `json` keeps to the bit.

        Raises `LabelError` where a class is no text, number or flag.
        """
        self._check("state_dict")
        labels = list(self._place)
        odd = [label for label in labels if type(label) not in _PLAIN]
        if odd:
            raise LabelError(f"state_dict: need classes that are texts, numbers or flags; got "
                             f"{options.shown(odd[0])}")  # fmt: skip
        return {"classes": labels, "counts": self.counts_.tolist()}

    def load_state_dict(self, state: Mapping[str, Any]) -> Classes:
        """Take over what `state_dict` returned; raise `DataError` where it is damaged."""
        who = "load_state_dict"
        try:
            labels, counts = list(state["classes"]), list(state["counts"])
            counts = [options.whole(who, count) for count in counts]
            made = dict(zip(labels, counts, strict=True))
            if len(made) < len(labels) or any(type(k) not in _PLAIN or k != k for k in made):
                raise DataError(f"{who}: need classes that differ; got {options.shown(labels)}")
            self._take(made, "classes")
        except DataError:
            raise
        except (LookupError, TypeError, ValueError) as error:
            raise DataError(f"{who}: need what state_dict returns; got something else: "
                            f"{type(error).__name__}: {error}") from error  # fmt: skip
        return self


def places_of(y: Any, place: Mapping[Any, int], who: str, name: str = "y") -> np.ndarray:
    """Return the number of each label's class, int32 (N,), of classes by their numbers."""
    labels = labels_of(y, who, name)
    try:
        return np.fromiter(map(place.__getitem__, labels), np.int32, len(labels))
    except (KeyError, TypeError):
        written: dict[str, list[Any]] = {}
        for label in place:
            written.setdefault(_written(label), []).append(label)
        labels = [_alike(label, place, written) for label in labels]
    odd = next((i for i, label in enumerate(labels)
                if not _is_hashable(label) or label not in place), None)  # fmt: skip
    if odd is not None:
        raise LabelError(f"{who}: need classes of {name} among {listed(place)}; got "
                         f"{options.shown(labels[odd])} in row {odd}"
                         f"{hint(labels[odd], map(str, place))}")  # fmt: skip
    return np.array([place[label] for label in labels], np.int32)


def _column(y: Any, who: str, name: str) -> Column:
    if isinstance(y, (list, tuple)):
        return list(y)
    if is_frame(y):
        columns = as_table(y, who).columns
        if len(columns) != 1:
            raise ShapeError(f"{who}: need {name} as one column; got a frame of {len(columns)}")
        return columns[0]
    if isinstance(y, np.ndarray) and y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if isinstance(y, np.ndarray) and y.ndim != 1 and not isinstance(y, np.ma.MaskedArray):
        raise ShapeError(f"{who}: need {name} of shape (N,) or (N, 1); got {y.shape}")
    if isinstance(y, (set, frozenset, str, bytes, Mapping)) or (
        isinstance(y, Iterable) and not hasattr(y, "__len__")
    ):
        raise ShapeError(f"{who}: need {name} as a list or an array, one per row; got "
                         f"{options.shown(y)}")  # fmt: skip
    return tidy(y, who, name)


def labels_of(y: Any, who: str, name: str) -> list[Any]:
    """Return labels as objects of Python, none of them missing."""
    column = _column(y, who, name)
    labels = column.tolist() if isinstance(column, np.ndarray) else column
    labels = [v.strip() if type(v) is str else v.item() if isinstance(v, np.generic) else v
              for v in labels]  # fmt: skip
    for i, label in enumerate(labels):
        if not label if type(label) is str else is_nothing(label):
            raise DataError(f"{who}: need a class in every row of {name}; got none in row {i}: "
                            f"drop such rows")  # fmt: skip
    return labels


def _counted(labels: list[Any], who: str, name: str) -> dict[Any, int]:
    counts: dict[Any, int] = {}
    for i, label in enumerate(labels):
        try:
            counts[label] = counts.get(label, 0) + 1
        except TypeError:
            raise LabelError(f"{who}: need classes of {name} that can be hashed; got "
                             f"{options.shown(label)} in row {i}") from None  # fmt: skip
    return counts


def _is_hashable(label: Any) -> bool:
    try:
        hash(label)
    except TypeError:
        return False
    return True


def _written(label: Any) -> str:
    """Return a label as files have it, one of many ways: 1 and 1.0 as "1", True as "true"."""
    text = level_of(text_of(label) or "")
    return text.lower() if text in ("True", "TRUE", "False", "FALSE") else text


def _alike(label: Any, place: Mapping[Any, int], written: Mapping[str, list[Any]]) -> Any:
    """Return the class that is written as a label is, where there is one of them."""
    if not _is_hashable(label) or label in place:
        return label
    classes = written.get(_written(label), ())
    return classes[0] if len(classes) == 1 else label


def _in_order(labels: Iterable[Any]) -> list[Any]:
    labels = list(labels)
    try:
        return sorted(labels)
    except TypeError:
        return sorted(labels, key=lambda v: (type(v).__name__, str(v)))


def _as_array(labels: list[Any]) -> np.ndarray:
    """Return labels as an array of their own type, of objects where they have several."""
    if len(set(map(type, labels))) == 1 and type(labels[0]) in _PLAIN:
        try:
            return np.array(labels)
        except OverflowError:
            pass
    made = np.empty(len(labels), object)
    made[:] = labels
    return made


class Targets(Keywords):
    """Numbers to be predicted, float64 (N,), finite and not all equal.

    Example
    -------
    >>> from cnn_core.tabular import Targets
    >>> Targets().fit_transform(["1.5", "2"])
    array([1.5, 2. ])
    """

    def fit_transform(self, y: Any, *, name: str = "y", who: str = "fit") -> np.ndarray:
        """Return targets for training; ``name`` and ``who`` are for messages.

        Raises `DataError` for one that is missing, infinite or no number, with its row, for no
        rows and for targets that are all equal; `ShapeError` for anything but one number per row.
        """
        made = self.transform(y, name=name, who=who)
        if not len(made):
            raise DataError(f"{who}: need one row or more in {name}; got none")
        if made.min() == made.max():
            raise DataError(f"{who}: need targets that differ in {name}; got {made[0]:g} in all "
                            f"{len(made)} rows")  # fmt: skip
        return made

    def transform(self, y: Any, *, name: str = "y", who: str = "transform") -> np.ndarray:
        """Return targets, such as those that predictions are scored by; they may all be equal."""
        column = _column(y, who, name)
        made, strays = numbers_of(column)
        if strays:
            row = strays[0]
            raise DataError(f"{who}: need numbers in {name}; got {options.shown(column[row])} in "
                            f"row {row}")  # fmt: skip
        wrong = ~np.isfinite(made)
        if wrong.any():
            row = int(wrong.argmax())
            got = "infinity" if np.isinf(made[row]) else "none"
            raise DataError(f"{who}: need a finite number in every row of {name}; got {got} in row "
                            f"{row}: drop such rows")  # fmt: skip
        return made


