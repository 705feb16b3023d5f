"""GaussianMixtureEM: parameters, documentation and public methods."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skgmm import _validation
from skgmm._em.result import EMStatus
from skgmm._fitted import replacing
from skgmm._fitting import attributes_of, fit_mixture
from skgmm._html import RepresentationMixin
from skgmm._inference import MixtureInference
from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters
from skgmm._partial_fit import MixtureStreams
from skgmm._progress.callbacks import FitTasks
from skgmm._rows.base import Rows
from skgmm._rows.intake import rows_to_fit
from skgmm._sklearn_compat import CallbackSupportMixin, Interval, StrOptions, fit_context
from skgmm._starts.methods import PARTITIONS, SEEDS
from skgmm._threads import single_threaded_blas
from skgmm._version import VersionedPickleMixin
from skgmm.covariance import find_structure


class GaussianMixtureEM(
    CallbackSupportMixin,
    RepresentationMixin,
    MixtureStreams,
    MixtureInference,
    VersionedPickleMixin,
    DensityMixin,
    BaseEstimator,
):
    """Gaussian mixture model fitted by expectation-maximisation (EM).

    A drop-in replacement for :class:`sklearn.mixture.GaussianMixture`.

    Parameters
    ----------
    n_components : int, default=1
        Number of components K.
    covariance_type : str, default='full'
        'full': a covariance matrix for each component, 'tied': one matrix for all, 'diag':
        variances for each component, 'spherical': one variance for each component; or a
        three-letter code for equal or varying volume, shape and orientation: EII, VII, EEI, VEI,
        EVI, VVI, EEE, VEE, EVE, VVE, EEV, VEV, EVV, VVV (with I for the identity), of which
        'tied-spherical' is EII and 'tied-diag' EEI. In any case.
    tol : float, default=1e-6
        EM stops when the mean log-likelihood is estimated to gain less than this by going on, in
        nats per row. With 0 it runs `max_iter` iterations, unless a step gains nothing.
    reg_covar : 'auto' or float, default='auto'
        Variance added along every axis to keep covariances positive definite. A number is
        absolute. 'auto' is 1e-10 of each feature's variance (of a robust one where far values make
        it larger), so that units do not matter; for features that take at most 20 values, such as
        dummies and counts, it is a twelfth of the squared step between values, the variance of the
        cell that a recorded value stands for.
    max_iter : int, default=1000
        Most evaluations of a start (EM iterations and quasi-Newton steps); 0 returns the start.
    acceleration : {'auto', 'lbfgs'} or None, default='auto'
        'auto' goes on with quasi-Newton steps (L-BFGS) where EM has found its rate of convergence
        and that rate is slow, 'lbfgs' after ten iterations of EM; None is plain EM. A step that
        lowers the log-likelihood is never accepted.
    escape : bool, default=True
        Whether a converged fit tries to merge two components and to split a third, and goes on
        from there if that raises the log-likelihood. From a start that is given it only gives
        components that are empty or the same as others rows of their own.
    n_init : int, default=1
        Number of starts; the best result is kept. Ignored when the start is given.
    init_params : {'auto', 'kmeans', 'k-means++', 'random', 'random_from_data'} or callable, \
