"""Progress of a fit: `verbose` lines, through the logger 'skgmm', and scikit-learn's callbacks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from sklearn.base import BaseEstimator

from skgmm._em.result import EMResult
from skgmm._em.settings import Settings
from skgmm._em.watch import Progress, Watch
from skgmm._parameters import MixtureParameters
from skgmm._rows.sample import Stream
from skgmm._starts.restarts import LeftOutError, Run

logger = logging.getLogger("skgmm")

# Times that moves are tried in a start: before the iterations, and after them.
_MOVES = 2

MOST_REPEATS = 3
"""Fits with cells for values that samples share, after the first: another may show other values."""

AGAIN = "samples share values: the fit is repeated with more added to the variances there"
"""What `verbose` says of such a fit."""

Fitted = Callable[[MixtureParameters], dict[str, Any]]
"""From parameters to the attributes of a fitted estimator."""

WatchedRun = Callable[[int, Stream, Watch | None], EMResult]


def followed(run: WatchedRun, settings: Settings, tasks: FitTasks | None, fitted: Fitted) -> Run:
    """The run, with events for logging and callbacks; without these there is no overhead.

    Parameters
    ----------
    tasks : FitTasks or None
        Tasks of this fit; None without callbacks.
    fitted : callable
        From parameters to fitted attributes, for callbacks that use the mixture so far.
    """

    def run_followed(start: int, stream: Stream) -> EMResult:
        watches: list[Watch] = []
        if tasks is not None:
            watches.append(tasks.begin(start, fitted))
        if settings.verbose:
            watches.append(StartLog(start, settings.verbose, settings.verbose_interval))
        if not watches:
            return run(start, stream, None)
        watch, result = Watchers(watches), None
        try:
            result = run(start, stream, watch)
        finally:
            watch.done(result)
        return result

    return run_followed


class Watchers:
    """Several listeners of the same start. Each of them can stop it, for good."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self.watches, self.stopped = watches, False

    def begin(self) -> None:
        for watch in self.watches:
            watch.begin()

    def end(self, progress: Progress) -> bool:
        wishes = [watch.end(progress) for watch in self.watches]  # call all, even if one stops
        self.stopped |= any(wishes)
        return self.stopped

    def moved(self, parameters: MixtureParameters) -> bool:
        wishes = [watch.moved(parameters) for watch in self.watches]
        self.stopped |= any(wishes)
        return self.stopped

    def done(self, result: EMResult | None) -> None:
        for watch in self.watches:
            watch.done(result)


class FitTasks:
    """The tasks of one fit for scikit-learn's callbacks: a tree, fit -> start -> iteration."""

    def __init__(self, mixture: BaseEstimator, X: Any, y: Any, sample_weight: Any) -> None:
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.arguments = {"estimator": mixture, "X": X, "y": y, "metadata": metadata}
        self.stopped = False
        most = mixture.n_init * (1 + MOST_REPEATS)
        self.fit = mixture._init_callback_context(max_subtasks=most, sequential_subtasks=False)
        self.fit.call_on_fit_task_begin(**self.arguments)
        self.starts: list[Any] = []
        self.repeat()

    @classmethod
    def of(cls, mixture: BaseEstimator, X: Any, y: Any, sample_weight: Any) -> FitTasks | None:
        """The tasks of a fit that begins, or None without callbacks."""
        if not hasattr(mixture, "_skl_callbacks"):
            return None
        return cls(mixture, X, y, sample_weight)

    def repeat(self) -> None:
        """Create the tasks of all starts, before they run: they may run in parallel."""
        mixture, n_before = self.arguments["estimator"], len(self.starts)
        self.starts += [
            self.fit.subcontext("start", task_id=number, max_subtasks=mixture.max_iter + _MOVES)
            for number in range(n_before, n_before + mixture.n_init)
        ]

    def begin(self, start: int, fitted: Fitted) -> StartTask:
        """Begin the task of a start, unless a callback has requested a stop."""
        if self.stopped:
            raise LeftOutError
        n_starts = self.arguments["estimator"].n_init
        return StartTask(self, self.starts[start - n_starts], fitted)

    def done(self) -> None:
        """End the task of the fit, once the estimator is fitted."""
        self.fit.call_on_fit_task_end(**self.arguments, reconstruction_attributes={})


