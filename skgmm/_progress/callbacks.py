"""Tasks of a fit for scikit-learn's callbacks: a tree, fit -> start -> iteration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.base import BaseEstimator

from skgmm._em.result import EMResult
from skgmm._em.watch import Progress
from skgmm._parameters import MixtureParameters
from skgmm._starts.restarts import LeftOutError

Fitted = Callable[[MixtureParameters], dict[str, Any]]
"""From parameters to the attributes of a fitted estimator."""


class FitTasks:
    """The tasks of one fit."""

    def __init__(self, mixture: BaseEstimator, X: Any, y: Any, sample_weight: Any) -> None:
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.arguments = {"estimator": mixture, "X": X, "y": y, "metadata": metadata}
        self.stopped = False
        self.fit = mixture._init_callback_context(
            max_subtasks=mixture.n_init, sequential_subtasks=False
        )
        self.fit.call_on_fit_task_begin(**self.arguments)
        # Created before the starts run, because they may run in parallel.
        self.starts = [
            self.fit.subcontext("start", task_id=start, max_subtasks=mixture.max_iter)
            for start in range(mixture.n_init)
        ]

    @classmethod
    def of(cls, mixture: BaseEstimator, X: Any, y: Any, sample_weight: Any) -> FitTasks | None:
        """The tasks of a fit that begins, or None without callbacks."""
        if not hasattr(mixture, "_skl_callbacks"):
            return None
        return cls(mixture, X, y, sample_weight)

    def begin(self, start: int, fitted: Fitted) -> StartTask:
        """Begin the task of a start, unless a callback has requested a stop."""
        if self.stopped:
            raise LeftOutError
        return StartTask(self, self.starts[start], fitted)

    def done(self) -> None:
        """End the task of the fit, once the estimator is fitted."""
        self.fit.call_on_fit_task_end(**self.arguments, reconstruction_attributes={})


class StartTask:
    """The task of a start, with its iterations as subtasks."""

    def __init__(self, tasks: FitTasks, context: Any, fitted: Fitted) -> None:
        self.tasks, self.context, self.fitted = tasks, context, fitted
        self.iteration: Any = None
        self.best: Progress | None = None
        context.call_on_fit_task_begin(**tasks.arguments)

    def begin(self) -> None:
        if self.iteration is None:
            self.iteration = self.context.subcontext("iteration")
            self.iteration.call_on_fit_task_begin(**self.tasks.arguments)

    def end(self, progress: Progress) -> bool:
        # Split-and-merge moves start below the optimum.
        if self.best is None or progress.objective > self.best.objective:
            self.best = progress
        return self._end_iteration()

    def done(self, result: EMResult | None) -> None:
        if self.iteration is not None:
            self._end_iteration()
        if self._end(self.context):
            self.tasks.stopped = True

    def _end_iteration(self) -> bool:
        iteration, self.iteration = self.iteration, None
        return self._end(iteration)

    def _end(self, context: Any) -> bool:
        best = self.best
        attributes = None if best is None else lambda: self.fitted(best.parameters)
        return bool(
            context.call_on_fit_task_end(
                **self.tasks.arguments, reconstruction_attributes=attributes
            )
        )
