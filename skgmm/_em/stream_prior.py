"""The prior of a stream: that of its start, or one from the Moments that are remembered."""

from __future__ import annotations

import numpy as np

from skgmm._em.stepwise import StreamState
from skgmm._linalg import Array
from skgmm._moments import Scatter
from skgmm._prior import ConjugatePrior, OneGaussian, prior_of
from skgmm.covariance import Structure


def prior_of_memory(
    asked: ConjugatePrior | str,
    memory: StreamState,
    variances: Array,
    structure: Structure,
    n_components: int,
) -> ConjugatePrior:
    """The prior of a stream that had none yet; `variances` (d,) were added to the features."""
    overall = memory.moments.overall(Scatter.FULL)
    # Noise is a part of the total weight, not of the scatter.
    covariance = overall.scatter[0] / overall.mass[0] - np.diag(variances)
    data = OneGaussian(overall.mean[0], covariance, overall.total_weight)
    return prior_of(asked, data, structure, n_components)


def prior_changed(
    asked: ConjugatePrior | str | None,
    used: ConjugatePrior | None,
    structure: Structure,
    n_components: int,
) -> bool:
    """Whether the constructor parameter asks for another prior than the one in use.

    What a prior takes from the samples is not compared.
    """
    if used is None or asked is None:
        return used is not None
    data = OneGaussian(np.asarray(used.mean), np.asarray(used.covariance), 1.0)
    now = prior_of(asked, data, structure, n_components)
    names = {"mean_rows", "weight_rows"}
    if isinstance(asked, ConjugatePrior):
        given = asked.get_params(deep=False)
        names |= {name for name, value in given.items() if value is not None}
    elif asked == "mclust":
        names |= {"covariance_rows"}
    return not all(np.array_equal(getattr(now, name), getattr(used, name)) for name in names)
