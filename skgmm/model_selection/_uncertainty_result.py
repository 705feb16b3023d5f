"""The result of `parameter_uncertainty`, and its report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from skgmm._inference.report import Facts, Report, Reported, Section, Table
from skgmm._inference.report.numbers import counted
from skgmm._linalg import Array
from skgmm._moments import Scatter
from skgmm.covariance import find_structure

_SHOWN = 15
"""Lines shown of the means of a component, and of its covariances."""


@dataclass(frozen=True)
class Uncertainty:
    """Uncertainty of one fitted array; all attributes have its shape.

    Attributes
    ----------
    estimate : ndarray
        The fitted values.
    standard_error : ndarray
        Their standard errors.
    lower, upper : ndarray
        Limits of the confidence intervals.
    """

    estimate: Array
    standard_error: Array
    lower: Array
    upper: Array


@dataclass(frozen=True, repr=False)
class ParameterUncertainty(Reported):
    """Result of :func:`parameter_uncertainty`, which prints itself as a table.

    Attributes
    ----------
    weights, means, covariances : Uncertainty
        In the shapes of the mixture's `weights_`, `means_` and `covariances_`.
    method : str
        'information' or 'bootstrap'.
    level : float
        Level of the confidence intervals.
    draws : dict of ndarrays or None
        With method='bootstrap': 'weights' (b, K), 'means' (b, K, d), 'covariances' (b, ...) and
        'noise_weight' (b,) where there is noise, with components in the order of the mixture.
        Failed fits are omitted.
    noise_weight : Uncertainty or None
        Of the mixture's `noise_weight_`, if it has noise.
    covariance_type : str
        The structure of the mixture.
    feature_names : list of str
        Names of the features, or x0, x1, ...
    """

    weights: Uncertainty
    means: Uncertainty
    covariances: Uncertainty
    method: str
    level: float
    draws: dict[str, Array] | None = None
    noise_weight: Uncertainty | None = None
    covariance_type: str = "full"
    feature_names: list[str] | None = None

    def _report(self) -> Report:
        low = 50.0 * (1.0 - self.level)
        columns = ("estimate", "std. error", f"{low:.4g} %", f"{100.0 - low:.4g} %")
        table = Table(columns, tuple(self._sections()), index=("quantity", "parameter"))
        return Report((Facts(tuple(self._facts())), table))

    def _facts(self) -> list[tuple[str, str]]:
        if self.draws is None:
            method = "observed information"
        else:
            method = f"bootstrap, {counted(len(self.draws['weights']), 'fit')} to random weights"
        return [
            ("Standard errors", method),
            ("Confidence intervals", f"{100.0 * self.level:.4g} %"),
        ]

    def _sections(self) -> Iterator[Section]:
        K, d = self.means.estimate.shape
        names = self.feature_names or [f"x{j}" for j in range(d)]
        components = [f"component {k}" for k in range(K)]
        yield _section("weight", components, self.weights, ...)
        if self.noise_weight is not None:
            yield _section("", ["weight of noise"], self.noise_weight, ...)
        for k, component in enumerate(components):
            yield _section(f"mean of {component}", names, self.means, k)
        yield from self._of_covariances(names, components)

    def _of_covariances(self, names: list[str], components: list[str]) -> Iterator[Section]:
        """Variances and, once each, covariances of features."""
        shape, d = self.covariances.estimate.shape, len(names)
        dense = find_structure(self.covariance_type).scatter is not Scatter.DIAGONAL
        if len(shape) == 1:
            yield _section("variance of all features", components, self.covariances, ...)
        elif not dense:
            for k, component in enumerate(components):
                yield _section(f"variance of {component}", names, self.covariances, k)
        else:
            first, second = np.tril_indices(d)
            labels = [
                names[i] if i == j else f"{names[i]}, {names[j]}"
                for i, j in zip(first.tolist(), second.tolist(), strict=True)
            ]
            if len(shape) == 2:
                of_all = "covariance of all components"
                yield _section(of_all, labels, self.covariances, (first, second))
                return
            for k, component in enumerate(components):
                title = f"covariance of {component}"
                yield _section(title, labels, self.covariances, (k, first, second))


def _section(title: str, labels: list[str], found: Uncertainty, which: Any) -> Section:
    """A line for each of some values of an array."""
    columns = (found.estimate, found.standard_error, found.lower, found.upper)
    lines = zip(*(np.ravel(column[which]).tolist() for column in columns), strict=True)
    return Section(title, tuple(labels), tuple(lines), noun="parameters", shown=_SHOWN)
