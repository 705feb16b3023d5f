"""Probabilities of a mixture: distances, p-values, distribution function and levels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skgmm._fitted import of_one_fit
from skgmm._inference.cdf import mixture_cdf
from skgmm._inference.density_levels import check_fractions, log_density_levels
from skgmm._inference.distances import outlier_p_values, squared_distances
from skgmm._inference.predict import MixtureInference
from skgmm._inference.quantiles import mixture_quantiles
from skgmm._inference.representation import named_after
from skgmm._linalg import Array
from skgmm._rows.base import InMemoryRows
from skgmm._rows.grouped import GroupedRows, RowsInMemory
from skgmm._rows.intake import complete_or_not


@named_after("GaussianMixtureEM")
class ProbabilityMixin(MixtureInference):
    """How far, how probable, how dense (`skgmm._inference.distribution.DistributionMixin`)."""

    def _rows_of(self, array: Array) -> RowsInMemory:
        """Samples that have been validated, or drawn."""
        rows, background = InMemoryRows(array), self._background()
        if background is None and not np.isnan(array).any():
            return rows
        return GroupedRows.knowing(rows, background=background)

    @of_one_fit
    def mahalanobis(self, X: ArrayLike) -> Array:
        """Squared Mahalanobis distances of samples from the mean of each component.

        In the components' own covariances. Squared, as in :mod:`sklearn.covariance`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN is a missing value: the distance is then that of the features observed.

        Returns
        -------
        distances : ndarray of float64, shape (n_samples, n_components)
            A noise component has none.
        """
        check_is_fitted(self)
        return squared_distances(complete_or_not(self, X, "mahalanobis"), self._parameters())

    @of_one_fit
    def outlier_p_values(self, X: ArrayLike) -> Array:
        """P-values for outliers, comparable between samples with different missing values.

        Given its component, the squared Mahalanobis distance of a sample has a chi-squared
        distribution with as many degrees of freedom as features were observed. The p-value is the
        tail area beyond the distance, averaged over the components with the responsibilities
        (McLachlan & Basford 1988). For one component, and where components are well separated, it
        is uniform under the model. Otherwise it is the conditional expectation, given the sample,
        of a uniform p-value: at most 2 a of the samples have p-values below a (Vovk & Wang 2020),
        and usually fewer than a. Small p-values are accurate. For
        many samples, control the false discovery rate: :func:`scipy.stats.false_discovery_control`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN is a missing value.

        Returns
        -------
        p_values : ndarray of float64, shape (n_samples,)
            1 for a sample without any value. With noise: of the hypothesis that the sample belongs
            to one of the components.

        Examples
        --------
        >>> import numpy as np
        >>> from skgmm import GaussianMixtureEM
        >>> mixture = GaussianMixtureEM.from_parameters([1.0], [[0, 0]], [1.0], "spherical")
        >>> mixture.outlier_p_values([[0, 0], [3, np.nan], [3, 0]]).round(4)
        array([1.    , 0.0027, 0.0111])
        """
        check_is_fitted(self)
        array, parameters = complete_or_not(self, X, "outlier_p_values"), self._parameters()
        responsibilities = self._rows_of(array).log_responsibilities(parameters)
        n_observed = np.count_nonzero(~np.isnan(array), axis=1)
        distances = squared_distances(array, parameters)
        return outlier_p_values(
            distances, n_observed, responsibilities[:, : parameters.n_components]
        )

    @of_one_fit
    def cdf(self, X: ArrayLike) -> Array:
        """Distribution function: the probability of no larger a value in every feature.

        Exact to rounding for one and two features and for axis-aligned structures; otherwise
        computed by quasi-Monte Carlo (Genz 1992), the same at every call, with an error of about
        1e-6 for three features and below 1e-4 for twenty.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN leaves a feature out: it may have any value.

        Returns
        -------
        probabilities : ndarray of float64, shape (n_samples,)

        Raises
        ------
        ValueError
            If the model has noise, whose density is constant everywhere.
        """
        check_is_fitted(self)
        array = complete_or_not(self, X, "cdf")
        self._refuse_improper("cdf")
        return mixture_cdf(array, self._parameters())

    @of_one_fit
    def quantile(self, q: ArrayLike) -> Any:
        """Quantiles of a mixture of one feature, the inverse of `cdf`.

        Solved in logarithms of the nearer tail, so that they are accurate far into both tails.

        Parameters
        ----------
        q : float or array-like
            Probabilities from 0 to 1.

        Returns
        -------
        quantiles : float or ndarray
            In the shape of q; -inf and inf at 0 and 1.

        Raises
        ------
        ValueError
            If the mixture has several features (use `marginal` first), or noise.

        Examples
        --------
        >>> from skgmm import GaussianMixtureEM
        >>> mixture = GaussianMixtureEM.from_parameters([0.5, 0.5], [[-2], [2]], [[1], [1]], "diag")
        >>> abs(mixture.quantile(0.5)) < 1e-12
        True
        """
        parameters = self._parameters()
        if parameters.n_features != 1:
            raise ValueError(
                f"quantile needs a mixture of one feature, but this one has {parameters.n_features}"
                ": use marginal(feature).quantile(q)"
            )
        self._refuse_improper("quantile")
        found = mixture_quantiles(check_fractions(q, "q"), parameters)
        return found if found.ndim else float(found)

    def _refuse_improper(self, what: str) -> None:
        if self._background() is not None:
            raise ValueError(
                f"{what} is not defined beside noise, whose density is constant everywhere. For "
                "the components alone: GaussianMixtureEM.from_parameters(mixture.weights_ / "
                "mixture.weights_.sum(), mixture.means_, mixture.covariances_, "
                "mixture.covariance_type_)"
            )

    @of_one_fit
    def density_level(
        self,
        mass: ArrayLike,
        X: ArrayLike | None = None,
        *,
        n_samples: int = 100_000,
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
        """Log-density above which a region holds a given part of the probability.

        The region with a higher density is the smallest that holds this mass (highest-density
        region, Hyndman 1996). Use it as a threshold for novelties: of samples like those of X, a
        part 1 - `mass` has lower `score_samples`.

        Parameters
        ----------
        mass : float or array-like
            From 0 to 1.
        X : array-like of shape (n_samples, n_features), default=None
            Samples whose mass it is. None draws samples from the mixture.
        n_samples : int, default=100_000
            How many to draw.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws; None as in `sample`.

        Returns
        -------
        level : float or ndarray
            In nats, in the shape of `mass`: the logarithm of the (1 - mass) quantile of the
            densities (:func:`numpy.quantile`).

        Raises
        ------
        ValueError
            If X has missing values: densities of different features cannot be compared.
        """
        check_is_fitted(self)
        fractions = check_fractions(mass, "mass")
        if X is None:
            array, _ = self.sample(n_samples, random_state)
        else:
            array = complete_or_not(self, X, "density_level")
        if np.isnan(array).any():
            raise ValueError(
                "X contains NaN, but densities of samples with different missing values cannot be "
                "compared. Use outlier_p_values, or marginal and the features that are observed."
            )
        values = self._rows_of(array).log_densities(self._parameters())
        found = log_density_levels(values, fractions)
        return found if found.ndim else float(found)
