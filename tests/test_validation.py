"""Bad input: a clear error that names the parameter, what was given and what is allowed."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from skgmm import GaussianMixtureEM

X = np.random.default_rng(0).normal(size=(30, 2))
EYES = [np.eye(2)] * 2


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 0}, r"'n_components' parameter .* range \[1, inf\). Got 0"),
        ({"n_components": 2.5}, r"'n_components' parameter .* Got 2.5"),
        ({"covariance_type": "round"}, r"covariance_type .*'spherical' or 'VII'.* got 'round'"),
        ({"tol": -1}, r"'tol' parameter .* Got -1"),
        ({"reg_covar": -1e-6}, r"'reg_covar' parameter .* Got -1e-06"),
        ({"reg_covar": "big"}, r"'reg_covar' parameter .*'auto'.* Got 'big'"),
        ({"max_iter": -1}, r"'max_iter' parameter .* Got -1"),
        ({"n_init": 0}, r"'n_init' parameter .* Got 0"),
        ({"init_params": "best"}, r"'init_params' parameter .*'kmeans'.* Got 'best'"),
        ({"random_state": "x"}, r"'random_state' parameter"),
        ({"n_jobs": 1.5}, r"'n_jobs' parameter"),
        ({"n_jobs": 0}, r"'n_jobs' parameter .* Got 0"),
        ({"verbose_interval": 0}, r"'verbose_interval' parameter"),
        ({"weights_init": [0.5, 0.5, 0.0]}, r"'weights' should have the shape of \(2,\)"),
        ({"weights_init": [1.5, -0.5]}, r"max value 1.50000, min value -0.50000"),
        ({"weights_init": [0.3, 0.3]}, r"normalized, but got sum\(weights\) = 0.60000"),
        ({"weights_init": [np.nan, 1.0]}, "contains NaN"),
        ({"means_init": [[0.0, 1.0]]}, r"'means' should have the shape of \(2, 2\)"),
        ({"means_init": [[0.0, np.inf], [0.0, 1.0]]}, "contains infinity"),
        ({"precisions_init": np.eye(2)}, r"'full precision' should have the shape of \(2, 2, 2\)"),
        ({"precisions_init": [np.eye(2), -np.eye(2)]}, "symmetric, positive-definite"),
        ({"precisions_init": [np.eye(2), np.ones((2, 2))]}, "symmetric, positive-definite"),
        (
            {"precisions_init": [np.eye(2), [[1e-9, 5e-10], [-5e-10, 1e-9]]]},
            "symmetric, positive-definite",
        ),
        (
            {"precisions_init": [np.eye(2), [[1.0, 0.5], [0.0, 1.0]]]},
            "'full precision' should be symmetric, positive-definite",
        ),
        (
            {"covariance_type": "diag", "precisions_init": [[1.0, 0.0], [1.0, 1.0]]},
            "'diag precision' should be positive",
        ),
        ({"responsibilities_init": np.ones((30, 3)) / 3}, r"= \(30, 2\), but got \(30, 3\)"),
        ({"responsibilities_init": np.ones((30, 2))}, "row 0 sums to 2"),
        ({"responsibilities_init": np.tile([2.0, -1.0], (30, 1))}, "smallest is -1"),
        (
            {"responsibilities_init": np.tile([1.0, 0.0], (30, 1))},
            r"components without samples: \[1\]",
        ),
        ({"init_params": lambda *_: np.zeros(30)}, "integer labels of shape .* but got float64"),
        ({"init_params": lambda *_: np.full(30, 2)}, "labels from 0 to n_components - 1 = 1"),
        ({"init_params": lambda *_: np.zeros(29, dtype=int)}, r"but got int64 of shape \(29,\)"),
        ({"init_params": lambda *_: np.ones((30, 2))}, "callable init_params should sum to 1"),
    ],
)
def test_parameters(parameters, message):
    mixture = GaussianMixtureEM(2).set_params(**parameters)
    with pytest.raises(ValueError, match=message):
        mixture.fit(X)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.where(X > 2, np.nan, X) + 0 * np.nan, "NaN"),
        (np.where(np.arange(60).reshape(30, 2) == 7, np.inf, X), "infinity"),
        (np.empty((0, 2)), "0 sample"),
        (np.empty((30, 0)), "0 feature"),
        (X[:1], "minimum of 2 is required"),
        (X[0], "Expected 2D array, got 1D array"),
        (X[None], "Found array with dim 3"),
        (X + 1j, "Complex data not supported"),
        (np.array([["a", "b"]] * 30, dtype=object), "could not convert string to float"),
    ],
)
def test_rows(rows, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureEM(2).fit(rows)


def test_sparse_data_raise_an_error():
    with pytest.raises(TypeError, match="dense data is required"):
        GaussianMixtureEM(2).fit(sparse.csr_array(X))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.full(30, -1.0), "[Nn]egative values in data passed to `sample_weight`"),
        (np.zeros(30), r"[Ss]ample weights.*zero|weights are zero"),
        (np.ones(29), "sample_weight.shape"),
        (np.full(30, np.nan), "sample_weight contains NaN"),
        (np.full(30, 1e308), r"weights sum to inf; allowed is 1e-150 to 1e\+150"),
        (np.full(30, 1e-200), r"weights sum to 3e-199; allowed"),
        (np.eye(30)[0] * 0.5, "0.5 sample|1 sample"),
        (np.eye(30)[0], "1 sample"),
    ],
)
def test_sample_weight(weights, message):
    for method in ("fit", "fit_predict"):
        with pytest.raises(ValueError, match=message):
            getattr(GaussianMixtureEM(2), method)(X, sample_weight=weights)


def test_fewer_samples_of_positive_weight_than_components():
    weights = np.zeros(30)
    weights[:2] = 1
    with pytest.raises(ValueError, match="n_components = 3, n_samples = 2"):
        GaussianMixtureEM(3).fit(X, sample_weight=weights)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.5, 0.6], X[:2], EYES), "normalized"),
        (([0.5, 0.5, 0.0], X[:2], EYES), r"'weights' should have the shape of \(2,\)"),
        (
            ([0.5, 0.5], X[0], EYES),
            r"'means' should have the shape of \(n_components, n_features\)",
        ),
        (([0.5, 0.5], X[:2], np.eye(2)), "'full covariance' should have the shape"),
        (
            ([0.5, 0.5], X[:2], [np.eye(2), -np.eye(2)]),
            "'full covariance' should be symmetric, pos",
        ),
        (([0.5, 0.5], X[:2], [1, -1], "spherical"), "'spherical covariance' should be positive"),
        (([0.5, 0.5], X[:2], EYES, "round"), "covariance_type should be one of .* but got 'round'"),
    ],
)
def test_from_parameters(arguments, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureEM.from_parameters(*arguments)


def test_inference_before_fit_and_with_other_features():
    mixture = GaussianMixtureEM(2, random_state=0)
    for method in ("predict", "predict_proba", "score_samples", "score", "bic", "icl"):
        with pytest.raises(NotFittedError):
            getattr(mixture, method)(X)
    for method in (mixture.sample, mixture.summary):
        with pytest.raises(NotFittedError):
            method()
    mixture.fit(X)
    with pytest.raises(ValueError, match="X has 3 features, but GaussianMixtureEM is expecting 2"):
        mixture.predict(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"responsibilities should have the shape .* \(30, 2\)"):
        mixture.expected_complete_log_likelihood(X, np.ones((30, 1)))


@pytest.mark.parametrize("n_samples", [0, -3, 2.5, "ten"])
def test_sample_size(n_samples):
    with pytest.raises(ValueError, match="Invalid value for 'n_samples'"):
        GaussianMixtureEM(random_state=0).fit(X).sample(n_samples)


def test_a_failed_fit_leaves_the_estimator_as_it_was():
    mixture = GaussianMixtureEM(2, random_state=0).fit(X)
    before = mixture.predict_proba(X)
    for bad in (np.ones((5, 3)) * np.nan, np.full((9, 3), 1e200)):
        with pytest.raises(ValueError, match=r"NaN|values as large"):
            mixture.fit(bad)
        assert mixture.n_features_in_ == 2
        np.testing.assert_array_equal(mixture.predict_proba(X), before)
