"""Numbers from R's mclust 6.0.0: me() from hard partitions, no regularisation, tolerance 1e-13."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

from skgmm import GaussianMixtureEM

CODES = {"full": "VVV", "tied": "EEE", "diag": "VVI", "spherical": "VII"}


@pytest.fixture(params=["iris", "faithful"])
def data(request, faithful):
    """Name, rows, and the hard partition that the reference started from."""
    if request.param == "iris":
        X, labels = load_iris(return_X_y=True)
        return "iris", X, labels
    return "faithful", faithful, (faithful[:, 0] >= 3).astype(int)


def fit(X, labels, covariance_type, sample_weight=None):
    mixture = GaussianMixtureEM(
        labels.max() + 1,
        covariance_type=covariance_type,
        responsibilities_init=np.eye(labels.max() + 1)[labels],
        reg_covar=0,
        tol=1e-13,
        max_iter=5000,
    )
    return mixture.fit(X, sample_weight=sample_weight)


@pytest.mark.parametrize("covariance_type", CODES)
def test_log_likelihood_weights_and_parameter_count(data, covariance_type, mclust):
    name, X, labels = data
    expected = mclust["data"][name]["models"][CODES[covariance_type]]
    mixture = fit(X, labels, covariance_type)
    assert len(X) * mixture.score(X) == pytest.approx(expected["log_likelihood"], abs=1e-6)
    np.testing.assert_allclose(mixture.weights_, expected["weights"], atol=1e-6)
    assert mixture.n_parameters_ == expected["n_parameters"]
    bic = -2 * expected["log_likelihood"] + expected["n_parameters"] * np.log(len(X))
    assert mixture.bic(X) == pytest.approx(bic, abs=1e-5)


def test_faithful_full_means_and_covariances(faithful, mclust):
    expected = mclust["data"]["faithful"]
    mixture = fit(faithful, (faithful[:, 0] >= 3).astype(int), "full")
    np.testing.assert_allclose(mixture.means_, expected["VVV_means"], rtol=1e-6)
    np.testing.assert_allclose(mixture.covariances_, expected["VVV_covariances"], rtol=1e-6)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag"])
def test_faithful_weighted(faithful, covariance_type, mclust):
    expected = mclust["data"]["faithful_weighted"][CODES[covariance_type]]
    weights = 1.0 + np.arange(1, len(faithful) + 1) % 3
    mixture = fit(faithful, (faithful[:, 0] >= 3).astype(int), covariance_type, weights)
    total = mixture.score(faithful, sample_weight=weights) * weights.sum() / weights.max()
    assert total == pytest.approx(expected["log_likelihood"], abs=1e-6)
    if "weights" in expected:
        np.testing.assert_allclose(mixture.weights_, expected["weights"], atol=1e-6)
        np.testing.assert_allclose(mixture.means_, expected["means"], rtol=1e-6)


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_one_dimension(faithful, covariance_type, mclust):
    expected = mclust["data"]["waiting_1d"]["V_2"]
    labels = (faithful[:, 0] >= 3).astype(int)
    mixture = fit(faithful[:, 1:], labels, covariance_type)
    total = mixture.score(faithful[:, 1:]) * len(faithful)
    assert total == pytest.approx(expected["log_likelihood"], abs=1e-6)
    np.testing.assert_allclose(mixture.weights_, expected["weights"], atol=1e-5)
    np.testing.assert_allclose(mixture.means_.ravel(), expected["means"], rtol=1e-6)
    deviations = np.sqrt(mixture.covariances_.ravel())
    np.testing.assert_allclose(deviations, expected["standard_deviations"], rtol=1e-5)
