"""A search while it runs: scikit-learn's callbacks (one task, and below it a task for each model),
and the lines that `verbose` asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from skgmm._progress import AGAIN, MOST_REPEATS, say
from skgmm.model_selection._table import ModelFit


class StoppedSearchError(Exception):
    """A callback requested a stop."""

    def __init__(self) -> None:
        super().__init__("A callback stopped the search before a model could be chosen")


class Tasks:
    """Tasks without callbacks and logging."""

    @contextmanager
    def model(self, name: str, n_components: int) -> Iterator[None]:
        """The context in which a model is fitted."""
        yield

    def fitted(self, model: ModelFit) -> None:
        """A model has been fitted, or has failed."""

    def repeat(self) -> None:
        """All models are fitted again."""


class SearchTasks(Tasks):
    """The tasks of one search.

    Parameters
    ----------
    n_fits : int
        Number of models times (1 + number of folds).
    """

    def __init__(self, search: Any, X: Any, y: Any, sample_weight: Any, n_fits: int) -> None:
        self.has_callbacks = hasattr(search, "_skl_callbacks")
        self.verbose, self.n_fits = search.verbose, n_fits
        self.stopped = False
        self.numbers, self.ended = count(), count(1)  # models are fitted in parallel
        if not self.has_callbacks:
            return
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.arguments = {"estimator": search, "X": X, "y": y, "metadata": metadata}
        most = n_fits * (1 + MOST_REPEATS)
        self.root = search._init_callback_context(max_subtasks=most, sequential_subtasks=False)
        self.root.call_on_fit_task_begin(**self.arguments)

    @property
    def interruption(self) -> BaseException:
        """The exception for fits that ended early."""
        return StoppedSearchError() if self.stopped else KeyboardInterrupt()

    @contextmanager
    def model(self, name: str, n_components: int) -> Iterator[None]:
        if not self.has_callbacks:
            yield
            return
        if self.stopped:
            raise StoppedSearchError
        plural = "" if n_components == 1 else "s"
        task = f"{name}, {n_components} component{plural}"
        context = self.root.subcontext(task, task_id=next(self.numbers))
        context.call_on_fit_task_begin(**self.arguments)
        yield
        if context.call_on_fit_task_end(**self.arguments):
            self.stopped = True
            raise StoppedSearchError

    def fitted(self, model: ModelFit) -> None:
        if self.verbose:
            say(
                f"model {next(self.ended)} of {self.n_fits}: {model.structure.name}, n_components="
                f"{model.n_components}: log-likelihood {model.log_likelihood:.3f} nats, "
                f"{model.status}, {model.fit_time:.3f} s"
            )

    def repeat(self) -> None:
        self.ended = count(1)
        if self.verbose:
            say(AGAIN)

    def done(self) -> None:
        """End the task of the search, once it is fitted."""
        if self.has_callbacks:
            self.root.call_on_fit_task_end(**self.arguments, reconstruction_attributes={})
