"""CriterionDisplay: a criterion against the number of components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skgmm._inference import MixtureInference
from skgmm.display import _style
from skgmm.display._criterion_lines import Models, look_of, short_name, volume_of
from skgmm.display._text import fit_legend, keep_inside, label_axis, mark_clipped, points_high

_CRITERIA = ("bic", "icl", "aic", "log_likelihood", "held_out_log_likelihood")
# Numbers of components at the axis, and in axes that are narrower than this many inches.
_MOST_TICKS, _FEW_TICKS, _NARROW = 15, 5, 2.5
# Below the best value: part of the height of the axes, and points for the name of the model.
_BELOW, _POINTS_BELOW = 0.12, 32.0
# Structures in a legend within the axes, if there is no room for all.
_SOME = (6, 3)


class CriterionDisplay(_style.Display):
    """Plot of a criterion against the number of components, one line for each structure.

    The best model is marked by a ring. The style of a line shows the three letters of the
    structure. Volume: solid if equal, dashed if varying. Shape: circles for spheres, squares if
    equal, triangles if varying. Orientation: orange for spheres, light blue if axis-aligned, blue
    if equal, black (white in a dark style) if varying. Models that could not be fitted leave a gap;
    hollow markers are fits that did not converge. The axis is clipped near the best value, and
    triangles at its end mark worse models beyond. Criteria are lower for better models,
    log-likelihoods higher. Of one feature there are two structures: E, equal variances, and V.

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
        Where it was plotted last.
    figure_ : matplotlib Figure
        The figure of `ax_`.
    """

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
        if getattr(estimator, "n_features_in_", None) == 1:
            display._merge_structures()
        return display.plot(ax, **options)

    def _merge_structures(self) -> None:
        """Of one feature, structures differ only in whether variances are equal."""
        models = self._models().of_one_feature()
        self.n_components, self.covariance_type, self.values, self.converged = models[:4]
        self.best = self.best[0], volume_of(self.best[1])

    def plot(self, ax: Any = None, *, legend: bool = True) -> CriterionDisplay:
        """Plot again.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on. None creates a new figure.
        legend : bool, default=True
            Whether to add a legend with the structures, the best first: beside the axes of a new
            figure, and within given axes, with fewer structures if they are small.

        Returns
        -------
        self : CriterionDisplay
        """
        self._take(ax, (7.2, 4.6))
        models = self._models()
        lines = [self._line(models.of(name), name, least) for name, least in models.ranked()]
        sizes = np.unique(self.n_components)
        most = _MOST_TICKS if self.ax_.bbox.width > _NARROW * self.figure_.dpi else _FEW_TICKS
        self.ax_.set_xticks(sizes[:: -(-len(sizes) // most)])
        _style.open_frame(self.ax_)
        label_axis(self.ax_.xaxis, "number of components", "components")
        label_axis(self.ax_.yaxis, *_labels(self.criterion))
        self._limit(models)
        lines += self._mark_clipped(models)
        self._ring(models)
        if legend and ax is None:
            # Fourteen names fit beside the axes, not on them.
            options = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "frameon": False}
            self.ax_.legend(handles=lines, fontsize=8, **options)
        elif legend:
            some = [lines[:n] for n in _SOME if n < len(lines)]
            # Beside the ring and its label.
            side = "right" if self.best[0] <= sizes.mean() else "left"
            place = f"{'lower' if models.sign > 0 else 'upper'} {side}"
            fit_legend(self.ax_, lines, *some, widest=0.5, loc=place)
        return self

    def _models(self) -> Models:
        sign = _sign(self.criterion)
        names = self.covariance_type
        return Models(self.n_components, names, self.values, self.converged, sign)

    def _line(self, models: Models, name: str, least: float) -> Any:
        """Draw the line of a structure; its handle for the legend."""
        from matplotlib.lines import Line2D

        x, y, converged = models.n_components, models.values, models.converged
        chosen = name == self.best[1]
        look, label = look_of(name)
        width, on_top = (2.4, 3) if chosen else (1.2, 2)
        self.ax_.plot(x, y, **{**look, "marker": ""}, lw=width, zorder=on_top)
        for face, shown in ((look["color"], converged), (_style.paper(), ~converged)):
            self.ax_.plot(
                x[shown], y[shown], color=look["color"], marker=look["marker"], ls="",
                mfc=face, ms=5, zorder=4 if chosen else 2,
            )  # fmt: skip
        return Line2D([], [], **look, lw=width, ms=5, label=f"{label}  {least:.5g}")

    def _limit(self, models: Models) -> None:
        """Clip the axis near the best value, with room for the name of the model."""
        value = models.value(*self.best)
        height = models.sign * models.reach(value, self.best[1])
        part = min(_POINTS_BELOW / points_high(self.ax_), 0.4)
        below = max(_BELOW, part / (1.0 - part))
        self.ax_.set_ylim(*sorted((value - below * height, value + height)))

    def _mark_clipped(self, models: Models) -> list[Any]:
        """Mark where models are off the axis; a handle for the legend if there are any."""
        low, high = self.ax_.get_ylim()
        beyond = models.values > high if models.sign > 0 else models.values < low
        number = int(beyond.sum())
        if not number:
            return []
        label = f"{number} worse model{'' if number == 1 else 's'} off the axis"
        x = np.unique(models.n_components[beyond])
        return [mark_clipped(self.ax_, x, at_top=models.sign > 0, label=label)]

    def _ring(self, models: Models) -> None:
        """Mark the best model."""
        (K, name), value = self.best, models.value(*self.best)
        self.ax_.plot(K, value, "o", ms=15, mfc="none", mec=_style.RING, mew=2.2, zorder=5)
        named = self.ax_.annotate(
            f"{short_name(name)}, K = {K}", (K, value), (0, -14 * models.sign), ha="center",
            textcoords="offset points", va="top" if models.sign > 0 else "bottom",
            color=_style.RING, weight="bold",
        )  # fmt: skip
        keep_inside(self.ax_, named)


def _sign(criterion: str) -> float:
    """1 where lower is better, -1 where higher is."""
    return -1.0 if criterion.endswith("log_likelihood") else 1.0


def _labels(criterion: str) -> tuple[str, ...]:
    """Label of the axis, and shorter ones."""
    if _sign(criterion) > 0:
        return f"{criterion.upper()}  (lower is better)", criterion.upper()
    name = criterion.replace("held_out_", "held-out ").replace("_", "-")
    unit = f"nats{' per sample' * name.startswith('held')}"
    return f"{name}, {unit}  (higher is better)", f"{name} ({unit})", name
