"""MixtureDisplay: samples, components and density."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from skgmm._inference import mixture_of
from skgmm._linalg import Array
from skgmm._rows.checks import check_weights_of_rows
from skgmm.display import _style
from skgmm.display._drawing import Drawing
from skgmm.display._view import View, view_of


class MixtureDisplay:
    """Plot of a mixture and samples.

    Two features, or a plane: each sample is a marker in the style of its most probable component.
    Markers fade to hollow as the two largest responsibilities approach each other. Ellipses contain
    50 % and 95 % of each component. Grey levels are highest-density regions with 25, 50, 75 and
    95 % of the mass (Hyndman 1996). One feature: a histogram, in which each sample counts in each
    component with its responsibility, and the densities. More features: a scatter-plot matrix.
    Noise is shown as grey crosses or bars; densities are those of the components without it.
    Samples with missing values are in the panels whose features were observed; in the principal
    plane they are at their conditional means.

    Create it with `from_estimator`.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_shown)
        The samples in the coordinates of the plot.
    responsibilities : ndarray of shape (n_samples, n_components)
        Soft assignment of the samples; noise has one more column, the last.
    weights : ndarray of shape (n_components,)
    means : ndarray of shape (n_components, n_shown)
    covariances : ndarray of shape (n_components, n_shown, n_shown)
    names : sequence of str of length n_shown
        Labels of the axes.
    sample_weight : ndarray of shape (n_samples,), default=None
        How often each sample counts.

    Attributes
    ----------
    ax_ : matplotlib Axes, or ndarray of Axes of shape (n_shown, n_shown)
        The array of a scatter-plot matrix has None above its diagonal.
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgmm import GaussianMixtureEM
    >>> from skgmm.display import MixtureDisplay
    >>> X = load_iris(as_frame=True).data
    >>> mixture = GaussianMixtureEM(3, covariance_type="VEV", random_state=0).fit(X)
    >>> display = MixtureDisplay.from_estimator(
    ...     mixture, X, features=["petal length (cm)", "sepal width (cm)"])
    >>> display.ax_.get_xlabel()
    'petal length (cm)'
    """

    ax_: Any
    figure_: Any

    def __init__(
        self,
        *,
        rows: Array,
        responsibilities: Array,
        weights: Array,
        means: Array,
        covariances: Array,
        names: Sequence[str],
        sample_weight: Array | None = None,
    ) -> None:
        self.rows = rows
        self.responsibilities = responsibilities
        self.weights = weights
        self.means = means
        self.covariances = covariances
        self.names = names
        self.sample_weight = sample_weight

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: Any = None,
        *,
        features: str | Sequence[int | str] | None = None,
        sample_weight: ArrayLike | None = None,
        ax: Any = None,
        **options: Any,
    ) -> MixtureDisplay:
        """Plot a fitted (or given) mixture, and samples.

        Parameters
        ----------
        estimator : GaussianMixtureEM or search
            A mixture with parameters, or a fitted search whose best model is one.
        X : array-like of shape (n_samples, n_features)
            Samples to plot: those of the fit, or others.
        y : Ignored
        features : 'principal' or list of int or str, default=None
            Numbers or names of one feature (histogram), two (scatter plot) or up to ten
            (scatter-plot matrix); or 'principal', the plane of the first two principal axes of the
            mixture, of features in units of their standard deviations. None: all features if there
            are one or two, otherwise the principal plane.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sample counts: in the histogram, and in the area of its marker.
        ax : matplotlib Axes, default=None
            Axes to plot on; a scatter-plot matrix replaces them. None creates a new figure.
        **options
            Passed to `plot`.

        Returns
        -------
        display : MixtureDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `features` are not features of the mixture, or are too many.
        """
        _style.check_data(cls, X)
        mixture = mixture_of(estimator)
        view, rows = view_of(mixture, X, features)
        responsibilities = np.asarray(mixture.predict_proba(X), dtype=np.float64)
        row_weights = check_weights_of_rows(sample_weight, rows)
        if row_weights is not None:
            counted = row_weights > 0
            rows, responsibilities, row_weights = (
                rows[counted],
                responsibilities[counted],
                row_weights[counted],
            )
        display = cls(
            rows=rows,
            responsibilities=responsibilities,
            weights=view.weights,
            means=view.means,
            covariances=view.covariances,
            names=view.names,
            sample_weight=row_weights,
        )
        return display.plot(ax, **options)

    def plot(
        self,
        ax: Any = None,
        *,
        density: bool = True,
        legend: bool = True,
        max_rows: int = 2000,
    ) -> MixtureDisplay:
        """Plot again.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        density : bool, default=True
            Whether to show the density as grey levels in a scatter plot.
        legend : bool, default=True
            Whether to add a legend.
        max_rows : int, default=2000
            Maximum number of markers in a scatter plot; of more samples a random selection is
            plotted. Histograms always use all observations.

        Returns
        -------
        self : MixtureDisplay
        """
        n_shown = self.rows.shape[1]
        view = View(self.weights, self.means, self.covariances, tuple(self.names))
        drawn = Drawing(view, self.rows, self.responsibilities, self.sample_weight, max_rows)
        if n_shown > 2:
            self._plot_matrix(ax, drawn, density, legend)
            return self
        self.ax_ = _style.axes_of(self, ax, (6.4, 4.6))
        self.figure_ = self.ax_.figure
        if n_shown == 1:
            drawn.histogram(self.ax_, 0)
            self.ax_.set_ylabel("density")
        else:
            drawn.plane(self.ax_, (0, 1), density)
            self.ax_.set_ylabel(self.names[1])
        self.ax_.set_xlabel(self.names[0])
        if legend:
            drawn.legend(self.ax_, lines=n_shown == 1)
        return self

    def _plot_matrix(self, ax: Any, drawn: Drawing, density: bool, legend: bool) -> None:
        """Histograms on the diagonal, scatter plots below it, the legend above."""
        plt, m = _style.pyplot(self), self.rows.shape[1]
        if ax is None:
            self.figure_ = plt.figure(figsize=(2.1 * m, 2.0 * m), layout="constrained")
            grid = self.figure_.add_gridspec(m, m)
        else:
            self.figure_ = ax.figure
            ax.set_axis_off()
            grid = ax.get_subplotspec().subgridspec(m, m)
        self.ax_ = np.full((m, m), None, dtype=object)
        for i, j in product(range(m), range(m)):
            if j > i:
                continue
            panel = self.figure_.add_subplot(grid[i, j], sharex=self.ax_[j, j] if i > j else None)
            self.ax_[i, j] = panel
            if i == j:
                drawn.histogram(panel, i)
                panel.set_yticks([])
            else:
                drawn.plane(panel, (j, i), density)
                if j == 0:
                    panel.set_ylabel(self.names[i], fontsize=9)
            if i == m - 1:
                panel.set_xlabel(self.names[j], fontsize=9)
            panel.tick_params(labelbottom=i == m - 1, labelleft=j == 0, labelsize=8)
        if legend:
            corner = self.figure_.add_subplot(grid[0, m - 1])
            corner.set_axis_off()
            drawn.legend(corner, lines=False, loc="upper right")
