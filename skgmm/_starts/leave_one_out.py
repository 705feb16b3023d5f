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

from skgmm._kernels import log_peak
from skgmm._kernels._native import leave_out, leave_out_of_diagonals, normalise
from skgmm._linalg import Array
from skgmm._moments import Scatter
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters, n_parameters
from skgmm._rows import e_step
from skgmm._rows.base import InMemoryRows
from skgmm._starts.methods import EmptyStartError, start_of
from skgmm._starts.shrunk_covariances import ShrunkCovariances
from skgmm.covariance import IllDefinedCovarianceError, Structure

# Used with fewer samples than this per component and feature. A component that is estimated from N
# samples with d features gives each of them about d**2 / (2 N) nats too much by its covariance
# matrix, and about 1.5 d / N by variances.
_FEW, _FEW_FOR_VARIANCES = 10.0, 3.0

# With fewer samples than this per component and feature, or with few and fewer than this per
# parameter, estimates of single components are unreliable.
_UNRELIABLE, _PER_PARAMETER = 3.0, 0.45

# With fewer numbers than this per parameter the gains of moves cannot be estimated.
_NUMBERS_PER_PARAMETER = 6.0

# Largest number of iterations, and the largest fraction of the samples that the last one may
# reassign. Where more are reassigned the samples are too few, and the iterations do not converge.
_STEPS, _SETTLED = 10, 0.1

# If the first iteration reassigns no more than this fraction, EM has not been stuck at its start.
_STABLE = 1e-3

UNDERFLOWS = -700.0
"""The exponential of less takes many times as long."""

# A component with no more mass than this part of all is empty.
_NOTHING = 1e-300


@dataclass(frozen=True)
class Proposal:
    """The parameters after iterations with leave-one-out responsibilities."""

    parameters: MixtureParameters | None  # None if they did not converge
    n_steps: int
    stable: bool  # whether hardly any sample changes its component


def freezes(objective: Objective, n_components: int) -> bool:
    """Whether samples are so few that EM may stay at its start."""
    if objective.structure.scatter is not Scatter.DIAGONAL:
        return _are_fewer(objective, n_components, _FEW)
    few = _are_fewer(objective, n_components, _FEW_FOR_VARIANCES)
    return few or not estimates_gains(objective, n_components)


def _are_fewer(objective: Objective, n_components: int, few: float) -> bool:
    """Whether there are fewer samples per feature and component, or covariance matrix."""
    structure, n_features = objective.structure, objective.rows.n_features
    if structure.n_parameters(2, n_features) == structure.n_parameters(1, n_features):
        n_components = 1  # one covariance is estimated from all samples
    return objective.rows.n_counted < few * n_components * n_features


def estimates_gains(objective: Objective, n_components: int) -> bool:
    """Whether samples are enough for the parameters that gains of moves can be estimated.

    Variances need fewer samples than covariance matrices.
    """
    rows = objective.rows
    n_free = n_parameters(objective.structure, n_components, rows.n_features)
    return rows.n_counted * rows.n_features >= _NUMBERS_PER_PARAMETER * n_free


def unreliable(objective: Objective, n_components: int) -> bool:
    """Whether estimates of single components are: their covariances, and the gains of splits.

    Optima then differ in likelihood by noise: by half a nat for each parameter.
    """
    if not freezes(objective, n_components):
        return False
    rows = objective.rows
    n_free = n_parameters(objective.structure, n_components, rows.n_features)
    if _are_fewer(objective, n_components, _UNRELIABLE):
        return True
    own = _varies(objective.structure, rows.n_features)
    return own and rows.n_counted < _PER_PARAMETER * n_free


def shrinks(objective: Objective, n_components: int) -> bool:
    """Whether components have covariance matrices of their own, from very few samples."""
    structure = objective.structure
    full = structure.scatter is Scatter.FULL and _varies(structure, objective.rows.n_features)
    return full and unreliable(objective, n_components)


def suffices(objective: Objective, mass: Array) -> bool:
    """Whether each component has samples enough for a covariance matrix without one of them."""
    needed = objective.structure.minimum_rows(1, objective.rows.n_features) + 1.0
    return bool(mass.min() > needed)


