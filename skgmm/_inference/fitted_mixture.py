"""The mixture that fitted attributes hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters, n_parameters
from skgmm._prior import ConjugatePrior
from skgmm._rows.base import Rows
from skgmm._rows.intake import rows_to_ask_about, with_errors
from skgmm._rows.noise import Background
from skgmm._rows.out_of_core import beside
from skgmm._sklearn_compat import MissingValuesMixin
from skgmm.covariance import Structure, find_structure


class FittedMixture(MissingValuesMixin):
    """What all methods of a mixture start from: its parameters, and validated samples."""

    if TYPE_CHECKING:
        n_components: int
        covariance_type: str
        reg_covar: float | str
        warm_up: int
        random_state: int | np.random.RandomState | None
        n_jobs: int | None
        noise: Any
        prior: Any
        weights_: Array
        means_: Array
        covariances_: Array
        precisions_: Array
        precisions_cholesky_: Array
        converged_: bool
        status_: str
        n_iter_: int
        lower_bound_: float
        lower_bounds_: list[float]
        starts_: dict[str, list[Any]]
        noise_weight_: float
        noise_volume_: float
        prior_: ConjugatePrior
        log_prior_: float
        n_parameters_: int
        covariance_type_: str
        reg_covar_: Array
        total_weight_: float
        n_features_in_: int
        feature_names_in_: Array
        _n_fixed: int
        _kept: dict[str, Any] | None
        _draws: dict[str, int] | None

    def __sklearn_is_fitted__(self) -> bool:
        # partial_fit sets n_features_in_ before there are enough samples for the first fit.
        return hasattr(self, "means_")

    def _structure(self) -> Structure:
        # The fitted one: set_params(covariance_type=...) must not change what a fit means.
        return find_structure(getattr(self, "covariance_type_", self.covariance_type))

    def _parameters(self) -> MixtureParameters:
        """The mixture, rebuilt from the fitted attributes."""
        if not self.__sklearn_is_fitted__():
            check_is_fitted(self)
        structure, means = self._structure(), self._in_float64("means_")
        if hasattr(self, "precisions_cholesky_"):
            factors = self._in_float64("precisions_cholesky_")
            covariance = structure.from_factors(factors, means.shape[1])
        else:  # a mixture that was put together by setting attributes
            covariance = structure.from_covariances(self.covariances_, means.shape[1])
        return MixtureParameters.from_weights(self._in_float64("weights_"), means, covariance)

    def _in_float64(self, name: str) -> Array:
        """A fitted attribute in float64: as it was before it was rounded, unless it was changed."""
        array = np.asarray(getattr(self, name))
        kept = getattr(self, "_unrounded", None)
        if kept is not None and array.dtype == np.float32:
            unrounded = kept[name]
            if np.array_equal(unrounded.astype(np.float32), array):
                return unrounded
        return array.astype(np.float64, copy=False)

    def _n_free(self) -> int:
        background = self._background()
        beside = 0 if background is None else background.n_parameters
        free = n_parameters(self._structure(), *np.shape(self.means_)) - getattr(
            self, "_n_fixed", 0
        )
        return free + beside

    def _background(self) -> Background | None:
        """The noise beside the components, if the model has any."""
        state = getattr(self, "_noise", None)
        return None if state is None else Background.from_state(state)

    def _rows(
        self,
        X: ArrayLike,
        sample_weight: ArrayLike | None = None,
        error_covariance: ArrayLike | None = None,
    ) -> Rows:
        """The validated samples."""
        check_is_fitted(self)
        rows = rows_to_ask_about(self, X, sample_weight, len(self.means_))
        return beside(with_errors(self, rows, error_covariance), self._background())
