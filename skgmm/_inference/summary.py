"""The summary of a mixture: a report that prints itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skgmm._fitted import of_one_fit
from skgmm._inference.features import names_of_features
from skgmm._inference.fitted_mixture import FittedMixture
from skgmm._inference.report import Facts, Report, Section, Table
from skgmm._inference.report.numbers import count, counted
from skgmm._inference.representation import named_after
from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters, bic
from skgmm.covariance import Structure

_FEATURES = 12
"""Features and pairs of features shown."""


@dataclass(frozen=True, repr=False)
class MixtureReport(Report):
    """Result of :meth:`GaussianMixtureEM.summary`.

    ``print`` gives text that fits the width of the terminal, and notebooks show a table: features
    down, components across.
    """


@named_after("GaussianMixtureEM")
class SummaryMixin(FittedMixture):
    """Method `summary` of a mixture (`MixtureInference`)."""

    @of_one_fit
    def summary(self) -> MixtureReport:
        """Summary of the mixture: components, log-likelihood, criteria and status.

        Returns
        -------
        report : MixtureReport
            Prints itself: text that fits the width of the terminal, or a table in a notebook, with
            features down and components across. Its `to_frame` is the table as a pandas data frame.
            After a fit it has the number of samples of each component, the sum of their
            responsibilities, which are those of the fit. ICL is computed for no more than 10,000
            samples, and by :class:`GaussianMixtureSearch`.

        Examples
        --------
        >>> from skgmm import GaussianMixtureEM
        >>> mixture = GaussianMixtureEM.from_parameters(
        ...     [0.4, 0.6], [[0, 10], [5, 20]], [[1, 4], [1, 9]], "diag")
        >>> print(mixture.summary())
        Gaussian mixture: 2 components, 2 features, 9 free parameters
        Covariances: diag (axis-aligned, varying volume and shape)
        <BLANKLINE>
        component       0       1
        weight     0.4000  0.6000
        mean
          x0       0.0000  5.0000
          x1       10.000  20.000
        standard deviation
          x0       1.0000  1.0000
          x1       2.0000  3.0000
        <BLANKLINE>
        Ended: given parameters
        """
        check_is_fitted(self)
        return summarise(self, self._parameters(), self._structure(), self._n_free())


def summarise(
    mixture: Any, parameters: MixtureParameters, structure: Structure, n_free: int
) -> MixtureReport:
    """Report of a fitted (or given) mixture; see `GaussianMixtureEM.summary`."""
    parts: list[Facts | Table] = [
        Facts(tuple(_model(mixture, parameters, structure, n_free))),
        _table(mixture, parameters),
    ]
    if hasattr(mixture, "status_"):
        parts.append(Facts(tuple(_ending(mixture, n_free))))
    return MixtureReport(tuple(parts))


def _model(
    mixture: Any, parameters: MixtureParameters, structure: Structure, n_free: int
) -> list[tuple[str, str]]:
    """What was fitted."""
    sizes = counted(parameters.n_components, "component"), counted(parameters.n_features, "feature")
    lines = [
        ("Gaussian mixture", f"{sizes[0]}, {sizes[1]}, {n_free:,} free parameters"),
        ("Covariances", f"{structure.name} ({structure.in_words})"),
    ]
    if hasattr(mixture, "noise_weight_"):
        noise = f"weight {mixture.noise_weight_:.4f}, volume {mixture.noise_volume_:.5g}"
        lines.append(("Noise", noise))
    if hasattr(mixture, "prior_"):
        lines.append(
            ("Prior", f"{_prior_in_words(mixture.prior_)}; log prior {mixture.log_prior_:.4f}")
        )
    if fixed := getattr(mixture, "_fixed_in_words", ""):
        lines.append(("Fixed", fixed))
    return lines


def _prior_in_words(prior: Any) -> str:
    weight_rows = np.unique(prior.weight_rows)
    of_weights = f"{weight_rows[0]:.4g}" if len(weight_rows) == 1 else "different numbers"
    return (
        f"ConjugatePrior of {prior.covariance_rows:.4g} samples in each covariance, "
        f"{prior.mean_rows:.4g} in each mean, {of_weights} in each weight"
    )


def _table(mixture: Any, parameters: MixtureParameters) -> Table:
    """Features down, components across."""
    K, names = parameters.n_components, names_of_features(mixture)
    deviations = np.broadcast_to(np.sqrt(parameters.covariance.variances()), parameters.means.shape)
    weights = Section("", ("weight",), (_floats(parameters.weights),), ".4f")
    sections = [weights]
    mass = _samples_of_components(mixture)
    if mass is not None:
        label = ("n (sum of responsibilities)",)
        sections.insert(0, Section("", label, (_floats(mass),), ",.1f"))
    for title, values in (("mean", parameters.means), ("standard deviation", deviations)):
        sections.append(
            Section(title, tuple(names), _lines(values.T), noun="features", shown=_FEATURES)
        )
    if (pairs := _correlations(parameters, deviations, names)) is not None:
        sections.append(pairs)
    return Table(
        tuple(range(K)),
        tuple(sections),
        across="component",
        noun="components",
        index=("quantity", "feature"),
    )


def _samples_of_components(mixture: Any) -> Array | None:
    """Expected number of samples of each component (K,); None for parameters that were given."""
    state = getattr(mixture, "_memory", None)
    if state is None or not hasattr(mixture, "total_weight_"):
        return None
    part = np.asarray(state["mass"]) / state["total_weight"]  # of a stream: discounted
    return part * mixture.total_weight_


def _correlations(
    parameters: MixtureParameters, deviations: Array, names: list[str]
) -> Section | None:
    """Correlations of pairs of features, the largest if there are many pairs."""
    K, d = parameters.n_components, parameters.n_features
    if parameters.covariance.diagonal or d == 1:
        return None
    first, second = np.triu_indices(d, 1)
    dense = parameters.covariance.dense()[:, first, second]
    units = deviations[:, first] * deviations[:, second]
    correlations = np.broadcast_to(dense / units, (K, len(first)))
    if not correlations.any():
        return None
    title, chosen = "correlation", np.arange(len(first))
    if len(first) > _FEATURES:
        title = "correlation, largest pairs"
        chosen = np.argsort(-np.abs(correlations).max(axis=0), kind="stable")[:_FEATURES]
    labels = tuple(f"{names[first[p]]}, {names[second[p]]}" for p in chosen)
    left_out = len(first) - len(chosen)
    lines = _lines(correlations[:, chosen].T)
    return Section(title, labels, lines, ".3f", "pairs of features", left_out=left_out)


def _ending(mixture: Any, n_free: int) -> list[tuple[str, str]]:
    """Criteria, and how the fit ended."""
    if not hasattr(mixture, "total_weight_"):  # not fitted here
        return [("Ended", mixture.status_)]
    n = mixture.total_weight_
    total = mixture.lower_bound_ * n
    schwarz = float(bic(total, n_free, n))
    certainty = getattr(mixture, "_log_certainty", None)
    if certainty is None:
        icl = "mixture.icl(X) computes it from the samples"
    else:
        icl = f"{schwarz - 2.0 * certainty:.4f} (lower is better)"
    return [
        ("Samples", count(n)),
        ("Log-likelihood", f"{total:.4f} (df {n_free:,}), {mixture.lower_bound_:.6f} per sample"),
        ("BIC", f"{schwarz:.4f} (lower is better)"),
        ("ICL", icl),
        ("Ended", f"{mixture.status_} after {counted(mixture.n_iter_, 'iteration')}"),
    ]


def _floats(values: Array) -> tuple[float, ...]:
    return tuple(values.tolist())


def _lines(values: Array) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, values.tolist()))
