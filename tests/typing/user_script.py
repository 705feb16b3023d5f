"""What a user writes, for type checkers (`test_typing.py`). It is checked, never run."""

from typing import Any, Literal, assert_type

import numpy as np
from numpy.typing import NDArray

from skgmm import (
    BootstrapLRT,
    ConjugatePrior,
    GaussianMixtureClassifier,
    GaussianMixtureEM,
    GaussianMixtureRegressor,
    GaussianMixtureSearch,
    MixtureReport,
    ParameterUncertainty,
    SearchReport,
    bootstrap_lrt,
    parameter_uncertainty,
)

Array = NDArray[Any]

X = np.zeros((100, 2))
y = np.zeros(100)

# A mixture

mixture = GaussianMixtureEM(
    2,
    covariance_type="VEV",
    init_params="kmeans",
    acceleration=None,
    reg_covar="auto",
    noise="auto",
    prior="mclust",
    fixed="weights",
)
assert_type(mixture.fit(X), GaussianMixtureEM)
assert_type(mixture.partial_fit(X), GaussianMixtureEM)
assert_type(mixture.fit_predict(X), Array)
assert_type(mixture.weights_, Array)
assert_type(mixture.means_, Array)
assert_type(mixture.covariances_, Array)
assert_type(mixture.converged_, bool)
assert_type(mixture.status_, str)
assert_type(mixture.n_iter_, int)
assert_type(mixture.lower_bound_, float)
assert_type(mixture.lower_bounds_, list[float])
assert_type(mixture.n_parameters_, int)
assert_type(mixture.noise_weight_, float)
assert_type(mixture.prior_, ConjugatePrior)
assert_type(mixture.n_features_in_, int)
assert_type(mixture.predict(X), Array)
assert_type(mixture.predict_proba(X), Array)
assert_type(mixture.score(X), float)
assert_type(mixture.bic(X), float)
assert_type(mixture.sample(5), tuple[Array, Array])
assert_type(mixture.marginal(0), GaussianMixtureEM)
assert_type(mixture.summary(), MixtureReport)
assert_type(GaussianMixtureEM.from_parameters([1.0], [[0.0]], [1.0]), GaussianMixtureEM)

# What is no option is an error; names of structures are case-insensitive, and can be registered.

GaussianMixtureEM(init_params="best")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
GaussianMixtureEM(acceleration="fast")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
GaussianMixtureSearch(criterion="dic")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
GaussianMixtureEM(covariance_type="vev")
mixture.predict()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
GaussianMixtureEM(init_params=lambda X, K, random_state, sample_weight: np.zeros(len(X), int))

# A search

search = GaussianMixtureSearch(range(1, 4), ["full", "VEV"], "icl")
assert_type(search.fit(X), GaussianMixtureSearch)
assert_type(search.best_estimator_, GaussianMixtureEM)
assert_type(search.best_n_components_, int)
assert_type(search.best_covariance_type_, str)
assert_type(search.best_score_, float)
assert_type(search.results_, dict[str, Array])
assert_type(search.predict(X), Array)
assert_type(search.score(X, sample_weight=y), float)
assert_type(search.marginal(0), GaussianMixtureEM)
assert_type(search.mahalanobis(X), Array)
assert_type(search.summary(), SearchReport)
print(search.summary())
search.summary().to_frame()

# Functions

method: Literal["information"] = "information"
uncertainty = parameter_uncertainty(mixture, X, method=method)
assert_type(uncertainty, ParameterUncertainty)
assert_type(uncertainty.means.standard_error, Array)
assert_type(bootstrap_lrt(X), BootstrapLRT)

# Classification and regression

classifier = GaussianMixtureClassifier(search, ties="within").fit(X, y)
assert_type(classifier, GaussianMixtureClassifier)
assert_type(classifier.classes_, Array)
assert_type(classifier.mixtures_, list[GaussianMixtureEM])
assert_type(classifier.predict(X), Array)
regressor = GaussianMixtureRegressor(mixture).fit(X, y)
assert_type(regressor, GaussianMixtureRegressor)
assert_type(regressor.mixture_, GaussianMixtureEM)
