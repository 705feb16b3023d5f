"""Fits of which EM would change nothing: all samples belong to components that are known."""

from __future__ import annotations

import numpy as np

from skgmm._em.result import EMResult, EMStatus
from skgmm._em.watch import Progress, Watch
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters

# Relative difference of the variances of a maximum from those of the samples. The log-likelihood is
# then less by the square of this, in nats per sample.
_ROUNDING = 1e-7


def settled_result(
    objective: Objective, parameters: MixtureParameters, watch: Watch | None
) -> EMResult | None:
    """The result for parameters that are the maximum already; None where rounding hides it.

    They come out of an M-step in closed form, from responsibilities that are the same for any
    parameters: of one component, or of known labels. EM would repeat that M-step.
    """
    if watch is not None:
        watch.begin()
    moments, status = objective.evaluate(parameters), EMStatus.CONVERGED
    # At a maximum the samples have, on average over the features, the variances of the components.
    n_features = parameters.n_features
    found = parameters.covariance.precision_traces(moments.scatter).sum()
    expected = n_features * moments.mass.sum()
    if not np.abs(found - expected) <= _ROUNDING * expected:
        return None
    if watch is not None:
        progress = Progress(parameters, moments.mean_objective, gain=0.0, remaining=0.0)
        status = EMStatus.STOPPED if watch.end(progress) else status
    return EMResult(parameters, moments, [moments.mean_objective], status, [])
