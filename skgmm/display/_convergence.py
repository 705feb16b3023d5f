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
from skgmm.display._text import fit_legend, keep_inside, label_axis, mark_clipped

# Smaller gaps are rounding errors of the log-likelihood.
_ROUNDING = 1e-13
_MOST_MARKED = 60
# Labels of the vertical axis, and shorter ones.
_GAP_LABELS = (
    "gap to the final log-likelihood (nats per sample)",
    "gap (nats per sample)",
    "gap (nats)",
)
_LABELS = ("log-likelihood (nats per sample)", "log-likelihood (nats)", "log-likelihood")


class ConvergenceDisplay(_style.Display):
    """Plot of the log-likelihood after each evaluation of a fit.

    An evaluation is one pass over the data. The line shows the best log-likelihood so far of the
    best start. Markers show the final values of other starts, and crosses those of discarded
    candidates (their log-likelihood is that of the random sample on which candidates are compared).
    A dotted line marks the first evaluation after a split-and-merge move. A triangle at the bottom
    marks gaps that are rounding errors.

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
        Where it was plotted last.
    figure_ : matplotlib Figure
        The figure of `ax_`.
    """

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
        self._take(ax, (6.4, 4.2))
        end = self.objectives[-1] if len(self.objectives) else np.nan
        for evaluations, values, look in self._series(end):
            shown = values < end if gap else np.isfinite(values)
            better = int((values > end).sum()) if gap else 0
            if better:
                look["label"] = f"{look['label'].split(' (')[0]}: {better} higher, not shown"
            if shown.any() or better:
                height = end - values[shown] if gap else values[shown]
                self.ax_.plot(evaluations[shown], height, **look)
        nothing = not any(len(line.get_xdata()) for line in self.ax_.lines)
        for moved_at in self._moves(end):
            look = {"color": _style.grey(0.55), "ls": ":", "lw": 1.4, "zorder": 1}
            self.ax_.axvline(moved_at, **look, label="split-and-merge move")
        if gap:
            self._limit(end)
        label_axis(self.ax_.yaxis, *(_GAP_LABELS if gap else _LABELS))
        label_axis(self.ax_.xaxis, "evaluation")
        self.ax_.xaxis.get_major_locator().set_params(integer=True)
        if nothing:
            self._say_that_nothing_is_below()
        else:
            handles = self.ax_.get_legend_handles_labels()[0]
            fit_legend(self.ax_, handles, handles[:1])
        _style.open_frame(self.ax_)
        return self

    def _limit(self, end: float) -> None:
        """A logarithmic axis down to the rounding errors of the log-likelihood."""
        self.ax_.set_yscale("log")
        self.ax_.set_ylim(bottom=max(self.ax_.get_ylim()[0], _ROUNDING))
        gaps = end - self.objectives
        beyond = np.flatnonzero((gaps > 0.0) & (gaps < _ROUNDING)) + 1
        if len(beyond):
            mark_clipped(self.ax_, beyond, at_top=False, label="rounding errors, off the axis")

    def _say_that_nothing_is_below(self) -> None:
        """After a single evaluation there is no gap."""
        self.ax_.set_yticks([])
        self.ax_.minorticks_off()
        text = self.ax_.annotate(
            "No gap at any\nevaluation.", (0.5, 0.5), (0.0, 0.0), xycoords="axes fraction",
            textcoords="offset points", ha="center", fontsize=8,
        )  # fmt: skip
        keep_inside(self.ax_, text)

    def _best_start(self, end: float) -> Array:
        """Which row of `starts` is the one whose evaluations are shown."""
        values = np.asarray(self.starts["log_likelihood"], dtype=np.float64)
        evaluations = np.asarray(self.starts["n_evaluations"])
        return (values == end) & (evaluations == len(self.objectives)) & ~self._discarded

    @property
    def _discarded(self) -> Array:
        return np.array([status == "discarded" for status in self.starts["status"]])

    def _moves(self, end: float) -> list[int]:
        """The evaluation at which a move was followed, if one was (pickles may not know)."""
        moved_at = np.asarray(self.starts.get("moved_at", np.zeros(len(self._discarded))))
        return [int(n) for n in moved_at[self._best_start(end)][:1] if n > 0]

    def _series(self, end: float) -> Iterator[tuple[Array, Array, dict[str, Any]]]:
        """Evaluations, log-likelihoods and style of the best start, other starts and candidates."""
        n_iter = len(self.objectives)
        look = {"lw": 1.8, "ms": 3, "color": _style.colour(0), "zorder": 3}
        look["marker"] = "o" if n_iter <= _MOST_MARKED else ""
        yield np.arange(1, n_iter + 1), self.objectives, {**look, "label": "best start"}
        values = np.asarray(self.starts["log_likelihood"], dtype=np.float64)
        evaluations = np.asarray(self.starts["n_evaluations"])
        discarded, best = self._discarded, self._best_start(end)
        look = {"ls": "", "ms": 6, "color": _style.colour(1)}
        square = {"marker": "s", "mfc": "none", "label": "other starts (final values)"}
        cross = {"marker": "x", "label": "discarded candidates"}
        yield evaluations[~discarded & ~best], values[~discarded & ~best], {**look, **square}
        yield evaluations[discarded], values[discarded], {**look, **cross}
