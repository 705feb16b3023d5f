"""CDFDisplay: the distribution function of a mixture and that of the samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from skgmm._em.result import EMPTY_WEIGHT
from skgmm._inference import MixtureInference, mixture_of
from skgmm._inference.cdf import mixture_cdf
from skgmm._inference.features import feature_number, names_of_features
from skgmm._inference.marginal import marginal_parameters
from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters
from skgmm._rows.checks import check_weights_of_rows
from skgmm.display import _style
from skgmm.display._text import fit_legend, label_axis
from skgmm.display._view import samples_in_memory

_POINTS, _AROUND = 400, np.linspace(-4.0, 4.0, 41)
_CONFIDENCE, _MOST_STEPS = 0.95, 5000


class CDFDisplay(_style.Display):
    """Plot of the distribution function of one feature: the model's and the empirical one.

    The steps are the empirical distribution function of the samples, the line is that of the
    mixture. The band contains the steps with a probability of 95 % if the samples come from this
    mixture (Dvoretzky, Kiefer & Wolfowitz 1956; for a mixture that was fitted to the same samples,
    with a higher one). Of several features it is that of one, the exact marginal distribution.
    Missing values are left out. With noise it is the distribution of the components alone, and each
    sample counts with its probability of being no noise.

    Create it with `from_estimator`.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        Values of the feature.
    weights : ndarray of shape (n_samples,)
        How often each of them counts.
    grid : ndarray of shape (n_points,)
        Increasing values at which the mixture's function is drawn.
    probabilities : ndarray of shape (n_points,)
        The mixture's distribution function there.
    model : ndarray of shape (n_samples,)
        And at the values of the samples.
    name : str
        Name of the feature.

    Attributes
    ----------
    distance_ : float
        Largest difference of the two functions (the statistic of Kolmogorov and Smirnov).
    ax_ : matplotlib Axes
        Where it was plotted last.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgmm import GaussianMixtureEM
    >>> from skgmm.display import CDFDisplay
    >>> X = load_iris(as_frame=True).data
    >>> mixture = GaussianMixtureEM(3, covariance_type="VEV", random_state=0).fit(X)
    >>> display = CDFDisplay.from_estimator(mixture, X, feature="petal length (cm)")
    >>> round(display.distance_, 3)
    0.056
    """

    def __init__(
        self,
        *,
        values: Array,
        weights: Array,
        grid: Array,
        probabilities: Array,
        model: Array,
        name: str,
    ) -> None:
        order = np.argsort(values, kind="stable")
        self.values, self.weights, self.model = values[order], weights[order], model[order]
        self.grid, self.probabilities, self.name = grid, probabilities, name
        self.distance_ = self._distance()

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: Any = None,
        *,
        feature: int | str | None = None,
        sample_weight: ArrayLike | None = None,
        ax: Any = None,
        **options: Any,
    ) -> CDFDisplay:
        """Plot the distribution function of a mixture and that of samples.

        Parameters
        ----------
        estimator : GaussianMixtureEM or search
            A mixture with parameters, or a fitted search whose best model is one.
        X : array-like of shape (n_samples, n_features)
            NaN is a missing value.
        y : Ignored
        feature : int or str, default=None
            Number or name of the feature. None: the only one.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sample counts.
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        **options
            Passed to `plot`.

        Returns
        -------
        display : CDFDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If X is not in memory.
        ValueError
            If `feature` is no feature of the mixture, or has no value that counts.
        """
        _style.check_data(cls, X)
        mixture = mixture_of(estimator)
        names = names_of_features(mixture)
        number = _number(feature, names)
        rows = samples_in_memory(mixture, X)
        weights = _counts(mixture, X, rows, check_weights_of_rows(sample_weight, rows))
        counted = ~np.isnan(rows[:, number]) & (weights > 0)
        values = rows[counted, number]
        if not len(values):
            raise ValueError(f"X has no value of the feature {names[number]!r} that counts")
        parameters = _marginal(mixture._parameters(), number)
        grid = _grid(parameters, values)
        return cls(
            values=values,
            weights=weights[counted],
            grid=grid,
            probabilities=mixture_cdf(grid[:, None], parameters),
            model=mixture_cdf(values[:, None], parameters),
            name=names[number],
        ).plot(ax, **options)

    def plot(self, ax: Any = None, *, legend: bool = True) -> CDFDisplay:
        """Plot again.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        legend : bool, default=True
            Whether to add a legend.

        Returns
        -------
        self : CDFDisplay
        """
        _style.pyplot(self)
        from matplotlib.lines import Line2D

        self._take(ax, (6.4, 4.2))
        half = self._half_width()
        band = self.ax_.fill_between(
            self.grid, np.maximum(self.probabilities - half, 0.0),
            np.minimum(self.probabilities + half, 1.0), color=_style.grey(0.15), lw=0,
            label=f"{100 * _CONFIDENCE:.0f} % band",
        )  # fmt: skip
        values, _, up_to = self._steps()
        shown = np.unique(np.linspace(0, len(values) - 1, _MOST_STEPS).astype(int))
        ends = [self.grid[0], *values[shown], self.grid[-1]]
        steps = self.ax_.plot(
            ends, [0.0, *up_to[shown], 1.0], drawstyle="steps-post", color=_style.colour(1), lw=1.4,
            label=f"samples (largest difference {self.distance_:.2g})",
        )  # fmt: skip
        look = {"color": _style.colour(0), "ls": "--", "lw": 1.6, "label": "mixture"}
        line = self.ax_.plot(self.grid, self.probabilities, **look)
        self.ax_.set_xlim(self.grid[0], self.grid[-1])
        self.ax_.set_ylim(0.0, 1.02)
        label_axis(self.ax_.xaxis, self.name)
        label_axis(self.ax_.yaxis, "cumulative probability", "probability")
        if legend:
            short = Line2D([], [], color=steps[0].get_color(), lw=1.4, label="samples")
            fit_legend(self.ax_, [*steps, *line, band], [short, *line, band], [short, *line])
        _style.open_frame(self.ax_)
        return self

    def _steps(self) -> tuple[Array, Array, Array]:
        """Distinct values, and the parts of the weight below and up to each of them."""
        values, first = np.unique(self.values, return_index=True)
        up_to = np.cumsum(np.add.reduceat(self.weights, first)) / self.weights.sum()
        up_to = np.minimum(up_to, 1.0)
        return values, np.append(0.0, up_to[:-1]), up_to

    def _distance(self) -> float:
        values, below, up_to = self._steps()
        model = self.model[np.searchsorted(self.values, values)]
        return float(max((up_to - model).max(), (model - below).max(), 0.0))

    def _half_width(self) -> float:
        """Half the width of the band, for the effective number of samples (Kish 1965)."""
        n_effective = self.weights.sum() ** 2 / np.square(self.weights).sum()
        return float(np.sqrt(np.log(2.0 / (1.0 - _CONFIDENCE)) / (2.0 * n_effective)))


def _number(feature: int | str | None, names: list[str]) -> int:
    number = feature_number(0 if feature is None and len(names) == 1 else feature, names)
    if number is None:
        raise ValueError(
            f"feature should be the number (0 to {len(names) - 1}) or the name of one feature"
            f"{'' if len(names) == 1 else ', because the mixture has several'}, but got {feature!r}"
        )
    return number


def _marginal(parameters: MixtureParameters, number: int) -> MixtureParameters:
    """The mixture of one feature; weights sum to 1, also beside noise."""
    weights = parameters.log_weights - np.logaddexp.reduce(parameters.log_weights)
    return marginal_parameters(replace(parameters, log_weights=weights), np.array([number]))


def _counts(mixture: MixtureInference, X: Any, rows: Array, weights: Array | None) -> Array:
    """How often each sample counts, without its probability of being noise."""
    counts = np.ones(len(rows)) if weights is None else weights
    if mixture._background() is None:
        return counts
    return counts * (1.0 - np.asarray(mixture.predict_proba(X), dtype=np.float64)[:, -1])


def _grid(parameters: MixtureParameters, values: Array) -> Array:
    """Points where the mixture's function changes, and evenly between the ends of both."""
    deviations = np.sqrt(parameters.covariance.variances()[:, 0])
    means = parameters.means[:, 0]
    around = means[:, None] + np.multiply.outer(np.broadcast_to(deviations, means.shape), _AROUND)
    around = around[parameters.weights >= EMPTY_WEIGHT].ravel()
    low, high = min(values.min(), around.min()), max(values.max(), around.max())
    return np.unique(np.concatenate([np.linspace(low, high, _POINTS), around]))
