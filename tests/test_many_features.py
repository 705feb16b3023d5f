"""Axis-aligned structures never make a matrix of all features."""

import tracemalloc

import numpy as np
import pytest

from skgmm import GaussianMixtureEM
from skgmm._moments import Scatter
from skgmm.covariance import STRUCTURES

N_FEATURES = 3_000  # whose matrix takes 72 MB; data and parameters take 3 MB
diagonal = [n for n, s in STRUCTURES.items() if s.scatter is Scatter.DIAGONAL]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, N_FEATURES)) + 3.0 * (np.arange(60) % 3)[:, None]


@pytest.fixture
def few_megabytes():
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * N_FEATURES**2 / 2


@pytest.mark.slow
@pytest.mark.parametrize("name", diagonal)
def test_memory_is_linear_in_features(name, data, few_megabytes):
    mixture = GaussianMixtureEM(3, covariance_type=name, random_state=0, max_iter=20).fit(data)
    assert sorted(np.bincount(mixture.predict(data))) == [20, 20, 20]
    mixture.predict_proba(data)
    mixture.bic(data)
    mixture.sample(5, random_state=0)
    assert str(mixture.summary())
    given = GaussianMixtureEM.from_parameters(
        mixture.weights_, mixture.means_, mixture.covariances_, covariance_type=name
    )
    assert given.score(data) == pytest.approx(mixture.score(data), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", diagonal)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_memory_of_collapsed_and_empty_components_is_linear_too(name, data, few_megabytes):
    """Components of one sample, which are repaired, and one far from all samples."""
    X = data[:8].copy()
    X[4:] = X[0]
    mixture = GaussianMixtureEM(5, covariance_type=name, random_state=0, max_iter=20).fit(X)
    assert "collapsed" in mixture.status_
    start = {"means_init": np.concatenate([X[:2], X[:1] + 1e4]), "weights_init": np.full(3, 1 / 3)}
    for escape in (True, False):
        emptied = GaussianMixtureEM(3, covariance_type=name, escape=escape, **start).fit(X)
    assert "[2] empty" in emptied.status_
