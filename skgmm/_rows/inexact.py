"""Samples that share the covariance S of their measurement errors: the way there and back.

The measurement has the covariance T = Sigma + S, and given it the true value has the mean
mu + G (y - mu) with G = Sigma T^-1, and the covariance Sigma - G Sigma.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter


class Inexact(NamedTuple):
    """The true values given what is measured; one for all components, or K."""

    gain: Array  # (m, d, d), or (m, d) where features are independent
    within: Array  # conditional covariances, in the same shape

    def form(self, form: Scatter) -> Scatter:
        """The scatter of the measurements from which `pull` makes that of true values."""
        if form is Scatter.DIAGONAL:
            return form if self.gain.ndim == 2 else Scatter.FULL
        return form if form is Scatter.POOLED and len(self.gain) == 1 else Scatter.FULL

    def pull(self, moments: Moments, means: Array, form: Scatter) -> Moments:
        """Moments of true values from those of the measurements, with scatter in `form`."""
        apart, mass = moments.mean - means, moments.mass
        if moments.form is Scatter.DIAGONAL:
            scatter = self.gain**2 * moments.scatter + mass[:, None] * self.within
            return replace(moments, mean=means + self.gain * apart, scatter=scatter)
        gain, within = _dense(self.gain), _dense(self.within)
        spread = gain @ moments.scatter @ np.swapaxes(gain, 1, 2)
        if moments.form is Scatter.POOLED:
            scatter = (spread + mass.sum() * within)[0]
        else:
            scatter = form.from_dense(spread + mass[:, None, None] * within)
        mean = means + (gain @ apart[:, :, None])[:, :, 0]
        return replace(moments, form=form, mean=mean, scatter=scatter)


def _dense(array: Array) -> Array:
    """Matrices (m, d, d) from these or from diagonals (m, d)."""
    return array[:, :, None] * np.eye(array.shape[1]) if array.ndim == 2 else array
