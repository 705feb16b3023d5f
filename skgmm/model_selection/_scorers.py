"""Criteria as scorers of scikit-learn: higher is better, so they are the negative criteria."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike


def bic_scorer(estimator: Any, X: ArrayLike, y: Any = None) -> float:
    """The negative BIC, for `scoring` of scikit-learn's GridSearchCV and its kin.

    Criteria judge a model by the rows that it was fitted to, so pass them all as both parts of one
    split, as in the example; with folds it is the BIC of the rows held out.

    Parameters
    ----------
    estimator : estimator with a method `bic`
        Or a Pipeline that ends in one. Criteria of models of differently transformed rows cannot
        be compared.
    X : array-like of shape (n_samples, n_features)
    y : Ignored

    Returns
    -------
    score : float
        Higher is better.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skgmm import GaussianMixtureEM, bic_scorer
    >>> X = load_iris().data
    >>> every_row = np.arange(len(X))
    >>> grid = {"n_components": [1, 2, 3], "covariance_type": ["full", "VEV"]}
    >>> search = GridSearchCV(
    ...     GaussianMixtureEM(random_state=0), grid, scoring=bic_scorer,
    ...     cv=[(every_row, every_row)])
    >>> search.fit(X).best_params_
    {'covariance_type': 'VEV', 'n_components': 2}
    """
    return -_criterion(estimator, X, "bic")


def aic_scorer(estimator: Any, X: ArrayLike, y: Any = None) -> float:
    """The negative AIC, for scikit-learn's `scoring`; as :func:`bic_scorer`.

    Parameters
    ----------
    estimator : estimator with a method `aic`
        Or a Pipeline that ends in one.
    X : array-like of shape (n_samples, n_features)
    y : Ignored

    Returns
    -------
    score : float
        Higher is better.
    """
    return -_criterion(estimator, X, "aic")


def icl_scorer(estimator: Any, X: ArrayLike, y: Any = None) -> float:
    """The negative ICL, for scikit-learn's `scoring`; as :func:`bic_scorer`.

    Parameters
    ----------
    estimator : estimator with a method `icl`
        Or a Pipeline that ends in one.
    X : array-like of shape (n_samples, n_features)
    y : Ignored

    Returns
    -------
    score : float
        Higher is better.
    """
    return -_criterion(estimator, X, "icl")


def _criterion(estimator: Any, X: ArrayLike, name: str) -> float:
    if hasattr(estimator, "named_steps"):
        X, estimator = estimator[:-1].transform(X), estimator[-1]
    return float(getattr(estimator, name)(X))
