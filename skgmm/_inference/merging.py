"""Combine the components of a mixture into clusters (Baudry et al. 2010)."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr
from sklearn.utils.validation import check_is_fitted

from skgmm._inference.bend import bend_of
from skgmm._inference.predict import MixtureInference, mixture_of
from skgmm._linalg import Array
from skgmm._rows.checks import check_weights_of_rows
from skgmm._rows.intake import complete_or_not

# Decreases of the entropy that differ by less than this part, or by less than this per sample, are
# ties.
_TIE = 1e-10


@dataclass(frozen=True)
class MergedComponents:
    """Clusters that are made of one or more components of a mixture.

    The result of :func:`merge_components`; :class:`skgmm.display.EntropyDisplay` plots it.

    Attributes
    ----------
    merges : list of pairs of lists of int
        The K - 1 merges in their order: the components of the two clusters that became one.
    entropies : ndarray of shape (n_components,)
        Entropy of the assignment in nats, summed over samples; `entropies[m - 1]` with m clusters.
    n_clusters : int
        As given, or at the bend of the entropies.
    labels : ndarray of int64, shape (n_components,)
        The cluster of each component. Clusters are numbered by their first components.
    """

    merges: list[tuple[list[int], list[int]]]
    entropies: Array
    n_clusters: int
    labels: Array
    _mixture: MixtureInference = field(repr=False)

    def predict(self, X: ArrayLike) -> Array:
        """The most probable cluster of each sample.

        Not always that of its most probable component: the responsibilities of components are
        added first.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        labels : ndarray of int64, shape (n_samples,)
            -1 where noise is more probable.
        """
        labels = self.predict_proba(X).argmax(axis=1)
        return np.where(labels == self.n_clusters, -1, labels)

    def predict_proba(self, X: ArrayLike) -> Array:
        """The probability of each cluster given each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        responsibilities : ndarray of shape (n_samples, n_clusters)
            With noise there is one column more, the last.
        """
        responsibilities = self._mixture.predict_proba(X)
        clusters = _sums(responsibilities, self.labels, self.n_clusters)
        return np.column_stack([clusters, responsibilities[:, len(self.labels) :]])


def merge_components(
    mixture: Any,
    X: ArrayLike,
    n_clusters: int | None = None,
    sample_weight: ArrayLike | None = None,
) -> MergedComponents:
    """Merge components into clusters, which need not be Gaussian.

    BIC chooses as many components as the density needs; a cluster of another shape takes several.
    Here those two clusters are merged, again and again, whose union decreases the entropy
    of the assignment, -sum_i sum_c t_ic log t_ic, most. The density of the mixture is unchanged.

    Parameters
    ----------
    mixture : GaussianMixtureEM or search
        Fitted.
    X : array-like of shape (n_samples, n_features)
        Samples over which the entropy is summed, usually those of the fit.
    n_clusters : int, default=None
        Number of clusters. None chooses it at the bend of the entropies as a function of the number
        of clusters: the two straight lines that fit them best, with a common point, meet there.
        Without a bend (and for two components, which have none) nothing is merged. This is a
        rule of thumb: look at :class:`skgmm.display.EntropyDisplay`.
    sample_weight : array-like of shape (n_samples,), default=None
        How often each sample counts.

    Returns
    -------
    merged : MergedComponents

    Notes
    -----
    Of merges that decrease the entropy equally, up to rounding, that of the smallest component
    numbers is made. A noise component is never merged, and its terms are not in the entropy.

    References
    ----------
    Baudry, Raftery, Celeux, Lo & Gottardo (2010), Combining mixture components for clustering.

    Examples
    --------
    >>> from skgmm import GaussianMixtureEM, merge_components
    >>> mixture = GaussianMixtureEM.from_parameters(
    ...     [0.3, 0.3, 0.4], [[0.0], [1.0], [9.0]], [[1.0], [1.0], [1.0]], "diag")
    >>> X, _ = mixture.sample(500, random_state=0)
    >>> merged = merge_components(mixture, X)
    >>> merged.n_clusters, merged.labels.tolist()
    (2, [0, 0, 1])
    """
    found = mixture_of(mixture)
    check_is_fitted(found)
    n_components = len(found.means_)
    _check_n_clusters(n_clusters, n_components)
    array = complete_or_not(found, X, "merge_components")
    weights = check_weights_of_rows(sample_weight, array)
    weights = np.ones(len(array)) if weights is None else weights
    responsibilities = found.predict_proba(X)[:, :n_components].astype(np.float64)
    merges, entropies = _merged(responsibilities[weights > 0], weights[weights > 0])
    if n_clusters is None:
        n_clusters = bend_of(entropies)
    labels = _labels(merges, n_components, int(n_clusters))
    return MergedComponents(merges, entropies, int(n_clusters), labels, found)


def _check_n_clusters(n_clusters: Any, n_components: int) -> None:
    if n_clusters is None:
        return
    if not isinstance(n_clusters, (int, np.integer)) or not 1 <= n_clusters <= n_components:
        raise ValueError(
            f"n_clusters should be None or an integer from 1 to the number of components, "
            f"{n_components}, but got {n_clusters!r}"
        )


def _merged(
    responsibilities: Array, weights: Array
) -> tuple[list[tuple[list[int], list[int]]], Array]:
    """All merges, from K clusters to one, and the entropies (K,) of 1 to K clusters."""
    columns = dict(enumerate(responsibilities.T.copy()))
    members = {k: [k] for k in columns}
    gains = {pair: _gain(columns, pair, weights) for pair in combinations(columns, 2)}
    entropies, merges = [_entropy(columns, weights)], []
    while len(columns) > 1:
        a, b = _best_pair(gains, weights.sum())
        merges.append((members[a], members.pop(b)))
        members[a] = sorted(merges[-1][0] + merges[-1][1])
        columns[a] = columns[a] + columns.pop(b)
        gains = {pair: gain for pair, gain in gains.items() if not {a, b} & {*pair}}
        for other in columns:
            if other != a:
                pair = min(a, other), max(a, other)
                gains[pair] = _gain(columns, pair, weights)
        entropies.append(_entropy(columns, weights))
    return merges, np.array(entropies[::-1])


def _entropy(columns: dict[int, Array], weights: Array) -> float:
    # Responsibilities of one cluster sum to 1 up to rounding, from which nothing negative is left.
    terms = sum(entr(np.minimum(column, 1.0)) for column in columns.values())
    return float(weights @ terms)


def _gain(columns: dict[int, Array], pair: tuple[int, int], weights: Array) -> float:
    """By how much the union of two clusters decreases the entropy; without cancellation."""
    first, second = columns[pair[0]], columns[pair[1]]
    return float(weights @ (_part(first, second) + _part(second, first)))


def _part(own: Array, other: Array) -> Array:
    """own x log(1 + other / own), 0 where own is 0."""
    some = own > 0
    with np.errstate(over="ignore"):
        ratio = np.divide(other, own, out=np.zeros_like(own), where=some)
    return own * np.log1p(np.minimum(ratio, np.finfo(np.float64).max))


def _best_pair(gains: dict[tuple[int, int], float], n_samples: float) -> tuple[int, int]:
    largest = max(gains.values())
    least = largest - _TIE * max(largest, n_samples)
    return min(pair for pair, gain in gains.items() if gain >= least)


def _labels(merges: list[tuple[list[int], list[int]]], n_components: int, n_clusters: int) -> Array:
    """The cluster of each component (K,), numbered by their first components."""
    first = np.arange(n_components)
    for one, other in merges[: n_components - n_clusters]:
        first[other] = one[0]
    return np.unique(first, return_inverse=True)[1].astype(np.int64)


def _sums(responsibilities: Array, labels: Array, n_clusters: int) -> Array:
    """Responsibilities of clusters (n, n_clusters) from those of components."""
    belongs = np.eye(n_clusters, dtype=responsibilities.dtype)[labels]
    return responsibilities[:, : len(labels)] @ belongs
