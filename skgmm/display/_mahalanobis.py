"""MahalanobisDisplay: Q-Q plot of the distances of samples from their components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv, gammaincc, gammainccinv, gammaincinv
from sklearn.base import BaseEstimator

from skgmm._inference import mixture_of
from skgmm._inference.distances import squared_distances
from skgmm._linalg import Array
from skgmm._rows.checks import check_weights_of_rows
from skgmm.display import _style
from skgmm.display._options import checked_keywords
from skgmm.display._text import fit_legend, label_axis
from skgmm.display._view import samples_in_memory

# Points of the plot; of more samples the smallest and largest distances are all shown.
_MOST_POINTS, _SMALLEST, _LARGEST = 800, 50, 150
_CONFIDENCE = 0.95
# Responsibilities that are left out.
_NEGLIGIBLE = 1e-9


class MahalanobisDisplay(_style.Display):
    """Q-Q plot of Mahalanobis distances: are the components Gaussian, and are there outliers?

    Given its component, the Mahalanobis distance of a sample has a chi distribution, with as many
    degrees of freedom as there are features. The plot compares quantiles of the distances with
    those of this distribution: points on the diagonal agree with the model, points above it at the
    right are farther away than Gaussian components allow (heavy tails, outliers). Each sample
    counts in each component with its responsibility, so that this also holds where components
    overlap. A marker shows the component that the distance is measured from. About 95 % of the
    points lie in the band if the samples come from this mixture (order statistics, pointwise).

    A distance of a sample with missing values, in the features observed, is replaced by the one
    with the same tail probability in all features. With noise each sample counts with its
    probability of being no noise.

    Create it with `from_estimator`.

    Parameters
    ----------
    distances : ndarray of shape (n_points,)
        Quantiles of the distances, increasing.
    probabilities : ndarray of shape (n_points,)
        Their probabilities, between 0 and 1.
    components : ndarray of int, shape (n_points,)
        The components from which they are measured.
    n_samples : float
        Number of samples (effective number if they are weighted).
    n_features : int
    n_components : int

    Attributes
    ----------
    quantiles_ : ndarray of shape (n_points,)
        Quantiles of the chi distribution.
    ax_ : matplotlib Axes
        Where it was plotted last.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgmm import GaussianMixtureEM
    >>> from skgmm.display import MahalanobisDisplay
    >>> X = load_iris().data
    >>> mixture = GaussianMixtureEM(3, covariance_type="VEV", random_state=0).fit(X)
    >>> display = MahalanobisDisplay.from_estimator(mixture, X)
    >>> display.ax_.get_ylabel()
    'Mahalanobis distance'
    """

    def __init__(
        self,
        *,
        distances: Array,
        probabilities: Array,
        components: Array,
        n_samples: float,
        n_features: int,
        n_components: int,
    ) -> None:
        self.distances, self.probabilities, self.components = distances, probabilities, components
        self.n_samples, self.n_features = n_samples, n_features
        self.n_components = n_components
        self.quantiles_ = self._chi(probabilities)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: Any = None,
        *,
        sample_weight: ArrayLike | None = None,
        ax: Any = None,
        **options: Any,
    ) -> MahalanobisDisplay:
        """Plot quantiles of the distances of samples.

        Parameters
        ----------
        estimator : GaussianMixtureEM or search
            A mixture with parameters, or a fitted search whose best model is one.
        X : array-like of shape (n_samples, n_features)
            NaN is a missing value.
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sample counts.
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        **options
            Passed to `plot`.

        Returns
        -------
        display : MahalanobisDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If X is not in memory.
        ValueError
            If no sample that counts has an observed value.
        """
        _style.check_data(cls, X)
        mixture = mixture_of(estimator)
        rows, parameters = samples_in_memory(mixture, X), mixture._parameters()
        counts = check_weights_of_rows(sample_weight, rows)
        n_observed = np.count_nonzero(~np.isnan(rows), axis=1)
        counts = np.where(n_observed > 0, 1.0 if counts is None else counts, 0.0)
        n_components, n_features = parameters.means.shape
        proba = np.asarray(mixture.predict_proba(X), dtype=np.float64)[:, :n_components]
        masses = counts[:, None] * np.where(proba > _NEGLIGIBLE, proba, 0.0)
        if not masses.any():
            raise ValueError(
                "X has no sample with an observed value that counts in a component: all values "
                "are missing, all weights are 0, or all samples are noise"
            )
        distances = _in_all_features(squared_distances(rows, parameters), n_observed, n_features)
        n_samples = masses.sum() ** 2 / np.square(masses.sum(axis=1)).sum()
        probabilities = _probabilities(n_samples)
        which = _weighted_quantiles(distances.ravel(), masses.ravel(), probabilities)
        return cls(
            distances=distances.ravel()[which],
            probabilities=probabilities,
            components=which % n_components,
            n_samples=float(n_samples),
            n_features=n_features,
            n_components=n_components,
        ).plot(ax, **options)

    def plot(
        self,
        ax: Any = None,
        *,
        legend: bool = True,
        palette: str | Sequence[Any] | None = None,
        scatter_kwargs: Mapping[str, Any] | None = None,
    ) -> MahalanobisDisplay:
        """Plot again.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        legend : bool, default=True
            Whether to add a legend.
        palette : str or list of colours, default=None
            As `MixtureDisplay.plot`.
        scatter_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.scatter`.

        Returns
        -------
        self : MahalanobisDisplay
        """
        _style.pyplot(self)
        colours = _style.colours_of(palette)
        given = checked_keywords("scatter_kwargs", scatter_kwargs)
        self._take(ax, (5.4, 4.8))
        band = self._band()
        top = float(max(self.quantiles_[-1], self.distances[-1])) * 1.05
        line = self.ax_.plot(
            [0.0, top], [0.0, top], color=_style.ink(), lw=1.0, zorder=1, label="model"
        )
        points = []
        for k in np.unique(self.components).tolist():
            own, colour = self.components == k, colours[k % len(colours)]
            look = {"marker": _style.marker(k), "color": colour, "label": f"component {k}"}
            points.append(
                self.ax_.scatter(
                    self.quantiles_[own], self.distances[own], **{"s": 14.0, **look, **given}
                )
            )
        self.ax_.set_xlim(0.0, 1.05 * self.quantiles_[-1])
        self.ax_.set_ylim(0.0, top)
        name = "quantile of the chi distribution"
        degrees = f"{self.n_features} degree{'' if self.n_features == 1 else 's'} of freedom"
        label_axis(self.ax_.xaxis, f"{name}, {degrees}", name, "chi quantile")
        label_axis(self.ax_.yaxis, "Mahalanobis distance", "distance")
        if legend:
            named = points if self.n_components <= _style.MOST_NAMED else []
            fit_legend(self.ax_, [*named, *line, band], named, loc="upper left")
        _style.open_frame(self.ax_)
        return self

    def _chi(self, probabilities: Array) -> Array:
        return np.sqrt(2.0 * gammaincinv(0.5 * self.n_features, probabilities))

    def _band(self) -> Any:
        """Quantiles of the order statistics."""
        below = self.n_samples * self.probabilities + 0.5
        above = self.n_samples * (1.0 - self.probabilities) + 0.5
        tail = 0.5 * (1.0 - _CONFIDENCE)
        low, high = (self._chi(betaincinv(below, above, p)) for p in (tail, 1.0 - tail))
        return self.ax_.fill_between(
            self.quantiles_, low, high, color=_style.grey(0.15), lw=0, zorder=0,
            label=f"{100 * _CONFIDENCE:.0f} % band (pointwise)",
        )  # fmt: skip


def _in_all_features(squared: Array, n_observed: Array, n_features: int) -> Array:
    """Distances (n, K); those of incomplete samples are made comparable."""
    distances = np.sqrt(squared)
    some = np.flatnonzero((n_observed > 0) & (n_observed < n_features))
    tails = gammaincc(0.5 * n_observed[some, None], 0.5 * squared[some])
    same = np.sqrt(2.0 * gammainccinv(0.5 * n_features, tails))
    # Beyond the smallest numbers the two hardly differ.
    distances[some] = np.where(np.isfinite(same), same, distances[some])
    return distances


def _probabilities(n_samples: float) -> Array:
    """Probabilities of the order statistics that are shown."""
    n = max(1, round(n_samples))
    ranks = np.arange(1, n + 1)
    if n > _MOST_POINTS:
        evenly = np.linspace(1, n, _MOST_POINTS - _SMALLEST - _LARGEST).astype(int)
        ranks = np.unique(np.concatenate([ranks[:_SMALLEST], evenly, ranks[-_LARGEST:]]))
    return (ranks - 0.5) / n


def _weighted_quantiles(values: Array, masses: Array, probabilities: Array) -> Array:
    """Indices of the values that are quantiles, where each counts with its mass."""
    counted = np.flatnonzero(masses > 0)
    order = counted[np.argsort(values[counted], kind="stable")]
    up_to = np.cumsum(masses[order])
    place = np.searchsorted(up_to, probabilities * up_to[-1])
    return order[np.minimum(place, len(order) - 1)]
