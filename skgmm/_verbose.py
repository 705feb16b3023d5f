"""What `verbose` says, through the logger 'skgmm'."""

from __future__ import annotations

import logging
import sys
from time import perf_counter

from skgmm._progress import Progress
from skgmm._result import EMResult


class _ToStdout(logging.Handler):
    """Prints as long as nobody has configured logging.

    Whoever sets `verbose` in a notebook wants to read it there. Handlers are counted when a record
    arrives, so that a configuration made later does not print lines twice; and `sys.stdout` is
    looked up then, because notebooks and tests replace it.
    """

    def emit(self, record: logging.LogRecord) -> None:
        if not logging.getLogger().handlers and logger.handlers == [self]:
            print(self.format(record), file=sys.stdout, flush=True)


logger = logging.getLogger("skgmm")
logger.addHandler(_ToStdout())
# Nothing is said unless `verbose` asks for it, and what was asked for should be heard.
logger.setLevel(logging.INFO)


class StartLog:
    """Lines about one start: every `interval`-th iteration, and how it ended."""

    def __init__(self, start: int, verbose: int, interval: int) -> None:
        self.start, self.verbose, self.interval = start, verbose, interval
        self.evaluation = 0
        self.began = perf_counter()
        logger.info(f"start {start}")

    def begin(self) -> None:
        """Nothing is said before an iteration."""

    def end(self, progress: Progress) -> bool:
        self.evaluation += 1
        if self.evaluation % self.interval == 0:
            line = (
                f"start {self.start}, evaluation {self.evaluation}: "
                f"log-likelihood {progress.objective:.6f} nats per row, {_outlook(progress)}"
            )
            if self.verbose > 1:
                line += f", gain {progress.gain:.2e}, {perf_counter() - self.began:.3f} s"
            logger.info(line)
        return False

    def done(self, result: EMResult | None) -> None:
        seconds = perf_counter() - self.began
        if result is None:
            logger.info(f"start {self.start}: failed after {seconds:.3f} s")
            return
        logger.info(
            f"start {self.start}: {result.description} after {len(result.objectives)} evaluations "
            f"in {seconds:.3f} s, log-likelihood {result.objective:.6f} nats per row"
        )


def _outlook(progress: Progress) -> str:
    if progress.remaining is None:
        return "quasi-Newton step"
    if progress.remaining == float("inf"):
        return "no estimate yet of what is left to gain"
    return f"about {progress.remaining:.1e} left to gain"
