"""How a run of EM ended, and what the user should know about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from skgmm._moments import Moments
from skgmm._parameters import MixtureParameters


class EMStatus(Enum):
    """How a fit ended: the value is `status_`, `advice` what a user should do (None: nothing)."""

    CONVERGED = "converged"
    MAX_ITER = "reached max_iter"
    START_ONLY = "start only"
    GIVEN = "given parameters"
    COLLAPSED = "collapsed component"
    STOPPED = "stopped by callback"

    @property
    def advice(self) -> str | None:
        return _ADVICE.get(self)


_ADVICE = {
    # scikit-learn's sentence to the letter, because people filter on it.
    EMStatus.MAX_ITER: (
        "Best performing initialization did not converge. Try different init parameters, or "
        "increase max_iter, tol, or check for degenerate data. (An estimated {remaining:.2g} nats "
        "per row are still to be gained.)"
    ),
    EMStatus.COLLAPSED: (
        "The covariance of components {components} became singular: they collapsed onto too few "
        "distinct rows. The parameters are those of the iteration before. Increase reg_covar, "
        "decrease n_components, increase n_init, or use a covariance_type with fewer parameters."
    ),
    EMStatus.STOPPED: (
        "A callback stopped the fit before it converged; the parameters are the best so far. (An "
        "estimated {remaining:.2g} nats per row are still to be gained. With warm_start=True "
        "another fit goes on from here.)"
    ),
}

_EMPTY_ADVICE = (
    "Components {components} lost all their rows: their weight is below 1e-12. Decrease "
    "n_components, increase n_init, or try another init_params."
)


@dataclass(frozen=True)
class EMResult:
    """The best parameters of one run."""

    parameters: MixtureParameters
    moments: Moments  # of `parameters`
    objectives: list[float]  # nats per row, the best so far after each evaluation
    status: EMStatus
    collapsed: list[int]
    remaining: float = 0.0  # estimate of what is still to be gained, nats per row

    @property
    def objective(self) -> float:
        return self.moments.mean_log_likelihood

    @property
    def empty(self) -> list[int]:
        """Components with less than a trace of the rows."""
        return np.flatnonzero(self.parameters.weights < EMPTY_WEIGHT).tolist()

    @property
    def description(self) -> str:
        """The status in words, with the components that are empty."""
        empty = f", components {self.empty} empty" if self.empty else ""
        return self.status.value + empty

    @property
    def advice(self) -> list[str]:
        """What the user should know or do."""
        advice = []
        if self.status.advice is not None:
            advice.append(
                self.status.advice.format(components=self.collapsed, remaining=self.remaining)
            )
        if self.empty:
            advice.append(_EMPTY_ADVICE.format(components=self.empty))
        return advice


EMPTY_WEIGHT = 1e-12
"""A component of less weight has lost its rows: of 1e11 rows it holds a tenth of one."""
