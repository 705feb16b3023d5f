"""Values that a mixture expects: `impute` missing ones, `denoise` measured ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skgmm._fitted import of_one_fit
from skgmm._inference.fitted_mixture import FittedMixture
from skgmm._inference.representation import named_after
from skgmm._linalg import Array
from skgmm._rows.deconvolution import denoised
from skgmm._rows.imputation import drawn, imputed
from skgmm._rows.intake import complete_or_not
from skgmm._rows.measurement_errors import check_errors


@named_after("GaussianMixtureEM")
class CompletionMixin(FittedMixture):
    """Expected values of a mixture (`MixtureInference`)."""

    @of_one_fit
    def denoise(self, X: ArrayLike, error_covariance: ArrayLike) -> Array:
        """Expected true values of samples that were measured with errors.

        Weighted by the responsibilities (Bovy, Hogg & Roweis 2011). Missing values are filled in,
        and values without error are unchanged. A noise component is left out.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        error_covariance : array-like
            Variances (n_samples, n_features), or covariances (n_samples, n_features, n_features),
            of the errors with which X was measured.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            In the dtype of X.
        """
        check_is_fitted(self)
        array = complete_or_not(self, X)
        errors = check_errors(error_covariance, array, self)
        filled = imputed(array, self._parameters())
        return filled if errors is None else denoised(array, errors, filled, self._parameters())

    @of_one_fit
    def impute(
        self,
        X: ArrayLike,
        *,
        n_draws: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> Array:
        """Fill in missing values, from what was observed of the same sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN where a value is missing.
        n_draws : int, default=None
            None fills in conditional means, the best guess in squared error. A number m makes m
            copies with draws from the conditional distribution, for multiple imputation: what is
            computed from them varies as much as the missing values leave open.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws; None as in `sample`.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features), or (n_draws, n_samples, n_features)
            In the dtype of X (float64 if that is not float32). Observed values are unchanged.

        Examples
        --------
        >>> import numpy as np
        >>> from skgmm import GaussianMixtureEM
        >>> mixture = GaussianMixtureEM.from_parameters([1.0], [[0, 0]], [[[1, 0.5], [0.5, 1]]])
        >>> mixture.impute([[2.0, np.nan]])
        array([[2., 1.]])
        """
        check_is_fitted(self)
        array = complete_or_not(self, X)
        if n_draws is None:
            return imputed(array, self._parameters())
        if not isinstance(n_draws, (int, np.integer)) or n_draws < 1:
            raise ValueError(f"n_draws should be a positive integer or None, but got {n_draws!r}")
        if random_state is None and isinstance(self.random_state, np.random.RandomState):
            random_state = self.random_state
        rng = check_random_state(random_state)
        return drawn(array, self._parameters(), rng, int(n_draws))
