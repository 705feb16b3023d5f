"""Criteria as scorers for scikit-learn: higher is better, so they are the negative criteria."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from skgmm._sklearn_compat import BaseScorer


class CriterionScorer(BaseScorer):
    """A negative criterion, for the parameter `scoring` of scikit-learn's GridSearchCV and others.

    The three instances are `bic_scorer`, `aic_scorer` and `icl_scorer`. Criteria are computed on
    the samples that a model was fitted to, so pass ``cv=AllSamples()``, as in the example; with
    folds the criterion is that of the held-out samples.

    The score of a mixture with a collapsed or degenerate component is NaN, with a warning, because
    its likelihood does not measure fit: such a model cannot win.

    Like other scorers they take `sample_weight`. GridSearchCV passes the weights of its `fit` to
    them; with metadata routing enabled, only if requested with
    ``bic_scorer.set_score_request(sample_weight=True)``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skgmm import AllSamples, GaussianMixtureEM, bic_scorer
    >>> X = load_iris().data
    >>> grid = {"n_components": [1, 2, 3], "covariance_type": ["full", "VEV"]}
    >>> search = GridSearchCV(
    ...     GaussianMixtureEM(random_state=0), grid, scoring=bic_scorer,
    ...     cv=AllSamples())
    >>> search.fit(X).best_params_
    {'covariance_type': 'VEV', 'n_components': 2}
    """

    def __init__(self, criterion: str) -> None:
        super().__init__(partial(_negative, criterion), 1, {}, "predict")
        self._name = f"{criterion}_scorer"

    def __repr__(self) -> str:
        return self._name

    # scikit-learn's own has no default for y.
    def __call__(
        self,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: Any = None,
        *,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """The negative criterion.

        Parameters
        ----------
        estimator : estimator with a method `bic`, `aic` or `icl`
            Or a Pipeline that ends in one. Criteria of models that were fitted to differently
            transformed samples cannot be compared.
        X : array-like of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sample counts.

        Returns
        -------
        score : float
            Higher is better; NaN if components have collapsed.
        """
        return self._score_func(estimator, X, sample_weight=sample_weight)

    def _score(
        self,
        method_caller: Any,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: Any = None,
        **options: Any,
    ) -> float:
        """Called by scikit-learn for one of several scorers."""
        return self(estimator, X, y, **options)


# scikit-learn reads the parameters of a scorer from the signature.
def _negative(
    name: str,
    estimator: BaseEstimator,
    X: ArrayLike,
    y: Any = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    if hasattr(estimator, "named_steps"):
        X, estimator = estimator[:-1].transform(X), estimator[-1]
    mixture = getattr(estimator, "best_estimator_", estimator)
    if degenerate := getattr(mixture, "_degenerate", []):
        warnings.warn(
            f"The {name.upper()} of GaussianMixtureEM(n_components={len(mixture.means_)}, "
            f"covariance_type={mixture.covariance_type_!r}) is given as NaN, because components "
            f"{degenerate} have collapsed: the likelihood does not measure fit. "
            "Increase reg_covar, or exclude such models.",
            ConvergenceWarning,
            stacklevel=3,
        )
        return np.nan
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    return -float(getattr(estimator, name)(X, **weights))


bic_scorer = CriterionScorer("bic")
"""The negative BIC as a :class:`CriterionScorer`."""

aic_scorer = CriterionScorer("aic")
"""The negative AIC as a :class:`CriterionScorer`."""

icl_scorer = CriterionScorer("icl")
"""The negative ICL as a :class:`CriterionScorer`."""
