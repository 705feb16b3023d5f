"""UncertaintyDisplay: which samples are uncertain, and between which components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from skgmm._inference import mixture_of
from skgmm._linalg import Array
from skgmm._validation import check_responsibilities
from skgmm.display import _style
from skgmm.display._text import label_axis, points_high

# Columns of the plot: with more samples each column is the mean of several.
_MOST_COLUMNS = 1000
# Inches that a block needs for its label, and for its number alone.
_WIDE, _NARROW = 0.8, 0.15
# Size of the labels in points, height of a line, and that of axes with all ticks.
_SIZE, _LINE, _TALL = 8.0, 1.2, 120.0


class UncertaintyDisplay(_style.Display):
    """Plot of the soft assignment: each sample is a column, divided by its responsibilities.

    Samples are sorted by component, and within a component from most to least certain. So the right
    end of each block shows how many samples are uncertain, and between which components.

    Create it with `from_estimator`.

    Parameters
    ----------
    responsibilities : array-like of shape (n_samples, n_components)
    noise : bool, default=False
        Whether the last column is that of noise.

    Attributes
    ----------
    uncertainty_ : ndarray of shape (n_samples,)
        1 - largest responsibility of each sample.
    order_ : ndarray of int, shape (n_samples,)
        Indices of the samples, the most uncertain first.
    ax_ : matplotlib Axes
        Where it was plotted last.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgmm import GaussianMixtureEM
    >>> from skgmm.display import UncertaintyDisplay
    >>> X = load_iris().data
    >>> mixture = GaussianMixtureEM(3, covariance_type="VEV", random_state=0).fit(X)
    >>> display = UncertaintyDisplay.from_estimator(mixture, X)
    >>> int((display.uncertainty_ > 0.1).sum())
    4
    """

    def __init__(self, *, responsibilities: ArrayLike, noise: bool = False) -> None:
        self.noise = noise
        shape = np.shape(responsibilities)
        if len(shape) != 2:
            raise ValueError(
                f"responsibilities should have the shape (n_samples, n_components), but got {shape}"
            )
        self.responsibilities = check_responsibilities(responsibilities, *shape, "responsibilities")
        self.uncertainty_ = 1.0 - self.responsibilities.max(axis=1)
        self.order_ = np.argsort(-self.uncertainty_, kind="stable")

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: Any = None,
        *,
        ax: Any = None,
        **options: Any,
    ) -> UncertaintyDisplay:
        """Plot the soft assignment of samples.

        Parameters
        ----------
        estimator : GaussianMixtureEM or search
            A fitted mixture, or a fitted search whose best model is one.
        X : array-like of shape (n_samples, n_features)
        y : Ignored
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        **options
            Passed to `plot`.

        Returns
        -------
        display : UncertaintyDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        _style.check_data(cls, X)
        mixture = mixture_of(estimator)
        responsibilities = np.asarray(mixture.predict_proba(X), dtype=np.float64)
        noise = mixture._background() is not None
        return cls(responsibilities=responsibilities, noise=noise).plot(ax, **options)

    def plot(
        self,
        ax: Any = None,
        *,
        threshold: float = 0.1,
        palette: str | Sequence[Any] | None = None,
    ) -> UncertaintyDisplay:
        """Plot again.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        threshold : float, default=0.1
            Samples with an uncertainty above this number, between 0 and 1, count as uncertain.
        palette : str or list of colours, default=None
            As `MixtureDisplay.plot`.

        Returns
        -------
        self : UncertaintyDisplay
        """
        if not 0.0 <= threshold <= 1.0:
            raise ValueError(f"threshold should be between 0 and 1, but got {threshold!r}")
        self._take(ax, (7.2, 3.2))
        hard = self.responsibilities.argmax(axis=1)
        order = np.lexsort((self.uncertainty_, hard))
        colours = _style.colours_of(palette)
        self._columns(self.responsibilities[order], colours)
        self.ax_.set_xlim(0, len(order))
        n_lines = self._blocks(hard[order], self.uncertainty_[order] > threshold)
        self._labels(n_lines, None if ax is not None else threshold)
        _style.open_frame(self.ax_)
        return self

    def _columns(self, responsibilities: Array, colours: Sequence[Any]) -> None:
        n_samples = len(responsibilities)
        first = np.unique(np.linspace(0, n_samples, _MOST_COLUMNS, endpoint=False).astype(int))
        edges = np.append(first, n_samples)
        columns = np.add.reduceat(responsibilities, first) / np.diff(edges)[:, None]
        tops = np.cumsum(np.column_stack([np.zeros(len(first)), columns]), axis=1)
        tops = np.vstack([tops, tops[-1:]])
        for k in np.flatnonzero(responsibilities.any(axis=0)).tolist():
            self.ax_.fill_between(
                edges, tops[:, k], tops[:, k + 1], step="post", edgecolor=_style.paper(), lw=0.0,
                rasterized=True, **self._filling(k, colours),
            )  # fmt: skip

    def _is_noise(self, column: int) -> bool:
        return self.noise and column == self.responsibilities.shape[1] - 1

    def _filling(self, column: int, colours: Sequence[Any]) -> dict[str, Any]:
        if self._is_noise(column):
            return {"facecolor": _style.noise_colour()}
        return {"facecolor": colours[column % len(colours)], "hatch": _style.hatch(column)}

    def _blocks(self, hard: Array, uncertain: Array) -> int:
        """The label above each block, and lines between blocks; how many lines the labels have."""
        names, starts = np.unique(hard, return_index=True)
        ends = np.append(starts[1:], len(hard))
        per_inch = len(hard) / (self.ax_.bbox.width / self.figure_.dpi)
        n_lines = 1
        for k, start, end in zip(names, starts, ends, strict=True):
            self.ax_.plot([end, end], [0, 1], color=_style.paper(), lw=2)
            if end - start < _NARROW * per_inch:
                continue
            wide = end - start >= _WIDE * per_inch
            unsure = int(uncertain[start:end].sum())
            short, name = str(k), f"component {k}"
            if self._is_noise(k):
                short, name = "-1", "noise"
            label = f"{name}\n{end - start} samples\n{unsure} uncertain" if wide else short
            self.ax_.text((start + end) / 2, 1.02, label, ha="center", va="bottom", fontsize=_SIZE)
            n_lines = 3 if wide else n_lines
        return n_lines

    def _labels(self, n_lines: int, threshold: float | None) -> None:
        """Labels of the axes, and room for those of the blocks: a title is above them.

        The threshold is explained if it is not None.
        """
        height = points_high(self.ax_)
        room = min((_LINE * n_lines + 0.5) * _SIZE, 0.6 * height)
        self.ax_.set_ylim(0, height / (height - room))
        self.ax_.set_yticks(np.linspace(0.0, 1.0, 6 if height > _TALL else 3))
        self.ax_.spines["left"].set_bounds(0, 1)
        label_axis(self.ax_.yaxis, "responsibility")
        ordered = "samples by component, from most to least certain"
        texts = [ordered, "samples, by certainty", "samples"]
        if threshold is not None:  # a second line may be cut below given axes
            texts = [f"{ordered}\n(uncertain: uncertainty above {threshold:g})", *texts]
        label_axis(self.ax_.xaxis, *texts)
