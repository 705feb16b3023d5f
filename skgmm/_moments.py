"""Moments: the only thing that passes from the data side to the model side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from skgmm._linalg import Array


class Scatter(Enum):
    """Which part of the second moments a covariance structure needs."""

    FULL = "full"
    """One matrix per component, (K, d, d)."""

    DIAGONAL = "diagonal"
    """The diagonals only, (K, d)."""

    POOLED = "pooled"
    """The sum over components, (d, d)."""

    def outer(self, coefficients: Array, vectors: Array) -> Array:
        """The sum of coefficient x vector x vector' over each component's vectors, in this form.

        Parameters
        ----------
        coefficients : ndarray of shape (K, m)
        vectors : ndarray of shape (K, m, d)
        """
        if self is Scatter.DIAGONAL:
            return np.matmul(coefficients[:, None, :], vectors * vectors)[:, 0, :]
        scaled = coefficients[:, :, None] * vectors
        if self is Scatter.FULL:
            return np.matmul(scaled.transpose(0, 2, 1), vectors)
        n_features = vectors.shape[-1]
        return scaled.reshape(-1, n_features).T @ vectors.reshape(-1, n_features)

    def diagonal(self, scatter: Array) -> Array:
        """Diagonals of a scatter in this form: (K, d), or (d,) when pooled."""
        if self is Scatter.DIAGONAL:
            return scatter
        return np.diagonal(scatter, axis1=-2, axis2=-1)

    def dense(self, scatter: Array) -> Array:
        """The scatter as matrices, (K, d, d), or (1, d, d) when pooled."""
        if self is Scatter.DIAGONAL:
            return scatter[:, :, None] * np.eye(scatter.shape[1])
        return scatter[None] if self is Scatter.POOLED else scatter

    def from_dense(self, matrices: Array) -> Array:
        """The scatter in this form from that of each component (K, d, d)."""
        if self is Scatter.DIAGONAL:
            return np.diagonal(matrices, axis1=1, axis2=2)
        return matrices.sum(axis=0) if self is Scatter.POOLED else matrices

    def of_axes(self, mass: Array, variances: Array) -> Array:
        """The scatter of components with these variances (d,) along the axes, by mass (K,)."""
        if self is Scatter.DIAGONAL:
            return mass[:, None] * variances
        if self is Scatter.FULL:
            return mass[:, None, None] * np.diag(variances)
        return mass.sum() * np.diag(variances)

    def widened(self, scatter: Array, mass: Array, variances: Array) -> Array:
        """The scatter with that of `of_axes` added."""
        if self is Scatter.DIAGONAL:
            return scatter + mass[:, None] * variances
        wider = scatter.copy()
        n_features = len(variances)
        if self is Scatter.FULL:
            wider.reshape(len(mass), -1)[:, :: n_features + 1] += mass[:, None] * variances
        else:
            wider.reshape(-1)[:: n_features + 1] += mass.sum() * variances
        return wider

    def evened(self, scatter: Array) -> Array:
        """The same scatter in all, shared equally among the components."""
        if self is Scatter.POOLED:
            return scatter
        return np.broadcast_to(scatter.mean(axis=0), scatter.shape)


@dataclass(frozen=True)
class Moments:
    """Weighted moments of rows shared out among components. All arrays are float64.

    Two Moments of disjoint sets of rows add up to the Moments of their union.
    """

    form: Scatter
    mass: Array  # (K,) sum of weight x responsibility
    mean: Array  # (K, d) weighted mean; where mass is 0, any finite vector
    scatter: Array  # second moments about `mean`, in `form`
    log_likelihood: float  # nats, total, of the parameters that gave the responsibilities
    total_weight: float

    @property
    def mean_log_likelihood(self) -> float:
        """Nats per row."""
        return self.log_likelihood / self.total_weight

    def likely(self, mean_log_likelihood: float) -> Moments:
        """With another log-likelihood, in nats per row."""
        return replace(self, log_likelihood=mean_log_likelihood * self.total_weight)

    def scaled(self, factor: float) -> Moments:
        """The same rows with `factor` times their weight; 0 < factor."""
        return Moments(
            form=self.form,
            mass=factor * self.mass,
            mean=self.mean,
            scatter=factor * self.scatter,
            log_likelihood=factor * self.log_likelihood,
            total_weight=factor * self.total_weight,
        )

    def overall(self, form: Scatter = Scatter.DIAGONAL) -> Moments:
        """Of all rows as one component, with the scatter in that form (FULL or DIAGONAL)."""
        share = self.mass / self.mass.sum()
        mean = share @ self.mean
        if form is Scatter.DIAGONAL:
            within = self.form.diagonal(self.scatter)
            within = within if self.form is Scatter.POOLED else within.sum(axis=0)
        else:
            within = self.form.dense(self.scatter).sum(axis=0)
        return replace(
            self,
            form=form,
            mass=self.mass.sum(keepdims=True),
            mean=mean[None],
            scatter=within + form.outer(self.mass[None], (self.mean - mean)[None]),
        )

    def reordered(self, order: Array) -> Moments:
        """With the components in another order (K,)."""
        pooled = self.form is Scatter.POOLED
        return replace(
            self,
            mass=self.mass[order],
            mean=self.mean[order],
            scatter=self.scatter if pooled else self.scatter[order],
        )

    def __add__(self, other: Moments) -> Moments:
        mass = self.mass + other.mass
        # The share is formed before the product: mass x mass could overflow or underflow.
        share = np.divide(other.mass, mass, out=np.zeros_like(mass), where=mass > 0)
        shift = other.mean - self.mean
        # Pairwise update (Chan, Golub & LeVeque 1983). Adding raw second moments instead loses
        # every digit once the distance from the origin dwarfs the spread.
        between = self.form.outer((self.mass * share)[:, None], shift[:, None, :])
        return Moments(
            form=self.form,
            mass=mass,
            mean=self.mean + share[:, None] * shift,
            scatter=self.scatter + other.scatter + between,
            log_likelihood=self.log_likelihood + other.log_likelihood,
            total_weight=self.total_weight + other.total_weight,
        )
