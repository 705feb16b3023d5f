"""EntropyDisplay: entropy of the assignment against the number of clusters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from skgmm._inference.bend import lines_of
from skgmm._inference.merging import MergedComponents, merge_components
from skgmm.display import _style
from skgmm.display._text import label_axis


class EntropyDisplay(_style.Display):
    """Plot of the entropy of the assignment against the number of merged clusters.

    Where components overlap, a merge decreases the entropy much; where clusters are separated,
    hardly. The bend between the two suggests the number of clusters, which is marked by a ring
    (Baudry et al. 2010). Two straight lines meet there.

    Create it with `from_estimator` or `from_merging`.

    Parameters
    ----------
    entropies : array-like of shape (n_components,)
        `entropies[m - 1]` with m clusters, in nats, summed over samples.
    n_clusters : int
        The chosen number.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was plotted last.
    figure_ : matplotlib Figure
        The figure of `ax_`.
    """

    def __init__(self, *, entropies: ArrayLike, n_clusters: int) -> None:
        self.entropies = np.asarray(entropies, dtype=np.float64)
        self.n_clusters = n_clusters

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        *,
        n_clusters: int | None = None,
        sample_weight: ArrayLike | None = None,
        ax: Any = None,
    ) -> EntropyDisplay:
        """Merge the components of a mixture, and plot the entropies.

        Parameters
        ----------
        estimator : GaussianMixtureEM or search
            A fitted mixture, or a fitted search whose best model is one.
        X : array-like of shape (n_samples, n_features)
        n_clusters, sample_weight
            As :func:`skgmm.merge_components`.
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        display : EntropyDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        _style.check_data(cls, X)
        return cls.from_merging(merge_components(estimator, X, n_clusters, sample_weight), ax=ax)

    @classmethod
    def from_merging(cls, merged: MergedComponents, *, ax: Any = None) -> EntropyDisplay:
        """Plot the entropies of merged components.

        Parameters
        ----------
        merged : MergedComponents
            The result of :func:`skgmm.merge_components`.
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        display : EntropyDisplay
        """
        return cls(entropies=merged.entropies, n_clusters=merged.n_clusters).plot(ax)

    def plot(self, ax: Any = None) -> EntropyDisplay:
        """Plot again.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        self : EntropyDisplay
        """
        self._take(ax, (6.4, 4.2))
        numbers, chosen = np.arange(1, len(self.entropies) + 1), self.n_clusters
        self.ax_.plot(numbers, self.entropies, "o", color=_style.colour(0), ms=5, zorder=3)
        for x, y in lines_of(self.entropies, chosen):
            self.ax_.plot(x, y, "--", color=_style.grey(0.55), lw=1.2, zorder=2)
        height = self.entropies[chosen - 1]
        self.ax_.plot(
            [chosen], [height], "o", ms=15, mfc="none", mec=_style.RING, mew=2.2, zorder=4
        )
        label_axis(self.ax_.xaxis, "number of clusters", "clusters")
        label_axis(self.ax_.yaxis, "entropy of the assignment (nats)", "entropy (nats)")
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        _style.open_frame(self.ax_)
        return self
