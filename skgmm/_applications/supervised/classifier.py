"""GaussianMixtureClassifier: Bayes' rule with a Gaussian mixture for each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from skgmm._applications.supervised.by_class import check_enough, combined, fit_all, fit_each
from skgmm._applications.supervised.classes import Classes, check_priors
from skgmm._applications.supervised.partly_labelled import PartlyLabelled
from skgmm._applications.supervised.samples import (
    AnyMixture,
    check_samples,
    check_weights,
    refuse_noise,
    without_names,
)
from skgmm._fitted import of_one_fit, replacing, undone_on_error, warn_after_fit
from skgmm._inference.export.json import JSONMixin
from skgmm._inference.representation import RepresentationMixin
from skgmm._linalg import Array
from skgmm._mixture import GaussianMixtureEM
from skgmm._sklearn_compat import (
    MissingValuesMixin,
    NamedParametersMixin,
    NestedParametersMixin,
    fit_context,
    options_of,
)
from skgmm._threads import single_threaded_blas
from skgmm._version import VersionedPickleMixin
from skgmm.model_selection import GaussianMixtureSearch

Ties = Literal["within", "across"]


class GaussianMixtureClassifier(
    JSONMixin,
    RepresentationMixin,
    MissingValuesMixin,
    VersionedPickleMixin,
    NamedParametersMixin,
    NestedParametersMixin,
    ClassifierMixin,
    BaseEstimator,
):
    """Classification by Gaussian mixtures: discriminant analysis with any covariance structure.

    The density of each class is a Gaussian mixture, and Bayes' rule gives the probability of each
    class. With one component for each class this is quadratic (`covariance_type='full'`) or, with
    `ties='across'`, linear discriminant analysis (`'tied'`). Missing values (NaN) need no
    imputation, and samples whose class is unknown can be used.

    Parameters
    ----------
    mixture : GaussianMixtureEM, GaussianMixtureSearch or None, default=None
        The model, which is cloned. None is ``GaussianMixtureEM()``, one Gaussian for each class.
        To search over its parameters (``mixture__n_components``) give it, because None has none.
    ties : {'within', 'across'}, default='within'
        'within': a mixture for each class, fitted separately (mixture discriminant analysis,
        MclustDA); a :class:`GaussianMixtureSearch` chooses the number of components and the
        structure for each class. 'across': one component for each class, and what the structure
        has equal is equal across classes (eigenvalue decomposition discriminant analysis, EDDA);
        a search chooses the structure. The `n_components` of the mixture is then ignored.
    priors : array-like of shape (n_classes,), default=None
        Probabilities of the classes, in the order of `classes_`, that replace those of the fit in
        predictions. None: their proportions in the samples.
    unlabeled : object, default=None
        The value of y that marks samples whose class is unknown, such as -1; NaN stands for every
        missing value. Their densities then help to find the mixtures, by EM. None: there are none.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    priors_ : ndarray of shape (n_classes,)
        Probabilities of the classes.
    mixtures_ : list of GaussianMixtureEM
        The mixture of each class, in the order of `classes_`. Only with `ties='within'`.
    mixture_ : GaussianMixtureEM
        All components in one mixture: the density of samples of any class. Its weights sum to
        `priors_` for each class. With `ties='within'` its covariance type is 'diag' or 'full'.
    component_classes_ : ndarray of int64, shape (n_components,)
        The class of each component of `mixture_`, as an index into `classes_`.
    n_features_in_ : int
        Number of features of the fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if all column names of X are strings.

    See Also
    --------
    sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis : One Gaussian for each class.
    sklearn.discriminant_analysis.LinearDiscriminantAnalysis : Gaussians of equal covariance.

    References
    ----------
    Hastie & Tibshirani (1996), Discriminant analysis by Gaussian mixtures.
    Bensmail & Celeux (1996), Regularized Gaussian discriminant analysis through eigenvalue
    decomposition.
    Fraley & Raftery (2002), Model-based clustering, discriminant analysis, and density estimation.
    Dean, Murphy & Downey (2006), Using unlabelled data to update classification rules.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skgmm import GaussianMixtureClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = GaussianMixtureClassifier().fit(X, y)
    >>> round(classifier.score(X, y), 2)
    0.98
    >>> classifier.predict([[5.0, np.nan, 1.5, np.nan]])
    array([0])
    """

    if TYPE_CHECKING:
        classes_: Array
        priors_: Array
        mixtures_: list[GaussianMixtureEM]
        mixture_: GaussianMixtureEM
        component_classes_: Array
        n_features_in_: int
        feature_names_in_: Array

    _nested: ClassVar = {"mixture": "GaussianMixtureEM()"}

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "mixture": [GaussianMixtureEM, GaussianMixtureSearch, None],
        "ties": [options_of(Ties)],
        "priors": ["array-like", None],
        "unlabeled": "no_validation",  # type: ignore[dict-item]
    }

    def __init__(
        self,
        mixture: AnyMixture | None = None,
        *,
        ties: Ties = "within",
        priors: ArrayLike | None = None,
        unlabeled: Any = None,
    ) -> None:
        self.mixture = mixture
        self.ties = ties
        self.priors = priors
        self.unlabeled = unlabeled

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the mixtures of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN is a missing value (missing at random).
        y : array-like of shape (n_samples,)
            Class of each sample, or `unlabeled`.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sample counts: a weight of 3 means three times, 0 means never.

        Returns
        -------
        self : GaussianMixtureClassifier

        Raises
        ------
        ValueError
            If the input is invalid, or a class has fewer samples than its mixture needs.

        Warns
        -----
        ConvergenceWarning
            As :meth:`GaussianMixtureEM.fit`, with the name of the class.
        """
        with undone_on_error(self), single_threaded_blas(), replacing(self) as working:
            messages = working._fit(X, y, sample_weight)
        warn_after_fit(messages)
        return self

    def _fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None) -> list[str]:
        """Set the fitted attributes, and return the messages of warnings."""
        model = GaussianMixtureEM() if self.mixture is None else self.mixture
        refuse_noise(self, model)
        samples, _ = check_samples(self, X, reset=True)
        counted, weights, chosen = check_weights(sample_weight, samples)
        classes = Classes.of(self, y, self.unlabeled, samples, chosen)
        priors = None if self.priors is None else check_priors(self.priors, classes.number)
        across = self.ties == "across"
        if classes.all_known:
            check_enough(model, classes, weights, samples.shape[1], across)
        messages: list[str] = []
        self.classes_ = classes.values
        self.__dict__.pop("mixtures_", None)  # of an earlier fit
        if across:
            mixture = fit_all(model, counted, weights, classes, messages)
            self.component_classes_ = np.arange(classes.number)
            self.priors_ = mixture._parameters().proportions if priors is None else priors
            if priors is not None:
                mixture.weights_ = priors.astype(mixture.weights_.dtype)
        else:
            self.mixtures_, proportions = self._fit_within(
                model, counted, weights, classes, messages
            )
            self.priors_ = proportions if priors is None else priors
            mixture = combined(self.mixtures_, self.priors_)
            sizes = [len(own.means_) for own in self.mixtures_]
            self.component_classes_ = np.repeat(np.arange(classes.number), sizes)
        self.mixture_ = mixture
        self._pass_on_names()
        return messages

    def _fit_within(
        self,
        model: AnyMixture,
        X: Array,
        weights: Array | None,
        classes: Classes,
        messages: list[str],
    ) -> tuple[list[GaussianMixtureEM], Array]:
        """The mixtures of the classes, and the classes' proportions."""
        if classes.all_known:
            return fit_each(model, X, weights, classes, messages), classes.proportions(weights)
        counts = np.ones(len(X)) if weights is None else weights
        found = PartlyLabelled(model, X, counts, classes).fit()
        messages += found.messages
        return found.mixtures, found.priors

    def _pass_on_names(self) -> None:
        """The mixtures know the names of the features."""
        if hasattr(self, "feature_names_in_"):
            for mixture in [self.mixture_, *getattr(self, "mixtures_", [])]:
                mixture.feature_names_in_ = self.feature_names_in_

    @of_one_fit
    def predict(self, X: ArrayLike) -> Array:
        """The most probable class of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN where a value is missing.

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        most_probable = self.predict_log_proba(X).argmax(axis=1)
        return self.classes_[most_probable]

    @of_one_fit
    def predict_proba(self, X: ArrayLike) -> Array:
        """The probability of each class given each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN where a value is missing. Without any value these are the priors.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Classes in the order of `classes_`.
        """
        return np.exp(self.predict_log_proba(X))

    @of_one_fit
    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Logarithms of the probabilities, exact where these underflow.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN where a value is missing.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        # In float64, so that probabilities and their logarithms agree to rounding error.
        samples, _ = check_samples(self, X, reset=False)
        samples = samples.astype(np.float64, copy=False)
        by_component = without_names(self.mixture_).predict_log_proba(samples)
        if len(self.component_classes_) == len(self.classes_):
            return by_component
        # Components are in the order of their classes.
        bounds = np.searchsorted(self.component_classes_, np.arange(1, len(self.classes_)))
        parts = np.split(by_component, bounds, axis=1)
        return np.column_stack([logsumexp(part, axis=1) for part in parts])
