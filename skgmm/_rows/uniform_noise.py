"""UniformNoise: the parameter of a component of constant density."""

from __future__ import annotations

from numbers import Real
from typing import overload

import numpy as np
from sklearn.base import BaseEstimator

from skgmm._moments import Moments
from skgmm._rows.base import Rows
from skgmm._rows.grouped import RowsInMemory
from skgmm._rows.noise import Background
from skgmm._rows.out_of_core import beside


class UniformNoise(BaseEstimator):
    """A component of constant density, for samples that belong to no cluster.

    Given to :class:`GaussianMixtureEM` as `noise`. Its density is 1 / `volume` everywhere, also
    outside of the samples (Banfield & Raftery 1993): samples far from all clusters are noise.

    Parameters
    ----------
    volume : float, default=None
        In the product of the units of all features. None takes the smaller of the bounding box of
        the samples and of the box along the principal axes of the scaled features.
    weight : float, default=0.05
        Weight of the noise at the start, between 0 and 1; EM estimates it from there.

    References
    ----------
    Banfield & Raftery (1993), Model-based Gaussian and non-Gaussian clustering.
    Hennig (2004), Breakdown points for maximum likelihood estimators of location-scale mixtures.
    """

    def __init__(self, *, volume: float | None = None, weight: float = 0.05) -> None:
        self.volume = volume
        self.weight = weight

    def checked(self) -> UniformNoise:
        """The same, or a ValueError."""
        volume, weight = self.volume, self.weight
        if volume is not None and not (isinstance(volume, Real) and 0 < volume < np.inf):
            raise ValueError(
                f"noise: volume should be a positive number or None, but is {volume!r}"
            )
        if not (isinstance(weight, Real) and 0 < weight < 1):
            raise ValueError(f"noise: weight should be between 0 and 1, but is {weight!r}")
        return self

    def of(self, rows: Rows) -> Background:
        """The density of this noise beside samples."""
        return Background.of(rows, self.volume, float(self.weight))


@overload
def beside_noise(rows: RowsInMemory, noise: UniformNoise | None) -> RowsInMemory: ...
@overload
def beside_noise(rows: Rows, noise: UniformNoise | None) -> Rows: ...
def beside_noise(rows: Rows, noise: UniformNoise | None) -> Rows:
    """The samples, with noise beside the components of every mixture if there is any."""
    return beside(rows, None if noise is None else noise.of(rows))


class OnlyNoiseError(ValueError):
    """No sample is left for the components."""


def refuse_only_noise(moments: Moments, rows: Rows) -> None:
    """Raise OnlyNoiseError if the components together have less than one sample."""
    background = rows.background
    if background is None or moments.mass.sum() * rows.n_counted >= moments.total_weight:
        return
    raise OnlyNoiseError(
        f"noise: every sample is noise, because the density of noise, 1 / volume with volume="
        f"{background.volume:.6g}, is higher than that of the components. Increase the volume of "
        "UniformNoise, or set it to None."
    )


def noise_of(value: object) -> UniformNoise | None:
    """From the constructor parameter: None, "auto" or UniformNoise."""
    if value is None:
        return None
    return (UniformNoise() if isinstance(value, str) else value).checked()  # type: ignore[attr-defined]
