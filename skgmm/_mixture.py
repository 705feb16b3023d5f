"""GaussianMixtureEM: parameters, validation and orchestration of a fit."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from skgmm import _expectation, _validation
from skgmm._em import EMResult, EMStatus, run_em
from skgmm._inference import MixtureInference
from skgmm._initialization import PARTITIONS, SEEDS
from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters, n_parameters
from skgmm._problem import Problem, relative_floor
from skgmm._restarts import best_of
from skgmm._sklearn_compat import Interval, StrOptions, fit_context
from skgmm._starts import choose_start
from skgmm._verbose import print_end, reporter
from skgmm.covariance import STRUCTURES, Structure


class GaussianMixtureEM(MixtureInference, DensityMixin, BaseEstimator):
    """Gaussian mixture model fitted by expectation-maximisation (EM).

    A drop-in replacement for :class:`sklearn.mixture.GaussianMixture`.

    Parameters
    ----------
    n_components : int, default=1
        Number of components K.
    covariance_type : {'full', 'tied', 'diag', 'spherical'}, default='full'
        A covariance matrix for each component, one matrix for all, variances for each component,
        or one variance for each component.
    tol : float, default=1e-6
        EM stops when the mean log-likelihood is estimated to gain less than this by going on, in
        nats per row. With 0 it runs `max_iter` iterations, unless a step gains nothing.
    reg_covar : 'auto' or float, default='auto'
        Variance added along every axis to keep covariances positive definite. A number is
        absolute; 'auto' is a millionth of each feature's variance, so that units do not matter.
    max_iter : int, default=1000
        Most EM iterations of a start; 0 returns the start.
    n_init : int, default=1
        Number of starts; the best result is kept. Ignored when the start is given.
    init_params : {'kmeans', 'k-means++', 'random', 'random_from_data'} or callable, \
