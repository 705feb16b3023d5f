"""Weights over hundreds of decades and `reg_covar=0`: what is returned is a mixture of float64
numbers, its log-likelihood is what is reported, and the status tells of the collapse.
"""

import numpy as np
import pytest

from skgmm import GaussianMixtureEM
from skgmm._em.coordinates import Coordinates
from skgmm._moments import Moments, Scatter
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters, maximise
from skgmm._rows.base import InMemoryRows
from skgmm._rows.sample import StartSample
from skgmm._starts.leave_one_out import EStep
from skgmm._starts.views import scaled_rows
from skgmm.covariance import STRUCTURES
from skgmm.covariance._base import covariance_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def extreme_samples(seed):
    """Eight samples, some repeated, in any unit, with up to three weights."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((8, 1))
    X[:4] += 10.0 ** rng.integers(0, 4)
    X = X * 10.0 ** rng.choice([0, -50, -100, 50])
    X = X[rng.integers(0, 8, 8)]
    lowest = rng.uniform(-320, 0)
    return X, 10.0 ** rng.choice([lowest, rng.uniform(lowest, 300), 0], 8)


@pytest.mark.parametrize("seed", [27, 97, 124])  # each was wrong for some of the structures
@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_a_collapse_ends_at_numbers_and_says_so(name, seed):
    X, weights = extreme_samples(seed)
    mixture = GaussianMixtureEM(
        4,
        covariance_type=name,
        reg_covar=0,
        init_params="random",
        acceleration="lbfgs",
        random_state=0,
    ).fit(X, sample_weight=weights)
    for attribute in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        assert np.isfinite(getattr(mixture, attribute)).all(), attribute
    assert (mixture.covariances_ > 0).all()
    assert (mixture.precisions_ > 0).all()
    score = mixture.score(X, sample_weight=weights)
    assert score == pytest.approx(mixture.lower_bound_, rel=1e-6)
    assert "empty" in mixture.status_ or "collapsed" in mixture.status_


def standard_mixture(name, log_weights):
    """Standard normal components, and Moments that could be theirs."""
    structure, K = STRUCTURES[name], len(log_weights)
    scatter = structure.scatter.from_dense(np.tile(np.eye(1), (K, 1, 1)))
    moments = Moments(structure.scatter, np.ones(K), np.zeros((K, 1)), scatter, 0.0, float(K))
    covariance = structure.estimate(moments)
    return MixtureParameters(np.array(log_weights), np.zeros((K, 1)), covariance), moments


@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_quasi_newton_steps_stay_within_numbers(name):
    mixture, moments = standard_mixture(name, [0.0, -700.0])
    coordinates = Coordinates(mixture, moments, STRUCTURES[name].ties)
    vector = np.zeros(coordinates.size)
    assert coordinates.at(vector).parameters.weights[1] > 0
    vector[1] = -100.0  # the first are those of the weights
    with pytest.raises(FloatingPointError):
        coordinates.at(vector)


@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_a_weight_below_the_smallest_number_is_none(name):
    _, moments = standard_mixture(name, [0.0, 0.0])
    mass = np.array([2.0, 1e-310])
    scatter = moments.scatter
    if moments.form is not Scatter.POOLED:
        scatter = mass.reshape(2, *[1] * (scatter.ndim - 1)) * scatter
    moments = Moments(moments.form, mass, moments.mean, scatter, 0.0, 2.0)
    assert maximise(moments, STRUCTURES[name]).weights.tolist() == [1.0, 0.0]


def test_leave_one_out_responsibilities_of_narrow_components_sum_to_one():
    """All of them underflowed where components are far narrower than what `reg_covar` adds."""
    X = np.random.default_rng(0).standard_normal((10, 2))
    objective = Objective(InMemoryRows(X), STRUCTURES["full"], np.full(2, 1e-2))
    narrow = covariance_of(np.tile(1e3 * np.eye(2), (2, 1, 1)))
    now = EStep(objective, MixtureParameters.from_weights(np.full(2, 0.5), X[:2], narrow))
    np.testing.assert_allclose(now.responsibilities.sum(axis=1), 1.0)


def test_weights_of_which_most_vanish_warn_of_no_arithmetic():
    """Leave-one-out responsibilities became 0 / 0."""
    rng = np.random.default_rng(5)
    X, weights = rng.standard_normal((7, 2)), rng.choice([1e-300, 1e-10, 1, 3, 1e10], 7)
    weights[0] = 1.0
    mixture = GaussianMixtureEM(3, covariance_type="VEE", random_state=0)
    assert np.isfinite(mixture.fit(X, sample_weight=weights).lower_bound_)


def test_starts_ignore_deviations_that_only_vanishing_weights_make():
    """Values scaled by these were so large that their squares were beyond float64."""
    X = np.random.default_rng(0).standard_normal((8, 2))
    X[:5] = X[0]
    weights = np.r_[np.ones(5), np.full(3, 1e-310)]
    assert np.abs(scaled_rows(StartSample(X, weights, True))).max(initial=0.0) < 1e70
