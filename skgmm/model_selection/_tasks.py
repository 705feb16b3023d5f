"""Tasks of a search for scikit-learn's callbacks: one task, with a subtask for each fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import count
from typing import Any

Told = Callable[[str, int], AbstractContextManager[None]]
"""Context of a fit, from the name of the structure and the number of components."""


class StoppedSearchError(Exception):
    """A callback requested a stop."""

    def __init__(self) -> None:
        super().__init__("A callback stopped the search before a model could be chosen")


def untold(name: str, n_components: int) -> AbstractContextManager[None]:
    """The context of a fit without callbacks."""
    return nullcontext()


class SearchTasks:
    """The tasks of one search, if it has callbacks.

    Parameters
    ----------
    n_fits : int
        Number of models times (1 + number of folds).
    """

    def __init__(self, search: Any, X: Any, y: Any, sample_weight: Any, n_fits: int) -> None:
        self.followed = hasattr(search, "_skl_callbacks")
        self.stopped = False
        if not self.followed:
            return
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.told = {"estimator": search, "X": X, "y": y, "metadata": metadata}
        self.root = search._init_callback_context(max_subtasks=n_fits, sequential_subtasks=False)
        self.root.call_on_fit_task_begin(**self.told)
        self.numbers = count()  # fits run in parallel

    @property
    def fit(self) -> Told:
        return self._fit if self.followed else untold

    @property
    def interruption(self) -> BaseException:
        """The exception for fits that ended early."""
        return StoppedSearchError() if self.stopped else KeyboardInterrupt()

    @contextmanager
    def _fit(self, name: str, n_components: int) -> Iterator[None]:
        if self.stopped:
            raise StoppedSearchError
        plural = "" if n_components == 1 else "s"
        task = f"{name}, {n_components} component{plural}"
        context = self.root.subcontext(task, task_id=next(self.numbers))
        context.call_on_fit_task_begin(**self.told)
        yield
        if context.call_on_fit_task_end(**self.told):
            self.stopped = True
            raise StoppedSearchError

    def done(self) -> None:
        """End the task of the search, once it is fitted."""
        if self.followed:
            self.root.call_on_fit_task_end(**self.told, reconstruction_attributes={})
