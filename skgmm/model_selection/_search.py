"""GaussianMixtureSearch: how many components, and which covariance structure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import check_random_state

from skgmm._fitted import replacing, undone_on_error, warn_after_fit
from skgmm._inference.representation import RepresentationMixin
from skgmm._linalg import Array
from skgmm._mixture import GaussianMixtureEM
from skgmm._prior import ConjugatePrior, PriorName
from skgmm._rows.base import Rows
from skgmm._rows.intake import rows_and_sample, with_errors
from skgmm._rows.sample import sample_key
from skgmm._rows.uniform_noise import UniformNoise, beside_noise, noise_of
from skgmm._sklearn_compat import (
    CallbackSupportMixin,
    Interval,
    MissingValuesMixin,
    NestedParametersMixin,
    StrOptions,
    fit_context,
    options_of,
)
from skgmm._threads import single_threaded_blas
from skgmm._version import VersionedPickleMixin
from skgmm.covariance import CovarianceType
from skgmm.model_selection._answers import AnswersAsTheBest
from skgmm.model_selection._best import COMMON
from skgmm.model_selection._drawn import SAMPLES_OUT_OF_CORE
from skgmm.model_selection._grid import sizes_of, structures_of
from skgmm.model_selection._report import SearchSummary
from skgmm.model_selection._run import HELD_OUT, Criterion, searched
from skgmm.model_selection._tasks import SearchTasks


class GaussianMixtureSearch(
    CallbackSupportMixin,
    RepresentationMixin,
    AnswersAsTheBest,
    SearchSummary,
    MissingValuesMixin,
    NestedParametersMixin,
    VersionedPickleMixin,
    DensityMixin,
    BaseEstimator,
):
    """Search over numbers of components and covariance structures.

    All models are fitted in one call. Initial partitions are computed once for each number of
    components, structures also start from those that they contain, and K + 1 components from K, one
    of them split. No model ends below one that it contains, in the objective: the log-likelihood
    minus the penalty due to `reg_covar`. Afterwards the search answers as the best model does: it
    predicts, scores, samples and transforms, and has its other methods, such as `condition`.

    Parameters
    ----------
    n_components : int or iterable of int, default=(1, ..., 9)
        Numbers of components to try.
    covariance_types : 'all', str or iterable of str, default='all'
        Structures to try: all registered ones, or names (see
        :class:`GaussianMixtureEM`).
    criterion : {'bic', 'icl', 'aic', 'log_likelihood'}, default='bic'
        Model-selection criterion. The first three are lower for better models; 'log_likelihood' is
        the mean log-likelihood of held-out samples in a cross-validation, in nats per sample, and
        is higher for better models (Smyth 2000).
    cv : int, cross-validation generator, iterable or None, default=None
        Folds of the cross-validation, as in scikit-learn. None means 5 folds, and a number
        splits without shuffling, so use ``KFold(5, shuffle=True)`` for sorted data, and
        ``GroupKFold(5)`` with `groups` in `fit` for grouped samples. Splits given as numbers of
        samples need all samples to be compared (see `max_samples`). Ignored by the other criteria.
    max_samples : int or None, default=None
        The models are compared on no more than so many samples, drawn at random without
        replacement (with weights, heavy ones rather than light ones), and the best one is then
        fitted to all samples. None means all samples if they are in memory, and 50,000 of
        :class:`RowBlocks` and Dask arrays or data frames. A component of a very small part of the
        samples may be missing from the sample.
    tol : float, default=1e-6
        See :class:`GaussianMixtureEM`. With more than 10,000 samples and without a prior, models
        are compared by 'bic', 'icl' or 'aic' as they are fitted: one that is behind the best so
        far ends when its remaining gain is less than 1e-4 of what it is behind, if this is more;
        EVE and VVE are always fitted to the end.
    reg_covar : 'auto' or float, default='auto'
        See :class:`GaussianMixtureEM`. If most of a component's variance is `reg_covar`, along a
        direction in which the samples as a whole vary, the likelihood has no maximum: the
        criteria of the model in `results_` are NaN, and it cannot win. If with 'auto' a model with
        fewer components than the best one ends so because samples share a value, or the best one
        is narrower than the rounding, all are fitted again with more added to the variance there.
    max_iter : int, default=1000
        See :class:`GaussianMixtureEM`.
    noise : 'auto', UniformNoise or None, default=None
        A component of constant density beside those of every model, as in
        :class:`GaussianMixtureEM`. The number of components does not include it.
    prior : 'auto', 'mclust', ConjugatePrior or None, default=None
        Samples that each component has seen before, as for :class:`GaussianMixtureEM`. Criteria are
        those of the log-likelihood where the posterior density is highest.
    fixed : 'weights' or None, default=None
        'weights': all components have the same weight.
    random_state : int, RandomState instance or None, default=None
        Seed of the random initialisation (not of the folds, which have their own).
    n_jobs : int or None, default=None
        Number of threads that fit models in parallel. The result does not depend on it. None
        follows a :class:`joblib.parallel_config` context; otherwise it means all processors for
        large data, and 1 for small data, for which threads would wait for each other.
    verbose : int, default=0
        With 1 or more, a line for each model as soon as it is fitted, through the logger 'skgmm',
        or printed if logging is not configured.

    Attributes
    ----------
    best_estimator_ : GaussianMixtureEM
        The best model.
    best_n_components_ : int
        Number of components of the best model.
    best_covariance_type_ : str
        Covariance structure of the best model.
    best_score_ : float
        Value of the criterion for the best model: the lowest of all models if the criterion is
        'bic', 'icl' or 'aic', the highest if it is 'log_likelihood'.
    best_index_ : int
        Index of the best model in `results_`.
    results_ : dict of ndarrays
        A table with a row for each model, ready for :class:`pandas.DataFrame`: 'n_components',
        'covariance_type', 'log_likelihood' (total, in nats), 'n_parameters', 'bic', 'aic', 'icl',
        'converged', 'status' (how the fit ended, or why there is no fit) and 'fit_time'
        (seconds); with criterion='log_likelihood' also 'held_out_log_likelihood' and its standard
        error over folds 'held_out_error', in nats per sample. NaN if there is no fit. With
        `max_samples` all this is of the samples that were drawn.
    n_iter_ : int
        Number of iterations of the best model.
    n_features_in_ : int
        Number of features of the fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if all column names of X are strings.

    See Also
    --------
    bic_scorer : A scorer for scikit-learn's GridSearchCV.
    bootstrap_lrt : A test of the number of components.

    References
    ----------
    Fraley & Raftery (2002), Model-based clustering, discriminant analysis, and density estimation.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skgmm import GaussianMixtureSearch
    >>> X = load_iris().data
    >>> search = GaussianMixtureSearch(range(1, 4), random_state=0).fit(X)
    >>> search.best_n_components_, search.best_covariance_type_
    (2, 'VEV')
    >>> round(search.best_score_, 1)
    561.7
    """

    if TYPE_CHECKING:
        best_n_components_: int
        best_covariance_type_: str
        best_score_: float
        best_index_: int
        results_: dict[str, Array]
        n_features_in_: int
        feature_names_in_: Array

    _nested = GaussianMixtureEM._nested

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "covariance_types": [str, "array-like"],
        "criterion": [options_of(Criterion)],
        "cv": ["cv_object"],
        "max_samples": [Interval(Integral, 2, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "fixed": [StrOptions({"weights"}), None],
        **{name: GaussianMixtureEM._parameter_constraints[name] for name in (*COMMON, "verbose")},
    }

    def __init__(
        self,
        n_components: int | Iterable[int] = (1, 2, 3, 4, 5, 6, 7, 8, 9),
        covariance_types: Literal["all"] | CovarianceType | str | Iterable[str] = "all",
        criterion: Criterion = "bic",
        *,
        cv: Any = None,
        max_samples: int | None = None,
        tol: float = 1e-6,
        reg_covar: float | Literal["auto"] = "auto",
        max_iter: int = 1000,
        noise: UniformNoise | Literal["auto"] | None = None,
        prior: ConjugatePrior | PriorName | None = None,
        fixed: Literal["weights"] | None = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.covariance_types = covariance_types
        self.criterion = criterion
        self.cv = cv
        self.max_samples = max_samples
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.noise = noise
        self.prior = prior
        self.fixed = fixed
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        error_covariance: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit all models, and keep the best.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), RowBlocks, Dask array or data frame
            NaN is a missing value.
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sample counts: a weight of 3 means three times, 0 means never.
        labels : array-like of int, shape (n_samples,), default=None
            The component of each sample if it is known, otherwise -1, as in
            :meth:`GaussianMixtureEM.fit`: a component of every model, so less than the smallest
            of `n_components`. The log-likelihoods and criteria are then those of samples and
            labels.
        error_covariance : array-like, default=None
            Variances (n_samples, n_features), or covariances (n_samples, n_features, n_features),
            of the errors with which X was measured: the mixtures are those of the true values, and
            the log-likelihoods and criteria those of the measurements.
        groups : array-like of shape (n_samples,), default=None
            The group of each sample, for a `cv` that does not divide groups.

        Returns
        -------
        self : GaussianMixtureSearch

        Raises
        ------
        ValueError
            If the input is invalid, or no model could be fitted.

        Warns
        -----
        ConvergenceWarning
            If an interrupt (Ctrl-C) or a callback ended the search early: the search then uses the
            models fitted so far. If there is none, or in a cross-validation if none has been
            scored, the interrupt is raised instead. Also if models were excluded, if columns are
            constant or linearly dependent, and if the weights sum to far less than the effective
            number of samples, or to less than the number of parameters.
        """
        n_models = len(sizes_of(self.n_components)) * len(structures_of(self.covariance_types))
        folds = self._folds()
        n_folds = 0 if folds is None else folds.get_n_splits(X, None, groups)
        tasks = SearchTasks(self, X, y, sample_weight, n_models * (1 + n_folds))
        with undone_on_error(self):
            with single_threaded_blas(), replacing(self) as working:
                rng = check_random_state(self.random_state)
                source = working._source(X, sample_weight, labels, error_covariance, rng)
                found, messages = searched(working, source, folds, groups, tasks, rng)
                working.__dict__.update(found)
            tasks.done()
        warn_after_fit(messages)
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
        """Fit all models, and return the most probable component of each sample under the best.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
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
        """
        self.fit(X, None, sample_weight, labels, error_covariance)
        return self.predict(X, error_covariance)

    def _source(
        self,
        X: ArrayLike,
        sample_weight: ArrayLike | None,
        labels: ArrayLike | None,
        error_covariance: ArrayLike | None,
        rng: np.random.RandomState,
    ) -> Rows:
        """All samples, of which some have been drawn if they are not in memory."""
        K, size = min(sizes_of(self.n_components)), self.max_samples or SAMPLES_OUT_OF_CORE
        key = partial(sample_key, rng)
        rows = rows_and_sample(self, X, sample_weight, labels, K, size, key)
        return beside_noise(with_errors(self, rows, error_covariance), noise_of(self.noise))

    def _folds(self) -> Any:
        """The splitter, if the criterion is cross-validated."""
        if self.criterion != HELD_OUT:
            return None
        # sklearn.model_selection is not loaded by `import sklearn.mixture`, nor by ours.
        from sklearn.model_selection import check_cv

        return check_cv(self.cv)  # only once, because it consumes an iterator of folds
