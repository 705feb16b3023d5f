"""ConvergenceDisplay: log-likelihood against the number of evaluations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skgmm._inference import mixture_of
from skgmm._linalg import Array
from skgmm.display import _style

_ROUNDING = 1e-13
_MOST_MARKED = 60


class ConvergenceDisplay:
    """Plot of the log-likelihood after each evaluation of a fit.

    An evaluation is one pass over the data. The line shows the best log-likelihood so far of the
    best start. Markers show the final values of other starts, and crosses those of discarded
    candidates (their log-likelihood is that of the random sample on which candidates are compared).

    Create it with `from_estimator`.

    Parameters
    ----------
    objectives : array-like of shape (n_iter,)
        Objective after each evaluation of the best start, in nats per sample.
    starts : dict of lists
        `starts_` of a fit.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    """

    ax_: Any
    figure_: Any

    def __init__(self, *, objectives: ArrayLike, starts: Mapping[str, Sequence[Any]]) -> None:
        self.objectives = np.asarray(objectives, dtype=np.float64)
        self.starts = starts

    @classmethod
    def from_estimator(
        cls, estimator: BaseEstimator, *, ax: Any = None, **options: Any
    ) -> ConvergenceDisplay:
        """Plot the convergence of a fit.

        Parameters
        ----------
        estimator : GaussianMixtureEM or search
            A fitted mixture, or a fitted search whose best model is one.
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        **options
            Passed to `plot`.

        Returns
        -------
        display : ConvergenceDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If nothing was fitted, as after `from_parameters`.
        """
        mixture = mixture_of(estimator)
        check_is_fitted(mixture, ("lower_bounds_", "starts_"))
        return cls(objectives=mixture.lower_bounds_, starts=mixture.starts_).plot(ax, **options)

    def plot(self, ax: Any = None, *, gap: bool = True) -> ConvergenceDisplay:
        """Plot again.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        gap : bool, default=True
            Whether to show the gap to the final log-likelihood, on a logarithmic scale, on which
            the linear convergence of EM is a straight line. False shows the log-likelihood.

        Returns
        -------
        self : ConvergenceDisplay
        """
        self.ax_ = _style.axes_of(self, ax, (6.4, 4.2))
        self.figure_ = self.ax_.figure
        end = self.objectives[-1] if len(self.objectives) else np.nan
        for evaluations, values, look in self._series(end):
            shown = values < end if gap else np.isfinite(values)
            if shown.any():
                height = end - values[shown] if gap else values[shown]
                self.ax_.plot(evaluations[shown], height, **look)
        if gap:
            self.ax_.set_yscale("log")
            # Smaller gaps are rounding errors of the log-likelihood.
            self.ax_.set_ylim(bottom=max(self.ax_.get_ylim()[0], _ROUNDING))
        label = (
            "gap to the final log-likelihood (nats per sample)"
            if gap
            else "log-likelihood (nats per sample)"
        )
        self.ax_.set_ylabel(label)
        self.ax_.set_xlabel("evaluation")
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        if self.ax_.lines:
            self.ax_.legend(fontsize=8, framealpha=0.85)
        else:
            self._say_that_nothing_is_below()
        _style.open_frame(self.ax_)
        return self

    def _say_that_nothing_is_below(self) -> None:
        """After a single evaluation there is no gap."""
        self.ax_.set_yticks([])
        self.ax_.minorticks_off()
        self.ax_.text(
            0.5, 0.5, "No gap at any evaluation.", ha="center", transform=self.ax_.transAxes
        )

    def _series(self, end: float) -> Iterator[tuple[Array, Array, dict[str, Any]]]:
        """Evaluations, log-likelihoods and style of the best start, other starts and candidates."""
        n_iter = len(self.objectives)
        look = {"lw": 1.8, "ms": 3, "color": _style.COLOURS[0], "zorder": 3}
        look["marker"] = "o" if n_iter <= _MOST_MARKED else ""
        yield np.arange(1, n_iter + 1), self.objectives, {**look, "label": "best start"}
        values = np.asarray(self.starts["log_likelihood"], dtype=np.float64)
        evaluations = np.asarray(self.starts["n_evaluations"])
        discarded = np.array([status == "discarded" for status in self.starts["status"]])
        best = (values == end) & (evaluations == n_iter) & ~discarded
        look = {"ls": "", "ms": 6, "color": _style.COLOURS[1]}
        square = {"marker": "s", "mfc": "none", "label": "other starts (final values)"}
        cross = {"marker": "x", "label": "discarded candidates"}
        yield evaluations[~discarded & ~best], values[~discarded & ~best], {**look, **square}
        yield evaluations[discarded], values[discarded], {**look, **cross}