class StartTask:
    """The task of a start; subtasks are its iterations, and moves with their rounds."""

    def __init__(self, tasks: FitTasks, context: Any, fitted: Fitted) -> None:
        self.tasks, self.context, self.fitted = tasks, context, fitted
        self.iteration: Any = None
        self.moves: Any = None
        self.stopped = False  # after moves
        self.best: Progress | None = None
        context.call_on_fit_task_begin(**tasks.arguments)

    def begin(self) -> None:
        self._end_moves()
        if self.iteration is None:
            self.iteration = self.context.subcontext("iteration")
            self.iteration.call_on_fit_task_begin(**self.tasks.arguments)

    def end(self, progress: Progress) -> bool:
        # Split-and-merge moves start below the optimum.
        if self.best is None or progress.objective > self.best.objective:
            self.best = progress
        return self._end_iteration() or self.stopped

    def moved(self, parameters: MixtureParameters) -> bool:
        if self.moves is None:
            self.moves = self.context.subcontext("moves", max_subtasks=None)
            self.moves.call_on_fit_task_begin(**self.tasks.arguments)
        round_of_moves = self.moves.subcontext("round")
        round_of_moves.call_on_fit_task_begin(**self.tasks.arguments)
        return self._end(round_of_moves, parameters)

    def _end_moves(self) -> None:
        moves, self.moves = self.moves, None
        if moves is not None:
            self.stopped |= self._end(moves)

    def done(self, result: EMResult | None) -> None:
        self._end_moves()
        if self.iteration is not None:
            self._end_iteration()
        if self._end(self.context, None if result is None else result.parameters):
            self.tasks.stopped = True

    def _end_iteration(self) -> bool:
        iteration, self.iteration = self.iteration, None
        return self._end(iteration)

    def _end(self, context: Any, parameters: MixtureParameters | None = None) -> bool:
        best = parameters
        if best is None and self.best is not None:
            best = self.best.parameters
        attributes = None if best is None else lambda: self.fitted(best)
        return bool(
            context.call_on_fit_task_end(
                **self.tasks.arguments, reconstruction_attributes=attributes
            )
        )


def say(line: str) -> None:
    """Log a line of `verbose`, or print it if logging is not configured.

    Users who set `verbose` want to see the lines, so they are passed to the handlers even if the
    root logger has its default level WARNING. A level set on the logger 'skgmm' is respected, and
    so is `logging.disable`.
    """
    if max(logger.level, logger.manager.disable + 1) > logging.INFO:
        return
    if logger.hasHandlers():
        logger.handle(logger.makeRecord(logger.name, logging.INFO, __file__, 0, line, (), None))
    else:
        print(line, flush=True)


class StartLog:
    """Lines about one start: every `interval`-th iteration, and how it ended."""

    def __init__(self, start: int, verbose: int, interval: int) -> None:
        self.start, self.verbose, self.interval = start, verbose, interval
        self.evaluation = 0
        self.began = perf_counter()
        say(f"start {start}")

    def begin(self) -> None:
        """No line before an iteration."""

    def end(self, progress: Progress) -> bool:
        self.evaluation += 1
        if self.evaluation % self.interval == 0:
            line = (
                f"start {self.start}, evaluation {self.evaluation}: "
                f"log-likelihood {progress.objective:.6f} nats per sample, {_outlook(progress)}"
            )
            if self.verbose > 1:
                line += f", gain {progress.gain:.2e}, {perf_counter() - self.began:.3f} s"
            say(line)
        return False

    def moved(self, parameters: MixtureParameters) -> bool:
        return False

    def done(self, result: EMResult | None) -> None:
        seconds = perf_counter() - self.began
        if result is None:
            say(f"start {self.start}: failed after {seconds:.3f} s")
            return
        say(
            f"start {self.start}: {result.description} after {len(result.objectives)} evaluations "
            f"in {seconds:.3f} s, log-likelihood {result.objective:.6f} nats per sample"
        )


def _outlook(progress: Progress) -> str:
    if progress.remaining is None:
        return "quasi-Newton step"
    if progress.remaining == float("inf"):
        return "no estimate of the remaining gain yet"
    return f"estimated remaining gain {progress.remaining:.1e}"
