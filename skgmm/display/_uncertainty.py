"""UncertaintyDisplay: which rows are in doubt, and between which components."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from skgmm._inference import mixture_of
from skgmm._linalg import Array
from skgmm._validation import check_responsibilities
from skgmm.display import _style

# Columns of the picture: each is the mean of a few rows where there are more.
_MOST_COLUMNS = 1000
# Inches that a block needs for what is said of it, and for its number alone.
_WIDE, _NARROW = 0.8, 0.15


class UncertaintyDisplay:
    """Picture of the soft assignment: every row a column, shared out by its responsibilities.

    Rows are sorted by component, and within one from sure to doubtful, so that the right end of
    each block shows how many rows are in doubt, and between which components.

    Made by `from_estimator`.

    Parameters
    ----------
    responsibilities : array-like of shape (n_samples, n_components)

    Attributes
    ----------
    uncertainty_ : ndarray of shape (n_samples,)
        1 - largest responsibility of each row.
    order_ : ndarray of int, shape (n_samples,)
        Numbers of the rows, the most doubtful first.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

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

    ax_: Any
    figure_: Any

    def __init__(self, *, responsibilities: ArrayLike) -> None:
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
        """Picture of the soft assignment of rows.

        Parameters
        ----------
        estimator : GaussianMixtureEM, or a fitted search for one
        X : array-like of shape (n_samples, n_features)
        y : Ignored
        ax : matplotlib Axes, default=None
            Where to draw. None makes a figure.
        **options
            As of `plot`.

        Returns
        -------
        display : UncertaintyDisplay

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        _style.check_data(cls, X)
        shares = np.asarray(mixture_of(estimator).predict_proba(X), dtype=np.float64)
        return cls(responsibilities=shares).plot(ax, **options)

    def plot(self, ax: Any = None, *, doubt: float = 0.1) -> UncertaintyDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None makes a figure.
        doubt : float, default=0.1
            A row counts as doubtful above this uncertainty, between 0 and 1.

        Returns
        -------
        self : UncertaintyDisplay
        """
        if not 0.0 <= doubt <= 1.0:
            raise ValueError(f"doubt should be between 0 and 1, but got {doubt!r}")
        self.ax_ = _style.axes_of(self, ax, (7.2, 3.2))
        self.figure_ = self.ax_.figure
        hard = self.responsibilities.argmax(axis=1)
        order = np.lexsort((self.uncertainty_, hard))
        self._columns(self.responsibilities[order])
        self._blocks(hard[order], self.uncertainty_[order] > doubt, doubt)
        self.ax_.set_xlim(0, len(order))
        self.ax_.set_ylim(0, 1)
        self.ax_.set_ylabel("responsibility")
        _style.open_frame(self.ax_)
        return self

    def _columns(self, shares: Array) -> None:
        n_samples = len(shares)
        first = np.unique(np.linspace(0, n_samples, _MOST_COLUMNS, endpoint=False).astype(int))
        edges = np.append(first, n_samples)
        columns = np.add.reduceat(shares, first) / np.diff(edges)[:, None]
        tops = np.cumsum(np.column_stack([np.zeros(len(first)), columns]), axis=1)
        tops = np.vstack([tops, tops[-1:]])
        for k in np.flatnonzero(shares.any(axis=0)).tolist():
            self.ax_.fill_between(
                edges, tops[:, k], tops[:, k + 1], step="post", facecolor=_style.colour(k),
                hatch=_style.hatch(k), edgecolor=_style.paper(), lw=0.0, rasterized=True,
            )  # fmt: skip

    def _blocks(self, hard: Array, doubtful: Array, doubt: float) -> None:
        """The name of each block above it, and lines between them."""
        names, starts = np.unique(hard, return_index=True)
        ends = np.append(starts[1:], len(hard))
        per_inch = len(hard) / (self.ax_.bbox.width / self.figure_.dpi)
        for k, start, end in zip(names, starts, ends, strict=True):
            self.ax_.axvline(end, color=_style.paper(), lw=2)
            if end - start < _NARROW * per_inch:
                continue
            wide = end - start >= _WIDE * per_inch
            unsure = int(doubtful[start:end].sum())
            label = f"component {k}\n{end - start} rows\n{unsure} in doubt" if wide else str(k)
            self.ax_.text((start + end) / 2, 1.02, label, ha="center", va="bottom", fontsize=8)
        self.ax_.set_xlabel(
            f"rows by component, from sure to doubtful\n(in doubt: uncertainty above {doubt:g})"
        )
