"""ConjugatePrior: samples seen before, as a parameter of users and as Moments.

The log prior is, with a constant left out,

    sum_k { -c/2 [log|S_k| + tr(C S_k^-1)] - h/2 (m_k - m_0)' S_k^-1 (m_k - m_0) + a_k log w_k },

with c = `covariance_rows`, C = `covariance`, h = `mean_rows`, m_0 = `mean` and a = `weight_rows`:
the ECLL of c samples with the covariance C, h samples at m_0 and a_k samples in the weight of
component k. So a prior is Moments that are added before the M-step, for every structure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from skgmm._linalg import Array, correlations
from skgmm._moments import Counts, Moments, Scatter
from skgmm._parameters import MixtureParameters
from skgmm.covariance import Structure

PriorName = Literal["auto", "mclust"]

# An eigenvalue of the correlations that is no more than rounding.
_SINGULAR = 1e-12

# mclust's number of samples at the mean.
_MCLUST_MEAN_ROWS = 0.01


class OneGaussian(NamedTuple):
    """One Gaussian fitted to all samples by maximum likelihood."""

    mean: Array  # (d,)
    covariance: Array  # (d, d), divided by the number of samples
    n_samples: float  # or the sum of their weights

    @property
    def singular(self) -> bool:
        """Whether the covariance is singular, in units of the features."""
        if not (np.diagonal(self.covariance) > 0).all():
            return True
        least = np.linalg.eigvalsh(correlations(self.covariance))[0]
        return bool(least <= _SINGULAR * len(self.covariance))


class ConjugatePrior(BaseEstimator):
    r"""A conjugate prior: samples that each component has seen before.

    Given to :class:`GaussianMixtureEM` or :class:`GaussianMixtureSearch` as `prior`. EM then
    finds the maximum of the posterior density (MAP). The log prior is, without constants,

    .. math:: \sum_k \left\{ -\frac{c}{2} \left[\log|\Sigma_k| +
              \operatorname{tr}(C \Sigma_k^{-1})\right] - \frac{h}{2} (\mu_k - m)^\top
              \Sigma_k^{-1} (\mu_k - m) + a_k \log \pi_k \right\}

    for every covariance structure: the terms of `covariance_rows` = c samples with the covariance
    C, of `mean_rows` = h samples at m, and of `weight_rows` = a samples that count for the weight.

    Parameters
    ----------
    mean : array-like of shape (n_features,), default=None
        Where the `mean_rows` samples lie. None: the mean of the samples.
    mean_rows : float, default=0.0
        Number of samples that each mean is shrunk by; 0 or more.
    covariance : float or array-like of shape (n_features,) or (n_features, n_features)
        Of the `covariance_rows` samples: one variance, variances, or a matrix. None: the
        covariance of the samples (divided by their number), or its diagonal where it is singular.
    covariance_rows : float, default=None
        Number of samples behind each covariance; 0 or more. None: 2 / n for n samples.
    weight_rows : float or array-like of shape (n_components,), default=0.0
        Number of samples that count for the weight of each component; 0 or more.

    Notes
    -----
    The defaults are the penalty of Chen & Tan (2009). It vanishes as samples become many, does not
    depend on units, and leaves the fit of one component as it is; but no component can collapse,
    because even one on two equal samples keeps about 1/n of the variance of all samples.

    References
    ----------
    Chen & Tan (2009), Inference for multivariate normal mixtures.
    Fraley & Raftery (2007), Bayesian regularization for normal mixture estimation and model-based
    clustering.
    Gauvain & Lee (1994), Maximum a posteriori estimation for multivariate Gaussian mixture
    observations of Markov chains.

    Examples
    --------
    >>> from skgmm import ConjugatePrior, GaussianMixtureEM
    >>> X = [[0.0, 1.0], [0.0, 1.0], [5.0, 2.0], [6.0, 4.0], [7.0, 3.0]]
    >>> prior = ConjugatePrior(covariance=[1.0, 1.0], covariance_rows=2.0)
    >>> mixture = GaussianMixtureEM(2, covariance_type="diag", prior=prior, random_state=0).fit(X)
    >>> mixture.covariances_.min().round(2)  # the two equal samples: 2 of 4 have variance 1
    np.float64(0.5)
    """

    def __init__(
        self,
        *,
        mean: ArrayLike | None = None,
        mean_rows: float = 0.0,
        covariance: ArrayLike | None = None,
        covariance_rows: float | None = None,
        weight_rows: ArrayLike = 0.0,
    ) -> None:
        self.mean = mean
        self.mean_rows = mean_rows
        self.covariance = covariance
        self.covariance_rows = covariance_rows
        self.weight_rows = weight_rows


def prior_of(
    value: Any, data: OneGaussian, structure: Structure, n_components: int
) -> ConjugatePrior:
    """The prior that a constructor parameter asks for, all its values found and checked.

    Parameters
    ----------
    value : "auto", "mclust" or ConjugatePrior

    Raises
    ------
    ValueError
        If a value of the prior is invalid.
    """
    if isinstance(value, str):
        value = _mclust(data, structure, n_components) if value == "mclust" else ConjugatePrior()
    d = len(data.mean)
    covariance_rows = value.covariance_rows
    return ConjugatePrior(
        mean=data.mean if value.mean is None else _checked_mean(value.mean, d),
        mean_rows=_checked_number(value.mean_rows, "mean_rows"),
        covariance=_covariance(value.covariance, data),
        covariance_rows=2.0 / data.n_samples
        if covariance_rows is None
        else _checked_number(covariance_rows, "covariance_rows"),
        weight_rows=_checked_weights(value.weight_rows, n_components),
    )


def _mclust(data: OneGaussian, structure: Structure, n_components: int) -> ConjugatePrior:
    """The default prior of mclust (Fraley & Raftery 2007), in units of each feature.

    An inverse Wishart with d + 2 degrees of freedom for each component, or one for all where they
    have the same covariance; the 1 that is added is that of the prior of the mean.
    """
    d, n = len(data.mean), data.n_samples
    scale = data.covariance * n / (n - 1.0 if n > 1.0 else 1.0) / n_components ** (2.0 / d)
    freedom = d + 2.0
    volume, shape, orientation = list(structure.code if len(structure.code) == 3 else "VVV")
    if structure.scatter is Scatter.DIAGONAL:
        orientation = "I"
    if orientation != "I":
        rows, scatter = freedom + d + 1.0, scale
    elif shape != "I":
        rows, scatter = freedom + 2.0, np.diag(np.diagonal(scale))
    else:
        rows, scatter = (freedom + 2.0) / d, np.eye(d) * np.trace(scale) / d**2
    if "V" not in (volume, shape, orientation):
        rows, scatter = rows / n_components, scatter / n_components
    rows += 1.0
    return ConjugatePrior(
        mean=data.mean,
        mean_rows=_MCLUST_MEAN_ROWS,
        covariance=scatter / rows,
        covariance_rows=rows,
    )


def _covariance(value: Any, data: OneGaussian) -> Array:
    """A covariance as a matrix, (d, d)."""
    d = len(data.mean)
    if value is None:
        return np.diag(np.diagonal(data.covariance)) if data.singular else data.covariance
    array = _numbers(value, "covariance")
    if array.shape not in ((), (d,), (d, d)):
        raise ValueError(
            f"prior: covariance should be a number or have the shape ({d},) or ({d}, {d}), but has "
            f"{array.shape}"
        )
    matrix = array if array.ndim == 2 else np.diag(np.broadcast_to(array, (d,)))
    _check_semi_definite(matrix)
    return np.array(matrix)


def _check_semi_definite(matrix: Array) -> None:
    allowed = bool(np.isfinite(matrix).all() and (np.diagonal(matrix) >= 0).all())
    if allowed:
        scaled = correlations(matrix)
        symmetric = np.allclose(scaled, scaled.T, rtol=0.0, atol=1e-10)
        allowed = symmetric and bool(np.linalg.eigvalsh(scaled)[0] >= -1e-10 * len(matrix))
    if not allowed:
        raise ValueError(
            "prior: covariance should be finite, symmetric and positive semi-definite, but is not"
        )


def _numbers(value: Any, name: str) -> Array:
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"prior: {name} should be numbers, but is {value!r}") from None


def _checked_mean(value: Any, n_features: int) -> Array:
    mean = np.array(_numbers(value, "mean"))
    if mean.shape != (n_features,) or not np.isfinite(mean).all():
        raise ValueError(
            f"prior: mean should be {n_features} finite numbers, one for each feature, but is "
            f"{value!r}"
        )
    return mean


def _checked_number(value: Any, name: str) -> float:
    if not isinstance(value, Real) or not 0.0 <= float(value) < np.inf:
        raise ValueError(f"prior: {name} should be a finite number, 0 or more, but is {value!r}")
    return float(value)


def _checked_weights(value: Any, n_components: int) -> Array:
    rows = _numbers(value, "weight_rows")
    if rows.shape not in ((), (n_components,)):
        raise ValueError(
            f"prior: weight_rows should be a number or have the shape ({n_components},), one for "
            f"each component, but has {rows.shape}"
        )
    if not (np.isfinite(rows) & (rows >= 0.0)).all():
        raise ValueError(f"prior: weight_rows should be finite, 0 or more, but is {value!r}")
    return np.array(np.broadcast_to(rows, (n_components,)))


@dataclass(frozen=True)
class Prior:
    """A prior in use: what is added to Moments, and to their objective."""

    mean: Array  # (d,)
    mean_rows: float
    covariance: Array  # (d, d)
    covariance_rows: float
    weight_rows: Array  # (K,)

    @classmethod
    def of(cls, prior: ConjugatePrior) -> Prior:
        """Of one whose values are all known."""
        return cls(**prior.get_params(deep=False))

    def of_components(self, n_components: int) -> Prior:
        """The same for so many components, alike."""
        return replace(self, weight_rows=np.full(n_components, self.weight_rows.mean()))

    def reordered(self, order: Array) -> Prior:
        """With the components in another order (K,)."""
        return replace(self, weight_rows=self.weight_rows[order])

    @property
    def determines_covariances(self) -> bool:
        """Whether covariances are positive definite without any sample."""
        one = OneGaussian(self.mean, self.covariance, 1.0)
        return self.covariance_rows > 0.0 and not one.singular

    @property
    def counts(self) -> Counts:
        """How many samples of each kind each component has seen."""
        none = np.zeros(len(self.weight_rows))
        return Counts(self.weight_rows, none + self.mean_rows, none + self.covariance_rows)

    def moments(self, form: Scatter, floor: Array | float) -> Moments:
        """The samples seen before, each a small cloud of variance `floor` (d,) as all others."""
        K, d = len(self.weight_rows), len(self.mean)
        if form is Scatter.DIAGONAL:
            scatter = np.tile(np.diagonal(self.covariance) + floor, (K, 1))
        else:
            one = self.covariance + floor * np.eye(d)
            scatter = np.tile(one, (K, 1, 1)) if form is Scatter.FULL else K * one
        return Moments(
            form=form,
            mass=np.zeros(K),
            mean=np.tile(self.mean, (K, 1)).reshape(K, d),
            scatter=self.covariance_rows * scatter,
            objective=0.0,
            total_weight=0.0,
            counts=self.counts,
        )

    def log_density(
        self, parameters: MixtureParameters, form: Scatter, floor: Array | float = 0.0
    ) -> float:
        """The log prior in nats, without constants."""
        K, covariance = parameters.n_components, parameters.covariance
        moments = self.moments(form, floor)
        apart = (parameters.means - self.mean)[:, None, :]
        scatter = moments.scatter + form.outer(np.full((K, 1), self.mean_rows), apart)
        log_dets = np.broadcast_to(covariance.log_det, (K,)).sum()
        counted = self.weight_rows > 0
        return float(
            -0.5 * (self.covariance_rows * log_dets + covariance.precision_traces(scatter).sum())
            + self.weight_rows[counted] @ parameters.log_weights[counted]
        )
