"""The one EM loop, how it decides to stop, and how it says that it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from skgmm._moments import Moments
from skgmm._parameters import MixtureParameters
from skgmm._problem import Problem
from skgmm.covariance import IllDefinedCovarianceError

Report = Callable[[int, float, float], None]


class EMStatus(Enum):
    """How a fit ended: the value is `status_`, `advice` what a user should do (None: nothing)."""

    CONVERGED = "converged"
    MAX_ITER = "reached max_iter"
    START_ONLY = "start only"
    GIVEN = "given parameters"
    EMPTY = "converged with empty components"
    COLLAPSED = "collapsed component"

    @property
    def advice(self) -> str | None:
        return _ADVICE.get(self)

    @property
    def converged(self) -> bool:
        return self in (EMStatus.CONVERGED, EMStatus.EMPTY)


_ADVICE = {
    # scikit-learn's sentence to the letter, because people filter on it.
    EMStatus.MAX_ITER: (
        "Best performing initialization did not converge. Try different init parameters, or "
        "increase max_iter, tol, or check for degenerate data."
    ),
    EMStatus.EMPTY: (
        "Components {components} lost all their rows: their weight is 0 and their means and "
        "covariances are those of the last iteration in which they had any. Decrease "
        "n_components, increase n_init, or try another init_params."
    ),
    EMStatus.COLLAPSED: (
        "The covariance of components {components} became singular: they collapsed onto too few "
        "distinct rows. The parameters are those of the iteration before. Increase reg_covar, "
        "decrease n_components, increase n_init, or use a covariance_type with fewer parameters."
    ),
}


@dataclass(frozen=True)
class EMResult:
    """The best parameters of one run."""

    parameters: MixtureParameters
    lower_bound: float  # nats per row, of `parameters`
    lower_bounds: list[float]  # after each iteration
    status: EMStatus
    components: list[int]  # those that `status` is about


# A resumed run knows one gain only, and then takes that gain itself for what is left.
_HALVING = 0.5


def remaining_gain(gain: float, previous: float | None, resumed: bool) -> float:
    """Estimate of what further iterations would add, by Aitken's rule: inf when none can be made.

    EM converges linearly: gains shrink by a factor r, so gain x r / (1 - r) is still to come
    (Boehning et al. 1994). Gains that do not shrink yet say nothing about the end.
    """
    if previous is None:
        rate = _HALVING if resumed else 1.0
    else:
        rate = gain / previous if previous > 0 else 1.0
    return gain * rate / (1.0 - rate) if 0 <= rate < 1 else np.inf


def run_em(
    problem: Problem,
    start: MixtureParameters,
    *,
    tol: float,
    max_iter: int,
    resumed: bool = False,
    report: Report | None = None,
) -> EMResult:
    """EM from `start` until the estimated remaining gain is below `tol`.

    One evaluation, parameters -> Moments, is one pass over the data; the log-likelihood it
    returns belongs to the parameters that went in, so those returned are never one step ahead.

    Parameters
    ----------
    resumed : bool
        Whether `start` comes out of EM itself. Then one small gain can convince, and a first step
        without a gain is refused; a given start may have to pay for `reg_covar` at first.
    """
    parameters, moments = start, problem.evaluate(start)
    bound = _mean_log_likelihood(moments)
    bounds: list[float] = []
    previous: float | None = None
    while len(bounds) < max_iter:
        try:
            candidate = problem.maximise(moments, parameters)
        except IllDefinedCovarianceError as error:
            return EMResult(parameters, bound, bounds, EMStatus.COLLAPSED, error.components)
        moments = problem.evaluate(candidate)
        reached = _mean_log_likelihood(moments)
        gain, settled = reached - bound, resumed or bool(bounds)
        if gain > 0 or not settled:
            parameters, bound = candidate, reached
        bounds.append(bound)
        if report is not None:
            report(len(bounds), bound, gain)
        stuck = gain <= 0 and settled
        if stuck or remaining_gain(gain, previous, resumed) < tol:
            empty = np.flatnonzero(np.isneginf(parameters.log_weights)).tolist()
            status = EMStatus.EMPTY if empty else EMStatus.CONVERGED
            return EMResult(parameters, bound, bounds, status, empty)
        previous = gain
    status = EMStatus.MAX_ITER if max_iter else EMStatus.START_ONLY
    return EMResult(parameters, bound, bounds, status, [])


def _mean_log_likelihood(moments: Moments) -> float:
    return moments.log_likelihood / moments.total_weight
