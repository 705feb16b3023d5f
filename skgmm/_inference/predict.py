"""Methods of a mixture with known parameters, fitted or given."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from skgmm._fitted import of_one_fit, snapshot
from skgmm._inference.completion import CompletionMixin
from skgmm._inference.criteria import CriteriaMixin
from skgmm._inference.representation import named_after
from skgmm._inference.summary import SummaryMixin
from skgmm._linalg import Array
from skgmm._parameters import next_draws
from skgmm._rows.checks import as_dtype
from skgmm._validation import check_responsibilities


@named_after("GaussianMixtureEM")
class MixtureInference(CriteriaMixin, CompletionMixin, SummaryMixin):
    """Assignment, densities, imputation and sampling from fitted attributes.

    Methods that return a value for each sample return an array, for Dask collections a lazy one.
    """

    @of_one_fit
    def predict(self, X: ArrayLike, error_covariance: ArrayLike | None = None) -> Array:
        """Hard assignment: the most probable component of each sample.

        Parameters
        ----------
        X : array-like, RowBlocks or Dask collection of shape (n_samples, n_features)
        error_covariance : array-like, default=None
            Variances (n_samples, n_features), or covariances (n_samples, n_features, n_features),
            of the errors with which X was measured.

        Returns
        -------
        labels : ndarray of int64, shape (n_samples,)
            -1 where noise is more probable. A lazy Dask array for a Dask collection.
        """
        rows = self._rows(X, error_covariance=error_covariance)
        return rows.labels(self._parameters())

    @of_one_fit
    def predict_proba(self, X: ArrayLike, error_covariance: ArrayLike | None = None) -> Array:
        """Soft assignment: the probability of each component given each sample.

        Computed from weights and densities by Bayes' rule. These are the responsibilities of EM.

        Parameters
        ----------
        X : array-like, RowBlocks or Dask collection of shape (n_samples, n_features)
        error_covariance : array-like, default=None
            Variances (n_samples, n_features), or covariances (n_samples, n_features, n_features),
            of the errors with which X was measured.

        Returns
        -------
        responsibilities : ndarray of shape (n_samples, n_components)
            Every row sums to 1. With noise there is one column more, the last, so that the label
            -1 is the index of its column. A lazy Dask array for a Dask collection.
        """
        rows = self._rows(X, error_covariance=error_covariance)
        return rows.responsibilities(self._parameters())

    @of_one_fit
    def predict_log_proba(self, X: ArrayLike, error_covariance: ArrayLike | None = None) -> Array:
        """Logarithms of the soft assignment, exact where probabilities underflow.

        Parameters
        ----------
        X : array-like, RowBlocks or Dask collection of shape (n_samples, n_features)
        error_covariance : array-like, default=None
            Variances (n_samples, n_features), or covariances (n_samples, n_features, n_features),
            of the errors with which X was measured.

        Returns
        -------
        log_responsibilities : ndarray of shape (n_samples, n_components)
            In nats; float64 if float32 cannot represent them. A lazy Dask array for a Dask
            collection, always of float64.
        """
        rows = self._rows(X, error_covariance=error_covariance)
        return as_dtype(rows.log_responsibilities(self._parameters()), rows.dtype)

    @of_one_fit
    def score_samples(self, X: ArrayLike, error_covariance: ArrayLike | None = None) -> Array:
        """Log-density of each sample.

        Parameters
        ----------
        X : array-like, RowBlocks or Dask collection of shape (n_samples, n_features)
        error_covariance : array-like, default=None
            Variances (n_samples, n_features), or covariances (n_samples, n_features, n_features),
            of the errors with which X was measured.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            In nats; float64 if float32 cannot represent them. A lazy Dask array for a Dask
            collection, always of float64.
        """
        rows = self._rows(X, error_covariance=error_covariance)
        return as_dtype(rows.log_densities(self._parameters()), rows.dtype)

    @of_one_fit
    def score(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        error_covariance: ArrayLike | None = None,
    ) -> float:
        """Mean log-likelihood per sample.

        Parameters
        ----------
        X : array-like, RowBlocks or Dask collection of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sample counts.
        error_covariance : array-like, default=None
            Variances (n_samples, n_features), or covariances (n_samples, n_features, n_features),
            of the errors with which X was measured.

        Returns
        -------
        score : float
            In nats per sample.
        """
        rows = self._rows(X, sample_weight, error_covariance)
        return rows.mean_log_likelihood(self._parameters())

    @of_one_fit
    def expected_complete_log_likelihood(
        self, X: ArrayLike, responsibilities: ArrayLike | None = None
    ) -> float:
        """Expected complete log-likelihood (ECLL), which the M-step maximises.

        sum_i sum_k r_ik (log weight_k + log N(x_i; mean_k, covariance_k)), the joint log-likelihood
        of samples and components, averaged over the components (Dempster, Laird & Rubin 1977).

        Parameters
        ----------
        X : array-like, RowBlocks or Dask collection of shape (n_samples, n_features)
        responsibilities : array-like of shape (n_samples, n_components), default=None
            Each row sums to 1. None uses those of the fitted parameters, `predict_proba(X)`.

        Returns
        -------
        ecll : float
            In nats, summed over samples.
        """
        rows = self._rows(X)
        given = None
        if responsibilities is not None:
            given = check_responsibilities(
                responsibilities,
                rows.n_samples,
                len(self.means_) + (self._background() is not None),
                "responsibilities",
            )
        return rows.expected_complete_log_likelihood(self._parameters(), given)

    @of_one_fit
    def sample(
        self,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> tuple[Array, Array]:
        """Draw random samples from the mixture.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState instance or None, default=None
            None gives different samples at every call. If the estimator's own `random_state` is an
            integer, they come from a stream seeded by it: the same in every run of a script.
            A RandomState instance is drawn from; otherwise it is NumPy's global generator.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            In random order, in the dtype of the fit.
        y : ndarray of int64, shape (n_samples,)
            The component of each sample, -1 for noise, which is drawn in the bounding box of the
            samples of the fit.
        """
        parameters = self._parameters()
        if not isinstance(n_samples, (int, np.integer)) or n_samples < 1:
            raise ValueError(
                f"Invalid value for 'n_samples': {n_samples}. The sampling requires at least one "
                "sample, as an integer."
            )
        if random_state is None and isinstance(self.random_state, np.random.RandomState):
            random_state = self.random_state
        elif random_state is None:
            random_state = next_draws(getattr(self, "_draws", None))
        rng = check_random_state(random_state)
        rows, components = parameters.draw(int(n_samples), rng)
        if (background := self._background()) is not None:
            rows, noise = background.beside_drawn(rows, parameters, rng)
            components = np.where(noise, -1, components)
        return rows.astype(np.asarray(self.means_).dtype, copy=False), components


def mixture_of(estimator: object) -> MixtureInference:
    """A snapshot of the fitted mixture in an estimator or in a search that found one.

    Raises
    ------
    TypeError
        If there is none.
    """
    mixture = getattr(estimator, "best_estimator_", estimator)
    if not isinstance(mixture, MixtureInference):
        raise TypeError(
            "The estimator should be a GaussianMixtureEM, or a fitted search whose "
            f"best_estimator_ is one, but got {type(estimator).__name__}"
        )
    return snapshot(mixture)
