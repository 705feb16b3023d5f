"""Samples of weight 0 change nothing: neither the optimum that is found nor how it is described."""

import numpy as np
import pytest

from skgmm import (
    GaussianMixtureClassifier,
    GaussianMixtureEM,
    GaussianMixtureRegressor,
    GaussianMixtureSearch,
    RowBlocks,
)
from skgmm.covariance import STRUCTURES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Diluted:
    """Samples with positive weights, and the same among others of weight 0."""

    def __init__(self, seed, n_samples=60, n_features=2, times=6, far=1.0):
        self.rng = rng = np.random.default_rng(seed)
        X = rng.normal(size=(n_samples, n_features))
        X[: n_samples // 2] += 3.0 * rng.normal(size=n_features)
        X[: n_samples // 4] *= rng.exponential(size=n_features)
        self.X, self.weights = X, rng.choice([0.5, 1.0, 2.0], size=n_samples)
        n_all = (1 + times) * n_samples
        self.kept = np.sort(rng.choice(n_all, size=n_samples, replace=False))
        self.more_X = self.among(X, far * rng.normal(size=(n_all, n_features)))
        self.more_weights = self.among(self.weights, np.zeros(n_all))

    def among(self, values, others):
        """Values of the samples, in the place of some of all."""
        found = others.copy()
        found[self.kept] = values
        return found

    def fits(self, mixture, **given):
        """Fitted to the samples, and to all; `given` has pairs of values."""
        few = {name: value for name, (value, _) in given.items()}
        more = {name: self.among(*values) for name, values in given.items()}
        return (
            mixture().fit(self.X, sample_weight=self.weights, **few),
            mixture().fit(self.more_X, sample_weight=self.more_weights, **more),
        )


def assert_same_fit(a, b, rtol=1e-7):
    np.testing.assert_allclose(a.means_, b.means_, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(a.weights_, b.weights_, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(a.lower_bound_, b.lower_bound_, rtol=rtol, atol=rtol)
    assert (a.status_, a.n_iter_) == (b.status_, b.n_iter_)


@pytest.mark.parametrize("name", sorted(STRUCTURES))
@pytest.mark.parametrize("seed", [0, 2, 3])
def test_the_optimum_is_the_same_for_every_structure(name, seed):
    data = Diluted(
        seed, n_samples=30 + 20 * seed, n_features=1 + seed % 4, far=[1.0, 1e6][seed % 2]
    )
    assert_same_fit(
        *data.fits(lambda: GaussianMixtureEM(4, covariance_type=name, random_state=seed))
    )


OPTIONS = {
    "prior": {"prior": "mclust"},
    "noise": {"noise": "auto"},
    "kmeans": {"init_params": "kmeans", "n_init": 2},
    "random": {"init_params": "random_from_data"},
    "equal weights": {"fixed": "weights"},
    "no acceleration": {"acceleration": None},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
@pytest.mark.parametrize("seed", range(2))
def test_the_optimum_is_the_same_with_every_option(options, seed):
    data = Diluted(seed, n_features=3)
    for name in ("full", "tied", "VEI"):
        options = {"covariance_type": name, "random_state": 0, **options}
        assert_same_fit(*data.fits(lambda options=options: GaussianMixtureEM(3, **options)))


@pytest.mark.parametrize("seed", range(2))
def test_labels_and_errors_of_samples_without_weight_do_not_matter(seed):
    data = Diluted(seed)
    n, n_all = len(data.X), len(data.more_X)
    known = np.where(data.rng.random(n) < 0.2, data.rng.integers(0, 3, size=n), -1)
    errors = 0.1 * data.rng.exponential(size=data.X.shape)
    pairs = [
        {"labels": (known, data.rng.integers(-1, 3, size=n_all))},
        {"labels": (data.rng.integers(0, 3, size=n), np.full(n_all, -1))},
        {"labels": (np.full(n, -1), data.rng.integers(0, 3, size=n_all))},
        {"error_covariance": (errors, np.ones((n_all, 2)))},
        {"error_covariance": (np.zeros((n, 2)), np.ones((n_all, 2)))},
    ]
    for pair in pairs:
        assert_same_fit(*data.fits(lambda: GaussianMixtureEM(3, random_state=0), **pair))


@pytest.mark.parametrize("some_missing", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_missing_values_of_samples_without_weight_do_not_matter(some_missing, seed):
    data = Diluted(seed, n_features=3)
    data.more_X[data.rng.random(data.more_X.shape) < 0.2] = np.nan
    if some_missing:
        data.X[data.rng.random(data.X.shape) < 0.1] = np.nan
    data.more_X[data.kept] = data.X
    assert_same_fit(*data.fits(lambda: GaussianMixtureEM(3, random_state=0)))


def test_given_responsibilities_go_by_the_numbers_of_all_samples():
    data = Diluted(1)
    own = data.rng.dirichlet(np.ones(3), size=len(data.X))
    few = GaussianMixtureEM(3, responsibilities_init=own)
    among = data.among(own, data.rng.dirichlet(np.ones(3), size=len(data.more_X)))
    more = GaussianMixtureEM(3, responsibilities_init=among)
    few.fit(data.X, sample_weight=data.weights)
    more.fit(data.more_X, sample_weight=data.more_weights)
    np.testing.assert_allclose(few.means_, more.means_, rtol=1e-5)


@pytest.mark.parametrize("seed", range(2))
def test_blocks_with_samples_without_weight(seed):
    data = Diluted(seed)

    def fitted(X, weights):
        parts = [(X[i : i + 50], weights[i : i + 50]) for i in range(0, len(X), 50)]
        blocks = RowBlocks.from_iterable(lambda: iter(parts))
        return GaussianMixtureEM(4, random_state=0).fit(blocks)

    assert_same_fit(fitted(data.X, data.weights), fitted(data.more_X, data.more_weights))


@pytest.mark.parametrize("seed", range(2))
def test_the_search_and_the_estimators_that_stand_on_mixtures(seed):
    data = Diluted(seed, n_samples=100)
    n_all = len(data.more_X)
    few, more = data.fits(lambda: GaussianMixtureSearch([1, 2, 3], random_state=0))
    np.testing.assert_allclose(few.results_["bic"], more.results_["bic"], rtol=1e-6)
    y = (data.X[:, 0] > np.median(data.X[:, 0])).astype(int)
    pair = (y, data.rng.integers(0, 2, size=n_all))
    mixture = GaussianMixtureEM(2, random_state=0)
    few, more = data.fits(lambda: GaussianMixtureClassifier(mixture), y=pair)
    np.testing.assert_allclose(few.predict_proba(data.X), more.predict_proba(data.X), atol=1e-7)
    pair = (data.X.sum(axis=1) + y, data.rng.normal(size=n_all))
    few, more = data.fits(lambda: GaussianMixtureRegressor(mixture), y=pair)
    np.testing.assert_allclose(few.predict(data.X), more.predict(data.X), rtol=1e-7)


def test_an_error_names_a_sample_by_its_number_in_x():
    X = np.r_[np.zeros((3, 1)), [[0.0], [1.0], [1e120]]]
    mixture = GaussianMixtureEM(
        1, means_init=[[0.0]], precisions_init=[[[1e100]]], weights_init=[1.0], reg_covar=0.0
    )
    with pytest.raises(ValueError, match="Row 5 of X is so many standard deviations"):
        mixture.fit(X, sample_weight=[0, 0, 0, 1, 1, 1])
