"""GaussianMixtureRegressor: the conditional distribution of targets given features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Self
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skgmm._applications.supervised.samples import (
    AnyMixture,
    best_of,
    check_samples,
    check_weights,
    refuse_noise,
)
from skgmm._applications.supervised.targets import check_targets, names_of_joint
from skgmm._em.result import VARIANCE_OF_PRIOR
from skgmm._fitted import (
    collected_warnings,
    of_one_fit,
    replacing,
    undone_on_error,
    warn_after_fit,
)
from skgmm._inference.conditional import Conditional, Conditioning
from skgmm._inference.export.json import JSONMixin
from skgmm._inference.representation import RepresentationMixin
from skgmm._kernels import numbering_lost_rows
from skgmm._linalg import Array
from skgmm._mixture import GaussianMixtureEM
from skgmm._rows.missing import check_features_observed
from skgmm._sklearn_compat import (
    MissingValuesMixin,
    NamedParametersMixin,
    NestedParametersMixin,
    fit_context,
)
from skgmm._threads import single_threaded_blas
from skgmm._version import VersionedPickleMixin
from skgmm.model_selection import GaussianMixtureSearch

# Numbers (samples x components x features) of the samples that are looked at together.
_NUMBERS = 2**18


# Regressions by mixture, with the parameters that they are of. Not an attribute of the regressor,
# so that they are neither copied nor saved with it.
_kept: WeakKeyDictionary[GaussianMixtureEM, tuple[tuple[Any, ...], Conditioning]] = (
    WeakKeyDictionary()
)


class GaussianMixtureRegressor(
    JSONMixin,
    RepresentationMixin,
    MissingValuesMixin,
    VersionedPickleMixin,
    NamedParametersMixin,
    NestedParametersMixin,
    MultiOutputMixin,
    RegressorMixin,
    BaseEstimator,
):
    """Gaussian mixture regression: the joint mixture of features and targets, conditioned.

    A mixture is fitted to features and targets together. Given the features, the targets have a
    mixture distribution again, whose mean is the prediction and whose variance depends on the
    sample. With one component it is linear regression. The distribution may have several modes,
    several targets, and features with missing values (NaN).

    Parameters
    ----------
    mixture : GaussianMixtureEM, GaussianMixtureSearch or None, default=None
        The model of features and targets, which is cloned. None is one Gaussian with a weak prior,
        ``GaussianMixtureEM(prior="auto")``. To search over its parameters
        (``mixture__n_components``) give it, because None has none.

    Attributes
    ----------
    mixture_ : GaussianMixtureEM
        The mixture of the columns of X and, after these, the targets.
    n_targets_ : int
        Number of targets.
    n_features_in_ : int
        Number of features of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if all column names of X are strings.

    See Also
    --------
    sklearn.gaussian_process.GaussianProcessRegressor : With the same methods; its predictive
        distribution has one mode, and the same variance at the same place for all values of y.

    References
    ----------
    Ghahramani & Jordan (1994), Supervised learning from incomplete data via an EM approach.
    Sung (2004), Gaussian mixture regression and classification.

    Examples
    --------
    >>> import numpy as np
    >>> from skgmm import GaussianMixtureEM, GaussianMixtureRegressor
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-1, 1, size=(500, 1))
    >>> y = np.abs(x[:, 0]) + 0.05 * rng.normal(size=500)
    >>> regressor = GaussianMixtureRegressor(GaussianMixtureEM(4, random_state=0)).fit(x, y)
    >>> regressor.predict([[-0.5], [0.5]]).round(1)
    array([0.5, 0.5])
    """

    if TYPE_CHECKING:
        mixture_: GaussianMixtureEM
        n_targets_: int
        n_features_in_: int
        feature_names_in_: Array

    _nested: ClassVar = {"mixture": 'GaussianMixtureEM(prior="auto")'}

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "mixture": [GaussianMixtureEM, GaussianMixtureSearch, None],
    }

    def __init__(self, mixture: AnyMixture | None = None) -> None:
        self.mixture = mixture

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the mixture of features and targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN is a missing value (missing at random).
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sample counts: a weight of 3 means three times, 0 means never.

        Returns
        -------
        self : GaussianMixtureRegressor

        Raises
        ------
        ValueError
            If the input is invalid, such as targets that are NaN.

        Warns
        -----
        ConvergenceWarning
            As :meth:`GaussianMixtureEM.fit`.
        """
        with undone_on_error(self), single_threaded_blas(), replacing(self) as working:
            messages = working._fit(X, y, sample_weight)
        warn_after_fit(messages)
        return self

    def _fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None) -> list[str]:
        """Set the fitted attributes, and return the messages of warnings."""
        model = GaussianMixtureEM(prior="auto") if self.mixture is None else self.mixture
        refuse_noise(self, model)
        samples, _ = check_samples(self, X, reset=True)
        targets = check_targets(self, y, samples)
        counted, weights, chosen = check_weights(sample_weight, samples)
        check_features_observed(self, counted, None)
        joint = np.column_stack([counted, targets[chosen]])
        with collected_warnings() as messages:
            self.mixture_ = best_of(clone(model).fit(joint, sample_weight=weights))
        # Predictions, unlike criteria, do not depend on it: such columns are harmless.
        messages = [text for text in messages if VARIANCE_OF_PRIOR not in text]
        self.n_targets_ = targets.shape[1]
        names = names_of_joint(self, y, self.n_targets_)
        if names is not None:
            self.mixture_.feature_names_in_ = names
        return messages

    @of_one_fit
    def predict(self, X: ArrayLike, return_std: bool = False, return_cov: bool = False) -> Any:
        """Mean of the targets given the features, and their standard deviation or covariance.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN where a value is missing: the prediction is then that of the other features.
        return_std : bool, default=False
            Whether to return standard deviations.
        return_cov : bool, default=False
            Whether to return covariances of the samples. Samples are independent, so these are
            diagonal matrices with the variances.

        Returns
        -------
        y_mean : ndarray of shape (n_samples,) or (n_samples, n_targets)
        y_std : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Only with `return_std`.
        y_cov : ndarray of shape (n_samples, n_samples) or (n_samples, n_samples, n_targets)
            Only with `return_cov`.
        """
        if return_std and return_cov:
            raise ValueError("return_std and return_cov cannot both be True: call predict twice")
        check_is_fitted(self)
        samples, complete = check_samples(self, X, reset=False)
        conditioning = self._conditioning()
        mean = self._shaped(conditioning.mean(samples, complete), samples.dtype)
        if not (return_std or return_cov):
            return mean
        found = _by_block(conditioning, samples, complete)
        variances = np.concatenate([part.variances() for part in found])
        if return_std:
            return mean, self._shaped(np.sqrt(variances), samples.dtype)
        covariance = np.zeros((len(samples), *variances.shape))
        covariance[np.arange(len(samples)), np.arange(len(samples))] = variances
        return mean, self._shaped(covariance, samples.dtype)

    @of_one_fit
    def sample_y(
        self,
        X: ArrayLike,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | None = 0,
    ) -> Array:
        """Draw targets from their distribution given the features.

        Parameters
        ----------
        X : array-like of shape (n_samples_X, n_features)
        n_samples : int, default=1
            Number of draws for each sample of X.
        random_state : int, RandomState instance or None, default=0
            Seed of the draws.

        Returns
        -------
        y_samples : ndarray of shape (n_samples_X, n_samples), or (n_samples_X, n_targets, \
n_samples)
        """
        check_is_fitted(self)
        if not isinstance(n_samples, (int, np.integer)) or n_samples < 1:
            raise ValueError(f"n_samples should be a positive integer, but got {n_samples!r}")
        rng = check_random_state(random_state)
        samples, complete = check_samples(self, X, reset=False)
        found = _by_block(self._conditioning(), samples, complete)
        draws = [part.draw(int(n_samples), rng) for part in found]
        drawn = np.moveaxis(np.concatenate(draws, axis=1), 0, -1)  # (n, targets, draws)
        drawn = drawn[:, 0] if self.n_targets_ == 1 else drawn
        return drawn.astype(samples.dtype, copy=False)

    def _conditioning(self) -> Conditioning:
        """The mixture of targets given features; regressions are kept until parameters change."""
        parameters = _parameters_as_bytes(self.mixture_)
        before, conditioning = _kept.get(self.mixture_, (None, None))
        if conditioning is None or before != parameters:
            given = np.arange(self.n_features_in_)
            conditioning = Conditioning(self.mixture_._parameters(), given)
            _kept[self.mixture_] = parameters, conditioning
        return conditioning

    def _shaped(self, values: Array, dtype: np.dtype) -> Array:
        """In the shape and dtype that users see: no axis for a single target."""
        values = values[..., 0] if self.n_targets_ == 1 else values
        return values.astype(dtype, copy=False)


def _parameters_as_bytes(mixture: GaussianMixtureEM) -> tuple[Any, ...]:
    """Equal for equal parameters, whoever has set them."""
    factors = getattr(mixture, "precisions_cholesky_", mixture.covariances_)
    arrays = mixture.weights_, mixture.means_, factors
    return mixture._structure(), *(np.asarray(array).tobytes() for array in arrays)


def _by_block(conditioning: Conditioning, samples: Array, complete: bool) -> Iterator[Conditional]:
    """The distribution of the targets, for a block of samples after the other."""
    n_together = max(1, _NUMBERS // conditioning.mixture.means.size)
    for first in range(0, len(samples), n_together):
        with numbering_lost_rows(first):
            found = conditioning.distribution(samples[first : first + n_together], complete)
        yield found
