"""ConditionalDisplay: the distribution of one feature, or of a target, given another feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skgmm._applications.supervised.regressor import GaussianMixtureRegressor
from skgmm._applications.supervised.samples import check_samples
from skgmm._applications.supervised.targets import check_targets
from skgmm._inference import MixtureInference, mixture_of
from skgmm._inference.conditional import Conditioning
from skgmm._inference.features import feature_numbers, names_of_features
from skgmm._inference.marginal import marginal_parameters
from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters
from skgmm._rows.e_step import log_densities
from skgmm._rows.intake import array_with_missing
from skgmm.display import _style
from skgmm.display._options import LEVELS
from skgmm.display._text import fit_legend, label_axis
from skgmm.display._view import View

# Of ink on paper, the outermost band first.
_SHADES = (0.1, 0.2, 0.3, 0.4)

# Places on the axes: of the feature that is given, and of the target.
_GIVEN, _TARGETS = 200, 400
# Quantiles of each component, at which its density stands for that of all its mass.
_QUANTILES = 200


class ConditionalDisplay(_style.Display):
    """Plot of a conditional distribution: that of a target for each value of a given feature.

    Above each value of the given feature, grey bands are the highest-density regions of the
    distribution of the target there, with 25, 50, 75 and 95 % of it. They show several modes, which
    the mean, a line, does not. All other features are integrated out.

    Create it with `from_estimator`.

    Parameters
    ----------
    given : array-like of shape (m,)
        Values of the given feature.
    target : array-like of shape (n,)
        Values of the target.
    mass : array-like of shape (n, m)
        The part of the distribution, given `given[j]`, whose density is higher than at `target[i]`.
    mean : array-like of shape (m,)
        Mean of the distribution.
    samples : array-like of shape (n_samples, 2), default=None
        Given feature and target of samples, plotted as points.
    names : sequence of two str, default=("given", "target")
        Labels of the axes.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was plotted last.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    See Also
    --------
    skgmm.GaussianMixtureRegressor.sample_y : Draws from this distribution.
    skgmm.GaussianMixtureEM.condition : This distribution at one value, as a mixture.

    Examples
    --------
    >>> from skgmm import GaussianMixtureEM, load_faithful
    >>> from skgmm.display import ConditionalDisplay
    >>> X = load_faithful(as_frame=True).data
    >>> mixture = GaussianMixtureEM(3, covariance_type="tied", random_state=0).fit(X)
    >>> display = ConditionalDisplay.from_estimator(
    ...     mixture, X, given="eruptions", target="waiting")
    >>> display.mass.shape
    (400, 200)
    """

    def __init__(
        self,
        *,
        given: ArrayLike,
        target: ArrayLike,
        mass: ArrayLike,
        mean: ArrayLike,
        samples: ArrayLike | None = None,
        names: Sequence[str] = ("given", "target"),
    ) -> None:
        self.given = np.asarray(given, dtype=np.float64)
        self.target = np.asarray(target, dtype=np.float64)
        self.mass = np.asarray(mass, dtype=np.float64)
        self.mean = np.asarray(mean, dtype=np.float64)
        self.samples = None if samples is None else np.asarray(samples, dtype=np.float64)
        self.names = tuple(names)
        shape = len(self.target), len(self.given)
        if self.mass.shape != shape or len(self.mean) != len(self.given):
            raise ValueError(
                f"mass should have the shape (len(target), len(given)) = {shape}, and mean that of "
                f"given, but got {self.mass.shape} and {self.mean.shape}"
            )

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        given: int | str = 0,
        target: int | str | None = None,
        ax: Any = None,
        **options: Any,
    ) -> ConditionalDisplay:
        """Plot the distribution of a target given a feature.

        Parameters
        ----------
        estimator : GaussianMixtureRegressor, GaussianMixtureEM or search
            A fitted regressor or mixture, or a fitted search whose best model is a mixture.
        X : array-like of shape (n_samples, n_features)
            Samples, which give the range of the axes. Of a mixture, and with `y` of a regressor,
            they are plotted.
        y : array-like of shape (n_samples,) or (n_samples, n_targets), default=None
            The targets of a regressor. Ignored for a mixture.
        given : int or str, default=0
            Number or name of the feature on the x-axis.
        target : int or str, default=None
            Number or name of what is on the y-axis: one of the targets of a regressor (None: the
            first), or a feature of a mixture (None: the last).
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        **options
            Passed to `plot`.

        Returns
        -------
        display : ConditionalDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If a feature or target is unknown, or both are the same.
        """
        _style.check_data(cls, X)
        mixture, names, values, chosen = _joint(estimator, X, y, given, target)
        parameters = marginal_parameters(mixture._parameters(), chosen)
        shown = values[:, chosen]
        view = View(parameters.weights, parameters.means, _dense(parameters), ("", ""))
        (left, right), (low, high) = view.spans(shown)
        places, targets = np.linspace(left, right, _GIVEN), np.linspace(low, high, _TARGETS)
        conditioning = Conditioning(parameters, np.array([0]))
        display = cls(
            given=places,
            target=targets,
            mass=_masses(conditioning, places, targets),
            mean=conditioning.mean(places[:, None])[:, 0],
            samples=shown[~np.isnan(shown).any(axis=1)],
            names=[names[j] for j in chosen],
        )
        return display.plot(ax, **options)

    def plot(self, ax: Any = None, *, legend: bool = True) -> ConditionalDisplay:
        """Plot again.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        legend : bool, default=True
            Whether to plot a legend.

        Returns
        -------
        self : ConditionalDisplay
        """
        self._take(ax, (6.4, 4.2))
        greys = [_style.grey(share) for share in _SHADES]
        self.ax_.contourf(
            self.given, self.target, self.mass, [-1.0, *LEVELS], colors=greys[::-1], zorder=0
        )
        if self.samples is not None and len(self.samples):
            self.ax_.plot(
                *self.samples.T, "o", color=_style.ink(), ms=2.5, mew=0.0, alpha=0.5, zorder=2,
                rasterized=len(self.samples) > 500,
            )  # fmt: skip
        self.ax_.plot(self.given, self.mean, color=_style.colour(0), lw=1.8, zorder=3)
        self.ax_.set_xlim(self.given[0], self.given[-1])
        self.ax_.set_ylim(self.target[0], self.target[-1])
        label_axis(self.ax_.xaxis, self.names[0])
        label_axis(self.ax_.yaxis, self.names[1])
        _style.open_frame(self.ax_)
        if legend:
            self._legend(greys)
        return self

    def _legend(self, greys: list[tuple[float, ...]]) -> None:
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        handles: list[Any] = [Line2D([], [], color=_style.colour(0), lw=1.8, label="mean")]
        for region, grey in zip(LEVELS, greys[::-1], strict=True):
            handles.append(Patch(facecolor=grey, label=f"{100 * region:.0f} %"))
        fit_legend(self.ax_, handles, handles[:1])


def _joint(
    estimator: Any, X: ArrayLike, y: ArrayLike | None, given: int | str, target: int | str | None
) -> tuple[MixtureInference, list[str], Array, Array]:
    """A mixture, the names and values of its features, and which two of them are plotted.

    Values are NaN where they are missing, as those of targets that are not given.
    """
    check_is_fitted(estimator)
    if not isinstance(estimator, GaussianMixtureRegressor):
        mixture = mixture_of(estimator)
        values = array_with_missing(mixture, X, reset=False)[0]
        names = names_of_features(mixture)
        target = len(names) - 1 if target is None else target
        return mixture, names, values, feature_numbers([given, target], names, "given and target")
    mixture, (features, _) = estimator.mixture_, check_samples(estimator, X, reset=False)
    n_features, n_targets = estimator.n_features_in_, estimator.n_targets_
    targets = np.full((len(features), n_targets), np.nan)
    if y is not None:
        targets = check_targets(estimator, y, features)
        if targets.shape[1] != n_targets:
            raise ValueError(f"y should have {n_targets} targets, but has {targets.shape[1]}")
    names = names_of_features(mixture)
    if not hasattr(mixture, "feature_names_in_"):
        names[n_features:] = ["y"] if n_targets == 1 else [f"y{j}" for j in range(n_targets)]
    x = feature_numbers(given, names[:n_features], "given")
    of_target = feature_numbers(0 if target is None else target, names[n_features:], "target")
    values = np.column_stack([features, targets])
    return mixture, names, values, np.concatenate([x, n_features + of_target])


def _masses(conditioning: Conditioning, places: Array, targets: Array) -> Array:
    """The part of the distribution at each place that is denser than at each target, (n, m).

    Each component of the distribution is represented by its quantiles.
    """
    found = conditioning.distribution(places[:, None])
    of_quantile = np.exp(found.log_weights) / _QUANTILES
    deviations = np.sqrt(found.covariances[0, :, 0, 0])
    normal = ndtri((np.arange(_QUANTILES) + 0.5) / _QUANTILES)
    masses = np.empty((len(targets), len(places)))
    for j, place in enumerate(places):
        quantiles = (found.means[j, :, 0, None] + deviations[:, None] * normal).ravel()
        weights = np.repeat(of_quantile[j], _QUANTILES)
        points = np.append(quantiles, targets)
        at = np.column_stack([np.full(len(points), place), points])
        density = log_densities(at, conditioning.mixture)
        order = np.argsort(-density[: len(quantiles)])
        reached = np.append(0.0, np.minimum(np.cumsum(weights[order]), 1.0))
        denser = np.searchsorted(-density[order], -density[len(quantiles) :])
        masses[:, j] = reached[denser]
    return masses


def _dense(parameters: MixtureParameters) -> Array:
    """Covariances (K, 2, 2)."""
    return parameters.covariance.with_factors(parameters.n_components, dense=True).dense()
