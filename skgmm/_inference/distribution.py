"""Methods of a mixture as a distribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skgmm._fitted import of_one_fit
from skgmm._inference.conditional import conditional_parameters
from skgmm._inference.features import feature_numbers, given_values, names_of_features
from skgmm._inference.fit_transform import FitTransformMixin
from skgmm._inference.known_mixture import known_mixture
from skgmm._inference.marginal import (
    FULL,
    as_full,
    background_of,
    marginal_parameters,
    marginal_structure,
)
from skgmm._inference.parameter_table import frame_of
from skgmm._inference.probabilities import ProbabilityMixin
from skgmm._inference.representation import named_after
from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters
from skgmm.covariance import Structure

if TYPE_CHECKING:
    import pandas as pd


@named_after("GaussianMixtureEM")
class DistributionMixin(ProbabilityMixin, FitTransformMixin):
    """What a distribution answers: parts of it, probabilities, parameters."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @of_one_fit
    def marginal(self, features: int | str | Sequence[int | str]) -> Self:
        """Marginal distribution of some features.

        Parameters
        ----------
        features : int, str or sequence of these
            Column numbers or names of the features, whose order is kept.

        Returns
        -------
        mixture : GaussianMixtureEM
            With the same components and the names of the features. 'tied', 'diag', 'spherical',
            'tied-diag' and 'tied-spherical' keep their structure; other structures become 'full'.
            A noise component has the sides of the box in these features.

        Raises
        ------
        ValueError
            If a feature is unknown or given twice.

        Examples
        --------
        >>> from skgmm import GaussianMixtureEM
        >>> mixture = GaussianMixtureEM.from_parameters([1.0], [[0, 5]], [[[1, 0.5], [0.5, 4]]])
        >>> mixture.marginal(1).covariances_
        array([[[4.]]])
        """
        parameters = self._parameters()
        names = names_of_features(self)
        chosen = feature_numbers(features, names, "features")
        structure = marginal_structure(self._structure())
        part = marginal_parameters(parameters, chosen)
        mixture = self._part(part if structure is not FULL else as_full(part), chosen, structure)
        mixture.weights_ = self.weights_.copy()  # the logarithm and back may round
        return mixture

    @of_one_fit
    def condition(self, values: ArrayLike | Mapping[int | str, float]) -> Self:
        """Conditional distribution of the other features, given values of some.

        A mixture again: each component is conditioned, and its weight is its responsibility given
        these values, computed in log space.

        Parameters
        ----------
        values : mapping of feature -> value, or array-like of shape (n_features,)
            Features are column numbers or names. An array has NaN for the features that are not
            given.

        Returns
        -------
        mixture : GaussianMixtureEM
            Of the features that are not given, in their order and with their names, with the
            structure 'full'.

        Raises
        ------
        ValueError
            If a feature is unknown, all features are given, or the length is wrong.

        Examples
        --------
        >>> from skgmm import GaussianMixtureEM
        >>> mixture = GaussianMixtureEM.from_parameters([1.0], [[0, 0]], [[[1, 0.5], [0.5, 1]]])
        >>> given = mixture.condition({0: 2.0})
        >>> given.means_, given.covariances_
        (array([[1.]]), array([[[0.75]]]))
        """
        parameters = self._parameters()
        row = given_values(values, names_of_features(self))
        kept = np.flatnonzero(np.isnan(row))
        if len(kept) == len(row):
            return self._part(as_full(parameters), kept, FULL)
        responsibilities = self._rows_of(row[None]).log_responsibilities(parameters)[0]
        own = responsibilities[: parameters.n_components]
        return self._part(as_full(conditional_parameters(parameters, row, own)), kept, FULL)

    def _part(self, parameters: MixtureParameters, kept: Array, structure: Structure) -> Self:
        """A mixture of some of the features."""
        known = getattr(self, "feature_names_in_", None)
        return known_mixture(
            type(self),
            parameters,
            structure,
            background_of(self._background(), kept),
            dtype=np.asarray(self.means_).dtype,
            feature_names=None if known is None else known[kept],
        )

    def transform(self, X: ArrayLike, error_covariance: ArrayLike | None = None) -> Array:
        """Responsibilities as features for a next step, the same as `predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        error_covariance : array-like, default=None
            Variances or covariances of the errors with which X was measured, as in `fit`.

        Returns
        -------
        responsibilities : ndarray of shape (n_samples, n_components), or a data frame
            With noise there is one column more, the last. `set_output` asks for a data frame with
            the names of `get_feature_names_out`.
        """
        return self.predict_proba(X, error_covariance)

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Names of the columns of `transform`.

        Parameters
        ----------
        input_features : Ignored

        Returns
        -------
        names : ndarray of str
            "gaussianmixtureem0", "gaussianmixtureem1", ... as of scikit-learn's clusterers, and
            "gaussianmixtureem_noise".
        """
        check_is_fitted(self)
        prefix = type(self).__name__.lower()
        names = [f"{prefix}{k}" for k in range(len(self.means_))]
        if self._background() is not None:
            names.append(f"{prefix}_noise")
        return np.asarray(names, dtype=object)

    @of_one_fit
    def to_frame(self) -> pd.DataFrame:
        """Parameters as a pandas data frame with a row for each component.

        Returns
        -------
        frame : pandas.DataFrame
            Columns "weight", "mean_<feature>", "variance_<feature>" and, unless the structure is
            axis-aligned or spherical, "covariance_<feature>_<feature>". Noise is the row -1, of
            which only the weight is given.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        parameters = self._parameters()
        noise = self.noise_weight_ if self._background() is not None else None
        return frame_of(parameters, names_of_features(self), noise)
