"""Initial parameters given by the user: weights_init, means_init, precisions_init."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from skgmm._em.settings import Settings
from skgmm._fixed import Fixed, fixed_masks
from skgmm._linalg import Array, best_matching
from skgmm._parameters import MixtureParameters
from skgmm._validation import check_covariance, check_means, check_weights
from skgmm.covariance import Covariance, Structure


def check_given(
    weights: ArrayLike | None,
    means: ArrayLike | None,
    precisions: ArrayLike | None,
    structure: Structure,
    n_components: int,
    n_features: int,
    named: bool = False,
) -> GivenParameters:
    """weights_init, means_init and precisions_init."""
    covariance = None
    if precisions is not None:
        covariance = check_covariance(precisions, "precision", structure, n_components, n_features)
    return GivenParameters(
        weights=None if weights is None else check_weights(weights, n_components),
        means=None if means is None else check_means(means, n_components, n_features),
        covariance=covariance,
        named=named,
    )


def fixed_by(settings: Settings, n_features: int) -> Fixed | None:
    """The parameters that a fit holds, at the values of weights_init, means_init, precisions_init.

    Raises
    ------
    ValueError
        If `fixed` is invalid, or a value is missing.
    """
    structure, K = settings.structure, settings.n_components
    masks = fixed_masks(settings.fixed, K)
    if not masks:
        return None
    values = settings.weights_init, settings.means_init, settings.precisions_init
    given = check_given(*values, structure, K, n_features)
    precisions = None if given.covariance is None else np.array(settings.precisions_init, float)
    parameters = given.weights, given.means, given.covariance
    return Fixed.of(masks, structure, K, *parameters, precisions)


@dataclass(frozen=True)
class GivenParameters:
    """The initial parameters that the user gave; None where the start has to find them."""

    weights: Array | None = None  # (K,)
    means: Array | None = None  # (K, d)
    covariance: Covariance | None = None
    named: bool = False  # whether labels identify the components

    @property
    def nothing(self) -> bool:
        """Whether there are none."""
        return self.weights is None and self.means is None and self.covariance is None

    def complete(self) -> MixtureParameters | None:
        """The start, if all of its parameters are given."""
        if self.weights is None or self.means is None or self.covariance is None:
            return None
        return MixtureParameters.from_weights(self.weights, self.means, self.covariance)

    def imposed_on(self, start: MixtureParameters) -> MixtureParameters:
        """The start with the given parameters in place of its own."""
        return MixtureParameters.from_weights(
            start.weights if self.weights is None else self.weights,
            start.means if self.means is None else self.means,
            start.covariance if self.covariance is None else self.covariance,
        )


def matched(start: MixtureParameters, given: GivenParameters) -> MixtureParameters:
    """The start's components, reordered to match the given parameters.

    A start finds components in arbitrary order. Of all assignments to the user's components the
    one that maximises the ECLL is chosen.
    """
    if given.nothing or given.named:
        return start
    value = np.zeros((start.n_components, start.n_components))  # start's component x given one
    if given.weights is not None:
        value += np.log(np.maximum(given.weights, np.finfo(np.float64).tiny))
    if given.covariance is not None:
        spread = given.covariance.cross_traces(start.covariance.dense(), start.n_components)
        value -= 0.5 * (given.covariance.log_det + spread)
    if given.means is not None and given.covariance is not None:
        value -= 0.5 * given.covariance.squared_distances(start.means, given.means)
    elif given.means is not None:  # the covariances of the start measure the distances
        value -= 0.5 * start.covariance.squared_distances(given.means, start.means).T
    return start.reordered(best_matching(start.weights[:, None] * value))
