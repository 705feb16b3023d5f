"""Information criteria of a fitted mixture: `bic`, `aic` and `icl`."""

from __future__ import annotations

import warnings

from numpy.typing import ArrayLike

from skgmm._fitted import of_one_fit
from skgmm._inference.fitted_mixture import FittedMixture
from skgmm._inference.representation import named_after
from skgmm._parameters import aic, bic
from skgmm._rows.base import Rows
from skgmm._validation import scale_of_weights


@named_after("GaussianMixtureEM")
class CriteriaMixin(FittedMixture):
    """Criteria of a mixture (`MixtureInference`), which compare models."""

    @of_one_fit
    def bic(
        self,
        X: ArrayLike,
        sample_weight: ArrayLike | None = None,
        error_covariance: ArrayLike | None = None,
    ) -> float:
        """Bayesian information criterion; lower is better.

        -2 log-likelihood + ``n_parameters_`` x log(n) (Schwarz 1978), n the sum of the weights.
        mclust reports the negative of this.

        Parameters
        ----------
        X : array-like, RowBlocks or Dask collection of shape (n_samples, n_features)
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sample counts; the number of samples is the sum of the weights.
        error_covariance : array-like, default=None
            Variances (n_samples, n_features), or covariances (n_samples, n_features, n_features),
            of the errors with which X was measured.

        Returns
        -------
        bic : float

        Warns
        -----
        UserWarning
            If the weights sum to far less than the effective number of samples, or to less than the
            number of parameters.
        """
        return float(bic(*self._totals(self._rows(X, sample_weight, error_covariance))))

    @of_one_fit
    def aic(
        self,
        X: ArrayLike,
        sample_weight: ArrayLike | None = None,
        error_covariance: ArrayLike | None = None,
    ) -> float:
        """Akaike information criterion; lower is better.

        -2 log-likelihood + 2 ``n_parameters_`` (Akaike 1974).

        Parameters
        ----------
        X : array-like, RowBlocks or Dask collection of shape (n_samples, n_features)
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sample counts; the number of samples is the sum of the weights.
        error_covariance : array-like, default=None
            Variances (n_samples, n_features), or covariances (n_samples, n_features, n_features),
            of the errors with which X was measured.

        Returns
        -------
        aic : float

        Warns
        -----
        UserWarning
            If the weights sum to far less than the effective number of samples, or to less than the
            number of parameters.
        """
        log_likelihood, n_free, _ = self._totals(self._rows(X, sample_weight, error_covariance))
        return float(aic(log_likelihood, n_free))

    @of_one_fit
    def icl(
        self,
        X: ArrayLike,
        sample_weight: ArrayLike | None = None,
        error_covariance: ArrayLike | None = None,
    ) -> float:
        """Integrated completed likelihood; lower is better.

        BIC - 2 sum_i log(largest responsibility of sample i) (Biernacki, Celeux & Govaert 2000):
        BIC with a penalty for uncertain assignments, so it favours separated clusters.

        Parameters
        ----------
        X : array-like, RowBlocks or Dask collection of shape (n_samples, n_features)
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sample counts; the number of samples is the sum of the weights.
        error_covariance : array-like, default=None
            Variances (n_samples, n_features), or covariances (n_samples, n_features, n_features),
            of the errors with which X was measured.

        Returns
        -------
        icl : float

        Warns
        -----
        UserWarning
            If the weights sum to far less than the effective number of samples, or to less than the
            number of parameters.
        """
        rows = self._rows(X, sample_weight, error_covariance)
        penalty = -2.0 * rows.log_certainty(self._parameters())
        return float(bic(*self._totals(rows))) + penalty

    def _totals(self, rows: Rows) -> tuple[float, int, float]:
        """Log-likelihood, free parameters and number of samples: what criteria are made of."""
        n_free = self._n_free()
        log_likelihood, weight, effective = rows.log_likelihood(self._parameters())
        if (message := scale_of_weights(weight, effective, n_free)) is not None:
            warnings.warn(message, UserWarning, stacklevel=3)
        return log_likelihood, n_free, weight
