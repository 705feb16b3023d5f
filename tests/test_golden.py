"""Numbers from R's mclust 6.0.0: me() from hard partitions, no regularisation, tolerance 1e-13."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA

from skgmm import GaussianMixtureEM
from skgmm.covariance import STRUCTURES

CODES = {structure.name: structure.code for structure in STRUCTURES.values()}


@pytest.fixture(params=["iris", "faithful"])
def data(request, faithful):
    """Name, rows, and the hard partition that the reference started from."""
    if request.param == "iris":
        X, labels = load_iris(return_X_y=True)
        return "iris", X, labels
    return "faithful", faithful, (faithful[:, 0] >= 3).astype(int)


def fit(X, labels, covariance_type, sample_weight=None, tol=1e-13):
    mixture = GaussianMixtureEM(
        labels.max() + 1,
        covariance_type=covariance_type,
        responsibilities_init=np.eye(labels.max() + 1)[labels],
        reg_covar=0,
        tol=tol,
        max_iter=5000,
    )
    return mixture.fit(X, sample_weight=sample_weight)


@pytest.mark.parametrize("covariance_type", CODES)
def test_log_likelihood_weights_and_parameter_count(data, covariance_type, mclust):
    name, X, labels = data
    expected = mclust["data"][name]["models"][CODES[covariance_type]]
    mixture = fit(X, labels, covariance_type)
    log_likelihood = len(X) * mixture.score(X)
    if covariance_type == "VVE":  # mclust stops short of the best axes
        assert log_likelihood > expected["log_likelihood"] + 0.05
    else:
        assert log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-6)
        np.testing.assert_allclose(mixture.weights_, expected["weights"], atol=1e-6)
    assert mixture.n_parameters_ == expected["n_parameters"]
    bic = -2 * log_likelihood + expected["n_parameters"] * np.log(len(X))
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


def standard(load, columns=None):
    X, labels = load(return_X_y=True)
    X = X if columns is None else X[:, columns]
    return (X - X.mean(axis=0)) / X.std(axis=0), labels


def principal(load):
    X, labels = load(return_X_y=True)
    return PCA(8, random_state=0).fit_transform(X), labels


OTHER_DATA = {
    "iris": lambda: load_iris(return_X_y=True),
    "wine": lambda: standard(load_wine),
    "breast cancer": lambda: standard(load_breast_cancer, [0, 1, 4, 5, 8, 9]),
    "digits": lambda: principal(load_digits),
}


@pytest.mark.parametrize("name", OTHER_DATA)
def test_every_structure_increases_and_none_beats_one_that_contains_it(name):
    """From the same start, as whole fits; contained means letter by letter, I in E in V."""
    X, labels = OTHER_DATA[name]()
    reached = {}
    for covariance_type, code in CODES.items():
        mixture = fit(X, labels, covariance_type, tol=1e-10)
        assert np.diff(mixture.lower_bounds_).min(initial=0) >= 0
        assert mixture.converged_
        reached[code] = len(X) * mixture.score(X)
    order = "IEV"
    for simple in reached:
        for rich in reached:
            if all(order.index(a) <= order.index(b) for a, b in zip(simple, rich, strict=True)):
                assert reached[simple] <= reached[rich] + 1e-6, (simple, rich)
