"""Tasks: the callbacks of scikit-learn (from 1.9 on) during a fit, a task for each iteration."""

from __future__ import annotations

from typing import Any


class Tasks:
    """Calls the callbacks that `set_callbacks` has given an estimator; without any, nothing.

    scikit-learn makes ``fitted_estimator`` for callbacks that ask for it of a copy of the
    estimator, which has the numbers of that moment.
    """

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator
        self._data: dict[str, Any] = {}
        self._whole: Any = None
        self._iteration: Any = None
        self._left = 0
        self.iterating = False
        """Whether an iteration has begun: with callbacks and without."""
        self.stopped = False
        """Whether a callback has asked for the end."""

    @property
    def begun(self) -> bool:
        """Whether there are callbacks to call."""
        return self._whole is not None

    def begin(self, X: Any, y: Any, sample_weight: Any, most: int) -> None:
        """Begin the fit, of so many iterations at most."""
        if getattr(self._estimator, "_skl_callbacks", None):
            weights = None if sample_weight is None else {"sample_weight": sample_weight}
            self._data = {"X": X, "y": y, "metadata": weights}
            self._left = most
            self._whole = self._estimator._init_callback_context(max_subtasks=most)
            self._whole.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def begin_iteration(self) -> None:
        self.iterating = True
        if self.begun:
            self._left -= 1
            self._iteration = self._whole.subcontext(task_name="iteration")
            self._iteration.call_on_fit_task_begin(
                estimator=self._estimator, **self._data, reconstruction_attributes=dict
            )

    def end_iteration(self) -> bool:
        """Tell whether a callback asks for the end."""
        if self.begun:
            self.stopped = self._end(self._iteration)
            self._iteration = None
        return self.stopped

    def next_iteration(self) -> bool:
        """End one and begin another; tell whether a callback asks for the end instead."""
        if not self.end_iteration() and self._left:
            self.begin_iteration()
        return self.stopped

    def end(self) -> None:
        """End the fit, and an iteration that was begun and never came."""
        if self._iteration is not None:
            self.end_iteration()
        if self.begun:
            self._end(self._whole)

    def _end(self, context: Any) -> bool:
        return context.call_on_fit_task_end(
            estimator=self._estimator, **self._data, reconstruction_attributes=dict
        )
