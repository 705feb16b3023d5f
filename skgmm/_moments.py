"""Moments: the only thing that passes from the data side to the model side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import add
from typing import NamedTuple

import numpy as np

from skgmm._kernels import Scatter as Scatter
from skgmm._kernels import with_added_variances
from skgmm._linalg import Array

# What is lost of a mean, in its own size.
_ROUNDING = float(4 * np.finfo(np.float64).eps)


class Counts(NamedTuple):
    """How many samples stand behind each kind of parameter, three arrays (K,).

    They differ where some samples tell of one kind only, as those that a prior stands for.
    """

    weights: Array
    means: Array
    covariances: Array


@dataclass(frozen=True)
class Moments:
    """Weighted moments of samples, divided among components. All arrays are float64.

    Two Moments of disjoint sets of samples add up to the Moments of their union. What is known
    before any sample is seen adds in the same way.
    """

    form: Scatter
    mass: Array  # (K,) sum of weight x responsibility; total_weight less their sum is noise
    mean: Array  # (K, d) weighted mean; where mass is 0, any finite vector
    scatter: Array  # second moments about `mean`, reg_covar included, in `form`
    objective: float  # nats, total, of the parameters that gave the responsibilities
    total_weight: float
    counts: Counts | None = None  # where they are not the mass

    @property
    def mean_objective(self) -> float:
        """Nats per sample."""
        return self.objective / self.total_weight

    @property
    def counted(self) -> Counts:
        """How many samples each parameter rests on."""
        return self.counts or Counts(self.mass, self.mass, self.mass)

    @property
    def weights(self) -> Array:
        """The mixing proportions that maximise the expected complete log-likelihood, (K,).

        They sum to 1, or to less where a part of the samples is noise.
        """
        if self.counts is None:
            return self.mass / self.total_weight
        unseen = float((self.counts.weights - self.mass).sum())
        return self.counts.weights / (self.total_weight + unseen)

    def with_objective(self, mean_objective: float) -> Moments:
        """With another objective, in nats per sample."""
        return replace(self, objective=mean_objective * self.total_weight)

    def with_added_variance(self, variances: Array) -> Moments:
        """Each sample a cloud with these variances (d,) along the axes."""
        wider = with_added_variances(self.scatter, self.mass, variances, self.form)
        return self._with_scatter(wider)

    def without_rounding(self, variances: Array) -> Moments:
        """Exact zeros in place of what is no more than rounding, where `variances` (d,) are 0."""
        if variances.all():
            return self
        form, mean, mass = self.form, self.mean, self.mass[:, None]
        if form is Scatter.POOLED:
            mean, mass = np.abs(mean).max(axis=0), self.mass.sum()
        # A variance that is no more than the rounding of the mean says nothing.
        rounding = mass * (_ROUNDING * mean) ** 2
        resolved = form.diagonal(self.scatter) > rounding
        if resolved.all():
            return self
        resolved = resolved | (variances > 0)
        if form is not Scatter.DIAGONAL:
            resolved = resolved[..., :, None] & resolved[..., None, :]
        return self._with_scatter(np.where(resolved, self.scatter, 0.0))

    def _with_scatter(self, scatter: Array) -> Moments:
        # As `replace`, which takes longer than few components do.
        return Moments(
            self.form,
            self.mass,
            self.mean,
            scatter,
            self.objective,
            self.total_weight,
            self.counts,
        )

    def regularised(self, variances: Array) -> Moments:
        """With added variance, and without rounding where there is none."""
        wider = self.with_added_variance(variances) if variances.any() else self
        return wider.without_rounding(variances)

    def scaled(self, factor: float) -> Moments:
        """The same samples with `factor` times their weight; 0 < factor."""
        return Moments(
            form=self.form,
            mass=factor * self.mass,
            mean=self.mean,
            scatter=factor * self.scatter,
            objective=factor * self.objective,
            total_weight=factor * self.total_weight,
            counts=self.counts and Counts(*(factor * count for count in self.counts)),
        )

    def overall(self, form: Scatter = Scatter.DIAGONAL) -> Moments:
        """Of all rows as one component, with the scatter in that form (FULL or DIAGONAL)."""
        if len(self.mass) == 1 and self.form is form and self.counts is None:
            return self
        mass = self.mass.sum(keepdims=True)
        mean = (self.mass / mass) @ self.mean
        if form is Scatter.DIAGONAL:
            within = self.form.diagonal(self.scatter)
            within = within if self.form is Scatter.POOLED else within.sum(axis=0)
        else:
            within = self.form.dense(self.scatter).sum(axis=0)
        between = form.outer(self.mass[None], (self.mean - mean)[None])
        return Moments(
            form,
            mass,
            mean[None],
            within + between,
            self.objective,
            self.total_weight,
        )

    def feature_variances(self) -> tuple[Array, Array]:
        """Of one component: variances of the features (d,), and which are more than rounding."""
        variances = self.form.diagonal(self.scatter)[0] / self.total_weight
        rounding = (_ROUNDING * self.mean[0]) ** 2
        return variances, variances > rounding

    def without(self, components: Array) -> Moments:
        """With no samples in these components, bool (K,), of which hardly any are there.

        What a prior has seen is kept.
        """
        scatter, counts = self.scatter, self.counts
        seen = self.counted.covariances - self.mass > 0
        if self.form is not Scatter.POOLED:
            scatter = scatter.copy()
            scatter[components & ~seen] = 0.0
        if counts is not None:
            counts = Counts(*(np.where(components, c - self.mass, c) for c in counts))
        mass = np.where(components, 0.0, self.mass)
        return replace(self, mass=mass, scatter=scatter, counts=counts)

    def reordered(self, order: Array) -> Moments:
        """With the components in another order (K,)."""
        pooled = self.form is Scatter.POOLED
        return replace(
            self,
            mass=self.mass[order],
            mean=self.mean[order],
            scatter=self.scatter if pooled else self.scatter[order],
            counts=self.counts and Counts(*(count[order] for count in self.counts)),
        )

    def __add__(self, other: Moments) -> Moments:
        own, others = self.counted, other.counted
        count = own.means + others.means
        # The share is formed before the product: mass x mass could overflow or underflow.
        share = np.divide(others.means, count, out=np.zeros_like(count), where=count > 0)
        shift = other.mean - self.mean
        # Pairwise update (Chan, Golub & LeVeque 1983). Adding raw second moments would suffer
        # cancellation if the distance from the origin is large.
        between = self.form.outer((own.means * share)[:, None], shift[:, None, :])
        same = self.counts is None and other.counts is None
        return Moments(
            form=self.form,
            mass=self.mass + other.mass,
            mean=self.mean + share[:, None] * shift,
            scatter=self.scatter + other.scatter + between,
            objective=self.objective + other.objective,
            total_weight=self.total_weight + other.total_weight,
            counts=None if same else Counts(*map(add, own, others)),
        )
