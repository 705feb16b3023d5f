"""The marginal distribution of some features, as parameters of a mixture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters
from skgmm._rows.noise import Background
from skgmm.covariance import Structure, find_structure

# Structures of which a marginal distribution is of the same structure, with the same ties.
_CLOSED = frozenset({"EII", "VII", "EEI", "VVI", "EEE"})

FULL = find_structure("VVV")


def marginal_parameters(parameters: MixtureParameters, chosen: Array) -> MixtureParameters:
    """The mixture of some features, in the order in which they are chosen."""
    means = np.ascontiguousarray(parameters.means[:, chosen])
    own = parameters.covariance.marginal(chosen)
    return MixtureParameters(parameters.log_weights, means, own)


def marginal_structure(structure: Structure) -> Structure:
    """The structure of a marginal distribution."""
    return structure if structure.code in _CLOSED else FULL


def as_full(parameters: MixtureParameters) -> MixtureParameters:
    """The same mixture with a covariance matrix for each component."""
    covariance = parameters.covariance.with_factors(parameters.n_components, dense=True)
    return replace(parameters, covariance=covariance)


def background_of(background: Background | None, chosen: Array) -> Background | None:
    """The noise beside the mixture of some features."""
    if background is None:
        return None
    return Background(
        float(background.log_sides[chosen].sum()),
        background.low[chosen],
        background.high[chosen],
        background.weight,
        background.n_parameters,
    )