default='kmeans'
        How a start is found: from the groups of k-means; around seeds of k-means++; from random
        responsibilities; around random rows. Starts look at no more than 25,000 rows (or 250 for
        each component), chosen at random. A callable gets
        `(X, n_components, random_state, sample_weight)` and returns labels (n,) or
        responsibilities (n, K).
    weights_init : array-like of shape (n_components,), default=None
        Weights of the start.
    means_init : array-like of shape (n_components, n_features), default=None
        Means of the start. What else is not given follows from the rows nearest to them.
    precisions_init : array-like, default=None
        Inverse covariances of the start, in the shape of `precisions_`. Weights or precisions
        given without means go to the components of the start that suit them best.
    responsibilities_init : array-like of shape (n_samples, n_components), default=None
        Soft (or hard) assignment that the start is estimated from, instead of `init_params`.
    random_state : int, RandomState instance or None, default=None
        Seed of the starts.
    warm_start : bool, default=False
        Whether `fit` goes on from the parameters of the previous fit.
    n_jobs : int or None, default=None
        Threads that share the `n_init` starts; -1 takes all processors, None is 1 unless in a
        :class:`joblib.parallel_config` context. The answer does not depend on it.
    verbose : int, default=0
        1 prints the starts and every `verbose_interval`-th iteration, 2 adds time and gain.
    verbose_interval : int, default=10
        Iterations from one printed line to the next.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
    means_ : ndarray of shape (n_components, n_features)
    covariances_ : ndarray
        (K, d, d) for 'full', (d, d) for 'tied', (K, d) for 'diag', (K,) for 'spherical'.
    precisions_ : ndarray
        Inverse covariances, in the same shape.
    precisions_cholesky_ : ndarray
        Upper triangular factors U with precision = U U' (reciprocal standard deviations for
        'diag' and 'spherical'), in the same shape.
    converged_ : bool
    status_ : str
        How the fit ended: 'converged', 'reached max_iter', ...
    n_iter_ : int
        EM iterations of the best start.
    lower_bound_ : float
        Mean log-likelihood of the returned parameters, in nats per row; equals `score(X)`.
    lower_bounds_ : list of float
        The same after each iteration.
    n_parameters_ : int
        Number of free parameters.
    covariance_type_ : str
        The structure that was fitted.
    reg_covar_ : ndarray of shape (n_features,)
        The variance that was added along each axis.
    total_weight_ : float
        Number of rows of the fit, or the sum of their weights.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        Only when all column names of X are strings.

    References
    ----------
    Dempster, Laird & Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm.
    McLachlan & Peel (2000), Finite Mixture Models.

    Examples
    --------
    >>> import numpy as np
    >>> from skgmm import GaussianMixtureEM
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> mixture = GaussianMixtureEM(2, covariance_type="tied", random_state=0).fit(X)
    >>> np.sort(mixture.means_[:, 0]).round(6)
    array([ 1., 10.])
    >>> int(mixture.predict([[0, 0]])[0]) == int(mixture.predict([[2, 3]])[0])
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [StrOptions(set(STRUCTURES))],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [StrOptions({"auto"}), Interval(Real, 0.0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions({*PARTITIONS, *SEEDS}), callable],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
        "responsibilities_init": ["array-like", None],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
        "verbose_interval": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-6,
        reg_covar: float | str = "auto",
        max_iter: int = 1000,
        n_init: int = 1,
        init_params: Any = "kmeans",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        responsibilities_init: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        n_jobs: int | None = None,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.responsibilities_init = responsibilities_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    @classmethod
    def from_parameters(
        cls,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        covariance_type: str = "full",
    ) -> GaussianMixtureEM:
        """A mixture with known parameters, ready for inference without a fit.

        Parameters
        ----------
        weights : array-like of shape (n_components,)
            Not negative, sum 1.
        means : array-like of shape (n_components, n_features)
        covariances : array-like
            In the shape of `covariances_` for the `covariance_type`; positive definite.
        covariance_type : {'full', 'tied', 'diag', 'spherical'}, default='full'

        Returns
        -------
        mixture : GaussianMixtureEM

        Raises
        ------
        ValueError
            If shapes do not agree, weights do not sum to 1 or a covariance is not positive
            definite.

        Examples
        --------
        >>> from skgmm import GaussianMixtureEM
        >>> mixture = GaussianMixtureEM.from_parameters(
        ...     [1 / 3, 2 / 3], [[-1, 0], [2, 2]], [[[1, 0], [0, 9]], [[1, 0.7], [0.7, 1]]])
        >>> mixture.predict([[-1, -3], [2, 2]])
        array([0, 1])
        """
        structure = _validation.check_structure(covariance_type)
        shape = np.shape(means)
        if len(shape) != 2:
            raise ValueError(
                "The parameter 'means' should have the shape of (n_components, n_features), but "
                f"got {shape}"
            )
        matrices = _validation.check_matrices(covariances, "covariance", structure, *shape)
        parameters = MixtureParameters.from_weights(
            _validation.check_weights(weights, shape[0]),
            _validation.check_means(means, *shape),
            structure.from_covariances(matrices, shape[1]),
        )
        mixture = cls(shape[0], covariance_type=covariance_type)
        mixture._publish(parameters, structure, np.dtype(np.float64))
        mixture.n_features_in_ = shape[1]
        mixture.status_ = EMStatus.GIVEN.value
        return mixture

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> GaussianMixtureEM:
        """Estimate weights, means and covariances from rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts: a weight of 3 is the row three times, 0 is its absence.

        Returns
        -------
        self : GaussianMixtureEM

        Raises
        ------
        ValueError
            For bad input, naming it; and when every start fails because a covariance is singular.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` was reached, components lost their rows, or the rows are too few for the
            components or the structure.
        """
        self._fit(X, sample_weight)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_predict(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> Array:
        """Fit, and return the most probable component of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts.

        Returns
        -------
        labels : ndarray of int64, shape (n_samples,)
            As of `fit(X).predict(X)`.
        """
        rows = self._fit(X, sample_weight)
        return _expectation.labels(rows, self._parameters())

    def _fit(self, X: ArrayLike, sample_weight: ArrayLike | None) -> Array:
        """Fit and return the validated rows. A failure leaves the estimator as it was."""
        before = dict(vars(self))
        try:
            return self._fit_rows(X, sample_weight)
        except BaseException:
            self.__dict__ = before
            raise

    def _fit_rows(self, X: ArrayLike, sample_weight: ArrayLike | None) -> Array:
        rows = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=2)
        _validation.check_magnitude(rows)
        weights = _validation.check_weights_of_rows(sample_weight, rows)
        _validation.check_enough_rows(rows, weights, self.n_components)
        structure = _validation.check_structure(self.covariance_type)
        problem = Problem(rows, weights, structure, self._floor(rows, weights))
        rng = check_random_state(self.random_state)
        previous = self._previous(rows.shape[1])
        if previous is None:
            start, random, warning = choose_start(self, problem, rng)
            if warning is not None:
                warnings.warn(warning, ConvergenceWarning, stacklevel=2)
        else:
            start, random = lambda _: previous, False
        resumed = previous is not None and self._has_floor(problem.floor)

        def run(index: int, stream: np.random.RandomState) -> EMResult:
            report = reporter(index, self.verbose, self.verbose_interval)
            result = run_em(
                problem,
                start(stream),
                tol=self.tol,
                max_iter=self.max_iter,
                resumed=resumed,
                report=report,
            )
            print_end(result, self.verbose)
            return result

        result = best_of(run, self.n_init if random else 1, rng, self.n_jobs)
        self._publish(result.parameters, structure, rows.dtype)
        total_weight = float(len(rows) if weights is None else weights.sum())
        self._publish_run(result, problem.floor, total_weight)
        return rows

    def _floor(self, rows: Array, weights: Array | None) -> Array:
        """reg_covar as a variance for each axis, (d,)."""
        if isinstance(self.reg_covar, str):
            return relative_floor(rows, weights)
        return np.full(rows.shape[1], float(self.reg_covar))

    def _has_floor(self, floor: Array) -> bool:
        return hasattr(self, "reg_covar_") and np.array_equal(self.reg_covar_, floor)

    def _previous(self, n_features: int) -> MixtureParameters | None:
        """The fitted parameters that a warm start goes on from, None for a cold start."""
        if not self.warm_start or not hasattr(self, "precisions_cholesky_"):
            return None
        was = (*self.means_.shape, getattr(self, "covariance_type_", self.covariance_type))
        now = (self.n_components, n_features, self.covariance_type)
        if was == now:
            return self._parameters()
        names = ("n_components", "n_features", "covariance_type")
        changed = [
            f"{name} from {a!r} to {b!r}"
            for name, a, b in zip(names, was, now, strict=True)
            if a != b
        ]
        warnings.warn(
            f"warm_start has nothing to go on from, because the fit changed {', '.join(changed)}: "
            "starting afresh.",
            UserWarning,
            stacklevel=2,
        )
        return None

    def _publish(
        self, parameters: MixtureParameters, structure: Structure, dtype: np.dtype
    ) -> None:
        """Set the fitted attributes that describe the mixture, in the dtype of the data."""
        names = ("covariances_", "precisions_", "precisions_cholesky_")
        arrays = structure.public(parameters.covariance)
        for name, array in zip(names, arrays, strict=True):
            setattr(self, name, np.array(array, dtype=dtype))
        self.weights_ = parameters.weights.astype(dtype)
        self.means_ = np.array(parameters.means, dtype=dtype)
        self.n_parameters_ = n_parameters(structure, *self.means_.shape)
        self.covariance_type_ = structure.name

    def _publish_run(self, result: EMResult, floor: Array, total_weight: float) -> None:
        """Set the attributes that tell how the fit went, and say what the user should know."""
        self.converged_ = result.status.converged
        self.status_ = result.status.value
        self.n_iter_ = len(result.lower_bounds)
        self.lower_bound_ = result.lower_bound
        self.lower_bounds_ = result.lower_bounds
        self.reg_covar_ = floor
        self.total_weight_ = total_weight
        if result.status.advice is not None:
            advice = result.status.advice.format(components=result.components)
            warnings.warn(advice, ConvergenceWarning, stacklevel=2)
