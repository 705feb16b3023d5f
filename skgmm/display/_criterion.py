"""CriterionDisplay: a criterion against the number of components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skgmm._inference import MixtureInference
from skgmm.covariance import find_structure
from skgmm.display import _style

# The style shows the structure's code: volume the line, shape the marker, orientation the colour
# (with "s" for spheres). All can be distinguished in greyscale.
_LINES = {"E": "-", "V": "--"}
_MARKERS = {"I": "o", "E": "s", "V": "^"}
_COLOURS = {"s": "#E69F00", "I": "#56B4E9", "E": "#0072B2", "V": _style.INK}
_CRITERIA = ("bic", "icl", "aic", "log_likelihood", "held_out_log_likelihood")
_MOST_TICKS = 15
_OTHER = {"color": "0.5", "ls": ":", "marker": "x"}

# The axis ends at this multiple of the distance from the best value within which three quarters of
# the structures come, or half of the models of the best structure: much worse models would compress
# the others into a line.
_REACH = 2.0
_STRETCH = 3.0
_BELOW = 0.12


class CriterionDisplay:
    """Plot of a criterion against the number of components, one line for each structure.

    The best model is marked by a ring. The style of a line shows the three letters of the
    structure. Volume: solid if equal, dashed if varying. Shape: circles for spheres, squares if
    equal, triangles if varying. Orientation: orange for spheres, light blue if axis-aligned, blue
    if equal, black (white in a dark style) if varying. Models that could not be fitted leave a gap;
    hollow markers are fits that did not converge. The axis is clipped near the best value.
    Criteria are lower for better models, log-likelihoods higher.

    Create it with `from_estimator`.

    Parameters
    ----------
    n_components : array-like of int, shape (n_models,)
    covariance_type : array-like of str, shape (n_models,)
    values : array-like of shape (n_models,)
        Value of the criterion; NaN if there is none.
    converged : array-like of bool, shape (n_models,)
    best : tuple of int and str
        Number of components and structure of the chosen model.
    criterion : str
        Name of the criterion, as in the columns of `results_`. Names that end in 'log_likelihood'
        are higher for better models, the others lower.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    """

    ax_: Any
    figure_: Any

    def __init__(
        self,
        *,
        n_components: ArrayLike,
        covariance_type: Sequence[str],
        values: ArrayLike,
        converged: ArrayLike,
        best: tuple[int, str],
        criterion: str,
    ) -> None:
        self.n_components = np.asarray(n_components)
        self.covariance_type = np.asarray(covariance_type)
        self.values = np.asarray(values, dtype=np.float64)
        self.converged = np.asarray(converged, dtype=bool)
        self.best = best
        self.criterion = criterion

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        criterion: str | None = None,
        ax: Any = None,
        **options: Any,
    ) -> CriterionDisplay:
        """Plot a criterion of a fitted search.

        Parameters
        ----------
        estimator : GaussianMixtureSearch
            Fitted.
        criterion : str, default=None
            A column of its `results_`: 'bic', 'icl', 'aic', 'log_likelihood', or after a
            cross-validation 'held_out_log_likelihood'. None is the criterion of the search.
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        **options
            Passed to `plot`.

        Returns
        -------
        display : CriterionDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If the estimator is a single mixture.
        ValueError
            If the search has no such criterion.
        """
        if isinstance(estimator, MixtureInference):
            raise TypeError(
                "CriterionDisplay shows the models of a search, but got a single "
                f"{type(estimator).__name__}: pass a fitted GaussianMixtureSearch"
            )
        check_is_fitted(estimator, "results_")
        results = estimator.results_
        decisive = estimator.criterion
        if decisive == "log_likelihood":  # in-sample values only increase with the model's size
            decisive = "held_out_log_likelihood"
        chosen = decisive if criterion is None else criterion
        criteria = [name for name in _CRITERIA if name in results]
        if chosen not in criteria:
            raise ValueError(f"criterion should be one of {criteria}, but got {chosen!r}")
        values = np.asarray(results[chosen], dtype=np.float64)
        if chosen == decisive:
            best = (estimator.best_n_components_, estimator.best_covariance_type_)
        else:
            row = int(np.nanargmin(_sign(chosen) * values))
            best = (int(results["n_components"][row]), str(results["covariance_type"][row]))
        display = cls(
            n_components=results["n_components"],
            covariance_type=results["covariance_type"],
            values=values,
            converged=results["converged"],
            best=best,
            criterion=chosen,
        )
        return display.plot(ax, **options)

    def plot(self, ax: Any = None, *, legend: bool = True) -> CriterionDisplay:
        """Plot again.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        legend : bool, default=True
            Whether to add a legend with the structures, the best first.

        Returns
        -------
        self : CriterionDisplay
        """
        self.ax_ = _style.axes_of(self, ax, (7.2, 4.6))
        self.figure_ = self.ax_.figure
        for name, least in self._ranked():
            self._line(name, least)
        self._ring()
        self.ax_.set_xlabel("number of components")
        self.ax_.set_ylabel(_label(self.criterion))
        sizes = np.unique(self.n_components)
        self.ax_.set_xticks(sizes[:: -(-len(sizes) // _MOST_TICKS)])
        _style.open_frame(self.ax_)
        if legend:
            # Fourteen names fit beside the axes, not on them.
            self.ax_.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8, frameon=False)
        return self

    def _ranked(self) -> list[tuple[str, float]]:
        """Structures and their best values, the best first; those without any are omitted."""
        least, sign = {}, _sign(self.criterion)
        for name in dict.fromkeys(self.covariance_type.tolist()):
            values = self.values[self.covariance_type == name]
            if np.isfinite(values).any():
                least[name] = _sign(self.criterion) * float(np.nanmin(sign * values))
        return sorted(least.items(), key=lambda item: sign * item[1])

    def _line(self, name: str, least: float) -> None:
        own = np.flatnonzero(self.covariance_type == name)
        own = own[np.argsort(self.n_components[own], kind="stable")]
        x, y, converged = self.n_components[own], self.values[own], self.converged[own]
        chosen = name == self.best[1]
        look, label = _look(name)
        self.ax_.plot(
            x, y, **{**look, "marker": ""}, lw=2.4 if chosen else 1.2, zorder=3 if chosen else 2
        )
        for face, shown in ((look["color"], converged), (_style.paper(), ~converged)):
            self.ax_.plot(
                x[shown], y[shown], color=look["color"], marker=look["marker"], ls="",
                mfc=face, ms=5, zorder=4 if chosen else 2,
            )  # fmt: skip
        self.ax_.plot(
            [], [], **look, lw=2.4 if chosen else 1.2, ms=5, label=f"{label}  {least:.5g}"
        )

    def _ring(self) -> None:
        """Mark the best model, and clip the axis near its value."""
        K, name = self.best
        sign, sizes = _sign(self.criterion), np.unique(self.n_components)
        side = "center" if sizes[0] < K < sizes[-1] else "left" if sizes[0] == K else "right"
        own = self.covariance_type == name
        value = float(self.values[own & (self.n_components == K)][0])
        self.ax_.plot(K, value, "o", ms=15, mfc="none", mec="#D55E00", mew=2.2, zorder=5)
        self.ax_.annotate(
            f"{_look(name)[1]}, K = {K}", (K, value), (0, -14 * sign), textcoords="offset points",
            ha=side, va="top" if sign > 0 else "bottom", color="#D55E00", weight="bold",
        )  # fmt: skip
        behind = [abs(least - value) for _, least in self._ranked()]
        near = np.quantile(behind, 0.75)
        # With few structures a single bad one would inflate the quartile.
        near = min(near, _STRETCH * np.quantile(behind, 0.75, method="lower"))
        near = max(near, np.nanmedian(abs(self.values[own] - value)))
        height = sign * max(_REACH * near, 1e-3 * abs(value))
        self.ax_.set_ylim(*sorted((value - _BELOW * height, value + height)))


def _sign(criterion: str) -> float:
    """1 where lower is better, -1 where higher is."""
    return -1.0 if criterion.endswith("log_likelihood") else 1.0


def _label(criterion: str) -> str:
    if _sign(criterion) > 0:
        return f"{criterion.upper()}  (lower is better)"
    name = criterion.replace("held_out_", "held-out ").replace("_", "-")
    return f"{name}, nats{' per sample' * name.startswith('held')}  (higher is better)"


def _look(name: str) -> tuple[dict[str, Any], str]:
    """Style and label of the line of a structure."""
    code = find_structure(name).code
    label = code if code == name else f"{code} '{name}'"
    if len(code) != 3 or code[0] not in _LINES:
        return dict(_OTHER), name
    volume, shape, orientation = tuple(code)
    colour = _style.resolved(_COLOURS["s" if shape == "I" else orientation])
    return {"color": colour, "ls": _LINES[volume], "marker": _MARKERS[shape]}, label