class EStep:
    """One pass over the samples, with densities lowered by `Objective.penalty` as in EM."""

    def __init__(self, objective: Objective, parameters: MixtureParameters) -> None:
        rows = objective.rows
        assert isinstance(rows, InMemoryRows)
        self.weights, self.parameters = rows.weights, parameters
        # Log-densities at the means, and the same of weight x density.
        no_weights = np.zeros(parameters.n_components)
        self.density_peak = log_peak(
            no_weights, parameters.covariance.kernel_factors, objective.floor
        )
        self.log_peak = parameters.log_weights + self.density_peak
        log_density, log_joint = e_step.log_parts(rows.X, parameters, rows.n_threads, self.log_peak)
        responsibilities = np.maximum(log_joint, UNDERFLOWS)
        self.responsibilities = np.exp(responsibilities, out=responsibilities)
        mass = self.weights @ self.responsibilities
        self.mass = np.where(mass > _NOTHING * mass.sum(), mass, 0.0)
        self.mean_objective = float(self.weights @ log_density / self.weights.sum())
        log_joint += log_density[:, None]
        self.log_joint = log_joint  # of weight x density

    @property
    def estimated(self) -> tuple[Array, ...]:
        """As the kernel takes it."""
        return self.weights, self.responsibilities, self.log_joint, self.log_peak, self.mass


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
        moved = 0.5 * float((now.weights @ np.abs(responsibilities - before)).sum())
        moved /= float(now.weights.sum())
        if n_steps == 1 and moved < _STABLE:
            return Proposal(None, 1, True)
        before = responsibilities
        try:
            parameters = start_of(objective, responsibilities, parameters.n_components)
        except (IllDefinedCovarianceError, EmptyStartError):
            break
        objective = objective.near(parameters)  # the first step may lead far, later ones do not
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
    varies = _varies(objective.structure, objective.rows.n_features)
    return varies and not suffices(objective, mass)


def leave_one_out(objective: Objective, now: EStep) -> Array:
    """Responsibilities of the components for each sample without that sample, (n, K)."""
    without, log_density = left_out_log_joint(objective, now), np.empty(len(now.weights))
    normalise(without, log_density)
    known = np.isfinite(log_density)
    if not known.all():
        without = np.where(known[:, None], without, now.responsibilities)
    return without


def left_out_log_densities(objective: Objective, parameters: MixtureParameters) -> Array:
    """Log-density of each sample under the mixture without it, up to a constant, (n,)."""
    log_joint = left_out_log_joint(objective, EStep(objective, parameters))
    log_density = np.empty(len(log_joint))
    normalise(log_joint, log_density)
    return log_density


def left_out_log_joint(objective: Objective, now: EStep) -> Array:
    """log of weight x density of each sample under each component without it, (n, K).

    Up to a constant, which is the same for all parameters. It is -inf where the component does not
    exist without the sample.
    """
    rows, parameters = objective.rows, now.parameters
    assert isinstance(rows, InMemoryRows)
    with np.errstate(divide="ignore", invalid="ignore"):
        if not _varies(objective.structure, rows.n_features):
            return _left_out(now, np.log(now.mass) + now.density_peak, None)
        if parameters.covariance.diagonal:
            return _of_diagonals(rows.X, now)
        if unreliable(objective, parameters.n_components):
            return _of_shrunk_matrices(rows, now) - objective.penalty(parameters)
        return _of_matrices(now)


def _varies(structure: Structure, n_features: int) -> bool:
    """Whether each component has a covariance of its own."""
    one, two = (structure.n_parameters(K, n_features) for K in (1, 2))
    return two == 2 * one


def _of_matrices(now: EStep) -> Array:
    """`left_out_log_joint` for a matrix of each component."""
    d = now.parameters.n_features
    peak = _left_out_peak(now, np.arange(d))
    return _left_out(now, peak, _shortened(now.mass, d))


def _left_out_peak(now: EStep, lost: Array) -> Array:
    """Of samples that are left out, at the means of covariances of each component, (K,)."""
    corrected = now.density_peak + 0.5 * (_bias(now.mass, lost) + len(lost) / now.mass)
    return np.asarray(np.log(now.mass) + corrected)


def _left_out(now: EStep, peak: Array, shorter: Array | None) -> Array:
    """The same from the values at the means, for matrices of each component or one for all."""
    out = np.empty_like(now.log_joint)
    leave_out(*now.estimated, now.parameters.n_features, peak, shorter, out)
    return out


def _of_shrunk_matrices(rows: InMemoryRows, now: EStep) -> Array:
    """The same for covariance matrices that are shrunk."""
    parameters, own = now.parameters, now.responsibilities * now.weights[:, None]
    scatter = now.mass[:, None, None] * parameters.covariance.dense()
    try:
        shrunk = ShrunkCovariances(rows, parameters.means, scatter, own)
        return shrunk.log_joint(shrunk.best_shrinkage()[0])
    except IllDefinedCovarianceError:  # variances so small are not float64 numbers
        return np.full(own.shape, -np.inf)


def _of_diagonals(X: Array, now: EStep) -> Array:
    """The same for diagonal covariances of each component."""
    peak = _left_out_peak(now, np.zeros(now.parameters.n_features))
    shorter, out = _shortened(now.mass, 1), np.empty_like(now.log_joint)
    components = now.parameters.means, now.parameters.covariance.kernel_factors
    leave_out_of_diagonals(X, *now.estimated, *components, peak, shorter, out)
    return out


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
