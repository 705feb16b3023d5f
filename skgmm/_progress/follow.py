"""Connect the runs of a fit to `verbose` logging and to scikit-learn's callbacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from skgmm._em.result import EMResult
from skgmm._em.settings import Settings
from skgmm._em.watch import Progress, Watch
from skgmm._progress.callbacks import FitTasks, Fitted
from skgmm._progress.log import StartLog
from skgmm._starts.restarts import Run, Stream

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
    """Several listeners of the same start. Each of them can stop it."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self.watches = watches

    def begin(self) -> None:
        for watch in self.watches:
            watch.begin()

    def end(self, progress: Progress) -> bool:
        wishes = [watch.end(progress) for watch in self.watches]  # call all, even if one stops
        return any(wishes)

    def done(self, result: EMResult | None) -> None:
        for watch in self.watches:
            watch.done(result)
