"""A view: what is known of samples that are not whole, and the way there and back.

Of a complete sample x only y is seen: some of its features, some components allowed. `push` makes
the mixture of y out of that of x (marginal means and covariances, weight 0 where a component is not
allowed). The kernel's ordinary E-step of y under that mixture gives Moments of y. `pull` completes
them: given y, each component expects the missing features at their regression on the observed ones,
with the conditional covariance about it, so that

    mean_k    = mu_k + G_k (mean(y)_k - A mu_k)
    scatter_k = G_k scatter(y)_k G_k' + mass_k C_k

with A the selection of what is observed, G_k = Sigma_k A' (A Sigma_k A')^-1 and
C_k = Sigma_k - G_k A Sigma_k. These are the Moments that the M-step of complete samples takes
(Ghahramani & Jordan 1994; Little & Rubin, Statistical Analysis with Missing Data). Moments of
samples with different views add, so that nothing else has to know of views.

Samples that were measured with the same error covariance S are seen in the same way: A is then the
identity, and S is added to A Sigma_k A' (Bovy, Hogg & Roweis 2011). With both, the true values of
the observed features come first (see `inexact`), and the missing ones follow from these.

Each *observed* value is a small cloud of variance `floor`, as in complete samples (see
`_objective.Objective`): the kernel lowers the log-density of y by half the trace of
(A Sigma_k A')^-1 x floor and adds `floor` to scatter(y), which `pull` carries on to the missing
features. A value that was not observed has no cloud. EM then maximises exactly the sum of these
log-densities, and a sample without any value changes nothing.

C_k is exactly 0 where a feature was observed, and exactly symmetric: otherwise rounding errors grow
from iteration to iteration, and EM diverges after some 50 of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from skgmm._linalg import Array, symmetrised
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters
from skgmm._rows.inexact import Inexact


@dataclass(frozen=True)
class View:
    """What is known of each of a group of samples."""

    observed: Array  # (d,) bool, which features
    allowed: tuple[int, ...] | None = None  # which components; None: all
    background: float | None = None  # log-density of noise beside them, -inf where it is ruled out
    errors: Array | None = None  # (d,) variances or (d, d) of the errors of measurement

    def log_noise(self, mixture: MixtureParameters) -> float:
        """Log of weight x density of the noise."""
        return -np.inf if self.background is None else mixture.log_noise_weight + self.background

    def push(self, mixture: MixtureParameters) -> Pushed:
        """The mixture of what is observed, and the way back."""
        log_weights = mixture.log_weights
        if self.allowed is not None:
            numbers = np.arange(mixture.n_components)
            log_weights = np.where(np.isin(numbers, self.allowed), log_weights, -np.inf)
        means, covariance, rest = mixture.means[:, self.observed], mixture.covariance, None
        if not self.observed.all():
            covariance, regression, within = covariance.conditional(self.observed)
            rest = Conditional(regression, within)
        true = seen = MixtureParameters(log_weights, means, covariance)
        inexact = None
        if self.errors is not None:
            total, gain, within = covariance.measured(self._observed_errors(self.errors))
            seen, inexact = replace(true, covariance=total), Inexact(gain, within)
        return Pushed(self.observed, mixture, true, seen, rest, inexact)

    def _observed_errors(self, errors: Array) -> Array:
        """Those of the observed features."""
        return errors[self.observed] if errors.ndim == 1 else errors[np.ix_(*2 * [self.observed])]


class Conditional(NamedTuple):
    """The missing features (u) given the observed ones (o); one for all components, or K."""

    regression: Array | None  # (m, u, o), None where features are independent
    covariance: Array  # (m, u, u), or variances (m, u)


@dataclass(frozen=True)
class Pushed:
    """A mixture as it is seen."""

    observed: Array  # (d,) bool
    whole: MixtureParameters
    true: MixtureParameters  # of the observed features
    seen: MixtureParameters  # of what is measured of these
    conditional: Conditional | None  # None: nothing is missing
    inexact: Inexact | None  # None: they are measured without errors

    def form(self, form: Scatter) -> Scatter:
        """The scatter of y from which `pull` makes that of x in this form."""
        form = self._true_form(form)
        return form if self.inexact is None else self.inexact.form(form)

    def _true_form(self, form: Scatter) -> Scatter:
        """The same of the true values of the observed features."""
        if self.conditional is None or self.conditional.regression is None:
            return form
        if form is Scatter.POOLED and len(self.conditional.regression) == 1:
            return form
        return Scatter.FULL

    def pull(self, moments: Moments, form: Scatter) -> Moments:
        """Moments of complete samples from those of what is observed, with scatter in `form`."""
        if self.inexact is not None:
            moments = self.inexact.pull(moments, self.true.means, self._true_form(form))
        if self.conditional is None:
            return moments
        return replace(
            moments,
            form=form,
            mean=self._mean(moments.mean, self.conditional.regression),
            scatter=self._scatter(moments, form, self.conditional),
        )

    def _mean(self, seen: Array, regression: Array | None) -> Array:
        mean = self.whole.means.copy()
        mean[:, self.observed] = seen
        if regression is not None:
            apart = (seen - self.true.means)[:, :, None]
            mean[:, ~self.observed] += (regression @ apart)[:, :, 0]
        return mean

    def _scatter(self, moments: Moments, form: Scatter, rest: Conditional) -> Array:
        seen, mass, within = moments.scatter, moments.mass, rest.covariance
        if form is Scatter.DIAGONAL and rest.regression is None:
            scatter = np.empty(self.whole.means.shape)
            scatter[:, self.observed] = seen
            scatter[:, ~self.observed] = mass[:, None] * within
            return scatter
        if moments.form is not Scatter.POOLED:
            return form.from_dense(self._completed(seen, mass, rest))
        if len(within) == 1:
            total = mass.sum(keepdims=True)
        else:  # independent features whose variances differ between components
            rest = Conditional(None, (mass @ within)[None])
            total = np.ones(1)
        return self._completed(seen[None], total, rest)[0]

    def _completed(self, seen: Array, mass: Array, rest: Conditional) -> Array:
        """Dense scatters of complete samples (m, d, d)."""
        o, u = np.flatnonzero(self.observed), np.flatnonzero(~self.observed)
        completed = np.zeros((len(seen), len(self.observed), len(self.observed)))
        completed[:, o[:, None], o] = seen
        regression, within = rest.regression, rest.covariance
        if regression is None:
            completed[:, u, u] = mass[:, None] * within
            return completed
        cross = regression @ seen
        completed[:, u[:, None], o] = cross
        completed[:, o[:, None], u] = np.swapaxes(cross, 1, 2)
        spread = cross @ np.swapaxes(regression, 1, 2)
        completed[:, u[:, None], u] = symmetrised(spread + mass[:, None, None] * within)
        return completed
