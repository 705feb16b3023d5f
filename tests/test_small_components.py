"""Components of few samples: outliers, or clusters far from all others."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from skgmm import GaussianMixtureEM
from skgmm._em.small import small_components
from skgmm._parameters import MixtureParameters
from skgmm.covariance import find_structure


def of_two(distance, weight, name="tied", width=1.0, d=20):
    """The second of two components of 200 samples, along the first feature."""
    means = np.zeros((2, d))
    means[1, 0] = distance
    precisions = np.eye(d) if name == "tied" else np.array([np.eye(d), np.eye(d) / width**2])
    covariance = find_structure(name).from_precisions(precisions, d)
    return MixtureParameters(np.log([1.0 - weight, weight]), means, covariance)


@pytest.mark.parametrize("name", ["tied", "full"])
@pytest.mark.parametrize(
    ("distance", "n_of_component", "small"),
    [(9.0, 12, False), (7.0, 12, True), (9.0, 5, True), (0.5, 30, False)],
)
def test_a_few_samples_far_from_all_others_are_a_cluster(name, distance, n_of_component, small):
    parameters = of_two(distance, n_of_component / 200, name)
    assert small_components(parameters, 200.0) == ([1] if small else [])


def test_a_narrow_component_of_few_samples_is_small():
    assert small_components(of_two(9.0, 0.06, "full", width=0.3), 200.0) == [1]
    assert small_components(of_two(9.0, 0.06, "full", width=0.8), 200.0) == []


def test_distances_along_coarse_features_do_not_count():
    coarse = np.arange(20) == 0
    assert small_components(of_two(99.0, 0.06), 200.0, coarse) == [1]
    assert small_components(of_two(99.0, 0.06), 200.0, ~coarse) == []
    assert small_components(of_two(99.0, 0.06), 200.0, np.ones(20, dtype=bool)) == [1]


@pytest.mark.parametrize("name", ["tied", "EEV", "EVE", "VEE"])
@pytest.mark.parametrize("seed", range(3))
def test_a_far_minority_of_fewer_samples_than_features_is_found(name, seed):
    """Twelve of 300 samples, 20 features."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1, 2], [180, 108, 12])
    X = 2.0 * rng.normal(size=(3, 20))[y] + rng.normal(size=(300, 20))
    mixture = GaussianMixtureEM(3, covariance_type=name, random_state=seed).fit(X)
    assert adjusted_rand_score(y, mixture.predict(X)) > 0.97
