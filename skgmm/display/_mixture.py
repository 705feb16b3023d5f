"""MixtureDisplay: rows, components and density."""

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
    """Picture of a mixture and its rows.

    Two features, or a plane: each row is a marker of its most probable component, filled where the
    assignment is sure and hollow where it is in doubt; each component has outlines around 50 % and
    95 % of its mass; the density is shades of grey, whose edges are regions of highest density that
    hold 25, 50, 75 and 95 % of the mass (Hyndman 1996). One feature: a histogram, in which each row
    counts in each component with its responsibility, and the densities. More: a matrix of all
    pairs.

    Made by `from_estimator`.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_shown)
        In the coordinates that are shown.
    responsibilities : ndarray of shape (n_samples, n_components)
        Soft assignment of the rows.
    weights : ndarray of shape (n_components,)
    means : ndarray of shape (n_components, n_shown)
    covariances : ndarray of shape (n_components, n_shown, n_shown)
    names : sequence of str of length n_shown
        Labels of the axes.
    sample_weight : ndarray of shape (n_samples,), default=None
        How often each row counts.

    Attributes
    ----------
    ax_ : matplotlib Axes, or ndarray of Axes of shape (n_shown, n_shown)
        The matrix of pairs has None above its diagonal.
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
        """Picture of a fitted (or given) mixture, and rows.

        Parameters
        ----------
        estimator : GaussianMixtureEM, or a fitted search for one
        X : array-like of shape (n_samples, n_features)
            Rows to show: those of the fit, or others.
        y : Ignored
        features : 'principal' or list of int or str, default=None
            Numbers or names of one feature (histogram), two (plane) or up to ten (matrix of pairs);
            or 'principal', the plane of the first two principal axes of the mixture, features
            taken in units of their standard deviations. None: all of one or two features, the
            principal plane of more.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts: in the histogram, and in the area of its marker.
        ax : matplotlib Axes, default=None
            Where to draw; the matrix of pairs takes its place. None makes a figure.
        **options
            As of `plot`.

        Returns
        -------
        display : MixtureDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            If `features` names no features of the mixture, or too many.
        """
        _style.check_data(cls, X)
        mixture = mixture_of(estimator)
        view, rows = view_of(mixture, X, features)
        shares = np.asarray(mixture.predict_proba(X), dtype=np.float64)
        row_weights = check_weights_of_rows(sample_weight, rows)
        if row_weights is not None:
            counted = row_weights > 0
            rows, shares, row_weights = rows[counted], shares[counted], row_weights[counted]
        display = cls(
            rows=rows,
            responsibilities=shares,
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
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a figure.
        density : bool, default=True
            Whether to shade the density in a plane.
        legend : bool, default=True
        max_rows : int, default=2000
            Rows drawn as markers in a plane; of more, a random sample. Histograms and the shades
            know all.

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
        """Histograms on the diagonal, planes below it, the legend above."""
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
