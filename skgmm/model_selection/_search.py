"""GaussianMixtureSearch: how many components, and which covariance structure."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from functools import wraps
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skgmm._fitted import replacing, snapshot
from skgmm._fitting import Fit as MixtureFit
from skgmm._html import RepresentationMixin
from skgmm._linalg import Array
from skgmm._mixture import GaussianMixtureEM
from skgmm._objective import Problem, Regularisation
from skgmm._rows.base import effective_size
from skgmm._rows.grouped import RowsInMemory
from skgmm._rows.intake import rows_in_memory
from skgmm._sklearn_compat import CallbackSupportMixin, Interval, StrOptions, fit_context
from skgmm._starts.choose import alone, table_of_starts
from skgmm._threads import single_threaded_blas
from skgmm._validation import scale_of_weights
from skgmm._version import VersionedPickleMixin
from skgmm.covariance import STRUCTURES, Structure, find_structure
from skgmm.model_selection._advice import largest_tried, left_out
from skgmm.model_selection._cross_validation import cross_validated
from skgmm.model_selection._sweep import Fit, Ground, sweep
from skgmm.model_selection._table import NOT_REACHED, add_held_out, best_row, table_of
from skgmm.model_selection._tasks import SearchTasks

HELD_OUT = "log_likelihood"


def _as_the_best(name: str) -> Callable[..., Any]:
    """The method of that name of the best model."""

    @wraps(getattr(GaussianMixtureEM, name))
    def method(self: GaussianMixtureSearch, *args: Any, **kwargs: Any) -> Any:
        fitted = snapshot(self)  # whatever a fit in another thread does
        check_is_fitted(fitted)
        return getattr(fitted.best_estimator_, name)(*args, **kwargs)

    return method


class GaussianMixtureSearch(
    CallbackSupportMixin, RepresentationMixin, VersionedPickleMixin, DensityMixin, BaseEstimator
):
    """Gaussian mixtures of several sizes and covariance structures, and the best of them.

    All models are fitted in one go: groups of rows to start from are made once for each number of
    components, structures start at those that they contain, and K + 1 components at K, one of them
    split. No model ends below one that it contains, in what EM maximises: the log-likelihood, but
    for what `reg_covar` adds. Afterwards the search predicts, scores and samples as the best model.

    Parameters
    ----------
    n_components : int or iterable of int, default=(1, ..., 9)
        Numbers of components to try.
    covariance_types : 'all', str or iterable of str, default='all'
        Structures to try: all that are registered, or names as of
        :class:`GaussianMixtureEM`.
    criterion : {'bic', 'icl', 'aic', 'log_likelihood'}, default='bic'
        What decides. The first three are lower for better models; 'log_likelihood' is the mean
        log-likelihood of held-out rows in a cross-validation, in nats per row, and higher for
        better models (Smyth 2000).
    cv : int, cross-validation generator, iterable or None, default=None
        Folds of the cross-validation, as everywhere in scikit-learn: None is 5 folds, and a number
        cuts the rows in the order in which they are, so shuffle sorted ones with
        ``KFold(5, shuffle=True)``. Where rows come in groups, pass the splits themselves:
        ``list(GroupKFold(5).split(X, groups=groups))``. Ignored by the other criteria.
    tol : float, default=1e-5
        As of :class:`GaussianMixtureEM`; less strict by default, because models differ by more.
    reg_covar : 'auto' or float, default='auto'
        As of :class:`GaussianMixtureEM`. Where a component is flat but for `reg_covar`, along a
        direction in which the rows as a whole are not, the likelihood has no maximum: the model's
        row in `results_` is NaN, and it cannot win.
    max_iter : int, default=1000
        As of :class:`GaussianMixtureEM`.
    random_state : int, RandomState instance or None, default=None
        Seed of the starts (and of nothing else: folds have a seed of their own).
    n_jobs : int or None, default=None
        Threads that share the fits. The result does not depend on it. None follows a
        :class:`joblib.parallel_config` context; outside of one it is all processors for large
        data, and 1 for small data, where threads would wait for each other.

    Attributes
    ----------
    best_estimator_ : GaussianMixtureEM
    best_n_components_ : int
    best_covariance_type_ : str
    best_score_ : float
        Of the criterion.
    best_index_ : int
        Row of the best model in `results_`.
    results_ : dict of ndarrays
        A row for each model, ready for :class:`pandas.DataFrame`: 'n_components',
        'covariance_type', 'log_likelihood' (total, in nats), 'n_parameters', 'bic', 'aic', 'icl',
        'converged', 'status' (how the fit ended, or the reason why there is none) and 'fit_time'
        (seconds); with criterion='log_likelihood' also 'held_out_log_likelihood' and its standard
        error over folds 'held_out_error', in nats per row. NaN where there is no fit.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
        Only when all column names of X are strings.

    See Also
    --------
    bic_scorer : A scorer for scikit-learn's GridSearchCV.
    bootstrap_lrt : How sure the number of components is.

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

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_components": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "covariance_types": [str, "array-like"],
        "criterion": [StrOptions({"bic", "icl", "aic", HELD_OUT})],
        "cv": ["cv_object"],
        "tol": [Interval(Real, 0.0, None, closed="left")],
        "reg_covar": [StrOptions({"auto"}), Interval(Real, 0.0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [
            Interval(Integral, None, -1, closed="right"),
            Interval(Integral, 1, None, closed="left"),
            None,
        ],
    }

    def __init__(
        self,
        n_components: int | Iterable[int] = (1, 2, 3, 4, 5, 6, 7, 8, 9),
        covariance_types: str | Iterable[str] = "all",
        criterion: str = "bic",
        *,
        cv: Any = None,
        tol: float = 1e-5,
        reg_covar: float | str = "auto",
        max_iter: int = 1000,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_types = covariance_types
        self.criterion = criterion
        self.cv = cv
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.random_state = random_state
        self.n_jobs = n_jobs

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> GaussianMixtureSearch:
        """Fit every model, and keep the best.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts: a weight of 3 is the row three times, 0 is its absence.

        Returns
        -------
        self : GaussianMixtureSearch

        Raises
        ------
        ValueError
            For bad input, naming it; and when no model could be fitted.

        Warns
        -----
        ConvergenceWarning
            If an interrupt (Ctrl-C) or a callback ended the search early: it then has the models
            that are there. Without a single one, or in a cross-validation before any is scored,
            the interrupt is raised. If columns are constant or linearly dependent; and if weights
            sum to far less than their effective number, or to fewer than there are parameters.
        """
        n_models = len(self._sizes()) * len(self._structures())
        folds = self._folds()
        n_folds = 0 if folds is None else folds.get_n_splits(X)
        tasks = SearchTasks(self, X, y, sample_weight, n_models * (1 + n_folds))
        before = self.__dict__
        with single_threaded_blas(), replacing(self) as working:
            messages = working._fit(X, sample_weight, folds, tasks)
        try:
            tasks.done()
        except BaseException:
            self.__dict__ = before
            raise
        for message in messages:
            warnings.warn(message, ConvergenceWarning, stacklevel=3)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_predict(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> Array:
        """Fit every model, and return the most probable component of each row under the best.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts.

        Returns
        -------
        labels : ndarray of int64, shape (n_samples,)
        """
        return self.fit(X, sample_weight=sample_weight).predict(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    predict = _as_the_best("predict")
    predict_proba = _as_the_best("predict_proba")
    predict_log_proba = _as_the_best("predict_log_proba")
    score_samples = _as_the_best("score_samples")
    score = _as_the_best("score")
    bic = _as_the_best("bic")
    aic = _as_the_best("aic")
    icl = _as_the_best("icl")
    impute = _as_the_best("impute")
    sample = _as_the_best("sample")
    summary = _as_the_best("summary")

    def _fit(
        self, X: ArrayLike, sample_weight: ArrayLike | None, folds: Any, tasks: SearchTasks
    ) -> list[str]:
        """Set the fitted attributes, and return what the user should know."""
        sizes, structures = self._sizes(), self._structures()
        rows = rows_in_memory(self, X, sample_weight, min(sizes))
        rng = check_random_state(self.random_state)

        def prepare(some: RowsInMemory) -> Ground:
            options = {"tol": self.tol, "max_iter": self.max_iter}
            return Ground.prepare(
                some, self.reg_covar, sizes, rng, options, structures, admissible_only=True
            )

        ground = prepare(rows)
        table, complete = sweep(ground, structures, rows.n_threads, tasks.fit)
        results = table_of(table, structures, sizes, rows)
        column = self.criterion
        if column == HELD_OUT:
            if not complete:
                raise tasks.interruption
            held_out, complete = cross_validated(
                rows, folds, structures, prepare, rows.n_threads, tasks.fit
            )
            column = add_held_out(results, held_out)
        best = best_row(results, column, higher_is_better=self.criterion == HELD_OUT)
        if best is None:
            raise ValueError(
                f"None of the {len(results['status'])} models could be fitted. The first: "
                f"{results['status'][0]}"
            )
        self.results_, self.best_index_ = results, best
        self.best_score_ = float(results[column][best])
        self.best_n_components_ = int(results["n_components"][best])
        self.best_covariance_type_ = str(results["covariance_type"][best])
        chosen = table[self.best_covariance_type_, self.best_n_components_]
        self.best_estimator_ = self._mixture_of(chosen, rows, ground.reg)
        messages = ground.collapsed.span.advice(getattr(self, "feature_names_in_", None), None)
        messages += largest_tried(sizes, self.best_n_components_)
        if self.criterion != HELD_OUT:
            messages += _relative_weights(rows.sample_weight, int(results["n_parameters"][best]))
            penalty = 2.0 if self.criterion == "aic" else float(np.log(ground.total_weight))
            messages += left_out(table, results, self.best_score_, penalty)
        return messages if complete else [*messages, _interrupted(results)]

    def _folds(self) -> Any:
        """What splits rows into folds, if the criterion asks for it."""
        if self.criterion != HELD_OUT:
            return None
        # sklearn.model_selection is not loaded by `import sklearn.mixture`, nor by ours.
        from sklearn.model_selection import check_cv

        return check_cv(self.cv)  # once: an iterator of folds is used up by it

    def _mixture_of(
        self, chosen: Fit, rows: RowsInMemory, reg: Regularisation
    ) -> GaussianMixtureEM:
        """The model as an estimator of its own."""
        assert chosen.result is not None
        mixture = GaussianMixtureEM(
            chosen.n_components,
            covariance_type=chosen.structure.name,
            tol=self.tol,
            reg_covar=self.reg_covar,
            max_iter=self.max_iter,
            random_state=self.random_state,
            n_jobs=self.n_jobs,
        )
        starts, _ = alone("search", chosen.result.parameters)
        problem = Problem(rows, chosen.structure, *reg)
        fit = MixtureFit(problem, chosen.result, table_of_starts([starts], [chosen.result]), [])
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                setattr(mixture, name, getattr(self, name))
        mixture.__dict__.update(fit.attributes())
        return mixture

    def _sizes(self) -> list[int]:
        """Numbers of components, ascending."""
        given: Any = self.n_components
        if isinstance(given, Integral):
            return [int(given)]
        sizes = list(given) if np.ndim(given) else []
        if not sizes or not all(isinstance(K, Integral) and int(K) >= 1 for K in sizes):
            raise ValueError(
                "n_components should be a positive integer or an iterable of such, but got "
                f"{given!r}"
            )
        return sorted({int(K) for K in sizes})

    def _structures(self) -> list[Structure]:
        """Structures, the simplest first."""
        given = self.covariance_types
        if isinstance(given, str):
            if given == "all":
                return list(STRUCTURES.values())
            given = [given]
        try:
            names = {find_structure(name).name for name in given}
        except ValueError as error:
            raise ValueError(f"covariance_types: {error}") from None
        if not names:
            raise ValueError("covariance_types is empty; allowed is 'all' or names of structures")
        return [structure for name, structure in STRUCTURES.items() if name in names]


def _relative_weights(weights: Array | None, n_free: int) -> list[str]:
    """What the user should know where weights are no counts."""
    if weights is None:
        return []
    total = float(weights.sum())
    message = scale_of_weights(total, effective_size(total, float(weights @ weights)), n_free)
    return [] if message is None else [message]


def _interrupted(results: dict[str, Array]) -> str:
    n_missing = int((results["status"] == NOT_REACHED).sum())
    if not n_missing:
        return (
            "The search was interrupted in its cross-validation; models are judged by the folds "
            "before that, or by the first as far as it went."
        )
    return (
        f"The search was interrupted with {n_missing} of {len(results['status'])} models still to "
        "be fitted; the best is the best of the others."
    )
