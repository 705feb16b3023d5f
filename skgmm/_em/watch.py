"""Progress events of one start, and who listens to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from skgmm._em.result import EMResult
from skgmm._parameters import MixtureParameters


@dataclass(frozen=True)
class Progress:
    """Where a run of EM stands after an evaluation."""

    parameters: MixtureParameters  # the best so far
    objective: float  # of those, nats per sample
    gain: float  # of this evaluation over the best before it; not positive if that stays the best
    remaining: float | None  # estimate of the remaining gain; None after other than EM steps


class Watch(Protocol):
    """Told of each iteration of one start."""

    def begin(self) -> None:
        """Before an iteration; again, if the iteration had to be given up."""

    def end(self, progress: Progress) -> bool:
        """After an iteration: whether to stop here."""

    def moved(self, parameters: MixtureParameters) -> bool:
        """After a round of moves between iterations: whether to stop here."""

    def done(self, result: EMResult | None) -> None:
        """After the start, which failed if there is no result."""
