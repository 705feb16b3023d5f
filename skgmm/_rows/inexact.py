"""Samples that share the covariance S of their measurement errors: the way there and back.

The measurement has the covariance T = Sigma + S, and given it the true value has the mean
mu + G (y - mu) with G = Sigma T^-1, and the covariance Sigma - G Sigma.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from skgmm._linalg import Array, symmetrised, triangular_inverse
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters


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


def measured(true: MixtureParameters, errors: Array) -> tuple[MixtureParameters, Inexact]:
    """The mixture of the measurements, from that of the true values; `errors` (d,) or (d, d)."""
    covariance = true.covariance
    if covariance.diagonal and errors.ndim == 1:
        variances = covariance.variances()
        total = variances + errors
        diagonal = replace(covariance, factor=1.0 / np.sqrt(total))
        return replace(true, covariance=diagonal), Inexact(
            variances / total, variances * (errors / total)
        )
    covariance = covariance.with_factors(len(covariance.factor), dense=True)
    factor, errors = covariance.factor, errors if errors.ndim == 2 else np.diag(errors)
    # In the coordinates that Sigma = L L' whitens T is H = I + U' S U, U the factor, and
    # H = C C'. So rounding errors are small beside Sigma along every axis.
    turned = np.swapaxes(factor, 1, 2)
    whitened = np.eye(len(errors)) + symmetrised(turned @ errors @ factor)
    inverse = triangular_inverse(np.linalg.cholesky(whitened))
    roots = triangular_inverse(np.ascontiguousarray(turned))
    kept = np.swapaxes(inverse, 1, 2) @ inverse
    left = np.eye(len(errors)) - kept
    seen = replace(covariance, factor=np.ascontiguousarray(factor @ np.swapaxes(inverse, 1, 2)))
    within = symmetrised(roots @ left @ np.swapaxes(roots, 1, 2))
    return replace(true, covariance=seen), Inexact(roots @ kept @ turned, within)


def _dense(array: Array) -> Array:
    """Matrices (m, d, d) from these or from diagonals (m, d)."""
    return array[:, :, None] * np.eye(array.shape[1]) if array.ndim == 2 else array
