"""MixtureDisplay: samples, components and density."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from skgmm.display._options import LEVELS, Options
from skgmm.display._text import label_axis, short_names
from skgmm.display._view import View, view_of


class MixtureDisplay(_style.Display):
    """Plot of a mixture and samples.

    Two features, or a plane: each sample is a marker in the style of its most probable component.
    Markers fade to hollow as the two largest responsibilities approach each other. Ellipses contain
    50 % and 95 % of each component. Grey levels are highest-density regions with 25, 50, 75 and
    95 % of the mass (Hyndman 1996). One feature: a histogram, in which each sample counts in each
    component with its responsibility, and the densities. The outline of all bars belongs to the
    density of the mixture. A triangle at the top, with the weight, marks a component that is much
    narrower than a bar. More features: a scatter-plot matrix.
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
        The figure of `ax_`.

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
        X: ArrayLike | None = None,
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
        X : array-like of shape (n_samples, n_features), default=None
            Samples to plot: those of the fit, or others. None plots the mixture alone, within
            limits that follow from its parameters.
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
        TypeError
            If X is not in memory.
        ValueError
            If `features` are not features of the mixture, or are too many; or an option is unknown.
        """
        mixture = mixture_of(estimator)
        view, rows = view_of(mixture, X, features)
        if X is None:
            if sample_weight is not None:
                raise ValueError("sample_weight needs X, the samples that it counts, but X is None")
            noisy = mixture._background() is not None
            responsibilities = np.empty((0, view.n_components + noisy))
        else:
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
        levels: ArrayLike = LEVELS,
        uncertainty: str | None = "shade",
        palette: str | Sequence[Any] | None = None,
        scatter_kwargs: Mapping[str, Any] | None = None,
        contour_kwargs: Mapping[str, Any] | None = None,
    ) -> MixtureDisplay:
        """Plot again.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        density : bool, default=True
            Whether to show the density as grey levels in a scatter plot.
        legend : bool, default=True
            Whether to add a legend. In small axes it has the components only, or is left out.
        max_rows : int, default=2000
            Maximum number of markers in a scatter plot; of more samples a random selection is
            plotted. Histograms always use all observations.
        levels : array-like of float, default=(0.25, 0.5, 0.75, 0.95)
            Parts of the mixture within the grey regions, between 0 and 1.
        uncertainty : {'shade', 'size'} or None, default='shade'
            How markers show the uncertainty of the assignment. 'shade': they fade to hollow as the
            two largest responsibilities approach each other. 'size': the area increases with
            1 - the largest responsibility, instead of showing `sample_weight`. None: not at all.
        palette : str or list of colours, default=None
            Colours of the components: a name in `matplotlib.color_sequences`, or a list of
            matplotlib's colours, which repeats if there are more components. None is Okabe and
            Ito's palette, safe for colour-blind readers.
        scatter_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.scatter`, which override those of the markers.
        contour_kwargs : dict, default=None
            Keywords for :meth:`matplotlib.axes.Axes.contourf`, which override those of the grey
            regions, for example ``{"cmap": "Blues"}``.

        Returns
        -------
        self : MixtureDisplay
        """
        _style.pyplot(self)
        n_shown = self.rows.shape[1]
        view = View(self.weights, self.means, self.covariances, tuple(self.names))
        options = Options.checked(palette, levels, uncertainty, scatter_kwargs, contour_kwargs)
        arrays = self.rows, self.responsibilities, self.sample_weight
        drawn = Drawing(view, *arrays, max_rows, options)
        if n_shown > 2:
            self._plot_matrix(ax, drawn, density, legend)
            return self
        self._take(ax, (6.4, 4.6))
        if n_shown == 1:
            histogram = drawn.histogram(self.ax_, 0)
            label_axis(self.ax_.yaxis, "density")
        else:
            drawn.plane(self.ax_, (0, 1), density)
            label_axis(self.ax_.yaxis, *short_names(self.names[1]))
        label_axis(self.ax_.xaxis, *short_names(self.names[0]))
        named = not legend or drawn.legend(self.ax_, lines=n_shown == 1)
        if n_shown == 1 and not named and view.n_components <= _style.MOST_NAMED:
            histogram.number(self.ax_)
        return self

    def _plot_matrix(self, ax: Any, drawn: Drawing, density: bool, legend: bool) -> None:
        """Histograms on the diagonal, scatter plots below it, the legend above."""
        m = self.rows.shape[1]
        grid = self._grid(ax, m)
        alone = 1.0 if len(self.figure_.axes) == 1 else None
        # The layout of a new figure makes panels larger.
        font = {"size": 9.0, "part": 1.25 if ax is None else alone}
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
                    label_axis(panel.yaxis, *short_names(self.names[i]), **font)
            if i == m - 1:
                label_axis(panel.xaxis, *short_names(self.names[j]), **font)
            panel.tick_params(labelbottom=i == m - 1, labelleft=j == 0, labelsize=8)
        if legend:
            corner = self.figure_.add_subplot(grid[0, m - 1])
            corner.set_axis_off()
            # The panel beside it is empty too.
            drawn.legend(corner, lines=False, loc="upper right", widest=2.0, covered=2.0)

    def _grid(self, ax: Any, m: int) -> Any:
        """The places of m x m panels: in a new figure, or in that of the axes."""
        plt = _style.pyplot(self)
        if ax is None:
            self.figure_ = plt.figure(figsize=(2.1 * m, 2.0 * m), layout="constrained")
            return self.figure_.add_gridspec(m, m)
        if ax.get_subplotspec() is None:
            raise ValueError(
                "ax should be axes of plt.subplots for a scatter-plot matrix, which takes their "
                "place in the grid, but got axes of a free position. Choose one or two features, "
                "or pass ax=None."
            )
        self.figure_ = ax.figure
        ax.set_axis_off()
        return ax.get_subplotspec().subgridspec(m, m)
