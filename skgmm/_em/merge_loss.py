"""What a mixture loses at most when some of its components are merged into others."""

from __future__ import annotations

import numpy as np

from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters
from skgmm.covariance import Covariance


def merging_loss(parameters: MixtureParameters, components: list[int]) -> float:
    """Loss of log-likelihood by merging each of some components into one of the others.

    Each is merged into the one with which that loses least. The merged component has the weight,
    mean and covariance of both together, so the loss is no more than this (Runnalls 2007). It is
    infinite if no other component is left, and if all share one covariance matrix: it is only as
    narrow as it is because these components take samples away.

    Returns
    -------
    loss : float
        Nats per sample.

    References
    ----------
    Runnalls (2007), Kullback-Leibler approach to Gaussian mixture reduction.
    """
    if not components:
        return 0.0
    others = [k for k in range(parameters.n_components) if k not in components]
    if parameters.covariance.shared or not others:
        return np.inf
    covariance = parameters.covariance
    of_components = _matrices(covariance), covariance.log_det, parameters.weights
    losses = (_losses(parameters, *of_components, k, others).min() for k in components)
    return float(sum(max(loss, 0.0) for loss in losses))


def _matrices(covariance: Covariance) -> Array:
    """Covariances of the components (K, d, d), or variances (K, d) where they are diagonal."""
    return covariance.variances() if covariance.diagonal else covariance.matrices


def _losses(
    parameters: MixtureParameters,
    covariances: Array,
    log_det: Array,
    weights: Array,
    k: int,
    others: list[int],
) -> Array:
    """Loss by merging one component into each of the others, (m,)."""
    mass = weights[k] + weights[others]
    if not weights[k] > 0:
        return np.zeros(len(others))
    share = weights[k] / mass
    apart = parameters.means[others] - parameters.means[k]
    if parameters.covariance.diagonal:
        merged = _merged(share[:, None], covariances[k], covariances[others], apart**2)
        log_det_merged = np.log(merged).sum(axis=1)
    else:
        between = apart[:, :, None] * apart[:, None, :]
        merged = _merged(share[:, None, None], covariances[k], covariances[others], between)
        log_det_merged = np.linalg.slogdet(merged)[1]
    wider = log_det_merged - share * log_det[k] - (1.0 - share) * log_det[others]
    return np.asarray(0.5 * mass * wider)


def _merged(share: Array, own: Array, other: Array, between: Array) -> Array:
    """Covariances of both together."""
    return share * own + (1.0 - share) * (other + share * between)
