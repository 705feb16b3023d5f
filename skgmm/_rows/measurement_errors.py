"""Samples that were measured with known errors: their E-step, in batches.

What is measured is y = x + e with e ~ N(0, E), E known for each sample. Of its observed features o,
component k expects (Bovy, Hogg & Roweis 2011)

    density      N(y_o; mu_o, T),  T = Sigma_oo + E_oo
    mean         mu + G (y_o - mu_o),  G = Sigma_.o T^-1
    covariance   Sigma - G Sigma_o. ,  which is G E in the columns of o

The second form of the covariance does not suffer cancellation where errors are small, and is
exactly 0 where there are none: with rounding errors there EM would diverge. Missing values are
features that are left out of o. Each observed value is a cloud of variance `floor`, as in `view`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from skgmm._kernels import LostRowError
from skgmm._linalg import Array, symmetrised
from skgmm._moments import Moments, Scatter
from skgmm._parameters import LOG_2_PI, MixtureParameters
from skgmm._rows.array_input import plain
from skgmm._rows.noise import Background

# Numbers of samples x features x features in a batch.
_NUMBERS = 2**17

# Negative eigenvalues, and asymmetry, up to this part of the largest entry are rounding.
_ROUNDING = 1e-8


class Deconvolved(NamedTuple):
    """What one component expects of the samples of a batch."""

    centred: Array  # (b, d) true values about the mean
    log_density: Array  # (b,) of what is observed, less what it pays for `floor`
    covariance: Array  # (b, d, d) of the true values given the sample
    gain: Array  # (b, d, d) of the true values on what is observed


@dataclass(frozen=True)
class ErrorGroup:
    """Samples with errors, each with its own."""

    numbers: Array  # (b,) which samples
    X: Array  # (b, d) float64, 0 in place of what is missing
    observed: Array  # (b, d) as 1 and 0
    errors: Array  # (b, d, d), 0 in place of what is missing
    weights: Array  # (b,)
    labels: Array | None = None  # (b,) the component where it is known, else -1
    background: Array | None = None  # (b,) log-density of noise, -inf where it is ruled out

    def expectation(self, mixture: MixtureParameters, form: Scatter, floor: Array) -> Moments:
        found = self.deconvolved(mixture, floor)
        log_density, log_responsibilities = self._log_joint(mixture, found)
        responsibilities = np.exp(log_responsibilities[: len(found)]) * self.weights
        mass = responsibilities.sum(axis=1)
        shift = np.stack([r @ one.centred for r, one in zip(responsibilities, found, strict=True)])
        shift = np.divide(shift, mass[:, None], out=np.zeros_like(shift), where=mass[:, None] > 0)
        scatter = np.stack(
            [
                _scatter(one, r, step, floor)
                for one, r, step in zip(found, responsibilities, shift, strict=True)
            ]
        )
        return Moments(
            form=form,
            mass=mass,
            mean=mixture.means + shift,
            scatter=form.from_dense(scatter),
            objective=float(self.weights @ log_density),
            total_weight=float(self.weights.sum()),
        )

    def log_joint(self, mixture: MixtureParameters) -> tuple[Array, Array]:
        found = self.deconvolved(mixture, np.zeros(self.X.shape[1]))
        log_density, log_responsibilities = self._log_joint(mixture, found)
        return log_density, log_responsibilities.T

    def true_values(self, mixture: MixtureParameters) -> Array:
        """Expected true values (b, d); noise is left out."""
        found = self.deconvolved(mixture, np.zeros(self.X.shape[1]))
        responsibilities = np.exp(self._log_joint(mixture, found)[1][: len(found)])
        responsibilities = responsibilities / responsibilities.sum(axis=0)
        values = np.stack([one.centred for one in found]) + mixture.means[:, None]
        return np.einsum("kb,kbd->bd", responsibilities, values)

    def deconvolved(self, mixture: MixtureParameters, floor: Array) -> list[Deconvolved]:
        shape = mixture.n_components, mixture.n_features, mixture.n_features
        covariances = np.broadcast_to(mixture.covariance.dense(), shape)
        return [
            self._by(mean, covariance, floor)
            for mean, covariance in zip(mixture.means, covariances, strict=True)
        ]

    def _by(self, mean: Array, covariance: Array, floor: Array) -> Deconvolved:
        seen = self.observed[:, :, None] * self.observed[:, None, :]
        missing = 1.0 - self.observed
        total = covariance * seen + self.errors + missing[:, :, None] * np.eye(len(mean))
        log_det = np.log(np.diagonal(np.linalg.cholesky(total), axis1=1, axis2=2)).sum(axis=1)
        precision = symmetrised(np.linalg.inv(total)) * seen
        apart = (self.X - mean) * self.observed
        whitened = (precision @ apart[:, :, None])[:, :, 0]
        n_observed = self.observed.sum(axis=1)
        log_density = -0.5 * (n_observed * LOG_2_PI + (apart * whitened).sum(axis=1)) - log_det
        log_density -= 0.5 * np.diagonal(precision, axis1=1, axis2=2) @ floor
        gain = covariance @ precision
        return Deconvolved(
            whitened @ covariance, log_density, self._conditional(covariance, gain), gain
        )

    def _conditional(self, covariance: Array, gain: Array) -> Array:
        """Covariances of the true values given the samples, (b, d, d)."""
        missing = self.observed == 0.0
        known = gain @ self.errors  # in the columns of observed features
        within = np.where(missing[:, None, :], np.swapaxes(known, 1, 2), known)
        both = missing[:, :, None] & missing[:, None, :]
        within = symmetrised(np.where(both, covariance - gain @ covariance, within))
        exact = ~missing & (np.diagonal(self.errors, axis1=1, axis2=2) == 0.0)
        return np.where(exact[:, :, None] | exact[:, None, :], 0.0, within)

    def _log_joint(
        self, mixture: MixtureParameters, found: list[Deconvolved]
    ) -> tuple[Array, Array]:
        """Log-densities (b,) and log-responsibilities (K, b), noise last (K + 1, b)."""
        log_joint = np.stack([one.log_density for one in found]) + mixture.log_weights[:, None]
        if self.labels is not None:
            other = np.arange(len(log_joint))[:, None] != self.labels
            log_joint = np.where(other & (self.labels >= 0), -np.inf, log_joint)
        if self.background is not None:
            log_joint = np.vstack([log_joint, mixture.log_noise_weight + self.background])
        peak = log_joint.max(axis=0)
        if not np.isfinite(peak).all():
            raise LostRowError(int(self.numbers[np.argmin(np.isfinite(peak))]))
        log_density = peak + np.log(np.exp(log_joint - peak).sum(axis=0))
        return log_density, log_joint - log_density


def _scatter(one: Deconvolved, responsibilities: Array, shift: Array, floor: Array) -> Array:
    """Second moments of the true values about their mean, (d, d)."""
    centred = one.centred - shift
    scatter = (responsibilities * centred.T) @ centred
    scatter = scatter + np.einsum("b,bij->ij", responsibilities, one.covariance)
    clouds = one.gain * np.sqrt(floor * responsibilities[:, None])[:, None, :]
    flat = clouds.transpose(1, 0, 2).reshape(len(floor), -1)
    return symmetrised(scatter + flat @ flat.T)


def error_groups(
    X: Array,
    weights: Array,
    errors: Array,
    numbers: Array,
    known: Array | None = None,
    background: Background | None = None,
) -> Iterator[ErrorGroup]:
    """Batches of the samples with these numbers; `errors` are (n, d) variances or (n, d, d)."""
    n_features = X.shape[1]
    size = max(1, _NUMBERS // n_features**2)
    for start in range(0, len(numbers), size):
        own = numbers[start : start + size]
        missing = np.isnan(X[own])
        labels = None if known is None else known[own]
        noise = None
        if background is not None:
            noise = background.log_density(missing)
            if labels is not None:
                noise = np.where(labels < 0, noise, -np.inf)
        yield ErrorGroup(
            own,
            np.where(missing, 0.0, X[own]).astype(np.float64),
            1.0 - missing,
            dense_errors(errors[own]),
            weights[own],
            labels,
            noise,
        )


def denoised(X: Array, errors: Array, filled: Array, mixture: MixtureParameters) -> Array:
    """Expected true values (n, d); `filled` are X with missing values filled in."""
    found = filled.copy()
    numbers = np.flatnonzero(errors.reshape(len(errors), -1).any(axis=1))
    for group in error_groups(X, np.ones(len(X)), errors, numbers):
        known = (group.observed == 1.0) & (np.diagonal(group.errors, axis1=1, axis2=2) == 0.0)
        found[group.numbers] = np.where(known, X[group.numbers], group.true_values(mixture))
    return found


def dense_errors(errors: Array) -> Array:
    """Covariances (n, d, d) from these or from variances (n, d)."""
    return errors[:, :, None] * np.eye(errors.shape[1]) if errors.ndim == 2 else errors


def check_errors(error_covariance: ArrayLike | None, X: Array) -> Array | None:
    """Error variances (n, d) or covariances (n, d, d), 0 where X is missing; None if all are 0."""
    if error_covariance is None:
        return None
    errors = np.asarray(plain(error_covariance, "error_covariance"), dtype=np.float64)
    n_samples, n_features = X.shape
    if errors.shape not in ((n_samples, n_features), (n_samples, n_features, n_features)):
        raise ValueError(
            "error_covariance should have the shape (n_samples, n_features) = "
            f"{(n_samples, n_features)}, variances, or (n_samples, n_features, n_features), but "
            f"got {errors.shape}. If it is the same for all samples: "
            "numpy.broadcast_to(error_covariance, (n_samples, n_features, n_features))"
        )
    missing = np.isnan(X)
    if missing.any():
        unused = missing if errors.ndim == 2 else missing[:, :, None] | missing[:, None, :]
        errors = np.where(unused, 0.0, errors)
    if not np.isfinite(errors).all():
        sample = int(np.argwhere(~np.isfinite(errors))[0, 0])
        raise ValueError(
            f"error_covariance is not finite for sample {sample}. If nothing is known of a value, "
            "set it to NaN in X: it is then missing."
        )
    _check_positive(errors)
    return errors if errors.any() else None


def _check_positive(errors: Array) -> None:
    if errors.ndim == 2:
        bad = (errors < 0).any(axis=1)
        if bad.any():
            raise ValueError(
                f"error_covariance has a negative variance for sample {int(bad.argmax())}"
            )
        return
    size = np.abs(errors).max(axis=(1, 2))
    uneven = np.abs(errors - np.swapaxes(errors, 1, 2)).max(axis=(1, 2)) > _ROUNDING * size
    if uneven.any():
        raise ValueError(f"error_covariance of sample {int(uneven.argmax())} is not symmetric")
    negative = np.linalg.eigvalsh(errors)[:, 0] < -_ROUNDING * size
    if negative.any():
        raise ValueError(
            f"error_covariance of sample {int(negative.argmax())} is not positive semi-definite"
        )
