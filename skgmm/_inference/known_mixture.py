"""Estimators of mixtures that are known, not fitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from skgmm._em.result import EMStatus
from skgmm._fitting import attributes_of
from skgmm._parameters import MixtureParameters
from skgmm._rows.noise import Background
from skgmm._rows.uniform_noise import UniformNoise
from skgmm.covariance import Structure

Mixture = TypeVar("Mixture")


def known_mixture(
    cls: type[Mixture],
    parameters: MixtureParameters,
    structure: Structure,
    background: Background | None = None,
    *,
    dtype: Any = np.float64,
    feature_names: Sequence[str] | None = None,
) -> Mixture:
    """A GaussianMixtureEM (the `cls`) with these parameters.

    Parameters
    ----------
    background : Background or None
        Noise beside the components, with the weight that theirs leave.
    dtype : dtype
        Of the attributes.
    feature_names : sequence of str or None
    """
    mixture: Any = cls(parameters.n_components, covariance_type=structure.name)  # type: ignore[call-arg]
    mixture.__dict__.update(attributes_of(parameters, structure, np.dtype(dtype), background))
    if background is not None:
        mixture.noise = UniformNoise(volume=background.volume)
    mixture.n_features_in_ = parameters.n_features
    if feature_names is not None:
        mixture.feature_names_in_ = np.array(feature_names, dtype=object)
    mixture.status_ = EMStatus.GIVEN.value
    return mixture
