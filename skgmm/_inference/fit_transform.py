"""`fit_transform` of what is fitted to samples with measurement errors."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import TransformerMixin

from skgmm._inference.representation import named_after


@named_after("GaussianMixtureEM")
class FitTransformMixin(TransformerMixin):
    """scikit-learn's, whose `fit_transform` would not pass errors on to `transform`."""

    def fit_transform(self, X: ArrayLike, y: Any = None, **fit_params: Any) -> Any:
        """Fit, and return the responsibilities as features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : Ignored
        **fit_params : dict
            Further parameters of `fit`.

        Returns
        -------
        responsibilities : ndarray of shape (n_samples, n_components), or a data frame
            The same as `fit(X).transform(X)`, with `error_covariance` in both where it is given.
        """
        errors = fit_params.get("error_covariance")
        if errors is None:
            return super().fit_transform(X, y, **fit_params)
        fitted: Any = self.fit(X, y, **fit_params)
        return fitted.transform(X, error_covariance=errors)
