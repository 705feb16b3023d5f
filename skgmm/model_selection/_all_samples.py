"""AllSamples: the splitter that makes no folds, for criteria that need none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from skgmm._linalg import Array


class AllSamples:
    """A single split of which both parts are all samples: `cv` for :obj:`bic_scorer` and others.

    BIC, AIC and ICL judge a model on the samples that it was fitted to, so the folds of a
    cross-validation make no sense for them.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skgmm import AllSamples, GaussianMixtureEM, bic_scorer
    >>> search = GridSearchCV(
    ...     GaussianMixtureEM(random_state=0), {"n_components": [1, 2, 3]},
    ...     scoring=bic_scorer, cv=AllSamples())
    >>> search.fit(load_iris().data).best_params_
    {'n_components': 2}
    """

    def __repr__(self) -> str:
        return "AllSamples()"

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Array, Array]]:
        """All samples, twice.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        y, groups : Ignored

        Yields
        ------
        train, test : ndarray of int, shape (n_samples,)
            The numbers of all samples.
        """
        n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
        yield np.arange(n_samples), np.arange(n_samples)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """The number of splits.

        Parameters
        ----------
        X, y, groups : Ignored

        Returns
        -------
        n_splits : int
            1
        """
        return 1
