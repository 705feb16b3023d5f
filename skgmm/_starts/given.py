"""The parts of a start that the user gives: weights_init, means_init, precisions_init."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

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
) -> GivenParameters:
    """weights_init, means_init and precisions_init."""
    covariance = None
    if precisions is not None:
        covariance = check_covariance(precisions, "precision", structure, n_components, n_features)
    return GivenParameters(
        weights=None if weights is None else check_weights(weights, n_components),
        means=None if means is None else check_means(means, n_components, n_features),
        covariance=covariance,
    )


@dataclass(frozen=True)
class GivenParameters:
    """What the user fixed of the start; None where the start is to find it."""

    weights: Array | None = None  # (K,)
    means: Array | None = None  # (K, d)
    covariance: Covariance | None = None
    named: bool = False  # whether labels say which component is which

    def complete(self) -> MixtureParameters | None:
        """The start, when nothing is left to find."""
        if self.weights is None or self.means is None or self.covariance is None:
            return None
        return MixtureParameters.from_weights(self.weights, self.means, self.covariance)

    def imposed_on(self, start: MixtureParameters) -> MixtureParameters:
        """The start with the given parts put in."""
        return MixtureParameters.from_weights(
            start.weights if self.weights is None else self.weights,
            start.means if self.means is None else self.means,
            start.covariance if self.covariance is None else self.covariance,
        )


def matched(start: MixtureParameters, given: GivenParameters) -> MixtureParameters:
    """The start's components in the order that suits the given parameters best.

    A start finds components in no particular order; pairing them with the user's as they come
    would be arbitrary. The pairing chosen maximises the ECLL.
    """
    nothing = given.weights is None and given.means is None and given.covariance is None
    if nothing or given.named:
        return start
    value = np.zeros((start.n_components, start.n_components))  # start's component x given one
    if given.weights is not None:
        value += np.log(np.maximum(given.weights, np.finfo(np.float64).tiny))
    # Densities that are not given are taken for the start's own, whose components compare them.
    precisions = np.linalg.inv((given.covariance or start.covariance).dense())
    if given.covariance is not None:
        spread = np.einsum("jab,kab->jk", start.covariance.dense(), precisions)
        value -= 0.5 * (given.covariance.log_det + spread)
    if given.means is not None:
        apart = start.means[:, None] - given.means
        metric = "kab" if given.covariance is not None else "jab"
        metric_of = np.broadcast_to(precisions, (start.n_components, *precisions.shape[1:]))
        value -= 0.5 * np.einsum(f"jka,{metric},jkb->jk", apart, metric_of, apart)
    return start.reordered(best_matching(start.weights[:, None] * value))