default='auto'
        How a start is found. 'auto': a race of k-means, k-means++ and random candidates, on rows
        whose features are scaled and on whitened ones, in 28 EM iterations in all, on no more than
        5,000 rows (or 100 for each component). The others are scikit-learn's: the groups of
        k-means; seeds of k-means++; random responsibilities; random rows; they look at no more
        than 25,000 rows (or 250 for each component), chosen at random. A callable gets
        `(X, n_components, random_state, sample_weight)` and returns labels (n,) or
        responsibilities (n, K).
    weights_init : array-like of shape (n_components,), default=None
        Weights of the start.
    means_init : array-like of shape (n_components, n_features), default=None
        Means of the start. Unless given too, weights start equal, and covariances as those of the
        rows about the nearest mean.
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
        Threads that share the starts, and the rows of each. -1 takes all processors. None follows
        a :class:`joblib.parallel_config` context; outside of one it takes all processors for large
        data (within OMP_NUM_THREADS), and 1 inside a joblib worker, as in a parallel grid search.
        The answer does not depend on it, not by a bit.
    step_exponent : float, default=0.7
        How `partial_fit` forgets, a number a in [0, 1]: of r rows it remembers as much as
        `warm_up`^(1 - a) r^a of them would weigh. Between 0.5 and 1 the mixture converges; 1
        forgets nothing, which keeps traces of a poor start; 0 remembers `warm_up` rows or so for
        ever, and follows a stream that drifts.
    warm_up : int, default=50_000
        Rows that `partial_fit` keeps to find a start.
    verbose : int, default=0
        1 logs each start and every `verbose_interval`-th iteration: evaluation, log-likelihood and
        an estimate of what is left to gain, in nats per row; 2 adds the iteration's own gain and
        the time. Through the logger 'skgmm' at level INFO, which prints unless logging is
        configured.
    verbose_interval : int, default=10
        Iterations from one line to the next.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
    means_ : ndarray of shape (n_components, n_features)
    covariances_ : ndarray
        (d, d) for 'tied', (K, d, d) for 'full' and the other ellipsoidal structures, (K, d) for
        'diag' and the other axis-aligned ones, (K,) for 'spherical' and 'tied-spherical'.
    precisions_ : ndarray
        Inverse covariances, in the same shape.
    precisions_cholesky_ : ndarray
        Upper triangular factors U with precision = U U' (reciprocal standard deviations for
        axis-aligned and spherical structures), in the same shape.
    converged_ : bool
    status_ : str
        How the fit ended: 'converged', 'reached max_iter', ... and which components are empty,
        collapsed, flat or the same as others. 'partial fit' after `partial_fit`.
    n_iter_ : int
        Evaluations of the best start (passes over the rows): EM iterations and quasi-Newton steps.
        Steps of `partial_fit` are added.
    lower_bound_ : float
        Mean log-likelihood of the returned parameters, in nats per row; equals `score(X)` (where X
        is float32, up to the rounding of the attributes to float32). After `partial_fit`, of the
        rows that are remembered, each before it was learned from.
    lower_bounds_ : list of float
        The best so far, after each evaluation, of what EM maximises: the mean log-likelihood, less
        what the components' densities pay for `reg_covar` (half the trace of precision x
        reg_covar). Never falls.
    starts_ : dict of lists
        A row for each start, and for each candidate that a start was chosen from: 'start', 'kind',
        'log_likelihood' (what EM maximises, per row), 'n_evaluations' and 'status'.
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
    >>> X = np.array([[1, 2], [1.5, 4], [0.5, 0], [10, 2], [9.5, 4], [10.5, 0]])
    >>> mixture = GaussianMixtureEM(2, covariance_type="tied", random_state=0).fit(X)
    >>> np.sort(mixture.means_[:, 0]).round(6)
    array([ 1., 10.])
    >>> int(mixture.predict([[0, 0]])[0]) == int(mixture.predict([[2, 3]])[0])
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [str],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [StrOptions({"auto"}), Interval(Real, 0.0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "acceleration": [StrOptions({"auto", "lbfgs"}), None],
        "escape": ["boolean"],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [StrOptions({"auto", *PARTITIONS, *SEEDS}), callable],
        "weights_init": ["array-like", None],
        "means_init": ["array-like", None],
        "precisions_init": ["array-like", None],
        "responsibilities_init": ["array-like", None],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "n_jobs": [
            Interval(Integral, None, -1, closed="right"),
            Interval(Integral, 1, None, closed="left"),
            None,
        ],
        "step_exponent": [Interval(Real, 0.0, 1.0, closed="both")],
        "warm_up": [Interval(Integral, 1, None, closed="left")],
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
        acceleration: str | None = "auto",
        escape: bool = True,
        n_init: int = 1,
        init_params: Any = "auto",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        responsibilities_init: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        n_jobs: int | None = None,
        step_exponent: float = 0.7,
        warm_up: int = 50_000,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.acceleration = acceleration
        self.escape = escape
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.responsibilities_init = responsibilities_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.step_exponent = step_exponent
        self.warm_up = warm_up
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
            In the shape of `covariances_` for the `covariance_type`; positive definite, and of
            that structure.
        covariance_type : str, default='full'
            As of the constructor.

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
        structure = find_structure(covariance_type)
        shape = np.shape(means)
        if len(shape) != 2:
            raise ValueError(
                "The parameter 'means' should have the shape of (n_components, n_features), but "
                f"got {shape}"
            )
        parameters = MixtureParameters.from_weights(
            _validation.check_weights(weights, shape[0]),
            _validation.check_means(means, *shape),
            _validation.check_covariance(covariances, "covariance", structure, *shape),
        )
        mixture = cls(shape[0], covariance_type=covariance_type)
        mixture.__dict__.update(attributes_of(parameters, structure, np.dtype(np.float64)))
        mixture.n_features_in_ = shape[1]
        mixture.status_ = EMStatus.GIVEN.value
        return mixture

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
    ) -> GaussianMixtureEM:
        """Estimate weights, means and covariances from rows.

        Parameters
        ----------
        X : array-like, RowBlocks or Dask collection of shape (n_samples, n_features)
            A float64 or float32 array, a memory-mapped one too, is read in place. NaN is a value
            that is missing, at random given what was observed; None and NA of data frames and the
            masked values of masked arrays too. Only of arrays and frames in memory yet.
            :class:`RowBlocks` are read a block at a time; a Dask array or data frame is computed
            where its chunks are.
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts: a weight of 3 is the row three times, 0 is its absence.
            With Dask it may be a Dask array or series; RowBlocks bring their own weights.
        labels : array-like of int, shape (n_samples,), default=None
            The component of each sample where it is known, from 0 to `n_components` - 1, and -1
            where it is not. Labels name the components, which keep their numbers. `lower_bound_`
            is then the mean log-likelihood of samples and labels. Only with X in memory yet.

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
            If `max_iter` was reached, components collapsed or lost their rows, the rows are too few
            for the components or the structure, or columns are constant or linearly dependent.
        """
        self._fit(X, y, sample_weight, labels)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_predict(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
    ) -> Array:
        """Fit, and return the most probable component of each row.

        Parameters
        ----------
        X : array-like, RowBlocks or Dask collection of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts.
        labels : array-like of int, shape (n_samples,), default=None
            The component of each sample where it is known, else -1, as in `fit`.

        Returns
        -------
        labels : ndarray of int64, shape (n_samples,)
            As of `fit(X).predict(X)`, which does not look at the labels that were given.
        """
        rows, fitted = self._fit(X, y, sample_weight, labels)
        return rows.unlabelled().labels(fitted._parameters())

    def _fit(
        self,
        X: ArrayLike,
        y: Any,
        sample_weight: ArrayLike | None,
        labels: ArrayLike | None,
    ) -> tuple[Rows, Any]:
        """Fit; the validated rows, and the mixture that was fitted to them by this call.

        A failure leaves the estimator as it was.
        """
        tasks = FitTasks.of(self, X, y, sample_weight)
        before = self.__dict__
        with single_threaded_blas(), replacing(self) as working:
            rng = check_random_state(working.random_state)
            rows = rows_to_fit(working, X, sample_weight, rng, labels)
            fit = fit_mixture(working, rows, rng, tasks)
            working.__dict__.update(fit.attributes())
        if tasks is not None:
            try:
                tasks.done()
            except BaseException:
                self.__dict__ = before
                raise
        for message in fit.messages:  # the fit is done: a warning made an error must not undo it
            warnings.warn(message, ConvergenceWarning, stacklevel=4)
        return rows, working
