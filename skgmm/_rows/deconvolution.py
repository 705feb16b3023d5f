"""Samples that were measured with errors of their own: their E-step (extreme deconvolution).

What is measured is y = x + e with e ~ N(0, E), E known for each sample. Of its observed features o,
component k expects (Bovy, Hogg & Roweis 2011)

    density      N(y_o; mu_o, T),  T = Sigma_oo + E_oo
    mean         mu + G (y_o - mu_o),  G = Sigma_.o T^-1
    covariance   Sigma - G Sigma_o.

The kernel computes this in coordinates in which Sigma is the identity (block/deconvolve.hpp), so
that a component that is narrow along some direction keeps its digits there. Each observed value is
a cloud of variance `floor`, as in `view`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from skgmm._kernels import LostRowError
from skgmm._kernels._native import deconvolve
from skgmm._linalg import Array, symmetrised, triangular_inverse
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters
from skgmm._rows.far import Known, far_samples, separate
from skgmm._rows.noise import Background

# About the mean of the last iteration, a second moment loses this part of its digits at most; each
# further pass gains 16 digits on the distance of that mean. As in `e_step`.
_LOST, _PASSES = 1e-4, 8


class Whitened(NamedTuple):
    """A mixture as the kernel needs it: with factor U, a covariance is (U U')^-1."""

    means: Array  # (K, d)
    factors: Array  # (K, d, d) upper triangular
    log_peak: Array  # (K,) log weight - log det / 2
    log_variances: Array  # (K, d)
    roots: Array  # (K, d, d) inverses of the transposed factors

    @classmethod
    def of(cls, mixture: MixtureParameters) -> Whitened:
        factors = mixture.covariance.as_matrices().kernel_factors
        roots = triangular_inverse(np.ascontiguousarray(np.swapaxes(factors, 1, 2)))
        shape = mixture.n_components, mixture.n_features, mixture.n_features
        factors, roots = (np.broadcast_to(array, shape) for array in (factors, roots))
        return cls(
            np.ascontiguousarray(mixture.means),
            np.ascontiguousarray(factors),
            mixture.log_weights - 0.5 * mixture.covariance.log_det,
            np.log(np.square(roots).sum(axis=2)),
            np.ascontiguousarray(roots),
        )


class WhitenedSums(NamedTuple):
    """Sums over samples of their true values, whitened, about some centres."""

    mass: Array  # (K,)
    first: Array  # (K, d)
    second: Array  # (K, d, d)

    @property
    def shift(self) -> Array:
        """From the centres to the means, (K, d)."""
        mass = self.mass[:, None]
        return np.divide(self.first, mass, out=np.zeros_like(self.first), where=mass > 0)

    @property
    def scatter(self) -> Array:
        """About the means, (K, d, d)."""
        shift = self.shift
        return self.second - (self.mass[:, None] * shift)[:, :, None] * shift[:, None, :]

    @property
    def kept(self) -> bool:
        """Whether the scatter has kept its digits."""
        about_mean, about_centre = (
            np.diagonal(array, axis1=1, axis2=2) for array in (self.scatter, self.second)
        )
        return bool((about_mean >= _LOST * about_centre).all())


@dataclass(frozen=True)
class ErrorGroup:
    """Samples with errors, each with its own."""

    numbers: Array  # (b,) which samples
    X: Array  # (b, d) float64, 0 in place of what is missing
    observed: Array | None  # (b, d) as 1 and 0; None: nothing is missing
    errors: Array  # (b, d) variances or (b, d, d), 0 in place of what is missing
    weights: Array  # (b,)
    labels: Array | None = None  # (b,) the component where it is known, else -1
    background: Array | None = None  # (b,) log-density of noise, -inf where it is ruled out
    n_threads: int = 1

    @classmethod
    def of(
        cls,
        X: Array,
        weights: Array,
        errors: Array,
        numbers: Array,
        known: Array | None = None,
        background: Background | None = None,
        n_threads: int = 1,
    ) -> ErrorGroup:
        """The samples with these numbers; `errors` are (n, d) variances or (n, d, d)."""
        missing, noise = np.isnan(X[numbers]), None
        labels = None if known is None else known[numbers]
        if background is not None:
            noise = background.log_density(missing, labels)
        return cls(
            numbers,
            np.where(missing, 0.0, X[numbers]).astype(np.float64),
            1.0 - missing if missing.any() else None,
            np.ascontiguousarray(errors[numbers]),
            weights[numbers],
            labels,
            noise,
            n_threads,
        )

    def expectation(self, mixture: MixtureParameters, form: Scatter, floor: Array) -> Moments:
        whitened = Whitened.of(mixture)
        log_density, given = np.empty(len(self.X)), None
        centres = np.zeros_like(mixture.means)
        sums = self._sums(mixture, whitened, floor, centres, None, log_density)
        if far_samples(log_density, mixture, self.weights).any():
            log_density, logs = self._values(mixture, whitened, floor)
            given = np.ascontiguousarray(logs[:, : mixture.n_components])
            sums = self._sums(mixture, whitened, floor, centres, given)
        self._refuse_lost(log_density)
        for _ in range(_PASSES):
            centres = centres + sums.shift
            if sums.kept:
                break
            sums = self._sums(mixture, whitened, floor, centres, given)
        roots = whitened.roots
        scatter = roots @ sums.scatter @ np.swapaxes(roots, 1, 2)
        counted = self.weights > 0
        return Moments(
            form=form,
            mass=sums.mass,
            mean=mixture.means + (roots @ centres[:, :, None])[:, :, 0],
            scatter=form.from_dense(symmetrised(scatter)),
            objective=float(self.weights[counted] @ log_density[counted]),
            total_weight=float(self.weights.sum()),
        )

    def _sums(
        self,
        mixture: MixtureParameters,
        whitened: Whitened,
        floor: Array,
        centres: Array,
        given: Array | None,
        log_density: Array | None = None,
    ) -> WhitenedSums:
        n_components, d = mixture.means.shape
        sums = np.empty(n_components * (1 + d + d * d))
        out = {"sums": sums, "log_density": log_density}
        self._run(mixture, whitened, floor, centres, given, **out)
        mass, first, second = np.split(sums, [n_components, n_components * (1 + d)])
        return WhitenedSums(
            mass, first.reshape(n_components, d), second.reshape(n_components, d, d)
        )

    def log_parts(self, mixture: MixtureParameters) -> tuple[Array, Array]:
        floor = np.zeros(self.X.shape[1])
        log_density, logs = self._values(mixture, Whitened.of(mixture), floor)
        self._refuse_lost(log_density)
        return log_density, logs

    def true_values(self, mixture: MixtureParameters) -> Array:
        """Expected true values (b, d); the samples know of no noise."""
        whitened, floor = Whitened.of(mixture), np.zeros(self.X.shape[1])
        log_density, given = self._values(mixture, whitened, floor)
        self._refuse_lost(log_density)
        values = np.empty(self.X.shape)
        centres = np.zeros_like(mixture.means)
        self._run(mixture, whitened, floor, centres, given, true_values=values)
        return values

    def _values(
        self, mixture: MixtureParameters, whitened: Whitened, floor: Array
    ) -> tuple[Array, Array]:
        """Log-densities (b,) and log-responsibilities (b, K), noise last (b, K + 1)."""
        n_components = mixture.n_components
        log_density = np.empty(len(self.X))
        logs = np.empty((len(self.X), n_components + (self.background is not None)))
        out = {"log_density": log_density, "log_responsibilities": logs}
        self._run(mixture, whitened, floor, np.zeros_like(mixture.means), None, **out)
        missing = None if self.observed is None else self.observed == 0.0
        known = Known(self.X, missing, self.errors, self.labels)
        separate(log_density, logs, known, self.weights, mixture, floor)
        return log_density, logs

    def _run(
        self,
        mixture: MixtureParameters,
        whitened: Whitened,
        floor: Array,
        centres: Array,
        given: Array | None,
        **out: Any,
    ) -> None:
        log_noise = None
        if self.background is not None:
            log_noise = mixture.log_noise_weight + self.background
        names = ("sums", "log_density", "log_responsibilities", "true_values")
        deconvolve(
            self.X,
            self.observed,
            self.errors,
            self.weights,
            self.labels,
            log_noise,
            given,
            whitened.means,
            whitened.factors,
            mixture.covariance.diagonal,
            whitened.log_peak,
            whitened.log_variances,
            np.ascontiguousarray(floor),
            centres,
            whitened.roots,
            *(out.get(name) for name in names),
            self.n_threads,
        )

    def _refuse_lost(self, log_density: Array) -> None:
        lost = ~np.isfinite(log_density) & (self.weights > 0)
        if lost.any():
            raise LostRowError(int(self.numbers[lost.argmax()]))


def denoised(X: Array, errors: Array, filled: Array, mixture: MixtureParameters) -> Array:
    """Expected true values (n, d); `filled` are X with missing values filled in."""
    found = filled.copy()
    numbers = np.flatnonzero(errors.reshape(len(errors), -1).any(axis=1))
    variances = errors if errors.ndim == 2 else np.diagonal(errors, axis1=1, axis2=2)
    group = ErrorGroup.of(X, np.ones(len(X)), errors, numbers)
    exact = ~np.isnan(X[numbers]) & (variances[numbers] == 0.0)
    found[numbers] = np.where(exact, X[numbers], group.true_values(mixture))
    return found
