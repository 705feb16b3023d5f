"""Whether one optimum is better than another."""

from __future__ import annotations

import numpy as np

from skgmm._em.result import EMResult, EMStatus

# A better optimum gains at least this much, in nats per sample: less is the same optimum, reached
# from another side.
GAIN = 1e-5


def beats(end: EMResult, here: EMResult, gain: float = GAIN) -> bool:
    """Whether an end is better; both have been diagnosed (`CollapseTest.diagnose`).

    Collapsed components count as merged into others, and small ones where the other result has
    none. Where they cannot be merged, an end without them is better. The search does not go on to
    ends with as many collapsed components: they are many, and do not describe the samples. Where a
    component was empty, one may be degenerate instead.

    Parameters
    ----------
    gain : float
        A better end gains more than this, in nats per sample.
    """
    if end.singular or len(end.collapsed) >= max(1, len(here.collapsed)):
        return False
    if end.verdict != here.verdict:
        return end.verdict < here.verdict
    gained = end.comparable_objective - here.comparable_objective
    if end.small and here.small and not (end.collapsed or here.collapsed):
        gained = (end.objective - end.artificial) - (here.objective - here.artificial)
    if len(end.empty) < len(here.empty):
        gained += end.artificial - here.artificial
    return gained > gain


def still_to_gain(end: EMResult) -> float:
    """What a run that was paused may still gain, in nats per sample."""
    return end.remaining if end.status is EMStatus.CONVERGED and end.remaining < np.inf else 0.0


def is_sound(end: EMResult, here: EMResult) -> bool:
    """Whether no component has collapsed, and none is of few samples unless one was before."""
    if end.singular or end.collapsed or end.empty:
        return False
    return bool(end.small) <= bool(here.small) and end.verdict <= here.verdict
