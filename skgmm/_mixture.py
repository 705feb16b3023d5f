"""GaussianMixtureEM: parameters, documentation and public methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, DensityMixin

from skgmm import _validation
from skgmm._em.settings import Acceleration, Settings
from skgmm._fitted import changes, replacing, undone_on_error, warn_after_fit
from skgmm._fitting import fit_mixture
from skgmm._fixed import ParameterName
from skgmm._inference.distribution import DistributionMixin
from skgmm._inference.export.mixture import MixtureExport
from skgmm._inference.known_mixture import known_mixture
from skgmm._inference.representation import RepresentationMixin
from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters
from skgmm._partial_fit import MixtureStreams
from skgmm._prior import ConjugatePrior, PriorName
from skgmm._progress import FitTasks
from skgmm._rows.base import Rows
from skgmm._rows.intake import rows_to_fit, with_errors
from skgmm._rows.noise import Background
from skgmm._rows.seeds import random_stream
from skgmm._rows.uniform_noise import UniformNoise, beside_noise, noise_of
from skgmm._sklearn_compat import (
    CallbackSupportMixin,
    Interval,
    NamedParametersMixin,
    NestedParametersMixin,
    StrOptions,
    fit_context,
    options_of,
)
from skgmm._starts.methods import InitMethod
from skgmm._threads import single_threaded_blas
from skgmm._version import VersionedPickleMixin
from skgmm.covariance import CovarianceType, find_structure

# Fitted attributes that not every fit has.
_OPTIONAL = ("noise_weight_", "noise_volume_", "prior_", "log_prior_", "_labelled")


class GaussianMixtureEM(
    CallbackSupportMixin,
    RepresentationMixin,
    MixtureExport,
    MixtureStreams,
    DistributionMixin,
    VersionedPickleMixin,
    NestedParametersMixin,
    NamedParametersMixin,
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
        'tied-spherical' is EII and 'tied-diag' EEI. Case-insensitive.
    tol : float, default=1e-6
        Stopping rule: EM stops when the estimated remaining gain of the mean log-likelihood is
        below this number, in nats per sample. With 0 it runs `max_iter` iterations, unless a step
        gains nothing.
    reg_covar : 'auto' or float, default='auto'
        Variance added along every axis to keep covariances positive definite. A number is
        absolute. 'auto' is 1e-10 of each feature's variance (of a robust variance if distant values
        increase it), so that units do not matter. For features that take at most 20 values, such as
        counts and answers, it is a twelfth of the squared step between values, the variance of the
        cell that a recorded value stands for; for dummies beside other features it is 0.143 of it.
        If a tenth of the samples or more share a value (equal samples count once), such as zeros of
        an amount or an end of a scale, it is half of the variance of the samples next to it. Where
        a component has a single value of a feature, such as an age, or is narrower than the
        rounding, the fit is repeated with what is added for such values.
    max_iter : int, default=1000
        Maximum number of evaluations per start (EM iterations and quasi-Newton steps); 0 returns
        the initial parameters.
    acceleration : {'auto', 'lbfgs'} or None, default='auto'
        'auto' continues with quasi-Newton steps (L-BFGS) once the rate of convergence of EM is
        known and slow, 'lbfgs' after ten iterations of EM; None is plain EM. A step that
        decreases the objective is never accepted.
    escape : bool, default=True
        Whether a fit that has nearly converged looks for a better optimum by split-and-merge moves
        (many at once) and, with few samples for the dimension, leave-one-out responsibilities, and
        continues from whatever increases the objective. With 12 components or more, those that are
        misplaced are moved before the iterations. With fewer than three samples per parameter (or
        20, beside coarse features or if it is much more compact), a more compact optimum is kept if
        left-out samples are about as probable; with full covariances and fewer than three samples
        per component and feature (or ten, and fewer than 0.45 per parameter), the optimum under
        which left-out samples are most probable. This usually costs at most twice as much as the
        rest of the fit, and some ms.
        With a user-supplied start, only empty or duplicate components are moved.
    n_init : int, default=1
        Number of starts; the best result is kept. Ignored if initial parameters are given.
    init_params : {'auto', 'kmeans', 'k-means++', 'random', 'random_from_data'} or callable, \
default='auto'
        Method of initialisation. 'auto': the best of several candidates by k-means (from random
        seeds, and from the groups of Ward's hierarchical clustering), k-means++ and farthest-first
        seeds, on samples with scaled features, on whitened samples and on samples as they are, by
        no more than 6 EM iterations in all, on no more than 5,000 samples (or 100 for each
        component).
        The others are scikit-learn's: the clusters of k-means; seeds of k-means++; random
        responsibilities; random samples. They use no more than 25,000 samples (or 500 for each
        component), drawn at random.
        A callable gets `(X, n_components, random_state, sample_weight)` and returns labels (n,) or
        responsibilities (n, K).
    weights_init : array-like of shape (n_components,), default=None
        Initial weights.
    means_init : array-like of shape (n_components, n_features), default=None
        Initial means. Unless given too, initial weights are equal, and initial covariances are
        those of the samples about the nearest mean.
    precisions_init : array-like, default=None
        Initial inverse covariances, in the shape of `precisions_`. Weights or precisions
        given without means are matched to the initial components that fit them best.
    responsibilities_init : array-like of shape (n_samples, n_components), default=None
        Soft (or hard) assignment from which initial parameters are estimated, instead of
        `init_params`.
    random_state : int, RandomState instance or None, default=None
        Seed of the random initialisation.
    warm_start : bool, default=False
        Whether `fit` continues from the parameters of the previous fit.
    n_jobs : int or None, default=None
        Number of threads for the starts, and for the samples within a start. -1 means all
        processors. None follows a :class:`joblib.parallel_config` context; otherwise it means all
        processors for large data (within OMP_NUM_THREADS), and 1 inside a joblib worker, as in a
        parallel grid search. Results are bit-identical for any number of threads.
    step_exponent : float, default=0.7
        How `partial_fit` discounts past samples, a number :math:`a` in [0, 1]: after :math:`r`
        samples their weight is that of :math:`u^{1 - a} r^a` samples, with :math:`u` the value of
        `warm_up`. Between 0.5 and 1 the mixture converges. With 1 nothing is forgotten, which keeps
        the influence of poor initial parameters; with 0 about `warm_up` samples are remembered, and
        the mixture follows a drift.
    warm_up : int, default=50_000
        Number of samples that `partial_fit` keeps to find initial parameters.
    noise : 'auto', UniformNoise or None, default=None
        A component of constant density beside the Gaussians, for samples that belong to none:
        'auto' is :class:`UniformNoise` with its defaults.
    prior : 'auto', 'mclust', ConjugatePrior or None, default=None
        Samples that each component has seen before, whose terms are added to the log-likelihood.
        'auto' is :class:`ConjugatePrior` with its defaults, worth 2 / n samples in each covariance:
        no component can collapse. 'mclust' has the numbers of mclust's default prior.
    fixed : {'weights', 'means', 'covariances'}, list, dict or None, default=None
        Parameters that are held at `weights_init`, `means_init` and `precisions_init`: one name, a
        list of names, or a dict from names to masks of shape (n_components,). Weights without
        `weights_init` are held equal. Beside noise, weights are held in proportion to what is not
        noise. Covariances of some components only can be held for 'full', 'diag' and 'spherical'.
    verbose : int, default=0
        1 logs each start and every `verbose_interval`-th iteration: evaluation, log-likelihood and
        estimated remaining gain, in nats per sample; 2 adds the gain of the iteration and
        the time. The lines go to the logger 'skgmm' at level INFO, and are printed if logging is
        not configured.
    verbose_interval : int, default=10
        Number of iterations between two lines.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Weights of the components, which sum to 1.
    means_ : ndarray of shape (n_components, n_features)
        Means of the components.
    covariances_ : ndarray
        Covariances of the components:
        (d, d) for 'tied', (K, d, d) for 'full' and the other ellipsoidal structures, (K, d) for
        'diag' and the other axis-aligned ones, (K,) for 'spherical' and 'tied-spherical'.
    precisions_ : ndarray
        Inverse covariances, in the same shape.
    precisions_cholesky_ : ndarray
        Upper triangular factors U with precision = U U' (reciprocal standard deviations for
        axis-aligned and spherical structures), in the same shape.
    converged_ : bool
        Whether the estimated remaining gain is below `tol`.
    status_ : str
        How the fit ended: 'converged', 'reached max_iter', ... and which components are empty,
        collapsed, degenerate or the same as others. 'partial fit' after `partial_fit`.
    n_iter_ : int
        Number of evaluations of the best start (passes over the data): EM iterations and
        quasi-Newton steps. Steps of `partial_fit` are added.
    lower_bound_ : float
        Mean log-likelihood of the returned parameters, in nats per sample; equals `score(X)` (for
        float32 data, up to the rounding of the attributes to float32). After `partial_fit`, the
        discounted mean of past samples, each computed before the update with it.
    lower_bounds_ : list of float
        Best value of the objective so far, after each evaluation: the mean log-likelihood minus
        the penalty that belongs to `reg_covar` (half the trace of precision x reg_covar for each
        component), plus the log prior per sample, if there is a prior. It never decreases.
    starts_ : dict of lists
        A table with a row for each start, and for each candidate that a start was chosen from:
        'start', 'kind', 'log_likelihood' (objective per sample), 'n_evaluations', 'moved_at' (the
        first evaluation after a split-and-merge move, 0 without one) and 'status'.
    noise_weight_ : float
        Weight of the noise, if there is any; `weights_` sum to 1 less this.
    noise_volume_ : float
        Its density is 1 / this.
    prior_ : ConjugatePrior
        The prior, if there is one, with all its values.
    log_prior_ : float
        Logarithm of its density at the returned parameters, in nats, without constants.
    n_parameters_ : int
        Number of free parameters, without those that are fixed.
    covariance_type_ : str
        The structure that was fitted.
    reg_covar_ : ndarray of shape (n_features,)
        The variance that was added along each axis.
    total_weight_ : float
        Number of samples of the fit, or the sum of their weights.
    n_features_in_ : int
        Number of features of the fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if all column names of X are strings.

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

    _nested: ClassVar = {"noise": "UniformNoise()", "prior": "ConjugatePrior()"}

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [str],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [StrOptions({"auto"}), Interval(Real, 0.0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "acceleration": [options_of(Acceleration), None],
        "escape": ["boolean"],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "init_params": [options_of(InitMethod), callable],
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
        "noise": [StrOptions({"auto"}), UniformNoise, None],
        "prior": [options_of(PriorName), ConjugatePrior, None],
        "fixed": [str, list, tuple, dict, None],
        "verbose": ["verbose"],
        "verbose_interval": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: CovarianceType | str = "full",
        tol: float = 1e-6,
        reg_covar: float | Literal["auto"] = "auto",
        max_iter: int = 1000,
        acceleration: Acceleration | None = "auto",
        escape: bool = True,
        n_init: int = 1,
        init_params: InitMethod | Callable[..., ArrayLike] = "auto",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        responsibilities_init: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        n_jobs: int | None = None,
        step_exponent: float = 0.7,
        warm_up: int = 50_000,
        noise: UniformNoise | Literal["auto"] | None = None,
        prior: ConjugatePrior | PriorName | None = None,
        fixed: ParameterName
        | Sequence[ParameterName]
        | Mapping[ParameterName, ArrayLike]
        | None = None,
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
        self.noise = noise
        self.prior = prior
        self.fixed = fixed
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    @classmethod
    def from_parameters(
        cls,
        weights: ArrayLike,
        means: ArrayLike,
        covariances: ArrayLike,
        covariance_type: CovarianceType | str = "full",
        *,
        noise_volume: float | None = None,
    ) -> Self:
        """Create a mixture with known parameters, without a fit.

        Parameters
        ----------
        weights : array-like of shape (n_components,)
            Non-negative. Their sum is 1, or with `noise_volume` at most 1.
        means : array-like of shape (n_components, n_features)
        covariances : array-like
            In the shape of `covariances_` for the `covariance_type`; positive definite, with
            that structure.
        covariance_type : str, default='full'
            See :class:`GaussianMixtureEM`.
        noise_volume : float, default=None
            Volume of a component of noise beside the others. Its weight is 1 minus the sum of
            `weights`.

        Returns
        -------
        mixture : GaussianMixtureEM

        Raises
        ------
        ValueError
            If shapes do not agree, weights do not sum to 1 (with `noise_volume`: to more than 1) or
            a covariance is not positive definite.

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
            _validation.check_weights(weights, shape[0], noise=noise_volume is not None),
            _validation.check_means(means, *shape),
            _validation.check_covariance(covariances, "covariance", structure, *shape),
        )
        if noise_volume is None:
            mixture = known_mixture(cls, parameters, structure)
        else:
            noise = UniformNoise(volume=noise_volume).checked()
            background = Background.cube(parameters.means, float(noise_volume))
            mixture = known_mixture(cls, parameters, structure, background)
            mixture.noise = noise
        mixture.covariance_type = covariance_type
        return mixture

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        error_covariance: ArrayLike | None = None,
    ) -> Self:
        """Estimate weights, means and covariances.

        Parameters
        ----------
        X : array-like, RowBlocks or Dask collection of shape (n_samples, n_features)
            A float64 or float32 array, which may be memory-mapped, is read in place. NaN is a
            missing value (missing at random), and so are None and NA of data frames and masked
            values of masked arrays. :class:`RowBlocks` are read one block at a time; a Dask array
            or data frame is computed where its chunks are.
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sample counts: a weight of 3 means three times, 0 means never.
            With Dask it may be a Dask array or series; RowBlocks contain their own weights.
        labels : array-like of int, shape (n_samples,), default=None
            The component of each sample if it is known, from 0 to `n_components` - 1, otherwise
            -1. Labels name the components, which are never renumbered. `lower_bound_`
            is then the mean log-likelihood of samples and labels. Not for Dask.
        error_covariance : array-like, default=None
            Variances (n_samples, n_features), or covariances (n_samples, n_features, n_features),
            of the errors with which X was measured: the mixture is that of the true values (extreme
            deconvolution). Only for X in memory.

        Returns
        -------
        self : GaussianMixtureEM

        Raises
        ------
        ValueError
            If the input is invalid, or every start fails because a covariance is singular.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` was reached, components collapsed or lost their samples, there are too few
            samples for the components or the structure, or columns are constant or linearly
            dependent.
        """
        self._fit(X, y, sample_weight, labels, error_covariance)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_predict(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        error_covariance: ArrayLike | None = None,
    ) -> Array:
        """Fit, and return the most probable component of each sample.

        Parameters
        ----------
        X : array-like, RowBlocks or Dask collection of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sample counts.
        labels : array-like of int, shape (n_samples,), default=None
            The component of each sample if it is known, otherwise -1, as in `fit`.
        error_covariance : array-like, default=None
            Variances or covariances of the errors with which X was measured, as in `fit`.

        Returns
        -------
        labels : ndarray of int64, shape (n_samples,)
            The same as `fit(X).predict(X)`, which does not use `labels`.
        """
        rows, fitted = self._fit(X, y, sample_weight, labels, error_covariance)
        return rows.unlabelled().labels(fitted._parameters())

    def _fit(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        error_covariance: ArrayLike | None = None,
    ) -> tuple[Rows, Any]:
        """Fit, and return the validated samples and the mixture fitted to them by this call.

        A failure leaves the estimator as it was.
        """
        tasks = FitTasks.of(self, X, y, sample_weight)
        with undone_on_error(self):
            with single_threaded_blas(), replacing(self) as working:
                rng = random_stream(working.random_state)
                rows = rows_to_fit(working, X, sample_weight, rng, labels)
                rows = with_errors(working, rows, error_covariance)
                rows = beside_noise(rows, noise_of(working.noise))
                for name in _OPTIONAL:  # of an earlier fit
                    working.__dict__.pop(name, None)
                previous, messages = working._previous(rows.n_features)
                fit = fit_mixture(Settings.of(working), rows, rng, previous, tasks)
                working.__dict__.update(fit.attributes())
            if tasks is not None:
                tasks.done()
        warn_after_fit(messages + fit.messages, stacklevel=5)
        return rows, working

    def _previous(self, n_features: int) -> tuple[MixtureParameters | None, list[str]]:
        """The fitted parameters that a warm start continues from, or why there are none to use."""
        if not self.warm_start or not hasattr(self, "precisions_cholesky_"):
            return None, []
        structure = find_structure(self.covariance_type)
        was = (*self.means_.shape, self._structure().name)
        now = (self.n_components, n_features, structure.name)
        if was == now:
            return self._parameters(), []
        names = ("n_components", "n_features", "covariance_type")
        return None, [
            "warm_start cannot continue the previous fit, because of a change of "
            f"{', '.join(changes(names, was, now))}: the fit starts from scratch."
        ]
