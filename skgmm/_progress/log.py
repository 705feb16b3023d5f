"""Log lines of `verbose`, through the logger 'skgmm'."""

from __future__ import annotations

import logging
from time import perf_counter

from skgmm._em.result import EMResult
from skgmm._em.watch import Progress

logger = logging.getLogger("skgmm")


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
