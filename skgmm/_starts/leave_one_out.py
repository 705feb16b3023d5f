"""Leave-one-out responsibilities: those of each sample under components estimated without it.

With few samples per component and feature, each sample influences its own component so strongly
that its responsibilities hardly change, and EM stays at its start. Under components estimated
without it the sample can move. These steps need not increase the likelihood, so what they lead to
is only a proposal.

A component has mass N, mean m and covariance S; the sample x has weight r in it, and D is its
squared Mahalanobis distance. Without the sample, x is farther from the mean by the factor
N / (N - r), and the covariance is a rank-one downdate (Sherman-Morrison). Mahalanobis distances
with an estimated covariance are biased upwards and its log-determinant downwards, the more the
fewer samples it is estimated from; without a correction (from the Wishart distribution) samples
drift to the larger components.

With very few samples per feature, covariance matrices predict badly even so. They are shrunk
towards the pooled one, with the intensity under which samples are most probable when they are left
out one at a time.

References
----------
Hoffbeck and Landgrebe (1996), Covariance matrix estimation and classification with limited training
data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import digamma

from skgmm._linalg import Array
from skgmm._moments import Scatter
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._rows import e_step
from skgmm._rows.base import InMemoryRows
from skgmm._starts.methods import EmptyStartError, start_of
from skgmm._starts.shrunk_covariances import ShrunkCovariances
from skgmm.covariance import IllDefinedCovarianceError, Structure

# Used with fewer samples than this per component and feature.
_FEW = 10.0

UNRELIABLE = 3.0
"""With fewer samples than this per component and feature, estimates of single components are
unreliable: their covariance matrices, and the gains of their splits."""

# Largest number of iterations, and the largest fraction of the samples that the last one may
# reassign. Where more are reassigned the samples are too few, and the iterations do not converge.
_STEPS, _SETTLED = 10, 0.1

# If the first iteration reassigns no more than this fraction, EM has not been stuck at its start.
_STABLE = 1e-3

# A sample with a smaller responsibility is no part of the component.
_TRACE = 1e-12

# Without a sample at least this fraction of the variance and mass of its component remains.
_LEAST = 1e-9

# The exponential of less than this may have lost digits.
_UNDERFLOWS = -600.0


@dataclass(frozen=True)
class Proposal:
    """The parameters after iterations with leave-one-out responsibilities."""

    parameters: MixtureParameters | None  # None if they did not converge
    n_steps: int
    stable: bool  # whether hardly any sample changes its component


def freezes(objective: Objective, n_components: int, few: float = _FEW) -> bool:
    """Whether samples are so few that EM may stay at its start."""
    structure, n_features = objective.structure, objective.rows.n_features
    if structure.n_parameters(2, n_features) == structure.n_parameters(1, n_features):
        n_components = 1  # one covariance is estimated from all samples
    return objective.rows.n_counted < few * n_components * n_features


def shrinks(objective: Objective, n_components: int) -> bool:
    """Whether components have covariance matrices of their own, from very few samples."""
    structure = objective.structure
    full = structure.scatter is Scatter.FULL and _varies(structure, objective.rows.n_features)
    return full and freezes(objective, n_components, UNRELIABLE)


class EStep:
    """One pass over the samples, with densities lowered by `Objective.penalty` as in EM."""

    def __init__(self, objective: Objective, parameters: MixtureParameters) -> None:
        rows = objective.rows
        assert isinstance(rows, InMemoryRows)
        self.weights, self.parameters = rows.weights, parameters
        log_density, log_joint = e_step.log_parts(rows.X, parameters, rows.n_threads)
        log_joint -= objective.penalty(parameters)
        # Where each component is far narrower than what is added, all of them would be 0.
        top = log_joint.max(axis=1)
        shift = np.where(np.isfinite(top) & (top < _UNDERFLOWS), top, 0.0)
        responsibilities = np.exp(log_joint - shift[:, None])
        total = np.maximum(responsibilities.sum(axis=1), np.finfo(np.float64).tiny)
        self.responsibilities = responsibilities / total[:, None]
        self.mass = self.weights @ self.responsibilities
        mean = ((log_density + shift + np.log(total)) * self.weights).sum() / self.weights.sum()
        self.mean_objective = float(mean)
        log_joint += log_density[:, None]
        self.log_joint = log_joint  # of weight x density, with the penalty


def leave_one_out_proposal(objective: Objective, parameters: MixtureParameters) -> Proposal:
    """The parameters after iterations with leave-one-out responsibilities.

    None if the iterations do not converge, unless each of them has increased the likelihood.
    """
    now = EStep(objective, parameters)
    before, moved = now.responsibilities, np.inf
    best: MixtureParameters | None = None
    highest = level = now.mean_objective
    n_steps, rising = 0, True
    if _singular(objective, now.mass):
        return Proposal(None, 0, False)
    while n_steps < _STEPS:
        n_steps += 1
        responsibilities, previous = leave_one_out(objective, now), moved
        moved = 0.5 * float(now.weights @ np.abs(responsibilities - before).sum(axis=1))
        moved /= float(now.weights.sum())
        if n_steps == 1 and moved < _STABLE:
            return Proposal(None, 1, True)
        before = responsibilities
        try:
            parameters = start_of(objective, responsibilities, parameters.n_components)
        except (IllDefinedCovarianceError, EmptyStartError):
            break
        now = EStep(objective, parameters)
        higher = now.mean_objective > level
        rising, level = rising and higher, now.mean_objective
        if level > highest:
            best, highest = parameters, level
        if not higher and (moved < _SETTLED or moved > previous):
            break
    return Proposal(best if moved < _SETTLED or rising else None, n_steps, False)


def _singular(objective: Objective, mass: Array) -> bool:
    """Whether components have their own covariances, and one too few samples for it."""
    needed = objective.structure.minimum_rows(1, objective.rows.n_features) + 1.0
    return _varies(objective.structure, objective.rows.n_features) and bool(mass.min() <= needed)


def leave_one_out(objective: Objective, now: EStep) -> Array:
    """Responsibilities of the components for each sample without that sample, (n, K)."""
    log_joint = left_out_log_joint(objective, now)
    top = log_joint.max(axis=1, keepdims=True)
    known = np.isfinite(top)
    without = np.exp(log_joint - np.where(known, top, 0.0))
    if not known.all():
        without = np.where(known, without, now.responsibilities)
    without /= without.sum(axis=1, keepdims=True)
    return without


def left_out_log_joint(objective: Objective, now: EStep) -> Array:
    """log of weight x density of each sample under each component without it, (n, K).

    Up to a constant, which is the same for all parameters.
    """
    rows, mass, parameters = objective.rows, now.mass, now.parameters
    assert isinstance(rows, InMemoryRows)
    own, penalty = now.responsibilities * now.weights[:, None], objective.penalty(parameters)
    varies = _varies(objective.structure, rows.n_features)
    with np.errstate(divide="ignore", invalid="ignore"):
        if varies and parameters.covariance.diagonal:
            log_density = _of_diagonals(rows.X, parameters, own, mass)
        elif shrinks(objective, parameters.n_components):
            log_density = _of_shrunk_matrices(rows.X, parameters, own)
        else:
            distances = 2.0 * (parameters.log_peak - penalty - now.log_joint)
            np.maximum(distances, 0.0, out=distances)
            log_density = _of_matrices(parameters, distances, own, mass, varies)
        left = mass - own
        log_joint = np.log(left) + log_density - penalty
    # Without its only sample a component does not exist.
    log_joint[~(left > _LEAST * mass) | np.isnan(log_joint)] = -np.inf
    return log_joint


def _varies(structure: Structure, n_features: int) -> bool:
    """Whether each component has a covariance of its own."""
    one, two = (structure.n_parameters(K, n_features) for K in (1, 2))
    return two == 2 * one


def _of_matrices(
    parameters: MixtureParameters, distances: Array, own: Array, mass: Array, varies: bool
) -> Array:
    """Log-density of each sample under each component without it, up to a constant."""
    d, log_det = parameters.n_features, parameters.covariance.log_det
    if not varies:
        apart, total = mass / (mass - own), mass.sum()
        left = np.maximum(1.0 - own * apart * distances / total, _LEAST)
        kept = 1.0 - own.sum(axis=1, keepdims=True) / total
        log_det = log_det + np.log(left).sum(axis=1, keepdims=True)
        return -0.5 * (log_det - d * np.log(kept) + kept * apart**2 * distances / left)
    shorter, constant = _shortened(mass, d), log_det - _bias(mass, np.arange(d)) - d / mass
    result = constant + shorter * distances
    which, k = np.nonzero(own > _TRACE)  # without any other sample nothing changes
    counts, distances = own[which, k], distances[which, k]
    apart = mass[k] / (mass[k] - counts)
    left = np.maximum(1.0 - counts * apart * distances / mass[k], _LEAST)
    of_covariance = np.log(left) + d * np.log(apart)
    result[which, k] = constant[k] + of_covariance + apart * shorter[k] * distances / left
    return -0.5 * result


def _of_shrunk_matrices(X: Array, parameters: MixtureParameters, own: Array) -> Array:
    """The same for covariance matrices that are shrunk."""
    try:
        shrunk = ShrunkCovariances(X, parameters, own)
        return shrunk.log_densities(shrunk.best_shrinkage()[0])
    except np.linalg.LinAlgError:  # variances so small are not float64 numbers
        return np.full(own.shape, -np.inf)


def _of_diagonals(X: Array, parameters: MixtureParameters, own: Array, mass: Array) -> Array:
    """The same for diagonal covariances of each component."""
    result, d = np.empty_like(own), parameters.n_features
    log_det = parameters.covariance.log_det - _bias(mass, np.zeros(d))
    shortened = _shortened(mass, 1)
    for k, mean in enumerate(parameters.means):
        apart = mass[k] / (mass[k] - own[:, k])
        squares = parameters.covariance.whiten(X - mean, k) ** 2
        left = np.maximum(1.0 - (own[:, k] * apart / mass[k])[:, None] * squares, _LEAST)
        longer = apart * shortened[k] * (squares / left).sum(axis=1)
        log_dets = log_det[k] + np.log(left).sum(axis=1) + d * np.log(apart)
        result[:, k] = -0.5 * (log_dets + longer - d / mass[k])
    return result


def _bias(mass: Array, lost: Array) -> Array:
    """Bias of the log-determinant of covariances estimated from `mass` samples, negative, (K,).

    The mean of log |S| is log |Sigma| plus a sum of digamma functions, one for each feature with
    the degrees of freedom that remain after the features before it.
    """
    freedom = np.maximum(mass[:, None] - 1.0 - lost, 1.0)
    return (digamma(0.5 * freedom) + np.log(2.0 / mass[:, None])).sum(axis=1)


def _shortened(mass: Array, d: int) -> Array:
    """The factor that corrects the bias of squared distances in estimated covariances, (K,)."""
    return np.maximum(mass - d - 2.0, 1.0) / mass
