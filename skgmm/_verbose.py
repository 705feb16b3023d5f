"""What `verbose` prints."""

from __future__ import annotations

from time import perf_counter

from skgmm._em import Report
from skgmm._result import EMResult


def reporter(start: int, verbose: int, interval: int) -> Report | None:
    """A function that prints every `interval`-th iteration of a start; None when silent."""
    if not verbose:
        return None
    print(f"Initialization {start}")
    began = perf_counter()

    def report(iteration: int, objective: float, gain: float) -> None:
        if iteration % interval:
            return
        line = f"  Iteration {iteration}"
        if verbose > 1:
            line += (
                f"\t time {perf_counter() - began:.3f} s\t objective {objective:.6f}"
                f" nats per row\t gain {gain:.2e}"
            )
        print(line)

    return report


def print_end(result: EMResult, verbose: int) -> None:
    """Print how a start ended."""
    if verbose:
        line = f"Initialization {result.status.value}"
        if verbose > 1:
            line += (
                f" after {len(result.objectives)} iterations at {result.objective:.6f} nats per row"
            )
        print(line)
