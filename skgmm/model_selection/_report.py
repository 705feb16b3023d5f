"""The report of a search: which models were compared, the best of them, and what failed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skgmm._fitted import of_one_fit
from skgmm._inference.report import Facts, Report, Section, Table
from skgmm._inference.report.numbers import Cell, counted
from skgmm._linalg import Array

_BEST = 3
"""Models that are compared with each other."""

_NAMES = {"bic": "BIC", "icl": "ICL", "aic": "AIC", "log_likelihood": "held-out log-likelihood"}

# What differs between failures for the same reason: names, lists of components, and numbers.
_NUMBER = r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?"
_DETAILS = re.compile(rf"'[^']*'|\[[^]]*\]|{_NUMBER}(, {_NUMBER})*")


@dataclass(frozen=True, repr=False)
class SearchReport(Report):
    """Result of :meth:`GaussianMixtureSearch.summary`.

    ``print`` gives text that fits the width of the terminal, and notebooks show tables.
    """


class SearchSummary:
    """Method `summary` of a search."""

    @of_one_fit
    def summary(self) -> SearchReport:
        """Report of the search.

        The criterion, how many models were fitted, the best three, why others failed or are
        inadmissible, and the criterion by structure and number of components. The best model has a
        summary of its own, ``search.best_estimator_.summary()``.

        Returns
        -------
        report : SearchReport
            Prints itself: text that fits the width of the terminal, or tables in a notebook. Its
            `to_frame` is the table of the criterion as a pandas data frame.
        """
        check_is_fitted(self)
        return report_of(self)


@dataclass(frozen=True)
class _Compared:
    """The models of a search, and what they are compared by."""

    results: dict[str, Array]
    best: int  # row
    criterion: str

    @property
    def name(self) -> str:
        return _NAMES[self.criterion]

    @property
    def sign(self) -> float:
        """Of a difference from the best that is positive for worse models."""
        return -1.0 if self.criterion == "log_likelihood" else 1.0

    @property
    def scores(self) -> Array:
        column = self.criterion
        return self.results["held_out_" + column if column == "log_likelihood" else column]

    def label(self, row: int) -> str:
        """The model of a row."""
        size = int(self.results["n_components"][row])
        return f"{self.results['covariance_type'][row]}, {counted(size, 'component')}"


def report_of(search: Any) -> SearchReport:
    """Report of a fitted search; see `GaussianMixtureSearch.summary`."""
    criterion = getattr(search, "_fitted_criterion", search.criterion)
    compared = _Compared(search.results_, search.best_index_, criterion)
    parts = (
        Facts((("Search", _models(compared)), *_criterion(compared))),
        _best_models(compared),
        Facts(tuple(_failures(compared))),
        _by_structure(compared),
    )
    return SearchReport(tuple(part for part in parts if part != Facts(())))


def _models(compared: _Compared) -> str:
    sizes = sorted(set(compared.results["n_components"].tolist()))
    n_structures = len(set(compared.results["covariance_type"].tolist()))
    span = f"{sizes[0]} to {sizes[-1]}" if len(sizes) > 1 else str(sizes[0])
    noun = "component" if sizes == [1] else "components"
    return f"{span} {noun}, {counted(n_structures, 'covariance structure')}"


def _criterion(compared: _Compared) -> list[tuple[str, str]]:
    known = np.isfinite(compared.scores)
    direction = "lower" if compared.sign > 0 else "higher"
    unit = "" if compared.sign > 0 else ", nats per sample"
    compares = f"{compared.name} ({direction} is better{unit})"
    number = f"{int(known.sum()):,} of {counted(len(known), 'model')}"
    return [("Criterion", compares), ("Fitted", number), ("Best", compared.label(compared.best))]


def _best_models(compared: _Compared) -> Table:
    """The best three and how much worse than the best they are."""
    scores, results = compared.sign * compared.scores, compared.results
    order = [row for row in np.argsort(scores, kind="stable") if np.isfinite(scores[row])]
    order.sort(key=lambda row: row != compared.best)  # of ties the one that was chosen
    chosen = order[:_BEST]
    title = f"Best {len(chosen)} models" if len(chosen) > 1 else "Best model"
    lines = tuple(
        (
            f"{compared.scores[row]:{_form(compared)}}",
            f"{scores[row] - scores[compared.best]:{_form(compared)}}",
            int(results["n_parameters"][row]),
            f"{results['log_likelihood'][row]:.2f}",
        )
        for row in chosen
    )
    columns = (compared.name, "difference", "df", "log-likelihood")
    labels = tuple(map(compared.label, chosen))
    return Table(columns, (Section("", labels, lines),), title, index=("", "model"))


def _form(compared: _Compared) -> str:
    return ".2f" if compared.sign > 0 else ".4f"


def _short_form(compared: _Compared) -> str:
    """With the digits for which the table of the default search fits 80 columns."""
    if compared.sign < 0:
        return ".3f"
    return ".1f" if np.nanmax(np.abs(compared.scores)) < 1000.0 else ".0f"


def _failures(compared: _Compared) -> list[tuple[str, str]]:
    """Why models have no criterion: the number for each kind of reason, and an example."""
    rows = np.flatnonzero(~np.isfinite(compared.scores)).tolist()
    status = [_reason(str(compared.results["status"][row])) for row in rows]
    kinds = [_DETAILS.sub("#", text) for text in status]
    found = []
    for kind, number in Counter(kinds).most_common():
        first = kinds.index(kind)
        example = f"{compared.label(rows[first])}: {status[first]}"
        found.append((f"Not compared, {counted(number, 'model')}", f"for example {example}"))
    return found


def _reason(status: str) -> str:
    """Of a model that was fitted, but has no score."""
    plain = status.startswith(("inadmissible", "failed", "interrupted"))
    return status if plain else "no score in the cross-validation"


def _by_structure(compared: _Compared) -> Table:
    """The criterion, structures down and numbers of components across."""
    sizes = sorted(set(compared.results["n_components"].tolist()))
    structures = list(dict.fromkeys(compared.results["covariance_type"].tolist()))
    cells: list[list[Cell]] = [[None] * len(sizes) for _ in structures]
    for row, score in enumerate(compared.scores.tolist()):
        cells[_line(compared, row, structures)][_column(compared, row, sizes)] = (
            score if np.isfinite(score) else None
        )
    best = _line(compared, compared.best, structures), _column(compared, compared.best, sizes)
    section = Section(
        "",
        tuple(structures),
        tuple(map(tuple, cells)),
        form=_short_form(compared),
        noun="structures",
        shown=30,
        marked=best,
    )
    name = compared.name[0].upper() + compared.name[1:]
    return Table(
        tuple(sizes),
        (section,),
        f"{name} by structure and number of components (* best)",
        "components",
        noun="numbers of components",
        index=("", "covariance_type"),
    )


def _line(compared: _Compared, row: int, structures: Sequence[str]) -> int:
    return structures.index(str(compared.results["covariance_type"][row]))


def _column(compared: _Compared, row: int, sizes: Sequence[int]) -> int:
    return sizes.index(int(compared.results["n_components"][row]))
