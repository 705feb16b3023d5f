"""The exact marginal mixture along some directions, and what is plotted of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skgmm._em.result import EMPTY_WEIGHT
from skgmm._inference import MixtureInference
from skgmm._inference.features import feature_number, names_of_features
from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters
from skgmm._rows.e_step import log_densities
from skgmm._rows.imputation import imputed
from skgmm._rows.intake import complete_or_not, is_out_of_core
from skgmm._threads import cached_property
from skgmm.covariance import Ellipsoidal

MOST_FEATURES = 10
"""Maximum number of features in a scatter-plot matrix."""

# Samples drawn from a mixture to estimate its highest-density regions, to 1 % of the mass.
_DRAWS = 20_000


@dataclass(frozen=True)
class View:
    """A mixture in the m coordinates of a plot."""

    weights: Array  # (K,)
    means: Array  # (K, m)
    covariances: Array  # (K, m, m)
    names: tuple[str, ...]  # (m,)

    @property
    def n_components(self) -> int:
        return len(self.weights)

    @cached_property
    def filled(self) -> list[int]:
        """Components that have samples; parameters of empty components are not estimates."""
        return np.flatnonzero(self.weights >= EMPTY_WEIGHT).tolist()

    @cached_property
    def _parameters(self) -> MixtureParameters:
        covariance = Ellipsoidal.from_dense(self.covariances)
        return MixtureParameters.from_weights(self.weights, self.means, covariance)

    def of(self, coordinates: Sequence[int]) -> View:
        """Some of the coordinates."""
        chosen = list(coordinates)
        return View(
            self.weights,
            self.means[:, chosen],
            self.covariances[:, chosen][:, :, chosen],
            tuple(self.names[i] for i in chosen),
        )

    def density(self, points: Array) -> Array:
        """Density of the mixture at points (n, m), shape (n,)."""
        return np.exp(log_densities(np.ascontiguousarray(points), self._parameters))

    def component_density(self, component: int, points: Array) -> Array:
        """Weight x density of one component at points (n, m), shape (n,)."""
        one = View(
            np.ones(1),
            self.means[component, None],
            self.covariances[component, None],
            self.names,
        )
        return self.weights[component] * one.density(points)

    def region_levels(self, masses: Sequence[float]) -> Array:
        """Densities whose contours contain these fractions of the mass, the largest first.

        Highest-density regions (Hyndman 1996): quantiles of the density of drawn samples.
        """
        rows, _ = self._parameters.draw(_DRAWS, np.random.RandomState(0))
        return np.quantile(self.density(rows), 1.0 - np.sort(masses)[::-1])

    def ellipse(self, component: int, mass: float) -> Array:
        """Ellipse that contains a fraction of a component in two coordinates, (2, 200)."""
        angle = np.linspace(0.0, 2.0 * np.pi, 200)
        # The squared distance from the mean is chi-square with 2 degrees of freedom.
        radius = np.sqrt(-2.0 * np.log1p(-mass))
        circle = radius * np.stack([np.cos(angle), np.sin(angle)])
        lower = np.linalg.cholesky(self.covariances[component])
        return self.means[component][:, None] + lower @ circle

    def spans(self, rows: Array) -> Array:
        """Lower and upper end of the samples and components in each coordinate, (m, 2)."""
        # In each coordinate a 95 % ellipse extends to 2.45 standard deviations.
        reach = 2.45 * np.sqrt(np.diagonal(self.covariances, axis1=1, axis2=2))[self.filled]
        means = self.means[self.filled]
        seen = ~np.isnan(rows)
        low = np.minimum((means - reach).min(axis=0), rows.min(axis=0, where=seen, initial=np.inf))
        high = np.maximum(
            (means + reach).max(axis=0), rows.max(axis=0, where=seen, initial=-np.inf)
        )
        margin = 0.04 * (high - low)
        return np.column_stack([low - margin, high + margin])


def view_of(
    mixture: MixtureInference, X: ArrayLike | None, features: str | Sequence[int | str] | None
) -> tuple[View, Array]:
    """The mixture and the samples X, (n, m), along the directions of `features`.

    Of features, NaN where a value is missing; in the principal plane incomplete samples are at
    their conditional means. Without X, no samples.
    """
    parameters = mixture._parameters()
    n_components, n_features = parameters.means.shape
    names = names_of_features(mixture)
    rows = np.empty((0, n_features)) if X is None else samples_in_memory(mixture, X)
    whole_samples = not np.isnan(rows).any()
    dense = np.broadcast_to(parameters.covariance.dense(), (n_components, n_features, n_features))
    whole = View(parameters.weights, parameters.means, dense, tuple(names))
    if isinstance(features, str) and features != "principal":
        raise ValueError(_allowed(features, names))
    if features == "principal" or (features is None and n_features > 2):
        if not whole_samples:
            rows = imputed(rows, parameters)
        return _principal_plane(whole, parameters.proportions, rows)
    chosen = _numbers(range(n_features) if features is None else features, names)
    return whole.of(chosen), rows[:, chosen]


def samples_in_memory(mixture: MixtureInference, X: Any) -> Array:
    """Samples (n, d) as float64, NaN where a value is missing.

    Raises
    ------
    TypeError
        If they are RowBlocks or a Dask collection.
    """
    check_is_fitted(mixture)
    if is_out_of_core(X):
        raise TypeError(
            f"X should be samples in memory, but got a {type(X).__name__}: pass some of the "
            "samples as an array, or X=None to MixtureDisplay, which plots the mixture alone"
        )
    return complete_or_not(mixture, X).astype(np.float64, copy=False)


def _principal_plane(whole: View, proportions: Array, rows: Array) -> tuple[View, Array]:
    """Along the two principal axes of the mixture, of features divided by standard deviations.

    Without this scaling the feature with the largest numbers would determine the plane.
    """
    centre = proportions @ whole.means
    apart = whole.means - centre
    total = np.einsum("k,kij->ij", proportions, whole.covariances)
    total = total + np.einsum("k,ki,kj->ij", proportions, apart, apart)
    deviations = np.sqrt(np.diagonal(total))
    variances, axes = np.linalg.eigh(total / np.outer(deviations, deviations))
    variances, axes = variances[:-3:-1], axes[:, :-3:-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    axes = axes / deviations[:, None]
    names = tuple(
        f"principal axis {i + 1} ({100 * share:.0f} % of the variance)"
        for i, share in enumerate(variances / len(total))
    )
    covariances = np.swapaxes(axes, 0, 1) @ whole.covariances @ axes
    return View(whole.weights, apart @ axes, covariances, names), (rows - centre) @ axes


def _numbers(features: Sequence[int | str], names: list[str]) -> list[int]:
    """Column numbers of features given by number or name."""
    chosen = []
    for feature in features:
        number = feature_number(feature, names)
        if number is None:
            raise ValueError(_allowed(feature, names))
        chosen.append(number)
    if not 1 <= len(chosen) <= MOST_FEATURES or len(set(chosen)) < len(chosen):
        raise ValueError(
            f"features should name 1 to {MOST_FEATURES} different features, but got "
            f"{len(chosen)}: {list(features)!r}"
        )
    return chosen


def _allowed(feature: object, names: list[str]) -> str:
    return (
        "features should be 'principal' or a list of features by number (0 to "
        f"{len(names) - 1}) or name, but got {feature!r}"
    )
